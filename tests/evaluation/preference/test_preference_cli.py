"""Preference predictors in a workspace, as a user runs them."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from nami_bench.errors import InputError, WorkError
from nami_bench.store import Store

pytest.importorskip("torch")
pytest.importorskip("open_clip")
pytest.importorskip("transformers")

Bench = Callable[..., Result]
METRICS = ("pickscore", "hpsv2", "image-reward")


@pytest.fixture
def command(pickscore_folder: Path, hps_weights: Path, reward_weights: Path, bert_folder: Path) -> list[str]:
    """All three in one go, each with options of its own."""
    options = {
        "device": "cpu",
        "pickscore.model": pickscore_folder,
        "pickscore.processor": pickscore_folder,
        "hpsv2.weights": hps_weights,
        "hpsv2.model": "tiny-hps",
        "image-reward.weights": reward_weights,
        "image-reward.tokenizer": bert_folder,
    }
    pairs = [word for key, value in options.items() for word in ("-O", f"{key}={value}")]
    return ["evaluate", *METRICS, *pairs]


@pytest.mark.slow
def test_they_land_on_the_leaderboard_are_kept_and_count_long_prompts(
    bench: Bench, command: list[str], tmp_path: Path
) -> None:
    first = bench(*command, "--json")
    assert first.stderr.count("6 scored, 2 with over-long prompts") == 3
    assert {tuple(sorted(counts.items())) for counts in json.loads(first.stdout).values()} == {
        (("failed", 0), ("scored", 6), ("with over-long prompts", 2))
    }
    assert bench(*command).stderr.count("6 kept, 2 with over-long prompts") == 3
    with Store.open(f"sqlite:///{tmp_path / 'bench' / 'nami.db'}") as store:
        scores = {name: [s.value for s in store.scores.find(metric=name)] for name in METRICS}
    board = json.loads(bench("leaderboard", "--format", "json").stdout)
    assert {column["metric"] for column in board["automatic"]} == set(METRICS)
    for column in board["automatic"]:
        shown = board["rows"][0]["automatic"][column["key"]]
        assert shown["value"] == pytest.approx(np.mean(scores[column["metric"]])) and shown["images"] == 6
    table = bench("leaderboard").stdout
    assert all(name in table for name in METRICS)


@pytest.mark.slow
def test_a_spoiled_image_is_a_stored_failure_and_is_tried_again(
    bench: Bench, command: list[str], tmp_path: Path
) -> None:
    with Store.open(f"sqlite:///{tmp_path / 'bench' / 'nami.db'}") as store:
        spoiled = tmp_path / "bench" / "images" / str(store.images.find()[3].path)
        good = spoiled.read_bytes()
        spoiled.write_bytes(good[: len(good) // 2])
        failed = bench(*command, expect=WorkError)
        assert "3 images could not be scored" in str(failed.exception)
        assert failed.stderr.count("  camera 00001 1: ") == 3 and "has changed since" in failed.stderr
        for name in METRICS:
            values = [score.value for score in store.scores.find(metric=name)]
            assert [value is None for value in values] == [False] * 3 + [True] + [False] * 2
        spoiled.write_bytes(good)
        assert bench(*command).stderr.count("1 scored, 5 kept") == 3
        assert all(score.value is not None for score in store.scores.find())


def test_what_the_last_metric_lacks_is_said_before_the_first_begins(
    bench: Bench, reward_weights: Path, bert_folder: Path, tmp_path: Path
) -> None:
    ready = ("-O", f"image-reward.weights={reward_weights}", "-O", f"image-reward.tokenizer={bert_folder}")
    missing = tmp_path / "none.pt"
    unready = ("evaluate", "image-reward", "hpsv2", "-O", f"hpsv2.weights={missing}", *ready)
    assert f"cannot read the weights {missing}" in str(bench(*unready, expect=InputError).exception)
    with Store.open(f"sqlite:///{tmp_path / 'bench' / 'nami.db'}") as store:
        assert store.scores.find() == []
    for wrong in (["-O", "hpsv2.wights=x"], ["-O", "hpsv2.version=3"], ["-O", "hpsv2.batch_size=0"]):
        refused = bench("evaluate", "pickscore", "hpsv2", *wrong, expect=InputError)
        assert "hpsv2" in str(refused.exception) and " on " not in refused.stderr
