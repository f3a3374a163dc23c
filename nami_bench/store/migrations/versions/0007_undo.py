"""Excluded annotators, renamed models, and what a removal still has to do outside of the database."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "annotator",
        sa.Column(
            "excluded_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="since when no judgement of theirs counts",
        ),
    )
    op.add_column(
        "model",
        sa.Column(
            "first_name",
            sa.String(),
            nullable=True,
            comment="under which it was recorded, where it was renamed",
        ),
    )
    op.create_table(
        "chore",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False, comment="file, folder or traces"),
        sa.Column("path", sa.String(), nullable=False, comment="relative to the workspace's image folder"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chore")),
        sa.UniqueConstraint("kind", "path", name=op.f("uq_chore_kind_path")),
    )


def downgrade() -> None:
    op.drop_table("chore")
    op.drop_column("model", "first_name")
    op.drop_column("annotator", "excluded_at")
