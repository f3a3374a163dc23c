"""Judgements from files into a workspace, with the study where the file brings it along."""

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from nami_bench.domain import Study
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.human.answers_table import answers_ratings
from nami_bench.evaluation.human.table import table_ratings
from nami_bench.evaluation.leaderboard.scales import NO_SCALES, Scales, low_values
from nami_bench.export.answers_file import read_answers
from nami_bench.export.carried_study import (
    CarriedStudy,
    carried_criteria,
    carried_study,
    check_carried,
)
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
from nami_bench.pipeline.found_judgements import (
    Found,
    Imported,
    check_scales,
    of_comparisons,
    refuse_low,
    unsaid,
)
from nami_bench.pipeline.marks import import_marks
from nami_bench.pipeline.restored_study import StudyToRestore, restore_study

if TYPE_CHECKING:
    import pandas as pd

    from nami_bench.store import Recorded, Store


def import_judgements(
    store: "Store",
    path: Path,
    images_dir: Path,
    scales: Scales = NO_SCALES,
    *,
    replace: bool = False,
    dry_run: bool = False,
) -> Imported:
    """Record what a CSV file, a Parquet file or a dataset folder holds: all of it, or nothing.

    It counts as work that its annotators have done (see `Ratings.add`). Where another answer stands
    the file is refused, unless its answers are to `replace` those. A study that is not there is recorded too,
    where the file brings it along (see `restore_study`); images go to `images_dir`. `scales` confirm those of
    the study's criteria. In a `dry_run` nothing is changed. Raises UnknownNameError for any other study,
    InputError for anything that is not as it should be, such as values that look like another scale's.
    """
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
    return found.imported(made)


def _with_marks(file: Path, found: Found, *, replace: bool) -> Found:
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


def _comparisons(file: Path, study_of: Callable[[str], Study], scales: Scales, *, replace: bool) -> Found:
    if scales != NO_SCALES:
        raise InputError(f"{file} holds comparisons: --scale belongs to ratings")
    found = load_comparisons(file)
    for name in dict.fromkeys(one.study for one in found):
        study_of(name)
    return of_comparisons(found, replace=replace)


def _rankings(file: Path, study_of: Callable[[str], Study], scales: Scales, *, replace: bool) -> Found:
    if scales != NO_SCALES:
        raise InputError(f"{file} holds rankings: --scale belongs to ratings")
    found = load_rankings(file) or []
    names = dict.fromkeys(one.study for one in found)
    for name in names:
        study_of(name)
    shown = {(tuple(sorted(one.models)), one.prompt_id, one.sample) for one in found}

    def add(store: "Store") -> "Recorded":
        return store.rankings.add(found, replace=replace)

    return Found("rankings", len(found), add, names, shown)


def _answers(file: Path, study_of: Callable[[str], Study], scales: Scales, *, replace: bool) -> Found:
    if scales != NO_SCALES:
        raise InputError(f"{file} holds answers to questions: --scale belongs to ratings")
    table = read_answers(file)
    names = [str(name) for name in table["study"].unique()]
    for name in names:
        _check_questions(file, study_of(name), table[table["study"] == name])
    ratings = table_ratings(answers_ratings(table))

    def add(store: "Store") -> "Recorded":
        return store.ratings.add(ratings, replace=replace)

    return Found("answers", len(ratings), add, names)


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


def _ratings(file: Path, study_of: Callable[[str], Study], scales: Scales, *, replace: bool) -> Found:
    table = read_any_ratings(file, lambda name: study_of(name).criteria)
    used = {str(name): study_of(name).criteria for name in table["study"].unique()}
    carried = {c.name: (c.minimum, c.maximum) for c in carried_criteria(file) or ()}
    check_scales(file, used, scales, carried)
    assumed = {} if carried_criteria(file) else {n: unsaid(criteria, scales) for n, criteria in used.items()}
    refuse_low(file, low_values(table, assumed))
    ratings = table_ratings(table)

    def add(store: "Store") -> "Recorded":
        return store.ratings.add(ratings, replace=replace)

    return Found("ratings", len(ratings), add, used)


def _study(file: Path, studies: dict[str, Study], carried: CarriedStudy | None, name: str) -> Study:
    """The study called `name` among `studies`, to which the file's own is added when it is asked for."""
    check_carried(file, name)
    if name not in studies and carried is not None and carried.name == name:
        studies[name] = carried.study()
    if name not in studies:
        hint = "create it with `nami-bench study create`, or import a folder that brings it along"
        raise UnknownNameError("study", name, studies, hint)
    return studies[name]
