"""Pairwise comparisons as a Parquet file: the columns of the CSV file, and the criteria in its metadata."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from nami_bench.domain import Comparison, Criterion
from nami_bench.leaderboard.comparisons_file import OPTIONAL, REQUIRED
from nami_bench.leaderboard.ratings_parquet import parquet_bytes

SCHEMA = pa.schema(
    {
        **dict.fromkeys(("study", "annotator", "prompt_id"), pa.string()),
        "sample": pa.int64(),
        **dict.fromkeys(("criterion", "left", "right", "outcome", "reason"), pa.string()),
        **dict.fromkeys(("position", "duration_ms"), pa.int64()),
        "created_at": pa.timestamp("us", tz="UTC"),
    }
)


def comparisons_parquet(
    comparisons: Sequence[Comparison], criteria: Sequence[Criterion], about: Mapping[str, Any] | None = None
) -> bytes:
    """Comparisons in their order; see `ratings_parquet` for the metadata."""
    columns = {name: [getattr(one, name) for one in comparisons] for name in (*REQUIRED, *OPTIONAL)}
    columns["outcome"] = [None if outcome is None else outcome.value for outcome in columns["outcome"]]
    return parquet_bytes(pa.table(columns, schema=SCHEMA), criteria, about)
