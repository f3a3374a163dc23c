"""Ratings from a file of any kind, with the criteria that go with them."""

from pathlib import Path
from typing import TYPE_CHECKING

from nami_bench.config import load_criteria, nami_1k_study_file
from nami_bench.domain import Criterion
from nami_bench.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


def load_ratings(
    path: Path, criteria_file: Path | None = None
) -> "tuple[pd.DataFrame, tuple[Criterion, ...]]":
    """The tidy table (see `evaluation.human.table`) and the criteria of a CSV file, a Parquet file, or a
    folder that `nami-bench ratings export --format huggingface` wrote.

    The criteria are those of `criteria_file` (a study's TOML), else those that a Parquet file carries, else
    NAMI-1K's. Raises InputError, which names the line or row, for anything that is not as it should be.
    """
    if path.is_dir():
        from nami_bench.leaderboard.dataset_folder import RATINGS_FILE

        if not (path / RATINGS_FILE).is_file():
            raise InputError(f"the folder {path} holds no {RATINGS_FILE}: name a file of ratings")
        path = path / RATINGS_FILE
    chosen = None if criteria_file is None else load_criteria(criteria_file)
    if path.suffix.lower() == ".parquet":
        from nami_bench.leaderboard.ratings_parquet import embedded_criteria, read_ratings_parquet

        criteria = chosen or embedded_criteria(path) or load_criteria(nami_1k_study_file())
        return read_ratings_parquet(path, lambda study: criteria), criteria
    from nami_bench.leaderboard.ratings_file import read_ratings

    criteria = chosen or load_criteria(nami_1k_study_file())
    return read_ratings(path, lambda study: criteria), criteria
