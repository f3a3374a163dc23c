"""Speeds on the Board, and plots in the page's own colors."""

import re

import pytest

from nami_bench.domain import ImageRecord, ImageState
from nami_bench.evaluation.leaderboard.rows import Leaderboard, LeaderboardRow, Status
from nami_bench.evaluation.leaderboard.speed import Prices, speeds
from nami_bench.site.automatic_views import speed_view
from nami_bench.site.plots import ProfileLine, profile_plot, speed_quality_plot
from nami_bench.site.views import ALL, Cell


def timed(model: str, seconds: float) -> list[ImageRecord]:
    return [
        ImageRecord(
            model, "set", f"{at:05d}", 0, ImageState.DONE, path="x", sha256="x", width=64, height=64,
            provenance={"started": at * seconds, "finished": (at + 1) * seconds, "run": "a", "warm": True,
                        "device": "cpu", "peak_memory_bytes": 2**31},
        )
        for at in range(30)
    ]  # fmt: skip


def test_speeds_stand_where_they_are_known() -> None:
    models = ("fast", "slow", "unknown")
    prices = Prices({"slow": 3.5}, note="USD, 2026")
    found = speeds({"fast": timed("fast", 0.5), "slow": timed("slow", 2.0)}, prices)
    rows = tuple(LeaderboardRow(model, Status.MEASURED) for model in models)
    view = speed_view(Leaderboard(rows, speeds=found, prices_in=prices.note), models)
    assert view is not None
    lower = {column.key: column.lower_is_better for column in view.columns}
    assert lower == {
        "latency_p50": True, "latency_p95": True, "images_per_second": False, "peak_gib": True, "price": True,
    }  # fmt: skip
    cells = {key: view.scored[key, ALL].cells for key in lower}
    fast, slow, unknown = cells["latency_p50"]
    assert fast and slow and (fast.value, slow.value, unknown) == (0.5, 2.0, None)
    assert [cell and cell.value for cell in cells["images_per_second"]] == [2.0, 0.5, None]
    assert [cell and cell.value for cell in cells["price"]] == [None, 3.5, None]
    assert "cpu" in view.note
    assert speed_view(Leaderboard(rows), models) is None


@pytest.mark.slow
def test_plots_take_the_colors_of_the_page_and_names_stay_text() -> None:
    cell = Cell(60.0, 55.0, 64.0)
    plots = (
        profile_plot([ProfileLine("<b>", cell, 50.0), ProfileLine("x", Cell(40.0), None)], "total", 'a"b'),
        speed_quality_plot([("<i>&", Cell(0.5, 0.4, 0.6), cell), ("y", Cell(2.0), cell)], "total"),
    )
    for plot in plots:
        assert not re.search(r"#[0-9a-f]{6}|<script|<b>|<i>|style=|aria-role", plot.svg)
        assert (
            plot.svg.startswith('<svg class="vega" role="img" aria-label="') and "var(--accent)" in plot.svg
        )
        assert plot.svg.count("<svg") == 1 and 'width="' in plot.svg[:400]
    assert "a&#34;b" in plots[0].svg
