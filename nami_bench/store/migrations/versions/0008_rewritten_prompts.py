"""What a prompt is a rewrite of, and the further keys of its line."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "prompt",
        sa.Column(
            "rewritten_from", sa.String(), nullable=True, comment="the text that this one is a rewrite of"
        ),
    )
    op.add_column(
        "prompt", sa.Column("extra", sa.JSON(), nullable=True, comment="further keys of the prompt's line")
    )


def downgrade() -> None:
    op.drop_column("prompt", "extra")
    op.drop_column("prompt", "rewritten_from")
