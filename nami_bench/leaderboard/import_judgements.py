"""Ratings and comparisons from files into a workspace, with the study where the file brings it along."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evaluation.human.table import table_ratings
from nami_bench.domain import Criterion, Study
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.leaderboard.carried_study import carried_criteria
from nami_bench.leaderboard.ratings_source import (
    holds_comparisons,
    judgements_file,
    load_comparisons,
    read_any_ratings,
)
from nami_bench.leaderboard.scales import NO_SCALES, LowValues, Scales, low_values

if TYPE_CHECKING:
    from nami_bench.store import Store


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file: so many `ratings` or `comparisons` (`kind`) are new, the others were there."""

    kind: str
    added: int
    known: int


def import_judgements(store: "Store", path: Path, scales: Scales = NO_SCALES) -> Imported:
    """Record what a CSV file, a Parquet file or a dataset folder holds: all of it, or nothing.

    `scales` confirm those of the study's criteria. Raises UnknownNameError for a study that is not there,
    InputError for anything that is not as it should be, values that look like another scale's among it.
    """
    file = judgements_file(path)
    if holds_comparisons(file):
        found = load_comparisons(file)
        added = store.add_comparisons(found)
        return Imported("comparisons", added, len(found) - added)
    studies = {study.name: study for study in store.studies()}
    table = read_any_ratings(file, lambda name: _study(studies, name).criteria)
    used = {name: studies[name].criteria for name in table["study"].unique()}
    _check_scales(file, used, scales)
    unsaid = (
        {} if carried_criteria(file) else {name: _unsaid(criteria, scales) for name, criteria in used.items()}
    )
    _refuse_low(file, low_values(table, unsaid))
    added = store.add_ratings(table_ratings(table))
    return Imported("ratings", added, len(table) - added)


def _study(studies: Mapping[str, Study], name: str) -> Study:
    if name not in studies:
        raise UnknownNameError("study", name, studies, "create it with `nami-bench study create`")
    return studies[name]


def _unsaid(criteria: Sequence[Criterion], scales: Scales) -> list[Criterion]:
    return [criterion for criterion in criteria if scales.of(criterion.name) is None]


def _check_scales(file: Path, used: Mapping[str, Sequence[Criterion]], scales: Scales) -> None:
    """Refuse a scale, said or carried by the file, that is not the study's."""
    carried = {c.name: (c.minimum, c.maximum) for c in carried_criteria(file) or ()}
    for study, criteria in used.items():
        scales.applied(criteria)  # refuses unknown names
        for criterion in criteria:
            scale = (criterion.minimum, criterion.maximum)
            other = scales.of(criterion.name) or carried.get(criterion.name, scale)
            if other != scale:
                raise InputError(
                    f"{file}: values of {criterion.name} from {other[0]:g} to {other[1]:g} do not fit study "
                    f"{study!r}, where its scale is {scale[0]:g} to {scale[1]:g}: import them into a study "
                    "with their scale"
                )


def _refuse_low(file: Path, low: LowValues | None) -> None:
    if low is not None:
        raise InputError(
            f"{file}: {low} of the study: if they are on that scale, say so with --scale {low.assumed}, else "
            "import them into a study whose criteria have their scale"
        )
