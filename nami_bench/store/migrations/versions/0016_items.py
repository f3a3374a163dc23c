"""Items that are asked about again, answers that are set aside, and what adjudicators decide."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_ASKED_AGAIN = sa.text("extra > 0")
_CURRENT = sa.text("current")


def upgrade() -> None:
    op.add_column(
        "item",
        sa.Column(
            "extra",
            sa.Integer(),
            nullable=False,
            server_default=sa.text("0"),
            comment="annotators asked for beyond the overlap",
        ),
    )
    op.create_index(
        "ix_item_extra",
        "item",
        ["study_id", "cell"],
        sqlite_where=_ASKED_AGAIN,
        postgresql_where=_ASKED_AGAIN,
    )
    for column in (
        sa.Column("aside_at", sa.DateTime(timezone=True), comment="when it was set aside"),
        sa.Column("aside_by", sa.String(), comment="the account's name, or who used the command line"),
        sa.Column("aside_reason", sa.String()),
    ):
        op.add_column("assignment", column)
    op.create_table(
        "adjudication",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("criterion_id", sa.Integer(), nullable=False),
        sa.Column("annotator_id", sa.Integer(), comment="who decided; missing: on the command line"),
        sa.Column(
            "revision", sa.Integer(), nullable=False, comment="counts decisions; the highest is in force"
        ),
        sa.Column(
            "current",
            sa.Boolean(),
            nullable=False,
            server_default=sa.true(),
            comment="in force: no correction came after it",
        ),
        sa.Column(
            "answer",
            sa.JSON(none_as_null=True),
            comment="a value, or an outcome with the item's first image on the left; none: no right answer",
        ),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("overruled", sa.Boolean(), nullable=False, comment="nobody had answered so"),
        sa.Column("saw_models", sa.Boolean(), nullable=False, comment="whether the models were shown"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["annotator_id"], ["annotator.id"], name=op.f("fk_adjudication_annotator_id")
        ),
        sa.ForeignKeyConstraint(
            ["criterion_id"], ["criterion.id"], name=op.f("fk_adjudication_criterion_id")
        ),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_adjudication_item_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_adjudication")),
        sa.UniqueConstraint(
            "item_id", "criterion_id", "revision", name=op.f("uq_adjudication_item_id_criterion_id_revision")
        ),
    )
    op.create_index(op.f("ix_adjudication_annotator_id"), "adjudication", ["annotator_id"])
    op.create_index(op.f("ix_adjudication_criterion_id"), "adjudication", ["criterion_id"])
    op.create_index(
        "uq_adjudication_current",
        "adjudication",
        ["item_id", "criterion_id"],
        unique=True,
        sqlite_where=_CURRENT,
        postgresql_where=_CURRENT,
    )


def downgrade() -> None:
    op.drop_table("adjudication")
    for name in ("aside_reason", "aside_by", "aside_at"):
        op.drop_column("assignment", name)
    op.drop_index("ix_item_extra", "item")
    op.drop_column("item", "extra")
