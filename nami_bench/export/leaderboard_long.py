"""A leaderboard in long form ("tidy"): one line for each number, for pandas, R and databases."""

from collections.abc import Callable, Iterator
from typing import Any

from nami_bench.evaluation.leaderboard.columns import (
    ScoreColumn,
    human_columns,
    interval_level,
    overall_column,
    task_columns,
)
from nami_bench.evaluation.leaderboard.rows import (
    AutomaticColumn,
    AutomaticScore,
    Interval,
    Leaderboard,
    LeaderboardRow,
)
from nami_bench.evaluation.leaderboard.speed import Speed
from nami_bench.export.files import CLUSTER
from nami_bench.export.spreadsheet import csv_table

LONG_COLUMNS = {
    "study": "that people rated for; empty: none",
    "model": "its name",
    "status": "measured, simulated or published",
    "kind": "human, adjusted (as the average annotator would have scored all images), automatic, speed, rank",
    "metric": "a criterion, `total`, or a metric's name; of speed and rank what is counted",
    "prompt_set": "on which it was measured",
    "instrument": "that measured it, with its weights' hashes; of human scores `people`, or `simulated`",
    "part": "what the value is of: `all`, else stratum, task, category or a tag's name",
    "name": "which stratum, task, category or value of the tag",
    "value": "the number",
    "low": "lower end of its interval; of `rank` the best place that the model may have",
    "high": "upper end; of `rank` the worst place",
    "level": "of the interval, 0-1",
    "interval_method": "crossed, percentile, bca; cluster: whole prompts as the sample; order: of latencies",
    "interval_over": "what was taken for a sample of many: both, prompts, annotators, images",
    "n": "images behind the value",
    "n_expected": "images that should be",
    "ratings": "behind the human scores of the model",
    "annotators": "likewise",
    "lowest": "that the value can be; empty: no bound",
    "highest": "likewise",
    "better": "higher or lower",
    "column": "name of the value's column in the wide CSV, and for --sort",
    "ties": "compact letter display of the model, in lines of `rank`",
    "gaps": "what is missing of the model, in words",
    "cautions": "who was left out, and what the intervals do not hold for, in words",
    "stratum": "the only one that counts; empty: all",
    "samples": "only the first so many of each prompt count; empty: all",
    "source": "of a published row",
}
"""The long CSV's columns, and what they hold."""

_SPEED: dict[str, tuple[str, Callable[[Speed], Any]]] = {
    "images_per_second": ("higher", lambda speed: speed.images_per_second),
    "latency_p50": ("lower", lambda speed: speed.latency.p50),
    "latency_p95": ("lower", lambda speed: speed.latency.p95),
    "latency_p99": ("lower", lambda speed: speed.latency.p99),
    "peak_memory_bytes": ("lower", lambda speed: speed.peak_memory_bytes),
    "load_seconds": ("lower", lambda speed: speed.load_seconds),
    "price_per_1000": ("lower", lambda speed: speed.price),
}
_LATENCY_LEVEL = 0.95


def long_rows(board: Leaderboard) -> list[dict[str, Any]]:
    """A line for each number, by `LONG_COLUMNS`; what a model has no value of has no line."""
    return [dict.fromkeys(LONG_COLUMNS) | line for row in board.rows for line in _lines(board, row)]


def leaderboard_long_csv(board: Leaderboard) -> bytes:
    """RFC 4180, UTF-8 with a byte order mark, one header; texts a spreadsheet would run are neutralized."""
    rows = (line.values() for line in long_rows(board))
    return csv_table(list(LONG_COLUMNS), rows, decimals=6, byte_order_mark=True)


def _lines(board: Leaderboard, row: LeaderboardRow) -> Iterator[dict[str, Any]]:
    of_row: dict[str, Any] = {
        "model": row.model,
        "status": row.status.value,
        "gaps": "; ".join(row.gaps),
        "source": row.source,
    }
    if not row.source:
        of_row |= {
            "study": board.study,
            "cautions": "; ".join(board.cautions),
            "stratum": board.stratum,
            "samples": board.samples,
        }
    for line in (
        *_rank_lines(board, row),
        *_human_lines(board, row),
        *_automatic_lines(board, row),
        *_speed_lines(board, row),
    ):
        yield of_row | line


