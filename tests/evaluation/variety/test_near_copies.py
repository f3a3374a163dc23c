"""Near-copies: planted ones are found, in blocks as at once, and what only looks alike is not."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, ImageOps

from nami_bench import Scorer
from nami_bench.cli.app import cli
from nami_bench.domain import Prompt
from nami_bench.errors import InputError
from nami_bench.evaluation.protocol import ScoringItem
from nami_bench.evaluation.variety import near_copies
from nami_bench.evaluation.variety.copy_metrics import NearCopies, ReferenceCopies
from nami_bench.evaluation.variety.near_copies import Nearest, Vectors, blocks_within, unit
from nami_bench.evaluation.variety.thumbnails import Thumbnails
from nami_bench.geneval_folder import GenEvalFolder
from nami_bench.images import HeldImage
from nami_bench.store import Store

Make = Callable[[Image.Image], Image.Image]


def _jpeg(image: Image.Image, quality: int = 75) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def _one_pixel(image: Image.Image) -> Image.Image:
    changed = image.copy()
    changed.putpixel((9, 7), (255, 0, 255))
    return changed


PLANTED: dict[str, Make] = {
    "same": lambda image: image.copy(),
    "jpeg": _jpeg,
    "bad jpeg": lambda image: _jpeg(image, 30),
    "half": lambda image: image.resize((image.width // 2, image.height // 2), Image.Resampling.BICUBIC),
    "one pixel off": lambda image: image.crop((1, 0, image.width, image.height)),
    "one pixel changed": _one_pixel,
    "flipped": ImageOps.mirror,
    "flipped jpeg": lambda image: _jpeg(ImageOps.mirror(image)),
}


@pytest.fixture(scope="module")
def photographs() -> list[Image.Image]:
    """Real ones."""
    data = pytest.importorskip("skimage").data
    arrays = [data.astronaut(), data.chelsea(), data.coffee(), data.camera(), data.rocket()]
    return [Image.fromarray(array).convert("RGB") for array in arrays]


def scored(images: list[Image.Image], **options: Any) -> Any:
    with Scorer("near-copies", **options) as scorer:
        return scorer.score(images, [f"prompt {at}" for at in range(len(images))])


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_copy_is_found_and_nothing_else(name: str, photographs: list[Image.Image]) -> None:
    for at, image in enumerate(photographs):
        scores = scored([*photographs, PLANTED[name](image)])
        expected = [float(place in (at, len(photographs))) for place in range(len(photographs) + 1)]
        assert list(scores.values) == expected, at
        found = scores.details[at]
        assert (found["exact"], found["flipped"]) == (name == "same", name.startswith("flipped"))
        assert found["copies"] == 1


def test_mirrored_ones_may_be_left_alone(photographs: list[Image.Image]) -> None:
    images = [*photographs, ImageOps.mirror(photographs[0])]
    assert sum(scored(images).values) == 2
    assert sum(scored(images, flipped=False).values) == 0


def test_plain_images_are_copies_of_those_of_their_colour_alone() -> None:
    noise = np.random.default_rng(0).integers(0, 3, (64, 64, 3)).astype(np.uint8)
    plain = [Image.new("RGB", (64, 64), colour) for colour in ("black", "gray", "white", "black")]
    scores = scored([*plain, Image.fromarray(noise), Image.new("RGB", (32, 32), "red")])
    assert list(scores.values) == [1, 0, 0, 1, 1, 0]
    assert [scores.details[at].get("exact") for at in (0, 3)] == [True, True]
    assert scores.details[0]["copies"] == 2


def test_what_is_compared_with_what(photographs: list[Image.Image]) -> None:
    images = [photographs[0], photographs[0], photographs[1], photographs[0]]
    prompts = ["a", "a", "b", "b"]
    expected = {"prompts": [1, 1, 0, 1], "samples": [1, 1, 0, 0], "all": [1, 1, 0, 1]}
    for between, values in expected.items():
        with Scorer("near-copies", between=between) as scorer:
            assert list(scorer.score(images, prompts).values) == values
    with Scorer("near-copies", between="samples") as scorer:
        alone = scorer.score(images[:3], ["a", "a", "c"])
    assert np.isnan(alone.values[2]) and "no other image of the same prompt" in str(alone.reasons[2])
    with Scorer("near-copies") as scorer:
        one = scorer.score(images[:2], "a")
        assert "no other image of another prompt" in str(one.reasons[0])
        assert "only this one" in str(scorer.score(images[:1], "a").reasons[0])


def test_blocks_say_what_all_pairs_do(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    features = unit(rng.normal(size=(23, 4)).astype(np.float32))
    mirrored = unit(rng.normal(size=(23, 4)).astype(np.float32))
    prompts = [f"{at // 3}" for at in range(23)]
    threshold = 0.8
    every = {
        (i, j): max(float(features[i] @ features[j]), float(mirrored[i] @ features[j]))
        for i, j in combinations(range(23), 2)
        if prompts[i] != prompts[j]
    }
    expected = {pair for pair, similarity in every.items() if similarity >= threshold}
    assert len(expected) > 10
    for size in (5, 7, 23, 1024):
        monkeypatch.setattr(near_copies, "_BLOCK", size)
        nearest, pairs = Nearest(23, threshold), []
        for block in blocks_within(Vectors(features, mirrored), prompts, "prompts"):
            nearest.take_both(block)
            pairs += list(zip(*map(list, block.alike(threshold)), strict=True))
        assert len(pairs) == len(set(pairs)) and set(pairs) == expected
        for at in range(23):
            own = {pair: value for pair, value in every.items() if at in pair}
            assert nearest.copies[at] == sum(value >= threshold for value in own.values())
            assert nearest.similarity[at] == pytest.approx(max(own.values()), abs=1e-6)
            best = max(own, key=lambda pair: own[pair])
            assert nearest.other[at] == sum(best) - at


def test_thumbnails_know_their_mirror_image(photographs: list[Image.Image]) -> None:
    thumbnails = Thumbnails()
    cropped = [image.crop((0, 0, 160, 160)) for image in photographs]  # whole pixels go into each average
    upright, mirrored = (
        thumbnails.extract([thumbnails.prepare(image) for image in images])
        for images in (cropped, [ImageOps.mirror(image) for image in cropped])
    )
    assert thumbnails.mirrored(upright) == pytest.approx(mirrored, abs=1e-6)
    assert np.linalg.norm(upright, axis=1) == pytest.approx(1, abs=1e-6)


@pytest.mark.slow
def test_a_networks_threshold_must_be_said_and_finds_copies_too(
    clip_folder: Path, photographs: list[Image.Image]
) -> None:
    pytest.importorskip("open_clip")
    with pytest.raises(InputError, match="features=clip needs a threshold"):
        NearCopies(NearCopies.Options(features="clip", model=str(clip_folder)))
    with pytest.raises(InputError, match=r"threshold must be over 0 and at most 1, got 1\.5"):
        NearCopies(NearCopies.Options(threshold=1.5))
    images = [*photographs, ImageOps.mirror(photographs[2])]
    scores = scored(images, features="clip", model=clip_folder, threshold=0.99999, device="cpu")
    assert (scores.values[2], scores.values[5]) == (1, 1)
    assert scores.details[2]["flipped"] and "from-0.99999+flipped+between-prompts" in scores.instrument


@pytest.fixture
def folder(tmp_path: Path, photographs: list[Image.Image], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copies of three photographs."""
    monkeypatch.setenv("NAMI_CACHE", str(tmp_path / "cache"))
    (tmp_path / "train" / "deep").mkdir(parents=True)
    photographs[0].save(tmp_path / "train" / "deep" / "first.jpg", quality=60)
    ImageOps.mirror(photographs[1]).save(tmp_path / "train" / "second.png")
    photographs[3].resize((100, 100)).save(tmp_path / "train" / "fourth.webp")
    return tmp_path / "train"


