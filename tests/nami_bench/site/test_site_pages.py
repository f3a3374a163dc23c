"""What stands in a site's folder: pages that lead to each other, load nothing from elsewhere, name nobody."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from click.testing import CliRunner
from PIL import Image

from nami_bench.cli.app import cli
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.pipeline.leaderboard_from_store import leaderboard_from_store
from nami_bench.site.build import SiteOptions, build_site
from nami_bench.store import Store
from tests.support.site_study import COMMENT, EVIL, MODELS, PROMPTS, RATERS

from .conftest import QUICK, Made

SINGLE = ("prompts", "judges", "methods")
READABLE = (".html", ".js", ".csv", ".json", ".toml", ".md", ".tex")


class Page(HTMLParser):
    """A page's addresses, ids, handlers and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.inline: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name in ("href", "src", "action"):
                self.addresses.append(value or "")
            if name == "id":
                self.ids.append(value or "")
            if name.startswith("on") or name == "style":
                self.inline.append(f"{tag} {name}")


def pages(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.html"))


def data(page: Path, name: str) -> Any:
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page.read_text(), re.S)
    assert found is not None
    return json.loads(found[1])


def test_every_address_leads_to_a_file_of_the_site(made: Made) -> None:
    for page in pages(made.folder):
        parsed = Page(page.read_text())
        assert parsed.inline == []
        assert len(set(parsed.ids)) == len(parsed.ids), page
        for address in parsed.addresses:
            parts = urlsplit(address)
            if address == "data:,":
                continue
            assert not parts.scheme and not parts.netloc, address
            target = page.parent / unquote(parts.path) if parts.path else page
            assert target.resolve().is_file(), (page, address)


def test_there_is_a_page_for_all_and_each_is_reached(made: Made) -> None:
    names = {path.relative_to(made.folder).as_posix() for path in pages(made.folder)}
    for study in ("duel", "pilot"):
        assert {f"model/{study}/{model}.html" for model in MODELS} <= names
        assert {f"prompt/{study}/{prompt.id}.html" for prompt in PROMPTS.prompts} <= names
    tops = {
        "index",
        "prompts",
        "judges",
        "methods",
        "board-duel",
        "prompts-duel",
        "judges-duel",
        "methods-duel",
    }
    assert {f"{name}.html" for name in tops} <= names
    assert len(names) == 8 + 2 * (3 + 12)


def test_what_strangers_wrote_is_text_and_scripts_are_files(made: Made) -> None:
    for page in pages(made.folder):
        html = page.read_text()
        assert EVIL not in html and "<b></h1>" not in html
        assert not re.search(r"<script(?![^>]*(src=|application/json))", html)
        assert "default-src 'none'; script-src 'self' file:" in html
    script = (made.folder / "assets/site.js").read_text()
    assert "innerHTML" not in script and "fetch(" not in script
    assert not re.search(r"https?://(?!www\.w3\.org)", script + (made.folder / "assets/site.css").read_text())


def test_nobody_is_named_and_nothing_says_when_they_worked(made: Made) -> None:
    texts = [path.read_text() for path in made.folder.rglob("*") if path.suffix in READABLE]
    for name in (*RATERS, "lena", COMMENT, str(made.workspace.root), "/secret/"):
        assert not any(re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text) for text in texts), name
    ratings = (made.folder / "data/pilot/ratings.csv").read_text().splitlines()
    assert ratings[0].endswith("reason,duration_ms,created_at")
    assert all(line.endswith(",,") for line in ratings[1:])


@pytest.mark.slow
def test_raters_are_the_same_on_all_pages_and_in_later_builds(made: Made, tmp_path: Path) -> None:
    image = data(made.folder / "prompt/pilot/00003.html", "prompt-data")["images"][0]
    raters = {rater for rater, _ in image["ratings"]}
    assert len(raters) in (3, 4) and all(re.fullmatch(r"rater-[a-z2-7]{4,}", rater) for rater in raters)
    verdicts = data(made.folder / "prompt/duel/00003.html", "prompt-data")["verdicts"]
    assert {rater for rater, *_ in verdicts} < raters
    build_site([made.workspace.root], tmp_path / "again", SiteOptions(precision=QUICK, studies=("pilot",)))
    again = data(tmp_path / "again/prompt/pilot/00003.html", "prompt-data")["images"][0]
    assert again["ratings"] == image["ratings"]


@pytest.mark.slow
def test_comments_are_shown_where_they_are_asked_for(made: Made, tmp_path: Path) -> None:
    options = SiteOptions(precision=QUICK, studies=("pilot",), comments=True, pixels=0)
    build_site([made.workspace.root], tmp_path / "said", options)
    said = [page for page in pages(tmp_path / "said") if COMMENT in page.read_text()]
    assert len(said) == 1 and "lena" not in said[0].read_text()
    assert not (tmp_path / "said/image").exists()


