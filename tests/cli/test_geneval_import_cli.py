"""`nami-bench geneval import`: verdicts that exist already as scores."""

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nami_bench.generators.protocol import GenerationRequest
from nami_bench.generators.shapes import ShapesGenerator
from nami_bench.geneval_folder import GenEvalFolder
from nami_bench.images import write_png
from nami_bench.prompts.geneval import Grammar, geneval_metadata, geneval_prompt_set, metadata_lines
from nami_bench.shapes import SHAPES
from tests.support.program import nami_bench

GRAMMAR = Grammar(SHAPES, None)
SAMPLES = 2


def _run(folder: Path, *arguments: object, code: int = 0) -> Any:
    done = nami_bench(*arguments, cwd=folder)
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with the images of `model`, of whose folder there is a results file."""
    tmp_path = tmp_path_factory.mktemp("made")
    generator = ShapesGenerator(ShapesGenerator.Options(size=64, error_rate=0.4))
    metadata = geneval_metadata(GRAMMAR, per_task=1)
    folder = GenEvalFolder(tmp_path / "made")
    for index, prompt in enumerate(geneval_prompt_set("shapes", GRAMMAR, per_task=1).prompts):
        folder.write_metadata(index, metadata[index])
        for sample in range(SAMPLES):
            drawn = generator.generate([GenerationRequest(prompt, sample, 10 * index + sample)])
            image = next(iter(drawn)).image
            assert image is not None
            write_png(folder.sample_path(index, sample), image)
    (tmp_path / "shapes.jsonl").write_bytes(metadata_lines(metadata))

    options = ("--detector", "shapes", "--workers", 0, "--prompts", "shapes.jsonl", "--samples", SAMPLES)
    _run(tmp_path, "geneval", "made", *options)
    _run(tmp_path, "init")
    _run(tmp_path, "images", "import", "made", "--model", "model", "--prompts", "shapes.jsonl")
    return tmp_path


@pytest.fixture
def bench(made: Path, tmp_path: Path) -> Callable[..., Any]:
    """The program in a copy of that workspace."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return partial(_run, tmp_path)


def _rows(tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (tmp_path / "made/results.jsonl").read_text().splitlines()]


def _write(tmp_path: Path, rows: list[dict[str, Any]], name: str = "official.jsonl") -> str:
    (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return name


def _official(tmp_path: Path) -> list[dict[str, Any]]:
    """As the reference implementation writes them: from another machine, with neither detector nor hash."""
    rows = _rows(tmp_path)
    for row in rows:
        row["filename"] = "/data/outputs/" + "/".join(row["filename"].split("/")[-3:])
        del row["detector"], row["sha256"]
    return rows


def _import(bench: Callable[..., Any], file: str, *more: object, code: int = 0) -> Any:
    return bench("geneval", "import", file, "--model", "model", "--prompts", "shapes", *more, code=code)


def test_an_official_file_gives_the_leaderboard_that_its_summary_says(
    bench: Callable[..., Any], tmp_path: Path
) -> None:
    file = _write(tmp_path, _official(tmp_path))
    done = _import(bench, file, "--json")
    summary = json.loads(bench("geneval", "summary", file, "--prompts", "shapes.jsonl", "--json").stdout)
    counted = json.loads(done.stdout)
    assert (counted["recorded"], counted["known"]) == (summary["images"], 0)
    board = json.loads(bench("leaderboard", "--json").stdout)
    [column] = board["automatic"]
    assert column["instrument"] == "as recorded, unknown"
    [row] = board["rows"]
    [score] = row["automatic"].values()
    assert score["value"] == pytest.approx(summary["overall"], abs=1e-4)
    text = bench("leaderboard").stdout
    assert "not known to be the published detector" in text
    again = json.loads(_import(bench, file, "--json").stdout)
    assert (again["recorded"], again["known"]) == (0, summary["images"])


def test_our_own_file_gives_what_evaluate_gives(bench: Callable[..., Any], tmp_path: Path) -> None:
    _import(bench, "made/results.jsonl")
    done = bench(
        "evaluate",
        "geneval",
        "--model",
        "model",
        "--prompts",
        "shapes",
        "--detector",
        "shapes",
        "-O",
        "workers=0",
    )
    assert "kept" in done.stderr  # the same instrument on the same bytes: nothing is left to do
    assert "scored" not in done.stderr


def test_nothing_is_recorded_of_a_file_that_does_not_fit(bench: Callable[..., Any], tmp_path: Path) -> None:
    official = _official(tmp_path)
    first = official[0]
    other = {**first, "correct": not first["correct"]}
    foreign = {
        **first,
        "metadata": json.dumps(json.loads(first["metadata"]) | {"prompt": "a photo of a cow"}),
    }
    own = _rows(tmp_path)
    bad = {
        "which is not in shapes": [foreign, *official[1:]],
        "two verdicts on sample": [*official, {**first, "filename": "/other/" + first["filename"]}],
        "does not say which sample": [{**first, "filename": "/data/00000/samples/a.png"}, *official[1:]],
        "several detectors": [own[0], *official[1:]],
        "is of another file": [{**own[0], "sha256": "0" * 64}, *own[1:]],
    }
    for words, rows in bad.items():
        refused = _import(bench, _write(tmp_path, rows), code=2)
        assert words in refused.stderr, words
    half = _write(tmp_path, official[1:], "half.jsonl")
    assert "1 images have none" in _import(bench, half, code=1).stderr
    assert "there is nothing to rank yet" in bench("leaderboard", code=2).stderr
    assert "1 images have no verdict" in _import(bench, half, "--allow-incomplete").stderr
    contradicted = _write(
        tmp_path, [other, official[1] | {"correct": not official[1]["correct"]}, *official[2:]]
    )
    assert "contradicts what is recorded" in _import(bench, contradicted, code=2).stderr
    _import(bench, contradicted, "--instrument", "mmdet of the old server")


def test_a_model_without_images_is_told_how_to_get_them(bench: Callable[..., Any]) -> None:
    bench("models", "add", "empty", "--adapter", "shapes")
    refused = bench(
        "geneval", "import", "made/results.jsonl", "--model", "empty", "--prompts", "shapes", code=2
    )
    assert "nami-bench images import" in refused.stderr
