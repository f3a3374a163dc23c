"""What the administrator's page shows: progress, agreement, time, checks, flags, events."""

import json
import tempfile
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from nami_bench.domain import CheckAnswer, Mode, Study
from nami_bench.errors import StorageError
from nami_bench.export.spreadsheet import csv_table
from nami_bench.store import ItemProgress, StandingRatings, Store, progress_of

if TYPE_CHECKING:
    from nami_bench.evaluation.human.agreement import Level
    from nami_bench.evaluation.human.ratings_array import Floats, Integers

T = TypeVar("T")

SHOWN = 200
"""So many of the latest flags and events are shown."""

ALL_QUESTIONS = "all questions"
"""Stands in the place of a criterion's name."""

REPLICATES = 200
"""Of the bootstrap for agreement: the page must not wait."""

_REMEMBERED = 4
"""So many studies."""


def overview(store: Store, study_name: str | None, ratings: StandingRatings | None = None) -> dict[str, Any]:
    """Everything on the administrator's page about one study (None: the newest), as JSON values.

    `ratings`: those in force, where they were read already.
    """
    from nami_bench.pipeline.screening import repeat_differences

    studies = store.studies.all()
    study = store.studies.get(study_name) if study_name else studies[-1]
    cells = store.items.progress(study.name)
    done, total = progress_of(study, cells)
    members = store.oversight.members(study.name)
    differences = repeat_differences(store, study.name, study.criteria)
    return {
        "studies": [one.name for one in studies],
        "study": {
            "name": study.name,
            "mode": study.mode,
            "overlap": study.overlap,
            "opens": study.opens and study.opens.isoformat(),
            "closes": study.closes and study.closes.isoformat(),
            "live_leaderboard": study.live_leaderboard,
        },
        "progress": {"done": done, "total": total},
        "by_stratum": _sums(cells, "stratum", lambda cell: (cell.stratum,)),
        "by_model": _sums(cells, "model", lambda cell: cell.models),
        "annotators": [
            {**asdict(member), "repeat_difference": differences.get(member.name)} for member in members
        ],
        "agreement": agreement_so_far(store, study, ratings),
        "flags": [_flag(flag) for flag in store.oversight.flags(study.name, SHOWN)],
        "events": [
            {"at": e.at.isoformat(), "kind": e.kind, "annotator": e.annotator, "text": e.text}
            for e in store.oversight.events(study.name, SHOWN)
        ],
    }


def agreement_so_far(
    store: Store, study: Study, ratings: StandingRatings | None = None
) -> list[dict[str, Any]]:
    """Krippendorff's alpha of each criterion: interval for ratings, nominal for verdicts on pairs.

    Of questions one alpha, nominal, of all of them.
    `ratings`: those in force, where they were read already.
    """
    from nami_bench.evaluation.human.agreement import krippendorff_alphas

    if study.mode == Mode.PAIRWISE:
        level: Level = "nominal"
        verdicts = store.standing.verdicts(study.name)
        judged = [verdicts[criterion.name] for criterion in study.criteria]
    else:
        level = "interval"
        ratings = ratings or store.standing.ratings(study.name)
        judged = [ratings.values(criterion.name) for criterion in study.criteria]
    names = [criterion.name for criterion in study.criteria]
    if study.mode == Mode.QUESTIONS:
        names, level, judged = [ALL_QUESTIONS], "nominal", [_as_one(judged)]
    alphas = krippendorff_alphas(judged, level, replicates=REPLICATES)
    return [
        {
            "criterion": name,
            "alpha": alpha.alpha,
            "low": alpha.low,
            "high": alpha.high,
            "items": alpha.units,
            "note": "; ".join(alpha.notes),
        }
        for name, alpha in zip(names, alphas, strict=True)
    ]


def _as_one(judged: "Sequence[tuple[Integers, Floats]]") -> "tuple[Integers, Floats]":
    """(unit, value) of several questions as those of one: a unit is an image and a question."""
    import numpy as np

    units, values = zip(*judged, strict=True)
    images = 1 + max((int(unit.max(initial=0)) for unit in units), default=0)
    shifted = [unit + images * number for number, unit in enumerate(units)]
    return np.concatenate(shifted), np.concatenate(values)


