"""GenEval's verdicts against people's: agreement by task, and drift by model."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd

from nami_bench.domain import GENEVAL_TASKS
from nami_bench.evaluation.audit.results import ALL_TASKS, Drift, Estimate, JudgeAudit, VerdictAgreement
from nami_bench.evaluation.audit.statistics import (
    Bools,
    Floats,
    Rows,
    area_under_curve,
    cohen_kappa,
    estimates,
)
from nami_bench.evaluation.shares import share_interval, share_of_images

FEW_PROMPTS = 20
"""With fewer, intervals from resampled prompts are too narrow by much."""


def audit_judge(table: pd.DataFrame, prompt_set: str, instrument: str, threshold: float) -> JudgeAudit:
    """Audit GenEval's verdicts of one instrument.

    `table` has one row for each image that both judged: model, prompt_id, task, `verdict` (bool), `people`
    (0-100). People call an image right where `people` reaches `threshold`.
    """
    table = table.assign(right=table["people"] >= threshold)
    found = {str(task) for task in table["task"].unique()}
    tasks = (*(t for t in GENEVAL_TASKS if t in found), *sorted(found - set(GENEVAL_TASKS)))
    return JudgeAudit(
        prompt_set=prompt_set,
        instrument=instrument,
        overall=_agreement(ALL_TASKS, table),
        tasks=tuple(_agreement(task, table[table["task"] == task]) for task in tasks),
        drift=tuple(_drift(str(model), rows) for model, rows in table.groupby("model", sort=True)),
    )


def few_prompts(prompts: int) -> Iterator[str]:
    """The note on an interval that rests on `prompts` prompts, where one is due."""
    if prompts < 2:
        yield "one prompt only: no interval"
    elif prompts < FEW_PROMPTS:
        yield f"only {prompts} prompts: the intervals are too narrow"


def _agreement(task: str, table: pd.DataFrame) -> VerdictAgreement:
    verdict, right = table["verdict"].to_numpy(dtype=bool), table["right"].to_numpy(dtype=bool)
    people = table["people"].to_numpy(dtype=np.float64)

    def statistics(rows: Rows) -> Sequence[float]:
        v, r = verdict[rows], right[rows]
        return cohen_kappa(v, r), area_under_curve(people[rows], v)

    verdict_rate, people_rate, agreement = (_rate(side, table) for side in (verdict, right, verdict == right))
    kappa, auc = _estimates(statistics, table)
    prompts = table["prompt_id"].nunique()
    return VerdictAgreement(
        task=task,
        images=len(table),
        prompts=prompts,
        both_right=int((verdict & right).sum()),
        only_verdict_right=int((verdict & ~right).sum()),
        only_people_right=int((~verdict & right).sum()),
        both_wrong=int((~verdict & ~right).sum()),
        verdict_rate=verdict_rate,
        people_rate=people_rate,
        agreement=agreement,
        kappa=kappa,
        auc=auc,
        notes=(
            *few_prompts(prompts),
            *_one_sided(float(verdict.mean()), float(right.mean())),
        ),
    )


def _rate(holds: Bools, table: pd.DataFrame) -> Estimate:
    """The share of images of which something holds, with an interval where there are several prompts."""
    prompts = np.unique(table["prompt_id"].to_numpy(dtype=str), return_inverse=True)[1]
    share = share_of_images(np.bincount(prompts, holds).astype(np.int64), np.bincount(prompts))
    return Estimate(share.value, share_interval(share) if prompts.max() else None)


def _one_sided(verdict_rate: float, people_rate: float) -> Iterator[str]:
    for who, rate in (("GenEval", verdict_rate), ("people", people_rate)):
        if rate in (0.0, 1.0):
            said = "right" if rate else "wrong"
            lost = "no AUC, and kappa says nothing" if who == "GenEval" else "kappa says nothing"
            yield f"{who} called every image {said}: {lost}"


def _no_interval(name: str, estimate: Estimate, prompts: int) -> Iterator[str]:
    if estimate.interval is None and prompts > 1:
        yield f"the same {name} whichever prompts are drawn: no interval, which is not certainty"


def _drift(model: str, table: pd.DataFrame) -> Drift:
    task = np.unique(table["task"].to_numpy(dtype=str), return_inverse=True)[1]
    sides = [table[side].to_numpy(dtype=np.float64) for side in ("verdict", "right")]

    def statistics(rows: Rows) -> Sequence[float]:
        verdict, people = (_mean_over(task[rows], side[rows]) for side in sides)
        return verdict, people, verdict - people

    verdict, people, difference = _estimates(statistics, table)
    prompts = table["prompt_id"].nunique()
    return Drift(
        model=model,
        images=len(table),
        prompts=prompts,
        verdict_accuracy=float(verdict.value or 0.0),
        people_accuracy=float(people.value or 0.0),
        difference=difference,
        notes=(*few_prompts(prompts), *_no_interval("difference", difference, prompts)),
    )


def _mean_over(task: Rows, values: Floats) -> float:
    """Unweighted mean of the tasks' means: GenEval's overall score."""
    counts = np.bincount(task)
    present = counts > 0
    return float((np.bincount(task, values)[present] / counts[present]).mean())


def _estimates(statistics: Callable[[Rows], Sequence[float]], table: pd.DataFrame) -> list[Estimate]:
    """Prompts are drawn within tasks, as for GenEval's own intervals."""
    prompts = np.unique(table["prompt_id"].to_numpy(dtype=str), return_inverse=True)[1]
    tasks = np.unique(table["task"].to_numpy(dtype=str), return_inverse=True)[1]
    return estimates(statistics, prompts, tasks)
