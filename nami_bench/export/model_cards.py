"""What a leaderboard says of each model, for its card on the Hugging Face hub: `model-index` and Markdown.

The metadata are made by the hub's own library, as its `EvalResult`s, so that the hub reads them.
"""

import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

from nami_bench.errors import InputError
from nami_bench.evaluation.leaderboard.columns import (
    ScoreColumn,
    automatic_of,
    interval_level,
    score_columns,
    short_names,
)
from nami_bench.evaluation.leaderboard.rows import Leaderboard, LeaderboardRow, Status
from nami_bench.export.markup import markdown_text
from nami_bench.export.sections import notes, percent, simulation_notice, title
from nami_bench.software import version_and_commit

_TASK = "text-to-image"
_SOURCE = "NAMI-Bench"


def model_cards(board: Leaderboard) -> dict[str, bytes]:
    """By file name, a card for each measured model: YAML front matter with `model-index`, and a section
    *Evaluation*. What a model's card has to say beside it is for its makers.

    Raises InputError where no measured model has a score.
    """
    cards = {}
    for row in board.measured:
        columns = [column for column in score_columns(board) if column.value(row) is not None]
        if columns:
            name = _file_name(row.model)
            cards[name if name not in cards else _distinct(name, row.model)] = _card(board, row, columns)
    if not cards:
        raise InputError("no measured model has a score: there is nothing to say on a model's card")
    return cards


def _card(board: Leaderboard, row: LeaderboardRow, columns: list[ScoreColumn]) -> bytes:
    from huggingface_hub import ModelCardData  # takes a while to import

    data = ModelCardData(
        model_name=row.model,
        pipeline_tag=_TASK,
        tags=[_TASK, "nami-bench"],
        eval_results=[_result(board, row, column) for column in columns],
    )
    return f"---\n{data.to_yaml()}\n---\n\n{_section(board, row, columns)}".encode()


def _result(board: Leaderboard, row: LeaderboardRow, column: ScoreColumn) -> Any:
    from huggingface_hub import EvalResult

    about = _about(board, row, column)
    return EvalResult(
        task_type=_TASK,
        task_name="Text to Image",
        dataset_type=about["prompt_set"] or "ratings",
        dataset_name=about["prompt_set"] or f"study {board.study}",
        dataset_revision=board.prompt_sets.get(about["prompt_set"] or ""),
        metric_type=about["metric"],
        metric_name=about["name"],
        metric_value=round(column.value(row) or 0.0, 6),
        metric_args={name: value for name, value in about["args"].items() if value is not None},
    )


def _about(board: Leaderboard, row: LeaderboardRow, column: ScoreColumn) -> dict[str, Any]:
    """How a score is called, what it was measured on and by, and its interval."""
    automatic, interval = automatic_of(column, board), column.interval(row)
    by = automatic.instrument if automatic else "simulated people" if _simulated(row) else "people"
    score = row.automatic.get(automatic.key) if automatic else None
    part = column.key.removeprefix(f"{automatic.key}:") if automatic else None
    whole = part in (None, "overall", column.key)
    return {
        "metric": automatic.metric if automatic else f"human-{column.key}",
        "name": (automatic.metric if automatic else f"{by}: {column.title}") + ("" if whole else f", {part}"),
        "prompt_set": automatic.prompt_set if automatic else board.rated_prompts,
        "args": {
            "low": interval and round(interval.low, 6),
            "high": interval and round(interval.high, 6),
            "level": interval and interval_level(column, board),
            "images": score.images if score else row.images,
            "annotators": None if automatic else row.annotators,
            "instrument": by,
        },
    }


def _simulated(row: LeaderboardRow) -> bool:
    return row.status is Status.SIMULATED


def _section(board: Leaderboard, row: LeaderboardRow, columns: list[ScoreColumn]) -> str:
    lines = ["## Evaluation", "", f"Leaderboard: {markdown_text(title(board))}.", ""]
    if (notice := simulation_notice(board)) and _simulated(row):
        lines += [f"**SIMULATED: {markdown_text(notice)}**", ""]
    if place := _place(board, row):
        lines += [place, ""]
    lines += ["| score | value | interval | images | prompts | by |", "|---|---:|---:|---:|---|---|"]
    lines += [_line(board, row, column) for column in columns]
    lines += ["", *(f"- {markdown_text(gap)}" for gap in row.gaps)]
    lines += [f"- {markdown_text(note)}" for note in notes(board)]
    return "\n".join([*lines, f"- Measured with {_SOURCE} {version_and_commit()}.", ""])


def _line(board: Leaderboard, row: LeaderboardRow, column: ScoreColumn) -> str:
    about = _about(board, row, column)
    interval = column.shown_interval(row)
    said = f"{interval} ({percent(interval_level(column, board))})" if interval else "–"
    better = " (lower is better)" if column.lower_is_better else ""
    cells: Mapping[str, Any] = {
        "score": about["name"] + better,
        "value": column.shown(row),
        "interval": said,
        "images": about["args"]["images"],
        "prompts": about["prompt_set"],
        "by": about["args"]["instrument"],
    }
    return f"| {' | '.join('–' if c is None else markdown_text(str(c)) for c in cells.values())} |"


def _place(board: Leaderboard, row: LeaderboardRow) -> str | None:
    if row.rank is None or board.ranked_by is None:
        return None
    names = {column.key: name for column, name in _named(board)}
    by = markdown_text(names.get(board.ranked_by, board.ranked_by))
    ranked = sum(one.rank is not None for one in board.rows)
    if row.rank_low is None or row.rank_high is None:
        return f"Place {row.rank} of {ranked} by {by}."
    return f"Place {row.rank} of {ranked} by {by}; it may be any from {row.rank_low} to {row.rank_high}."


def _named(board: Leaderboard) -> Iterator[tuple[ScoreColumn, str]]:
    short = short_names(board.automatic)
    for column in score_columns(board):
        automatic = automatic_of(column, board)
        yield column, short[automatic.key] if automatic else column.title


def _file_name(model: str) -> str:
    plain = re.sub(r"[^\w.+-]+", "-", model).strip("-.")[:80]
    return f"{plain}.md" if plain == model else _distinct(f"{plain or 'model'}.md", model)


def _distinct(name: str, model: str) -> str:
    """A file name of its own where the model's cannot be one as it is."""
    return f"{name.removesuffix('.md')}-{sha256(model.encode()).hexdigest()[:8]}.md"
