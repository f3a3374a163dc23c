"""Ratings and comparisons from a file of any kind, with what the file says of their study."""

from pathlib import Path
from typing import TYPE_CHECKING

from nami_bench.domain import Comparison, Criterion
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.leaderboard.scales import NO_SCALES, LowValues, Scales, low_values
from nami_bench.export.carried_study import carried_criteria, check_carried, is_parquet
from nami_bench.export.comparisons_checks import REQUIRED
from nami_bench.study_file import load_criteria, nami_1k_study_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

RATINGS_FILE = Path("data") / "ratings.parquet"
COMPARISONS_FILE = Path("data") / "comparisons.parquet"
ANSWERS_FILE = Path("data") / "answers.parquet"


def judgements_file(path: Path) -> Path:
    """`path` itself, or in a folder of `nami-bench ratings export --format huggingface` its Parquet file.

    Raises InputError for a folder that holds none.
    """
    if not path.is_dir():
        return path
    known = (RATINGS_FILE, COMPARISONS_FILE, ANSWERS_FILE)
    for name in known:
        if (path / name).is_file():
            return path / name
    raise InputError(f"the folder {path} holds no {' or '.join(map(str, known))}: name a file")


def holds_comparisons(path: Path) -> bool:
    """Whether the file's columns are those of comparisons; raises InputError for what cannot be read."""
    return set(REQUIRED) <= set(_header(path))


def holds_answers(path: Path) -> bool:
    """Whether the file's columns are those of answers to questions; raises InputError for what cannot be
    read."""
    return {"question", "answer"} <= set(_header(path))


def load_ratings(
    path: Path,
    criteria_file: Path | None = None,
    scales: Scales = NO_SCALES,
    study: str | None = None,
) -> "tuple[pd.DataFrame, tuple[Criterion, ...]]":
    """The tidy table (see `nami_bench.evaluation.human.table`) and the criteria of a CSV file, a Parquet
    file, or a folder that `nami-bench ratings export --format huggingface` wrote.

    The criteria are those of `criteria_file` (a study's TOML), else those that the file carries, else
    NAMI-1K's; `scales` are those of the values, if not the criteria's. `study` chooses among the file's.
    Raises InputError, which names the line or row, for anything that is not as it should be, and where
    NAMI-1K's scales would be taken for values that look like another's.
    """
    path = judgements_file(path)
    chosen = None if criteria_file is None else load_criteria(criteria_file)
    if holds_comparisons(path):
        raise InputError(f"{path} holds comparisons: see `nami-bench strengths --comparisons {path}`")
    if holds_answers(path):
        raise InputError(f"{path} holds answers to questions: see `nami-bench agreement --ratings {path}`")
    if chosen is not None and scales != NO_SCALES:
        raise InputError(f"--criteria and --scale contradict each other: {criteria_file} has the scales")
    known = chosen or carried_criteria(path)
    criteria = scales.applied(known or load_criteria(nami_1k_study_file()))

    def criteria_of(name: str) -> "Sequence[Criterion]":
        if chosen is None:
            check_carried(path, name)
        return criteria

    table = read_any_ratings(path, criteria_of)
    if study is not None:
        table = of_study(table, study)
    if known is None:
        unsaid = [criterion for criterion in criteria if scales.of(criterion.name) is None]
        _check_scales(path, low_values(table, dict.fromkeys(table["study"].unique(), unsaid)))
    return table, criteria


def of_study(table: "pd.DataFrame", study: str) -> "pd.DataFrame":
    """The rows of one of a table's studies; raises UnknownNameError."""
    names = sorted(map(str, table["study"].unique()))
    if study not in names:
        raise UnknownNameError("study", study, names)
    return table[table["study"] == study]


def _check_scales(path: Path, low: LowValues | None) -> None:
    if low is not None:
        raise InputError(
            f"{path}: {low} that is assumed: say which scale they are on, as --scale {low.usual} or by a "
            f"study file (--criteria), or --scale {low.assumed} if they are that low"
        )


def read_any_ratings(path: Path, criteria_of: "Callable[[str], Sequence[Criterion]]") -> "pd.DataFrame":
    """`read_ratings` or `read_ratings_parquet`."""
    if is_parquet(path):
        from nami_bench.export.ratings_parquet import read_ratings_parquet

        return read_ratings_parquet(path, criteria_of)
    from nami_bench.export.ratings_file import read_ratings

    return read_ratings(path, criteria_of)


def load_comparisons(path: Path) -> list[Comparison]:
    """The comparisons of a CSV file, a Parquet file or a folder, as `load_ratings` takes them."""
    path = judgements_file(path)
    if is_parquet(path):
        from nami_bench.export.comparisons_parquet import read_comparisons_parquet as read
    else:
        from nami_bench.export.comparisons_file import read_comparisons as read
    if "value" in _header(path):
        raise InputError(f"{path} holds ratings: see `nami-bench leaderboard --ratings {path}`")
    return read(path)


def _header(path: Path) -> tuple[str, ...]:
    if is_parquet(path):
        from nami_bench.export.parquet_columns import parquet_header

        return parquet_header(path)
    from nami_bench.export.csv_columns import csv_header

    return csv_header(path)