def test_images_of_a_folder_are_found_again(folder: Path, photographs: list[Image.Image]) -> None:
    (folder.parent / "broken.png").write_bytes(b"no image")
    given = [*photographs, folder.parent / "broken.png", folder / "second.png"]
    with Scorer("reference-copies", reference=folder) as scorer:
        scores = scorer.score(given, "x")
    assert list(scores.values[:5]) == [1, 1, 0, 1, 0] and scores.values[6] == 1
    assert "is not an image" in str(scores.reasons[5])
    found = [scores.details[at] for at in (0, 1, 3, 6)]
    names = [one["nearest"] for one in found]
    assert names == ["deep/first.jpg", "second.png", "fourth.webp", "second.png"]
    assert [one["flipped"] for one in found] == [False, True, False, False]
    assert [one["exact"] for one in found] == [False, False, False, True]
    for options in ({}, {"reference": folder / "second.png"}):
        with pytest.raises(InputError, match="name it with -O reference=FOLDER"):
            ReferenceCopies(ReferenceCopies.Options(**options))


@pytest.fixture
def run(tmp_path: Path, photographs: list[Image.Image]) -> Iterator[Callable[..., Any]]:
    """A workspace in which 5 prompts have a photograph each and the last has copies of two, one mirrored."""
    made = GenEvalFolder(tmp_path / "made")
    images = [[image] for image in photographs] + [[_jpeg(photographs[0]), ImageOps.mirror(photographs[1])]]
    for prompt, samples in enumerate(images):
        made.write_metadata(prompt, {"prompt": f"photograph {prompt}"})
        for sample, image in enumerate(samples):
            path = made.sample_path(prompt, sample)
            path.parent.mkdir(parents=True, exist_ok=True)
            image.save(path)

    def call(*words: object, expect: type[Exception] | None = None) -> Any:
        result = CliRunner().invoke(cli, ["--workspace", str(tmp_path / "bench"), *map(str, words)])
        if expect is None:
            assert result.exit_code == 0, (result.output, result.exception)
        else:
            assert isinstance(result.exception, expect), result.output
        return result

    call("init")
    call("images", "import", made.root, "--model", "camera")
    yield call


