"""Several metrics in one run: what each would give alone, with every image decoded and encoded once."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nami_bench import images, pipeline
from nami_bench.domain import ImageState, Prompt, PromptSet
from nami_bench.errors import InputError
from nami_bench.evaluation.protocol import ScoringItem, ScoringResult
from nami_bench.evaluation.sharing import encoded_once, extracted_once, shared_encodings, shared_features
from nami_bench.images import read_image
from nami_bench.pipeline import shared_evaluation
from nami_bench.store import Store

PROMPTS = PromptSet("set", tuple(Prompt(f"{i:05d}", "a star" * (i != 3)) for i in range(40)))


class Brightness:
    """The mean of an image's pixels, in batches of `window`; notes the sizes of its batches."""

    libraries = ()

    def __init__(self, name: str, window: int, stops_at: str = "") -> None:
        self.name, self.window, self.stops_at = name, window, stops_at
        self.instrument = f"{name}-1"
        self.batches: list[int] = []

    def applies_to(self, prompt: Prompt) -> bool:
        return bool(prompt.text) or self.window > 5

    def score(self, items: Iterable[ScoringItem]) -> Iterator[ScoringResult]:
        for batch in pipeline.progress.batches(items, self.window):
            self.batches.append(len(batch))
            for item in batch:
                if item.prompt.id == self.stops_at:
                    raise InputError("no more")
                yield ScoringResult(item, float(np.asarray(read_image(item.image)).mean()))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """With 40 recorded images, of which one was changed since and one is away."""
    with Store.open(f"sqlite:///{tmp_path / 'nami.db'}") as opened:
        opened.catalog.add_prompt_set(PROMPTS)
        made = tmp_path / "made"
        for index, prompt in enumerate(PROMPTS.prompts):
            folder = made / prompt.id / "samples"
            folder.mkdir(parents=True)
            Image.new("RGB", (20, 10), (index, 2 * index, 3 * index)).save(folder / "0000.png")
        understood = pipeline.understand_images(opened, made, "m", "set", pipeline.ImportHow())
        pipeline.import_images(opened, tmp_path / "images", understood, "m")
        records = opened.images.find(models=["m"], state=ImageState.DONE)
        (tmp_path / "images" / str(records[7].path)).write_bytes(b"changed")
        (tmp_path / "images" / str(records[9].path)).unlink()
        yield opened


def test_metrics_together_give_what_each_gives_alone_and_every_file_is_read_once(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: Counter[Path] = Counter()
    original = images.read_file

    def counting(path: Path) -> Any:
        read[path] += 1
        return original(path)

    monkeypatch.setattr(shared_evaluation, "read_file", counting)
    monkeypatch.setattr(shared_evaluation, "BLOCK_BYTES", 20 * 10 * 3 * 15)  # fifteen images
    small, large = Brightness("small", 4), Brightness("large", 6)
    told: list[int] = []
    together = pipeline.run_metrics(store, tmp_path / "images", [small, large], ["m"], "set", told.append)
    found = {(s.metric, s.prompt_id): (s.value, s.reason) for s in store.scores.find()}
    assert [dict(+one.counts) for one in together] == [
        {"scored": 37, "failed": 2, "not applicable": 1},
        {"scored": 38, "failed": 2},
    ]
    assert sum(told) == 80 and len(read) == 40 and set(read.values()) == {1}
    assert found["large", "00003"] == (6.0, None)
    assert "has changed since it was recorded" in str(found["small", "00007"])
    assert "00009" in str(found["large", "00009"][1])

    for metric in (Brightness("small", 4), Brightness("large", 6)):
        counts = pipeline.run_metric(store, tmp_path / "images", metric, ["m"], "set")
        assert counts["kept"] == 37 + (metric.name == "large") and counts["failed"] == 2
    assert {(s.metric, s.prompt_id): (s.value, s.reason) for s in store.scores.find()} == found
    assert large.batches == [6, 6, 6, 4, 6, 6, 4]  # of 24 (two files are none) and of 16


def test_what_is_finished_is_kept_when_one_of_them_ends_the_run(store: Store, tmp_path: Path) -> None:
    first, second = Brightness("first", 8), Brightness("second", 8, stops_at="00020")
    with pytest.raises(InputError, match="no more"):
        pipeline.run_metrics(store, tmp_path / "images", [first, second], ["m"], "set")
    values = Counter(score.metric for score in store.scores.find() if score.value is not None)
    assert values["first"] == 38 and 0 < values["second"] < 20


def test_an_image_is_encoded_once_by_each_encoder() -> None:
    import torch

    asked: list[int] = []

    def encode(pictures: Any) -> torch.Tensor:
        asked.append(len(pictures))
        return torch.tensor([[float(one.getpixel((0, 0))[0])] for one in pictures])

    gray = [Image.new("RGB", (4, 4), (level, 0, 0)) for level in range(4)]
    same = [image.copy() for image in gray[2:]]
    with shared_encodings():
        first = encoded_once("a", gray[:3], encode)
        assert encoded_once("a", [*same, gray[0]], encode).tolist() == [[2.0], [3.0], [0.0]]
        assert encoded_once("b", gray[:1], encode).tolist() == [[0.0]]
    assert first.tolist() == [[0.0], [1.0], [2.0]] and asked == [3, 1, 1]
    assert encoded_once("a", gray[:2], encode).shape == (2, 1) and asked[-1] == 2  # nothing is kept outside


def test_features_of_a_set_are_extracted_once() -> None:
    made: list[str] = []
    with shared_features():
        for what in ("x", "y", "x"):
            assert extracted_once(what, lambda what=what: made.append(what) or what) == what  # type: ignore[misc]
    assert made == ["x", "y"]
