"""Logging in: tokens, passwords, and how often one may guess.

A token is 128 random bits: nobody guesses it, so it opens the door at any time, and nobody can lock
its owner out by failing in that name. Everything else that is tried counts as a guess at a password.
Guesses are counted in the database, before they are judged: restarts, other workers and requests at
the same moment change nothing.
"""

import hashlib
import ipaddress
import secrets
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from nami_bench.domain import Annotator, Role, name_key
from nami_bench.errors import InputError, RateLimitError, RefusedError
from nami_bench.store import convert
from nami_bench.store.account_tables import LoginAttemptRow, LoginSessionRow
from nami_bench.store.accounts import end_sessions, find_person, note_account, secret_hash
from nami_bench.store.crowd_tables import ParticipantRow
from nami_bench.store.database import Repository
from nami_bench.store.finding import find_annotator, match_annotator
from nami_bench.store.tables import AnnotatorRow, StudyRow

if TYPE_CHECKING:
    from argon2 import PasswordHasher

WINDOW = timedelta(minutes=15)
GUESSES_PER_NAME = 10
GUESSES_PER_ADDRESS = 50
"""So many wrong guesses in one window, then every further one is refused unread."""

SESSION_LIFE = timedelta(days=7)
"""Who logged in is asked again after this time."""

SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 1000

# Each hash takes 64 MiB and a core for a while: a flood of guesses must not take all of them.
_hashing = threading.Semaphore(2)


class Logins(Repository):
    """Logging in, and the sessions of those who are. Tokens, passwords and session identifiers are kept as
    hashes only."""

    def set_password(self, name: str, password: str) -> None:
        """Let an annotator log in with a password too; sessions end. The token stays valid.

        Raises InputError for a password of unusable length or a simulated annotator.
        """
        if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
            raise InputError(
                f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters, not {len(password)}"
            )
        hashed = _hasher().hash(password)
        with self._database.writing() as session:
            row = find_person(session, name)
            row.password_hash = hashed
            end_sessions(session, row)

    def authenticate(
        self, name: str, secret: str, address: str = "", *, now: datetime | None = None
    ) -> Annotator | None:
        """The active annotator with this name (see `match_annotator`) and token or password, else None.

        `address` is where the request came from. Raises RateLimitError where too many guesses failed
        for this name or from this address.
        """
        with self._database.reading() as session:
            row = match_annotator(session, name)
            row = row if row is not None and row.active else None
            annotator = None if row is None else convert.annotator(row)
            token_sha256, password_hash = (row.token_sha256, row.password_hash) if row else (None, None)
        if secrets.compare_digest(token_sha256 or "", secret_hash(secret)):
            return annotator
        by_name = name_source(name)
        guess = self._count_guess([by_name, *_address_sources(address)], now or datetime.now(UTC))
        if not _fits(password_hash, secret):
            return None
        with self._database.writing() as session:  # the address's other guesses were at other names
            session.execute(
                delete(LoginAttemptRow).where(
                    or_(LoginAttemptRow.source == by_name, LoginAttemptRow.id.in_(guess))
                )
            )
        return annotator

    def _count_guess(self, sources: list[str], now: datetime) -> list[int]:
        """Record a guess; returns its rows."""
        with self._database.writing() as session:
            session.execute(delete(LoginAttemptRow).where(LoginAttemptRow.at <= now - WINDOW))
            for source, limit in zip(sources, (GUESSES_PER_NAME, GUESSES_PER_ADDRESS), strict=False):
                if _guesses(session, source) >= limit:
                    raise RateLimitError(
                        f"too many failed log-ins: wait {WINDOW.seconds // 60} minutes, or use your token"
                    )
            rows = [LoginAttemptRow(source=source, at=now) for source in sources]
            session.add_all(rows)
            session.flush()
            return [row.id for row in rows]

    def reset_token(self, name: str, *, by: str | None = None) -> str:
        """Give an annotator a new log-in token; the old one, a password and all sessions end.

        `by`: who did it, for the log. Raises InputError for a simulated annotator.
        """
        token = secrets.token_urlsafe(16)
        with self._database.writing() as session:
            row = find_person(session, name)
            row.token_sha256, row.password_hash = secret_hash(token), None
            note_account(session, row, f"{row.name} has a new token", by)
            end_sessions(session, row)
        return token

    def open_session(self, name: str, *, now: datetime | None = None) -> str:
        """Let an annotator in: the identifier of a new session, 256 random bits as text."""
        with self._database.writing() as session:
            return _opened(session, find_person(session, name), now)

    def open_participants_session(self, name: str, *, now: datetime | None = None) -> str:
        """Let a participant of a study in, as `open_session`; raises RefusedError for anybody else."""
        with self._database.writing() as session:
            row = find_annotator(session, name)
            if row.role != Role.PARTICIPANT or not row.active:
                raise RefusedError("not_yours", "this account cannot come in here")
            return _opened(session, row, now)

    def session_annotator(self, identifier: str, *, now: datetime | None = None) -> Annotator | None:
        """The active annotator whose running session this is, else None."""
        with self._database.reading() as session:
            row = session.execute(
                select(AnnotatorRow, StudyRow.name)
                .join(LoginSessionRow, LoginSessionRow.annotator_id == AnnotatorRow.id)
                .outerjoin(ParticipantRow, ParticipantRow.annotator_id == AnnotatorRow.id)
                .outerjoin(StudyRow, StudyRow.id == ParticipantRow.study_id)
                .where(
                    LoginSessionRow.secret_sha256 == secret_hash(identifier),
                    LoginSessionRow.expires_at > (now or datetime.now(UTC)),
                    AnnotatorRow.active,
                )
            ).one_or_none()
            return None if row is None else replace(convert.annotator(row[0]), only_study=row[1])

    def close_session(self, identifier: str) -> None:
        """End a session; one that does not exist is no error."""
        with self._database.writing() as session:
            session.execute(
                delete(LoginSessionRow).where(LoginSessionRow.secret_sha256 == secret_hash(identifier))
            )


