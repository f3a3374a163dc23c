"""Judgements from a file of any kind, with what it says of their study, or from a data frame."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import pandas as pd

from nami_bench.domain import Comparison, Criteria, Criterion, Ranking
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.leaderboard.scales import NO_SCALES, LowValues, Scales, low_values
from nami_bench.export.carried_study import carried_criteria, check_carried, is_parquet
from nami_bench.export.comparisons_checks import REQUIRED, comparisons_of
from nami_bench.export.foreign import ForeignFile, read_foreign
from nami_bench.export.rankings_checks import columns_of
from nami_bench.study_file import load_criteria, nami_1k_study_file

RATINGS_FILE = Path("data") / "ratings.parquet"
COMPARISONS_FILE = Path("data") / "comparisons.parquet"
RANKINGS_FILE = Path("data") / "rankings.parquet"
ANSWERS_FILE = Path("data") / "answers.parquet"
MARKS_FILE = Path("data") / "marks.jsonl"
"""Beside one of the others."""

OwnSource: TypeAlias = Path | pd.DataFrame
"""A CSV file, a Parquet file, a folder that `nami-bench ratings export --format dataset` wrote, or a data
frame with the columns of such a file."""
Source: TypeAlias = OwnSource | ForeignFile
"""One of these, or a file in another form."""
SaidCriteria: TypeAlias = Path | Mapping[str, float] | Sequence[Criterion] | None
"""Criteria: a study's TOML file, their weights by name, or they themselves; None: nobody said them."""


def judgements_file(path: Path) -> Path:
    """`path` itself, or in a folder of `nami-bench ratings export --format dataset` its Parquet file.

    Raises InputError for a folder that holds none.
    """
    if not path.is_dir():
        return path
    known = (RATINGS_FILE, COMPARISONS_FILE, RANKINGS_FILE, ANSWERS_FILE)
    for name in known:
        if (path / name).is_file():
            return path / name
    raise InputError(f"the folder {path} holds no {' or '.join(map(str, known))}: name a file")


def holds_comparisons(source: OwnSource) -> bool:
    """Whether the columns are those of comparisons; raises InputError for what cannot be read."""
    return set(REQUIRED) <= set(_header(source))


def holds_rankings(source: OwnSource) -> bool:
    """Whether the columns are those of orders, or of best and worst; raises InputError for what cannot be
    read."""
    return columns_of(_header(source)) is not None


def holds_answers(source: OwnSource) -> bool:
    """Whether the columns are those of answers to questions; raises InputError for what cannot be read."""
    return {"question", "answer"} <= set(_header(source))


def load_ratings(
    source: Source,
    criteria: SaidCriteria = None,
    scales: Scales = NO_SCALES,
    study: str | None = None,
) -> tuple[pd.DataFrame, tuple[Criterion, ...]]:
    """The tidy table (see `nami_bench.evaluation.human.table`) and the criteria of ratings.

    The criteria are those of `criteria`, else those that a file carries, else NAMI-1K's; `scales` are those
    of the values, if not the criteria's. `study` chooses among the source's.
    Raises InputError, which names the line or row, for anything that is not as it should be, and where a
    scale was assumed for values that look like another's.
    """
    if isinstance(source, ForeignFile):
        return _foreign_ratings(source, criteria, scales, study)
    if isinstance(source, Path):
        source = judgements_file(source)
    where = _called(source)
    if holds_comparisons(source) or holds_rankings(source):
        held = "comparisons" if holds_comparisons(source) else "rankings"
        raise InputError(f"{where} holds {held}: see {_command('strengths', source, '--comparisons')}")
    if holds_answers(source):
        raise InputError(
            f"{where} holds answers to questions: see {_command('agreement', source, '--ratings')}"
        )
    chosen = _chosen(criteria)
    with_scales = chosen is not None and not isinstance(criteria, Mapping)
    _refuse_two_scales(criteria, scales)
    known = chosen or (carried_criteria(source) if isinstance(source, Path) else None)
    applied = scales.applied(known or load_criteria(nami_1k_study_file()))

    def criteria_of(name: str) -> Sequence[Criterion]:
        if chosen is None and isinstance(source, Path):
            check_carried(source, name)
        return applied

    table = read_any_ratings(source, criteria_of)
    if study is not None:
        table = of_study(table, study)
    if known is None or (chosen is not None and not with_scales):
        unsaid = [criterion for criterion in applied if scales.of(criterion.name) is None]
        _check_scales(source, low_values(table, dict.fromkeys(table["study"].unique(), unsaid)))
    return table, applied


def _foreign_ratings(
    source: ForeignFile, criteria: SaidCriteria, scales: Scales, study: str | None
) -> tuple[pd.DataFrame, tuple[Criterion, ...]]:
    """`load_ratings` of a file in another form, whose criteria are those that it is said to be about."""
    _refuse_two_scales(criteria, scales)
    judged = read_foreign(source)
    chosen = _chosen(criteria)
    if chosen is not None:
        known = scales.applied(chosen)
    else:
        judged.check_kind("ratings")
        known = judged.criteria(scales)
    table = judged.ratings(lambda _: known)
    return (table if study is None else of_study(table, study)), known


def _refuse_two_scales(criteria: SaidCriteria, scales: Scales) -> None:
    if criteria is not None and not isinstance(criteria, Mapping) and scales != NO_SCALES:
        whose = criteria if isinstance(criteria, Path) else "criteria"
        raise InputError(f"--criteria and --scale contradict each other: {whose} has the scales")


