from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from nami_bench.domain import ImageState, Prompt
from nami_bench.errors import GenerationError, InputError
from nami_bench.generators.batching import BatchRunner, NoImage, Outcome, Picture
from nami_bench.generators.protocol import GenerationRequest
from nami_bench.generators.torch_runtime import choose_dtype, noise_generators, pictures
from nami_bench.neural.device import choose_device

PICTURE = Image.new("RGB", (8, 8))
REQUESTS = [GenerationRequest(Prompt(f"{i:05d}", "word " * (i % 3)), 0, i) for i in range(7)]


class Drawer:
    """Draws at most `memory` images at once, none with a seed in `broken` or a text in `refused`."""

    def __init__(
        self,
        memory: int = 100,
        broken: frozenset[int] = frozenset(),
        refused: frozenset[str] = frozenset(),
    ) -> None:
        self.memory, self.broken, self.refused = memory, broken, refused
        self.asked: list[list[int]] = []

    def __call__(self, requests: Sequence[GenerationRequest]) -> list[Outcome]:
        self.asked.append([request.seed for request in requests])
        if len(requests) > self.memory:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        if self.broken & {request.seed for request in requests}:
            raise RuntimeError("expected scalar type Half\nbut found Float")
        if self.refused & {request.prompt.text for request in requests}:
            raise ValueError("the prompt is too short")
        return [Picture(PICTURE) for _ in requests]


def run(drawer: Drawer, size: int, **options: Any) -> list[tuple[int, str, int]]:
    """(seed, state, batch) of each result."""
    results = list(BatchRunner(drawer, size).results(REQUESTS, {"device": "cpu"}, **options))
    assert [r.request for r in results] == REQUESTS
    assert all(r.provenance["device"] == "cpu" for r in results)
    return [(r.request.seed, r.state.value, r.provenance["batch"]) for r in results]


def test_batches_are_as_large_as_allowed() -> None:
    assert run(drawer := Drawer(), 3) == [(i, "done", 3 if i < 6 else 1) for i in range(7)]
    assert drawer.asked == [[0, 1, 2], [3, 4, 5], [6]]


def test_memory_that_runs_out_halves_the_batch_for_good() -> None:
    assert run(drawer := Drawer(memory=2), 6) == [(i, "done", 2 if i < 6 else 1) for i in range(7)]
    assert drawer.asked == [[0, 1, 2, 3, 4, 5], [0, 1, 2], [0, 1], [2, 3], [4, 5], [6]]
    assert run(Drawer(memory=1), 6) == [(i, "done", 1) for i in range(7)]


def test_memory_too_small_for_one_image_fails_that_image() -> None:
    drawer = Drawer(memory=0)
    results = list(BatchRunner(drawer, 2).results(REQUESTS[:2], {}))
    assert [(r.state, r.image) for r in results] == [(ImageState.FAILED, None)] * 2
    assert results[0].reason == "OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB"


def test_a_request_that_cannot_be_drawn_fails_alone() -> None:
    drawer = Drawer(broken=frozenset({1}))
    results = list(BatchRunner(drawer, 3).results(REQUESTS[:4], {}))
    assert [r.state.value for r in results] == ["done", "failed", "done", "done"]
    assert results[1].reason == "RuntimeError: expected scalar type Half but found Float"
    assert drawer.asked == [[0, 1, 2], [0], [1], [2], [3]]


@pytest.mark.parametrize(
    ("wrong", "caught", "message"),
    [
        (TypeError("got an unexpected\nkeyword 'x'"), InputError, "TypeError: got an unexpected keyword 'x'"),
        (RuntimeError("mat1 and mat2"), GenerationError, "no image can be drawn, whatever the prompt"),
    ],
)
def test_what_no_prompt_can_mend_ends_the_run_at_the_first_image(
    wrong: Exception, caught: type[Exception], message: str
) -> None:
    asked: list[list[str]] = []

    def draw(requests: Sequence[GenerationRequest]) -> list[Outcome]:
        asked.append([request.prompt.text for request in requests])
        raise wrong

    with pytest.raises(caught, match=message):
        list(BatchRunner(draw, 2).results(REQUESTS, {}))
    assert asked == [["", "word "], [""], ["a photo of a cat"]]


def test_a_first_prompt_that_cannot_be_drawn_is_no_wrong_setting() -> None:
    drawer = Drawer(refused=frozenset({"", "word word "}))
    results = list(BatchRunner(drawer, 1).results(REQUESTS[:4], {}))
    assert [r.state.value for r in results] == ["failed", "done", "failed", "failed"]
    assert results[0].reason == "ValueError: the prompt is too short"
    assert [r.provenance.get("warm") for r in results] == [None, True, None, None]


