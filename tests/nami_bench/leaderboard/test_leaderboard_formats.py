import csv
import io
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from nami_bench.domain import Criterion
from nami_bench.evaluation.leaderboard.rows import (
    AutomaticColumn,
    AutomaticScore,
    Group,
    GroupScore,
    Interval,
    Leaderboard,
    LeaderboardRow,
    PairwiseTest,
    Precision,
    Status,
)
from nami_bench.evaluation.leaderboard.wide_columns import COLUMNS_AFTER, COLUMNS_BEFORE, SCORE_COLUMNS
from nami_bench.export.files import leaderboard_json, leaderboard_wide_csv
from nami_bench.export.html import leaderboard_html
from nami_bench.export.latex import leaderboard_latex
from nami_bench.export.markdown import leaderboard_markdown
from nami_bench.export.sections import notes
from nami_bench.export.text import parameter_count, text_tables
from nami_bench.pipeline.published import with_published
from nami_bench.study_file import load_criteria, nami_1k_study_file

NAMI_1K = load_criteria(nami_1k_study_file())
SHARP = AutomaticColumn("geneval", "stars", "sharp, 640px", ("counting", "colors"))
BLUNT = AutomaticColumn("geneval", "stars", "blunt", ("counting", "colors"))
PICK = AutomaticColumn("pickscore", "stars", "v1")
EVIL = '=HYPERLINK("http://x","<b>1, 2\n</b>")'


LONG = Group("stratum", "long", 2, {"alpha": GroupScore(58.0, Interval(50.0, 66.0))})
PAIR = PairwiseTest("alpha", EVIL, 5.0, Interval(-1, 11), 0.08, 0.16, False, 7)


def scores(value: float | None, images: int = 8) -> AutomaticScore:
    interval = Interval(0.2, 0.5) if value == 1 / 3 else None
    return AutomaticScore(value, {"counting": 0.25, "colors": None}, images, 8, interval)


def board(**changes: Any) -> Leaderboard:
    """One good row, one incomplete row with a name that means harm."""
    human = dict.fromkeys((c.name for c in NAMI_1K), 60.0)
    good = LeaderboardRow(
        "alpha", Status.MEASURED, human, 60.0, {SHARP.key: scores(1 / 3), BLUNT.key: scores(0.5)},
        parameters=2_000_000_000, images=8, images_expected=8, images_failed=0, ratings=160, annotators=5,
        withheld=0, rank=1, rank_low=1, rank_high=2, ties=("a", "b"), first_probability=0.75,
        intervals={"relevance": Interval(50.0, 70.0)}, total_interval=Interval(55.5, 64.5),
        adjusted={"relevance": 61.0}, adjusted_intervals={"relevance": Interval(52.0, 70.0)},
        total_adjusted=61.5, total_adjusted_interval=Interval(56.5, 66.5),
    )  # fmt: skip
    evil = LeaderboardRow(
        EVIL, Status.MEASURED, human | {"coherence": None}, None, {SHARP.key: scores(None, 7)},
        images=7, images_expected=8, images_failed=1, ratings=90, annotators=5, withheld=10,
        gaps=("7 of 8 images rated (1 failed or refused)",),
    )  # fmt: skip
    whole = Leaderboard(
        rows=(good, evil), criteria=NAMI_1K, automatic=(BLUNT, SHARP), ranked_by="total", study="study",
        prompt_sets={"stars": "ab" * 32}, annotators=5, latest_rating=datetime(2026, 3, 1, tzinfo=UTC),
        precision=Precision(), groups=(LONG,), pairs=(PAIR,),
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


def rows_of(board: Leaderboard) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(leaderboard_wide_csv(board).decode(), newline=""), strict=True))


def with_interval(key: str) -> list[str]:
    return [key, f"{key}:low", f"{key}:high"]


def with_adjusted(key: str) -> list[str]:
    return [*with_interval(key), *with_interval(f"{key}:adjusted")]


