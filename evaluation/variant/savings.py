"""Time and memory that a variant saves, from what was recorded when the images were made."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from nami_bench.domain import ImageRecord
from nami_bench.evaluation.paired_prompts import Interval
from nami_bench.evaluation.variant.pairing import Twins
from nami_bench.evaluation.variant.results import Saving

WARMUP = 1
"""Images of a model that count as cold where their generator does not say which are."""
REPLICATES = 2000
Floats = NDArray[np.float64]


def seconds_saved(twins: Twins, level: float, warmup: int = WARMUP) -> Saving:
    """The ratio of the median seconds of an image, over pairs of which both were made warm.

    Loading, compiling and tuning make the first images slow: generators say so of an image ("warm"); where
    they do not, the first `warmup` of each model count as cold, by time of recording. The interval is a
    percentile bootstrap over prompts, both models' images of a prompt drawn together.
    """
    cold = {*_cold(twins.base, warmup), *_cold(twins.variant, warmup)}
    rows = [
        (base.prompt_id, base.seconds, variant.seconds)
        for number, (base, variant) in enumerate(zip(twins.base, twins.variant, strict=True))
        if number not in cold and base.seconds and variant.seconds
    ]
    if not rows:
        return Saving(reason=_why_no_seconds(twins))
    prompts, base, variant = zip(*rows, strict=True)
    values = np.array([base, variant], dtype=float)
    first, second = (float(median) for median in np.median(values, axis=1))
    interval = _interval(np.unique(prompts, return_inverse=True)[1], values, level)
    return Saving(first, second, first / second, interval, len(rows))


def memory_saved(twins: Twins) -> Saving:
    """The ratio of the peak memory of the device, in bytes: of each model the largest of its images."""
    found = [
        (peaks[0], peaks[1])
        for pair in zip(twins.base, twins.variant, strict=True)
        if all(peaks := [_peak(record) for record in pair])
    ]
    if not found:
        return Saving(reason="no peak memory was recorded of both")
    base, variant = (float(max(side)) for side in zip(*found, strict=True))
    return Saving(base, variant, base / variant, None, len(found))


def timing_cautions(twins: Twins) -> Iterator[str]:
    """What makes the models' seconds unlike, or other than the time that one image takes."""
    sides = (twins.base, twins.variant)
    for name, words in (("device", "on different devices"), ("libraries", "with different libraries")):
        found = [_said(side, name) for side in sides]
        if found[0] != found[1]:
            shown = " and ".join(", ".join(sorted(side)) or "not recorded" for side in found)
            yield f"the images were made {words} ({shown}): time and memory differ by that, too"
    batches = [{record.provenance.get("batch", 1) for record in side} for side in sides]
    if batches[0] | batches[1] != {1}:
        shown = " and ".join(", ".join(map(str, sorted(side))) for side in batches)
        yield (
            f"images were made in batches ({shown} at once), and a batch's seconds are divided among its "
            "images: that is throughput, not how long one image takes"
        )


def _interval(prompt: NDArray[np.int64], values: Floats, level: float) -> Interval | None:
    """`prompt`: codes by pair; `values`: (2, pairs)."""
    prompts = int(prompt.max()) + 1
    if prompts < 2:
        return None
    order = np.argsort(prompt, kind="stable")
    groups = np.split(order, np.cumsum(np.bincount(prompt))[:-1])
    rng = np.random.default_rng(0)
    ratios = []
    for _ in range(REPLICATES):
        drawn = np.concatenate([groups[at] for at in rng.integers(prompts, size=prompts)])
        base, variant = np.median(values[:, drawn], axis=1)
        ratios.append(base / variant)
    low, high = np.quantile(ratios, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _cold(records: Sequence[ImageRecord], warmup: int) -> set[int]:
    """Places among `records` of those that were made before the model was warm."""
    said = {number for number, record in enumerate(records) if record.provenance.get("warm") is False}
    unsaid = [number for number, record in enumerate(records) if "warm" not in record.provenance]
    unsaid.sort(key=lambda number: _recorded(records[number]))
    return said | set(unsaid[:warmup])


def _recorded(record: ImageRecord) -> float:
    return record.created_at.timestamp() if record.created_at else 0.0


def _why_no_seconds(twins: Twins) -> str:
    for side in (twins.base, twins.variant):
        if not any(record.seconds for record in side):
            return f"no seconds were recorded of {side[0].model}"
    return "no pair was made warm"


def _peak(record: ImageRecord) -> float | None:
    value = record.provenance.get("peak_memory_bytes")
    return float(value) if isinstance(value, int | float) and value > 0 else None


def _said(records: Sequence[ImageRecord], name: str) -> set[str]:
    """What the images' provenance says of `name`, in words."""
    words: Callable[[object], str] = lambda value: (  # noqa: E731
        " ".join(f"{key} {version}" for key, version in sorted(value.items()))
        if isinstance(value, dict)
        else str(value)
    )
    return {words(record.provenance[name]) for record in records if name in record.provenance}
