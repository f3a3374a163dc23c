"""Which revision of an answer is in force is marked, and one at most is."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_THINGS = {
    "rating": ["criterion_id", "annotator_id", "image_id"],
    "comparison": ["criterion_id", "annotator_id", "item_id"],
    "submission": ["assignment_id"],
}


def upgrade() -> None:
    for table, thing in _THINGS.items():
        op.add_column(
            table,
            sa.Column(
                "current",
                sa.Boolean(),
                nullable=False,
                server_default=sa.true(),
                comment="in force: no correction came after it",
            ),
        )
        same = " AND ".join(f"later.{name} = {table}.{name}" for name in thing)
        op.execute(
            f"UPDATE {table} SET current = false WHERE EXISTS (SELECT 1 FROM {table} AS later "
            f"WHERE {same} AND later.revision > {table}.revision)"
        )
        where = sa.text("current")
        op.create_index(
            f"uq_{table}_current", table, thing, unique=True, sqlite_where=where, postgresql_where=where
        )


def downgrade() -> None:
    for table in _THINGS:
        op.drop_index(f"uq_{table}_current", table)
        op.drop_column(table, "current")