def test_csv_is_rfc_4180_with_the_documented_columns() -> None:
    data = leaderboard_wide_csv(board()).decode()
    assert data.endswith("\r\n")
    header = next(csv.reader(io.StringIO(data, newline=""), strict=True))
    assert header == [
        "rank", "rank_low", "rank_high", "ties", "first_probability",
        "model", "status", "complete", "parameters",
        *with_adjusted("relevance"), *with_adjusted("coherence"), *with_adjusted("aesthetics"),
        *with_adjusted("authenticity"), *with_adjusted("total"), "total:kind",
        *with_interval("total:stratum=long"),
        *with_interval("geneval:stars:blunt:overall"), *with_interval("geneval:stars:blunt:counting"),
        *with_interval("geneval:stars:blunt:colors"), "geneval:stars:blunt:images",
        *with_interval("geneval:stars:sharp, 640px:overall"),
        *with_interval("geneval:stars:sharp, 640px:counting"),
        *with_interval("geneval:stars:sharp, 640px:colors"), "geneval:stars:sharp, 640px:images",
        "images", "images_expected", "images_failed", "ratings", "annotators", "missing_share", "gaps",
        "study", "stratum", "samples", "prompt_sets", "prompt_files", "rewritten_prompts", "prompt_rewriting",
        "interval_method", "interval_over", "interval_level", "cautions", "licence", "weights",
        "images_per_second", "latency_p50", "latency_p50:low", "latency_p50:high", "latency_p95",
        "latency_p99", "images_timed", "peak_memory_bytes", "load_seconds", "timed_on",
        "speed_comparable", "price_per_1000", "price_note", "source",
    ]  # fmt: skip
    alpha, evil = rows_of(board())
    assert part(alpha, "rank", "rank_low", "rank_high", "ties", "first_probability") == "1 1 2 a b 0.75"
    assert part(alpha, "model", "status", "complete", "parameters") == "alpha measured true 2000000000"
    assert part(alpha, *with_adjusted("total")) == "60.0 55.5 64.5 61.5 56.5 66.5"
    assert part(alpha, *with_interval("relevance:adjusted")) == "61.0 52.0 70.0"
    assert part(alpha, "relevance", "relevance:low", "relevance:high", "coherence:low") == "60.0 50.0 70.0 "
    assert (
        part(alpha, "total:stratum=long", "total:stratum=long:low", "total:stratum=long:high")
        == "58.0 50.0 66.0"
    )
    assert part(alpha, *with_interval("geneval:stars:blunt:overall")) == "0.5  "
    assert part(alpha, "geneval:stars:blunt:counting", "geneval:stars:blunt:images") == "0.25 8"
    sharp = "geneval:stars:sharp, 640px"
    assert part(alpha, *with_interval(f"{sharp}:overall"), f"{sharp}:images") == "0.333333 0.2 0.5 8"
    assert part(alpha, "interval_method", "interval_over", "interval_level") == "crossed both 0.95"
    assert part(evil, "rank", "rank_low", "ties", "total", "total:stratum=long") == "    "
    assert part(evil, "model", "status", "complete") == "'" + EVIL + " measured false"
    assert part(
        evil, "images", "images_expected", "images_failed", "ratings", "annotators", "missing_share"
    ) == ("7 8 1 90 5 0.1")
    assert part(evil, "gaps", "study", "stratum") == "7 of 8 images rated (1 failed or refused) study "
    assert part(evil, "prompt_sets", "source") == "stars@" + "ab" * 32 + " "


def part(row: dict[str, str], *names: str) -> str:
    return " ".join(row[name] for name in names)


@pytest.mark.parametrize("name", ["model", "total", "images", "status", "GenEval", "parameters", "ties"])
def test_a_criterion_may_have_the_name_of_another_column(name: str) -> None:
    criteria = (Criterion(name, 1), Criterion("beauty", 1))
    row = LeaderboardRow("alpha", Status.MEASURED, {name: 12.5, "beauty": 50.0}, 31.25, images=8, rank=1)
    odd = Leaderboard(rows=(row,), criteria=criteria)
    header = next(csv.reader(io.StringIO(leaderboard_wide_csv(odd).decode(), newline="")))
    assert len(set(header)) == len(header)
    (cells,) = rows_of(odd)
    own = name if name == "GenEval" else f"criterion:{name}"
    assert part(cells, own, "beauty", "total") == "12.5 50.0 31.25"
    assert text_tables(odd)[0].rows[0][1:5] == ("alpha", "12.50", "50.00", "31.25")


