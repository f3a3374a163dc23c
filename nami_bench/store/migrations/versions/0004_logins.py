"""Passwords, sessions and counted log-in attempts."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "annotator",
        sa.Column(
            "password_hash", sa.String(), nullable=True, comment="Argon2id, with its parameters and salt"
        ),
    )
    op.create_table(
        "login_session",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column(
            "secret_sha256", sa.String(), nullable=False, comment="of the random 256 bits in the cookie"
        ),
        sa.Column("annotator_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["annotator_id"], ["annotator.id"], name=op.f("fk_login_session_annotator_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_session")),
        sa.UniqueConstraint("secret_sha256", name=op.f("uq_login_session_secret_sha256")),
    )
    op.create_index(op.f("ix_login_session_annotator_id"), "login_session", ["annotator_id"])
    op.create_table(
        "login_attempt",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column(
            "source",
            sa.String(),
            nullable=False,
            comment="the name that was tried (hashed), or the network address",
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_attempt")),
    )
    op.create_index("ix_login_attempt_source", "login_attempt", ["source", "at"])


def downgrade() -> None:
    op.drop_table("login_attempt")
    op.drop_table("login_session")
    op.drop_column("annotator", "password_hash")
