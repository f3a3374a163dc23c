"""Prompts that people propose."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "prompt_submission",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column(
            "submission_id",
            sa.String(),
            nullable=False,
            comment="random: it tells neither order nor number",
        ),
        sa.Column("text", sa.String(), nullable=False, comment="as it was proposed"),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("author_id", sa.Integer(), nullable=True, comment="none: somebody without an account"),
        sa.Column(
            "source",
            sa.String(),
            nullable=True,
            comment="keyed hash of a network address, where there is no author; gone with the decision",
        ),
        sa.Column("licence", sa.String(), nullable=False),
        sa.Column("licence_sha256", sa.String(), nullable=False, comment="of the text that was agreed to"),
        sa.Column("consented_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(), nullable=False, comment="pending, accepted or refused"),
        sa.Column("edited_text", sa.String(), nullable=True),
        sa.Column("edited_tags", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column(
            "decided_by",
            sa.String(),
            nullable=True,
            comment="an administrator's name, or who used the command line",
        ),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["author_id"], ["annotator.id"], name=op.f("fk_prompt_submission_author_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prompt_submission")),
        sa.UniqueConstraint("submission_id", name=op.f("uq_prompt_submission_submission_id")),
    )
    op.create_index(op.f("ix_prompt_submission_author_id"), "prompt_submission", ["author_id"])
    op.create_index(op.f("ix_prompt_submission_state"), "prompt_submission", ["state"])


def downgrade() -> None:
    op.drop_table("prompt_submission")
