"""A leaderboard as a short CSV file for people, and the legend that says what its columns hold."""

from collections.abc import Iterator
from typing import Any

from nami_bench.evaluation.leaderboard.columns import (
    ScoreColumn,
    automatic_of,
    human_columns,
    interval_level,
    overall_column,
    short_names,
    total_title,
)
from nami_bench.evaluation.leaderboard.rows import AutomaticColumn, Leaderboard
from nami_bench.evaluation.leaderboard.wide_columns import COLUMNS_AFTER, COLUMNS_BEFORE
from nami_bench.export.files import CLUSTER, wide_rows
from nami_bench.export.sections import percent
from nami_bench.export.spreadsheet import csv_table

SHORT_BEFORE = ("rank", "rank_low", "rank_high", "ties", "model", "status", "complete", "parameters")
SHORT_AFTER = ("images", "ratings", "annotators", "gaps", "study", "cautions", "source")
_SPEED = ("images_per_second", "latency_p50", "price_per_1000")
"""Where anything was timed, or has a price."""

LEGEND_COLUMNS = (
    "column", "holds", "better", "lowest", "highest", "interval", "metric", "prompt_set", "prompt_set_sha256",
    "prompt_file_sha256", "instrument", "column_in_wide_csv",
)  # fmt: skip


def short_rows(board: Leaderboard) -> list[dict[str, Any]]:
    """A row for each model, by the columns of `leaderboard_short_csv`."""
    return [{name: wide[key] for name, key in _columns(board).items()} for wide in wide_rows(board)]


def leaderboard_short_csv(board: Leaderboard) -> bytes:
    """RFC 4180, UTF-8 with a byte order mark, one header; texts that a spreadsheet would run are neutralized.

    Beside each score stand its interval's ends; parts of scores (tasks, strata) and adjusted scores are for
    the other forms.
    """
    rows = (row.values() for row in short_rows(board))
    return csv_table(list(_columns(board)), rows, decimals=6, byte_order_mark=True)


def legend_csv(board: Leaderboard) -> bytes:
    """What each column of `leaderboard_short_csv` holds, one a line, by `LEGEND_COLUMNS`."""
    rows = ([line.get(name) for name in LEGEND_COLUMNS] for line in _legend(board))
    return csv_table(LEGEND_COLUMNS, rows, byte_order_mark=True)


def _columns(board: Leaderboard) -> dict[str, str]:
    """By its name in the short CSV, that of each column in the wide one."""
    columns = {name: name for name in SHORT_BEFORE}
    for name, column in _scores(board).items():
        columns[name] = column.key
        if _has_interval(column, board):
            columns |= {f"{name}:{end}": f"{column.key}:{end}" for end in ("low", "high")}
    return columns | {name: name for name in (*(_SPEED if board.speeds else ()), *SHORT_AFTER)}


def _scores(board: Leaderboard) -> dict[str, ScoreColumn]:
    short = short_names(board.automatic)
    human = {column.key: column for column in human_columns(board)}
    return human | {short[column.key]: overall_column(column) for column in board.automatic}


def _has_interval(column: ScoreColumn, board: Leaderboard) -> bool:
    """Whether there can be one: one value of all images has none."""
    automatic = automatic_of(column, board)
    return automatic is None or not automatic.of_sets


def _legend(board: Leaderboard) -> Iterator[dict[str, Any]]:
    scores, known = _scores(board), COLUMNS_BEFORE | COLUMNS_AFTER
    ends = {f"{name}:{end}": name for name in scores for end in ("low", "high")}
    for name, key in _columns(board).items():
        line: dict[str, Any] = {"column": name, "column_in_wide_csv": key}
        if name in scores:
            yield line | _of_score(scores[name], board)
        elif name in ends:
            end = "lower" if name.endswith(":low") else "upper"
            yield line | {"holds": f"{end} end of the interval of {ends[name]}"}
        else:
            yield line | {"holds": known[key].replace("`", "")}


def _of_score(column: ScoreColumn, board: Leaderboard) -> dict[str, Any]:
    automatic = automatic_of(column, board)
    prompts = automatic.prompt_set if automatic else board.rated_prompts
    origin = board.prompt_origins.get(prompts or "")
    return {
        "holds": _holds(column, automatic, board),
        "better": "lower" if column.lower_is_better else "higher",
        "lowest": None if column.top is None else 0,
        "highest": column.top,
        "interval": _interval_words(column, board) if _has_interval(column, board) else None,
        "metric": automatic.metric if automatic else column.key,
        "prompt_set": prompts,
        "prompt_set_sha256": board.prompt_sets.get(prompts or ""),
        "prompt_file_sha256": origin.file.sha256 if origin and origin.file else None,
        "instrument": automatic.instrument if automatic else "people",
    }


def _holds(column: ScoreColumn, automatic: AutomaticColumn | None, board: Leaderboard) -> str:
    if automatic is None and column.key == "total":
        title = total_title(board)
        return "human score, of all criteria" + ("" if title == "total" else f": {title}")
    if automatic is None:
        return "human score of this criterion"
    if automatic.of_sets:
        return "one value of all images"
    return "mean over GenEval's tasks" if automatic.metric == "geneval" else "mean over images"


def _interval_words(column: ScoreColumn, board: Leaderboard) -> str | None:
    if automatic_of(column, board) is not None:
        method, over = CLUSTER
    elif board.precision is not None:
        method, over = board.precision.method, board.precision.over
    else:
        return None
    return f"{percent(interval_level(column, board))}, {method}, over {over}"
