"""Whether somebody may come into a study, and the rows that are made of them if so."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from nami_bench.domain import Agreement, Annotator, Entry, Identity, Role, Study
from nami_bench.errors import RefusedError
from nami_bench.store.accounts import add_annotator_row, secret_hash
from nami_bench.store.crowd_tables import AgreementRow, IdentityRow, InvitationRow, ParticipantRow
from nami_bench.store.links import find_invitation
from nami_bench.store.people_tables import EnrolmentRow
from nami_bench.store.places import has_room
from nami_bench.store.tables import StudyRow


@dataclass(frozen=True, slots=True)
class Coming:
    """Somebody at a study's door: by a platform's `identity`, or by the token of a `link`, or neither.

    `once`: a random number of the browser tab's, so that what is sent again after a lost connection is known.
    """

    identity: Identity | None = None
    link: str = ""
    once: str = ""

    @property
    def once_sha256(self) -> str | None:
        """What is kept of it."""
        return secret_hash(self.once) if self.once else None


def entry_of(study: Study) -> Entry:
    """How people come into a study; raises RefusedError where they do not."""
    if study.entry is None:
        raise RefusedError("no_entry", "nobody comes into this study by themselves")
    return study.entry


def admits(session: Session, row: StudyRow, study: Study, now: datetime) -> bool:
    """Whether one more may begin."""
    entry = study.entry
    if entry is None or not entry.is_open or study.shut(now):
        return False
    return has_room(session, row.id, entry, now)


def took_part(session: Session, entry: Entry, identity: Identity | None) -> bool:
    """Whether somebody took part in a study from which this one refuses people."""
    if identity is None or not entry.refuse_from:
        return False
    query = (
        select(IdentityRow.participant_id)
        .join(StudyRow, StudyRow.id == IdentityRow.study_id)
        .where(
            IdentityRow.provider == identity.provider,
            IdentityRow.participant == identity.participant,
            StudyRow.name.in_(entry.refuse_from),
        )
    )
    return session.scalar(query.limit(1)) is not None


def known_participant(session: Session, study: StudyRow, coming: Coming) -> ParticipantRow | None:
    """Who came before in the same tab, by the same id, or by the link that is theirs alone."""
    query = select(ParticipantRow).where(ParticipantRow.study_id == study.id)
    if coming.once:
        again = session.scalar(query.where(ParticipantRow.once_sha256 == coming.once_sha256))
        if again is not None:
            return again
    if coming.identity is not None:
        return session.scalar(
            query.join(IdentityRow, IdentityRow.participant_id == ParticipantRow.id).where(
                IdentityRow.study_id == study.id,
                IdentityRow.provider == coming.identity.provider,
                IdentityRow.participant == coming.identity.participant,
            )
        )
    invitation = find_invitation(session, coming.link) if coming.link else None
    if invitation is None or invitation.uses_allowed != 1 or invitation.revoked_at is not None:
        return None
    return session.scalar(query.where(ParticipantRow.invitation_id == invitation.id))


def use_link(session: Session, study: StudyRow, coming: Coming, now: datetime) -> InvitationRow | None:
    """Count one more who comes by a link; None: they come by a platform."""
    if coming.identity is not None:
        return None
    row = find_invitation(session, coming.link) if coming.link else None
    if row is None or row.study_id != study.id:
        raise RefusedError("link_unknown", "this link is unknown: it may be cut off")
    if row.revoked_at is not None:
        raise RefusedError("link_revoked", "this link was withdrawn")
    if row.expires_at is not None and now >= row.expires_at:
        raise RefusedError("link_expired", "this link has expired")
    if row.uses_allowed and row.uses >= row.uses_allowed:
        raise RefusedError("link_used", "this link was used by as many people as it is for")
    row.uses += 1
    return row


def new_participant(
    session: Session,
    study: StudyRow,
    coming: Coming,
    invitation: InvitationRow | None,
    device: str,
    holds_until: datetime | None,
    now: datetime,
) -> ParticipantRow:
    """Somebody new, with an account under a random name."""
    name = f"p-{secrets.token_hex(5)}"  # of forty bits two alike are refused by the database
    account = add_annotator_row(session, Annotator(name, Role.PARTICIPANT))
    row = ParticipantRow(
        study_id=study.id,
        annotator_id=account.id,
        invitation_id=None if invitation is None else invitation.id,
        once_sha256=coming.once_sha256,
        device=device,
        agreed_sha256="",
        holds_until=holds_until,
        joined_at=now,
    )
    # The door admits them, whether the study is for everybody or for those who are assigned.
    through = "a link" if coming.identity is None else coming.identity.provider
    session.add(EnrolmentRow(study_id=study.id, annotator_id=account.id, enrolled_by=through))
    session.add(row)
    session.flush()
    if (identity := coming.identity) is not None:
        session.add(
            IdentityRow(
                participant_id=row.id,
                study_id=study.id,
                provider=identity.provider,
                participant=identity.participant,
                submission=identity.submission,
                platform_study=identity.platform_study,
                is_proven=identity.is_proven,
            )
        )
    return row


def agree(session: Session, row: ParticipantRow, agreement: Agreement, now: datetime) -> None:
    """Keep one more agreement."""
    row.agreed_sha256 = agreement.sha256
    session.add(
        AgreementRow(
            participant_id=row.id,
            version=agreement.version,
            language=agreement.language,
            sha256=agreement.sha256,
            agreed_at=now,
        )
    )
    session.flush()
