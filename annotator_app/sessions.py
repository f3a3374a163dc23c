"""What an annotator does in a study: get items, see their images, submit answers, go back and correct.

No web framework here, so that simulated annotators take the same way as people. `engine` decides in
a transaction what is next; everything that must last is in the store.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from nami_bench.annotator_app.addresses import Addresses
from nami_bench.annotator_app.engine.answers import Answers
from nami_bench.annotator_app.engine.marks import on_screen
from nami_bench.annotator_app.engine.turn import Turn
from nami_bench.annotator_app.engine.view import GivenAnswers, Item, View
from nami_bench.annotator_app.pictures import Pictures
from nami_bench.domain import ImageRecord, Role, Study, WayOut
from nami_bench.domain.marking import prompt_words
from nami_bench.domain.question import Questions
from nami_bench.errors import ImageError, InputError, RefusedError, StorageError
from nami_bench.store import COMPLETED, Desk, Lease, Sent, Store

MAX_UNREADABLE = 20
"""So many unreadable images within UNREADABLE_WITHIN_S are not the images' fault: the folder is gone."""

UNREADABLE_WITHIN_S = 600
MEASURED = 24
"""By so many images, of all models alike, a process learns how long those of a study are."""

LAST = "now"
"""In place of a token: the item that comes next, so that the one before it is the last completed one."""

T = TypeVar("T")
_log = logging.getLogger(__name__)


