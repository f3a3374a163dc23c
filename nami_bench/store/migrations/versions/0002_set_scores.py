"""Scores of whole sets of images."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "set_score",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("prompt_set_id", sa.Integer(), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column(
            "instrument",
            sa.String(),
            nullable=False,
            comment="what measured: network, weights' hash, reference",
        ),
        sa.Column("value", sa.Double(), nullable=True, comment="missing where the metric failed"),
        sa.Column("images", sa.Integer(), nullable=False, comment="that entered the value"),
        sa.Column("lower_is_better", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column(
            "images_sha256", sa.String(), nullable=True, comment="of the hashes of the images to be scored"
        ),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], name=op.f("fk_set_score_model_id")),
        sa.ForeignKeyConstraint(
            ["prompt_set_id"], ["prompt_set.id"], name=op.f("fk_set_score_prompt_set_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_set_score")),
        sa.UniqueConstraint(
            "model_id",
            "prompt_set_id",
            "metric",
            "instrument",
            name=op.f("uq_set_score_model_id_prompt_set_id_metric_instrument"),
        ),
    )


def downgrade() -> None:
    op.drop_table("set_score")
