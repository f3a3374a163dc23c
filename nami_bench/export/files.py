"""A leaderboard as one wide CSV file and as JSON, for programs.

`nami_bench.evaluation.leaderboard.wide_columns` names the CSV's columns and says what they hold.

An empty cell is a value that there is none of. A column that no row can fill is there all the same, except
for groups of prompts and automatic scores, which depend on what there is.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from nami_bench import __version__
from nami_bench.evaluation.leaderboard.columns import (
    ScoreColumn,
    human_columns,
    overall_column,
    task_columns,
    total_kind,
)
from nami_bench.evaluation.leaderboard.rows import Group, GroupScore, Leaderboard, LeaderboardRow
from nami_bench.evaluation.leaderboard.speed import not_comparable
from nami_bench.evaluation.leaderboard.wide_columns import COLUMNS_AFTER, COLUMNS_BEFORE
from nami_bench.export.sections import notes, simulation_notice
from nami_bench.export.speed_text import speed_cells
from nami_bench.export.spreadsheet import csv_table
from nami_bench.software import commit

_JOINED = {"gaps": "; ", "ties": " "}
JSON_SCHEMA = "nami-bench/leaderboard/2"
"""The `schema` of the documents: that of `leaderboard.schema.json`, which lies beside this module."""
INTERVAL_COLUMNS = ("interval_method", "interval_over", "interval_level")
CLUSTER = ("cluster", "prompts")
"""How intervals of automatic scores are made, and over what: see `nami_bench.evaluation.shares`."""
SCHEMA_VERSION = "2.1"
"""Their `schema_version`: the first number is that of `JSON_SCHEMA` and changes when a field changes its
meaning or goes; the second one when a field is added."""


def wide_rows(board: Leaderboard) -> list[dict[str, Any]]:
    """A row for each model, by the columns of `leaderboard_wide_csv`."""
    return [_cells(board, row) for row in board.rows]


def leaderboard_wide_csv(board: Leaderboard) -> bytes:
    """RFC 4180, UTF-8, one header; texts that a spreadsheet program would run are neutralized."""
    rows = wide_rows(board)
    return csv_table(list(rows[0]), (row.values() for row in rows), decimals=6)


def leaderboard_json(board: Leaderboard) -> bytes:
    """One JSON document, UTF-8; its `schema` changes when a field changes its meaning."""
    unlike = not_comparable(board.speeds)
    document = {
        "schema": JSON_SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "nami_bench": __version__,
        "commit": commit(),
        "study": board.study,
        "stratum": board.stratum,
        "samples": board.samples,
        "prompt_sets": dict(board.prompt_sets),
        "prompt_origins": {name: asdict(origin) for name, origin in board.prompt_origins.items()},
        "criteria": [
            {"name": c.name, "weight": c.weight, "minimum": c.minimum, "maximum": c.maximum}
            for c in board.criteria
        ],
        "total_kind": total_kind(board),
        "automatic": [
            {
                "key": c.key,
                "metric": c.metric,
                "prompt_set": c.prompt_set,
                "instrument": c.instrument,
                "lower_is_better": c.lower_is_better,
                "rewritten": c.rewritten,
            }
            for c in board.automatic
        ],
        "annotators": board.annotators,
        "simulated_annotators": board.simulated_annotators,
        "latest_rating": board.latest_rating.isoformat() if board.latest_rating else None,
        "ranked_by": board.ranked_by,
        "precision": None if board.precision is None else asdict(board.precision),
        "automatic_level": board.automatic_level,
        "rated_prompts": board.rated_prompts,
        "groups": [{**asdict(group), "key": group.key} for group in board.groups],
        "pairs": [asdict(pair) for pair in board.pairs],
        "models": [origin.to_json() for origin in board.models],
        "instruments": [origin.to_json() for origin in board.instruments],
        "speeds": {
            model: {**speed.to_json(), "comparable": model not in unlike}
            for model, speed in board.speeds.items()
        },
        "prices_in": board.prices_in,
        "notice": simulation_notice(board),
        "notes": notes(board),
        "rows": [_json_row(row) for row in board.rows],
    }
    return (json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _cells(board: Leaderboard, row: LeaderboardRow) -> dict[str, Any]:
    of_board: dict[str, Any] = {"study": board.study, "stratum": board.stratum, **_prompt_cells(board)}
    of_board |= {"samples": board.samples, "cautions": "; ".join(board.cautions)}
    of_board |= dict(zip(INTERVAL_COLUMNS, interval_basis(board), strict=True))
    origin = next((origin for origin in board.models if origin.model == row.model), None)
    of_board["licence"] = origin.licence if origin else None
    of_board["weights"] = "; ".join(origin.weights) if origin else None
    of_board |= speed_cells(board.speeds.get(row.model), row.model in not_comparable(board.speeds))
    of_board["price_note"] = None if of_board["price_per_1000"] is None else board.prices_in
    if row.source:
        of_board = dict.fromkeys(of_board)
    scores: dict[str, Any] = {}
    for column in human_columns(board):
        scores |= _with_interval(column, row)
    if board.criteria:
        scores["total:kind"] = None if row.source else total_kind(board)
    for group in board.groups:
        scores |= _group_cells(group, row)
    for automatic in board.automatic:
        for column in (overall_column(automatic), *task_columns(automatic)):
            scores |= _with_interval(column, row)
        score = row.automatic.get(automatic.key)
        scores[f"{automatic.key}:images"] = score.images if score else None
    before = {name: _row_value(row, name, of_board) for name in COLUMNS_BEFORE}
    return before | scores | {name: _row_value(row, name, of_board) for name in COLUMNS_AFTER}


def interval_basis(board: Leaderboard) -> tuple[str | None, str | None, float | None]:
    """How the board's intervals are made, over what, and their level: those of human scores; on a board
    without any, of the automatic ones; None where there are no intervals."""
    if board.precision is not None:
        return board.precision.method, board.precision.over, board.precision.level
    if not board.criteria and any(score.interval for row in board.rows for score in row.automatic.values()):
        return (*CLUSTER, board.automatic_level)
    return None, None, None


def _prompt_cells(board: Leaderboard) -> dict[str, str]:
    origins = board.prompt_origins.items()
    return {
        "prompt_sets": " ".join(f"{name}@{sha256}" for name, sha256 in board.prompt_sets.items()),
        "prompt_files": " ".join(f"{name}@{origin.file.sha256}" for name, origin in origins if origin.file),
        "rewritten_prompts": " ".join(
            f"{name}={origin.rewritten}/{origin.prompts}" for name, origin in origins if origin.rewritten
        ),
    }


def _with_interval(column: ScoreColumn, row: LeaderboardRow) -> dict[str, Any]:
    """A score's cells: the value, its interval, and for human scores the same of the adjusted value."""
    interval = column.interval(row)
    cells = {
        column.key: column.value(row),
        f"{column.key}:low": interval.low if interval else None,
        f"{column.key}:high": interval.high if interval else None,
    }
    return cells if column.adjusted is None else cells | _with_interval(column.adjusted, row)


def _group_cells(group: Group, row: LeaderboardRow) -> dict[str, Any]:
    score = group.scores.get(row.model)
    if score is None or row.source:
        score = GroupScore(None)
    key, interval = f"total:{group.key}", score.interval
    return {
        key: score.total,
        f"{key}:low": interval.low if interval else None,
        f"{key}:high": interval.high if interval else None,
    }


def _row_value(row: LeaderboardRow, name: str, of_board: Mapping[str, Any]) -> Any:
    if name in of_board:
        return of_board[name]
    value = getattr(row, name)
    return _JOINED[name].join(value) if name in _JOINED else value


def _json_row(row: LeaderboardRow) -> dict[str, Any]:
    values = asdict(row)
    del values["sources"]
    return {
        **values,
        "status": row.status.value,
        "source": row.source,
        "complete": row.complete,
        "missing_share": row.missing_share,
    }
