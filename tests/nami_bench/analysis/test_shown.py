"""Results as notebooks, pages, files and terminals show them; from plain scripts and from threads."""

import html.parser
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from nami_bench import agreement, leaderboard, strengths
from nami_bench.analysis.leaderboard import LeaderboardResult
from nami_bench.analysis.shown import Shown
from nami_bench.errors import InputError, StorageError
from tests.support.small_study import CRITERIA

ODD = "<script>alert(1)</script> & co"


@pytest.fixture
def found(folder: Path) -> dict[str, Shown]:
    """Of each kind one, a model of which has a name that is markup, and a simulated annotator."""
    ratings = pd.read_csv("ratings.csv", dtype={"prompt_id": str})
    ratings = ratings.replace({"other": ODD, "tom": "simulated-tom"})
    pairs = pd.read_csv("comparisons.csv", dtype={"prompt_id": str}).replace({"other": ODD})
    return {
        "leaderboard": leaderboard(ratings.iloc[:-1], criteria=CRITERIA),
        "agreement": agreement(ratings, criteria=CRITERIA, by="model", replicates=60),
        "strengths": strengths(pairs, side=True),
    }


class Elements(html.parser.HTMLParser):
    """The elements of a part of a page, with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_a_part_of_a_page_loads_nothing_runs_nothing_and_has_no_ids(found: dict[str, Shown]) -> None:
    for result in found.values():
        text = result.to_html()
        elements = Elements(text).found
        assert elements[0] == ("div", {"class": "nami-bench"})
        assert {tag for tag, _ in elements}.isdisjoint({"script", "img", "link", "iframe", "a", "h1", "h2"})
        given = {name for _, attributes in elements for name in attributes}
        assert given <= {"class", "style", "scope", "role", "tabindex", "aria-label", "aria-hidden", "title"}
        assert "url(" not in text and "@import" not in text and "http" not in text
        assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; co" in text
        assert result._repr_html_() == text


def test_styles_reach_nothing_beside_the_part(found: dict[str, Shown]) -> None:
    style = found["leaderboard"].to_html().partition("<style>")[2].partition("</style>")[0]
    rules = style.partition("*/\n")[2].replace("/* Jupyter has every cell to the right. */", "")
    selectors = [part.strip() for rule in rules.split("}")[:-1] for part in rule.partition("{")[0].split(",")]
    assert len(selectors) > 20
    assert [one for one in selectors if not one.startswith(".nami-bench")] == []


def test_the_scores_have_intervals_and_what_is_missing_is_seen(found: dict[str, Shown]) -> None:
    board = found["leaderboard"]
    assert isinstance(board, LeaderboardResult)
    [row] = [one for one in board.rows if one.model == "NAMI-2B"]
    assert row.total_interval is not None
    text = board.to_html()
    assert f"{row.total:.2f}" in text
    assert f"{row.total_interval.low:.1f}–{row.total_interval.high:.1f}" in text
    seen = text.partition("<details>")[0]
    assert "Some annotators are simulated" in seen
    assert "<li>* third: 1 ratings lack: annotators rated some criteria" in seen
    assert "Human scores go from 0 to 100" in text and "Human scores go from 0 to 100" not in seen


def test_as_text_it_is_what_the_command_prints(found: dict[str, Shown]) -> None:
    text = str(found["leaderboard"])
    assert text.startswith("Leaderboard: study pilot\n\nScores\n#  model")
    assert "- SIMULATED: Some annotators are simulated" in text
    assert "alpha (interval)" in str(found["agreement"]) and "Elo" in str(found["strengths"])
    names = next(line for line in text.splitlines() if line.startswith("#"))
    best = next(line for line in text.splitlines() if line.startswith("1"))
    assert names.index("model") == best.index("NAMI-2B")  # texts to the left, numbers to the right
    assert len(names) == len(best)


def test_frames_have_the_columns_of_the_csv_files(found: dict[str, Shown]) -> None:
    for name, result in found.items():
        result.save("out.csv")
        frame, file = result.to_frame(), pd.read_csv("out.csv", keep_default_na=False, na_values=[""])
        assert list(frame.columns) == list(file.columns), name
        assert len(frame) == len(file)
    board = found["leaderboard"].to_frame().set_index("model")
    assert board.loc["NAMI-2B", "rank"] == 1
    assert (
        board.loc["NAMI-2B", "total:low"] < board.loc["NAMI-2B", "total"] < board.loc["NAMI-2B", "total:high"]
    )
    alpha = found["agreement"].to_frame().query("statistic == 'alpha' and model == ''")
    assert list(alpha["criterion"]) == ["relevance", "aesthetics"]


def test_the_ending_names_the_form(found: dict[str, Shown], folder: Path) -> None:
    starts = {
        ".csv": "rank,",
        ".json": "{",
        ".md": "# Leaderboard",
        ".tex": "% Made",
        ".HTML": "<!doctype html>",
    }
    for ending, start in starts.items():
        found["leaderboard"].save(f"new folder/böard{ending}")
        assert (folder / f"new folder/böard{ending}").read_text("utf-8-sig").startswith(start)
    with pytest.raises(InputError, match=r"cannot save as 'a\.xlsx': let its name end in \.csv or \.json or"):
        found["leaderboard"].save("a.xlsx")
    with pytest.raises(InputError, match=r"cannot save as 'a': let its name end in \.csv or \.json$"):
        found["strengths"].save(folder / "a")
    (folder / "folder.csv").mkdir()
    with pytest.raises(StorageError, match=r"cannot write folder\.csv"):
        found["agreement"].save("folder.csv")


SCRIPT = """
import sys
import nami_bench
assert "pandas" not in sys.modules, "loaded before it is used"
from nami_bench import leaderboard
board = leaderboard("ratings.csv", criteria="criteria.toml", intervals=None)
print(board.models[0], sorted({"torch", "gradio", "matplotlib", "transformers"} & set(sys.modules)))
"""


@pytest.mark.slow
def test_a_plain_script_needs_no_main_guard_and_loads_no_models(folder: Path) -> None:
    (folder / "script.py").write_text(SCRIPT)
    done = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("NAMI-2B []\n", "")


@pytest.mark.slow
def test_threads_do_not_disturb_each_other(folder: Path) -> None:
    expected = leaderboard("ratings.csv", criteria="criteria.toml", intervals="bca", replicates=60).to_json()
    (folder / "torn.csv").write_text("study,annotator\na,b,c\n")

    def one(number: int) -> Any:
        if number % 3 == 0:
            with pytest.raises(InputError):
                leaderboard("torn.csv")
        return leaderboard("ratings.csv", criteria="criteria.toml", intervals="bca", replicates=60).to_json()

    with ThreadPoolExecutor(4) as pool:
        assert all(found == expected for found in pool.map(one, range(8)))


@pytest.mark.parametrize("colours", ["background:#fff;color:#1b2330", "background:#12161d;color:#e6eaf0"])
def test_two_of_each_can_be_read_in_a_light_and_in_a_dark_page(
    found: dict[str, Shown], folder: Path, browser: Any, complaints: Any, colours: str
) -> None:
    parts = "".join(result.to_html() for result in found.values())
    (folder / "page.html").write_text(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Two</title></head>'
        f'<body style="{colours}"><main><h1>Two</h1>{parts}{parts}</main></body></html>',
        encoding="utf-8",
    )
    asked: list[str] = []
    with browser.new_page(viewport={"width": 900, "height": 700}) as page:
        page.on("request", lambda request: asked.append(request.url))
        page.goto((folder / "page.html").as_uri())
        assert page.locator("table:visible").count() == 2 * 4
        page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
        assert page.locator("table:visible").count() > 20
        unlike = ("landmark-unique", "region")  # the same part twice has the same names twice
        assert [one for one in complaints(page) if not one.startswith(unlike)] == []
        # A wide table scrolls in its own frame, not the page.
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert asked == [(folder / "page.html").as_uri()]
