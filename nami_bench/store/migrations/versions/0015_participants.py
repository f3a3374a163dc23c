"""Those who come into a study by themselves, and links that invite them."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "invitation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("token_sha256", sa.String(), nullable=False, comment="of 128 random bits"),
        sa.Column("label", sa.String(), nullable=False, comment="for whom, in the words of who made it"),
        sa.Column("uses_allowed", sa.Integer(), nullable=False, comment="so many people; 0: any number"),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("expires_at", _TIME, nullable=True),
        sa.Column("revoked_at", _TIME, nullable=True),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_invitation_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitation")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_invitation_token_sha256")),
    )
    op.create_index(op.f("ix_invitation_study_id"), "invitation", ["study_id"])
    op.create_table(
        "participant",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("annotator_id", sa.Integer(), nullable=False),
        sa.Column("invitation_id", sa.Integer(), nullable=True),
        sa.Column(
            "once_sha256",
            sa.String(),
            nullable=True,
            comment="of the browser tab's random number: a request that comes twice is one person",
        ),
        sa.Column(
            "device",
            sa.String(),
            nullable=False,
            comment="desktop or phone; nothing else of the browser is kept",
        ),
        sa.Column(
            "agreed_sha256", sa.String(), nullable=False, comment="of the text that was agreed to last"
        ),
        sa.Column("answered_at", _TIME, nullable=True, comment="the questionnaire"),
        sa.Column("holds_until", _TIME, nullable=True, comment="the place is held"),
        sa.Column(
            "rejoined_at",
            _TIME,
            nullable=True,
            comment="by the platform's id, without proof: nothing of before is shown from then on",
        ),
        sa.Column("way_out", sa.String(), nullable=True, comment="how it ended; none: it did not yet"),
        sa.Column("left_at", _TIME, nullable=True),
        sa.Column("credit", sa.String(), nullable=False, comment="asked, granted or refused by the platform"),
        sa.Column("joined_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_participant_study_id")),
        sa.ForeignKeyConstraint(["annotator_id"], ["annotator.id"], name=op.f("fk_participant_annotator_id")),
        sa.ForeignKeyConstraint(
            ["invitation_id"], ["invitation.id"], name=op.f("fk_participant_invitation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_participant")),
        sa.UniqueConstraint("annotator_id", name=op.f("uq_participant_annotator_id")),
        sa.UniqueConstraint("once_sha256", name=op.f("uq_participant_once_sha256")),
    )
    op.create_index("ix_participant_study", "participant", ["study_id", "way_out"])
    op.create_table(
        "platform_identity",
        sa.Column("participant_id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("participant", sa.String(), nullable=False, comment="the platform's id of the person"),
        sa.Column(
            "submission",
            sa.String(),
            nullable=False,
            comment="the platform's id of this part, by which it pays",
        ),
        sa.Column("platform_study", sa.String(), nullable=False),
        sa.Column("is_proven", sa.Boolean(), nullable=False, comment="by the platform's signature"),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participant.id"], name=op.f("fk_platform_identity_participant_id")
        ),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_platform_identity_study_id")),
        sa.PrimaryKeyConstraint("participant_id", name=op.f("pk_platform_identity")),
        sa.UniqueConstraint(
            "study_id",
            "provider",
            "participant",
            name=op.f("uq_platform_identity_study_id_provider_participant"),
        ),
    )
    op.create_table(
        "agreement",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("participant_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False, comment="of the text with its boxes"),
        sa.Column("agreed_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participant.id"], name=op.f("fk_agreement_participant_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agreement")),
    )
    op.create_index(op.f("ix_agreement_participant_id"), "agreement", ["participant_id"])
    op.create_table(
        "participant_answer",
        sa.Column("participant_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participant.id"], name=op.f("fk_participant_answer_participant_id")
        ),
        sa.PrimaryKeyConstraint("participant_id", "name", name=op.f("pk_participant_answer")),
    )
    op.create_table(
        "turned_away",
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("way_out", sa.String(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_turned_away_study_id")),
        sa.PrimaryKeyConstraint("study_id", "way_out", name=op.f("pk_turned_away")),
    )


def downgrade() -> None:
    for table in (
        "turned_away",
        "participant_answer",
        "agreement",
        "platform_identity",
        "participant",
        "invitation",
    ):
        op.drop_table(table)
