"""`images import --grid` and `images export --grid`: several samples of a prompt in one file."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nami_bench.evaluation.questions.grids import Grid
from nami_bench.images import decode_as_stored, read_image
from tests.support.program import nami_bench

ITEMS = ("midjourney31", "COCOval2014000000123", "whoops7")
SIDE = 6


def _cell(item: int, sample: int) -> np.ndarray:
    return np.random.default_rng((item, sample)).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def _grid(item: int) -> Image.Image:
    rows = [np.concatenate([_cell(item, 2 * row + column) for column in (0, 1)], axis=1) for row in (0, 1)]
    return Image.fromarray(np.concatenate(rows))


@pytest.fixture
def bench(tmp_path: Path) -> Callable[..., Any]:
    """The program in a workspace, beside it DPG-Bench's prompts and two of three files of grids."""
    lines = [json.dumps({"prompt": f"scene {item}", "item": item}) for item in ITEMS]
    (tmp_path / "dpg.jsonl").write_text("\n".join(lines) + "\n")
    (tmp_path / "made").mkdir()
    for number in (0, 2):
        _grid(number).save(tmp_path / "made" / f"{ITEMS[number]}.png")

    def run(*arguments: object, code: int = 0) -> Any:
        done = nami_bench(*arguments, cwd=tmp_path)
        assert done.returncode == code, done.stderr
        return done

    run("init")
    return run


def _import(bench: Callable[..., Any], folder: str, model: str, *more: object, code: int = 0) -> Any:
    named = ("--model", model, "--prompts", "dpg.jsonl")
    return bench("images", "import", folder, *named, "--grid", "2x2", *more, code=code)


def _stored(tmp_path: Path, model: str, item: int, sample: int) -> Path:
    return tmp_path / f"nami-workspace/images/{model}/dpg/{item:05d}/samples/{sample:04d}.png"


def test_a_file_of_four_images_is_four_samples_and_back_the_same_file(
    bench: Callable[..., Any], tmp_path: Path
) -> None:
    done = _import(bench, "made", "sd3")
    assert "8 images, 2 prompts, 4 samples" in done.stderr
    assert "cut from files of 2x2" in done.stderr
    official = Grid(2, 2, 4, SIDE).cut(decode_as_stored((tmp_path / f"made/{ITEMS[2]}.png").read_bytes(), ""))
    for sample in range(4):
        for item in (0, 2):
            stored = np.asarray(read_image(_stored(tmp_path, "sd3", item, sample)))
            assert (stored == _cell(item, sample)).all()
        assert (np.asarray(official[sample]) == _cell(2, sample)).all()  # as DPG-Bench's script cuts
    assert "8 kept" in _import(bench, "made", "sd3").stderr
    refused = bench("images", "export", "out", "--model", "sd3", "--prompts", "dpg", "--grid", "2x2", code=1)
    assert f"lacks images of 1 of 3 prompts ({ITEMS[1]})" in refused.stderr
    bench(
        "images", "export", "out", "--model", "sd3", "--prompts", "dpg", "--grid", "2x2", "--allow-incomplete"
    )
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        f"{ITEMS[n]}.png" for n in (0, 2)
    )
    for item in (0, 2):
        assert (np.asarray(read_image(tmp_path / f"out/{ITEMS[item]}.png")) == np.asarray(_grid(item))).all()
    full = bench("images", "export", "out", "--model", "sd3", "--prompts", "dpg", "--grid", "2x2", code=2)
    assert "name a new or empty folder" in full.stderr


def test_only_the_first_images_of_a_file(bench: Callable[..., Any], tmp_path: Path) -> None:
    _import(bench, "made", "one", "--samples", 1)
    assert _stored(tmp_path, "one", 2, 0).is_file()
    assert not _stored(tmp_path, "one", 2, 1).exists()


def test_a_file_that_is_no_such_grid_is_a_failure_with_a_reason(
    bench: Callable[..., Any], tmp_path: Path
) -> None:
    Image.new("RGB", (2 * SIDE + 1, 2 * SIDE)).save(tmp_path / "made" / f"{ITEMS[1]}.png")
    failed = _import(bench, "made", "sd3", code=1)
    assert "13x12 pixels are not 2x2 images of one size" in failed.stderr
    assert (
        "COLUMNSxROWS"
        in bench(
            "images", "import", "made", "--model", "m", "--prompts", "dpg.jsonl", "--grid", "4", code=2
        ).stderr
    )


def test_a_file_that_changed_is_not_taken_for_the_one_before(
    bench: Callable[..., Any], tmp_path: Path
) -> None:
    _import(bench, "made", "sd3")
    _grid(1).save(tmp_path / "made" / f"{ITEMS[0]}.png")
    assert "has another image of prompt 00000" in _import(bench, "made", "sd3", code=2).stderr
