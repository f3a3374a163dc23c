"""Speed and price of models beside their quality: from what their images' records say of their making.

Names in a record's provenance: docs/generators.md, "What a record says of speed".
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from statistics import median
from typing import Any

from nami_bench.domain import ImageRecord, ImageState
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.speed import Latency, latency


@dataclass(frozen=True, slots=True)
class Conditions:
    """What must be alike for two models' speeds to be compared; None where a record does not say.

    `size`: of the pictures made, "WxH". `batch`: most images drawn at once. `concurrency`: requests under way
    at a server.
    """

    device: str | None = None
    dtype: str | None = None
    size: str | None = None
    batch: int | None = None
    concurrency: int | None = None

    @property
    def words(self) -> str:
        """ "NVIDIA H200, bfloat16, 1024x1024, batch 4"."""
        batch = None if self.batch is None else f"batch {self.batch}"
        under_way = None if self.concurrency is None else f"{self.concurrency} under way"
        known = (self.device or "unknown device", self.dtype, self.size, batch, under_way)
        return ", ".join(part for part in known if part)

    def unlike(self, other: "Conditions") -> str:
        """What differs, in words: "dtype float32, not bfloat16"; "" where nothing does."""
        mine, theirs = asdict(self), asdict(other)
        return ", ".join(
            f"{name} {_said(mine[name])}, not {_said(theirs[name])}"
            for name in mine
            if mine[name] != theirs[name]
        )


@dataclass(frozen=True, slots=True)
class Speed:
    """One model's.

    `latency`: of done images under `conditions`, the most frequent ones of the model, from request to picture
    (of a batch: of the whole batch), without those that were made while something loaded or compiled.
    `images_per_second`: done images over the time from the first request to the last picture of the longest
    uninterrupted run, likewise; None where the records name no run. `other_conditions`: images left out.
    `price`: for 1,000 images, None where none was given.
    """

    latency: Latency
    conditions: Conditions = field(default_factory=Conditions)
    images_per_second: float | None = None
    peak_memory_bytes: int | None = None
    load_seconds: float | None = None
    other_conditions: int = 0
    price: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON document."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Prices:
    """What images cost: amounts by model, "" for every other one.

    `per_thousand`: for 1,000 images; `per_hour`: for an hour of the machine, which the model's images a
    second make a price for images. `note`: currency and date, as "USD, list prices of 2026-11-30".
    """

    per_thousand: Mapping[str, float] = field(default_factory=dict)
    per_hour: Mapping[str, float] = field(default_factory=dict)
    note: str = ""

    def check(self, models: Iterable[str]) -> None:
        """Raise InputError for an amount below 0, one without a note or for a model that is not there."""
        amounts = [*self.per_thousand.items(), *self.per_hour.items()]
        known = set(models)
        for model, amount in amounts:
            if model and model not in known:
                raise UnknownNameError("model", model, known)
            if not 0 <= amount < float("inf"):
                raise InputError(f"the price {amount:g} is not an amount of 0 or more")
        if twice := sorted(self.per_thousand.keys() & self.per_hour.keys() - {""}):
            raise InputError(f"model {twice[0]!r} has a price for images and one for hours: give one")
        if amounts and not self.note.strip():
            raise InputError("prices need their currency and date: --price-note 'USD, 2026-11-30'")

    def of(self, model: str, images_per_second: float | None) -> float | None:
        """For 1,000 images of a model; its own price goes before one for all."""
        for key in (model, ""):
            if key in self.per_thousand:
                return self.per_thousand[key]
            if key in self.per_hour:
                hourly = self.per_hour[key]
                return 1000 * hourly / 3600 / images_per_second if images_per_second else None
        return None


def speeds(records: Mapping[str, Sequence[ImageRecord]], prices: Prices | None = None) -> dict[str, Speed]:
    """By model, that of those whose images' records (by model) say when they were made, or with a price."""
    found: dict[str, Speed] = {}
    for model, images in records.items():
        speed = model_speed(images)
        rate = None if speed is None else speed.images_per_second
        price = None if prices is None else prices.of(model, rate)
        if speed is not None or price is not None:
            found[model] = replace(speed or Speed(latency(())), price=price)
    return found


def model_speed(records: Iterable[ImageRecord]) -> Speed | None:
    """That of one model's images; None where no record says when its image was made."""
    groups: dict[Conditions, list[ImageRecord]] = defaultdict(list)
    for record in records:
        if record.state is ImageState.DONE and _times(record) is not None:
            groups[_conditions(record)].append(record)
    if not groups:
        return None
    conditions, images = max(groups.items(), key=lambda group: len(group[1]))
    warm = [record for record in images if record.provenance.get("warm") is True]
    batches = [batch for record in images if isinstance(batch := record.provenance.get("batch"), int)]
    loads, peaks = set(_numbers(images, "load_seconds")), list(_numbers(images, "peak_memory_bytes"))
    return Speed(
        latency=latency([finished - started for started, finished in map(_times_of, warm)]),
        conditions=replace(conditions, batch=max(batches, default=None)),
        images_per_second=_throughput(warm),
        peak_memory_bytes=max(map(int, peaks), default=None),
        load_seconds=median(loads) if loads else None,
        other_conditions=sum(map(len, groups.values())) - len(images),
    )


def usual_conditions(found: Mapping[str, Speed]) -> Conditions | None:
    """Those that most models share, of equally many those of the first; None where nothing was timed."""
    counts = Counter(speed.conditions for speed in found.values() if speed.latency.images)
    return counts.most_common(1)[0][0] if counts else None


def not_comparable(found: Mapping[str, Speed]) -> dict[str, str]:
    """By model, in words, what is unlike where most models were timed; models that are alike are left out."""
    usual = usual_conditions(found)
    if usual is None:
        return {}
    unlike = {m: s.conditions.unlike(usual) for m, s in found.items() if s.latency.images}
    return {model: words for model, words in unlike.items() if words}


def _throughput(warm: Sequence[ImageRecord]) -> float | None:
    """Of the run with the most images: done ones over its time; None for fewer than two."""
    runs: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for record in warm:
        run = record.provenance.get("run")
        if isinstance(run, str):
            runs[run].append(_times_of(record))
    longest = max(runs.values(), key=len, default=[])
    if len(longest) < 2:
        return None
    took = max(finished for _, finished in longest) - min(started for started, _ in longest)
    return len(longest) / took if took > 0 else None


def _conditions(record: ImageRecord) -> Conditions:
    """Without the batch: the last one of a run is smaller, and those of prompts of other lengths are."""
    known = record.provenance
    device, dtype, concurrency = (known.get(name) for name in ("device", "dtype", "concurrency"))
    return Conditions(
        device=None if device is None else str(device),
        dtype=None if dtype is None else str(dtype),
        size=f"{record.width}x{record.height}" if record.width and record.height else None,
        concurrency=concurrency if isinstance(concurrency, int) else None,
    )


def _times(record: ImageRecord) -> tuple[float, float] | None:
    times = [*_numbers([record], "started"), *_numbers([record], "finished")]
    return (times[0], times[1]) if len(times) == 2 and times[0] <= times[1] else None


def _times_of(record: ImageRecord) -> tuple[float, float]:
    times = _times(record)
    assert times is not None  # others were left out
    return times


def _numbers(records: Iterable[ImageRecord], name: str) -> Iterator[float]:
    """What the records that have a number under this name say."""
    for record in records:
        value = record.provenance.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            yield float(value)


def _said(value: object) -> str:
    return "unknown" if value is None else str(value)