def of_study(table: pd.DataFrame, study: str) -> pd.DataFrame:
    """The rows of one of a table's studies; raises UnknownNameError."""
    names = sorted(map(str, table["study"].unique()))
    if study not in names:
        raise UnknownNameError("study", study, names)
    return table[table["study"] == study]


def _chosen(criteria: SaidCriteria) -> Criteria | None:
    if criteria is None:
        return None
    if isinstance(criteria, Path):
        return load_criteria(criteria)
    if isinstance(criteria, Mapping):
        return Criteria(Criterion(name, weight) for name, weight in criteria.items())
    return Criteria.of(criteria)


def _check_scales(source: OwnSource, low: LowValues | None) -> None:
    if low is None:
        return
    form, file = ("--scale {}", "--criteria") if isinstance(source, Path) else ('scale="{}"', "criteria")
    raise InputError(
        f"{_called(source)}: {low} that is assumed: say which scale they are on, as {form.format(low.usual)} "
        f"or by a study file ({file}), or {form.format(low.assumed)} if they are that low"
    )


def read_any_ratings(source: OwnSource, criteria_of: Callable[[str], Sequence[Criterion]]) -> pd.DataFrame:
    """`read_ratings`, `read_ratings_parquet` or `read_ratings_frame`."""
    if not isinstance(source, Path):
        from nami_bench.export.ratings_parquet import read_ratings_frame

        return read_ratings_frame(source, criteria_of)
    if is_parquet(source):
        from nami_bench.export.ratings_parquet import read_ratings_parquet

        return read_ratings_parquet(source, criteria_of)
    from nami_bench.export.ratings_file import read_ratings

    return read_ratings(source, criteria_of)


def load_comparisons(source: Source) -> list[Comparison]:
    """The comparisons of a source, as `load_ratings` takes them, row by row."""
    return comparisons_of(load_comparisons_table(source))


def load_comparisons_table(
    source: Source, more: Sequence[str] = (), *, only_counted: bool = False
) -> pd.DataFrame:
    """The comparisons of a source as a table (see `nami_bench.evaluation.human.comparisons_frame`).

    `more`: columns beside those of comparisons, which Parquet files and data frames may have; raises
    InputError where they lack. `only_counted`: of millions of rows, only what numbers rest on.
    """
    if isinstance(source, ForeignFile):
        return _with_columns(read_foreign(source).comparisons_table(), more, source)
    if isinstance(source, Path):
        source = judgements_file(source)
    header = _header(source)
    if "value" in header and not (isinstance(source, pd.DataFrame) and holds_comparisons(source)):
        raise InputError(
            f"{_called(source)} holds ratings: see {_command('leaderboard', source, '--ratings')}"
        )
    if not isinstance(source, Path):
        from nami_bench.export.comparisons_parquet import read_comparisons_frame_table

        return read_comparisons_frame_table(_with_columns(source, more, _called(source)), more)
    if is_parquet(source):
        from nami_bench.export.comparisons_parquet import COUNTED, SCHEMA, read_comparisons_parquet_table

        return read_comparisons_parquet_table(source, COUNTED if only_counted else SCHEMA.names, more)
    from nami_bench.export.comparisons_file import read_comparisons_table

    return _with_columns(read_comparisons_table(source), more, source)


def _with_columns(table: pd.DataFrame, more: Sequence[str], where: object) -> pd.DataFrame:
    """The same table; raises InputError where it lacks one of `more`."""
    for name in more:
        if name not in table:
            raise InputError(
                f"{where} has no column {name!r}: `nami-bench votes import` writes a Parquet file with what "
                "a data set says beside its votes"
            )
    return table


def load_rankings(source: Source) -> list[Ranking] | None:
    """The orders, or best and worst, of a source, as `load_ratings` takes it; None where it holds something
    else."""
    if isinstance(source, ForeignFile):
        return None
    if isinstance(source, Path):
        source = judgements_file(source)
    if not holds_rankings(source):
        return None
    if not isinstance(source, Path):
        from nami_bench.export.rankings_parquet import read_rankings_frame

        return read_rankings_frame(source)
    if is_parquet(source):
        from nami_bench.export.rankings_parquet import read_rankings_parquet

        return read_rankings_parquet(source)
    from nami_bench.export.rankings_file import read_rankings

    return read_rankings(source)


def load_answers(source: Source) -> pd.DataFrame | None:
    """The answers to questions (see `nami_bench.evaluation.human.answers_table`) of a source, taken as
    `load_ratings` takes it; None where it holds something else."""
    if isinstance(source, ForeignFile):
        return None
    if isinstance(source, Path):
        source = judgements_file(source)
    if not holds_answers(source):
        return None
    from nami_bench.export.answers_file import read_answers, read_answers_frame

    return read_answers(source) if isinstance(source, Path) else read_answers_frame(source)


def _header(source: OwnSource) -> tuple[str, ...]:
    if not isinstance(source, Path):
        from nami_bench.export.frame_columns import frame_header

        return frame_header(source)
    if is_parquet(source):
        from nami_bench.export.parquet_columns import parquet_header

        return parquet_header(source)
    from nami_bench.export.csv_columns import csv_header

    return csv_header(source)


def _called(source: OwnSource) -> str:
    if isinstance(source, Path):
        return str(source)
    from nami_bench.export.frame_columns import WHERE

    return WHERE


def _command(name: str, source: OwnSource, option: str) -> str:
    """What takes the source in the place of what was called."""
    if isinstance(source, Path):
        return f"`nami-bench {name} {option} {source}`"
    return f"`nami_bench.{name}`"
