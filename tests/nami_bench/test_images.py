import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from nami_bench import images
from nami_bench.errors import ImageError, InputError, StorageError


@pytest.fixture
def photo() -> Image.Image:
    return Image.fromarray(data.astronaut())


def test_the_same_pixels_give_the_same_bytes(tmp_path: Path, photo: Image.Image) -> None:
    stored = images.write_png(tmp_path / "a" / "0000.png", photo, {"model": "m", "seed": 3})
    again = images.write_png(tmp_path / "b.png", photo, {"seed": 3, "model": "m"})
    assert stored == again == images.inspect_image(tmp_path / "b.png")
    assert stored.sha256 == hashlib.sha256((tmp_path / "b.png").read_bytes()).hexdigest()
    assert images.read_provenance(tmp_path / "b.png") == {"model": "m", "seed": 3}
    assert np.array_equal(np.asarray(images.read_image(tmp_path / "b.png")), np.asarray(photo))


def test_exif_rotation_is_applied(tmp_path: Path, photo: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees to show
    photo.crop((0, 0, 100, 50)).save(tmp_path / "turned.jpg", exif=exif)
    assert images.read_image(tmp_path / "turned.jpg").size == (50, 100)


def test_other_color_modes_become_rgb(tmp_path: Path, photo: Image.Image) -> None:
    photo.convert("CMYK").save(tmp_path / "cmyk.jpg")
    photo.convert("LA").save(tmp_path / "alpha.png")
    for name in ("cmyk.jpg", "alpha.png"):
        assert images.read_image(tmp_path / name).mode == "RGB"


@pytest.mark.parametrize("keep", [0, 10, 1000, -20])
def test_a_truncated_file_is_refused_in_words(tmp_path: Path, photo: Image.Image, keep: int) -> None:
    images.write_png(tmp_path / "whole.png", photo)
    broken = tmp_path / "broken.png"
    broken.write_bytes((tmp_path / "whole.png").read_bytes()[:keep])
    with pytest.raises(ImageError, match=r"broken\.png is (damaged|not an image)"):
        images.inspect_image(broken)


def test_missing_and_foreign_files_are_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("not a picture")
    with pytest.raises(ImageError, match="not an image"):
        images.read_image(tmp_path / "text.png")
    with pytest.raises(ImageError, match="does not exist"):
        images.read_image(tmp_path / "none.png")
    assert images.read_provenance(tmp_path / "none.png") is None


def test_a_png_is_copied_as_it_is_and_a_jpeg_converted(tmp_path: Path, photo: Image.Image) -> None:
    photo.save(tmp_path / "in.png")
    photo.save(tmp_path / "in.jpg")
    stored, data, original = images.as_png(tmp_path / "in.png")
    assert data == (tmp_path / "in.png").read_bytes()
    assert stored.sha256 == original == images.hash_file(tmp_path / "in.png")
    stored, data, original = images.as_png(tmp_path / "in.jpg")
    assert original == images.hash_file(tmp_path / "in.jpg") != stored.sha256
    assert data.startswith(b"\x89PNG") and hashlib.sha256(data).hexdigest() == stored.sha256


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "file"
    images.write_bytes(target, b"old")

    def disk_full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(images.os, "fsync", disk_full)
    with pytest.raises(StorageError, match="No space left on device"):
        images.write_bytes(target, b"new")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert target.read_bytes() == b"old"


def test_the_layout_is_genevals(tmp_path: Path, photo: Image.Image) -> None:
    folder = images.GenEvalFolder(tmp_path)
    folder.write_metadata(12, {"tag": "colors", "include": [], "prompt": "a dog"})
    images.write_png(folder.sample_path(12, 3), photo)
    assert (tmp_path / "00012" / "metadata.jsonl").read_text().endswith('"prompt": "a dog"}\n')
    (tmp_path / "00012" / "samples" / "notes.txt").write_text("x")
    (tmp_path / "00012" / "grid.png").write_bytes(b"x")
    (tmp_path / "readme").mkdir()
    assert [(s.index, s.sample, s.path.name) for s in folder.samples()] == [(12, 3, "0003.png")]
    assert folder.read_metadata(12)["prompt"] == "a dog"


def test_a_folder_without_metadata_is_named(tmp_path: Path) -> None:
    (tmp_path / "00000").mkdir()
    with pytest.raises(InputError, match=r"no metadata\.jsonl"):
        images.read_metadata(tmp_path / "00000")
    (tmp_path / "00000" / "metadata.jsonl").write_text("{broken")
    with pytest.raises(InputError, match="not a line of JSON"):
        images.read_metadata(tmp_path / "00000")
    with pytest.raises(InputError, match="is not a folder"):
        images.GenEvalFolder(tmp_path / "none").prompt_folders()