def test_csv_quotes_published_rows_with_their_source_and_without_our_prompt_set() -> None:
    rows = rows_of(with_published(board()))
    assert [row["status"] for row in rows] == ["measured"] * 2 + ["published"] * 13
    flux = rows[2]
    assert (flux["model"], flux["rank"], flux["complete"], flux["total"]) == ("FLUX-dev", "", "", "85.05")
    assert "arxiv.org/abs/2503.09242" in flux["source"]
    assert part(flux, "study", "prompt_sets", "interval_method", "total:low", "total:stratum=long") == "    "
    assert (flux["geneval:geneval:published:overall"], flux["dpg:dpg:published"]) == ("0.67", "0.8379")
    assert flux["geneval:stars:blunt:overall"] == ""


@pytest.mark.parametrize("of", ["plain", "published", "simulated", "automatic", "bare"])
def test_json_keeps_to_its_schema(of: str) -> None:
    boards = {
        "plain": board(),
        "published": with_published(board()),
        "simulated": simulated(5),
        "automatic": Leaderboard(rows=(), automatic=(PICK,), ranked_by=PICK.key),
        "bare": board(precision=None, groups=(), pairs=(), latest_rating=None),
    }
    schema = json.loads((files("nami_bench.export") / "leaderboard.schema.json").read_text())
    validator = Draft202012Validator(schema, format_checker=FormatChecker())
    validator.check_schema(schema)
    validator.validate(json.loads(leaderboard_json(boards[of])))


def test_the_schema_refuses_what_it_does_not_describe() -> None:
    schema = json.loads((files("nami_bench.export") / "leaderboard.schema.json").read_text())
    document = json.loads(leaderboard_json(board()))
    for change in ({"extra": 1}, {"rows": [{}]}, {"precision": {"method": "guess"}}, {"schema": "other"}):
        assert not Draft202012Validator(schema).is_valid(document | change)


def test_json_names_what_the_scores_rest_on() -> None:
    document = json.loads(leaderboard_json(simulated(5)))
    assert document["schema"] == "nami-bench/leaderboard/2"
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
    tables = text_tables(with_published(board()))
    assert [table.title for table in tables] == [
        "Scores",
        "How sure the ranks are, and what they rest on",
        "Intervals",
        "Total by stratum",
        "GenEval 1 by task: blunt on stars",
        "GenEval 2 by task: sharp, 640px on stars",
        "Published elsewhere, not ranked",
        "GenEval by task: as published",
        "Differences in total",
    ]
    main, basis, intervals, strata, blunt, sharp, published, _, pairs = tables
    assert main.columns[-4:] == ("total", "95% interval", "GenEval 1", "GenEval 2")
    assert main.rows[0][-4:] == ("60.00", "55.5–64.5", "0.500", "0.333")
    assert main.rows[1][:2] == (None, EVIL + "\N{NO-BREAK SPACE}*")
    assert basis.columns[2:] == (
        "places", "tie group", "first", "adjusted", "parameters", "images", "ratings", "missing",
    )  # fmt: skip
    assert basis.rows[0][:6] == ("alpha", "measured", "1–2", "a b", "75.0%", "61.50 (56.5–66.5)")
    assert basis.rows[0][6:] == ("2B", "8", "160", "0.0%")
    assert basis.rows[1][2:6] == (None,) * 4 and basis.rows[1][7:] == ("7/8", "90", "10.0%")
    assert (intervals.columns, intervals.rows[0]) == (
        ("model", "relevance, 95%", "GenEval 2, 95%"),
        ("alpha", "50.0–70.0", "0.20–0.50"),
    )
    assert strata.rows == (("alpha", "58.0 (50.0–66.0)"), (EVIL + "\N{NO-BREAK SPACE}*", None))
    assert (len(blunt.rows), len(sharp.rows)) == (1, 2)
    assert published.columns[0] == "model"  # and no rank
    assert published.rows[0][-4:] == ("85.05", "0.67", "0.838", "12B")
    assert pairs.rows == (("alpha", EVIL, "5.00", "-1.0 to 11.0", "0.0800", "0.1600", "no", "7"),)


