"""Transparent images: one picture for people, metrics and reports, over white, and their records say so."""

import io
import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nami_bench import images, pipeline
from nami_bench.annotator_app.pictures import Pictures
from nami_bench.config import init_workspace
from nami_bench.domain import ImageRecord, Prompt, PromptSet
from nami_bench.evaluation.image_reading import read
from nami_bench.evaluation.questions.grids import Grid
from nami_bench.pipeline.image_grids import GridShape, cut_from_grids
from nami_bench.pipeline.image_import import ImportHow
from nami_bench.report.gallery import _thumbnail
from nami_bench.scoring.given_images import given_images
from nami_bench.store import Store

WHITE, RED, BLUE = (255, 255, 255), (255, 0, 0), (0, 0, 255)
SAID = "composited over white"


def see_through(side: int = 8) -> Image.Image:
    """Blue on the left; on the right a red that is not to be seen."""
    image = Image.new("RGBA", (side, side), (*BLUE, 255))
    image.paste((*RED, 0), (side // 2, 0, side, side))
    return image


def colors(image: Image.Image) -> list[object]:
    return [image.getpixel((0, 0)), image.getpixel((image.width - 1, 0))]


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "RGB", "L", "webp"])
def test_what_a_file_hides_is_white_whatever_its_mode(mode: str, tmp_path: Path) -> None:
    image, path = see_through(), tmp_path / "image.png"
    if mode == "webp":
        path = tmp_path / "image.webp"
        image.save(path, lossless=True, exact=True)
    elif mode in ("RGBA", "LA"):
        image.convert(mode).save(path)
    else:
        flat = image.convert("RGB").convert(mode)
        hidden = flat.getpixel((7, 0))
        flat.save(path, transparency=hidden)
    assert colors(images.read_image(path))[1] == WHITE
    assert colors(images.read_image(path))[0] != WHITE
    assert images.decode_told(path.read_bytes(), path)[1]


def test_what_shows_through_in_part_is_mixed_and_what_is_opaque_is_as_it_was() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 4), np.uint8)
    share = pixels[..., 3:] / 255
    expected = pixels[..., :3] * share + 255 * (1 - share)
    assert np.abs(np.asarray(images.as_rgb(Image.fromarray(pixels))) - expected).max() <= 1
    pixels[..., 3] = 255
    assert np.array_equal(np.asarray(images.as_rgb(Image.fromarray(pixels))), pixels[..., :3])
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    assert not images.decode_told(buffer.getvalue(), "it")[1]


def test_beyond_a_grids_edge_is_black_whatever_is_transparent_within() -> None:
    cells = Grid(2, 1, 2, 8).cut(see_through())
    assert colors(cells[0]) == [BLUE, WHITE]
    assert cells[1].getcolors() == [(64, (0, 0, 0))]


def test_arrays_and_pictures_in_memory_are_laid_over_white() -> None:
    image = see_through()
    for given in (image, np.asarray(image), np.asarray(image, np.float32) / 255):
        [found] = given_images([given])
        assert not isinstance(found, images.ImageError)
        assert colors(images.read_image(found)) == [BLUE, WHITE]


@pytest.mark.parametrize("grid", [None, (2, 1)])
def test_imported_images_look_alike_to_people_metrics_and_reports(
    grid: tuple[int, int] | None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "made").mkdir()
    see_through().save(tmp_path / "made" / "00000.png")
    see_through().save(tmp_path / "made" / "00001.webp", lossless=True, exact=True)
    Image.new("RGB", (8, 8), BLUE).save(tmp_path / "made" / "00002.png")
    workspace = init_workspace(tmp_path / "bench")
    prompts = PromptSet("set", tuple(Prompt(f"{n:05d}", f"{n} stars") for n in range(3)))
    with Store.open(workspace.database_url) as store:
        store.catalog.add_prompt_set(prompts)
        found = pipeline.understand_images(store, tmp_path / "made", "m", "set", ImportHow())
        if grid is not None:
            found = cut_from_grids(found, GridShape(*grid))
        with caplog.at_level(logging.WARNING):
            pipeline.import_images(store, workspace.images_dir, found, "m")
        records = store.images.find(models=["m"])
    assert caplog.messages == ["m has transparent images: they are laid over white"]
    assert [r.provenance.get("alpha") for r in records] == [SAID] * (2 if grid is None else 4) + [None] * (
        1 if grid is None else 2
    )
    right = [record for record in records if record.sample == (0 if grid is None else 1)]
    for record in right[:2]:
        for seen in looks(record, workspace.images_dir, tmp_path):
            assert (
                np.abs(np.subtract(seen.getpixel((7 if grid is None else 3, 4)), WHITE)).max() <= 12
            )  # a thumbnail is a JPEG


def looks(record: ImageRecord, images_dir: Path, folder: Path) -> list[Image.Image]:
    """What a metric, an annotator and a report's reader get of an image."""
    path = images_dir / str(record.path)
    metrics = read(path).image
    assert isinstance(metrics, Image.Image)
    png = Pictures().png("study", path, str(record.sha256))
    name, problem = _thumbnail(folder, record, images_dir)
    assert problem is None and name is not None
    return [metrics, Image.open(io.BytesIO(png)), Image.open(folder / name)]
