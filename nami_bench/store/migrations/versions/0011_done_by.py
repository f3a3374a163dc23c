"""Events say who did what they tell of."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "event",
        sa.Column(
            "done_by",
            sa.String(),
            nullable=True,
            comment="the account's name; missing: the program by itself, or a command",
        ),
    )


def downgrade() -> None:
    op.drop_column("event", "done_by")
