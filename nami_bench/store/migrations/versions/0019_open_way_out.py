"""How a participant's part would end who has no more to do: not everybody presses the last button."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "participant",
        sa.Column(
            "open_way_out",
            sa.String(),
            nullable=True,
            comment="how it would end if they left now; none: they have more to do",
        ),
    )


def downgrade() -> None:
    op.drop_column("participant", "open_way_out")
