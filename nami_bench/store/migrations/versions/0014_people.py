"""People of a study: who is assigned to it, announcements, messages."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "enrolment",
        sa.Column("study_id", sa.Integer(), sa.ForeignKey("study.id", name="fk_enrolment_study_id")),
        sa.Column(
            "annotator_id", sa.Integer(), sa.ForeignKey("annotator.id", name="fk_enrolment_annotator_id")
        ),
        sa.Column(
            "enrolled_by",
            sa.String(),
            nullable=False,
            comment="an administrator's name, or who used the command line",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("study_id", "annotator_id", name="pk_enrolment"),
    )
    op.create_index("ix_enrolment_annotator_id", "enrolment", ["annotator_id"])
    op.create_table(
        "announcement",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("shown_from", sa.DateTime(timezone=True), nullable=True, comment="none: at once"),
        sa.Column(
            "shown_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="none: until it is taken back",
        ),
        sa.Column(
            "author",
            sa.String(),
            nullable=False,
            comment="an administrator's name, or who used the command line",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name="fk_announcement_study_id"),
        sa.PrimaryKeyConstraint("id", name="pk_announcement"),
    )
    op.create_index("ix_announcement_study", "announcement", ["study_id", "id"])
    op.create_table(
        "dismissal",
        sa.Column("announcement_id", sa.Integer(), nullable=False),
        sa.Column("annotator_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["announcement_id"], ["announcement.id"], name="fk_dismissal_announcement_id"
        ),
        sa.ForeignKeyConstraint(["annotator_id"], ["annotator.id"], name="fk_dismissal_annotator_id"),
        sa.PrimaryKeyConstraint("announcement_id", "annotator_id", name="pk_dismissal"),
    )
    op.create_index("ix_dismissal_annotator_id", "dismissal", ["annotator_id"])
    op.create_table(
        "message",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column(
            "client_token",
            sa.String(),
            nullable=False,
            comment="the sender's: a repeated one is no new message",
        ),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("annotator_id", sa.Integer(), nullable=False),
        sa.Column("by_annotator", sa.Boolean(), nullable=False, comment="else by an organizer"),
        sa.Column(
            "author",
            sa.String(),
            nullable=True,
            comment="the organizer's name; none: the annotator wrote it",
        ),
        sa.Column("about_id", sa.Integer(), nullable=True, comment="the item whose comment it answers"),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True, comment="when the other side saw it"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name="fk_message_study_id"),
        sa.ForeignKeyConstraint(["annotator_id"], ["annotator.id"], name="fk_message_annotator_id"),
        sa.ForeignKeyConstraint(["about_id"], ["assignment.id"], name="fk_message_about_id"),
        sa.PrimaryKeyConstraint("id", name="pk_message"),
        sa.UniqueConstraint("client_token", name="uq_message_client_token"),
    )
    op.create_index("ix_message_thread", "message", ["study_id", "annotator_id", "id"])
    op.create_index("ix_message_annotator_id", "message", ["annotator_id"])
    op.create_index("ix_message_about_id", "message", ["about_id"])


def downgrade() -> None:
    for table in ("message", "dismissal", "announcement", "enrolment"):
        op.drop_table(table)