def _opened(session: Session, row: AnnotatorRow, now: datetime | None) -> str:
    now = now or datetime.now(UTC)
    identifier = secrets.token_urlsafe(32)
    session.execute(delete(LoginSessionRow).where(LoginSessionRow.expires_at <= now))
    session.add(
        LoginSessionRow(
            secret_sha256=secret_hash(identifier), annotator_id=row.id, expires_at=now + SESSION_LIFE
        )
    )
    return identifier


def _guesses(session: Session, source: str) -> int:
    query = select(func.count()).select_from(LoginAttemptRow).where(LoginAttemptRow.source == source)
    return session.scalar(query) or 0


def name_source(name: str) -> str:
    """What failed log-ins under a name are counted by, however it is written."""
    # Hashed: people type passwords into the name field.
    return "name " + hashlib.sha256(name_key(name).encode("utf-8", "surrogatepass")).hexdigest()


def _address_sources(address: str) -> list[str]:
    found = network(address)
    return [] if found is None else [f"address {found}"]


def network(address: str) -> str | None:
    """The network that stands for whoever has an address; None for what is no address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None  # a Unix socket, or a test
    # Whoever has one IPv6 address has the 2^64 beside it.
    return str(ipaddress.ip_network((parsed, 64 if parsed.version == 6 else 32), strict=False))


@cache
def _hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher

    return PasswordHasher()  # Argon2id with RFC 9106's second parameters: 64 MiB, 3 passes


@cache
def _nobodys_hash() -> str:
    return _hasher().hash(secrets.token_urlsafe(16))


def _fits(password_hash: str | None, password: str) -> bool:
    """Whether it is the password; takes as long where there is none, so that time tells nothing."""
    from argon2.exceptions import VerificationError

    if len(password) > LONGEST_PASSWORD:
        return False
    with _hashing:
        try:
            return _hasher().verify(password_hash or _nobodys_hash(), password) and password_hash is not None
        except (VerificationError, UnicodeEncodeError):
            return False
