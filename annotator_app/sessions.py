"""What an annotator does in a study: get an item, see its image, submit scores.

No web framework here, so that simulated annotators take the same way as people.

Which image comes next
    An annotator's order is a function of the study's seed, the annotator's name and the study's
    images alone: the images in the order of SHA-256 over (seed, annotator, image), each stratum
    for itself; the next image comes from the stratum of which this annotator has seen the smallest
    share. So the strata stay balanced at every moment and end together, no order depends on who
    else is at work, and anybody can compute it again. What others do has one effect: images that
    have reached the study's overlap are passed over. In a crossed panel, of as many annotators as
    the overlap, that never happens. Because choosing is part of the store's transaction, no image
    gets more ratings than the overlap; and because nobody is finished before every image is either
    full or known to them, a panel of at least `overlap` annotators fills every image exactly.
"""

import hashlib
import logging
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from nami_bench.domain import Assignment, Criterion, ImageRecord, Rating, Role, Study
from nami_bench.errors import ImageError, InputError, StorageError
from nami_bench.images import anonymous_png, hash_file
from nami_bench.store import Candidate, Progress, Store

CANNOT_JUDGE = ("image does not load", "prompt unclear", "outside my knowledge", "other")
"""The reasons for which a criterion may have no value."""

MAX_UNREADABLE = 20
"""So many unreadable images in a row are not the images' fault: the image folder is gone."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Item:
    """What an annotator may know of an image to rate: nothing here tells the model."""

    token: str
    prompt: str
    criteria: tuple[Criterion, ...]


class RatingSession:
    """One annotator at work on one study; everything that must last is in the store.

    May be used from several threads (two browser tabs of one annotator).
    """

    def __init__(self, store: Store, images_dir: Path, study: Study, annotator: str) -> None:
        self._store = store
        self._images_dir = images_dir
        self._study = study
        self._annotator = annotator
        self._unreadable: set[tuple[str, str, int]] = set()

    def next_item(self) -> Item | None:
        """The item in hand, or the next one, or None when nothing is left for this annotator.

        An image that is missing or changed on disk is never shown: it is taken back as if it had
        not been assigned, logged, and tried again when everything else is done. Raises
        StorageError where image after image is unreadable.
        """
        strata = self._store.study_strata(self._study.name)

        def choose_next(candidates: Sequence[Candidate]) -> Candidate | None:
            return choose(candidates, self._study, self._annotator, strata, self._unreadable)

        for _ in range(MAX_UNREADABLE):
            assignment = self._store.claim(self._study.name, self._annotator, choose_next)
            if assignment is None:
                self._unreadable.clear()
                return None
            if self._is_readable(assignment.image):
                return Item(assignment.token, assignment.prompt.text, self._study.criteria)
            self._store.withdraw(assignment.token, self._annotator)
        raise StorageError(
            f"study {self._study.name!r}: {MAX_UNREADABLE} images in a row are missing or changed: "
            f"check {self._images_dir} with `nami-bench images verify`"
        )

    def image_png(self, token: str) -> bytes:
        """The pixels behind a token as PNG without metadata.

        Raises InputError for a token that is not this annotator's, ImageError for a damaged file.
        """
        return anonymous_png(self._path(self._assignment(token).image))

    def submit(
        self,
        token: str,
        values: Mapping[str, float],
        reasons: Mapping[str, str],
        duration_ms: int | None = None,
    ) -> None:
        """Record an item: for each criterion a value on its scale, or a reason of CANNOT_JUDGE.

        `duration_ms` is the annotator's time on the item. Raises InputError, and records nothing,
        for anything missing, contradictory or off its scale, or a token that is not this annotator's.
        """
        if both := sorted(values.keys() & reasons.keys()):
            raise InputError(f"{both[0]} has both a value and a reason for having none: give one of them")
        for criterion, reason in reasons.items():
            if reason not in CANNOT_JUDGE:
                raise InputError(f"{criterion}: unknown reason {reason!r}; known: {', '.join(CANNOT_JUDGE)}")
        image = self._assignment(token).image
        ratings = [
            Rating(
                study=self._study.name,
                annotator=self._annotator,
                model=image.model,
                prompt_id=image.prompt_id,
                sample=image.sample,
                criterion=criterion,
                value=values.get(criterion),
                reason=reasons.get(criterion),
                duration_ms=duration_ms,
            )
            for criterion in (*values, *reasons)
        ]
        self._store.complete(token, self._annotator, ratings)

    def progress(self) -> Progress:
        """Images done, of those that are for this annotator to do."""
        return self._store.progress(self._study.name, self._annotator)

    def _assignment(self, token: str) -> Assignment:
        assignment = self._store.assignment(token, self._annotator)
        if assignment.study != self._study.name:
            raise InputError("this item belongs to another study")
        return assignment

    def _is_readable(self, image: ImageRecord) -> bool:
        path = self._path(image)
        try:
            # The bytes were decoded when they were recorded: if they are the same, they still can be.
            problem = "" if hash_file(path) == image.sha256 else f"{path} is not the file that was recorded"
        except ImageError as error:
            problem = str(error)
        if problem:
            _log.warning("study %s: image passed over: %s", self._study.name, problem)
            self._unreadable.add((image.model, image.prompt_id, image.sample))
        return not problem

    def _path(self, image: ImageRecord) -> Path:
        assert image.path is not None  # only finished images are assigned
        return self._images_dir / image.path


def choose(
    candidates: Sequence[Candidate],
    study: Study,
    annotator: str,
    strata: Mapping[str, int],
    unreadable: Set[tuple[str, str, int]] = frozenset(),
) -> Candidate | None:
    """The annotator's next image, or None: see the top of this module.

    `candidates` are all images that the annotator was never shown, `strata` counts the images of
    the study by stratum, `unreadable` holds (model, prompt id, sample) of images to pass over.
    """
    unseen = Counter(c.stratum for c in candidates)

    def order(candidate: Candidate) -> tuple[float, bytes]:
        left = unseen[candidate.stratum]
        total = max(left, strata.get(candidate.stratum, 0))  # images may arrive between the two counts
        return 1 - left / total, _rank(study.seed, annotator, candidate)

    free = [
        c for c in candidates if c.load < study.overlap and (c.model, c.prompt_id, c.sample) not in unreadable
    ]
    return min(free, key=order, default=None)


def open_study(store: Store, name: str | None = None) -> Study:
    """The study to annotate: the named one, else the newest.

    Raises InputError where there is none, where it has no images, or where nobody could log in.
    """
    if name is None and not store.studies():
        raise InputError("there is no study yet: make one with `nami-bench study create FILE.toml`")
    study = store.studies()[-1] if name is None else store.study(name)
    if not store.study_size(study.name):
        raise InputError(
            f"study {study.name!r} has no finished images: run `nami-bench generate --model "
            f"{study.models[0]} --prompts {study.prompt_set}` first"
        )
    if not any(a.active and a.role is not Role.SIMULATED for a in store.annotators()):
        raise InputError("nobody can log in yet: run `nami-bench annotators add NAME`, which prints a token")
    return study


def _rank(seed: int, annotator: str, image: Candidate) -> bytes:
    identity = f"{seed}\n{annotator}\n{image.model}\n{image.prompt_id}\n{image.sample}"
    return hashlib.sha256(identity.encode()).digest()
