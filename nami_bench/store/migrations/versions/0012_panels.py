"""Items that everybody judges, and items that ended early."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_CELL = ["study_id", "kind", "cell", "taken"]


def upgrade() -> None:
    op.add_column(
        "item",
        sa.Column(
            "calibration",
            sa.Boolean(),
            nullable=False,
            server_default=sa.false(),
            comment="judged by everybody, whatever the overlap",
        ),
    )
    op.add_column(
        "item",
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True, comment="ended by the rule"),
    )
    op.add_column("item", sa.Column("stopped_why", sa.String(), nullable=True))
    op.add_column(
        "item",
        sa.Column("stopped_after", sa.Integer(), nullable=True, comment="judgements that the rule saw"),
    )
    op.drop_index("ix_item_cell", "item")
    where = sa.text("stopped_at IS NULL")
    op.create_index("ix_item_cell", "item", _CELL, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    op.drop_index("ix_item_cell", "item")
    op.create_index("ix_item_cell", "item", _CELL)
    for name in ("stopped_after", "stopped_why", "stopped_at", "calibration"):
        op.drop_column("item", name)
