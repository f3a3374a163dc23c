"""Items of three images and more, how these stand, and the orders that are given of them."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_THING = ["criterion_id", "annotator_id", "item_id"]
_SINGLE, _SINGLE_BEFORE = "other_image_id IS NULL AND images_key IS NULL", "other_image_id IS NULL"


def upgrade() -> None:
    op.add_column(
        "item",
        sa.Column(
            "images_key",
            sa.String(),
            nullable=True,
            comment="of three images and more: their numbers in the order of item_image, joined by '-'",
        ),
    )
    op.create_index("uq_item_images_key", "item", ["study_id", "images_key"], unique=True)
    _single_index(_SINGLE)
    op.add_column(
        "assignment",
        sa.Column(
            "arrangement",
            sa.String(),
            nullable=True,
            comment="of three images and more: item_image's position for each place, one digit each",
        ),
    )
    op.create_table(
        "item_image",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False, comment="in the item's own order, from 0"),
        sa.Column("image_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name=op.f("fk_item_image_image_id")),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_item_image_item_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_item_image")),
        sa.UniqueConstraint("item_id", "position", name=op.f("uq_item_image_item_id_position")),
    )
    op.create_index(op.f("ix_item_image_image_id"), "item_image", ["image_id"])
    _create_rankings()


def _create_rankings() -> None:
    op.create_table(
        "ranking",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("criterion_id", sa.Integer(), nullable=False),
        sa.Column("annotator_id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("arrangement", sa.String(), nullable=False, comment="as the images stood: see assignment"),
        sa.Column("position", sa.Integer(), nullable=True, comment="in this annotator's work, from 1"),
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
            "ranks",
            sa.String(),
            nullable=True,
            comment="of the images as they stood, one digit each, 1 the best; missing: see reason",
        ),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["annotator_id"], ["annotator.id"], name=op.f("fk_ranking_annotator_id")),
        sa.ForeignKeyConstraint(["criterion_id"], ["criterion.id"], name=op.f("fk_ranking_criterion_id")),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_ranking_item_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ranking")),
        sa.UniqueConstraint(
            *_THING, "revision", name=op.f("uq_ranking_criterion_id_annotator_id_item_id_revision")
        ),
    )
    where = sa.text("current")
    op.create_index(
        "uq_ranking_current", "ranking", _THING, unique=True, sqlite_where=where, postgresql_where=where
    )
    op.create_index(op.f("ix_ranking_item_id"), "ranking", ["item_id"])


def _single_index(where: str) -> None:
    condition = sa.text(where)
    op.drop_index("uq_item_single", "item")
    op.create_index(
        "uq_item_single",
        "item",
        ["study_id", "image_id"],
        unique=True,
        sqlite_where=condition,
        postgresql_where=condition,
    )


def downgrade() -> None:
    op.drop_table("ranking")
    op.drop_table("item_image")
    op.drop_column("assignment", "arrangement")
    op.drop_index("uq_item_images_key", "item")
    _single_index(_SINGLE_BEFORE)
    op.drop_column("item", "images_key")
