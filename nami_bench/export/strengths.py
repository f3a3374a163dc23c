"""Strengths by comparisons of images as tables of text and as CSV."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

from nami_bench.evaluation.human.elo import ELO_OF_LOG_ODDS
from nami_bench.evaluation.leaderboard.strengths import Controlled, Effect, ModelStrength, StrengthTable
from nami_bench.export.sections import percent
from nami_bench.export.spreadsheet import csv_table
from nami_bench.export.text import TextTable


def strength_tables(table: StrengthTable) -> Iterator[TextTable]:
    """A table of text cells for each criterion, part of the votes and group; then what covariates do."""
    interval = f"{percent(table.level)} interval"
    counts: tuple[str, ...] = ("won", "lost", "tied", "both bad")
    if table.model != "bradley-terry":
        counts = ("ranked", "best", "worst", "won", "lost", "tied")
    columns = ("model", "Elo", interval, *counts)
    for criterion, stratum in dict.fromkeys((row.criterion, row.stratum) for row in table.rows):
        of_criterion = [row for row in table.rows if (row.criterion, row.stratum) == (criterion, stratum)]
        called = criterion if stratum is None else f"{criterion}, {table.strata} {stratum}"
        groups = of_criterion[-1].group
        for group in range(1, groups + 1):
            title = called if groups == 1 else f"{called}: group {group} of {groups}, a scale of its own"
            rows = tuple(_cells(row) for row in of_criterion if row.group == group)
            yield TextTable(title, columns, rows, frozenset(columns[1:]), frozenset(columns[:1]))
    for criterion in dict.fromkeys(one.criterion for one in table.control):
        yield _control_table(criterion, [one for one in table.control if one.criterion == criterion])
    covariates = [one for one in table.effects if one.deviation is not None]
    for criterion in dict.fromkeys(one.criterion for one in covariates):
        yield _effects_table(
            criterion, interval, [one for one in table.effects if one.criterion == criterion]
        )


def _control_table(criterion: str, controlled: Sequence[Controlled]) -> TextTable:
    """Models by the board that is controlled for all, with their Elo and place on the others."""
    boards = list(dict.fromkeys(one.controlled_for for one in controlled))
    by_board = {(one.controlled_for, one.model): one for one in controlled}
    columns = ("model", *(f"controlled for {name}" for name in boards))
    models = [one.model for one in controlled if one.controlled_for == boards[-1]]
    rows = tuple(
        (model, *(_place_cell(by_board.get((board, model))) for board in boards)) for model in models
    )
    title = f"{criterion}: Elo and place with and without control"
    return TextTable(title, columns, rows, frozenset(columns[1:]), frozenset(columns[:1]))


def _place_cell(one: Controlled | None) -> str | None:
    if one is None:
        return None
    return f"#{one.place}" if one.elo is None else f"{one.elo:.0f} #{one.place}"


def _effects_table(criterion: str, interval: str, effects: Sequence[Effect]) -> TextTable:
    """What each covariate does, in Elo points."""
    columns = ("effect", "of", "Elo", interval)
    rows = []
    for one in effects:
        of = "one unit more" if one.deviation is None else f"{one.deviation:.3g} more (one deviation)"
        of = "standing left" if one.name == "left" else of
        rows.append((_effect_name(one), of, *_effect_cells(one)))
    title = f"{criterion}: what is taken out"
    return TextTable(title, columns, tuple(rows), frozenset(columns[2:]), frozenset(columns[:1]))


def _effect_name(one: Effect) -> str:
    return one.name if one.stratum is None else f"{one.name}, {one.stratum}"


def _effect_cells(one: Effect) -> tuple[str | None, str | None]:
    points = ELO_OF_LOG_ODDS * (one.deviation or 1.0)
    shown = None if one.estimate is None else f"{points * one.estimate:+z.1f}"
    if one.low is None or one.high is None:
        return shown, None
    return shown, f"{points * one.low:z.1f} to {points * one.high:z.1f}"


def _cells(row: ModelStrength) -> tuple[str | None, ...]:
    counts: tuple[int, ...] = (row.wins, row.losses, row.ties, row.both_bad)
    if row.ranked is not None:
        counts = (row.ranked, row.best or 0, row.worst or 0, row.wins, row.losses, row.ties)
    elo = None if row.elo is None else f"{row.elo:.0f}"
    return row.model, elo, _interval_cell(row), *map(str, counts)


def _interval_cell(row: ModelStrength) -> str | None:
    if row.low is not None and row.high is not None:
        return f"{row.low:.0f} to {row.high:.0f}"
    if row.low is not None:
        return f"{row.low:.0f} or more"
    return None if row.high is None else f"{row.high:.0f} or less"


def strength_notes(table: StrengthTable) -> Iterator[str]:
    """What the numbers rest on, and what must be said about them."""
    what, rest = "comparisons", "'both bad' are among the ties"
    if table.model != "bradley-terry":
        what, rest = "rankings", "won, lost and tied count the pairs that they imply"
    people = f"{table.annotators} annotator{'s' * (table.annotators != 1)}"
    if table.unknown:
        people = f"{people} and voters of {table.unknown} votes that nobody can tell apart"
        people = people.removeprefix("0 annotators and ")
    yield f"{people} made {table.comparisons} {what} and could not judge {table.withheld}; {rest}."
    yield from (*table.left_out, *table.notes)


def strength_rows(table: StrengthTable) -> list[dict[str, Any]]:
    """A row for each model and criterion, by the columns of `strengths_csv`."""
    names = [field.name for field in fields(ModelStrength)]
    of_all = {
        "level": table.level,
        "by": table.model,
        "ties_as": table.ties,
        "errors": table.errors,
        "study": table.study,
        "left_out": "; ".join(table.left_out),
    }
    return [{name: getattr(row, name) for name in names} | of_all for row in table.rows]


def strengths_csv(table: StrengthTable) -> bytes:
    """One line for each model and criterion: RFC 4180, UTF-8, one header, formulas neutralized."""
    rows = strength_rows(table)
    return csv_table(list(rows[0]), (row.values() for row in rows))
