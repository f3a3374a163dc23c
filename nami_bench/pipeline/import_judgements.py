"""Judgements from files into a workspace, with the study where the file brings it along."""

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from nami_bench.domain import Comparison, Criterion, Mode, Study
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.human.answers_table import answers_ratings
from nami_bench.evaluation.human.table import table_ratings
from nami_bench.evaluation.leaderboard.scales import NO_SCALES, LowValues, Scales, low_values
from nami_bench.export.answers_file import read_answers
from nami_bench.export.carried_study import (
    CarriedStudy,
    carried_criteria,
    carried_study,
    check_carried,
)
from nami_bench.export.foreign import ForeignFile, Judged, Reading, read_foreign
from nami_bench.export.ratings_source import (
    MARKS_FILE,
    holds_answers,
    holds_comparisons,
    holds_rankings,
    judgements_file,
    load_comparisons,
    load_rankings,
    read_any_ratings,
)
from nami_bench.pipeline.marks import import_marks
from nami_bench.pipeline.restored_study import StudyToRestore, restore_study
from nami_bench.pipeline.study_of_judgements import study_of_judgements
from nami_bench.store.imports import ClashError
from nami_bench.store.items import Shown

if TYPE_CHECKING:
    import pandas as pd

    from nami_bench.store import Recorded, Store