def test_the_board_has_the_leaderboards_numbers_on_every_part(made: Made) -> None:
    board = data(made.folder / "index.html", "board-data")
    views = {view["key"]: view for view in board["views"]}
    assert list(views) == ["human", "geneval", "questions", "metrics"]
    parts = [part["key"] for part in board["parts"]]
    strata = ["stratum=short", "stratum=long"]
    assert parts == ["all", *strata, "task=counting", "task=colors", "light=day", "light=night"]
    with Store.open(made.workspace.database_url) as store:
        for part, stratum in (("all", None), ("stratum=short", "short"), ("stratum=long", "long")):
            found = leaderboard_from_store(store, study="pilot", stratum=stratum, precision=QUICK)
            [column] = [c for c in found.automatic if c.metric == "geneval"]
            rows = {row.model: row for row in found.rows}
            for at, model in enumerate(MODELS):
                row, score = rows[model], rows[model].automatic[column.key]
                human = views["human"]["scored"][0][parts.index(part)]["cells"][at]
                assert human[:3] == numbers(row.total, row.total_interval, 3)
                geneval = views["geneval"]["scored"][0][parts.index(part)]["cells"][at]
                assert geneval[:3] == numbers(score.value, score.interval, 5)


def numbers(value: float | None, interval: Any, decimals: int) -> list[float]:
    assert value is not None
    return [round(x, decimals) for x in (value, interval.low, interval.high)]


def test_the_tests_of_pairs_are_those_of_the_leaderboard(made: Made) -> None:
    text = (made.folder / "data/pilot/pairs.js").read_text()
    pairs = json.loads(text.partition(" = ")[2].rstrip(";\n"))
    with Store.open(made.workspace.database_url) as store:
        found = leaderboard_from_store(store, study="pilot", precision=QUICK)
    for shown, pair in zip(pairs["human"][0][0], found.pairs, strict=True):
        assert [MODELS[at] for at in shown[:2]] == [pair.first, pair.second]
        assert shown[2:5] == numbers(pair.difference, pair.interval, 3)
    assert len(pairs["geneval"][0][0]) == 3 and pairs["geneval"][1][0] == []


def test_an_image_has_everything_that_was_said_of_it(made: Made) -> None:
    page = data(made.folder / "prompt/pilot/00001.html", "prompt-data")
    image = page["images"][0]
    assert (page["models"][image["model"]]["name"], image["sample"]) == ("alpha", 0)
    names = [one["metric"] for one in page["metrics"]]
    metrics = {names[number]: (value, details) for number, value, _, details in image["scores"]}
    assert set(metrics) == {"geneval", "pickscore", "dsg"}
    assert metrics["geneval"][1]["boxes"] == [["star", 10.0, 20.0, 200.0, 220.0, 0.9]]
    asked = page["questions"][metrics["dsg"][1]["questions"]]
    assert [(depth, text) for depth, _, text, *_ in asked] == [(0, "Is there a star?"), (1, "Is it yellow?")]
    with Image.open(made.folder / image["thumbnail"]) as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("WEBP", (256, 192))
    with Image.open(made.folder / image["large"]) as large:
        assert large.size == (320, 240)
    [[rater, regions, words]] = image["marks"]
    assert (regions, words) == ([["artifact", 0.25, 0.5, None, None]], ["stars"])
    assert rater in {rater for rater, _ in image["ratings"]}
    refused = data(made.folder / "prompt/pilot/00011.html", "prompt-data")["images"][-1]
    assert refused["thumbnail"] is None and refused["missing"] == "content policy of …/server"


def test_a_study_of_pairs_stands_in_the_order_of_its_strengths(made: Made) -> None:
    board = data(made.folder / "board-duel.html", "board-data")
    assert [model["name"] for model in board["models"]] == ["alpha", "beta", "gamma"]
    assert not any("rated" in gap for model in board["models"] for gap in model["gaps"])
    elos = [cell[0] for cell in board["views"][0]["scored"][0][0]["cells"]]
    assert elos == sorted(elos, reverse=True)
    assert "compared by 2 people" in (made.folder / "board-duel.html").read_text()


def test_what_cannot_be_shown_is_said_in_a_sentence(made: Made, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no workspace at"):
        build_site([tmp_path / "nowhere"], tmp_path / "a", SiteOptions())
    with pytest.raises(InputError, match="is a file: name a workspace"):
        build_site([made.workspace.root / "nami.toml"], tmp_path / "a", SiteOptions())
    assert not (tmp_path / "a").exists()
    with pytest.raises(UnknownNameError, match="'pilots'"):
        build_site([made.workspace.root], tmp_path / "b", SiteOptions(studies=("pilots",)))
    done = CliRunner().invoke(cli, ["site", str(made.workspace.root), "-o", str(made.workspace.root)])
    assert isinstance(done.exception, InputError) and "no site" in str(done.exception)


def test_judges_are_told_by_part_and_pair_by_pair(made: Made) -> None:
    html = (made.folder / "judges.html").read_text()
    assert "Krippendorff" in html and "The human ceiling" in html and "pickscore beside people" in html
    rows = re.findall(r'<th scope="row" class="name">(\w+) <span class="size">(\w+)</span></th>', html)
    assert ("short", "stratum") in rows and ("colors", "task") in rows
    by_verdicts = (made.folder / "judges-duel.html").read_text()
    assert "48 verdicts by <b>relevance</b>" in by_verdicts and "Pairwise accuracy" in by_verdicts
