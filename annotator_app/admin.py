"""What owners look at of a whole study, which takes long: progress, agreement, time, checks, flags, files."""

import json
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from nami_bench.annotator_app.forecast import forecast
from nami_bench.domain import Mode, Study
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
        "at": datetime.now(UTC).isoformat(),
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
        "end": forecast(store.oversight.latest_completions(study.name), total - done, datetime.now(UTC)),
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
    """Krippendorff's alpha of each criterion: interval for ratings, nominal for verdicts on pairs, be they
    given or implied by an order.

    Of questions one alpha, nominal, of all of them.
    `ratings`: those in force, where they were read already.
    """
    from nami_bench.evaluation.human.agreement import krippendorff_alphas

    if study.images_shown > 1:
        level: Level = "nominal"
        look = store.standing.implied_verdicts if study.is_ranked else store.standing.verdicts
        verdicts = look(study.name)
        judged = [verdicts[criterion.name] for criterion in study.criteria]
    else:
        level = "interval"
        ratings = ratings or store.standing.ratings(study.name)
        judged = [ratings.values(criterion.name) for criterion in study.criteria]
    names = [criterion.name for criterion in study.criteria]
    if study.mode == Mode.QUESTIONS:
        names, level, judged = [ALL_QUESTIONS], "nominal", [_as_one(judged)]
    # Pairs of one order hang together: resampled one by one they would seem to tell more than they do.
    replicates = 0 if study.is_ranked else REPLICATES
    alphas = krippendorff_alphas(judged, level, replicates=replicates)
    return [
        {
            "criterion": name,
            "alpha": alpha.alpha,
            "low": alpha.low,
            "high": alpha.high,
            "items": alpha.units,
            "note": "; ".join((*alpha.notes, *_ADAPTIVE * study.ends_early)),
        }
        for name, alpha in zip(names, alphas, strict=True)
    ]


_ADAPTIVE = (
    "items end early where annotators agree, so this is not the agreement of all: `nami-bench agreement` "
    "rests on what every item has",
)


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
        self._pages: dict[str, tuple[Hashable, bytes]] = {}
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
        if self._store.studies.get(study).images_shown == 1:
            ratings = self._standing_ratings(study)
        found = json.dumps(overview(self._store, study, ratings), ensure_ascii=False, allow_nan=False)
        self._remember(self._known, study, (state, found.encode()))
        return self._known[study][1]

    def people(self, study: str) -> bytes:
        """`people_report` as JSON."""
        from nami_bench.pipeline.people_report import people_report

        return json.dumps(
            people_report(self._store, study).to_json(), ensure_ascii=False, allow_nan=False
        ).encode()

    def file(self, study: str, name: str) -> bytes:
        """The path of a new file of a study (see `study_files`); whoever asked deletes it."""
        from nami_bench.annotator_app.study_files import write_study_file

        return str(write_study_file(self._store, study, name)).encode()

    def leaderboard_page(self, study: str) -> bytes:
        """`study_tables.leaderboard_page` as JSON."""
        return self._page("leaderboard", study)

    def agreement_page(self, study: str) -> bytes:
        """`study_tables.agreement_page` as JSON."""
        return self._page("agreement", study)

    def _page(self, what: str, study: str) -> bytes:
        from nami_bench.annotator_app.study_tables import agreement_page, leaderboard_page

        state = self._store.standing.state(study)
        known = self._pages.get(f"{what} {study}")
        if known is not None and known[0] == state:
            return known[1]
        compute = {"leaderboard": leaderboard_page, "agreement": agreement_page}[what]
        found = json.dumps(compute(self._store, self._store.studies.get(study)), ensure_ascii=False).encode()
        self._remember(self._pages, f"{what} {study}", (state, found))
        return found

    def item_figures(self, study: str) -> bytes:
        """How far annotators disagree about each item: `ItemFigures`, as bytes."""
        from nami_bench.pipeline.item_disagreement import item_figures

        state, found = self._store.standing.state(study), self._store.studies.get(study)
        known = self._figures.get(study)
        if known is None or known[0] != state:
            ratings = self._standing_ratings(study) if found.images_shown == 1 else None
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
        "number": flag.number,
        "item": flag.item,
        "at": flag.at.isoformat(),
    }
