"""Judgements in other people's forms into a study of a workspace."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nami_bench.domain import ImageState, Mode, Study
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.human.table import table_ratings
from nami_bench.evaluation.leaderboard.scales import Scales, low_values
from nami_bench.export.foreign import ForeignFile, Judged, Reading, read_foreign
from nami_bench.export.foreign.image_names import ImageNames
from nami_bench.pipeline.found_judgements import (
    Found,
    Imported,
    check_scales,
    of_comparisons,
    refuse_low,
    unsaid,
)
from nami_bench.pipeline.study_of_judgements import study_of_judgements
from nami_bench.store.imports import ClashError

if TYPE_CHECKING:
    from nami_bench.store import Recorded, Store

_SHOWN_CLASHES = 5


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """How a file in another form is read, into which study (`reading.study`), and who is told of it first.

    `prompts`: the prompt set of the study that is made of the file where there is none of that name.
    """

    reading: Reading
    prompts: str | None = None
    tell: Callable[[Judged], None] = lambda judged: None


def import_foreign(
    store: "Store", path: Path, elsewhere: Elsewhere, scales: Scales, *, replace: bool, dry_run: bool
) -> Imported:
    """Record what a file in another form holds, in a study, or in one that is made of it: all, or nothing.

    See `import_judgements`. Raises UnknownNameError where there is no such study and no prompt set to make it
    over, InputError, with the place in the file, for what does not fit it.
    """
    name = elsewhere.reading.study
    if name is None:
        raise InputError(
            f"{path} is in another form and does not say which study it is of: name it (--study)"
        )
    studies = {study.name: study for study in store.studies.all()}
    known = studies.get(name)
    if known is None and elsewhere.prompts is None:
        hint = "create it with `nami-bench study create`, or have it made of the file with --prompts SET"
        raise UnknownNameError("study", name, studies, hint)
    prompt_set = store.catalog.prompt_set(elsewhere.prompts or "" if known is None else known.prompt_set)
    reading = elsewhere.reading
    if known is not None and not reading.criteria and len(known.criteria) == 1:
        reading = dataclasses.replace(reading, criteria=(known.criteria[0].name,))
    judged = read_foreign(ForeignFile(path, reading, prompt_set, lambda: _recorded(store, prompt_set.name)))
    elsewhere.tell(judged)
    study = known or study_of_judgements(judged, name, prompt_set.name, scales)
    found = _found(judged, study, scales, replace=replace)
    with store.together(dry_run=dry_run):
        if known is None:
            store.studies.add(study, found.shown)
        made = _added_by_line(store, found, judged)
    return found.imported(made)


def _recorded(store: "Store", prompts: str) -> ImageNames:
    return ImageNames(store.images.find(prompt_set=prompts, state=ImageState.DONE))


def _added_by_line(store: "Store", found: Found, judged: Judged) -> "Recorded":
    """`found.add`; a clash with what is recorded names the places in the file."""
    try:
        return found.add(store)
    except ClashError as error:
        rows = {id(one): row for row, one in enumerate(found.judgements)}
        places = [judged.place(rows[id(one)]) for one in error.made[:_SHOWN_CLASHES]]
        raise InputError(f"{'; '.join(places)}: {error}") from error


def _check_models(judged: Judged, study: Study) -> None:
    """Refuse a model that the study does not show, by its line."""
    for side in ("model",) if judged.kind == "ratings" else ("left", "right"):
        strange = ~judged.table[side].isin(study.models).to_numpy()
        if strange.any():
            row = int(strange.argmax())
            name = judged.table[side].iloc[row]
            judged.refuse(
                row,
                f"study {study.name!r} has no model {name!r} but {', '.join(study.models)}: say which one it "
                f"is with --rename {name}=MODEL, or leave it out with --rename {name}=",
            )


def _found(judged: Judged, study: Study, scales: Scales, *, replace: bool) -> Found:
    wanted = {Mode.PAIRWISE: "comparisons", Mode.RATING: "ratings"}.get(Mode(study.mode))
    if judged.kind != wanted:
        raise InputError(
            f"{judged.file} holds {judged.kind}, and study {study.name!r} is of mode {study.mode}: nothing "
            "was imported"
        )
    _check_models(judged, study)
    if judged.kind == "comparisons":
        return of_comparisons(judged.comparisons(), replace=replace)
    file, known = judged.file.path, judged.profile.scales
    check_scales(file, {study.name: study.criteria}, scales, known)
    table = judged.ratings(lambda _: study.criteria)
    assumed = [criterion for criterion in unsaid(study.criteria, scales) if criterion.name not in known]
    refuse_low(file, low_values(table, {study.name: assumed}))
    ratings = table_ratings(table)

    def add(store: "Store") -> "Recorded":
        return store.ratings.add(ratings, replace=replace)

    return Found("ratings", len(ratings), add, (study.name,), judgements=ratings)
