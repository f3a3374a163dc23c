"""Annotators."""

import hashlib
import secrets
from collections.abc import Sequence
from itertools import chain, count

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from nami_bench.domain import GIVEN_ROLES, SIMULATED_PREFIX, Annotator, Role, name_key
from nami_bench.errors import InputError
from nami_bench.store import convert
from nami_bench.store.account_tables import LoginSessionRow, OutsideAccountRow
from nami_bench.store.annotation_tables import EventRow
from nami_bench.store.database import Repository
from nami_bench.store.finding import find_annotator, match_annotator
from nami_bench.store.tables import AnnotatorRow


class Accounts(Repository):
    """Annotators. Tokens are kept as hashes only."""

    def add(self, annotator: Annotator, *, by: str | None = None) -> str | None:
        """Record an annotator and return the log-in token, which cannot be had again.

        A simulated annotator gets none. `by`, here and below: who did it, for the log; None leaves no line
        in it. Raises InputError if the name is taken, in whatever case.
        """
        return self.add_all([annotator], by=by)[0]

    def add_all(self, annotators: Sequence[Annotator], *, by: str | None = None) -> list[str | None]:
        """`add` for several: all of them, or none."""
        tokens = [None if one.role is Role.SIMULATED else secrets.token_urlsafe(16) for one in annotators]
        if any(one.role is Role.PARTICIPANT for one in annotators):
            raise InputError("participants come into a study by themselves and cannot be added")
        with self._database.writing() as session:
            for annotator, token in zip(annotators, tokens, strict=True):
                if (taken := match_annotator(session, annotator.name)) is not None:
                    raise InputError(_exists(annotator.name, taken.name))
                row = add_annotator_row(session, annotator, None if token is None else secret_hash(token))
                note_account(session, row, f"{row.name} was added as {row.role}", by)
        return tokens

    def of_outside(self, issuer: str, subject: str, called: str, role: Role) -> Annotator:
        """The account of somebody for whom `issuer` vouches as its `subject`; at the first time a new one.

        It is called as there, or, where that name is taken here, with a number after it: a name alone makes
        nobody the same. An administrator's `role` is given to an account that exists, too, and taken from
        none. Raises InputError for a name that no account may have.
        """
        with self._database.writing() as session:
            row = session.scalar(
                select(AnnotatorRow)
                .join(OutsideAccountRow, OutsideAccountRow.annotator_id == AnnotatorRow.id)
                .where(OutsideAccountRow.issuer == issuer, OutsideAccountRow.subject == subject)
            )
            if row is None:
                row = add_annotator_row(session, Annotator(_free_name(session, called), role))
                session.add(OutsideAccountRow(annotator_id=row.id, issuer=issuer, subject=subject))
            if role is Role.ADMINISTRATOR:
                row.role = role.value
            return convert.annotator(row)

    def get(self, name: str) -> Annotator:
        """The annotator called `name`; raises UnknownNameError."""
        with self._database.reading() as session:
            return convert.annotator(find_annotator(session, name))

    def all(self) -> list[Annotator]:
        """All annotators, oldest first."""
        with self._database.reading() as session:
            rows = session.scalars(select(AnnotatorRow).order_by(AnnotatorRow.id))
            return [convert.annotator(row) for row in rows]

    def set_role(self, name: str, role: Role, *, by: str | None = None) -> None:
        """Give somebody one of `GIVEN_ROLES`; what they judged stays. Holds within seconds.

        Raises UnknownNameError, and InputError for a simulated annotator and for another role.
        """
        with self._database.writing() as session:
            row = find_person(session, name)
            if role not in GIVEN_ROLES:
                raise InputError(f"annotator {row.name!r} is a person and cannot become {role}")
            row.role = role.value
            note_account(session, row, f"{row.name} is an {role} now", by)

    def set_active(self, name: str, active: bool, *, by: str | None = None) -> None:
        """Allow or forbid an annotator to log in; who is forbidden is out at once. Ratings stay."""
        with self._database.writing() as session:
            row = find_annotator(session, name)
            row.active = active
            note_account(session, row, f"{row.name} {'can' if active else 'cannot'} log in", by)
            if not active:
                end_sessions(session, row)


def add_annotator_row(
    session: Session, annotator: Annotator, token_sha256: str | None = None
) -> AnnotatorRow:
    """A new row, for a name that nobody has; raises InputError for a person with a simulated one's name."""
    if annotator.role is not Role.SIMULATED and name_key(annotator.name).startswith(SIMULATED_PREFIX):
        raise InputError(
            f"annotator name {annotator.name!r}: names that begin with {SIMULATED_PREFIX!r}, in whatever "
            "case, belong to simulated annotators"
        )
    row = AnnotatorRow(
        name=annotator.name,
        role=annotator.role.value,
        active=annotator.active,
        token_sha256=token_sha256,
    )
    session.add(row)
    session.flush()
    return row


def note_account(session: Session, row: AnnotatorRow, words: str, by: str | None) -> None:
    """Leave a line in the log about an account, where somebody is named who did it."""
    if by is not None:
        session.add(EventRow(annotator_id=row.id, kind="account", text=words, done_by=by))


def _free_name(session: Session, wanted: str) -> str:
    names = chain([wanted], (f"{wanted} ({number})" for number in count(2)))
    return next(name for name in names if match_annotator(session, name) is None)


def _exists(name: str, taken: str) -> str:
    same = "" if name == taken else f", as {taken!r}: upper and lower case make no difference"
    return f"annotator {name!r} exists already{same}"


def find_person(session: Session, name: str) -> AnnotatorRow:
    """The row of somebody who may log in by name; raises UnknownNameError, InputError for others."""
    row = find_annotator(session, name)
    if row.role == Role.PARTICIPANT:
        raise InputError(
            f"{row.name!r} is a participant of a study: they come back by the address or link they came by"
        )
    if row.role == Role.SIMULATED:
        raise InputError(f"annotator {row.name!r} is simulated and cannot log in")
    return row


def end_sessions(session: Session, annotator: AnnotatorRow) -> None:
    """Log an annotator out everywhere."""
    session.execute(delete(LoginSessionRow).where(LoginSessionRow.annotator_id == annotator.id))


def secret_hash(secret: str) -> str:
    """What is kept of a token or session identifier: they are random, so a plain hash cannot be searched."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
