"""ImageRewardDB's ratings: of images whose models nobody names, for metrics and not for a leaderboard."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.stats import kendalltau, spearmanr

from nami_bench.domain import ImageRecord, ImageState
from nami_bench.errors import InputError
from nami_bench.export.foreign import ForeignFile, Reading, read_foreign
from nami_bench.export.foreign.image_names import ImageNames, Meant, SeenImages
from tests.support.program import nami_bench
from tests.support.tiny_clip import naive_cosine, write_tiny_clip

SAMPLE = Path(__file__).parents[2] / "data" / "judgements" / "imagerewarddb"
METADATA = SAMPLE / "metadata-test.parquet"
OVERALL = "overall_rating"


def test_every_rating_is_read_as_it_must_be() -> None:
    table = read_foreign(ForeignFile(METADATA, Reading(profile="imagerewarddb"))).table
    numbers = {name: f"{at:05d}" for at, name in enumerate(dict.fromkeys(table["prompt_id"]))}
    names = ["annotator", "model", "prompt_id", "sample", "criterion", "value"]
    found = table.assign(prompt_id=table["prompt_id"].map(numbers))[names].astype(str).to_numpy().tolist()
    expected = pd.read_csv(SAMPLE / "expected_ratings.csv", dtype={"prompt_id": str})[names]
    assert found == expected.assign(value=expected["value"].astype(float)).astype(str).to_numpy().tolist()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("leaderboard --ratings metadata-test.parquet", "looks like imagerewarddb: read it with --profile"),
        ("leaderboard --ratings metadata-test.parquet --profile imagerewarddb", "nothing to rank by model"),
        ("strengths --comparisons metadata-test.parquet --profile imagerewarddb", "nothing to rank by model"),
    ],
)
def test_what_would_rank_models_is_refused_with_what_can_be_done(command: str, words: str) -> None:
    done = nami_bench(*command.split(), cwd=SAMPLE)
    assert done.returncode == 2 and words in done.stderr and done.stderr.count("\n") == 1


def test_rankings_of_unnamed_images_are_refused(tmp_path: Path) -> None:
    entry = {"id": "1", "prompt": "a star", "generations": ["a.webp", "b.webp"], "ranking": [1, 2]}
    (tmp_path / "test.json").write_text(json.dumps([entry]))
    with pytest.raises(InputError, match="rankings of images whose models are not named"):
        read_foreign(ForeignFile(tmp_path / "test.json", Reading()))


def record(prompt: str, sample: int, file: str) -> ImageRecord:
    return ImageRecord("m", "s", prompt, sample, ImageState.DONE, provenance={"file": file})


def test_recorded_images_are_found_by_the_ends_of_their_files_names() -> None:
    records = (record("00000", 0, "a/1.png"), record("00000", 1, "b/1.png"), record("00001", 0, "2.png"))
    names = ImageNames(records)
    assert names.find("m", "https://x.org/set/b/1.png?token=2") == Meant("00000", 1)
    assert names.find("m", r"C:\images\2.png") == Meant("00001", 0)
    assert names.find("m", "1.png") is None  # which of the two?
    assert names.find("other", "2.png") is None
    assert names.samples("m", "00000") == 2


def test_images_that_nobody_knows_are_samples_in_the_order_in_which_they_come() -> None:
    seen = SeenImages()
    files = ("a/1.png", "b/1.png", "1.png?x=1", "2.png", "a/1.png")
    assert [seen.number("m", "00000", file) for file in files] == [0, 1, 0, 2, 0]
    assert seen.number("m", "00001", "2.png") == seen.number("n", "00000", "2.png") == 0


@pytest.mark.slow
def test_metrics_are_compared_with_the_ratings_image_by_image(tmp_path: Path) -> None:
    """docs/formats.md's commands. Files are imported in the order of their names, and rated in another."""
    rows = pd.read_parquet(METADATA)
    draw = np.random.default_rng(0)
    for file in rows["image_path"]:
        (tmp_path / "set" / file).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw.integers(0, 256, (8, 8, 3), np.uint8)).resize((64, 64), 0).save(
            tmp_path / "set" / file, lossless=True
        )
    clip = write_tiny_clip(tmp_path / "clip")

    def run(command: str) -> Any:
        done = nami_bench(*command.split(), cwd=tmp_path, env={"NAMI_DATABASE_URL": None})
        assert done.returncode == 0, done.stderr
        return done

    run("init")
    run(f"images import set --table {METADATA} --model diffusiondb --name imagereward")
    run(f"ratings import {METADATA} --profile imagerewarddb --study imagereward --prompts imagereward")
    run(f"evaluate clip-score --model diffusiondb -O model={clip} -O device=cpu")
    run("evaluate --audit --study imagereward --criterion overall --csv audit.csv")
    with (tmp_path / "audit.csv").open() as file:
        found = {
            row["statistic"]: float(row["value"])
            for row in csv.DictReader(file)
            if row["table"] == "correlation" and row["name"] == "image"
        }
    scores = [
        max(naive_cosine(clip, Image.open(tmp_path / "set" / row.image_path), row.prompt), 0)
        for row in rows.itertuples()
    ]
    assert found["spearman"] == pytest.approx(spearmanr(scores, rows[OVERALL]).statistic, abs=1e-6)
    assert found["kendall"] == pytest.approx(kendalltau(scores, rows[OVERALL]).statistic, abs=1e-6)
    # One image's name is not enough where its folder's images are not those that were recorded.
    rows.assign(image_path="else/" + rows["image_path"].str.rpartition("/")[2]).to_parquet(
        tmp_path / "metadata-moved.parquet"
    )
    moved = "ratings import metadata-moved.parquet --profile imagerewarddb --study imagereward"
    done = nami_bench(*moved.split(), cwd=tmp_path)
    assert "which of the 4 images of prompt 00000 by diffusiondb 'else/" in done.stderr
