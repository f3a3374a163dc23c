"""A leaderboard as tables of text cells, for a terminal."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nami_bench.leaderboard.rows import Leaderboard, LeaderboardRow
from nami_bench.leaderboard.sections import Section, sections

INCOMPLETE = "*"
_SHORT_NAME = 24

_Columns = list[tuple[str, Sequence[str | None]]]
"""Title and cells of each; titles may repeat, since a study may call its criteria what it likes."""


@dataclass(frozen=True, slots=True)
class TextTable:
    """Cells are texts or None; `numeric` names the columns of numbers, `whole` those not to be folded."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]
    numeric: frozenset[str]
    whole: frozenset[str]


def text_tables(board: Leaderboard) -> list[TextTable]:
    """The leaderboard's tables; incomplete rows have a star behind the model's name."""
    return [table for section in sections(board) for table in _tables(section)]


def parameter_count(parameters: int | None) -> str | None:
    """'2B', '1.6B', '600M'."""
    if parameters is None:
        return None
    if parameters >= 1e9:
        return f"{parameters / 1e9:.3g}B"
    return f"{parameters / 1e6:.3g}M" if parameters >= 1e6 else str(parameters)


def marked_name(row: LeaderboardRow) -> str:
    """The model's name, with a star where something is missing."""
    return f"{row.model}\N{NO-BREAK SPACE}{INCOMPLETE}" if row.gaps else row.model


def counts(section: Section) -> dict[str, Sequence[str | None]]:
    """What the section's rows rest on: column by column, empty ones left out."""
    columns = {
        "parameters": [parameter_count(row.parameters) for row in section.rows],
        "images": [_images(row, section) for row in section.rows],
        "ratings": [_number(row.ratings) for row in section.rows],
        "missing": [_percent(row.missing_share) for row in section.rows],
    }
    shown = ("images",) if section.details else tuple(columns)
    return {name: columns[name] for name in shown if any(columns[name])}


def _tables(section: Section) -> Iterator[TextTable]:
    """The scores, then what they rest on: in one table where that fits a narrow terminal."""
    names: _Columns = [("model", [marked_name(row) for row in section.rows])]
    statuses = [row.status.value for row in section.rows]
    scores: _Columns = [(c.title, [c.shown(row) for row in section.rows]) for c in section.columns]
    basis = counts(section)
    lead: _Columns = []
    if not section.details and not all(row.source for row in section.rows):
        lead = [("#", [_number(row.rank) for row in section.rows])]
    mixed: _Columns = [("status", statuses)] if len(set(statuses)) > 1 else []
    if "ratings" not in basis:
        yield _table(section.heading, [*lead, *names, *mixed, *scores, *basis.items()])
        return
    yield _table(section.heading, [*lead, *names, *mixed, *scores])
    yield _table("What the scores rest on", [*names, ("status", statuses), *basis.items()])


def _table(title: str, columns: _Columns) -> TextTable:
    cells = dict(columns)
    longest = max(len(name or "") for name in cells["model"])
    return TextTable(
        title=title,
        columns=tuple(name for name, _ in columns),
        rows=tuple(zip(*(values for _, values in columns), strict=True)),
        numeric=frozenset(cells) - {"model", "status"},
        whole=frozenset({"model", "status"} if longest <= _SHORT_NAME else ()),
    )


def _images(row: LeaderboardRow, section: Section) -> str | None:
    if section.details is None:
        return _of(row.images, row.images_expected)
    score = row.automatic[section.details.key]
    return _of(score.images, score.expected)


def _of(count: int | None, expected: int | None) -> str | None:
    return _number(count) if count == expected or expected is None else f"{count}/{expected}"


def _number(value: int | None) -> str | None:
    return None if value is None else str(value)


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{share:.1%}"
