"""What identifies what was measured: weights, and the software, devices and days of images and scores."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from nami_bench.domain import ImageRecord, ImageState, ModelCard, Score, SetScore
from nami_bench.evaluation.leaderboard.paths import without_folders
from nami_bench.image_settings import described_change, differing, fingerprints, used_settings

Provenance = Mapping[str, Any]
PROMPT_REWRITING = "prompt_rewriting"
"""In an image's provenance: what drew its prompt otherwise than it is written, a key of `_HOW`."""

_HOW = {
    "none": "as written",
    "instruction": "behind a fixed instruction of the pipeline",
    "pipeline": "rewritten by a language model of the pipeline",
    "model": "rewritten by the model's server",
    "external": "rewritten before the model got them",
    "not recorded": "not recorded",
}


@dataclass(frozen=True, slots=True)
class MadeWith:
    """What some results were computed with, as far as their records say: every value that occurs, sorted.

    `software`: versions by name, "nami-bench" and its "commit" among them. `first`, `last`: when the first
    and the last result was recorded.
    """

    software: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    devices: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = ()
    first: datetime | None = None
    last: datetime | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON document."""
        dates = {"first": self.first, "last": self.last}
        return asdict(self) | {name: date and date.isoformat() for name, date in dates.items()}


@dataclass(frozen=True, slots=True)
class ModelOrigin:
    """One model and its images.

    `options` are its adapter's, without the machine's folders. `weights` names each file or folder of weights
    with its whole hash ("model_files sha256 0123..."), or what a server called its model. `settings`: SHA-256
    of what the adapter said of itself; more than one where they differ. `images` were made.
    `prompt_rewriting`: what drew their prompts otherwise than they are written, every value that occurs,
    "none" where nothing did; empty where it was not recorded.
    """

    model: str
    adapter: str
    options: Mapping[str, Any]
    licence: str | None
    weights: tuple[str, ...]
    settings: tuple[str, ...]
    images: int
    made_with: MadeWith
    prompt_rewriting: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON document."""
        return asdict(self) | {"made_with": self.made_with.to_json()}


@dataclass(frozen=True, slots=True)
class InstrumentOrigin:
    """One automatic column's scores; what identifies its weights stands in `instrument`."""

    metric: str
    prompt_set: str
    instrument: str
    scores: int
    measured_with: MadeWith

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON document."""
        return asdict(self) | {"measured_with": self.measured_with.to_json()}


def model_origin(card: ModelCard, records: Iterable[ImageRecord]) -> ModelOrigin:
    """That of a model with these of its images."""
    records = [record for record in records if record.state is not ImageState.FAILED]
    done = [record for record in records if record.state is ImageState.DONE]
    used = used_settings(records)
    weights = (f"{place} {text}" for one in used for place, text in fingerprints(one.settings).items())
    return ModelOrigin(
        model=card.name,
        adapter=card.adapter,
        options=without_folders(card.options),
        licence=card.licence,
        weights=tuple(dict.fromkeys(map(without_folders, (*weights, *_served(done))))),
        settings=tuple(one.sha256 for one in used),
        images=len(done),
        made_with=_made_with((r.provenance for r in done), (r.created_at for r in done)),
        prompt_rewriting=_texts(record.provenance.get(PROMPT_REWRITING) for record in done),
    )


def instrument_origin(
    metric: str, prompt_set: str, instrument: str, scores: Sequence[Score | SetScore]
) -> InstrumentOrigin:
    """That of a column with these scores."""
    valued = [score for score in scores if score.value is not None]
    about = [score.details.get("measured_with", {}) for score in valued]
    made_with = _made_with(about, (score.created_at for score in valued))
    return InstrumentOrigin(metric, prompt_set, instrument, len(valued), made_with)


def mixtures(records: Sequence[ImageRecord]) -> Iterator[str]:
    """In words, each way in which one model's images are not of one model; nothing where they are."""
    used = used_settings(records)
    unlike = [one for one in used[1:] if differing(used[0].settings, one.settings)]
    if unlike:
        counts = " and ".join(str(one.images) for one in (used[0], *unlike))
        changes = "; ".join(described_change(used[0].settings, one.settings) for one in unlike)
        yield f"{counts} images of different settings under one name ({without_folders(changes)})"
    done = [record for record in records if record.state is ImageState.DONE]
    dtypes = _texts(record.provenance.get("dtype") for record in done)
    if len(dtypes) > 1:
        yield f"images computed in {' and '.join(dtypes)}"
    rewriting = _texts(record.provenance.get(PROMPT_REWRITING) for record in done)
    if len(rewriting) > 1:
        yield f"images of differently rewritten prompts: {' and '.join(rewriting)}"
    if len(served := list(_served(done))) > 1:
        yield f"images of a server's different models: {' and '.join(served)}"


def unlike_rewriting(models: Sequence[ModelOrigin]) -> Iterator[str]:
    """In words, that the models did not draw the same prompts; nothing where they did, as far as is known."""
    kinds: dict[str, list[str]] = {}
    for origin in models:
        for kind in origin.prompt_rewriting or ("not recorded",):
            kinds.setdefault(kind, []).append(origin.model)
    if len(kinds) > 1 and kinds.keys() - {"none", "not recorded"}:
        said = "; ".join(
            f"{_HOW.get(kind, kind)}: {', '.join(those)}" for kind, those in sorted(kinds.items())
        )
        yield f"models did not draw the same prompts, so that their scores are not of the same task ({said})"


def mixed_answers(scores: Iterable[Score]) -> str | None:
    """In words, that scores of one column come from different models of a server; None where they do not."""
    served = _texts(score.details.get("served_model") for score in scores)
    return f"scores of a server's different models: {' and '.join(served)}" if len(served) > 1 else None


def _served(records: Iterable[ImageRecord]) -> Iterator[str]:
    names = _texts(record.provenance.get("served_model") for record in records)
    return (f"served_model {name}" for name in names)


def _made_with(provenances: Iterable[Provenance], dates: Iterable[datetime | None]) -> MadeWith:
    # Images differ in their times, and their devices and libraries seldom: each kind is looked at once.
    found = list({_kind(one): one for one in provenances}.values())
    known = sorted(date for date in dates if date is not None)
    return MadeWith(
        software=_software(found),
        devices=_texts(one.get("device") for one in found),
        dtypes=_texts(one.get("dtype") for one in found),
        first=known[0] if known else None,
        last=known[-1] if known else None,
    )


def _kind(provenance: Provenance) -> tuple[Any, ...]:
    """Equal for those that say the same of software and devices; the store gives equal libraries once."""
    texts = (provenance.get(name) for name in ("nami_bench", "commit", "device", "dtype"))
    return (id(provenance.get("libraries")), *map(str, texts))


def _software(provenances: Sequence[Provenance]) -> dict[str, tuple[str, ...]]:
    own: dict[str, Callable[[Provenance], Any]] = {
        "nami-bench": lambda one: one.get("nami_bench"),
        "commit": lambda one: one.get("commit"),
    }
    names = {name for one in provenances for name in one.get("libraries", {})}
    versions = {name: _texts(read(one) for one in provenances) for name, read in own.items()}
    for name in sorted(names):
        versions[name] = _texts(one.get("libraries", {}).get(name) for one in provenances)
    return {name: found for name, found in versions.items() if found}


def _texts(values: Iterable[Any]) -> tuple[str, ...]:
    return tuple(sorted({str(value) for value in values if value}))
