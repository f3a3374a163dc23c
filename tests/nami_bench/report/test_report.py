"""The report of a small study with real image files."""

import csv
import hashlib
import json
import re
import shutil
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from nami_bench.errors import InputError
from nami_bench.evaluation.leaderboard.rows import Precision
from nami_bench.report.contents import collect
from nami_bench.report.write import write_report
from nami_bench.store import Store
from nami_bench.store.ratings import Ratings

Reported = Any  # of conftest.py
QUICK = Precision(replicates=100)

EVIL = '<img src=x onerror="alert(1)"> $x^2$ & "two" </script>'
"""The first prompt of the study in conftest.py."""


class Page(HTMLParser):
    """A page's tags, addresses and texts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.texts: list[str] = []
        self.handlers: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attributes if name in ("href", "src")]
        self.handlers += [name for name, _ in attributes if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def written(store: Store, folder: Path, images_dir: Path | None, **options: Any) -> tuple[str, ...]:
    return write_report(folder, collect(store, QUICK, **options), store.catalog.models(), images_dir)


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text("utf-8-sig").splitlines()))


def gallery(folder: Path) -> dict[str, Any]:
    text = (folder / "gallery.js").read_text()
    assert text.startswith("window.GALLERY = ") and text.endswith(";\n")
    return dict(json.loads(text.removeprefix("window.GALLERY = ")[:-2]))


def test_the_ratings_are_read_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    table = Ratings.table
    monkeypatch.setattr(Ratings, "table", lambda own, study: read.append(study) or table(own, study))
    contents = collect(store, QUICK)
    assert read == ["pilot"]
    assert contents.audit is not None and contents.audit.ratings == 21
    assert contents.board.rows[0].ratings == 36


def test_the_folder_stands_alone(reported: Reported) -> None:
    folder = reported.folder
    page = Page((folder / "index.html").read_text())
    for address in page.addresses:
        assert not re.match(r"\w+:|/", address) or address == "data:,", address
        if address[:1] != "#" and address != "data:,":
            assert (folder / address).is_file(), address
    css = "".join(path.read_text() for path in folder.glob("*.css")) + (folder / "index.html").read_text()
    assert not re.search(r"@import|url\(", css)
    assert page.handlers == []


def test_what_strangers_wrote_is_text(reported: Reported) -> None:
    html = (reported.folder / "index.html").read_text()
    assert "onerror" not in html  # prompts are in the script's data only
    assert "innerHTML" not in (reported.folder / "report.js").read_text()
    assert gallery(reported.folder)["prompts"][0]["text"] == EVIL


def test_plots_are_there_as_svg_for_light_and_dark_and_as_png(reported: Reported) -> None:
    names = sorted(path.stem for path in (reported.folder / "plots").glob("*.svg"))
    assert names == [
        "agreement", "by-stratum", "criteria", "geneval-audit-1", "leaderboard", "scatter-1-pickscore",
        "severity",
    ]  # fmt: skip
    for name in names:
        svg = (reported.folder / "plots" / f"{name}.svg").read_text()
        assert ElementTree.fromstring(svg).tag.endswith("svg")
        assert "prefers-color-scheme: dark" in svg and "fill: #1b2330" in svg
        with Image.open(reported.folder / "plots" / f"{name}.png") as image:
            assert image.width > 600
    html = (reported.folder / "index.html").read_text()
    assert 'alt="Total of each model with its interval: alpha' in html


@pytest.mark.slow
def test_agreement_is_told_by_model_at_the_level_asked_for(
    store: Store, images_dir: Path, tmp_path: Path
) -> None:
    written(store, tmp_path / "r", images_dir, agreement_level="ordinal")
    html = (tmp_path / "r" / "index.html").read_text()
    assert "alpha (ordinal)" in html and "Agreement by model" in html
    alphas = [r for r in rows_of(tmp_path / "r" / "data" / "agreement.csv") if r["statistic"] == "alpha"]
    assert {row["model"] for row in alphas} == {"", "alpha", "beta"}
    assert {row["level"] for row in alphas} == {"ordinal"}


def test_the_gallery_holds_every_image_by_hash_with_its_scores(reported: Reported) -> None:
    data = gallery(reported.folder)
    assert data["models"] == ["alpha", "beta"]
    first, last = data["prompts"][0], data["prompts"][3]
    assert (first["groups"], first["spread"]) == (["short", "counting"], 20.0)
    alpha, beta = first["images"]
    assert alpha["scores"] == [
        ["total", "69.0"], ["relevance", "69"], ["beauty", "69"], ["truth", "69"],
        ["geneval", "0"], ["pickscore", "20"],
    ]  # fmt: skip
    with Image.open(reported.folder / alpha["file"]) as image:
        assert (image.format, image.size) == ("JPEG", (320, 160))
    assert (
        alpha["sha256"] == hashlib.sha256((reported.images_dir / "alpha" / "0.png").read_bytes()).hexdigest()
    )
    assert "alpha" not in alpha["file"] and alpha["file"] != beta["file"]
    assert (last["images"][1]["missing"], last["spread"]) == ("content policy", None)


@pytest.mark.slow
def test_an_unreadable_image_is_named_and_the_rest_is_there(
    store: Store, images_dir: Path, tmp_path: Path
) -> None:
    (images_dir / "beta" / "2.png").write_bytes(b"no image")
    (remark,) = written(store, tmp_path / "r", images_dir)
    assert remark.startswith("Images that could not be shown: ") and "2.png" in remark
    assert gallery(tmp_path / "r")["prompts"][2]["images"][1]["missing"] == "not readable"
    assert "Images that could not be shown" in (tmp_path / "r" / "index.html").read_text()


def test_hashes_versions_and_configuration_are_there_but_no_folders_of_the_machine(
    reported: Reported,
) -> None:
    about = json.loads((reported.folder / "data" / "provenance.json").read_text())
    assert about["prompt_sets"][0]["sha256"] == reported.store.catalog.prompt_set("stars").sha256
    assert (
        hashlib.sha256((reported.folder / "data" / "stars.jsonl").read_bytes()).hexdigest()
        == reported.store.catalog.prompt_set("stars").sha256
    )
    assert about["study"]["overlap"] == 3 and about["intervals"]["method"] == "crossed"
    assert {"nami-bench", "python", "numpy", "scipy"} <= about["software"].keys()
    assert {one["metric"] for one in about["instruments"]} == {"pickscore", "geneval"}
    beta = about["models"][1]
    assert beta["images"] == {"done": 3, "failed": 0, "refused": 1}
    assert beta["options"] == {"path": "…/weights"}
    rows = rows_of(reported.folder / "data" / "images.csv")
    assert len(rows) == 8 and rows[-1]["reason"] == "content policy"
    everything = "".join(
        path.read_text()
        for path in (reported.folder).rglob("*")
        if path.suffix in (".html", ".json", ".js", ".csv")
    )
    assert str(reported.folder.parent) not in everything


def test_the_data_files_say_what_the_page_says(reported: Reported) -> None:
    rows = rows_of(reported.folder / "data" / "leaderboard.csv")
    assert [(row["model"], row["rank"]) for row in rows] == [("alpha", "1"), ("beta", "2")]
    (pair,) = rows_of(reported.folder / "data" / "pairs.csv")
    assert (pair["first"], pair["difference"], pair["images"]) == ("alpha", "20.0", "3")
    texts = " ".join(Page((reported.folder / "index.html").read_text()).texts)
    assert f"{float(rows[0]['total']):.2f}" in texts


@pytest.mark.slow
def test_people_are_pseudonyms_unless_names_are_wanted(
    store: Store, images_dir: Path, tmp_path: Path
) -> None:
    hidden = collect(store, QUICK)
    assert hidden.ratings is not None and set(hidden.ratings["annotator"]) == {
        "annotator-01", "annotator-02", "annotator-03",
    }  # fmt: skip
    named = collect(store, QUICK, with_names=True)
    assert named.ratings is not None and "ann" in set(named.ratings["annotator"])


@pytest.mark.slow
def test_a_second_report_replaces_the_first_and_keeps_thumbnails(reported: Reported, tmp_path: Path) -> None:
    shutil.copytree(reported.folder, tmp_path / "r")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "r" / "thumbnails").rglob("*.jpg")}
    page = (tmp_path / "r" / "index.html").read_bytes()
    written(reported.store, tmp_path / "r", reported.images_dir)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert (tmp_path / "r" / "index.html").read_bytes() == page


@pytest.mark.slow
def test_a_folder_of_something_else_is_not_touched(store: Store, images_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(InputError, match="holds something that is no report"):
        written(store, tmp_path / "mine", images_dir)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


@pytest.mark.slow
def test_without_images_there_is_no_gallery(store: Store, tmp_path: Path) -> None:
    written(store, tmp_path / "r", None)
    assert not (tmp_path / "r" / "gallery.js").exists()
    assert "script" not in Page((tmp_path / "r" / "index.html").read_text()).tags


def test_an_empty_study_and_no_study_are_reported_as_such(
    store: Store, images_dir: Path, tmp_path: Path
) -> None:
    store.studies.add(replace(store.studies.get("pilot"), name="empty"))
    assert written(store, tmp_path / "empty", images_dir, study="empty") == (
        "Study empty has no ratings yet.",
    )
    texts = " ".join(Page((tmp_path / "empty" / "index.html").read_text()).texts)
    assert "has no ratings yet" in texts and "nan" not in texts.lower().split()
