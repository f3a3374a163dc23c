"""What a site shows of one study, or of the automatic scores alone: collected from a workspace."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from nami_bench.domain import (
    SIMULATED_PREFIX,
    Comparison,
    ImageRecord,
    Marks,
    ModelCard,
    PromptSet,
    Ranking,
    Score,
)
from nami_bench.domain.study import Study
from nami_bench.errors import InputError
from nami_bench.evaluation.audit.question_results import QuestionAudit
from nami_bench.evaluation.audit.results import Audit
from nami_bench.evaluation.human.ratings_array import RatingsArray
from nami_bench.evaluation.leaderboard.coefficients import CriterionAgreement, criteria_agreement
from nami_bench.evaluation.leaderboard.columns import total_title
from nami_bench.evaluation.leaderboard.pseudonyms import pseudonymized
from nami_bench.evaluation.leaderboard.rank_strengths import rank_strength_table
from nami_bench.evaluation.leaderboard.rows import Leaderboard, Precision
from nami_bench.evaluation.leaderboard.strengths import StrengthTable, strength_table
from nami_bench.pipeline.audit import audit_from_store
from nami_bench.pipeline.early_end import unselected_comparisons, unselected_ratings
from nami_bench.pipeline.leaderboard_from_store import leaderboard_from_store
from nami_bench.pipeline.question_audit import question_audit_from_store
from nami_bench.pipeline.screening import left_out
from nami_bench.site.automatic_views import automatic_views, speed_view
from nami_bench.site.human_views import ratings_view, strengths_view
from nami_bench.site.names import rater_names
from nami_bench.site.views import Part, View, parts_of
from nami_bench.store import Store

ImageKey = tuple[str, str, int]
"""Model, prompt id, sample."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What people said of images that stood together, by pseudonyms."""

    comparisons: Sequence[Comparison] = ()
    rankings: Sequence[Ranking] = ()

    @property
    def there(self) -> bool:
        """Whether there are any."""
        return bool(self.comparisons or self.rankings)

    @property
    def people(self) -> set[str]:
        """Who gave them."""
        judged: Iterable[Comparison | Ranking] = (*self.comparisons, *self.rankings)
        return {one.annotator for one in judged}


