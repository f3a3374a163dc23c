"""A leaderboard as CSV and JSON, for programs.

CSV columns, in this order:

| column | holds |
|---|---|
| rank | position by the column ranked by, equal scores share it; empty: not ranked |
| model, status | status is measured, simulated or published |
| complete | true, false; empty for published rows |
| parameters | of the model, where known |
| one for each criterion, total | human scores, 0-100; criterion:NAME where another column has that name |
| METRIC:PROMPT_SET:INSTRUMENT | mean over images of an automatic metric; fid, kid: one value of all images |
| geneval:PROMPT_SET:INSTRUMENT:overall, ...:TASK | 0-1 |
| METRIC:PROMPT_SET:INSTRUMENT:images | images scored |
| images, images_expected, images_failed | rated; to be rated; requested but failed or refused |
| ratings, annotators, missing_share | values given; who gave them; share (0-1) without a value |
| gaps | what is missing, in words |
| study, stratum, prompt_sets | of measured rows; prompt_sets as NAME@SHA256, separated by blanks |
| source | of a published row |
"""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from nami_bench import __version__
from nami_bench.leaderboard.columns import (
    COLUMNS_AFTER,
    COLUMNS_BEFORE,
    human_columns,
    overall_column,
    task_columns,
)
from nami_bench.leaderboard.rows import Leaderboard, LeaderboardRow
from nami_bench.leaderboard.sections import notes, simulation_notice
from nami_bench.leaderboard.spreadsheet import neutralized

JSON_SCHEMA = "nami-bench/leaderboard/1"


def leaderboard_csv(board: Leaderboard) -> bytes:
    """RFC 4180, UTF-8, one header; texts that a spreadsheet program would run are neutralized."""
    rows = [_cells(board, row) for row in board.rows]
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow(neutralized(name) for name in rows[0])
    writer.writerows([_cell(value) for value in row.values()] for row in rows)
    return stream.getvalue().encode()


def leaderboard_json(board: Leaderboard) -> bytes:
    """One JSON document, UTF-8; its `schema` changes when a field changes its meaning."""
    document = {
        "schema": JSON_SCHEMA,
        "nami_bench": __version__,
        "study": board.study,
        "stratum": board.stratum,
        "prompt_sets": dict(board.prompt_sets),
        "criteria": [
            {"name": c.name, "weight": c.weight, "minimum": c.minimum, "maximum": c.maximum}
            for c in board.criteria
        ],
        "automatic": [
            {
                "key": c.key,
                "metric": c.metric,
                "prompt_set": c.prompt_set,
                "instrument": c.instrument,
                "lower_is_better": c.lower_is_better,
            }
            for c in board.automatic
        ],
        "annotators": board.annotators,
        "simulated_annotators": board.simulated_annotators,
        "latest_rating": board.latest_rating.isoformat() if board.latest_rating else None,
        "ranked_by": board.ranked_by,
        "notice": simulation_notice(board),
        "notes": notes(board),
        "rows": [_json_row(row) for row in board.rows],
    }
    return (json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _cells(board: Leaderboard, row: LeaderboardRow) -> dict[str, Any]:
    sets = " ".join(f"{name}@{sha256}" for name, sha256 in board.prompt_sets.items())
    of_board: dict[str, str | None] = {"study": board.study, "stratum": board.stratum, "prompt_sets": sets}
    if row.source:
        of_board = dict.fromkeys(of_board)
    scores: dict[str, Any] = {column.key: column.value(row) for column in human_columns(board)}
    for automatic in board.automatic:
        parts = (overall_column(automatic), *task_columns(automatic))
        scores |= {part.key: part.value(row) for part in parts}
        score = row.automatic.get(automatic.key)
        scores[f"{automatic.key}:images"] = score.images if score else None
    before = {name: _row_value(row, name, of_board) for name in COLUMNS_BEFORE}
    return before | scores | {name: _row_value(row, name, of_board) for name in COLUMNS_AFTER}


def _row_value(row: LeaderboardRow, name: str, of_board: Mapping[str, Any]) -> Any:
    if name in of_board:
        return of_board[name]
    value = getattr(row, name)
    return "; ".join(value) if name == "gaps" else value


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(round(value, 6))
    return neutralized(value) if isinstance(value, str) else str(value)


def _json_row(row: LeaderboardRow) -> dict[str, Any]:
    return {
        **asdict(row),
        "status": row.status.value,
        "complete": row.complete,
        "missing_share": row.missing_share,
    }
