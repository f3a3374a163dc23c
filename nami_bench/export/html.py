"""A leaderboard as one HTML page: no script, nothing loaded from elsewhere, light and dark."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from nami_bench.evaluation.leaderboard.columns import ScoreColumn, adjusted_total
from nami_bench.evaluation.leaderboard.rows import Leaderboard, LeaderboardRow, Status
from nami_bench.export.sections import (
    Section,
    best_shown,
    gap_notes,
    notes,
    sections,
    simulation_notice,
    title,
)
from nami_bench.export.speed_plot import speed_plot
from nami_bench.export.text import (
    ADJUSTED,
    INCOMPLETE,
    TextTable,
    counts,
    group_tables,
    marked_name,
    model_tables,
    pair_tables,
    rank_certainty,
    speed_tables,
)
from nami_bench.software import version_and_commit


def leaderboard_html(board: Leaderboard) -> bytes:
    """The page, UTF-8; the same leaderboard gives the same bytes."""
    return _environment().get_template("leaderboard.html").render(**page_values(board)).encode()


def leaderboard_fragment(board: Leaderboard) -> str:
    """The board as a part of somebody's page; see `tables_fragment`. Its groups, pairs and models are folded,
    and so are its notes, but for what is missing or left out."""
    values = page_values(board)
    more = [*values["plain_tables"], *values["speed_tables"], *values["model_tables"]]
    values |= {
        "heading": f"Leaderboard: {values['title']}",
        "plain_tables": (),
        "more": more,
        "speed_tables": (),
        "speed_plot": None,
        "remarks": board.cautions,
        "notes": [note for note in values["notes"] if note not in board.cautions],
    }
    return _fragment(**values)


def tables_fragment(
    heading: str, tables: Sequence[TextTable], remarks: Sequence[str], *, folded: bool = True
) -> str:
    """Tables and remarks as a part of somebody's page, as a notebook shows it.

    `folded`: all tables but the first one. Its colours are the page's, so it can be read in dark ones; it has
    no ids, no script, and nothing is loaded.
    """
    shown = 1 if folded else len(tables)
    return _fragment(
        heading=heading,
        notice=None,
        tables=(),
        plain_tables=tables[:shown],
        more=tables[shown:],
        speed_tables=(),
        speed_plot=None,
        gaps=(),
        star=INCOMPLETE,
        remarks=remarks,
        notes=(),
    )


def _fragment(**values: Any) -> str:
    return _environment().get_template("fragment.html").render(**values)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("nami_bench.export"),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )


def page_values(board: Leaderboard) -> dict[str, Any]:
    """What the templates `leaderboard.html` and `scores.html` show."""
    found = sections(board)
    return {
        "title": title(board),
        "notice": simulation_notice(board),
        "tables": [_table(section, board) for section in found],
        "plain_tables": [*group_tables(found[0], board), *pair_tables(board)] if found else [],
        "speed_tables": speed_tables(board),
        "speed_plot": speed_plot(board),
        "model_tables": model_tables(board),
        "gaps": gap_notes(board),
        "star": INCOMPLETE,
        "notes": notes(board),
        "version": version_and_commit(),
    }


def _table(section: Section, board: Leaderboard) -> dict[str, Any]:
    published = all(row.source for row in section.rows)
    counted = counts(section) if section.details or published else rank_certainty(section) | counts(section)
    best = {column.key: best_shown(column, section) for column in section.columns}
    return {
        "heading": section.heading,
        "published": published,
        "ranked": not published and not section.details,
        "columns": [{"title": c.title, "lead": c.key == board.ranked_by} for c in section.columns],
        "counts": list(counted),
        "rows": [
            {
                "rank": row.rank,
                "name": marked_name(row),
                "tag": _tag(row, section),
                "cells": [_cell(c, row, best[c.key], board.ranked_by) for c in section.columns],
                "counts": [_count(name, values[position], row) for name, values in counted.items()],
            }
            for position, row in enumerate(section.rows)
        ],
    }


def _count(name: str, text: str | None, row: LeaderboardRow) -> dict[str, str | None]:
    """A cell of quiet text; an adjusted score's interval stands below it, as those of scores do."""
    if name != ADJUSTED:
        return {"text": text, "interval": None}
    column = adjusted_total()
    return {"text": column.shown(row), "interval": column.shown_interval(row)}


def _tag(row: LeaderboardRow, section: Section) -> str | None:
    """The row's status where it says something: it is the human scores that are simulated."""
    if row.status is Status.MEASURED or (row.status is Status.SIMULATED and section.details):
        return None
    return row.status.value


def _cell(column: ScoreColumn, row: LeaderboardRow, best: str | None, lead: str | None) -> dict[str, Any]:
    value, text, interval = column.value(row), column.shown(row), column.interval(row)
    top = column.top
    return {
        "text": text,
        "interval": column.shown_interval(row),
        "percent": None if value is None or top is None else 100 * value / top,
        "low": None if interval is None or top is None else 100 * interval.low / top,
        "high": None if interval is None or top is None else 100 * interval.high / top,
        "best": text is not None and text == best,
        "lead": column.key == lead,
    }
