"""How the images of a workspace were asked for, as far as their records say."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nami_bench import pipeline, registry
from nami_bench.domain import SELECTION, ImageRecord, ModelCard, PromptSet
from nami_bench.errors import NamiBenchError
from nami_bench.pipeline.selection import FIRST
from nami_bench.run_file.parts import ModelPart
from nami_bench.store import Store

SEEDS = 10_000
"""So many seeds, from 0 on, are tried: images record their own, which follow from the run's."""


@dataclass(frozen=True, slots=True)
class SetSettings:
    """What most models' images of a prompt set were asked for with."""

    samples: int
    limit: int | None = None
    first: int | None = None


@dataclass(frozen=True, slots=True)
class DraftedModel:
    """A model as the file is to have it; `remark` says why it makes no more images, where it does not."""

    part: ModelPart
    seed: int | None
    remark: str = ""


def set_settings(store: Store, prompt_set: PromptSet) -> SetSettings:
    """The settings that most models have in common."""
    records = store.images.find(prompt_set=prompt_set.name)
    models = dict.fromkeys(record.model for record in records)
    found = Counter(_settings(prompt_set, [r for r in records if r.model == model]) for model in models)
    return found.most_common(1)[0][0]


def drafted_models(
    store: Store, sets: Sequence[PromptSet], settings: Mapping[str, SetSettings]
) -> list[DraftedModel]:
    """The models that have images."""
    records: dict[str, list[ImageRecord]] = {}
    for record in store.images.find():
        records.setdefault(record.model, []).append(record)
    cards = [card for card in store.catalog.models() if card.name in records]
    found = {card.name: _seed(records[card.name]) for card in cards}
    draws = Counter(seed for seed in found.values() if seed is not None)
    draw = draws.most_common(1)[0][0] if draws else 0
    return [
        _drafted(store, card, records[card.name], found[card.name], sets, settings, draw) for card in cards
    ]


def _drafted(
    store: Store,
    card: ModelCard,
    records: Sequence[ImageRecord],
    seed: int | None,
    sets: Sequence[PromptSet],
    settings: Mapping[str, SetSettings],
    draw: int,
) -> DraftedModel:
    own = [one for one in sets if any(record.prompt_set == one.name for record in records)]
    names = () if len(own) == len(sets) else tuple(one.name for one in own)
    remark = _why_not(store, card, records, seed, own, settings, draw)
    if remark:
        return DraftedModel(ModelPart(card.name, prompts=names), seed, remark)
    path = card.options.get("path")
    folder = Path(str(path)) if card.adapter == "folder" and set(card.options) == {"path"} else None
    part = ModelPart(
        card.name,
        adapter=None if folder else card.adapter,
        options={} if folder else dict(card.options),
        folder=folder,
        parameters=card.parameters,
        licence=card.licence,
        seed=seed,
        prompts=names,
    )
    return DraftedModel(part, seed)


def _why_not(
    store: Store,
    card: ModelCard,
    records: Sequence[ImageRecord],
    seed: int | None,
    sets: Sequence[PromptSet],
    settings: Mapping[str, SetSettings],
    draw: int,
) -> str:
    """Why the same call would not find all of the model's images there; "" where it would."""
    if seed is None:
        return f"its images were made with a seed above {SEEDS - 1}, or several, which is not recorded"
    for prompt_set in sets:
        given = settings[prompt_set.name]
        chosen = pipeline.select_prompts(prompt_set.prompts, limit=given.limit, first=given.first, seed=draw)
        asked = {(prompt.id, sample) for prompt in chosen.prompts for sample in range(given.samples)}
        if asked != {(r.prompt_id, r.sample) for r in records if r.prompt_set == prompt_set.name}:
            return f"its images of {prompt_set.name} were asked for otherwise than those of other models"
    try:
        registry.create("generators", card.adapter, card.options)
        pipeline.check_settings(store, card.name)
    except NamiBenchError as error:
        return f"it cannot make images here as things are: {error}"
    return ""


def _settings(prompt_set: PromptSet, records: Sequence[ImageRecord]) -> SetSettings:
    samples = 1 + max(record.sample for record in records)
    prompts = len({record.prompt_id for record in records})
    if prompts == len(prompt_set):
        return SetSettings(samples)
    is_first = {record.provenance.get(SELECTION) for record in records} == {FIRST}
    return SetSettings(samples, first=prompts) if is_first else SetSettings(samples, limit=prompts)


def _seed(records: Sequence[ImageRecord]) -> int | None:
    """The seed of the run that made the images; None where it is not found."""
    known = [record for record in records if record.seed is not None]
    return next((seed for seed in range(SEEDS) if all(_is_of(seed, record) for record in known)), None)


def _is_of(seed: int, record: ImageRecord) -> bool:
    return record.seed == pipeline.image_seed(seed, record.prompt_id, record.sample)