class StudyLooks:
    """What administrators ask of whole studies, as bytes; equal states of the store are computed once.

    It remembers the last overview of each study, and the ratings that it rests on: those are read once.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, tuple[Hashable, bytes]] = {}
        self._ratings: dict[str, StandingRatings] = {}
        self._figures: dict[str, tuple[Hashable, bytes]] = {}

    def overview(self, study: str) -> bytes:
        """`overview` as JSON."""
        # Days end with the clock of the study, and clocks differ by quarters of an hour.
        quarter = int(datetime.now(UTC).timestamp() // 900)
        state = (quarter, self._store.standing.state(study))
        known = self._known.get(study)
        if known is not None and known[0] == state:
            return known[1]
        ratings = None
        if self._store.studies.get(study).mode != Mode.PAIRWISE:
            ratings = self._standing_ratings(study)
        found = json.dumps(overview(self._store, study, ratings), ensure_ascii=False, allow_nan=False)
        self._remember(self._known, study, (state, found.encode()))
        return self._known[study][1]

    def ratings_csv(self, study: str) -> bytes:
        """The path of a new file with a study's judgements in force, as `nami-bench ratings export` writes
        them; whoever asked deletes it."""
        from nami_bench.pipeline.dataset_folder import csv_parts, study_content

        content = study_content(self._store, self._store.studies.get(study))
        handle, name = tempfile.mkstemp(prefix="nami-", suffix=".csv")
        try:
            with open(handle, "wb") as file:  # noqa: PTH123 - it is a descriptor
                file.writelines(csv_parts(content))
        except OSError as error:
            Path(name).unlink()
            raise StorageError(f"cannot write {name}: {error.strerror or error}") from error
        return name.encode()

    def item_figures(self, study: str) -> bytes:
        """How far annotators disagree about each item: `ItemFigures`, as bytes."""
        from nami_bench.pipeline.item_disagreement import item_figures

        state, found = self._store.standing.state(study), self._store.studies.get(study)
        known = self._figures.get(study)
        if known is None or known[0] != state:
            ratings = None if found.mode == Mode.PAIRWISE else self._standing_ratings(study)
            self._remember(
                self._figures, study, (state, item_figures(self._store, found, ratings).to_bytes())
            )
        return self._figures[study][1]

    def leaderboard(self, study: str) -> bytes:
        """A study's leaderboard as it stands, a complete HTML document."""
        from nami_bench.export.html import leaderboard_html
        from nami_bench.pipeline.leaderboard_from_store import leaderboard_from_store

        return leaderboard_html(leaderboard_from_store(self._store, study=study))

    def _standing_ratings(self, study: str) -> StandingRatings:
        ratings = self._store.standing.ratings(study, self._ratings.pop(study, None))
        self._remember(self._ratings, study, ratings)
        return ratings

    @staticmethod
    def _remember(memory: dict[str, T], study: str, value: T) -> None:
        while len(memory) >= _REMEMBERED:
            memory.pop(next(iter(memory)))
        memory[study] = value


CHECK_COLUMNS = (
    "study", "annotator", "kind", "prompt_id", "sample", "models", "criterion", "value", "reason",
    "expected", "passed", "revision", "in_force", "duration_ms", "created_at",
)  # fmt: skip


def check_answers_csv(answers: Sequence[CheckAnswer]) -> bytes:
    """Answers to planted items as CSV, one line for each criterion; its columns are `CHECK_COLUMNS`."""
    return csv_table(CHECK_COLUMNS, (row for answer in answers for row in _check_rows(answer)))


def _check_rows(answer: CheckAnswer) -> Iterator[tuple[Any, ...]]:
    for name in (*answer.values, *answer.reasons):
        expected = answer.expected.get(name)
        yield (
            answer.study,
            answer.annotator,
            answer.kind,
            answer.prompt_id,
            answer.sample,
            " ".join(answer.models),
            name,
            answer.values.get(name),
            answer.reasons.get(name),
            expected if expected is None or isinstance(expected, str) else json.dumps(expected),
            answer.passed,
            answer.revision,
            answer.in_force,
            answer.duration_ms,
            answer.created_at.isoformat(),
        )


def _sums(cells: Sequence[ItemProgress], key: str, groups: Any) -> list[dict[str, Any]]:
    done: dict[str, int] = defaultdict(int)
    total: dict[str, int] = defaultdict(int)
    for cell in cells:
        for group in groups(cell):
            done[group] += cell.done
            total[group] += cell.total
    return [{key: group, "done": done[group], "total": total[group]} for group in sorted(total)]


def _flag(flag: Any) -> dict[str, Any]:
    return {
        "annotator": flag.annotator,
        "model": " : ".join(flag.models),
        "prompt_id": flag.prompt_id,
        "sample": flag.sample,
        "prompt": flag.prompt,
        "flag": flag.flag,
        "comment": flag.comment,
        "at": flag.at.isoformat(),
    }
