"""Ratings and comparisons from a file of any kind, with what the file says of their study."""

from pathlib import Path
from typing import TYPE_CHECKING

from nami_bench.config import load_criteria, nami_1k_study_file
from nami_bench.domain import Comparison, Criterion
from nami_bench.errors import InputError
from nami_bench.leaderboard.carried_study import carried_criteria, is_parquet
from nami_bench.leaderboard.comparisons_checks import REQUIRED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

RATINGS_FILE = Path("data") / "ratings.parquet"
COMPARISONS_FILE = Path("data") / "comparisons.parquet"


def judgements_file(path: Path) -> Path:
    """`path` itself, or in a folder of `nami-bench ratings export --format huggingface` its Parquet file.

    Raises InputError for a folder that holds none.
    """
    if not path.is_dir():
        return path
    for name in (RATINGS_FILE, COMPARISONS_FILE):
        if (path / name).is_file():
            return path / name
    raise InputError(f"the folder {path} holds no {RATINGS_FILE} or {COMPARISONS_FILE}: name a file")


def holds_comparisons(path: Path) -> bool:
    """Whether the file's columns are those of comparisons; raises InputError for what cannot be read."""
    return set(REQUIRED) <= set(_header(path))


def load_ratings(
    path: Path, criteria_file: Path | None = None
) -> "tuple[pd.DataFrame, tuple[Criterion, ...]]":
    """The tidy table (see `evaluation.human.table`) and the criteria of a CSV file, a Parquet file, or a
    folder that `nami-bench ratings export --format huggingface` wrote.

    The criteria are those of `criteria_file` (a study's TOML), else those that the file carries, else
    NAMI-1K's. Raises InputError, which names the line or row, for anything that is not as it should be.
    """
    path = judgements_file(path)
    chosen = None if criteria_file is None else load_criteria(criteria_file)
    if holds_comparisons(path):
        raise InputError(f"{path} holds comparisons: see `nami-bench strengths --comparisons {path}`")
    criteria = chosen or carried_criteria(path) or load_criteria(nami_1k_study_file())
    return read_any_ratings(path, lambda study: criteria), criteria


def read_any_ratings(path: Path, criteria_of: "Callable[[str], Sequence[Criterion]]") -> "pd.DataFrame":
    """`read_ratings` or `read_ratings_parquet`."""
    if is_parquet(path):
        from nami_bench.leaderboard.ratings_parquet import read_ratings_parquet

        return read_ratings_parquet(path, criteria_of)
    from nami_bench.leaderboard.ratings_file import read_ratings

    return read_ratings(path, criteria_of)


def load_comparisons(path: Path) -> list[Comparison]:
    """The comparisons of a CSV file, a Parquet file or a folder, as `load_ratings` takes them."""
    path = judgements_file(path)
    if is_parquet(path):
        from nami_bench.leaderboard.comparisons_parquet import read_comparisons_parquet as read
    else:
        from nami_bench.leaderboard.comparisons_file import read_comparisons as read
    if "value" in _header(path):
        raise InputError(f"{path} holds ratings: see `nami-bench leaderboard --ratings {path}`")
    return read(path)


def _header(path: Path) -> tuple[str, ...]:
    if is_parquet(path):
        from nami_bench.leaderboard.parquet_columns import parquet_header

        return parquet_header(path)
    from nami_bench.leaderboard.csv_columns import csv_header

    return csv_header(path)
