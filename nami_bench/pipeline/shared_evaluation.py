"""Several metrics over the same recorded images: every file is read and decoded once for all of them."""

import hashlib
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import islice
from math import lcm
from pathlib import Path
from typing import TYPE_CHECKING

from nami_bench.domain import ImageRecord
from nami_bench.engines.protocol import Windowed
from nami_bench.errors import ImageError
from nami_bench.evaluation.sharing import shared_encodings
from nami_bench.images import HeldImage, ImageSource, decode_image, read_file
from nami_bench.pipeline.evaluation import Picture, Scoring, lost, score_pictures
from nami_bench.pipeline.progress import Advance
from nami_bench.pipeline.verification import changed

if TYPE_CHECKING:
    from nami_bench.evaluation.protocol import Metric
    from nami_bench.store import Store

BLOCK_BYTES = 2**28
"""Of pixels that are held for the metrics to look at; as much again is decoded meanwhile."""

BLOCK_IMAGES = 512
"""So many images at once are enough, however small they are."""

_AT_LEAST = 16
"""So many are decoded side by side before their size is looked at."""

Read = tuple[Picture, HeldImage | str]
"""A picture with its pixels, or why it has none."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What came of one of the metrics: `counts` as `run_metric` gives them, and its own `seconds`."""

    counts: Counter[str]
    seconds: float


def run_metrics(
    store: "Store",
    images_dir: Path,
    metrics: Sequence["Metric"],
    models: Sequence[str],
    prompt_set: str,
    advance: Advance = lambda count: None,
) -> list[Shared]:
    """`run_metric` of each of several metrics of single images, on this machine, in one go.

    Each block of images is decoded while the metrics look at the one before, and then goes from metric to
    metric; metrics with the same backbone encode an image once. So the weights of all are in memory together.
    """
    seconds = [0.0] * len(metrics)
    with ExitStack() as stack:
        scorings = [
            stack.enter_context(closing(Scoring(store, images_dir, metric, models, prompt_set, advance)))
            for metric in metrics
        ]
        wanted = [{_key(record) for record in scoring.todo} for scoring in scorings]
        for block in _blocks(_pictures(scorings, images_dir), _step(metrics)):
            with shared_encodings():
                for at, (scoring, keys) in enumerate(zip(scorings, wanted, strict=True)):
                    began = time.monotonic()
                    _score(scoring, [one for one in block if _key(one[0].record) in keys])
                    seconds[at] += time.monotonic() - began
        return [Shared(one.counts, took) for one, took in zip(scorings, seconds, strict=True)]


def _step(metrics: Sequence["Metric"]) -> int:
    """A block is a multiple of it: batches, and with them the last digits, are those of a metric alone."""
    window = lcm(*(metric.window if isinstance(metric, Windowed) else 1 for metric in metrics))
    return -(-_AT_LEAST // window) * window


def _pictures(scorings: Sequence[Scoring], images_dir: Path) -> list[Picture]:
    """What any of them is to look at, once, in the order of the records."""
    records = {_key(record): record for scoring in scorings for record in scoring.todo}
    prompts = scorings[0].prompts
    return [Picture(record, prompts[record.prompt_id], images_dir) for _, record in sorted(records.items())]


def _key(record: ImageRecord) -> tuple[str, str, int]:
    return record.model, record.prompt_id, record.sample


def _score(scoring: Scoring, block: Sequence[Read]) -> None:
    sound: dict[ImageSource, Picture] = {
        image: picture for picture, image in block if isinstance(image, HeldImage)
    }
    scoring.keep(lost(scoring.metric, picture, image) for picture, image in block if isinstance(image, str))
    if sound:
        scoring.keep(score_pictures(scoring.metric, sound))


def _blocks(pictures: Sequence[Picture], step: int) -> Iterator[list[Read]]:
    """Lists of pictures with their pixels, multiples of `step`; each is decoded while another is in use."""
    remaining = iter(pictures)
    with ThreadPoolExecutor() as pool, ThreadPoolExecutor(1) as one:

        def begin() -> Future[list[Read]]:
            return one.submit(_block, remaining, step, pool)

        coming = begin()
        try:
            while block := coming.result():
                coming = begin()
                yield block
        finally:
            pool.shutdown(cancel_futures=True)


def _block(remaining: Iterator[Picture], step: int, pool: ThreadPoolExecutor) -> list[Read]:
    block: list[Read] = []
    held = 0
    while held < BLOCK_BYTES and len(block) < BLOCK_IMAGES:
        if not (pictures := list(islice(remaining, step))):
            break
        for picture, image in zip(pictures, pool.map(_read, pictures), strict=True):
            block.append((picture, image))
            held += _bytes(image)
    return block


def _read(picture: Picture) -> HeldImage | str:
    """The pixels of a file that is as recorded, or what is wrong with it."""
    try:
        data = read_file(picture.path)
        sha256 = hashlib.sha256(data).hexdigest()
        if sha256 != picture.record.sha256:
            return changed(picture.record)
        return HeldImage(decode_image(data, picture.path), str(picture.path), sha256)
    except ImageError as error:
        return str(error)


def _bytes(image: HeldImage | str) -> int:
    if isinstance(image, str) or isinstance(image.content, bytes):
        return 0
    return 3 * image.content.width * image.content.height
