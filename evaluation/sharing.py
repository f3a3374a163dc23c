"""What the metrics of one run need not each do again: encode an image with the same backbone, read it with
the same reader, or extract its features with the same network.

Nothing is shared unless a run says so.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeVar, cast

from PIL.Image import Image

if TYPE_CHECKING:
    import torch

Value = TypeVar("Value")
Asked = TypeVar("Asked")

_ENCODINGS: ContextVar[dict[tuple[str, bytes], "torch.Tensor"] | None] = ContextVar("encodings", default=None)
_ANSWERS: ContextVar[dict[tuple[str, bytes], object] | None] = ContextVar("answers", default=None)
_FEATURES: ContextVar[dict[Hashable, object] | None] = ContextVar("features", default=None)


@contextmanager
def shared_encodings() -> Iterator[None]:
    """Within it, `encoded_once` and `answered_once` keep what was given: some kilobytes for each image and
    encoder."""
    before, answers_before = _ENCODINGS.set({}), _ANSWERS.set({})
    try:
        yield
    finally:
        _ENCODINGS.reset(before)
        _ANSWERS.reset(answers_before)


@contextmanager
def shared_features() -> Iterator[None]:
    """Within it, `extracted_once` keeps the features of sets: some kilobytes for each image and network."""
    before = _FEATURES.set({})
    try:
        yield
    finally:
        _FEATURES.reset(before)


def encoded_once(
    encoder: str, images: Sequence[Image], encode: Callable[[Sequence[Image]], "torch.Tensor"]
) -> "torch.Tensor":
    """What `encode` gives for images: (n, dimension), a row each, of those alone that were not encoded yet.

    `encoder` names everything that the rows depend on beside the pixels: network, weights, preprocessing,
    device. Images are known by their pixels. Outside `shared_encodings` it is `encode` itself.
    """
    kept = _ENCODINGS.get()
    if kept is None:
        return encode(images)
    import torch

    keys = [(encoder, _digest(image)) for image in images]
    new = {key: image for key, image in zip(keys, images, strict=True) if key not in kept}
    if new:
        kept.update(zip(new, encode([*new.values()]), strict=True))
    return torch.stack([kept[key] for key in keys])


def answered_once(
    asked: Iterable[Asked],
    known_by: Callable[[Asked], tuple[str, Image]],
    answer: Callable[[Iterator[Asked]], Iterable[Value]],
) -> Iterator[Value]:
    """Yield what `answer` gives for a stream, in order: for those alone that had no answer yet.

    `known_by` names everything that an answer depends on beside an image, and that image. Outside
    `shared_encodings` it is `answer` itself.
    """
    kept = cast("dict[tuple[str, bytes], Value] | None", _ANSWERS.get())
    if kept is None:
        yield from answer(iter(asked))
        return
    waiting: deque[tuple[str, bytes]] = deque()
    open_: deque[tuple[str, bytes]] = deque()

    def new() -> Iterator[Asked]:
        for one in asked:
            name, image = known_by(one)
            waiting.append(key := (name, _digest(image)))
            if key not in kept and key not in open_:
                open_.append(key)
                yield one

    for value in answer(new()):
        kept[open_.popleft()] = value
        while waiting and waiting[0] in kept:
            yield kept[waiting.popleft()]
    while waiting:
        yield kept[waiting.popleft()]


def extracted_once(what: Hashable, extract: Callable[[], Value]) -> Value:
    """What `extract` gives, or gave before for the same `what` within `shared_features`."""
    kept = _FEATURES.get()
    if kept is None:
        return extract()
    if what not in kept:
        kept[what] = extract()
    return cast(Value, kept[what])


def _digest(image: Image) -> bytes:
    head = repr((image.mode, image.size)).encode()
    return hashlib.blake2b(head + image.tobytes(), digest_size=16).digest()