@dataclass(frozen=True, slots=True)
class Section:
    """One study, or the automatic scores alone (`study` is None), as the site shows it.

    `name` is its title, `folder` its place in the site. `models`: in the order of the board. `records` and
    `scores` are of `prompt_set` alone. `ratings` is the tidy table (see
    `nami_bench.evaluation.human.table`); annotators have the site's names in it and everywhere.
    `comments`: by image, who said what; empty unless asked for. `agreement`: of people with each other.
    `remarks` say in words what is missing. `run_file`: the text of one that makes all of it again.
    """

    name: str
    folder: str
    board: Leaderboard
    models: tuple[str, ...]
    cards: Mapping[str, ModelCard]
    prompt_set: PromptSet
    records: Sequence[ImageRecord]
    scores: Sequence[Score]
    parts: tuple[Part, ...]
    views: tuple[View, ...]
    images_dir: Path
    study: Study | None = None
    ratings: pd.DataFrame | None = None
    verdicts: Verdicts = Verdicts()
    marks: Sequence[Marks] = ()
    comments: Mapping[ImageKey, Sequence[tuple[str, str]]] | None = None
    audit: Audit | None = None
    question_audit: QuestionAudit | None = None
    agreement: Sequence[CriterionAgreement] = ()
    remarks: tuple[str, ...] = ()
    run_file: str | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the site is to show: see `nami_bench.site.build.SiteOptions`."""

    precision: Precision
    without: tuple[str, ...] = ()
    comments: bool = False
    key: bytes = b""
    """What pseudonyms are made with."""


def collect_section(
    store: Store, images_dir: Path, study: Study | None, folder: str, wanted: Wanted
) -> Section:
    """The section of a study, or (None) of the automatic scores of all models.

    Raises InputError where there is nothing to show, UnknownNameError for somebody unknown in `without`.
    """
    table, said = _ratings(store, study, wanted)
    board = leaderboard_from_store(
        store,
        study=study.name if study and study.mode != "questions" else None,
        models=study.models if study and study.mode == "questions" else (),
        precision=wanted.precision,
        table=table if table is not None and study and study.mode == "rating" else None,
    )
    verdicts, whole, gone = _verdicts(store, study, wanted)
    if whole.there:
        board = _of_verdicts(board, whole, wanted.precision)
    models = tuple(row.model for row in board.measured)
    prompt_set = store.catalog.prompt_set(study.prompt_set if study else next(iter(board.prompt_sets)))
    records = store.images.find(models=models, prompt_set=prompt_set.name)
    scores = store.scores.find(models=models, prompt_set=prompt_set.name)
    marks = _marks(store, study, wanted)
    names = rater_names(_people(table, verdicts) | {one.annotator for one in marks}, wanted.key)
    section = Section(
        name=study.name if study else prompt_set.name,
        folder=folder,
        board=replace(board, cautions=(*said, *gone, *board.cautions)),
        models=models,
        cards={card.name: card for card in store.catalog.models() if card.name in models},
        prompt_set=prompt_set,
        records=records,
        scores=scores,
        parts=parts_of(prompt_set),
        views=(),
        images_dir=images_dir,
        study=study,
        ratings=None if table is None else pseudonymized(table, names),
        verdicts=_renamed(verdicts, names),
        marks=[replace(one, annotator=names[one.annotator], created_at=None) for one in marks],
        comments=_comments(store, study, names) if wanted.comments else None,
    )
    section = _audited(store, section, wanted)
    return replace(section, views=tuple(_views(section, whole, wanted.precision)))


def _ratings(
    store: Store, study: Study | None, wanted: Wanted
) -> tuple[pd.DataFrame | None, tuple[str, ...]]:
    """The ratings that count, by log-in names, and what must be said of the others; None: there are none."""
    if study is None or study.images_shown > 1 or not store.ratings.exist(study.name):
        return None, ()
    table = store.ratings.table(study.name)
    return left_out(store, study.name, wanted.without).ratings(table)


def _verdicts(
    store: Store, study: Study | None, wanted: Wanted
) -> tuple[Verdicts, Verdicts, tuple[str, ...]]:
    """All verdicts that count, those on which strengths may rest, and what must be said of the others."""
    if study is None or study.images_shown == 1:
        return Verdicts(), Verdicts(), ()
    gone = left_out(store, study.name, wanted.without)
    if study.is_ranked:
        rankings, said = gone.rankings(store.rankings.all(study.name))
        return Verdicts(rankings=rankings), Verdicts(rankings=rankings), said
    made, said = gone.comparisons(store.comparisons.all(study.name))
    kept, notes = unselected_comparisons(store, study, made)
    return Verdicts(made), Verdicts(kept), (*said, *notes)


def _of_verdicts(board: Leaderboard, verdicts: Verdicts, precision: Precision) -> Leaderboard:
    """The leaderboard's automatic scores of a study of verdicts, whose ratings it would miss: models in the
    order of their strengths by the first criterion."""
    found = _strengths(verdicts, None, precision)
    order = [row.model for row in found.rows] if found else []
    place = {model: at for at, model in reversed([*enumerate(order)])}
    rows = (
        replace(row, gaps=tuple(gap for gap in row.gaps if " images rated" not in gap), criteria={})
        for row in board.rows
    )
    people = verdicts.people
    return replace(
        board,
        rows=tuple(sorted(rows, key=lambda row: place.get(row.model, len(order)))),
        criteria=(),
        annotators=len(people),
        simulated_annotators=sum(name.startswith(SIMULATED_PREFIX) for name in people),
        cautions=tuple(one for one in board.cautions if "its verdicts are not scores" not in one),
    )


def _marks(store: Store, study: Study | None, wanted: Wanted) -> list[Marks]:
    """What people marked in images, by log-in names, where the study asks for it."""
    if study is None or not study.marks.asked:
        return []
    gone = {*wanted.without, *store.exclusions.values(study.name)}
    return [one for one in store.markings.all(study.name) if one.annotator not in gone]


def _people(table: pd.DataFrame | None, verdicts: Verdicts) -> set[str]:
    rated = set() if table is None else set(map(str, table["annotator"].unique()))
    return rated | verdicts.people


def _renamed(verdicts: Verdicts, names: Mapping[str, str]) -> Verdicts:
    return Verdicts(
        [replace(one, annotator=names[one.annotator]) for one in verdicts.comparisons],
        [replace(one, annotator=names[one.annotator]) for one in verdicts.rankings],
    )


def _comments(
    store: Store, study: Study | None, names: Mapping[str, str]
) -> dict[ImageKey, list[tuple[str, str]]]:
    """Of those whose judgements are shown."""
    found: dict[ImageKey, list[tuple[str, str]]] = defaultdict(list)
    flags = store.oversight.flags(study.name, limit=1_000_000) if study else ()
    for flag in flags:
        if flag.comment and flag.annotator in names:
            for model in flag.models:
                found[model, flag.prompt_id, flag.sample].append((names[flag.annotator], flag.comment))
    return dict(found)


def _audited(store: Store, section: Section, wanted: Wanted) -> Section:
    """With what metrics and people have to do with each other; what cannot be had is a remark."""
    study = section.study
    if study is None or (section.ratings is None and not section.verdicts.there):
        return section
    without = wanted.without
    if study.mode == "questions":
        try:
            found = question_audit_from_store(store, study.name, without=without)
        except InputError as reason:
            return replace(section, remarks=(f"No audit of judges: {reason}.",))
        return replace(section, question_audit=found)
    if section.ratings is not None:
        unselected, _ = unselected_ratings(store, study, section.ratings)
        section = replace(section, agreement=_agreement(unselected, study, wanted.precision))
    try:
        audit = audit_from_store(store, study=study.name, without=without)
    except InputError as reason:
        return replace(section, remarks=(f"No audit of metrics: {reason}.",))
    return replace(section, audit=audit)


def _agreement(table: pd.DataFrame, study: Study, precision: Precision) -> tuple[CriterionAgreement, ...]:
    """How far people agree with each other, which no metric can be expected to surpass by much."""
    if not len(table):
        return ()
    ratings = RatingsArray.from_table(table, study.criteria)
    names = [criterion.name for criterion in study.criteria]
    return criteria_agreement(
        ratings, names, "interval", replicates=precision.replicates, seed=precision.seed
    )


def _views(section: Section, verdicts: Verdicts, precision: Precision) -> Iterable[View]:
    study, table = section.study, section.ratings
    if study is not None and table is not None and study.mode == "rating" and len(table):
        known = table[table["prompt_id"].isin(section.prompt_set.by_id)]
        ratings = RatingsArray.from_table(known, study.criteria, section.models)
        people = known["annotator"].unique()
        yield ratings_view(
            ratings,
            section.models,
            section.parts,
            precision,
            total_title=total_title(section.board),
            simulated=all(str(name).startswith(SIMULATED_PREFIX) for name in people),
        )
    elif verdicts.there:
        found = strengths_view(
            lambda part: _strengths(verdicts, part, precision), section.models, section.parts
        )
        if found is not None:
            yield found
    prompts = section.prompt_set.by_id
    yield from automatic_views(
        section.board, section.models, section.parts, section.scores, section.records, prompts, precision
    )
    speed = speed_view(section.board, section.models)
    if speed is not None:
        yield speed


def _strengths(verdicts: Verdicts, part: Part | None, precision: Precision) -> StrengthTable | None:
    """Those on a part of the prompts (None: on all); None where nobody decided anything on it."""
    comparisons = [one for one in verdicts.comparisons if part is None or one.prompt_id in part.prompts]
    rankings = [one for one in verdicts.rankings if part is None or one.prompt_id in part.prompts]
    try:
        if rankings:
            return rank_strength_table(rankings, level=precision.level)
        return strength_table(comparisons, level=precision.level)
    except InputError:
        return None