@pytest.mark.slow
def test_pairs_are_listed_and_counted(run: Callable[..., Any], tmp_path: Path, folder: Path) -> None:
    said = run("images", "copies", "-o", tmp_path / "pairs.csv").stderr
    assert "4 of 7 images have a near-copy (57.14 %" in said and "2 pairs" in said
    rows = list(csv.DictReader(io.StringIO((tmp_path / "pairs.csv").read_text(encoding="utf-8-sig"))))
    assert {(r["prompt_id"], r["other_prompt_id"], r["other_sample"], r["flipped"]) for r in rows} == {
        ("00000", "00005", "0", "false"),
        ("00001", "00005", "1", "true"),
    }
    assert all(0.98 <= float(row["similarity"]) <= 1 for row in rows)
    run("images", "copies", "--most", 1, "-o", tmp_path / "pairs.json")
    document = json.loads((tmp_path / "pairs.json").read_text())
    (counts,) = document["counts"]
    assert (counts["pairs"], counts["listed"], counts["with_copies"]) == (2, 1, 4)
    assert counts["interval"][0] < counts["share"] < counts["interval"][1]
    shown = json.loads(run("images", "copies", "--reference", folder, "--json").stdout)
    assert sorted(pair["file"] for pair in shown["pairs"]) == [
        "deep/first.jpg", "deep/first.jpg", "fourth.webp", "second.png", "second.png"
    ]  # fmt: skip
    assert "no near-copies" in run("images", "copies", "--between", "samples").stderr
    run("images", "copies", "--between", "all", "--reference", folder, expect=InputError)
    run("images", "copies", "-o", tmp_path / "pairs.xlsx", expect=InputError)


@pytest.mark.slow
def test_the_board_has_the_share_with_an_interval(
    run: Callable[..., Any], tmp_path: Path, folder: Path
) -> None:
    reference = ("-O", f"reference-copies.reference={folder}")
    said = run("evaluate", "near-copies", "reference-copies", *reference).stderr
    assert said.count("7 scored") == 2
    assert run("evaluate", "near-copies", "reference-copies", *reference).stderr.count("7 kept") == 2
    board = json.loads(run("leaderboard", "--format", "json").stdout)
    values = {}
    for column in board["automatic"]:
        shown = board["rows"][0]["automatic"][column["key"]]
        assert shown["interval"]["low"] < shown["value"] < shown["interval"]["high"]
        assert column["lower_is_better"]
        values[column["metric"]] = shown["value"]
    assert values == {"near-copies": pytest.approx(4 / 7), "reference-copies": pytest.approx(5 / 7)}
    with Store.open(f"sqlite:///{tmp_path / 'bench' / 'nami.db'}") as store:
        record = store.images.find()[0]
    (tmp_path / "bench" / "images" / str(record.path)).write_bytes(b"gone")
    assert "1 failed" in run("evaluate", "near-copies", expect=Exception).stderr


def test_a_broken_image_is_left_out(photographs: list[Image.Image], tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no image")
    items = [
        ScoringItem(HeldImage(photographs[0]), Prompt("0", "a")),
        ScoringItem(tmp_path / "broken.png", Prompt("1", "b")),
        ScoringItem(HeldImage(_jpeg(photographs[0])), Prompt("2", "c")),
    ]
    results = list(NearCopies(NearCopies.Options()).score(items))
    assert [result.value for result in results] == [1, None, 1]
    assert results[0].details["nearest_prompt"] == "2"
