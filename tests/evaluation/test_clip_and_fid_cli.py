"""`nami-bench evaluate clip-score` and `fid` in a workspace, as a user runs them."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result

from nami_bench.errors import InputError, WorkError
from nami_bench.store import Store

torch = pytest.importorskip("torch")
pytest.importorskip("open_clip")
pytest.importorskip("torch_fidelity")

Bench = Callable[..., Result]


def store(tmp_path: Path) -> Store:
    return Store.open(f"sqlite:///{tmp_path / 'bench' / 'nami.db'}")


@pytest.mark.slow
def test_clip_score_lands_on_the_leaderboard_and_long_prompts_are_counted(
    bench: Bench, clip_folder: Path, tmp_path: Path
) -> None:
    evaluate = ("evaluate", "clip-score", "-O", f"model={clip_folder}", "-O", "device=cpu")
    assert "6 scored, 2 with over-long prompts" in bench(*evaluate).stderr
    assert "6 kept, 2 with over-long prompts" in bench(*evaluate).stderr
    with store(tmp_path) as opened:
        scores = opened.scores.find(metric="clip-score")
    assert [score.details["over_long"] for score in scores] == [False, False, True, True, False, False]
    measured = scores[0].details["measured_with"]
    assert (measured["device"], measured["dtype"]) == ("cpu", "float32")
    assert measured["libraries"].keys() >= {"torch", "open_clip_torch", "numpy", "pillow"}
    board = json.loads(bench("leaderboard", "--format", "json").stdout)
    (column,) = board["automatic"]
    assert column["metric"] == "clip-score" and column["instrument"].startswith("tiny-clip-")
    shown = board["rows"][0]["automatic"][column["key"]]
    assert shown["value"] == pytest.approx(np.mean([score.value for score in scores]))
    assert (shown["images"], board["rows"][0]["gaps"]) == (6, [])


def test_weights_overwritten_between_two_runs_are_another_column(
    bench: Bench, clip_folder: Path, tmp_path: Path
) -> None:
    model = Path(shutil.copytree(clip_folder, tmp_path / "clip"))
    evaluate = ("evaluate", "clip-score", "-O", f"model={model}", "-O", "device=cpu")
    assert "6 scored" in bench(*evaluate).stderr
    weights = model / "open_clip_pytorch_model.bin"
    tensors = torch.load(weights)
    torch.save({name: -tensor for name, tensor in tensors.items()}, weights)
    assert "6 scored" in bench(*evaluate).stderr
    board = json.loads(bench("leaderboard", "--format", "json").stdout)
    first, second = (column["instrument"] for column in board["automatic"])
    assert first != second
    assert all(shown["images"] == 6 for shown in board["rows"][0]["automatic"].values())


@pytest.mark.slow
def test_an_image_replaced_after_it_was_scored_does_not_keep_its_score(
    bench: Bench, clip_folder: Path, random_inception: Path, photographs: Mapping[str, Path], tmp_path: Path
) -> None:
    clip = ("evaluate", "clip-score", "-O", f"model={clip_folder}", "-O", "device=cpu")
    kid = ("evaluate", "kid", "-O", f"weights={random_inception}", "-O", "device=cpu", "-O", "allow_few=true",
           "-O", f"reference={next(iter(photographs.values())).parent}")  # fmt: skip
    bench(*clip)
    bench(*kid)
    with store(tmp_path) as opened:
        one, other = opened.images.find()[:2]
    replaced, another = (tmp_path / "bench" / "images" / str(record.path) for record in (one, other))
    good = replaced.read_bytes()
    replaced.write_bytes(another.read_bytes())
    assert "1 failed, 5 kept" in bench(*clip, expect=WorkError).stderr
    assert "5 scored, 1 failed" in bench(*kid, expect=WorkError).stderr
    with store(tmp_path) as opened:
        score = opened.scores.find()[0]
        (of_set,) = opened.scores.of_sets()
    assert score.value is None and "has changed since it was recorded" in str(score.reason)
    assert of_set.images == 5
    gaps = json.loads(bench("leaderboard", "--format", "json").stdout)["rows"][0]["gaps"]
    assert sum("5 of 6 images scored" in gap for gap in gaps) == 2
    replaced.write_bytes(good)
    assert "1 scored, 5 kept" in bench(*clip).stderr
    assert "6 scored" in bench(*kid).stderr


@pytest.fixture
def random_inception(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    path = tmp_path / "inception.pth"
    torch.save({}, path)
    with monkeypatch.context() as patch:
        patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda self, state: None)
        torch.manual_seed(0)
        network = FeatureExtractorInceptionV3("random", ["2048"], str(path))
    torch.save(network.state_dict(), path)
    return path


@pytest.mark.slow
def test_kid_is_one_value_for_the_set_recorded_once_and_ranked(
    bench: Bench, photographs: Mapping[str, Path], random_inception: Path, tmp_path: Path
) -> None:
    options: list[Any] = ["-O", f"weights={random_inception}", "-O", "device=cpu"]
    options += ["-O", f"reference={next(iter(photographs.values())).parent}"]
    for metric, needed in (("kid", 1000), ("fid", 2048)):
        refused = bench("evaluate", metric, *options, expect=InputError).exception
        assert f"needs {needed} images on either side, the model's images are 6" in str(refused)
    with store(tmp_path) as opened:
        assert opened.scores.of_sets() == []
    options += ["-O", "allow_few=true"]
    assert "6 scored" in bench("evaluate", "kid", *options).stderr
    assert "6 kept" in bench("evaluate", "kid", *options).stderr
    with store(tmp_path) as opened:
        (score,) = opened.scores.of_sets()
    assert (score.metric, score.images, score.lower_is_better) == ("kid", 6, True)
    assert score.instrument.startswith("inception-v3-") and score.instrument.endswith("+few-allowed")
    assert score.value is not None and np.isfinite(score.value)
    assert score.details["reference_images"] == score.details["subset_size"] == 3
    row = json.loads(bench("leaderboard", "--format", "json").stdout)["rows"][0]
    assert [value["value"] for value in row["automatic"].values()] == [score.value]
    assert "kid ↓" in bench("leaderboard").stdout


@pytest.mark.slow
def test_a_changed_image_is_left_out_of_the_set_and_tried_again(
    bench: Bench, photographs: Mapping[str, Path], random_inception: Path, tmp_path: Path
) -> None:
    reference = next(iter(photographs.values())).parent
    options: list[Any] = ["-O", f"weights={random_inception}", "-O", f"reference={reference}"]
    options += ["-O", "device=cpu", "-O", "allow_few=true"]
    with store(tmp_path) as opened:
        record = opened.images.find()[3]
    spoiled = tmp_path / "bench" / "images" / str(record.path)
    good = spoiled.read_bytes()
    spoiled.write_bytes(b"gone bad")
    assert "5 scored, 1 failed" in bench("evaluate", "kid", *options, expect=WorkError).stderr
    with store(tmp_path) as opened:
        (score,) = opened.scores.of_sets()
    assert score.images == 5
    assert "has changed since it was recorded" in score.details["left_out"][0]
    (row,) = json.loads(bench("leaderboard", "--format", "json").stdout)["rows"]
    assert "5 of 6 images scored" in row["gaps"][0]
    spoiled.write_bytes(good)
    assert "6 scored" in bench("evaluate", "kid", *options).stderr
    with store(tmp_path) as opened:
        assert [(s.images, s.details.get("left_out")) for s in opened.scores.of_sets()] == [(6, None)]
