"""Reference rows: what was published of models, beside what is measured here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from pathlib import Path

from nami_bench.config import load_toml
from nami_bench.domain import GENEVAL_TASKS, Criteria, Criterion, Total
from nami_bench.errors import InputError
from nami_bench.evaluation.leaderboard.automatic import GENEVAL
from nami_bench.evaluation.leaderboard.rows import (
    AutomaticColumn,
    AutomaticScore,
    Leaderboard,
    LeaderboardRow,
    Status,
)
from nami_bench.serialize import validated
from nami_bench.study_file import load_criteria, nami_1k_study_file

GENEVAL_COLUMN = AutomaticColumn(GENEVAL, prompt_set="geneval", instrument="published", tasks=GENEVAL_TASKS)
"""Its own column: which detector and weights measured is not said, so it is not any instrument of ours."""

DPG_COLUMN = AutomaticColumn("dpg", prompt_set="dpg", instrument="published")
"""Its own column too: nobody says with which policy, images for each prompt and versions it was measured."""


@dataclass(frozen=True, slots=True)
class _Source:
    title: str
    address: str


@dataclass(frozen=True, slots=True)
class _Row:
    model: str
    parameters: int | None = None
    human: Mapping[str, float] = field(default_factory=dict)
    geneval: Mapping[str, float] = field(default_factory=dict)
    dpg: float | None = None
    dpg_source: str | None = None


@dataclass(frozen=True, slots=True)
class _File:
    source: Mapping[str, _Source]
    row: tuple[_Row, ...]


def published_rows(criteria: Sequence[Criterion]) -> tuple[LeaderboardRow, ...]:
    """The published rows, best first; human scores only where `criteria`, weights and total are NAMI-1K's."""
    published = _published()
    weights = {c.name: c.weight for c in load_criteria(nami_1k_study_file())}
    same = {c.name: c.weight for c in criteria} == weights
    comparable = same and Criteria.of(criteria).total == Total.ARITHMETIC
    rows = [_row(row, published.source, comparable) for row in published.row]
    shown = [row for row in rows if row.total is not None or row.automatic]
    return tuple(sorted(shown, key=_best_first))


def with_published(board: Leaderboard) -> Leaderboard:
    """`board` with the published rows after its own; their GenEval and DPG-Bench scores have own columns.

    Raises InputError for the leaderboard of a stratum: there are no published scores of one.
    """
    if board.stratum is not None:
        raise InputError(
            "the published scores are of all strata together: leave out --stratum or --published"
        )
    return replace(
        board,
        rows=(*board.rows, *published_rows(board.criteria)),
        automatic=(*board.automatic, GENEVAL_COLUMN, DPG_COLUMN),
    )


def _row(row: _Row, sources: Mapping[str, _Source], comparable: bool) -> LeaderboardRow:
    human = dict(row.human) if comparable else {}
    tasks = dict(row.geneval)
    overall = tasks.pop("overall", None)
    automatic = {} if overall is None else {GENEVAL_COLUMN.key: AutomaticScore(overall, tasks)}
    quoted = [_quoted(sources["nami"])] if human or automatic else []
    if row.dpg is not None and row.dpg_source is not None:
        automatic[DPG_COLUMN.key] = AutomaticScore(round(row.dpg / 100, 4))
        quoted.append(f"DPG-Bench: {_quoted(sources[row.dpg_source])}")
    return LeaderboardRow(
        model=row.model,
        status=Status.PUBLISHED,
        total=human.pop("total", None),
        criteria=human,
        automatic=automatic,
        parameters=row.parameters,
        sources=tuple(quoted),
    )


def _quoted(source: _Source) -> str:
    return f"{source.title}, {source.address}"


def _best_first(row: LeaderboardRow) -> tuple[float, float, float, str]:
    geneval, dpg = (
        score.value or 0.0 if (score := row.automatic.get(column.key)) else 0.0
        for column in (GENEVAL_COLUMN, DPG_COLUMN)
    )
    return -(row.total or 0.0), -geneval, -dpg, row.model


@cache
def _published() -> _File:
    path = Path(str(files("nami_bench.pipeline") / "published.toml"))
    return validated(_File, load_toml(path), str(path))
