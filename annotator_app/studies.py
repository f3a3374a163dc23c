"""Which studies this server serves: the one it was started with, or all of the workspace, as they are now.

Nothing is decided at the start: a study that is created, opened, closed or deleted elsewhere is so here, too.
"""

import asyncio
import hashlib
import time
from datetime import UTC, datetime
from typing import Any

from nami_bench.domain import Role
from nami_bench.errors import InputError, RefusedError
from nami_bench.store import NOT_ASSIGNED, Desk, Store, StudyAtHand

REMEMBERED_SECONDS = 1.0
"""For so long the names of studies are not asked for again, nor whether one without images has some now."""

_TO_ANNOTATORS = ("open", "paused")


class Studies:
    """The studies of a workspace that are served here; `only`: this one alone. Safe between threads."""

    def __init__(self, store: Store, only: str | None = None) -> None:
        self.only = only
        self.workspace = hashlib.sha256(store.annotation.secret("workspace")).hexdigest()[:12]
        self._store = store
        self._names: frozenset[str] = frozenset() if only is None else frozenset((only,))
        self._until = 0.0
        self._looked: dict[str, float] = {}

    @property
    def place(self) -> str:
        """What tells this server's log-ins from those of others on the same host."""
        return self.workspace if self.only is None else f"{self.workspace}-{self.only}"

    async def named(self, name: str) -> str:
        """`name`, if it is of a study that is served; raises RefusedError."""
        if not await self.has(name):
            raise RefusedError("no_study", "this study is not served here now: ask its organizer")
        return name

    async def admitted(self, name: str, annotator: str) -> str:
        """`name`, if somebody may work on this study; raises RefusedError."""
        if not await asyncio.to_thread(self.admits, name, annotator):
            raise RefusedError("not_assigned", NOT_ASSIGNED)
        return name

    def admits(self, name: str, annotator: str) -> bool:
        """Whether somebody may work on a study that is served."""
        return self._store.enrolments.admits(name, annotator)

    async def has(self, name: str) -> bool:
        """Whether a study of this name is served."""
        if name in await self._current():
            return True
        self._until = 0.0  # it may be new
        return name in await self._current()

    async def lone(self) -> str | None:
        """The name of the only study there is; None where there are more, or none."""
        names = await self._current()
        return next(iter(names)) if len(names) == 1 else None

    async def _current(self) -> frozenset[str]:
        if self.only is None and time.monotonic() >= self._until:
            self._names = frozenset(await asyncio.to_thread(self._store.studies.names))
            self._until = time.monotonic() + REMEMBERED_SECONDS
        return self._names

    def newest(self) -> str:
        """The study that is meant where none is named; raises InputError where there is none."""
        if self.only is not None:
            return self.only
        names = self._store.studies.names()
        if not names:
            raise InputError("there is no study yet: make one with `nami-bench study create FILE.toml`")
        return names[-1]

    def may_rate(self, study: str, annotator: str, role: str) -> bool:
        """Whether somebody is given items: an administrator only after having asked to rate as well."""
        return role != Role.ADMINISTRATOR or self._store.studies.has_member(study, annotator)

    def join(self, study: str, annotator: str, role: str) -> None:
        """Let somebody take part in a study, as an annotator does by coming: an administrator who asks to.

        Where it is for those who are assigned, administrators assign themselves by that; raises RefusedError
        for others.
        """

        def join(desk: Desk) -> None:
            study_id, _ = desk.study(study)
            if not desk.place(study, annotator):
                member = desk.member(study_id, annotator)
                desk.tell(study_id, member, "joined", f"{annotator} rates as well", annotator)

        if not self.admits(study, annotator):
            if role != Role.ADMINISTRATOR:
                raise RefusedError("not_assigned", NOT_ASSIGNED)
            self._store.enrolments.assign(study, [annotator], by=annotator)
        self._store.annotation.run(join)

    def seen_by(self, annotator: str, role: str) -> list[dict[str, Any]]:
        """What somebody may choose from, oldest first: administrators from all, others from what is open to
        everybody or to them."""
        found = self._at_hand(annotator)
        if sum(self._look_for_images(one) for one in found):
            found = self._at_hand(annotator)
        now = self._store.clock()
        if role == Role.ADMINISTRATOR:
            return [_row(one, now) for one in found]
        rows = [_row(one, now) for one in found if one.is_admitted]
        return [row for row in rows if row["state"] in _TO_ANNOTATORS]

    def _at_hand(self, annotator: str) -> list[StudyAtHand]:
        return [one for one in self._store.studies.at_hand(annotator) if self.only in (None, one.study.name)]

    def _look_for_images(self, one: StudyAtHand) -> bool:
        """Whether a study that had no images may have some now: they may be finished after it was made."""
        name, now = one.study.name, time.monotonic()
        if one.has_items or now < self._looked.get(name, 0.0):
            return False
        self._looked[name] = now + REMEMBERED_SECONDS
        return self._store.items.count(name) > 0


def _row(one: StudyAtHand, now: datetime) -> dict[str, Any]:
    study = one.study
    state = study.shut(now) or ("empty" if not one.has_items else "paused" if one.is_paused else "open")
    return {
        "name": study.name,
        "mode": study.mode,
        "state": state,
        "done": one.done,
        "assigned": one.is_assigned,
        "joined": one.is_member,
        "opens": study.opens and study.opens.astimezone(UTC).isoformat(),
        "closes": study.closes and study.closes.astimezone(UTC).isoformat(),
    }
