import csv
import io
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest

from nami_bench.config import load_criteria, nami_1k_study_file
from nami_bench.domain import Criterion
from nami_bench.leaderboard.files import leaderboard_csv, leaderboard_json
from nami_bench.leaderboard.html import leaderboard_html
from nami_bench.leaderboard.published import with_published
from nami_bench.leaderboard.rows import (
    AutomaticColumn,
    AutomaticScore,
    Leaderboard,
    LeaderboardRow,
    Status,
)
from nami_bench.leaderboard.sections import notes
from nami_bench.leaderboard.text import parameter_count, text_tables

NAMI_1K = load_criteria(nami_1k_study_file())
SHARP = AutomaticColumn("geneval", "stars", "sharp, 640px", ("counting", "colors"))
BLUNT = AutomaticColumn("geneval", "stars", "blunt", ("counting", "colors"))
PICK = AutomaticColumn("pickscore", "stars", "v1")
EVIL = '=HYPERLINK("http://x","<b>1, 2\n</b>")'


def scores(value: float | None, images: int = 8) -> AutomaticScore:
    return AutomaticScore(value, {"counting": 0.25, "colors": None}, images, 8)


def board(**changes: Any) -> Leaderboard:
    """One good row, one incomplete row with a name that means harm."""
    human = dict.fromkeys((c.name for c in NAMI_1K), 60.0)
    good = LeaderboardRow(
        "alpha", Status.MEASURED, human, 60.0, {SHARP.key: scores(1 / 3), BLUNT.key: scores(0.5)},
        parameters=2_000_000_000, images=8, images_expected=8, images_failed=0, ratings=160, annotators=5,
        withheld=0, rank=1,
    )  # fmt: skip
    evil = LeaderboardRow(
        EVIL, Status.MEASURED, human | {"coherence": None}, None, {SHARP.key: scores(None, 7)},
        images=7, images_expected=8, images_failed=1, ratings=90, annotators=5, withheld=10,
        gaps=("7 of 8 images rated (1 failed or refused)",),
    )  # fmt: skip
    whole = Leaderboard(
        rows=(good, evil), criteria=NAMI_1K, automatic=(BLUNT, SHARP), ranked_by="total", study="study",
        prompt_sets={"stars": "ab" * 32}, annotators=5, latest_rating=datetime(2026, 3, 1, tzinfo=UTC),
    )  # fmt: skip
    return replace(whole, **changes)


def simulated(count: int) -> Leaderboard:
    rows = tuple(replace(row, status=Status.SIMULATED) for row in board().rows)
    return board(rows=rows, simulated_annotators=count)


class Page(HTMLParser):
    """Collects a page's texts, and checks that its tags close."""

    def __init__(self, html: bytes) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.addresses: list[str] = []
        self.feed(html.decode())
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [v or "" for k, v in attributes if k in ("href", "src", "action")]
        if tag != "meta":  # the page's only element without an end
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.texts.append(data.strip())


def test_csv_is_rfc_4180_with_the_documented_columns() -> None:
    data = leaderboard_csv(board()).decode()
    assert data.endswith("\r\n")
    header, alpha, evil = csv.reader(io.StringIO(data, newline=""), strict=True)
    assert header[:10] == [
        "rank", "model", "status", "complete", "parameters",
        "relevance", "coherence", "aesthetics", "authenticity", "total",
    ]  # fmt: skip
    assert header[10:18] == [
        f"{key}:{part}"
        for key in ("geneval:stars:blunt", "geneval:stars:sharp, 640px")
        for part in ("overall", "counting", "colors", "images")
    ]
    assert header[18:] == [
        "images", "images_expected", "images_failed", "ratings", "annotators", "missing_share",
        "gaps", "study", "stratum", "prompt_sets", "source",
    ]  # fmt: skip
    assert alpha[:5] == ["1", "alpha", "measured", "true", "2000000000"]
    assert alpha[9:18] == ["60.0", "0.5", "0.25", "", "8", "0.333333", "0.25", "", "8"]
    assert evil[:4] == ["", "'" + EVIL, "measured", "false"]
    assert evil[9:18] == ["", "", "", "", "", "", "0.25", "", "7"]
    assert evil[18:] == [
        "7", "8", "1", "90", "5", "0.1", "7 of 8 images rated (1 failed or refused)", "study", "",
        "stars@" + "ab" * 32, "",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["model", "total", "images", "status", "GenEval", "parameters"])
def test_a_criterion_may_have_the_name_of_another_column(name: str) -> None:
    criteria = (Criterion(name, 1), Criterion("beauty", 1))
    row = LeaderboardRow("alpha", Status.MEASURED, {name: 12.5, "beauty": 50.0}, 31.25, images=8, rank=1)
    odd = Leaderboard(rows=(row,), criteria=criteria)
    header, cells = csv.reader(io.StringIO(leaderboard_csv(odd).decode(), newline=""))
    assert len(set(header)) == len(header)
    assert cells[5:8] == ["12.5", "50.0", "31.25"]
    assert text_tables(odd)[0].rows[0][1:5] == ("alpha", "12.50", "50.00", "31.25")


