"""Which accounts were erased, so that a back-up of before does not bring them back."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "erased_account",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column(
            "account", sa.Integer(), nullable=False, comment="its number, which another may have by now"
        ),
        sa.Column("account_created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ratings_kept", sa.Boolean(), nullable=False, comment="under a pseudonym"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erased_account")),
    )


def downgrade() -> None:
    op.drop_table("erased_account")
