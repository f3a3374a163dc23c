"""Which accounts were erased, so that a back-up of before does not bring them back; accounts elsewhere."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
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
    op.create_table(
        "outside_account",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("annotator_id", sa.Integer(), nullable=False),
        sa.Column("issuer", sa.String(), nullable=False, comment="who vouches, an address"),
        sa.Column(
            "subject",
            sa.String(),
            nullable=False,
            comment="the account there; it stays when its name changes",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["annotator_id"], ["annotator.id"], name=op.f("fk_outside_account_annotator_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outside_account")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_outside_account_issuer_subject")),
    )
    op.create_index(op.f("ix_outside_account_annotator_id"), "outside_account", ["annotator_id"])


def downgrade() -> None:
    op.drop_table("outside_account")
    op.drop_table("erased_account")
