"""The audit of a study: every automatic metric beside what people said about the same images."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import pandas as pd

from nami_bench.domain import SIMULATED_PREFIX, Criterion, Prompt, Score, SetScore
from nami_bench.errors import InputError
from nami_bench.evaluation.audit.accuracy import metric_accuracy
from nami_bench.evaluation.audit.accuracy_results import MetricAccuracy
from nami_bench.evaluation.audit.judge import audit_judge
from nami_bench.evaluation.audit.judged_pairs import lists_of_ratings
from nami_bench.evaluation.audit.people import people_table
from nami_bench.evaluation.audit.ranks import audit_ranks, audit_set_ranks
from nami_bench.evaluation.audit.results import Audit, JudgeAudit, RankCorrelation
from nami_bench.evaluation.human.table import IMAGE

GENEVAL = "geneval"
THRESHOLD = 50.0


def audit_metrics(
    ratings: pd.DataFrame,
    scores: Iterable[Score],
    set_scores: Iterable[SetScore],
    prompts: Mapping[str, Prompt],
    criterion: Criterion,
    threshold: float = THRESHOLD,
) -> Audit:
    """Audit the metrics of one study.

    `ratings` is the study's tidy table (see `nami_bench.evaluation.human.table`). `scores`, `set_scores` and
    `prompts` (by id) are those of the study's prompt set. `threshold`, above 0 and up to 100: what an image's
    mean rating must reach for people to call it right.

    Intervals: 95 %, from 1000 draws of whole prompts, since images of a prompt resemble each other.

    Raises InputError where no image has a rating on the criterion, or no metric has scored any of them.
    """
    if not 0 < threshold <= 100:
        raise InputError(f"the threshold is on the scale from 0 to 100 and above 0, got {threshold:g}")
    people = people_table(ratings, criterion)
    if people.empty:
        raise InputError(f"no image has a rating of {criterion.name}: there is nothing to audit against")
    judges: list[JudgeAudit] = []
    correlations: list[RankCorrelation] = []
    accuracies: list[MetricAccuracy] = []
    notes: list[str] = []
    lists = lists_of_ratings(ratings, criterion)
    for (metric, prompt_set, instrument), values in by_column(scores):
        scored = _scored(values, prompts)
        table = people.merge(scored[scored["value"].notna()], on=list(IMAGE))
        where = f"{metric} by {instrument}"
        lost = len(people) - len(table) if metric != GENEVAL else _unjudged(people, scored, prompts)
        if lost:
            notes.append(f"{where}: {lost} rated images have no score and are left out")
        if table.empty:
            continue
        correlations += audit_ranks(table, metric, prompt_set, instrument)
        if table["prompt_id"].duplicated().any():
            accuracies.append(metric_accuracy(lists, scored, metric, prompt_set, instrument))
        if metric == GENEVAL:
            judged = table[table["task"].notna()].assign(verdict=table["value"] == 1.0)
            judges.append(audit_judge(judged, prompt_set, instrument, threshold))
    correlations += _of_sets(set_scores, people)
    if not correlations:
        raise InputError("no metric has scored a rated image: run `nami-bench evaluate METRIC` first")
    audit = _audit(ratings, people, criterion, threshold, judges, correlations, notes)
    return replace(audit, accuracies=tuple(accuracies))


def by_column(scores: Iterable[Score]) -> list[tuple[tuple[str, str, str], list[Score]]]:
    """Scores by metric, prompt set and instrument, GenEval's first."""
    columns: dict[tuple[str, str, str], list[Score]] = {}
    for score in scores:
        columns.setdefault((score.metric, score.prompt_set, score.instrument), []).append(score)
    return sorted(columns.items(), key=lambda column: (column[0][0] != GENEVAL, column[0]))


def _scored(scores: Sequence[Score], prompts: Mapping[str, Prompt]) -> pd.DataFrame:
    """`value`: higher is better."""
    rows = [(s.model, s.prompt_id, s.sample, s.upward, prompts[s.prompt_id].task) for s in scores]
    table = pd.DataFrame(rows, columns=[*IMAGE, "value", "task"])
    return table.astype({"model": str, "prompt_id": str, "value": float})


def _unjudged(people: pd.DataFrame, scored: pd.DataFrame, prompts: Mapping[str, Prompt]) -> int:
    """Rated images that GenEval's rules apply to and that have no verdict."""
    applicable = people["prompt_id"].map(lambda name: prompts[name].task is not None)
    return int(applicable.sum()) - len(people.merge(scored[scored["value"].notna()], on=list(IMAGE)))


def _of_sets(set_scores: Iterable[SetScore], people: pd.DataFrame) -> Iterator[RankCorrelation]:
    columns: dict[tuple[str, str, str], dict[str, float]] = {}
    for score in set_scores:
        if score.value is not None:
            of_column = columns.setdefault((score.metric, score.prompt_set, score.instrument), {})
            of_column[score.model] = -score.value if score.lower_is_better else score.value
    by_model = {str(model): float(mean) for model, mean in people.groupby("model")["people"].mean().items()}
    prompts = people["prompt_id"].nunique()
    for column, values in sorted(columns.items()):
        yield audit_set_ranks(values, by_model, *column, images=len(people), prompts=prompts)


def _audit(
    ratings: pd.DataFrame,
    people: pd.DataFrame,
    criterion: Criterion,
    threshold: float,
    judges: Sequence[JudgeAudit],
    correlations: Sequence[RankCorrelation],
    notes: Sequence[str],
) -> Audit:
    valued = ratings[(ratings["criterion"] == criterion.name) & ratings["value"].notna()]
    names = {str(name) for name in valued["annotator"].unique()}
    simulated = sum(name.startswith(SIMULATED_PREFIX) for name in names)
    return Audit(
        study=str(valued["study"].iloc[0]),
        criterion=criterion.name,
        threshold=threshold,
        images=len(people),
        prompts=people["prompt_id"].nunique(),
        ratings=len(valued),
        annotators=len(names),
        simulated_annotators=simulated,
        judges=tuple(judges),
        correlations=tuple(correlations),
        notes=(*_people_notes(people, len(names), simulated), *notes, *_no_judge(judges)),
    )


def _people_notes(people: pd.DataFrame, annotators: int, simulated: int) -> Iterator[str]:
    if simulated:
        yield f"SIMULATED: {simulated} of {annotators} annotators are programs, so people had no say in this"
    single = int((people["annotators"] == 1).sum())
    if single:
        yield f"{single} of {len(people)} images have one rating: people's word on them is one person's"


def _no_judge(judges: Sequence[JudgeAudit]) -> Iterator[str]:
    if not judges:
        yield "no rated image has a GenEval verdict: run `nami-bench evaluate geneval` on the study's prompts"
