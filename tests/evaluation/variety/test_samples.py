"""The Vendi score and distances between samples: known answers, the libraries themselves, and the store."""

import json
import shutil
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from PIL import Image
from scipy.spatial.distance import cosine

from nami_bench.domain import Prompt
from nami_bench.errors import InputError
from nami_bench.evaluation.protocol import ScoringItem
from nami_bench.images import HeldImage

torch = pytest.importorskip("torch")
pytest.importorskip("open_clip")

from nami_bench import Scorer, pipeline  # noqa: E402
from nami_bench.evaluation.variety.networks import chosen_extractor  # noqa: E402
from nami_bench.evaluation.variety.samples import (  # noqa: E402
    SampleDistance,
    Vendi,
    cosines,
    mean_distances,
    squared_distances,
    vendi_score,
)
from nami_bench.store import Store  # noqa: E402

Bench = Callable[..., Result]


def test_the_vendi_score_counts_what_is_different() -> None:
    assert vendi_score(np.ones((5, 5))) == pytest.approx(1)
    assert vendi_score(np.eye(5)) == pytest.approx(5)
    two_and_three = np.kron(np.eye(2), np.ones((3, 3)))[1:, 1:]  # 2 of one kind, 3 of another
    shares = np.array([0.4, 0.6])
    assert vendi_score(two_and_three) == pytest.approx(np.exp(-(shares * np.log(shares)).sum()))
    for similarity in (0.1, 0.5, 0.9):  # the eigenvalues of two things are (1 + k) / 2 and (1 - k) / 2
        halves = np.array([1 + similarity, 1 - similarity]) / 2
        expected = np.prod(halves**-halves)
        assert vendi_score(np.array([[1, similarity], [similarity, 1]])) == pytest.approx(expected)


def test_distances_equal_their_definition() -> None:
    features = np.random.default_rng(1).normal(size=(5, 7)).astype(np.float32)
    distances = 1 - cosines(features)
    for first, second in combinations(range(5), 2):
        a, b = features[[first, second]].astype(np.float64)
        assert distances[first, second] == pytest.approx(cosine(a, b), abs=1e-12)
        assert squared_distances(features)[second, first] == pytest.approx(((a - b) ** 2).sum())
    over_pairs = np.mean([distances[pair] for pair in combinations(range(5), 2)])
    assert mean_distances(distances).mean() == pytest.approx(over_pairs)