_SHOWN_CLASHES = 5


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file: so many `ratings`, `comparisons` or `answers` (`kind`) are new, so many stand
    where others stood, the others were there."""

    kind: str
    added: int
    replaced: int
    known: int


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """How a file in another form is read, into which study (`reading.study`), and who is told of it first.

    `prompts`: the prompt set of the study that is made of the file where there is none of that name.
    """

    reading: Reading
    prompts: str | None = None
    tell: Callable[[Judged], None] = lambda judged: None


@dataclass(frozen=True, slots=True)
class _Found:
    """What a file holds: its judgements' number, how to add them, the studies' names, what stood together;
    `judgements` one by one, where they may be looked up."""

    kind: str
    count: int
    add: Callable[["Store"], "Recorded"]
    studies: Collection[str]
    shown: Collection[Shown] = ()
    judgements: Sequence[object] = ()


def import_judgements(
    store: "Store",
    path: Path,
    images_dir: Path,
    scales: Scales = NO_SCALES,
    *,
    elsewhere: Elsewhere | None = None,
    replace: bool = False,
    dry_run: bool = False,
) -> Imported:
    """Record what a CSV file, a Parquet file or a dataset folder holds: all of it, or nothing.

    It counts as work that its annotators have done (see `Ratings.add`). Where another answer stands
    the file is refused, unless its answers are to `replace` those. A study that is not there is recorded too,
    where the file brings it along (see `restore_study`); images go to `images_dir`. `scales` confirm those of
    the study's criteria. In a `dry_run` nothing is changed. `elsewhere`: the file is in another form. Raises
    UnknownNameError for any other study, InputError for anything that is not as it should be, such as values
    that look like another scale's.
    """
    if elsewhere is not None:
        return _import_foreign(store, path, elsewhere, scales, replace=replace, dry_run=dry_run)
    file = judgements_file(path)
    studies = {study.name: study for study in store.studies.all()}
    carried = carried_study(file)
    known = set(studies)
    study_of = partial(_study, file, studies, carried)
    kinds = ((holds_comparisons, _comparisons), (holds_rankings, _rankings), (holds_answers, _answers))
    read = next((reader for holds, reader in kinds if holds(file)), _ratings)
    found = read(file, study_of, scales, replace=replace)
    found = _with_marks(file, found, replace=replace)
    if carried is not None and carried.name in found.studies and carried.name not in known:
        to_restore = StudyToRestore(file, studies[carried.name], carried, found.shown)
        made = restore_study(store, images_dir, to_restore, found.add, dry_run=dry_run)
    else:
        if carried is not None and carried.name in found.studies:
            _check_prompts(store, file, studies[carried.name], carried)
        with store.together(dry_run=dry_run):
            made = found.add(store)
    return Imported(found.kind, made.added, made.replaced, found.count - made.added - made.replaced)


def _import_foreign(
    store: "Store", path: Path, elsewhere: Elsewhere, scales: Scales, *, replace: bool, dry_run: bool
) -> Imported:
    """`import_judgements` of a file in another form, into a study, or into one that is made of it."""
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
    judged = read_foreign(ForeignFile(path, reading, prompt_set))
    elsewhere.tell(judged)
    study = known or study_of_judgements(judged, name, prompt_set.name, scales)
    found = _foreign(judged, study, scales, replace=replace)
    with store.together(dry_run=dry_run):
        if known is None:
            store.studies.add(study, found.shown)
        made = _added_by_line(store, found, judged)
    return Imported(found.kind, made.added, made.replaced, found.count - made.added - made.replaced)


def _added_by_line(store: "Store", found: _Found, judged: Judged) -> "Recorded":
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


def _foreign(judged: Judged, study: Study, scales: Scales, *, replace: bool) -> _Found:
    wanted = {Mode.PAIRWISE: "comparisons", Mode.RATING: "ratings"}.get(Mode(study.mode))
    if judged.kind != wanted:
        raise InputError(
            f"{judged.file} holds {judged.kind}, and study {study.name!r} is of mode {study.mode}: nothing "
            "was imported"
        )
    _check_models(judged, study)
    if judged.kind == "comparisons":
        return _of_comparisons(judged.comparisons(), replace=replace)
    file, known = judged.file.path, judged.profile.scales
    _check_scales(file, {study.name: study.criteria}, scales, known)
    table = judged.ratings(lambda _: study.criteria)
    unsaid = [criterion for criterion in _unsaid(study.criteria, scales) if criterion.name not in known]
    _refuse_low(file, low_values(table, {study.name: unsaid}))
    ratings = table_ratings(table)

    def add(store: "Store") -> "Recorded":
        return store.ratings.add(ratings, replace=replace)

    return _Found("ratings", len(ratings), add, (study.name,), judgements=ratings)


def _with_marks(file: Path, found: _Found, *, replace: bool) -> _Found:
    """With the marks of a dataset folder, which belong to its judgements."""
    marks = file.parent / MARKS_FILE.name
    if not marks.is_file():
        return found

    def add(store: "Store") -> "Recorded":
        made = found.add(store)
        for name in found.studies:
            import_marks(store, store.studies.get(name), marks, replace=replace)
        return made

    return dataclasses.replace(found, add=add)


def _check_prompts(store: "Store", file: Path, study: Study, carried: CarriedStudy) -> None:
    """Refuse judgements of a study of the same name on other prompts, whose ids are the same numbers."""
    ours = store.catalog.prompt_set_hashes()[study.prompt_set]
    if carried.prompt_set_sha256 not in ("", ours):
        raise InputError(
            f"{file} is about other prompts (SHA-256 {carried.prompt_set_sha256[:12]}...) than study "
            f"{study.name!r} of this workspace ({ours[:12]}...): import it into another workspace"
        )


def _comparisons(file: Path, study_of: Callable[[str], Study], scales: Scales, *, replace: bool) -> _Found:
    if scales != NO_SCALES:
        raise InputError(f"{file} holds comparisons: --scale belongs to ratings")
    found = load_comparisons(file)
    for name in dict.fromkeys(one.study for one in found):
        study_of(name)
    return _of_comparisons(found, replace=replace)


def _of_comparisons(found: Sequence[Comparison], *, replace: bool) -> _Found:
    names = dict.fromkeys(one.study for one in found)
    shown = {(tuple(sorted((one.left, one.right))), one.prompt_id, one.sample) for one in found}

    def add(store: "Store") -> "Recorded":
        return store.comparisons.add(found, replace=replace)

    return _Found("comparisons", len(found), add, names, shown, found)


def _rankings(file: Path, study_of: Callable[[str], Study], scales: Scales, *, replace: bool) -> _Found:
    if scales != NO_SCALES:
        raise InputError(f"{file} holds rankings: --scale belongs to ratings")
    found = load_rankings(file) or []
    names = dict.fromkeys(one.study for one in found)
    for name in names:
        study_of(name)
    shown = {(tuple(sorted(one.models)), one.prompt_id, one.sample) for one in found}

    def add(store: "Store") -> "Recorded":
        return store.rankings.add(found, replace=replace)

    return _Found("rankings", len(found), add, names, shown)


def _answers(file: Path, study_of: Callable[[str], Study], scales: Scales, *, replace: bool) -> _Found:
    if scales != NO_SCALES:
        raise InputError(f"{file} holds answers to questions: --scale belongs to ratings")
    table = read_answers(file)
    names = [str(name) for name in table["study"].unique()]
    for name in names:
        _check_questions(file, study_of(name), table[table["study"] == name])
    ratings = table_ratings(answers_ratings(table))

    def add(store: "Store") -> "Recorded":
        return store.ratings.add(ratings, replace=replace)

    return _Found("answers", len(ratings), add, names)


def _check_questions(file: Path, study: Study, table: "pd.DataFrame") -> None:
    """Refuse answers to questions that the study does not ask, or asks in other words."""
    known = {
        (prompt, question.id): question.text
        for prompt, asked in study.questions.items()
        for question in asked
    }
    for prompt, question, text in table[["prompt_id", "question", "text"]].drop_duplicates().values:
        if (prompt, question) not in known:
            raise InputError(f"{file}: study {study.name!r} has no question {question} about prompt {prompt}")
        if text not in ("", known[prompt, question]):
            raise InputError(
                f"{file}: question {question} about prompt {prompt} is {text!r}, in study {study.name!r} it "
                f"is {known[prompt, question]!r}"
            )


def _ratings(file: Path, study_of: Callable[[str], Study], scales: Scales, *, replace: bool) -> _Found:
    table = read_any_ratings(file, lambda name: study_of(name).criteria)
    used = {str(name): study_of(name).criteria for name in table["study"].unique()}
    carried = {c.name: (c.minimum, c.maximum) for c in carried_criteria(file) or ()}
    _check_scales(file, used, scales, carried)
    unsaid = {} if carried_criteria(file) else {n: _unsaid(criteria, scales) for n, criteria in used.items()}
    _refuse_low(file, low_values(table, unsaid))
    ratings = table_ratings(table)

    def add(store: "Store") -> "Recorded":
        return store.ratings.add(ratings, replace=replace)

    return _Found("ratings", len(ratings), add, used)


def _study(file: Path, studies: dict[str, Study], carried: CarriedStudy | None, name: str) -> Study:
    """The study called `name` among `studies`, to which the file's own is added when it is asked for."""
    check_carried(file, name)
    if name not in studies and carried is not None and carried.name == name:
        studies[name] = carried.study()
    if name not in studies:
        hint = "create it with `nami-bench study create`, or import a folder that brings it along"
        raise UnknownNameError("study", name, studies, hint)
    return studies[name]


def _unsaid(criteria: Sequence[Criterion], scales: Scales) -> list[Criterion]:
    return [criterion for criterion in criteria if scales.of(criterion.name) is None]


def _check_scales(
    file: Path,
    used: Mapping[str, Sequence[Criterion]],
    scales: Scales,
    carried: Mapping[str, tuple[float, float]],
) -> None:
    """Refuse a scale, said or carried by the file, that is not the study's."""
    for study, criteria in used.items():
        scales.applied(criteria)  # refuses unknown names
        for criterion in criteria:
            scale = (criterion.minimum, criterion.maximum)
            other = scales.of(criterion.name) or carried.get(criterion.name, scale)
            if other != scale:
                raise InputError(
                    f"{file}: values of {criterion.name} from {other[0]:g} to {other[1]:g} do not fit study "
                    f"{study!r}, where its scale is {scale[0]:g} to {scale[1]:g}: import them into a study "
                    "with their scale"
                )


def _refuse_low(file: Path, low: LowValues | None) -> None:
    if low is not None:
        raise InputError(
            f"{file}: {low} of the study: if they are on that scale, say so with --scale {low.assumed}, else "
            "import them into a study whose criteria have their scale"
        )
