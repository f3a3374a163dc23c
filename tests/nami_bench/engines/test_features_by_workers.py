"""FID and KID of images whose features other processes extracted: the same as one process gives."""

import importlib.util
import json
import pickle
from collections.abc import Callable, Generator, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from nami_bench import pipeline
from nami_bench.domain import ModelCard, Prompt, PromptSet
from nami_bench.engines import LOCAL, Engine, Job
from nami_bench.errors import InputError
from nami_bench.store import Store
from tests.support.program import nami_bench

pytest.importorskip("torch_fidelity")

from nami_bench.evaluation.fid import (
    DistanceOptions,
    FrechetInceptionDistance,
    KernelInceptionDistance,
)

STAR = {"tag": "single_object", "include": [{"class": "star", "count": 1}]}
PROMPTS = PromptSet("set", tuple(Prompt(f"{n:05d}", "a star", geneval=STAR) for n in range(40)))


class Mean:
    """A network whose features of an image depend a little on the batch it is in."""

    dimension = 3

    def __init__(self, identity: str = "mean") -> None:
        self.identity = identity

    def prepare(self, image: Image.Image) -> NDArray[np.float32]:
        return np.asarray(image, dtype=np.float32).mean(axis=(0, 1))

    def extract(self, batch: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        return np.stack(batch) + np.float32(len(batch)) + np.mean(batch, dtype=np.float32)


class Workers:
    """Does each shard with a metric made anew, over what survives a pickle, as a cluster's workers do."""

    elsewhere = True

    def __init__(self, loses: str = "") -> None:
        self.shards: list[int] = []
        self.loses = loses

    def run(self, job: Job[Any, Any, Any], shards: Iterable[Sequence[Any]]) -> Generator[Any]:
        for shard in shards:
            self.shards.append(len(shard))
            if self.loses and any(self.loses in str(item.image) for item in shard):
                yield from (job.lost(item, "the worker died") for item in shard)
                continue
            plugin = job.make()
            if job.identity(plugin) != job.identity(job.plugin):
                raise InputError("a worker has other weights")
            sent = pickle.loads(pickle.dumps((job.work, shard)))
            yield from pickle.loads(pickle.dumps(list(sent[0](plugin, sent[1]))))


@pytest.fixture
def reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NAMI_CACHE", str(tmp_path / "cache"))
    return pictures(tmp_path / "reference", 40)


def pictures(folder: Path, count: int) -> Path:
    rng = np.random.default_rng(1)
    folder.mkdir()
    for number in range(count):
        pixels = rng.integers(0, 255, (16, 16, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:05d}.png")
    return folder


def score(root: Path, engine: Engine, make: Callable[[], Any]) -> tuple[dict[str, int], Any]:
    """What a fresh workspace with 40 images, one of them changed since, records."""
    root.mkdir()
    with Store.open(f"sqlite:///{root / 'nami.db'}") as store:
        store.catalog.add_prompt_set(PROMPTS)
        store.catalog.add_model(ModelCard("m", "shapes", {"size": 64, "error_rate": 0.3}))
        pipeline.generate(store, root / "images", "m", PROMPTS, samples=1)
        (root / "images" / "m" / "set" / "00003" / "samples" / "0000.png").write_bytes(b"changed")
        counts = pipeline.run_metric(
            store, root / "images", make(), ["m"], "set", engine=engine, make=make
        )  # fmt: skip
        return dict(counts), store.scores.of_sets()


@pytest.mark.parametrize("kind", [FrechetInceptionDistance, KernelInceptionDistance])
def test_shards_give_the_value_of_one_process_to_the_last_digit(
    kind: Any, reference: Path, tmp_path: Path
) -> None:
    def make() -> Any:
        return kind(DistanceOptions(reference, batch_size=7, allow_few=True), Mean())

    workers = Workers()
    alone, shared = score(tmp_path / "a", LOCAL, make), score(tmp_path / "b", workers, make)
    assert alone == shared
    assert workers.shards == [21, 18]  # whole batches
    ((value,), counts) = alone[1], alone[0]
    assert value.value is not None and (counts["scored"], counts["failed"]) == (39, 1)


def test_images_over_which_workers_die_are_left_out_and_named(reference: Path, tmp_path: Path) -> None:
    def make() -> Any:
        return FrechetInceptionDistance(DistanceOptions(reference, batch_size=4, allow_few=True), Mean())

    counts, (value,) = score(tmp_path / "a", Workers("00030"), make)
    assert (counts["scored"], counts["failed"]) == (23, 17)  # 16 are a shard, and one was changed
    assert sum("the worker died" in reason for reason in value.details["left_out"]) == 16


def test_too_few_images_are_refused_before_any_worker_looks(reference: Path, tmp_path: Path) -> None:
    workers = Workers()
    with pytest.raises(InputError, match="kid needs 1000 images"):
        score(tmp_path / "a", workers, lambda: KernelInceptionDistance(DistanceOptions(reference), Mean()))
    assert workers.shards == []


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="NO RAY: pip install ray")
def test_inception_in_rays_workers_gives_the_digits_of_one_process(
    reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    weights = tmp_path / "inception.pth"
    with monkeypatch.context() as patch:
        # The constructor always loads a file; these are the random weights that it has by then.
        patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda self, state: None)
        torch.save({}, weights)
        torch.save(FeatureExtractorInceptionV3("random", ["2048"], str(weights)).state_dict(), weights)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as Ray's workers have: other numbers of threads add in another order
    found = {}
    try:
        for engine, arguments in {"local": (), "ray": ("--ray-workers", 2, "--ray-cpus", 0.5)}.items():
            root = tmp_path / engine
            root.mkdir()
            found[engine] = evaluated(root, reference, weights, "--engine", engine, *arguments)
    finally:
        torch.set_num_threads(threads)
    assert found["local"] == found["ray"]
    assert len(found["local"]) == 2


def evaluated(root: Path, reference: Path, weights: Path, *arguments: object) -> list[tuple[str, float]]:
    """FID and KID of 40 images in a new workspace."""
    nami_bench("init", ".", cwd=root)
    (root / "stars.jsonl").write_text(
        "".join(
            json.dumps(
                {"prompt": "a star", "tag": "single_object", "include": [{"class": "star", "count": 1}]}
            )
            + "\n"
            for _ in range(40)
        )
    )
    options = ("-O", f"reference={reference}", "-O", f"weights={weights}", "-O", "allow_few=true")
    for command in (
        ("models", "add", "m", "--adapter", "shapes", "-O", "size=64", "-O", "error_rate=0.3"),
        ("generate", "--model", "m", "--prompts", "stars.jsonl", "--samples", 1),
        ("evaluate", "fid", "kid", *options, "-O", "batch_size=8", *arguments),
    ):
        done = nami_bench(*command, cwd=root)
        assert done.returncode == 0, done.stderr
    with Store.open(f"sqlite:///{root / 'nami.db'}") as store:
        return [(each.metric, each.value) for each in store.scores.of_sets() if each.value is not None]


def test_groups_go_to_workers_whole_and_give_the_same_values(tmp_path: Path) -> None:
    from nami_bench.evaluation.variety.samples import SampleDistance

    def make() -> Any:
        return SampleDistance(SampleDistance.Options(features="clip", batch_size=5, device="cpu"), Mean())

    few = PromptSet("set", PROMPTS.prompts[:14])

    def scores(root: Path, engine: Engine) -> Any:
        with Store.open(f"sqlite:///{root}.db") as store:
            store.catalog.add_prompt_set(few)
            store.catalog.add_model(ModelCard("m", "shapes", {"size": 64, "error_rate": 0.3}))
            pipeline.generate(store, root, "m", few, samples=3)
            counts = pipeline.run_metric(store, root, make(), ["m"], "set", engine=engine, make=make)
            return dict(counts), [(s.value, s.details["group"]) for s in store.scores.find()]

    workers = Workers()
    alone, shared = scores(tmp_path / "a", LOCAL), scores(tmp_path / "b", workers)
    assert alone == shared and alone[0]["scored"] == 42
    assert workers.shards == [24, 18]  # passes of 6: two groups of 3 fill a window of 5
    assert len({group for _, group in alone[1]}) == 14