def items(images: Sequence[Image.Image], prompts: Sequence[str]) -> list[ScoringItem]:
    return [
        ScoringItem(HeldImage(image), Prompt(text, text)) for image, text in zip(images, prompts, strict=True)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("network", ["squeeze", "alex"])
def test_distances_by_lpips_are_the_librarys(
    network: str, lpips_weights: dict[str, Path], drawings: list[Image.Image]
) -> None:
    lpips = pytest.importorskip("lpips")
    options = SampleDistance.Options(model=network, weights=lpips_weights[network], device="cpu")
    three = drawings[:3]
    results = list(SampleDistance(options).score(items(three, ["x"] * 3)))
    with pytest.warns(UserWarning):
        original = lpips.LPIPS(net=network, pnet_rand=True, verbose=False)
    tensors = torch.load(lpips_weights[network])
    for name, parameter in original.net.named_parameters():
        parameter.data = tensors["features." + name.split(".", 1)[1]]
    pixels = [np.asarray(image.resize((256, 256), Image.Resampling.BICUBIC)) for image in three]
    tensor = [lpips.im2tensor(one) for one in pixels]
    with torch.inference_mode():
        distance = {(i, j): float(original(tensor[i], tensor[j])) for i, j in combinations(range(3), 2)}
    expected = [np.mean([d for pair, d in distance.items() if at in pair]) for at in range(3)]
    assert [result.value for result in results] == pytest.approx(expected, rel=1e-4)
    assert min(expected) > 0.001


@pytest.mark.slow
def test_dinov2_is_prepared_as_its_users_do(dino_folder: Path, drawings: list[Image.Image]) -> None:
    transformers = pytest.importorskip("transformers")
    from torchvision.transforms import v2

    options = Vendi.Options(features="dinov2", model=str(dino_folder), device="cpu")
    extractor = chosen_extractor(options)
    ours = extractor.extract([extractor.prepare(image) for image in drawings])
    theirs = v2.Compose(
        [
            v2.Resize((224, 224), v2.InterpolationMode.BICUBIC),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    network = transformers.Dinov2Model.from_pretrained(dino_folder)
    with torch.inference_mode():
        out = network(torch.stack([theirs(image) for image in drawings])).pooler_output.numpy()
    assert ours == pytest.approx(out, abs=1e-4)
    assert (ours.shape[1], extractor.dimension) == (24, 24)
    values = [one.value for one in Vendi(options).score(items(drawings, ["x"] * 6))]
    similarity = 1 - np.array([[cosine(a, b) for a in out] for b in out])
    assert values == pytest.approx([vendi_score(similarity)] * 6, rel=1e-4)


def test_images_of_a_prompt_are_its_samples_whatever_their_order(
    clip_folder: Path, drawings: list[Image.Image]
) -> None:
    prompts = ["a", "b", "a", "b", "c", "a"]
    with Scorer("vendi", model=clip_folder, device="cpu") as scorer:
        scores = scorer.score(drawings, prompts)
        alone = scorer.score([drawings[at] for at in (0, 2, 5)], "a")
    assert scores.values[[0, 2, 5]] == pytest.approx(alone.values, abs=1e-6)
    assert 1 < scores.values[1] == scores.values[3] < 2
    assert np.isnan(scores.values[4]) and "there is only this one" in str(scores.reasons[4])


def test_copies_have_no_variety_and_a_broken_image_is_left_out(
    clip_folder: Path, drawings: list[Image.Image], tmp_path: Path
) -> None:
    (tmp_path / "broken.png").write_bytes(b"no image")
    drawings[0].save(tmp_path / "sound.png")
    given = [tmp_path / "sound.png", tmp_path / "broken.png", tmp_path / "sound.png"]
    options = {"vendi": {"features": "clip"}, "sample-distance": {"features": "clip"}}
    with Scorer(["vendi", "sample-distance"], model=clip_folder, device="cpu", **options) as scorer:
        found = scorer.score(given, "x")
    assert found["vendi"].values[[0, 2]] == pytest.approx([1, 1])
    assert found["sample-distance"].values[[0, 2]] == pytest.approx([0, 0], abs=1e-6)
    for scores in found.values():
        assert np.isnan(scores.values[1]) and "is not an image" in str(scores.reasons[1])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"features": "inception", "model": "x"}, "features=inception has no option 'model'"),
        ({"features": "dinov2", "pretrained": "x"}, "features=dinov2 has no option 'pretrained'"),
        ({"features": "lpips", "model": "resnet"}, "LPIPS has the networks alex, vgg, squeeze"),
        ({"features": "lpips", "model": "vgg"}, "needs torchvision's file of its weights"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
    ],
)
def test_options_that_do_not_fit_are_one_sentence(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        _ = SampleDistance(SampleDistance.Options(**options)).instrument


def test_a_foreign_file_is_no_lpips(tmp_path: Path, clip_folder: Path, drawings: list[Image.Image]) -> None:
    for file in (clip_folder / "open_clip_pytorch_model.bin", clip_folder / "open_clip_config.json"):
        options = SampleDistance.Options(model="squeeze", weights=file, device="cpu")
        with pytest.raises(InputError, match="does not hold torchvision's weights of LPIPS' squeeze"):
            list(SampleDistance(options).score(items(drawings[:2], ["x"] * 2)))


def evaluated(tmp_path: Path, metric: Any) -> dict[str, int]:
    with Store.open(f"sqlite:///{tmp_path / 'bench' / 'nami.db'}") as store:
        (prompts,) = {record.prompt_set for record in store.images.find()}
        folder = tmp_path / "bench" / "images"
        counts = pipeline.run_metric(store, folder, metric, ["camera"], prompts)
    return {key: count for key, count in counts.items() if count}


@pytest.mark.slow
def test_a_group_is_scored_again_where_one_of_it_changed(
    bench: Bench, clip_folder: Path, tmp_path: Path
) -> None:
    metric = Vendi(Vendi.Options(model=str(clip_folder), device="cpu"))
    assert evaluated(tmp_path, metric) == {"scored": 6}
    assert evaluated(tmp_path, metric) == {"kept": 6}
    made = tmp_path / "made" / "00000" / "samples"
    shutil.copy(tmp_path / "made" / "00001" / "samples" / "0000.png", made / "0002.png")
    bench("images", "import", tmp_path / "made", "--model", "camera")
    assert evaluated(tmp_path, metric) == {"scored": 3, "kept": 4}
    with Store.open(f"sqlite:///{tmp_path / 'bench' / 'nami.db'}") as store:
        scores = store.scores.find(metric="vendi")
        record = next(record for record in store.images.find() if record.sample == 2)
    assert [score.details["samples"] for score in scores] == [3, 3, 3, 2, 2, 2, 2]
    assert len({score.value for score in scores[:3]}) == 1
    (tmp_path / "bench" / "images" / str(record.path)).write_bytes(b"changed")
    assert evaluated(tmp_path, metric) == {"scored": 2, "failed": 1, "kept": 4}


@pytest.mark.slow
def test_variety_stands_on_the_board_with_an_interval_over_prompts(
    bench: Bench, clip_folder: Path, tmp_path: Path
) -> None:
    options = ("-O", "features=clip", "-O", f"model={clip_folder}", "-O", "device=cpu")
    said = bench("evaluate", "vendi", "sample-distance", *options).stderr
    assert said.count("6 scored") == 2
    board = json.loads(bench("leaderboard", "--format", "json").stdout)
    assert [column["metric"] for column in board["automatic"]] == ["sample-distance", "vendi"]
    for column in board["automatic"]:
        shown = board["rows"][0]["automatic"][column["key"]]
        assert shown["interval"]["low"] < shown["value"] < shown["interval"]["high"]
        assert shown["images"] == 6
