"""Data sets: folders, shards, buckets and the shapes world, whole and damaged."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nami_bench.domain import GENEVAL_TASKS
from nami_bench.errors import InputError, WorkError
from nami_bench.evaluation.geneval.rules import judge
from nami_bench.evaluation.geneval.shapes_detector import ShapesDetector
from nami_bench.generators.nami.training.buckets import bucket_sizes, crop, nearest_bucket
from nami_bench.generators.nami.training.config import DataSection
from nami_bench.generators.nami.training.data import open_data
from nami_bench.generators.nami.training.image_index import index_folder, index_shards
from nami_bench.generators.nami.training.shapes_data import (
    captions,
    draw_captions,
    draw_images,
    held_out_prompts,
    is_held_out,
    vocabulary,
)
from nami_bench.generators.scenes import Layout


def _png(width: int, height: int, level: int = 200) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (width, height), (level, 30, 60)).save(stream, "PNG")
    return stream.getvalue()


def _folder(path: Path, count: int = 40, size: tuple[int, int] = (40, 40)) -> Path:
    path.mkdir()
    for n in range(count):
        (path / f"{n:03d}.png").write_bytes(_png(*size, level=n))
        (path / f"{n:03d}.txt").write_text(f"picture {n}")
    return path


def _shard(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def test_a_folder_counts_what_it_passes_over(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "set", 3)
    (folder / "no-caption.png").write_bytes(_png(40, 40))
    (folder / "broken.png").write_bytes(b"this is no picture")
    (folder / "broken.txt").write_text("broken")
    (folder / "from-json.png").write_bytes(_png(50, 40))
    (folder / "from-json.json").write_text(json.dumps({"text": "a pan"}))
    index = index_folder(folder, "text")
    assert [image.name for image in index.images] == ["000.png", "001.png", "002.png", "from-json.png"]
    assert index.skipped == {"no caption": 1, "not readable as an image": 1}
    last = index.images[-1]
    assert (last.caption, last.width, last.height) == ("a pan", 50, 40)


def test_a_metadata_file_wins(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "set", 2)
    (folder / "metadata.jsonl").write_text(json.dumps({"file_name": "001.png", "words": "listed"}) + "\n")
    index = index_folder(folder, "words")
    assert [(i.name, i.caption) for i in index.images] == [("001.png", "listed")]
    (folder / "metadata.jsonl").write_text("not json\n")
    with pytest.raises(InputError, match="file_name"):
        index_folder(folder, "words")


def test_shards_are_read_by_offset(tmp_path: Path) -> None:
    _shard(
        tmp_path / "a.tar",
        {
            "x/1.png": _png(30, 40), "x/1.txt": b"one",
            "x/2.jpg": b"broken", "x/2.txt": b"two",
            "x/3.png": _png(30, 40), "x/3.json": json.dumps({"text": "three"}).encode(),
            "x/4.png": _png(30, 40),
            "x/5.txt": b"five",
        },
    )  # fmt: skip
    index = index_shards(tmp_path, "text")
    assert [(i.name, i.caption) for i in index.images] == [("a.tar/x/1", "one"), ("a.tar/x/3", "three")]
    assert index.skipped == {"no caption": 1, "no image in the sample": 1, "not readable as an image": 1}
    assert index.images[1].open().size == (30, 40)


def test_a_cut_off_shard_gives_what_it_has(tmp_path: Path) -> None:
    whole = _shard(
        tmp_path / "a.tar",
        {name: data for n in range(6) for name, data in ((f"{n}.png", _png(64, 64)), (f"{n}.txt", b"words"))},
    )
    data = whole.read_bytes()
    whole.write_bytes(data[: len(data) // 2 + 100])
    index = index_shards(whole, "text")
    assert 1 <= len(index.images) < 6
    assert index.skipped["cut off or damaged shards"] == 1


@pytest.mark.parametrize("kind", ["folder", "webdataset"])
def test_an_empty_or_missing_data_set_is_refused(tmp_path: Path, kind: str) -> None:
    read = index_folder if kind == "folder" else index_shards
    with pytest.raises(InputError):
        read(tmp_path / "nowhere", "text")
    with pytest.raises(InputError):
        read(tmp_path, "text")


def test_batches_depend_on_their_number_alone(tmp_path: Path) -> None:
    section = DataSection(kind="folder", path=_folder(tmp_path / "set"), size=32)
    first, second = open_data(section, 32, seed=3), open_data(section, 32, seed=3)
    assert [first.batch(n, 6).names for n in range(12)] == [second.batch(n, 6).names for n in (*range(12),)]
    assert torch.equal(first.batch(9, 6).pixels, second.batch(9, 6).pixels)
    epoch = [name for n in range(7) for name in first.batch(n, 6).names]
    assert len(set(epoch)) >= 36  # every training image in an epoch
    assert first.batch(0, 6).names != open_data(section, 32, seed=4).batch(0, 6).names


def test_held_out_images_are_never_trained_on(tmp_path: Path) -> None:
    section = DataSection(kind="folder", path=_folder(tmp_path / "set", 200), size=32)
    train, held = open_data(section, 32, 0), open_data(section, 32, 0, "held-out")
    trained = {name for n in range(60) for name in train.batch(n, 8).names}
    kept = {name for n in range(10) for name in held.batch(n, 4).names}
    assert kept
    assert not trained & kept


def test_a_broken_picture_gives_way_and_is_named(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "set", 30)
    good = (folder / "004.png").read_bytes()
    (folder / "004.png").write_bytes(good[: len(good) - 30])
    data = open_data(DataSection(kind="folder", path=folder, size=32), 32, 0)
    batches = [data.batch(n, 5) for n in range(8)]
    assert {name for batch in batches for name in batch.broken} == {"004.png"}
    assert all(len(batch.names) == 5 and batch.pixels.shape == (5, 3, 32, 32) for batch in batches)


def test_nothing_but_broken_pictures_stops_the_run(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "set", 20)
    for file in folder.glob("*.png"):
        file.write_bytes(file.read_bytes()[:-30])
    data = open_data(DataSection(kind="folder", path=folder, size=32), 32, 0)
    with pytest.raises(WorkError, match="images in a row are damaged"):
        data.batch(0, 4)


def test_images_smaller_than_their_crop_are_counted_or_enlarged(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "set", 20)
    (folder / "small.png").write_bytes(_png(20, 20))
    (folder / "small.txt").write_text("small")
    section = DataSection(kind="folder", path=folder, size=32)
    assert open_data(section, 32, 0).skipped == {"smaller than the crop": 1}
    with pytest.raises(InputError, match=r"is as large as its crop, 64x64.*upscale = true"):
        open_data(DataSection(kind="folder", path=folder, size=64), 32, 0)
    enlarged = open_data(DataSection(kind="folder", path=folder, size=64, upscale=True), 32, 0)
    assert enlarged.skipped == {}
    assert enlarged.batch(0, 3).pixels.shape == (3, 3, 64, 64)


def test_buckets_keep_the_area_and_fit_the_stages() -> None:
    sizes = bucket_sizes(512, 5, 64)
    assert (512, 512) in sizes
    assert all(h % 64 == 0 and w % 64 == 0 and 0.7 < h * w / 512**2 < 1.4 for h, w in sizes)
    assert nearest_bucket(2000, 1000, sizes) == max(sizes, key=lambda s: s[1] / s[0])
    assert nearest_bucket(1000, 1000, sizes) == (512, 512)
    with pytest.raises(InputError, match="size 500 is not a multiple of 64"):
        bucket_sizes(500, 1, 64)


def test_a_crop_covers_and_cuts() -> None:
    picture = Image.fromarray(np.tile(np.arange(200, dtype=np.uint8)[None, :, None], (100, 1, 3)))
    left, right = (np.asarray(crop(picture, (50, 50), (at, 0.5))) for at in (0.0, 1.0))
    assert left.shape == right.shape == (50, 50, 3)
    assert left.mean() < 60 < 140 < right.mean()


def test_batches_of_one_bucket_have_one_size(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for n in range(40):
        (folder / f"{n}.png").write_bytes(_png(*((200, 100), (100, 200), (150, 150))[n % 3]))
        (folder / f"{n}.txt").write_text("words")
    data = open_data(DataSection(kind="folder", path=folder, size=64, buckets=3), 16, 0)
    shapes = {tuple(data.batch(n, 4).pixels.shape[2:]) for n in range(12)}
    assert len(shapes) == 3


def test_every_task_has_held_out_combinations_that_training_never_draws() -> None:
    for task in GENEVAL_TASKS:
        held, train = captions(task, "held-out"), captions(task, "train")
        assert held
        if task == "single_object":
            assert held == train
        else:
            assert not {c.text for c in held} & {c.text for c in train}
            assert 0.02 < len(held) / (len(held) + len(train)) < 0.25
    drawn = draw_captions(np.random.default_rng(0), 3000, "train")
    assert not any(is_held_out(c.clauses) for c in drawn if c.clauses["tag"] != "single_object")
    assert {c.clauses["tag"] for c in drawn} == set(GENEVAL_TASKS)


def test_two_counts_show_no_count_that_is_held_out() -> None:
    held = {
        (c.clauses["include"][0]["class"], c.clauses["include"][0]["count"])
        for c in captions("counting", "held-out")
    }
    shown = {
        (clause["class"], clause["count"])
        for caption in captions("two_counts", "train")
        for clause in caption.clauses["include"]
    }
    assert held and not held & shown
    assert all(
        sum(c["count"] for c in x.clauses["include"]) in (3, 4) for x in captions("two_counts", "train")
    )
    assert "a photo of two circles and a cross" in {c.text for c in captions("two_counts", "train")}


def test_captions_are_drawn_by_the_shares_given() -> None:
    rng = np.random.default_rng(0)
    drawn = draw_captions(rng, 4000, "train", {"two_counts": 3, "colors": 1, "position": 0})
    tags = [caption.clauses["tag"] for caption in drawn]
    assert set(tags) == {"counting", "colors"}
    assert tags.count("counting") == pytest.approx(3000, abs=120)


def test_the_order_of_two_objects_hides_nothing() -> None:
    texts = {c.text for task in ("two_object", "color_attr") for c in captions(task, "held-out")}
    for text in texts:
        first, second = text.removeprefix("a photo of ").split(" and ")
        assert f"a photo of {second} and {first}" in texts


@pytest.mark.parametrize("layout", ["free", "grid"])
def test_pictures_satisfy_their_captions(layout: Layout) -> None:
    rows = held_out_prompts(4)
    detector = ShapesDetector()
    rng = np.random.default_rng(0)
    from nami_bench.generators.nami.training.shapes_data import Caption

    rows += [{**caption.clauses, "prompt": caption.text} for caption in captions("two_counts", "train")[::20]]
    chosen = [Caption(row["prompt"], {k: v for k, v in row.items() if k != "prompt"}) for row in rows]
    pictures = [Image.fromarray(pixels) for pixels in draw_images(chosen, rng, 64, layout)]
    found = detector.detect(pictures)
    for row, picture, detections in zip(rows, pictures, found, strict=True):
        assert judge(row, detections, picture, detector.color_classifier).correct, row["prompt"]


def test_the_vocabulary_has_every_word_once() -> None:
    words = vocabulary()
    assert len(words) == len(set(words)) == 38
    assert {"crosses", "four", "below", "white"} <= set(words)
