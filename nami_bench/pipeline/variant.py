"""A model beside a variant of it, from what a workspace holds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nami_bench.domain import ImageRecord, ImageState, Mode, Study
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.human.ratings_array import RatingsArray
from nami_bench.evaluation.variant.changes import MOST_LISTED, picture_changes
from nami_bench.evaluation.variant.pairing import Place, Twins, twins
from nami_bench.evaluation.variant.results import Changes, PairedDifference, VariantComparison
from nami_bench.evaluation.variant.savings import WARMUP, memory_saved, seconds_saved, timing_cautions
from nami_bench.evaluation.variant.scores import (
    metric_differences,
    rating_differences,
    set_differences,
    verdict_differences,
)
from nami_bench.image_settings import described_change, used_settings
from nami_bench.pipeline.early_end import adaptive_overlap, unselected_comparisons
from nami_bench.pipeline.progress import Advance
from nami_bench.pipeline.screening import left_out

if TYPE_CHECKING:
    import pandas as pd

    from nami_bench.store import Store

COPIED = "folder"
"""The adapter of images that were made elsewhere."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a comparison is to say.

    `margins`: by metric or criterion. `studies`: only these (empty: all that show both models). `without`:
    annotators who do not count. `warmup`: see `seconds_saved`; `listed`: so many changed pairs, 0: pictures
    are not read.
    """

    margins: Mapping[str, float]
    prompt_set: str | None = None
    studies: Sequence[str] = ()
    without: Sequence[str] = ()
    level: float = 0.95
    warmup: int = WARMUP
    listed: int = MOST_LISTED


def paired_images(store: "Store", base: str, variant: str, prompt_set: str | None) -> Twins:
    """The pairs of a prompt set; by default of the only one of which both models have images.

    Raises UnknownNameError for an unknown model or set, InputError where there are no pairs.
    """
    if base == variant:
        raise InputError(f"{base!r} cannot be compared with itself: name a model and a variant of it")
    if prompt_set is not None:
        store.catalog.prompt_set(prompt_set)
    sides: list[list[ImageRecord]] = [
        store.images.find(models=[name], prompt_set=prompt_set, state=ImageState.DONE)
        for name in (base, variant)
    ]
    for name, records in zip((base, variant), sides, strict=True):
        if not records:
            where = f" of {prompt_set}" if prompt_set else ""
            raise InputError(f"{name} has no images{where}: make some with `nami-bench generate`")
    chosen = prompt_set or _only_common(sides, base, variant)
    first, second = ([record for record in side if record.prompt_set == chosen] for side in sides)
    return twins(first, second)


def compare_variant(
    store: "Store",
    images_dir: Path,
    pairs: Twins,
    asked: Asked,
    advance: Advance = lambda count: None,
) -> VariantComparison:
    """What the variant saves and costs on `pairs`; `advance(1)` after each pair of pictures read.

    Raises InputError for a margin that is not above 0 or a level outside (0, 1), UnknownNameError for a
    margin, study or annotator that nothing answers to.
    """
    _check(asked)
    first, second = pairs.base[0], pairs.variant[0]
    prompts = store.catalog.prompt_set(first.prompt_set).by_id
    differences = list(_metrics(store, pairs, asked))
    cautions = [*_inputs(pairs), *_origins(store, pairs), *_settings(pairs), *timing_cautions(pairs)]
    for study in _studies(store, pairs, asked):
        found, said = _people(store, study, pairs, asked)
        differences += found
        cautions += said
    known = {one.name for one in differences}
    for name in asked.margins:
        if name not in known:
            raise UnknownNameError("metric or criterion with values of both models", name, known)
    changes = picture_changes(pairs, images_dir, asked.listed, advance) if asked.listed else Changes()
    return VariantComparison(
        base=first.model,
        variant=second.model,
        prompt_set=first.prompt_set,
        pairs=len(pairs.base),
        prompts=len({record.prompt_id for record in pairs.base}),
        unpaired=pairs.unpaired,
        seconds=seconds_saved(pairs, asked.level, asked.warmup),
        memory=memory_saved(pairs),
        differences=tuple(differences),
        changes=changes,
        level=asked.level,
        cautions=tuple(dict.fromkeys(cautions)),
        texts={pair.prompt_id: prompts[pair.prompt_id].text for pair in changes.pairs},
    )


def _check(asked: Asked) -> None:
    if not 0 < asked.level < 1:
        raise InputError(f"the level {asked.level:g} is not between 0 and 1")
    for name, margin in asked.margins.items():
        if not margin > 0:
            raise InputError(f"the margin of {name} is {margin:g}, but must be above 0")


def _only_common(sides: Sequence[Sequence[ImageRecord]], base: str, variant: str) -> str:
    sets = [{record.prompt_set for record in side} for side in sides]
    common = sorted(sets[0] & sets[1])
    if not common:
        raise InputError(
            f"{base} and {variant} have images of different prompt sets ({', '.join(sorted(sets[0]))}; "
            f"{', '.join(sorted(sets[1]))}): make images of one set with both, with the same --seed"
        )
    if len(common) > 1:
        raise InputError(
            f"{base} and {variant} both have images of {', '.join(common)}: say which with --prompts"
        )
    return common[0]


def _metrics(store: "Store", pairs: Twins, asked: Asked) -> Iterator[PairedDifference]:
    name = pairs.base[0].prompt_set
    prompts = store.catalog.prompt_set(name).by_id
    base, variant = ([side[0].model] for side in (pairs.base, pairs.variant))
    yield from metric_differences(
        store.scores.find(models=base, prompt_set=name),
        store.scores.find(models=variant, prompt_set=name),
        pairs.places,
        prompts,
        asked.margins,
        asked.level,
    )
    yield from set_differences(
        store.scores.of_sets(models=base, prompt_set=name),
        store.scores.of_sets(models=variant, prompt_set=name),
    )


def _studies(store: "Store", pairs: Twins, asked: Asked) -> Iterator[Study]:
    """The studies that show both models' images of the set."""
    models = {side[0].model for side in (pairs.base, pairs.variant)}
    chosen = [store.studies.get(name) for name in asked.studies]
    for study in chosen or store.studies.all():
        shows = study.prompt_set == pairs.base[0].prompt_set and models <= set(study.models)
        if shows and study.mode in (Mode.RATING, Mode.PAIRWISE):
            yield study
        elif chosen:
            raise InputError(
                f"study {study.name!r} has no ratings or pairs of both models on {pairs.base[0].prompt_set}"
            )


