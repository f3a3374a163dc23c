"""Images that something is asked about in one stream, and those among them that cannot be read."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import tee
from typing import TypeVar

from PIL.Image import Image

from nami_bench.evaluation.image_reading import read_one_ahead
from nami_bench.evaluation.protocol import ScoringItem, ScoringResult

S = TypeVar("S")
A = TypeVar("A")


def results_of_seen(
    items: Iterable[ScoringItem],
    shown: Callable[[ScoringItem, Image], S],
    ask: Callable[[Iterator[S]], Iterable[A]],
    result: Callable[[ScoringItem, A], ScoringResult],
) -> Iterator[ScoringResult]:
    """Yield one result for each item, in order.

    `ask` is given what `shown` makes of every image that can be read, and gives an answer for each, in order;
    it may take a few ahead. An image that cannot be read has no value, and the reason.
    """
    waiting: deque[tuple[ScoringItem, str | None]] = deque()

    def seen() -> Iterator[S]:
        named, looked_at = tee(items)
        for item, content in zip(named, read_one_ahead(i.image for i in looked_at), strict=True):
            waiting.append((item, content.problem))
            if content.image is not None:
                yield shown(item, content.image)

    for answer in ask(seen()):
        yield from _unread(waiting)
        yield result(waiting.popleft()[0], answer)
    yield from _unread(waiting)


def _unread(waiting: deque[tuple[ScoringItem, str | None]]) -> Iterator[ScoringResult]:
    """Results of images that could not be read, up to the first that could."""
    while waiting and waiting[0][1] is not None:
        item, reason = waiting.popleft()
        yield ScoringResult(item, None, reason)
