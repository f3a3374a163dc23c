"""In words and cells, what identifies a leaderboard's models and instruments."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nami_bench.evaluation.leaderboard.origins import MadeWith, ModelOrigin
from nami_bench.evaluation.leaderboard.rows import Leaderboard
from nami_bench.export.spreadsheet import csv_table

PROVENANCE_COLUMNS = (
    "kind", "name", "prompt_set", "instrument", "adapter", "options", "licence", "weights", "settings_sha256",
    "dtype", "device", "software", "results", "first", "last", "prompt_rewriting",
)  # fmt: skip
"""Of `provenance_csv`. kind is model or metric; several values in a cell are separated by "; "."""


def provenance_csv(board: Leaderboard) -> bytes:
    """The models and instruments behind a leaderboard: RFC 4180, UTF-8, one header, one of them a line."""
    return csv_table(
        PROVENANCE_COLUMNS, ([row.get(name) for name in PROVENANCE_COLUMNS] for row in _rows(board))
    )


def model_cells(board: Leaderboard) -> dict[str, list[str | None]]:
    """Column by column what the models are; columns in which nothing is known are left out."""
    models = board.models
    columns: dict[str, list[str | None]] = {
        "model": [origin.model for origin in models],
        "licence": [origin.licence for origin in models],
        "weights": [short_weights(origin) for origin in models],
        "prompts rewritten by": [_joined(origin.prompt_rewriting) for origin in models],
        "computed in": [_joined(origin.made_with.dtypes) for origin in models],
        "on": [_joined(origin.made_with.devices) for origin in models],
        "images of": [_days(origin.made_with) for origin in models],
    }
    return {name: cells for name, cells in columns.items() if any(cells)}


def model_notes(board: Leaderboard) -> Iterator[str]:
    """A sentence for each model: what `model_cells` says, for where there is no room for a table."""
    columns = model_cells(board)
    for position, origin in enumerate(board.models):
        known = {name: cells[position] for name, cells in columns.items() if name != "model"}
        said = [f"{name} {text}" for name, text in known.items() if text]
        if said:
            yield f"{origin.model}: {'; '.join(said)}."


def software_notes(board: Leaderboard) -> Iterator[str]:
    """Which software, and for metrics which device, the images and scores come from."""
    for software, names in _alike({o.model: o.made_with for o in board.models}).items():
        yield f"Images of {names} were made with {software}."
    for software, names in _alike({o.metric: o.measured_with for o in board.instruments}, on=True).items():
        yield f"Scores of {names} were computed with {software}."


def short_weights(origin: ModelOrigin) -> str | None:
    """The weights with the first twelve digits of their hashes."""
    return _joined([_short(text) for text in origin.weights])


def _rows(board: Leaderboard) -> Iterator[Mapping[str, Any]]:
    for model in board.models:
        yield {
            "kind": "model",
            "name": model.model,
            "adapter": model.adapter,
            "options": _joined([f"{name}={value}" for name, value in model.options.items()]),
            "licence": model.licence,
            "weights": _joined(model.weights),
            "settings_sha256": _joined(model.settings),
            "results": model.images,
            "prompt_rewriting": _joined(model.prompt_rewriting),
            **_made_cells(model.made_with),
        }
    for column in board.instruments:
        yield {
            "kind": "metric",
            "name": column.metric,
            "prompt_set": column.prompt_set,
            "instrument": column.instrument,
            "results": column.scores,
            **_made_cells(column.measured_with),
        }


def _made_cells(made_with: MadeWith) -> dict[str, str | None]:
    return {
        "dtype": _joined(made_with.dtypes),
        "device": _joined(made_with.devices),
        "software": _joined([f"{name} {' and '.join(found)}" for name, found in made_with.software.items()]),
        "first": made_with.first.isoformat() if made_with.first else None,
        "last": made_with.last.isoformat() if made_with.last else None,
    }


def _alike(found: Mapping[str, MadeWith], *, on: bool = False) -> dict[str, str]:
    """By software in words, the names of what was made with it; nothing for what is not known."""
    names: dict[str, list[str]] = {}
    for name, made_with in found.items():
        said = [f"{package} {' and '.join(_short(v) for v in versions)}"
                for package, versions in made_with.software.items()]  # fmt: skip
        if said:
            where = f", on {' and '.join(made_with.devices)}" if on and made_with.devices else ""
            names.setdefault(", ".join(said) + where, []).append(name)
    return {software: ", ".join(dict.fromkeys(those)) for software, those in names.items()}


def _short(text: str) -> str:
    """The text with a hash at its end, or all of it, cut to twelve digits."""
    *before, last = text.split(" ")
    digits, mark, rest = last.partition("-")
    whole = len(digits) in (40, 64) and all(digit in "0123456789abcdef" for digit in digits)
    return " ".join([*before, f"{digits[:12]}{mark}{rest}" if whole else last])


def _joined(texts: Sequence[str]) -> str | None:
    return "; ".join(texts) or None


def _days(made_with: MadeWith) -> str | None:
    if made_with.first is None or made_with.last is None:
        return None
    first, last = f"{made_with.first:%Y-%m-%d}", f"{made_with.last:%Y-%m-%d}"
    return first if first == last else f"{first} to {last}"
