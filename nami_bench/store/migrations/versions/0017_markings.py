"""Regions of images that were marked, and words of their prompts."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_THING = ["annotator_id", "item_id", "image_id"]


def upgrade() -> None:
    op.create_table(
        "marking",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("annotator_id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("image_id", sa.Integer(), nullable=False),
        sa.Column(
            "revision", sa.Integer(), nullable=False, comment="counts corrections; the highest is in force"
        ),
        sa.Column(
            "current",
            sa.Boolean(),
            nullable=False,
            server_default=sa.true(),
            comment="in force: no correction came after it",
        ),
        sa.Column(
            "regions",
            sa.JSON(none_as_null=True),
            nullable=True,
            comment="kind, x, y, and w, h of boxes: shares of width and height; missing: not judged",
        ),
        sa.Column(
            "words",
            sa.JSON(none_as_null=True),
            nullable=True,
            comment="[start, end] of words of the prompt, code points; missing: not judged",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["annotator_id"], ["annotator.id"], name=op.f("fk_marking_annotator_id")),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name=op.f("fk_marking_image_id")),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_marking_item_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_marking")),
        sa.UniqueConstraint(
            *_THING, "revision", name=op.f("uq_marking_annotator_id_item_id_image_id_revision")
        ),
    )
    where = sa.text("current")
    op.create_index(
        "uq_marking_current", "marking", _THING, unique=True, sqlite_where=where, postgresql_where=where
    )
    op.create_index(op.f("ix_marking_item_id"), "marking", ["item_id"])
    op.create_index(op.f("ix_marking_image_id"), "marking", ["image_id"])


def downgrade() -> None:
    op.drop_table("marking")