def test_csv_quotes_published_rows_with_their_source_and_without_our_prompt_set() -> None:
    rows = list(csv.DictReader(io.StringIO(leaderboard_csv(with_published(board())).decode(), newline="")))
    assert [row["status"] for row in rows] == ["measured"] * 2 + ["published"] * 6
    flux = rows[2]
    assert (flux["model"], flux["rank"], flux["complete"], flux["total"]) == ("FLUX-dev", "", "", "85.05")
    assert "arxiv.org/abs/2503.09242" in flux["source"]
    assert (flux["study"], flux["prompt_sets"]) == ("", "")
    assert flux["geneval:geneval:published:overall"] == "0.67"
    assert flux["geneval:stars:blunt:overall"] == ""


def test_json_names_what_the_scores_rest_on() -> None:
    document = json.loads(leaderboard_json(simulated(5)))
    assert document["schema"] == "nami-bench/leaderboard/1"
    assert document["prompt_sets"] == {"stars": "ab" * 32}
    assert {one["instrument"] for one in document["automatic"]} == {"sharp, 640px", "blunt"}
    assert document["latest_rating"] == "2026-03-01T00:00:00+00:00"
    assert "simulated" in document["notice"]
    alpha, evil = document["rows"]
    assert (alpha["rank"], alpha["complete"], alpha["status"]) == (1, True, "simulated")
    assert alpha["automatic"][SHARP.key]["value"] == 1 / 3
    assert (evil["total"], evil["rank"], evil["complete"], evil["missing_share"]) == (None, None, False, 0.1)
    assert json.loads(leaderboard_json(board()))["notice"] is None


def test_html_is_self_contained_well_formed_and_the_same_every_time() -> None:
    html = leaderboard_html(with_published(board()))
    page = Page(html)
    assert page.addresses == []
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert not re.search(rb"url\(|@import|\bon[a-z]+=", html)
    assert html == leaderboard_html(with_published(board()))


def test_html_escapes_names() -> None:
    html = leaderboard_html(board(study='<img src=x onerror="alert(1)">'))
    assert b"<b>1, 2" not in html and b"<img" not in html
    assert EVIL + "\N{NO-BREAK SPACE}*" in Page(html).texts


def test_html_shows_values_as_bars_and_lists_what_is_missing() -> None:
    html = leaderboard_html(board()).decode()
    assert html.count('style="width:60.0%"') == 4 + 1 + 3
    assert 'style="width:33.3%"' in html
    assert any("7 of 8 images rated" in text for text in Page(html.encode()).texts)


@pytest.mark.parametrize(("count", "words"), [(5, "All human scores here are simulated"), (2, "2 of 5")])
def test_simulated_annotators_are_named_before_any_number(count: int, words: str) -> None:
    texts = Page(leaderboard_html(simulated(count))).texts
    notice = next(i for i, text in enumerate(texts) if words in text)
    assert notice < texts.index("60.00")
    assert texts.count("simulated") == 2  # a tag on each row
    assert all("simulated" not in text for text in Page(leaderboard_html(board())).texts)


def test_tables_keep_instruments_and_published_rows_apart() -> None:
    titles = [table.title for table in text_tables(with_published(board()))]
    assert titles == [
        "Scores",
        "What the scores rest on",
        "GenEval 1 by task: blunt on stars",
        "GenEval 2 by task: sharp, 640px on stars",
        "Published elsewhere, not ranked",
        "GenEval by task: as published",
    ]
    main, basis, blunt, sharp, published, _ = text_tables(with_published(board()))
    assert main.columns[-3:] == ("total", "GenEval 1", "GenEval 2")
    assert main.rows[0][-3:] == ("60.00", "0.500", "0.333")
    assert main.rows[1][:2] == (None, EVIL + "\N{NO-BREAK SPACE}*")
    assert basis.rows[0] == ("alpha", "measured", "2B", "8", "160", "0.0%")
    assert basis.rows[1][3:] == ("7/8", "90", "10.0%")
    assert (len(blunt.rows), len(sharp.rows)) == (1, 2)
    assert published.columns[0] == "model"  # and no rank
    assert published.rows[0][-3:] == ("85.05", "0.67", "12B")


def test_notes_give_the_formula_the_counts_the_instruments_and_the_prompts_hash() -> None:
    text = "\n".join(notes(board()))
    assert "total = 0.3 relevance + 0.3 coherence + 0.2 aesthetics + 0.2 authenticity" in text
    assert "5 annotators gave 250 ratings and could not judge 10 times; the latest is of 2026-03-01" in text
    assert "measured by sharp, 640px on stars; only 2 of GenEval's 6 tasks occur" in text
    assert "ab" * 32 in text


def test_an_automatic_leaderboard_has_no_human_columns() -> None:
    row = LeaderboardRow("alpha", Status.MEASURED, automatic={PICK.key: AutomaticScore(21.5, {}, 8, 8)})
    automatic = Leaderboard(rows=(row,), automatic=(PICK,), ranked_by=PICK.key)
    (table,) = text_tables(automatic)
    assert (table.columns, table.rows) == (("#", "model", "pickscore"), ((None, "alpha", "21.500"),))
    assert "total" not in leaderboard_csv(automatic).decode()
    assert b"pickscore" in leaderboard_html(automatic)


@pytest.mark.parametrize(
    ("parameters", "shown"),
    [(None, None), (12_000_000_000, "12B"), (2_117_643_840, "2.12B"), (600_000_000, "600M"), (900, "900")],
)
def test_parameter_counts_are_short(parameters: int | None, shown: str | None) -> None:
    assert parameter_count(parameters) == shown
