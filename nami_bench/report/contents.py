"""What a report shows: collected from a workspace, before any of it is drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pandas as pd

from nami_bench.domain import Criterion, ImageRecord, PromptSet, Score
from nami_bench.domain.study import Study
from nami_bench.errors import InputError
from nami_bench.evaluation.audit.results import Audit
from nami_bench.evaluation.human.agreement import Level
from nami_bench.evaluation.human.ratings_array import RatingsArray
from nami_bench.evaluation.human.scores import image_totals
from nami_bench.evaluation.human.table import IMAGE
from nami_bench.evaluation.leaderboard.agreement import Agreement, measure_agreement
from nami_bench.evaluation.leaderboard.checks import renamed
from nami_bench.evaluation.leaderboard.pseudonyms import pseudonymized, pseudonyms
from nami_bench.evaluation.leaderboard.rows import Leaderboard, Precision
from nami_bench.evaluation.leaderboard.speed import Prices
from nami_bench.pipeline.audit import CRITERION, audit_from_store
from nami_bench.pipeline.early_end import unselected_ratings
from nami_bench.pipeline.leaderboard_from_store import choose_study, leaderboard_from_store
from nami_bench.pipeline.marks import study_marks
from nami_bench.pipeline.screening import annotator_checks, left_out
from nami_bench.report.gallery import Gallery, ImageKey
from nami_bench.report.marks import MarkContents, mark_contents

if TYPE_CHECKING:
    from nami_bench.store import Store


@dataclass(frozen=True, slots=True)
class MetricScores:
    """One automatic metric's values beside people's, for a scatter plot: one entry for each image.

    `people` is the mean rating on `criterion`, 0-100. All sequences have the same length.
    """

    metric: str
    instrument: str
    criterion: str
    models: Sequence[str]
    values: Sequence[float]
    people: Sequence[float]


@dataclass(frozen=True, slots=True)
class ReportContents:
    """Everything that a report shows. What rests on a study's ratings is None where there are none.

    `image_means`: the images' human scores, 0-100, by image and criterion. `remarks` say in words what the
    report lacks, and why.
    """

    board: Leaderboard
    prompt_sets: Sequence[PromptSet]
    images: Sequence[ImageRecord]
    gallery: Gallery
    study: Study | None = None
    ratings: pd.DataFrame | None = None
    agreement: Agreement | None = None
    audit: Audit | None = None
    marks: MarkContents | None = None
    scatters: Sequence[MetricScores] = ()
    remarks: Sequence[str] = field(default_factory=tuple)


def collect(
    store: "Store",
    precision: Precision,
    *,
    study: str | None = None,
    with_names: bool = False,
    without: Sequence[str] = (),
    agreement_level: Level = "interval",
    models: Sequence[str] = (),
    prices: Prices | None = None,
) -> ReportContents:
    """The contents of the report on a study (which: see `choose_study`), or on the automatic scores alone.

    Annotators are pseudonymized unless `with_names`; those in `without` do not count. `agreement_level`: of
    measurement, for alpha. `models`: the automatic scores of these alone, and no study. `prices`: what images
    cost.

    Raises UnknownNameError for an unknown study or annotator, InputError where there is nothing to report on.
    """
    chosen = None if models else choose_study(store, study)
    read = store.ratings.table(chosen.name) if chosen else None  # once: there may be a million
    board = leaderboard_from_store(
        store,
        study=chosen.name if chosen else None,
        precision=precision,
        without=without,
        table=read,
        models=models,
        prices=prices,
    )
    models = [row.model for row in board.measured]
    sets = [store.catalog.prompt_set(name) for name in board.prompt_sets]
    shown = store.catalog.prompt_set(chosen.prompt_set) if chosen else sets[0]
    images = [
        record for name in board.prompt_sets for record in store.images.find(models=models, prompt_set=name)
    ]
    scores = store.scores.find(models=models, prompt_set=shown.name)
    contents = ReportContents(board, sets, images, _gallery(models, shown, images, scores, chosen, {}, {}))
    if chosen is None or read is None:
        return contents
    if chosen.marks.asked:
        found = study_marks(store, chosen, _who_marked(store, chosen, without))
        drawn = mark_contents(found, replicates=precision.replicates, seed=precision.seed)
        contents = replace(contents, marks=drawn)
    gone = left_out(store, chosen.name, without)
    table, said = gone.ratings(read)
    if not len(table):
        lacks = (
            "compares images: its verdicts are not in this report"
            if chosen.images_shown > 1
            else "has no ratings yet"
        )
        return replace(contents, study=chosen, remarks=(f"Study {chosen.name} {lacks}.",))
    means = image_means(table, chosen.criteria)
    totals = image_totals(RatingsArray.from_table(table, chosen.criteria))
    checks = gone.checks(annotator_checks(store, chosen.name, chosen.criteria))
    if not with_names:
        everybody = {*map(str, table["annotator"].unique()), *(check.annotator for check in checks)}
        names = pseudonyms(sorted(everybody), chosen.name)
        table, checks = pseudonymized(table, names), tuple(renamed(checks, names))
    unselected, notes = unselected_ratings(store, chosen, table)
    audit, remarks = _audit(store, chosen, without, read)
    return replace(
        contents,
        gallery=_gallery(models, shown, images, scores, chosen, means, totals),
        study=chosen,
        ratings=table,
        agreement=measure_agreement(
            unselected,
            chosen.criteria,
            replicates=precision.replicates,
            seed=precision.seed,
            level=agreement_level,
            by_model=True,
            checks=checks,
            left_out=(*notes, *said),
        ),
        audit=audit,
        scatters=_scatters(scores, means, audit),
        remarks=remarks,
    )


def _who_marked(store: "Store", study: Study, without: Sequence[str]) -> list[str]:
    """Those of `without` who marked something."""
    names = {one.annotator for one in store.markings.all(study.name)} if without else set()
    return [name for name in without if name in names]


def image_means(table: pd.DataFrame, criteria: Sequence[Criterion]) -> dict[ImageKey, dict[str, float]]:
    """By image, the mean over annotators on each criterion that has a value, 0-100."""
    scales = {c.name: c for c in criteria}
    valued = table[table["value"].notna()]
    means = valued.groupby([*IMAGE, "criterion"], observed=True, sort=False)["value"].mean()
    found: dict[ImageKey, dict[str, float]] = {}
    for (model, prompt, sample, criterion), value in zip(means.index, means.tolist(), strict=True):
        key = (str(model), str(prompt), int(sample))
        found.setdefault(key, {})[str(criterion)] = scales[str(criterion)].rescale(value)
    return found


def _audit(
    store: "Store", study: Study, without: Sequence[str], table: pd.DataFrame
) -> tuple[Audit | None, tuple[str, ...]]:
    names = [c.name for c in study.criteria]
    criterion = CRITERION if CRITERION in names else names[0]
    try:
        found = audit_from_store(store, study=study.name, criterion=criterion, without=without, table=table)
        return found, ()
    except InputError as error:
        return None, (f"No comparison of metrics with people: {error}.",)


def _gallery(
    models: Sequence[str],
    prompt_set: PromptSet,
    images: Sequence[ImageRecord],
    scores: Sequence[Score],
    study: Study | None,
    means: Mapping[ImageKey, Mapping[str, float]],
    totals: Mapping[ImageKey, float],
) -> Gallery:
    samples = study.samples if study else 1
    records = [r for r in images if r.prompt_set == prompt_set.name and r.sample < samples]
    shown: dict[ImageKey, list[tuple[str, str]]] = {}
    ratings: dict[ImageKey, float] = {}
    for key, criteria in means.items():
        if key in totals:
            ratings[key] = total = totals[key]
            shown.setdefault(key, []).append(("total", f"{total:.1f}"))
        shown.setdefault(key, []).extend((name, f"{value:.0f}") for name, value in criteria.items())
    for score in scores:
        if score.value is not None:
            key = (score.model, score.prompt_id, score.sample)
            shown.setdefault(key, []).append((score.metric, f"{score.value:z.4g}"))
    return Gallery(models, prompt_set.prompts, records, ratings, shown)


def _scatters(
    scores: Sequence[Score], means: Mapping[ImageKey, Mapping[str, float]], audit: Audit | None
) -> list[MetricScores]:
    """One for each metric and instrument; GenEval's verdicts, right or wrong, have a plot of their own."""
    if audit is None:
        return []
    columns: dict[tuple[str, str], list[tuple[str, float, float]]] = {}
    for score in scores:
        people = means.get((score.model, score.prompt_id, score.sample), {}).get(audit.criterion)
        if score.value is not None and people is not None and score.metric != "geneval":
            column = columns.setdefault((score.metric, score.instrument), [])
            column.append((score.model, score.value, people))
    return [
        MetricScores(metric, instrument, audit.criterion, *zip(*points, strict=True))
        for (metric, instrument), points in sorted(columns.items())
    ]
