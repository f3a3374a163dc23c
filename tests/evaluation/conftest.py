"""A tiny CLIP of the library's own classes, real photographs, and a workspace with some."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image
from skimage import data

from nami_bench.cli.app import cli
from nami_bench.geneval_folder import GenEvalFolder
from tests.support.tiny_clip import write_tiny_clip


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as open_clip writes it; random weights whose cosines have both signs."""
    return write_tiny_clip(tmp_path_factory.mktemp("models") / "tiny-clip")


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    folder = tmp_path_factory.mktemp("photographs")
    pixels = {"astronaut": data.astronaut(), "cat": data.chelsea(), "coffee": data.coffee()}
    for name, array in pixels.items():
        Image.fromarray(array).save(folder / f"{name}.png")
    return {name: folder / f"{name}.png" for name in pixels}


LONG = "An old dog sleeps on the red chair by the window while it rains in the city. " * 6


@pytest.fixture
def bench(
    tmp_path: Path, photographs: Mapping[str, Path], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    """A workspace with two images of each of three prompts, one of which is long."""
    monkeypatch.setenv("NAMI_CACHE", str(tmp_path / "cache"))
    folder = GenEvalFolder(tmp_path / "made")
    for index, (text, path) in enumerate(zip(("a cat", LONG, "a cup"), photographs.values(), strict=True)):
        folder.write_metadata(index, {"prompt": text})
        for sample in range(2):
            target = folder.sample_path(index, sample)
            target.parent.mkdir(exist_ok=True)
            Image.open(path).crop((sample, 0, 200, 200)).save(target)

    def run(*arguments: object, expect: type[Exception] | None = None) -> Result:
        words = ["--workspace", str(tmp_path / "bench"), *map(str, arguments)]
        result = CliRunner().invoke(cli, words)
        if expect is None:
            assert result.exit_code == 0, (result.output, result.exception)
        else:
            assert isinstance(result.exception, expect), result.output
        return result

    run("init")
    run("images", "import", folder.root, "--model", "camera")
    return run
