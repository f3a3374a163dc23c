"""The page of verdicts and the file of masks."""

import base64
import io
import json
import sys

import numpy as np
import pytest
from PIL import Image

from nami_bench.cli.app import main
from nami_bench.evaluation.geneval.browser import expectations, reason_kinds, write_browser
from nami_bench.evaluation.geneval.folder_run import score_folder
from nami_bench.evaluation.geneval.masks import MAX_SIDE, encode_mask, masks_path, read_masks
from nami_bench.evaluation.geneval.metric import GenEvalMetric
from nami_bench.evaluation.geneval.protocol import Detection
from nami_bench.evaluation.geneval.results import read_results
from nami_bench.geneval_folder import GenEvalFolder
from nami_bench.images import write_png
from tests.support.browser import opened_page, page_data

ATTACK = "</script><script>window.attacked = 1</script><img src=x onerror='window.attacked = 2'>"


class Reds:
    """Sees a dog where an image is red, in the middle."""

    class_names = ("dog", "cup")
    identity = "reds-1"

    @property
    def color_classifier(self):
        return self

    def detect(self, images):
        mask = np.zeros((20, 30), dtype=bool)
        mask[5:15, 10:20] = True
        red = Detection("dog", (10.0, 5.0, 20.0, 15.0), 0.95, mask)
        return [[red] if image.getpixel((0, 0))[0] else [] for image in images]

    def classify(self, image, detections):
        return ["red"] * len(detections)


@pytest.fixture
def results(tmp_path):
    """Two prompts, one of which would like to be a script; two images each, one of them correct."""
    folder = GenEvalFolder(tmp_path / "model")
    prompts = [
        {"tag": "single_object", "include": [{"class": "dog", "count": 1}], "prompt": "a photo of a dog"},
        {
            "tag": "colors",
            "include": [{"class": "dog", "count": 1, "color": "blue"}],
            "prompt": ATTACK,
        },
    ]
    for index, metadata in enumerate(prompts):
        folder.write_metadata(index, metadata)
        for sample in (0, 1):
            write_png(folder.sample_path(index, sample), Image.new("RGB", (30, 20), (200 * sample, index, 9)))
    path = tmp_path / "model" / "results.jsonl"
    score_folder(folder.root, GenEvalMetric(GenEvalMetric.Options(), Reds()), path)
    return path


def decoded(text):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))).convert("L")) > 127


def test_a_mask_is_its_boxs_pixels():
    mask = np.random.default_rng(0).random((40, 50)) < 0.5
    assert (decoded(encode_mask(mask, (3.0, 4.0, 33.0, 24.0))) == mask[4:24, 3:33]).all()
    assert (decoded(encode_mask(mask, (3.6, 4.2, 32.5, 23.1))) == mask[4:24, 3:33]).all(), "rounded outward"
    assert decoded(encode_mask(mask, (0.0, 0.0, 0.0, 0.0))).shape == (1, 1), "of an empty mask"