class AnnotationSession:
    """One annotator at work on one study; everything that must last is in the store.

    May be used from several threads and processes (two browser tabs of one annotator, several workers).
    """

    def __init__(
        self,
        store: Store,
        images_dir: Path,
        study: str,
        annotator: str,
        pictures: Pictures | None = None,
        key: bytes | None = None,
    ) -> None:
        self._store = store
        self._images_dir = images_dir
        self._study = study
        self._annotator = annotator
        self._pictures = pictures or Pictures()
        self._addresses = Addresses(key or store.annotation.secret("image-addresses"), annotator)

    def state(self) -> View:
        """Where the annotator is; gives out items as needed. Coming back resumes the open item."""
        return self.state_later().result()

    def state_later(self) -> "Future[View]":
        """`state`, without waiting for it."""
        return self._later(lambda turn: turn.state())

    def submit(self, token: str, answers: Answers) -> View:
        """Record the answers to an item and go on; returns after they are on disk.

        The same client token again changes nothing; another one for an item that is completed is a
        correction. Raises RefusedError, and records nothing, for answers that do not fit the study or an
        item that is not this annotator's (any more), StorageError where the disk or database refuses.
        """
        return self.submit_later(token, answers).result()

    def submit_later(self, token: str, answers: Answers) -> "Future[View]":
        """`submit`, without waiting for it."""
        return self._later(lambda turn: turn.submit(token, answers))

    def leave(self) -> WayOut:
        """End a participant's part in the study; see `Turn.leave`."""
        return self._store.annotation.run(
            lambda desk: Turn(desk, self._study, self._annotator, self._item).leave()
        )

    def before(self, token: str = LAST) -> Item | None:
        """The item that this annotator completed before that of `token`; None: there is none.

        Raises RefusedError for a token that is not this annotator's.
        """
        questions = self._questions
        return self._store.annotation.look(lambda desk: self._before(desk, token, questions))

    def image_png(self, address: str) -> bytes:
        """The pixels behind an address as PNG without metadata, as long as any other image of the study.

        An image that is missing or changed on disk is withdrawn from the study and the administrator is
        told. Raises RefusedError for an address that is not this annotator's or has expired, ImageError for
        a damaged file, StorageError where so many are missing that the folder must be gone.
        """
        token, side = self._addresses.open(address, time.time())
        assignment = self._store.annotation.assignment(token, self._annotator)
        if assignment.study != self._study or side >= len(assignment.images):
            raise RefusedError("not_yours", "this image is not for you")
        image = assignment.images[side]
        assert image.path is not None and image.sha256 is not None  # only finished images are items
        try:
            path = self._images_dir / image.path
            return self._pictures.png(self._study, path, image.sha256, self._canvas, self._some_files)
        except ImageError as error:
            self._withdraw(image, error)
            raise

    def _some_files(self) -> list[tuple[Path, str]]:
        models = len(self._store.studies.get(self._study).models)
        found = self._store.items.shown_files(self._study, max(1, MEASURED // models))
        return [(self._images_dir / path, sha256) for path, sha256 in found]

    @cached_property
    def _canvas(self) -> int:
        return self._store.studies.get(self._study).canvas  # never changes

    @cached_property
    def _questions(self) -> Questions:
        return self._store.studies.get(self._study).questions  # never change

    @cached_property
    def _marks_words(self) -> bool:
        return self._store.studies.get(self._study).marks.words  # never changes

    def _later(self, job: Callable[[Turn], View]) -> "Future[View]":
        return self._store.annotation.run_later(
            lambda desk: job(Turn(desk, self._study, self._annotator, self._item))
        )

    def _item(self, lease: Lease, questions: Questions, given: GivenAnswers | None) -> Item:
        now = time.time()
        return Item(
            lease.token,
            lease.prompt,
            tuple(self._addresses.make(lease.token, side, now) for side in range(lease.images)),
            given,
            questions.get(lease.prompt_id, ()),
            tuple(prompt_words(lease.prompt)) if self._marks_words else (),
        )

    def _before(self, desk: Desk, token: str, questions: Questions) -> Item | None:
        member_id = desk.place(self._study, self._annotator)
        since = self._shown_since()
        until = None
        if token != LAST:
            lease = desk.find(token)
            if lease is None or lease.member_id != member_id:
                raise RefusedError("not_yours", "this item is not assigned to you")
            until = lease if lease.state == COMPLETED else None
        found = desk.completed_before(member_id, until)
        if found is None:
            return None
        sent = desk.in_force(found.id)
        if since is not None and (sent is None or sent.created_at < since):
            return None
        return self._item(found, questions, None if sent is None else self._given(desk, found, sent))

    def _given(self, desk: Desk, lease: Lease, sent: Sent) -> GivenAnswers:
        marks = sent.answers.get("marks")
        drawn = None if marks is None else on_screen(marks, self._canvas, desk.sizes(lease))
        return GivenAnswers(sent.answers["values"], sent.answers["reasons"], sent.flag, sent.comment, drawn)

    def _shown_since(self) -> datetime | None:
        """From when on a participant sees what was answered; what is older may be another person's."""
        if self._store.studies.get(self._study).entry is None:
            return None
        participant = self._store.crowd.of_account(self._annotator)
        return None if participant is None else participant.rejoined_at

    def _withdraw(self, image: ImageRecord, error: ImageError) -> None:
        _log.warning("study %s: %s", self._study, error)
        lately = self._store.items.withdrawn_lately(self._study, UNREADABLE_WITHIN_S)
        if lately >= MAX_UNREADABLE or not self._images_dir.is_dir():
            raise StorageError(
                f"study {self._study!r}: {MAX_UNREADABLE} images or more are missing or changed: "
                f"check {self._images_dir} with `nami-bench images verify`"
            ) from error
        assert image.path is not None
        self._store.items.withdraw_image(
            self._study,
            image.path,
            f"{image.model}, prompt {image.prompt_id}, sample {image.sample} cannot be shown "
            f"and was withdrawn: {error}",
        )


def open_study(store: Store, name: str | None = None) -> Study:
    """A study that can be annotated: the named one, else the newest that has images.

    Raises InputError where there is none, where it has no images, or where nobody could log in.
    """
    wanted = store.studies.all()[::-1] if name is None else [store.studies.get(name)]
    if not wanted:
        raise InputError("there is no study yet: make one with `nami-bench study create FILE.toml`")
    study = next((one for one in wanted if store.items.count(one.name)), None)
    if study is None:
        raise InputError(
            f"study {wanted[0].name!r} has no finished images: run `nami-bench generate --model "
            f"{wanted[0].models[0]} --prompts {wanted[0].prompt_set}` first"
        )
    some = any(a.active and a.role is not Role.SIMULATED for a in store.accounts.all())
    if study.entry is None and not some:
        raise InputError("nobody can log in yet: run `nami-bench annotators add NAME`, which prints a token")
    return study


def has_administrator(store: Store) -> bool:
    """Whether somebody can log in who may make studies."""
    return any(one.active and one.role is Role.ADMINISTRATOR for one in store.accounts.all())
