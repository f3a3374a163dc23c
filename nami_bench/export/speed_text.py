"""Speed and price of a leaderboard's models as table, cells and notes."""

from collections.abc import Iterator
from typing import Any

from nami_bench.evaluation.leaderboard.rows import Leaderboard
from nami_bench.evaluation.leaderboard.speed import Speed, not_comparable, usual_conditions
from nami_bench.evaluation.speed import seconds_in_words, shown

UNLIKE = "†"
"""Behind the name of a model that was timed under other conditions than most."""


def speed_cells(speed: Speed | None, unlike: bool) -> dict[str, Any]:
    """A row's cells of the CSV file."""
    if speed is None:
        return dict.fromkeys(SPEED_COLUMNS)
    half = speed.latency.p50
    timed = speed.latency.images
    values = {
        "images_per_second": speed.images_per_second,
        "latency_p50": half and half.value,
        "latency_p50:low": half and half.low,
        "latency_p50:high": half and half.high,
        "latency_p95": speed.latency.p95 and speed.latency.p95.value,
        "latency_p99": speed.latency.p99 and speed.latency.p99.value,
        "images_timed": timed,
        "peak_memory_bytes": speed.peak_memory_bytes,
        "load_seconds": speed.load_seconds,
        "timed_on": speed.conditions.words if timed else None,
        "speed_comparable": not unlike if timed else None,
        "price_per_1000": speed.price,
    }
    assert values.keys() == SPEED_COLUMNS
    return values


SPEED_COLUMNS = {
    "images_per_second", "latency_p50", "latency_p50:low", "latency_p50:high", "latency_p95", "latency_p99",
    "images_timed", "peak_memory_bytes", "load_seconds", "timed_on", "speed_comparable", "price_per_1000",
}  # fmt: skip


def speed_columns(board: Leaderboard) -> dict[str, list[str | None]]:
    """Column by column, models in the leaderboard's order; columns in which nothing is known are left out."""
    unlike = not_comparable(board.speeds)
    rows = [(row.model, board.speeds[row.model]) for row in board.measured if row.model in board.speeds]
    columns: dict[str, list[str | None]] = {
        "images/s": [_number(speed.images_per_second) for _, speed in rows],
        "p50, s": [shown(speed.latency.p50) for _, speed in rows],
        "p95, s": [shown(speed.latency.p95) for _, speed in rows],
        "p99, s": [shown(speed.latency.p99) for _, speed in rows],
        "images timed": [str(speed.latency.images) for _, speed in rows],
        "peak GiB": [
            _number(peak and peak / 2**30) for _, speed in rows for peak in (speed.peak_memory_bytes,)
        ],
        "load, s": [_number(speed.load_seconds) for _, speed in rows],
        "per 1,000 images": [None if speed.price is None else f"{speed.price:.2f}" for _, speed in rows],
        "timed on": [speed.conditions.words if speed.latency.images else None for _, speed in rows],
    }
    names: list[str | None] = [
        f"{model}\N{NO-BREAK SPACE}{UNLIKE}" if model in unlike else model for model, _ in rows
    ]
    return {"model": names} | {name: cells for name, cells in columns.items() if any(cells)}


def speed_notes(board: Leaderboard) -> Iterator[str]:
    """How to read speeds and prices; nothing where there are none."""
    timed = {model: speed for model, speed in board.speeds.items() if speed.latency.images}
    if timed:
        yield (
            "Latency is from request to picture, of a batch: of the whole batch; without images that were "
            "made while the model loaded or compiled. Images/s are of the longest uninterrupted run, writing "
            "the files included. In brackets: 95% intervals of percentiles by order statistics, images taken "
            "for independent; an end is open where no image bounds it."
        )
    usual = usual_conditions(board.speeds)
    for model, words in not_comparable(board.speeds).items():
        yield (
            f"{UNLIKE} The speed of {model} is not comparable with the others': {words} "
            f"(most: {usual.words if usual else ''})."
        )
    for model, speed in timed.items():
        if speed.other_conditions:
            yield (
                f"{model}: {speed.other_conditions} images made under other conditions than "
                f"{speed.conditions.words} do not count for its speed."
            )
    if board.prices_in and any(speed.price is not None for speed in board.speeds.values()):
        yield f"Prices: {board.prices_in}; a machine's price an hour is divided by the images made in one."


def _number(value: float | None) -> str | None:
    return None if value is None else seconds_in_words(value)
