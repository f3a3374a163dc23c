"""The Board: the table as it first stands, and all that its script needs to change it."""

from collections.abc import Sequence
from typing import Any

from nami_bench.evaluation.leaderboard.rows import LeaderboardRow, Status
from nami_bench.export.sections import notes, simulation_notice
from nami_bench.site.contents import Section
from nami_bench.site.pages import Site, data_script, model_files
from nami_bench.site.plots import Plot, speed_quality_plot
from nami_bench.site.rails import rail, rail_range
from nami_bench.site.shown import interval_text, place_text, size_text, value_text
from nami_bench.site.views import ALL, Cell, View, ViewColumn


def board_page(site: Site, section: Section) -> tuple[bytes, bytes]:
    """The page, and the script with the tests of all pairs, which it loads when models are compared."""
    address = site.address(section, "board")
    models = [_model(site, section, row) for row in section.board.measured]
    view = section.views[0]
    values = {
        "heading": section.study.name if section.study else section.prompt_set.name,
        "about": _about(section),
        "notice": simulation_notice(section.board),
        "view": view,
        "lead": view.columns[0],
        "gaps": [model for model in models if model["gaps"]],
        "notes": notes(section.board),
        "plot": _speed_plot(section),
        "data": _data(section, models),
        **_table(view, models),
    }
    return site.render(section, "board", address, **values), _pairs_script(section)


def pairs_address(section: Section) -> str:
    """Where the tests of all pairs lie, from the site's root."""
    return f"data/{section.folder}/pairs.js"


def _about(section: Section) -> str:
    prompts, models = len(section.prompt_set.prompts), len(section.models)
    people = section.board.annotators
    did = "compared" if section.verdicts.people else "rated"
    rated = f", {did} by {people} {'person' if people == 1 else 'people'}" if people else ""
    if people and people == section.board.simulated_annotators:
        rated = f", {did} by {people} simulated annotators"
    return f"{models} models on the {prompts} prompts of {section.prompt_set.name}{rated}"


def _model(site: Site, section: Section, row: LeaderboardRow) -> dict[str, Any]:
    return {
        "name": row.model,
        "file": model_files(section.models)[row.model],
        "page": site.model(section, row.model),
        "parameters": row.parameters,
        "gaps": list(row.gaps),
        "simulated": row.status is Status.SIMULATED,
    }


def _data(section: Section, models: Sequence[dict[str, Any]]) -> dict[str, Any]:
    views = [_without_pairs(view.to_json(section.parts)) for view in section.views]
    return {
        "models": models,
        "parts": [
            {"key": part.key, "kind": part.kind, "name": part.name, "prompts": len(part.prompts)}
            for part in section.parts
        ],
        "views": views,
        "pairs": {"name": f"pairs-{section.folder}", "address": pairs_address(section)},
    }


def _without_pairs(view: dict[str, Any]) -> dict[str, Any]:
    scored = [
        [one and {"cells": one["cells"], "places": one["places"]} for one in of_column]
        for of_column in view["scored"]
    ]
    return {**view, "scored": scored}


def _pairs_script(section: Section) -> bytes:
    """By view, column and part: the tests, with models by their numbers."""
    number = {model: at for at, model in enumerate(section.models)}

    def tests(scored: dict[str, Any] | None) -> list[list[Any]]:
        pairs = scored["pairs"] if scored else ()
        return [[number[first], number[second], *rest] for first, second, *rest in pairs]

    found = {}
    for view in section.views:
        scored = view.to_json(section.parts)["scored"]
        found[view.key] = [[tests(one) for one in of_column] for of_column in scored]
    return data_script(f"pairs-{section.folder}", found)


def _speed_plot(section: Section) -> Plot | None:
    """The first column of the first view against seconds; None where fewer than two models have both."""
    views = {view.key: view for view in section.views}
    lead = section.views[0]
    scored = lead.scored[lead.columns[0].key, ALL]
    if "speed" not in views or lead.key == "speed":
        return None
    timed = views["speed"].scored.get(("latency_p50", ALL))
    if timed is None:
        return None
    points = [
        (model, seconds, score)
        for model, seconds, score in zip(section.models, timed.cells, scored.cells, strict=True)
        if seconds is not None and score is not None and score.value is not None
    ]
    return speed_quality_plot(points, lead.columns[0].title) if len(points) > 1 else None


def _table(view: View, models: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The table as it stands before any script has run: the first view by its first column."""
    lead = view.columns[0]
    scored = view.scored[lead.key, ALL]
    shown = rail_range(scored.cells, lead.limits)
    tested = any(scored.places)
    places = scored.places or (None,) * len(models)
    order = _ranked(scored.cells, lead)
    return {
        "ends": "" if shown is None else f"{shown[0]:z.{lead.decimals}f} … {shown[1]:z.{lead.decimals}f}",
        "tested": tested,
        "rows": [
            {
                "place": place,
                "model": models[at],
                "size": size_text(models[at]["parameters"]),
                "rail": rail(scored.cells[at], shown),
                "places": place_text(places[at]),
                "ties": "" if (known := places[at]) is None else known.ties,
                "cells": [_cell(view, column, at) for column in view.columns],
            }
            for at, place in order
        ],
    }


def _ranked(cells: Sequence[Cell | None], column: ViewColumn) -> list[tuple[int, int | None]]:
    """Models' numbers with their places, the best first, those without a number last: as `ranking.js`."""
    merits = {at: merit for at, cell in enumerate(cells) if (merit := _merit(cell, column)) is not None}
    known = sorted(merits, key=lambda at: (-merits[at], at))
    places: dict[float, int] = {}
    for place, at in enumerate(known, start=1):
        places.setdefault(round(merits[at], 6), place)
    rows: list[tuple[int, int | None]] = [(at, places[round(merits[at], 6)]) for at in known]
    return rows + [(at, None) for at in range(len(cells)) if at not in merits]


def _merit(cell: Cell | None, column: ViewColumn) -> float | None:
    if cell is None:
        return None
    if cell.value is None:
        return float("inf") if cell.low is not None else None if cell.high is None else float("-inf")
    value = round(cell.value, column.decimals + 2)
    return -value if column.lower_is_better else value


def _cell(view: View, column: ViewColumn, at: int) -> dict[str, str]:
    scored = view.scored.get((column.key, ALL))
    cell = scored.cells[at] if scored else None
    return {"value": value_text(cell, column.decimals), "interval": interval_text(cell, column.decimals)}