def test_the_level_of_the_intervals_is_named_and_genevals_is_its_own() -> None:
    tables = text_tables(board(precision=Precision(level=0.9)))
    assert "90% interval" in tables[0].columns
    assert tables[2].columns == ("model", "relevance, 90%", "GenEval 2, 95%")


@pytest.mark.parametrize("file_format", [leaderboard_html, leaderboard_markdown, leaderboard_latex])
def test_nothing_is_shown_as_minus_nothing(file_format: Any) -> None:
    fid = AutomaticColumn("fid", "stars", "net", of_sets=True, lower_is_better=True)
    difference = replace(PAIR, difference=-0.001, interval=Interval(-0.01, 0.02))
    good, _ = board().rows
    row = replace(good, automatic={fid.key: AutomaticScore(-1e-9, {}, 8, 8, Interval(-1e-9, 1.0))})
    shown = file_format(board(rows=(row,), automatic=(fid,), pairs=(difference,))).decode()
    assert not re.search(r"[-\N{MINUS SIGN}]0\.0+(?![0-9])", shown)


def test_markdown_escapes_names_and_marks_the_best() -> None:
    text = leaderboard_markdown(simulated(5)).decode()
    lines = text.splitlines()
    assert lines[2].startswith("**SIMULATED: All human scores here are simulated")
    header = next(line for line in lines if line.startswith("| \\# |"))
    rule, alpha, evil = lines[lines.index(header) + 1 :][:3]
    assert rule.startswith("| ---: | --- | ---: |")
    assert "| **60.00** |" in alpha or "| 60.00 |" in alpha
    # The name is one cell on one line, and no markup.
    assert evil.count(" | ") == header.count(" | ")
    assert r"\<b\>1, 2 \</b\>" in evil and "<b>" not in text


def test_notes_give_the_formula_the_counts_the_instruments_and_the_prompts_hash() -> None:
    text = "\n".join(notes(board()))
    assert "total = 0.3 relevance + 0.3 coherence + 0.2 aesthetics + 0.2 authenticity" in text
    assert "5 annotators gave 250 ratings and could not judge 10 times; the latest is of 2026-03-01" in text
    assert "measured by sharp, 640px on stars; only 2 of GenEval's 6 tasks occur. Its detector is not" in text
    assert "is not the published detector: the detector is sharp, 640px, not mmdet's" in text
    assert "ab" * 32 in text


def test_an_automatic_leaderboard_has_no_human_columns() -> None:
    row = LeaderboardRow("alpha", Status.MEASURED, automatic={PICK.key: AutomaticScore(21.5, {}, 8, 8)})
    automatic = Leaderboard(rows=(row,), automatic=(PICK,), ranked_by=PICK.key)
    (table,) = text_tables(automatic)
    assert (table.columns, table.rows) == (("#", "model", "pickscore"), ((None, "alpha", "21.500"),))
    assert "total" not in leaderboard_wide_csv(automatic).decode()
    assert b"pickscore" in leaderboard_html(automatic)


@pytest.mark.parametrize(
    ("parameters", "shown"),
    [(None, None), (12_000_000_000, "12B"), (2_117_643_840, "2.12B"), (600_000_000, "600M"), (900, "900")],
)
def test_parameter_counts_are_short(parameters: int | None, shown: str | None) -> None:
    assert parameter_count(parameters) == shown


def test_the_documented_columns_are_those_of_the_code() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "leaderboards.md").read_text(encoding="utf-8")
    rows = [
        f"| {', '.join(f'`{one}`' for one in name.split(', '))} | {holds} |"
        for part in (COLUMNS_BEFORE, SCORE_COLUMNS, COLUMNS_AFTER)
        for name, holds in part.items()
    ]
    assert "| column | holds |\n|---|---|\n" + "\n".join(rows) + "\n" in page
