"""The site's JavaScript, without a browser."""

import re
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from nami_bench.site.bundle import bundled_script
from nami_bench.site.rails import _on_rail, rail_range
from nami_bench.site.shown import interval_text, size_text, value_text
from nami_bench.site.views import Cell
from tests.support.javascript import _node, run_module

STATIC = Path(str(files("nami_bench.site") / "static"))
CELLS = [
    Cell(70.123, 65.0, 75.5),
    Cell(-0.04, None, None),
    None,
    Cell(None, 1425.0, None),
    Cell(None, None, 800.0),
]
CELLS += [Cell(0.0, -3.0, 2.0)]


def as_json(cell: Cell | None) -> list[float | None] | None:
    return None if cell is None else [cell.value, cell.low, cell.high, cell.images]


def test_the_modules_make_one_script_that_a_browser_takes(tmp_path: Path) -> None:
    (tmp_path / "site.js").write_bytes(bundled_script())
    done = subprocess.run(
        [_node(), "--check", tmp_path / "site.js"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    text = bundled_script().decode()
    for module in STATIC.glob("*.js"):
        first = module.read_text().splitlines()[0]
        assert (first in text) == (module.name != "early.js"), module.name


def test_no_two_modules_have_a_name_in_common() -> None:
    """In one script the later of two functions of one name would take the place of the other, unsaid."""
    declared = r"^(?:export )?(?:async )?(?:function|const|let|class) (\w+)"
    modules = [path for path in STATIC.glob("*.js") if path.name != "early.js"]
    names = [name for path in modules for name in re.findall(declared, path.read_text(), re.MULTILINE)]
    assert len(names) > 60 and [name for name in set(names) if names.count(name) > 1] == []


def test_numbers_read_alike_before_and_after_the_script_has_run() -> None:
    decimals = [0, 1, 2]
    found = run_module(
        STATIC / "numbers.js",
        "const both = (cell, d) => [module.shown(cell?.[0], d), module.shownInterval(cell, d)];"
        "return given.cells.map((cell) => given.decimals.map((d) => both(cell, d)))",
        {"cells": [as_json(cell) for cell in CELLS], "decimals": decimals},
    )
    assert found == [[[value_text(cell, d), interval_text(cell, d)] for d in decimals] for cell in CELLS]
    sizes = [None, 2_600_000_000, 8_000_000_000, 860_000_000, 1234]
    shown = run_module(STATIC / "numbers.js", "return given.map(module.shownSize)", sizes)
    assert shown == [size_text(size) for size in sizes]


@pytest.mark.parametrize("limits", [None, (0.0, 100.0)])
def test_intervals_are_drawn_alike_before_and_after(limits: tuple[float, float] | None) -> None:
    cells = [CELLS[0], CELLS[2], Cell(61.0, 58.0, 64.25), Cell(100.0, 99.0, None)]
    shown = rail_range(cells, limits)
    assert shown is not None
    found = run_module(
        STATIC / "rails.js",
        "const range = module.railRange(given.cells, given.limits);"
        "return [range, given.cells.filter(Boolean).map((cell) => module.onRail(cell[0], range))]",
        {"cells": [as_json(cell) for cell in cells], "limits": limits},
    )
    assert found[0] == pytest.approx(shown)
    assert found[1] == [_on_rail(cell.value or 0, shown) for cell in cells if cell is not None]


def test_models_are_ranked_by_what_the_column_wants() -> None:
    script = (
        "const all = [0, 1, 2, 3, 4];"
        "return [module.ranked(given, {lower: false}, all), module.ranked(given, {lower: true}, [4, 2, 0])]"
    )
    cells = [[5, 4, 6], [7, 6, 8], None, [5, 1, 9], [None, 900, None]]
    down, up = run_module(STATIC / "ranking.js", script, cells)
    assert down == [[4, 1], [1, 2], [0, 3], [3, 3], [2, None]]
    assert up == [[4, 1], [0, 2], [2, None]]


def test_sizes_are_ranges_of_billions() -> None:
    sizes = [2e9, 8e9, None, 3e9]
    script = (
        "const ranges = ['', '1-3', '3-8', '8-', 'unknown'];"
        "return ranges.map((range) => given.map((size) => module.inSize(size, range)))"
    )
    assert run_module(STATIC / "ranking.js", script, sizes) == [
        [True] * 4, [True, False, False, False], [False, False, False, True], [False, True, False, False],
        [False, False, True, False],
    ]  # fmt: skip


def test_what_the_reader_chose_comes_back_out_of_the_address() -> None:
    state = {"view": "geneval", "part": "tag=a&b", "find": "", "models": "a,b"}
    script = "const text = module.writeState(given, {view: 'human'}); return [text, module.readState(text)]"
    text, read = run_module(STATIC / "state.js", script, state)
    assert text == "#view=geneval&part=tag%3Da%26b&models=a%2Cb"
    assert read == {key: value for key, value in state.items() if value}
    assert run_module(STATIC / "state.js", "return module.writeState(given, given)", state) == ""


def test_blind_images_keep_their_order_for_a_reader() -> None:
    script = "return [...['x', 'x', 'y'].map((seed) => module.shuffled(given, seed)), module.letter(27)]"
    first, again, other, name = run_module(STATIC / "shuffle.js", script, list(range(8)))
    assert first == again != other and sorted(first) == list(range(8))
    assert name == "AB"


def test_every_place_is_equally_likely_for_a_model() -> None:
    script = (
        "const at = [0, 0, 0, 0];"
        "for (let n = 0; n < 4000; n++) at[module.shuffled([0, 1, 2, 3], `salt ${n}`).indexOf(0)]++;"
        "return at"
    )
    counts = run_module(STATIC / "shuffle.js", script, None)
    assert all(880 < count < 1120 for count in counts)  # four standard deviations


def test_choices_are_counted() -> None:
    choices = {"1": {"choice": "b"}, "2": {"choice": "a"}, "3": {"choice": "b"}}
    assert run_module(STATIC / "kept.js", "return module.tally(given)", choices) == [["b", 2], ["a", 1]]
