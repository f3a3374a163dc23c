"""The page that repeats GenEval's human study, on files of our own in the form of the authors'."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from command_blocks import ROOT, blocks, commands

from nami_bench.generators.protocol import GenerationRequest
from nami_bench.generators.shapes import ShapesGenerator
from nami_bench.geneval_folder import GenEvalFolder
from nami_bench.images import write_png
from nami_bench.prompts.geneval import Grammar, geneval_metadata, geneval_prompt_set, metadata_lines
from nami_bench.shapes import SHAPES
from tests.support.program import nami_bench

PAGE = ROOT / "docs" / "geneval-people.md"
COLUMNS = (
    "HITId", "Input.index", "Input.prompt_id", "Input.image_id", "Input.image_url", "Input.caption",
    "Answer.ee", "Answer.task-color-0", "Answer.task-objects", "Answer.task-quality",
)  # fmt: skip
RATES = {"sdv2": 0.5, "if-xl": 0.2}
GRAMMAR = Grammar(SHAPES, None)
PEOPLE = 5


def _commands() -> list[list[str]]:
    """The page's commands of the program, but for the prompts, which here are of shapes."""
    lines = "".join(block.script for block in commands(PAGE)).replace("\\\n", " ").splitlines()
    found = [line.split()[1:] for line in lines if line.startswith("nami-bench ")]
    return [line for line in found if line[:2] != ["prompts", "geneval"]]


def _script() -> str:
    return next(block.text for block in blocks(PAGE) if block.holds_python)


@pytest.fixture
def study(tmp_path: Path) -> dict[tuple[str, str, int], bool]:
    """Images of two models with their verdicts as official files, and annotations; which images are right.

    People answer 4 to a right image and 1 to a wrong one, but for every tenth image, where they do not.
    """
    metadata = geneval_metadata(GRAMMAR, per_task=2)
    (tmp_path / "geneval.jsonl").write_bytes(metadata_lines(metadata))
    right = {}
    for model, rate in RATES.items():
        generator = ShapesGenerator(ShapesGenerator.Options(size=64, error_rate=rate))
        folder = GenEvalFolder(tmp_path / "images" / model)
        for index, prompt in enumerate(geneval_prompt_set("geneval", GRAMMAR, per_task=2).prompts):
            request = GenerationRequest(prompt, 1, 100 + index)
            image = next(iter(generator.generate([request]))).image
            assert image is not None
            path = tmp_path / "images" / model / prompt.id / "samples" / "00001.png"
            write_png(path, image)
            folder.write_metadata(index, metadata[index])
        done = nami_bench(
            "geneval", f"images/{model}", "--detector", "shapes", "--workers", 0, "--prompts",
            "geneval.jsonl", "--samples", 1, "--allow-incomplete", "-o", "own.jsonl", cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        rows = [json.loads(line) for line in (tmp_path / "own.jsonl").read_text().splitlines()]
        (tmp_path / "own.jsonl").unlink()
        for row in rows:
            right[model, row["filename"].split("/")[-3], 1] = row["correct"]
            del row["detector"], row["sha256"]
        gone = {**rows[0], "filename": rows[0]["filename"].replace("00001.png", "00003.png")}
        text = "".join(json.dumps(row) + "\n" for row in [*rows, gone])
        (tmp_path / f"{model}.jsonl").write_text(text)
        _annotate(tmp_path / f"annotations_{model}.csv", model, rows)
    return right


def _annotate(path: Path, model: str, rows: list[dict[str, object]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for number, row in enumerate(rows):
            index = int(str(row["filename"]).split("/")[-3])
            agreed = bool(row["correct"]) != (number % 10 == 3)
            for _ in range(PEOPLE):
                url = f"https://example.invalid/images/{model}/{index:05d}/samples/00001.png"
                quality = 4 if agreed else 1
                writer.writerow(
                    [f"HIT{number}", f"{index}_1", index, 1, url, row["prompt"], 20.5, "red", "", quality]
                )


@pytest.mark.slow
def test_the_page_s_commands_give_the_agreement_that_was_planted(
    study: dict[tuple[str, str, int], bool], tmp_path: Path
) -> None:
    subprocess.run([sys.executable, "-c", _script()], cwd=tmp_path, check=True)
    for arguments in _commands():
        if arguments[:2] == ["images", "import"]:
            arguments = [word.replace("geneval", "geneval.jsonl") for word in arguments]
        done = nami_bench(*arguments, cwd=tmp_path)
        assert done.returncode == 0, f"{arguments}: {done.stderr}"
    asked = ["--study", "geneval-people", "--criterion", "alignment", "--threshold", 66, "--json"]
    done = nami_bench("evaluate", "--audit", *asked, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    audit = json.loads(done.stdout)
    [judge] = audit["judges"]
    assert judge["instrument"] == "as recorded, unknown"
    assert judge["overall"]["images"] == len(study)
    images = len(study) // len(RATES)
    doubted = sum(number % 10 == 3 for number in range(images)) * len(RATES)
    agreement = judge["overall"]["agreement"]["value"]
    assert agreement == pytest.approx(1 - doubted / len(study), abs=1e-6)
    drift = {row["model"]: row["verdict_accuracy"] for row in judge["drift"]}
    assert drift["sdv2"] < drift["if-xl"]