def test_both_times_are_told_of_each_image(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10.0, 12.0, 12.5, 13.0])
    monkeypatch.setattr("nami_bench.generators.batching.time.perf_counter", lambda: next(clock))
    monkeypatch.setattr("nami_bench.generators.batching.time.time", lambda: 1000.0)
    results = list(BatchRunner(Drawer(), 4).results(REQUESTS[:5], {}))
    told = [(r.seconds, r.provenance["batch_seconds"], r.provenance["warm"]) for r in results]
    assert told == [(0.5, 2.0, False)] * 4 + [(0.5, 0.5, True)]
    assert (results[0].provenance["started"], results[0].provenance["finished"]) == (1000.0, 1002.0)
    assert "peak_memory_bytes" not in results[0].provenance  # there is no GPU here


def test_only_alike_requests_share_a_batch_and_the_order_stays() -> None:
    outcome = run(drawer := Drawer(), 4, alike=lambda request: request.prompt.words)
    assert drawer.asked == [[0, 3, 6], [1, 4], [2, 5]]
    assert [batch for _, _, batch in outcome] == [3, 2, 2, 3, 2, 2, 3]


def test_a_refusal_is_handed_on() -> None:
    refusal = NoImage(ImageState.REFUSED, "no")
    results = list(BatchRunner(lambda requests: [Picture(PICTURE), refusal], 2).results(REQUESTS[:2], {}))
    assert [(r.state.value, r.reason) for r in results] == [("done", None), ("refused", "no")]


@pytest.mark.parametrize(
    ("raised", "caught"),
    [
        (torch.AcceleratorError("CUDA error: an illegal memory access was encountered"), GenerationError),
        (InputError("unusable model"), InputError),
    ],
)
def test_what_no_later_image_survives_ends_the_run(raised: Exception, caught: type[Exception]) -> None:
    def draw(requests: Sequence[GenerationRequest]) -> list[Outcome]:
        raise raised

    with pytest.raises(caught, match=r"illegal memory access|unusable model"):
        list(BatchRunner(draw, 2).results(REQUESTS, {}))


def test_noise_follows_from_each_requests_own_seed() -> None:
    first = [torch.randn(4, generator=g) for g in noise_generators(REQUESTS[:3])]
    again = [torch.randn(4, generator=g) for g in noise_generators(REQUESTS[2::-1])]
    assert all(torch.equal(a, b) for a, b in zip(first, reversed(again), strict=True))
    assert not torch.equal(first[0], first[1])


def test_pixels_are_rounded_to_bytes_and_never_nan() -> None:
    floats = np.full((2, 3, 3), 0.5, np.float32)
    broken = floats.copy()
    broken[1, 2, 0] = np.nan
    picture, failure, same = pictures([floats, broken, PICTURE])
    assert isinstance(picture, Picture) and picture.image.size == (3, 2) and picture.about == {}
    assert picture.image.getpixel((0, 0)) == (128, 128, 128)
    assert isinstance(failure, NoImage) and failure.state is ImageState.FAILED
    assert isinstance(same, Picture) and same.image is PICTURE


def test_what_is_transparent_is_laid_over_white_and_said() -> None:
    red = np.zeros((1, 2, 4), np.float32)
    red[..., 0], red[0, 0, 3] = 1, 1  # the left pixel is opaque, the right one hides its red
    both, opaque = pictures([red, np.ones((1, 1, 4), np.float32)])
    assert isinstance(both, Picture) and isinstance(opaque, Picture)
    assert [both.image.getpixel((x, 0)) for x in (0, 1)] == [(255, 0, 0), (255, 255, 255)]
    assert both.about == {"alpha": "composited over white"}
    assert (opaque.image.mode, opaque.about) == ("RGB", {})


def test_dtype_is_the_given_one_else_the_devices_else_the_published() -> None:
    cpu, other = torch.device("cpu"), torch.device("mps")
    assert choose_dtype(cpu) is torch.float32
    assert choose_dtype(cpu, published="float16") is torch.float32
    assert choose_dtype(cpu, "bfloat16") is torch.bfloat16
    assert choose_dtype(other, published="float16") is torch.float16
    assert choose_dtype(other, "float32", "float16") is torch.float32
    assert choose_dtype(other) is torch.bfloat16


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "cpu:x", "meta:0:1"])
def test_a_device_that_is_not_there_is_bad_input(name: str) -> None:
    with pytest.raises(InputError, match="device=auto"):
        choose_device(name)
    assert choose_device("cpu").type == "cpu"
