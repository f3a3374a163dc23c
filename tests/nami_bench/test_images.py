import hashlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data

from nami_bench import images
from nami_bench.errors import ImageError, InputError, StorageError
from nami_bench.geneval_folder import GenEvalFolder, read_metadata


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
    copied = images.as_png(tmp_path / "in.png")
    assert copied.data == (tmp_path / "in.png").read_bytes()
    assert copied.stored.sha256 == copied.source_sha256 == images.hash_file(tmp_path / "in.png")
    copied = images.as_png(tmp_path / "in.jpg")
    assert copied.source_sha256 == images.hash_file(tmp_path / "in.jpg") != copied.stored.sha256
    assert copied.data.startswith(b"\x89PNG")
    assert hashlib.sha256(copied.data).hexdigest() == copied.stored.sha256


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
    folder = GenEvalFolder(tmp_path)
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
        read_metadata(tmp_path / "00000")
    (tmp_path / "00000" / "metadata.jsonl").write_text("{broken")
    with pytest.raises(InputError, match="is not JSON"):
        read_metadata(tmp_path / "00000")
    with pytest.raises(InputError, match="is not a folder"):
        GenEvalFolder(tmp_path / "none").prompt_folders()


def test_sixteen_bit_grays_are_the_eight_bits_that_opencv_reads(tmp_path: Path) -> None:
    every = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    for depth, pixels in (("gray", every), ("color", np.stack([every, every[::-1], every // 3], axis=-1))):
        path = tmp_path / f"{depth}.png"
        cv2.imwrite(str(path), pixels)
        assert np.array_equal(np.asarray(images.read_image(path)), cv2.imread(str(path))[..., ::-1])
    gray = np.asarray(images.read_image(tmp_path / "gray.png"))
    assert gray[0, 0].tolist() == [0, 0, 0]
    assert len(np.unique(gray)) == 256, "not white"


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I"])
def test_every_form_of_sixteen_bit_gray_is_scaled(mode: str) -> None:
    types = {"I;16": "<u2", "I;16B": ">u2", "I": "i4"}
    gray = Image.fromarray(np.array([[0, 255, 256, 32768, 65535]]).astype(types[mode]))
    assert gray.mode == mode
    assert np.asarray(images.as_rgb(gray))[0, :, 1].tolist() == [0, 0, 1, 128, 255]


def test_palettes_opaque_alpha_and_few_bits_are_read_as_opencv_reads_them(
    tmp_path: Path, photo: Image.Image
) -> None:
    small = photo.resize((64, 64))
    small.quantize(16).save(tmp_path / "palette.png")
    small.convert("LA").save(tmp_path / "gray-alpha.png")
    small.convert("1").save(tmp_path / "one-bit.png")
    small.convert("RGBA").save(tmp_path / "alpha.png")
    small.convert("L").save(tmp_path / "gray.jpg")
    for path in tmp_path.iterdir():
        assert np.array_equal(np.asarray(images.read_image(path)), cv2.imread(str(path))[..., ::-1]), path
    small.convert("CMYK").save(tmp_path / "cmyk.jpg", quality=95)
    ours = np.asarray(images.read_image(tmp_path / "cmyk.jpg")).astype(int)
    assert np.abs(ours - cv2.imread(str(tmp_path / "cmyk.jpg"))[..., ::-1]).max() <= 1


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"GIF89a\x01\x00", ", it is a GIF"),
        (b"II*\0\x08\0\0\0", ", it is a TIFF"),
        (b"\0\0\0\x1cftypavif", ", it is an AVIF image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", ", it is an SVG drawing"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid",
            ", it is a Git LFS pointer, not the file itself",
        ),
        (b"", ", it is empty"),
        ("not a picture, but ÄÖÜ".encode(), ", it is a text file"),
        (bytes(range(256)), ""),
    ],
)
def test_a_file_that_is_no_image_is_named_as_what_it_is(tmp_path: Path, data: bytes, kind: str) -> None:
    path = tmp_path / "0000.png"
    path.write_bytes(data)
    with pytest.raises(ImageError) as caught:
        images.read_image(path)
    assert str(caught.value).startswith(f"{path} is not an image (PNG, JPEG or WebP){kind}")
    assert kind or str(caught.value).endswith(")")


@pytest.mark.parametrize(
    "text",
    [
        '\ufeff{"prompt": "a dög", "tag": "colors"}\n',
        '{\n  "prompt": "a dög",\n  "tag": "colors"\n}\n',
        '\n {"prompt": "a dög", "tag": "colors"}\n{"prompt": "another"}\n',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_metadata_are_read_with_a_byte_order_mark_and_on_many_lines(
    tmp_path: Path, text: str, encoding: str
) -> None:
    text = text.lstrip("\ufeff") if encoding == "utf-16" else text
    (tmp_path / "metadata.jsonl").write_text(text, encoding=encoding)
    assert read_metadata(tmp_path) == {"prompt": "a dög", "tag": "colors"}


def test_what_is_neither_a_prompt_nor_a_sample_is_named(tmp_path: Path, photo: Image.Image) -> None:
    folder = GenEvalFolder(tmp_path)
    images.write_png(folder.sample_path(0, 0), photo)
    samples = tmp_path / "00000" / "samples"
    photo.save(samples / "0001.gif")
    photo.save(samples / "best.png")
    (samples / "notes.txt").write_text("x")
    (samples / ".hidden").write_text("x")
    (samples / "more").mkdir()
    (tmp_path / "0_00000" / "samples").mkdir(parents=True)
    (tmp_path / "images" / "00000").mkdir(parents=True)
    (tmp_path / "results-browser").mkdir()
    found = {path.name: what for path, what in folder.strangers()}
    assert found == {
        "0001.gif": "is a GIF, and only PNG, JPEG and WebP are read",
        "best.png": "has no name of a sample: they are numbered, as 0000.png",
        "notes.txt": "is a text file, and only PNG, JPEG and WebP are read",
        "more": "is a folder",
        "0_00000": "is no prompt's folder: their names are whole numbers such as 00000",
        "images": "holds folders of prompts: name it in place of the one around it",
    }


def test_what_systems_leave_in_folders_is_not_strange(tmp_path: Path) -> None:
    samples = tmp_path / "00000" / "samples"
    samples.mkdir(parents=True)
    for name in ("Thumbs.db", "desktop.ini", ".DS_Store", "._0000.png"):
        (samples / name).write_bytes(b"\xd0\xcf\x11\xe0")
    for name in ("__MACOSX", "@eaDir", "lost+found"):
        (tmp_path / name / "00000").mkdir(parents=True)
    assert not list(GenEvalFolder(tmp_path).strangers())


def test_a_folder_that_may_not_be_opened_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "private"
    closed.mkdir()
    (tmp_path / "00000").mkdir()
    listed = Path.iterdir

    def refuse(path: Path) -> Iterator[Path]:
        if path == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert not list(GenEvalFolder(tmp_path).strangers())
