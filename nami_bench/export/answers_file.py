"""People's answers to questions as CSV and Parquet files: the columns of
`nami_bench.evaluation.human.answers_table`.

study, annotator, model, prompt_id, sample, question, answer, and optionally text, category, duration_ms,
created_at (ISO 8601, UTC where no zone is given), in any order. `answer` is yes, no, cannot tell, or not
asked.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from nami_bench.domain import Criterion
from nami_bench.evaluation.human.answers_table import ANSWERS, COLUMNS, KEY
from nami_bench.export.carried_study import about_criteria, is_parquet
from nami_bench.export.csv_columns import (
    Columns,
    count_parser,
    name_parser,
    parse_instant,
    parse_sample,
    parse_text,
    read_csv_columns,
    refuse_line,
    written,
)
from nami_bench.export.frame_columns import read_frame_columns, refuse_place
from nami_bench.export.parquet_columns import (
    ParquetColumns,
    parquet_bytes,
    read_parquet_columns,
    refuse_row,
)
from nami_bench.export.ratings_checks import Refuse
from nami_bench.export.spreadsheet import LINE_END, neutralized

REQUIRED = (*KEY, "answer")
OPTIONAL = ("text", "category", "duration_ms", "created_at")
SCHEMA = pa.schema(
    {
        **dict.fromkeys(("study", "annotator", "model", "prompt_id"), pa.string()),
        **dict.fromkeys(("sample", "question"), pa.int64()),
        **dict.fromkeys(("text", "category", "answer"), pa.string()),
        "duration_ms": pa.int64(),
        "created_at": pa.timestamp("us", tz="UTC"),
    }
)
_NAMES = ("study", "annotator", "model", "prompt_id")
_PARSERS = {
    **{name: name_parser(name) for name in _NAMES},
    "sample": parse_sample,
    "question": count_parser("question"),
    "text": parse_text,
    "category": parse_text,
    "answer": lambda text: text.strip() or None,
    "duration_ms": count_parser("duration_ms", "milliseconds"),
    "created_at": parse_instant,
}
_CSV = Columns({name: _PARSERS[name] for name in COLUMNS}, OPTIONAL, "answers")
_PARQUET = ParquetColumns(SCHEMA, (*_NAMES, "answer"), OPTIONAL, "answers")


def read_answers(path: Path) -> pd.DataFrame:
    """The table of a CSV or Parquet file.

    Raises InputError, which names the line or row, for what is missing or malformed, an answer that is none
    of the four, and one that is given twice.
    """
    if is_parquet(path):
        table, refuse = read_parquet_columns(path, _PARQUET), partial(refuse_row, path)
    else:
        table, refuse = read_csv_columns(path, _CSV), partial(refuse_line, path)
    return _checked(table, refuse)


def read_answers_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """The table of a data frame, checked likewise.

    See `read_frame_columns`. Raises InputError, which names the row as `.iloc` does.
    """
    return _checked(read_frame_columns(frame, _PARQUET), refuse_place)


def answers_csv(table: pd.DataFrame) -> bytes:
    """A file that `read_answers` takes: RFC 4180, UTF-8, one header.

    Texts that a spreadsheet program would run as formulas are neutralized.
    """
    cells = {name: written(table[name], neutralized) for name in (*_NAMES, "text", "category")}
    cells["created_at"] = written(table["created_at"], datetime.isoformat)
    return table.assign(**cells).to_csv(index=False, lineterminator=LINE_END).encode()


def answers_parquet(
    table: pd.DataFrame, criteria: Sequence[Criterion], about: Mapping[str, Any] | None = None
) -> bytes:
    """The table as Parquet; see `ratings_parquet` for the metadata."""
    plain = {name: table[name].astype(object) for name in table.select_dtypes("category").columns}
    arrow = pa.Table.from_pandas(table.assign(**plain), SCHEMA, preserve_index=False)
    return parquet_bytes(arrow, about_criteria(criteria, about))


def _checked(table: pd.DataFrame, refuse: Refuse) -> pd.DataFrame:
    _check(table, refuse)
    words = {name: table[name].astype(object).where(table[name].notna(), "") for name in ("text", "category")}
    return table.assign(**words).astype({"question": "int64"})


def _check(table: pd.DataFrame, refuse: Refuse) -> None:
    if (unknown := ~table["answer"].isin(ANSWERS)).any():
        row = int(unknown.to_numpy().argmax())
        refuse(row, f"answer {table['answer'].iloc[row]!r} is none of {', '.join(ANSWERS)}")
    if (unnamed := table["question"].isna()).any():
        refuse(int(unnamed.to_numpy().argmax()), "question is empty")
    if (repeated := table.duplicated(list(KEY))).any():
        row = int(repeated.to_numpy().argmax())
        of = table.iloc[row]
        refuse(
            row,
            f"{of['annotator']!r} answered question {of['question']} about {of['model']}/{of['prompt_id']}/"
            f"{of['sample']} before already: keep one of the two",
        )
