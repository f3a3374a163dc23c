"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "annotator",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column(
            "token_sha256", sa.String(), nullable=True, comment="of a random 128-bit token; none: no log-in"
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_annotator")),
        sa.UniqueConstraint("name", name=op.f("uq_annotator_name")),
    )
    op.create_table(
        "model",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("adapter", sa.String(), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("parameters", sa.BigInteger(), nullable=True),
        sa.Column("licence", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model")),
        sa.UniqueConstraint("name", name=op.f("uq_model_name")),
    )
    op.create_table(
        "prompt_set",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False, comment="of the canonical JSON lines"),
        sa.Column("manifest", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prompt_set")),
        sa.UniqueConstraint("name", name=op.f("uq_prompt_set_name")),
    )
    op.create_table(
        "prompt",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("set_id", sa.Integer(), nullable=False),
        sa.Column("prompt_id", sa.String(), nullable=False, comment="index in the set, five digits"),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("stratum", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("geneval", sa.JSON(none_as_null=True), nullable=True, comment="GenEval's clauses, if any"),
        sa.ForeignKeyConstraint(["set_id"], ["prompt_set.id"], name=op.f("fk_prompt_set_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prompt")),
        sa.UniqueConstraint("set_id", "prompt_id", name=op.f("uq_prompt_set_id_prompt_id")),
    )
    op.create_table(
        "study",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("prompt_set_id", sa.Integer(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("overlap", sa.Integer(), nullable=False, comment="annotators for each image"),
        sa.Column("samples", sa.Integer(), nullable=False, comment="images for each prompt and model"),
        sa.Column("seed", sa.BigInteger(), nullable=True, comment="fixes every annotator's order"),
        sa.Column("instructions", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["prompt_set_id"], ["prompt_set.id"], name=op.f("fk_study_prompt_set_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_study")),
        sa.UniqueConstraint("name", name=op.f("uq_study_name")),
    )
    op.create_table(
        "criterion",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("weight", sa.Double(), nullable=False),
        sa.Column("minimum", sa.Double(), nullable=False),
        sa.Column("maximum", sa.Double(), nullable=False),
        sa.Column("anchors", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_criterion_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_criterion")),
        sa.UniqueConstraint("study_id", "name", name=op.f("uq_criterion_study_id_name")),
    )
    op.create_table(
        "image",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("prompt_row_id", sa.Integer(), nullable=False),
        sa.Column("sample", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False, comment="done, failed or refused"),
        sa.Column("seed", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("path", sa.String(), nullable=True, comment="relative to the workspace's image folder"),
        sa.Column("sha256", sa.String(), nullable=True, comment="of the file's bytes"),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.Column("provenance", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], name=op.f("fk_image_model_id")),
        sa.ForeignKeyConstraint(["prompt_row_id"], ["prompt.id"], name=op.f("fk_image_prompt_row_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_image")),
        sa.UniqueConstraint(
            "model_id", "prompt_row_id", "sample", name=op.f("uq_image_model_id_prompt_row_id_sample")
        ),
    )
    with op.batch_alter_table("image", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_image_prompt_row_id"), ["prompt_row_id"], unique=False)

    op.create_table(
        "study_model",
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], name=op.f("fk_study_model_model_id")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_study_model_study_id")),
        sa.PrimaryKeyConstraint("study_id", "model_id", name=op.f("pk_study_model")),
    )
    op.create_table(
        "assignment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(), nullable=False, comment="opaque handle for the browser"),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("annotator_id", sa.Integer(), nullable=False),
        sa.Column("image_id", sa.Integer(), nullable=False),
        sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["annotator_id"], ["annotator.id"], name=op.f("fk_assignment_annotator_id")),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name=op.f("fk_assignment_image_id")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_assignment_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignment")),
        sa.UniqueConstraint(
            "study_id", "annotator_id", "image_id", name=op.f("uq_assignment_study_id_annotator_id_image_id")
        ),
        sa.UniqueConstraint("token", name=op.f("uq_assignment_token")),
    )
    with op.batch_alter_table("assignment", schema=None) as batch_op:
        batch_op.create_index("ix_assignment_study_image", ["study_id", "image_id"], unique=False)

    op.create_table(
        "rating",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("criterion_id", sa.Integer(), nullable=False),
        sa.Column("annotator_id", sa.Integer(), nullable=False),
        sa.Column("image_id", sa.Integer(), nullable=False),
        sa.Column(
            "revision", sa.Integer(), nullable=False, comment="counts corrections; the highest is in force"
        ),
        sa.Column(
            "value", sa.Double(), nullable=True, comment="on the criterion's scale; missing: see reason"
        ),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["annotator_id"], ["annotator.id"], name=op.f("fk_rating_annotator_id")),
        sa.ForeignKeyConstraint(["criterion_id"], ["criterion.id"], name=op.f("fk_rating_criterion_id")),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name=op.f("fk_rating_image_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rating")),
        sa.UniqueConstraint(
            "criterion_id",
            "annotator_id",
            "image_id",
            "revision",
            name=op.f("uq_rating_criterion_id_annotator_id_image_id_revision"),
        ),
    )
    with op.batch_alter_table("rating", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_rating_image_id"), ["image_id"], unique=False)

    op.create_table(
        "score",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("image_id", sa.Integer(), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column(
            "instrument", sa.String(), nullable=False, comment="what measured: detector, weights' hash"
        ),
        sa.Column("value", sa.Double(), nullable=True, comment="missing where the metric failed"),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("image_sha256", sa.String(), nullable=True, comment="of the bytes that were scored"),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name=op.f("fk_score_image_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_score")),
        sa.UniqueConstraint(
            "image_id", "metric", "instrument", name=op.f("uq_score_image_id_metric_instrument")
        ),
    )


def downgrade() -> None:
    op.drop_table("score")
    with op.batch_alter_table("rating", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_rating_image_id"))

    op.drop_table("rating")
    with op.batch_alter_table("assignment", schema=None) as batch_op:
        batch_op.drop_index("ix_assignment_study_image")

    op.drop_table("assignment")
    op.drop_table("study_model")
    with op.batch_alter_table("image", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_image_prompt_row_id"))

    op.drop_table("image")
    op.drop_table("criterion")
    op.drop_table("study")
    op.drop_table("prompt")
    op.drop_table("prompt_set")
    op.drop_table("model")
    op.drop_table("annotator")