def _rank_lines(board: Leaderboard, row: LeaderboardRow) -> Iterator[dict[str, Any]]:
    basis = {"kind": "rank", "part": "all", "ties": " ".join(row.ties)}
    if row.rank is not None:
        yield basis | {
            "metric": "rank",
            "value": row.rank,
            "low": row.rank_low,
            "high": row.rank_high,
            "lowest": 1,
            "better": "lower",
            "column": "rank",
        }
    if row.first_probability is not None:
        yield basis | {
            "metric": "first_probability",
            "value": row.first_probability,
            "lowest": 0.0,
            "highest": 1.0,
            "better": "higher",
            "column": "first_probability",
        }


def _human_lines(board: Leaderboard, row: LeaderboardRow) -> Iterator[dict[str, Any]]:
    basis = {
        "prompt_set": None if row.source else board.rated_prompts,
        "instrument": None if row.source else "simulated" if row.status == "simulated" else "people",
        "part": "all",
        "n": row.images,
        "n_expected": row.images_expected,
        "ratings": row.ratings,
        "annotators": row.annotators,
    }
    for column in human_columns(board):
        for kind, one in (("human", column), ("adjusted", column.adjusted)):
            if one is not None:
                line = basis | {"kind": kind, "metric": column.key} | _of_column(one, row)
                yield from _with_interval(line, one.interval(row), _human_basis(board))
    for group in () if row.source else board.groups:
        score = group.scores.get(row.model)
        if score is not None:
            part = {"part": group.kind, "name": group.name, "n": None, "n_expected": None}
            part |= {"ratings": None, "annotators": None}
            line = basis | part | {"kind": "human", "metric": "total", "value": score.total}
            line |= {"lowest": 0.0, "highest": 100.0, "better": "higher", "column": f"total:{group.key}"}
            yield from _with_interval(line, score.interval, _human_basis(board))


def _human_basis(board: Leaderboard) -> dict[str, Any]:
    if board.precision is None:
        return {}
    return {
        "level": board.precision.level,
        "interval_method": board.precision.method,
        "interval_over": board.precision.over,
    }


def _automatic_lines(board: Leaderboard, row: LeaderboardRow) -> Iterator[dict[str, Any]]:
    for automatic in board.automatic:
        score = row.automatic.get(automatic.key)
        if score is None:
            continue
        for column in (overall_column(automatic), *task_columns(automatic)):
            line = _automatic_line(automatic, score) | _of_column(column, row)
            if column.key != overall_column(automatic).key:
                part = "task" if automatic.metric == "geneval" else "category"
                line |= {"part": part, "name": column.key.removeprefix(f"{automatic.key}:"), "n": None}
                line["n_expected"] = None
            method, over = CLUSTER
            basis = {"level": interval_level(column, board), "interval_method": method, "interval_over": over}
            yield from _with_interval(line, column.interval(row), basis)


def _automatic_line(automatic: AutomaticColumn, score: AutomaticScore) -> dict[str, Any]:
    return {
        "kind": "automatic",
        "metric": automatic.metric,
        "prompt_set": automatic.prompt_set,
        "instrument": automatic.instrument,
        "part": "all",
        "n": score.images,
        "n_expected": score.expected,
    }


def _of_column(column: ScoreColumn, row: LeaderboardRow) -> dict[str, Any]:
    return {
        "value": column.value(row),
        "lowest": None if column.top is None else 0.0,
        "highest": column.top,
        "better": "lower" if column.lower_is_better else "higher",
        "column": column.key,
    }


def _with_interval(
    line: dict[str, Any], interval: Interval | None, basis: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """The line, with its interval where there is one; nothing for what has no value."""
    if line["value"] is None:
        return
    yield line if interval is None else line | basis | {"low": interval.low, "high": interval.high}


def _speed_lines(board: Leaderboard, row: LeaderboardRow) -> Iterator[dict[str, Any]]:
    speed = board.speeds.get(row.model)
    if speed is None or row.source:
        return
    for metric, (better, read) in _SPEED.items():
        found = read(speed)
        if found is None:
            continue
        line = {"kind": "speed", "metric": metric, "part": "all", "lowest": 0.0, "better": better}
        line |= {"n": speed.latency.images or None, "column": metric}
        if metric.startswith("latency"):
            line |= {"low": found.low, "high": found.high, "level": _LATENCY_LEVEL}
            line |= {"interval_method": "order", "interval_over": "images"}
        yield line | {"value": getattr(found, "value", found)}
