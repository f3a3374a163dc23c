"""The audit of a study of pairs or orders: every automatic metric beside people's verdicts."""

from collections.abc import Collection, Iterable, Iterator

import pandas as pd

from nami_bench.domain import SIMULATED_PREFIX, Score
from nami_bench.errors import InputError
from nami_bench.evaluation.audit.accuracy import metric_accuracy
from nami_bench.evaluation.audit.accuracy_results import MetricAccuracy
from nami_bench.evaluation.audit.audit import THRESHOLD, by_column
from nami_bench.evaluation.audit.results import Audit
from nami_bench.evaluation.human.table import IMAGE


def audit_votes(
    lists: pd.DataFrame, scores: Iterable[Score], study: str, criterion: str, names: Collection[str]
) -> Audit:
    """Audit the metrics by verdicts on one criterion; `lists` are those of `judged_pairs`, `names` those of
    all who are known to have given them.

    Raises InputError where there are no verdicts, or no metric has scored two images of one.
    """
    if lists.empty:
        raise InputError(f"nobody has told images apart by {criterion}: there is nothing to audit against")
    found: list[MetricAccuracy] = []
    for (metric, prompt_set, instrument), values in by_column(scores):
        rows = [(s.model, s.prompt_id, s.sample, s.value) for s in values]
        table = pd.DataFrame(rows, columns=[*IMAGE, "value"]).astype({"value": float})
        try:
            found.append(metric_accuracy(lists, table, metric, prompt_set, instrument))
        except InputError:  # said below where it is true of all
            continue
    if not found:
        raise InputError("no metric has scored two images of one verdict: run `nami-bench evaluate METRIC`")
    simulated = sum(name.startswith(SIMULATED_PREFIX) for name in names)
    return Audit(
        study=study,
        criterion=criterion,
        threshold=THRESHOLD,
        images=len(lists.drop_duplicates(list(IMAGE))),
        prompts=lists["prompt_id"].nunique(),
        ratings=lists["listing"].nunique(),
        annotators=len(names),
        simulated_annotators=simulated,
        judges=(),
        correlations=(),
        accuracies=tuple(found),
        notes=tuple(_notes(len(names), simulated, lists["annotator"].nunique())),
    )


def _notes(annotators: int, simulated: int, voters: int) -> Iterator[str]:
    if simulated:
        yield f"SIMULATED: {simulated} of {annotators} annotators are programs, so people had no say in this"
    if voters > annotators:
        yield f"{voters - annotators} votes are by nobody knows whom: each is taken for another voter"
