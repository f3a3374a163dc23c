"""Which participants withdrew, so that a back-up of before does not bring back what they took away."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_HAS_ANSWERS = (
    "EXISTS (SELECT 1 FROM submission s JOIN member m ON m.id = s.member_id WHERE m.annotator_id = a.id)"
)


def upgrade() -> None:
    op.create_table(
        "withdrawal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column(
            "account", sa.Integer(), nullable=False, comment="its number, which another may have by now"
        ),
        sa.Column("account_created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kept", sa.Boolean(), nullable=False, comment="what they gave; else it is deleted"),
        sa.Column("way_out", sa.String(), nullable=False, comment="by which they are paid"),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_withdrawal")),
    )
    # Of those before it is known by what is there: who finished and has no answers had them deleted.
    op.execute(
        "INSERT INTO withdrawal (account, account_created_at, kept, way_out, left_at, created_at) "
        f"SELECT a.id, a.created_at, {_HAS_ANSWERS}, p.way_out, p.left_at, p.left_at "
        "FROM participant p JOIN annotator a ON a.id = p.annotator_id WHERE p.way_out = 'withdrew' "
        f"OR (p.way_out IN ('completed', 'nothing_left') AND NOT {_HAS_ANSWERS}) ORDER BY p.id"
    )


def downgrade() -> None:
    op.drop_table("withdrawal")