def test_a_large_mask_is_made_smaller():
    mask = np.zeros((1000, 2000), dtype=bool)
    mask[:, :1000] = True
    small = decoded(encode_mask(mask, (0.0, 0.0, 2000.0, 1000.0)))
    assert small.shape == (MAX_SIDE // 2, MAX_SIDE)
    assert small[:, : MAX_SIDE // 2].all()
    assert not small[:, MAX_SIDE // 2 :].any()


def test_masks_lie_beside_the_results_and_survive_a_kill(results):
    whole = masks_path(results).read_bytes()
    masks = read_masks(results)
    assert sorted(masks) == ["00000/samples/0001.png", "00001/samples/0001.png"]
    assert decoded(masks["00000/samples/0001.png"]["dog"][0]).all()
    lines = results.read_bytes().splitlines(keepends=True)
    results.write_bytes(b"".join(lines[:2]))
    score_folder(results.parent, GenEvalMetric(GenEvalMetric.Options(), Reds()), results)
    assert masks_path(results).read_bytes() == whole, "a line without its result was kept"
    results.unlink()
    masks_path(results).write_bytes(whole[:-20])
    score_folder(results.parent, GenEvalMetric(GenEvalMetric.Options(), Reds()), results)
    assert masks_path(results).read_bytes() == whole


def test_a_detector_without_masks_leaves_no_file(results, tmp_path):
    class Boxes(Reds):
        def detect(self, images):
            found = super().detect(images)
            return [[Detection(d.class_name, d.box, d.score) for d in of_image] for of_image in found]

    output = tmp_path / "boxes.jsonl"
    score_folder(results.parent, GenEvalMetric(GenEvalMetric.Options(), Boxes()), output)
    assert not masks_path(output).exists()


def size_of(path):
    with Image.open(path) as image:
        return image.size


def test_the_page_holds_everything_it_needs(results, tmp_path):
    folder = tmp_path / "page"
    assert write_browser(read_results(results), results, folder) == 0
    rows = page_data(folder)
    assert [row["correct"] for row in rows] == [False, True, False, False]
    assert rows[3]["kinds"] == ["wrong color"]
    assert rows[3]["expected"] == ["1 × blue dog"]
    assert rows[1]["found"][0]["box"] == [10, 5, 20, 15]
    assert decoded(rows[1]["found"][0]["mask"]).shape == (10, 10)
    for row in rows:
        assert size_of(folder / row["image"]) == (row["width"], row["height"]) == (30, 20)
    text = (folder / "index.html").read_text()
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in text
    assert "<script>window.attacked" not in text


def test_pictures_are_small_and_made_once(results, tmp_path):
    big = GenEvalFolder(results.parent).sample_path(0, 0)
    noise = np.random.default_rng(0).integers(0, 255, (600, 1200, 3), dtype=np.uint8)
    write_png(big, Image.fromarray(noise))
    folder = tmp_path / "page"
    write_browser(read_results(results), results, folder)
    (row,) = [row for row in page_data(folder) if row["place"] == "00000/samples/0000.png"]
    assert (row["width"], row["height"]) == (1200, 600)
    assert size_of(folder / row["image"]) == (512, 256)
    before = {path.name: path.stat().st_mtime_ns for path in (folder / "images").iterdir()}
    write_browser(read_results(results), results, folder)
    assert {path.name: path.stat().st_mtime_ns for path in (folder / "images").iterdir()} == before


def test_the_references_results_and_moved_images_will_do(results, tmp_path):
    rows = [json.loads(line) for line in results.read_text().splitlines()]
    for row in rows:
        del row["detector"], row["sha256"]
        row["filename"] = f"/gone/{row['filename'].split('model/')[1]}"
    theirs = tmp_path / "theirs.jsonl"
    theirs.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert write_browser(read_results(theirs), theirs, tmp_path / "page") == 4
    assert all(row["image"] is None for row in page_data(tmp_path / "page"))
    assert write_browser(read_results(theirs), theirs, tmp_path / "page", results.parent) == 0


def test_clauses_in_words():
    metadata = {
        "include": [
            {"class": "cup", "count": 2},
            {"class": "dog", "count": 1, "position": ["left of", 0]},
        ],
        "exclude": [{"class": "cup", "count": 3}],
    }
    assert expectations(metadata) == ["2 × cup", "1 × dog, left of the cup", "fewer than 3 × cup"]


@pytest.mark.parametrize(
    ("reason", "kinds"),
    [
        ("", []),
        ("expected dog>=2, found 1", ["too few"]),
        ("expected dog<3, found 3", ["too many"]),
        ("expected red dog>=1, found 0 red; and 1 blue", ["wrong color"]),
        ("expected dog left of target, found  target", ["wrong position"]),
        ("no target for dog to be above", ["no target"]),
        ("expected cup>=1, found 0\nno target for dog to be above", ["too few", "no target"]),
        ("something new", ["other"]),
    ],
)
def test_reasons_by_kind(reason, kinds):
    assert reason_kinds(reason) == kinds


def test_from_the_command_line(results, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["nami-bench", "geneval", "browse", "model/results.jsonl"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert not stopped.value.code
    assert "wrote model/results-browser/index.html" in capsys.readouterr().err
    assert len(page_data(tmp_path / "model" / "results-browser")) == 4
    monkeypatch.setattr(sys, "argv", ["nami-bench", "geneval", "browse", "none.jsonl"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2


@pytest.fixture
def page(browser, results, tmp_path):
    write_browser(read_results(results), results, tmp_path / "page")
    moved = (tmp_path / "page").rename(tmp_path / "moved")
    with opened_page(browser, moved) as page:
        yield page


def test_on_screen(page):
    cards = page.locator("article")
    assert cards.count() == 4
    assert page.evaluate("window.attacked") is None
    assert page.locator("article .prompt").nth(2).text_content() == ATTACK
    assert page.locator("rect.box").count() == page.locator("rect.mask").count() == 2

    page.select_option("#verdict", "correct")
    assert cards.count() == 1
    page.select_option("#verdict", "")
    page.select_option("#reason", "wrong color")
    assert cards.count() == 1
    page.reload()
    assert cards.count() == 1, "the filters are in the address"
    page.select_option("#reason", "")
    page.select_option("#task", "single_object")
    assert cards.count() == 2
    assert page.locator("#count").text_content() == "2 of 4 images, 1 correct"
    page.select_option("#task", "")
    page.fill("#search", "A DOG")
    assert cards.count() == 2
    page.fill("#search", "zebra")
    assert page.locator("#none").is_visible()
    page.fill("#search", "")

    page.locator("h1").click()
    page.keyboard.press("b")
    assert not page.locator("rect.box").first.is_visible()
    page.keyboard.press("m")
    assert not page.locator("rect.mask").first.is_visible()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    assert page.locator("#where").text_content() == "2 of 4"
    page.keyboard.press("ArrowRight")
    assert page.locator("#where").text_content() == "3 of 4"
    page.keyboard.press("Escape")
    # A dialog's close event comes a moment after the key.
    page.wait_for_function("document.activeElement.dataset.index === '2'")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everyone_can_read_it(page, complaints, scheme):
    page.emulate_media(color_scheme=scheme)
    assert complaints(page) == []
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    page.locator("article").first.click()
    assert complaints(page) == []