def _people(
    store: "Store", study: Study, pairs: Twins, asked: Asked
) -> tuple[list[PairedDifference], tuple[str, ...]]:
    models = pairs.base[0].model, pairs.variant[0].model
    gone = left_out(store, study.name, asked.without)
    places = set(pairs.places)
    if study.mode == Mode.PAIRWISE:
        made, notes = unselected_comparisons(store, study, store.comparisons.all(study.name))
        made, said = gone.comparisons(made)
        both = [
            one
            for one in made
            if {one.left, one.right} == set(models) and (one.prompt_id, one.sample) in places
        ]
        return list(verdict_differences(both, *models, study.name, asked.margins, asked.level)), (
            *notes,
            *said,
        )
    table, said = gone.ratings(store.ratings.table(study.name))
    table = table[_of_pairs(table, models, places)]
    if not set(models) <= set(table["model"]):
        return [], said
    ratings = RatingsArray.from_table(table, study.criteria, study.models)
    found = rating_differences(ratings, *models, study.name, asked.margins, asked.level)
    return list(found), (*said, *adaptive_overlap(study))


def _of_pairs(table: "pd.DataFrame", models: Sequence[str], places: set[Place]) -> list[bool]:
    """Which rows count: all of other models, which help to tell how hard a prompt is, and those of pairs."""
    columns = table[["model", "prompt_id", "sample"]].itertuples(index=False, name=None)
    return [model not in models or (prompt, sample) in places for model, prompt, sample in columns]


def _inputs(pairs: Twins) -> Iterator[str]:
    """Why twins may not begin with the same noise, or the same prompt, although their seeds are equal."""
    if shown := _unlike(pairs, "dtype"):
        yield (
            f"the models compute in {shown}: numbers of another kind are other noise, so twins share the "
            "seed and not the noise, and pictures change by that, too"
        )
    if shown := _unlike(pairs, "prompt_rewriting"):
        yield f"prompts were rewritten in different ways ({shown}): pictures and scores change by that, too"


def _unlike(pairs: Twins, name: str) -> str:
    """What images of both models say of `name` in their provenance; "" where it is the same, or not said."""
    kinds = [
        {str(record.provenance[name]) for record in side if name in record.provenance}
        for side in (pairs.base, pairs.variant)
    ]
    if not all(kinds) or kinds[0] == kinds[1]:
        return ""
    return " and ".join(", ".join(sorted(kind)) for kind in kinds)


def _origins(store: "Store", pairs: Twins) -> Iterator[str]:
    for side in (pairs.base, pairs.variant):
        if store.catalog.model(side[0].model).adapter == COPIED:
            yield (
                f"the images of {side[0].model} were imported: whether they were made with these seeds is "
                "not known here"
            )


def _settings(pairs: Twins) -> Iterator[str]:
    """What the variant's settings are beside the base's."""
    found = [used_settings(side) for side in (pairs.base, pairs.variant)]
    if all(found) and (change := described_change(found[0][0].settings, found[1][0].settings)):
        yield f"what differs in the settings: {change}"
