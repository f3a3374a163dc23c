"""Invitation links: rows with the hash of a random token, counted, revocable, with an end."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from nami_bench.domain import Invitation
from nami_bench.errors import InputError
from nami_bench.store.accounts import secret_hash
from nami_bench.store.crowd_tables import InvitationRow
from nami_bench.store.database import Repository
from nami_bench.store.finding import find_study
from nami_bench.store.tables import StudyRow


class Links(Repository):
    """Invitations. A link cannot be had again once it was made: its hash is kept."""

    def invite(
        self,
        study: str,
        labels: Sequence[str],
        *,
        uses_allowed: int = 1,
        expires_at: datetime | None = None,
        created_by: str = "",
    ) -> list[str]:
        """Make a link for each label; their tokens, 128 random bits as text, in the same order.

        Raises UnknownNameError for the study, InputError where nobody can come into it by a link.
        """
        if uses_allowed < 0:
            raise InputError("a link is for one person, for a number of people, or (0) for any number")
        tokens = [secrets.token_urlsafe(16) for _ in labels]
        with self._database.writing() as session:
            row = find_study(session, study)
            if not row.protocol.get("entry"):
                raise InputError(
                    f"study {study!r} has no [entry]: who comes by a link needs a text to agree to; "
                    "add one to its file, and `nami-bench study change FILE.toml`"
                )
            session.add_all(
                InvitationRow(
                    study_id=row.id,
                    token_sha256=secret_hash(token),
                    label=label,
                    uses_allowed=uses_allowed,
                    expires_at=expires_at,
                    created_by=created_by,
                )
                for token, label in zip(tokens, labels, strict=True)
            )
        return tokens

    def find(self, token: str) -> Invitation | None:
        """The invitation that a token is of; None: it is of none."""
        with self._database.reading() as session:
            row = find_invitation(session, token)
            return None if row is None else _invitation(session, row)

    def all(self, study: str) -> list[Invitation]:
        """All of a study, oldest first; raises UnknownNameError."""
        with self._database.reading() as session:
            own = InvitationRow.study_id == find_study(session, study).id
            rows = session.scalars(select(InvitationRow).where(own).order_by(InvitationRow.id))
            return [_invitation(session, row) for row in rows]

    def revoke(self, study: str, numbers: Sequence[int]) -> int:
        """End links for good; how many were not ended before. Who came by one stays in the study.

        Raises InputError, and changes nothing, for a number that is none of the study's.
        """
        with self._database.writing() as session:
            own = InvitationRow.study_id == find_study(session, study).id
            rows = session.scalars(select(InvitationRow).where(own, InvitationRow.id.in_(numbers))).all()
            if unknown := sorted({*numbers} - {row.id for row in rows}):
                raise InputError(f"study {study!r} has no link {unknown[0]}: see `nami-bench crowd links`")
            ended = [row for row in rows if row.revoked_at is None]
            for row in ended:
                row.revoked_at = datetime.now(UTC)
            return len(ended)


def find_invitation(session: Session, token: str) -> InvitationRow | None:
    """The row that a token is of."""
    query = select(InvitationRow).where(InvitationRow.token_sha256 == secret_hash(token))
    return session.scalar(query)


def _invitation(session: Session, row: InvitationRow) -> Invitation:
    names = ("id", "label", "uses_allowed", "uses", "created_by", "created_at", "expires_at", "revoked_at")
    values: dict[str, Any] = {name: getattr(row, name) for name in names}
    return Invitation(study=session.get_one(StudyRow, row.study_id).name, **values)
