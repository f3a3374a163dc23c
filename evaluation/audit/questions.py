"""The audit of a study of questions: every judge's answers beside people's, by category.

Intervals are 95 %, from 1000 draws of prompts and of people, each on its own, as in
`nami_bench.evaluation.human.bootstrap`: in each draw the people drawn have their own majorities. Of three
people drawn there are mostly two, one of them twice, and the majority is that one's word, which errs more
than that of three. So the draws are off from what was found, and only their spread about their median is
used. How often the intervals hold is simulated in `benchmarks.question_audit_grid`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from nami_bench.domain import SIMULATED_PREFIX, Score
from nami_bench.domain.question import CANNOT_TELL, VALUES, Questions, asked_of_people
from nami_bench.errors import InputError
from nami_bench.evaluation.audit.judge import few_prompts
from nami_bench.evaluation.audit.question_results import (
    ALL,
    STATISTICS,
    CategoryAudit,
    QuestionAudit,
    QuestionJudgeAudit,
)
from nami_bench.evaluation.audit.results import Estimate
from nami_bench.evaluation.audit.statistics import RESAMPLES, Bools, Floats, estimate_of
from nami_bench.evaluation.human.answers_table import QUESTION
from nami_bench.evaluation.human.bootstrap import draw_weights
from nami_bench.evaluation.human.table import IMAGE
from nami_bench.evaluation.questions.results import Answered

BINS = 10
"""Of equal width, for the calibration error."""

FEW_QUESTIONS = 400
"""With fewer, chance fills the bins of the calibration error unevenly, which adds to it."""

_CHUNK = 2**22
"""Numbers in an array of (questions, draws)."""


def audit_questions(
    answers: pd.DataFrame, scores: Iterable[Score], questions: Questions, resamples: int = RESAMPLES
) -> QuestionAudit:
    """Audit the judges of one study's questions.

    `answers` is the table of `nami_bench.evaluation.human.answers_table` of one study, `questions` are the
    study's. `scores` are those of its prompt set; those of metrics by questions hold their judges' answers. A
    judge is compared on the questions that people were asked in the same words.

    Raises InputError where nobody answered yes or no, or no judge answered any of these questions.
    """
    people = _people(answers, questions)
    if people["right"].isna().all():
        raise InputError("nobody has answered a question with yes or no: there is nothing to audit against")
    judges: list[QuestionJudgeAudit] = []
    notes: list[str] = []
    for (metric, instrument), rows in _by_judge(scores, questions).items():
        judged = pd.DataFrame(rows, columns=[*QUESTION, "judged", "probability"])
        table = people.merge(judged, on=list(QUESTION))
        if table.empty:
            continue
        units = people.drop_duplicates(list(QUESTION))
        if lost := len(units) - len(table.drop_duplicates(list(QUESTION))):
            notes.append(
                f"{metric} by {instrument}: {lost} of {len(units)} questions that people were asked have no "
                "answer of this judge, or were put to it in other words, and are left out"
            )
        judges.append(audit_judge(metric, instrument, table, resamples))
    if not judges:
        raise InputError(
            "no judge has answered these questions about these images: run a metric by questions on them "
            "(`nami-bench evaluate`)"
        )
    names = {str(name) for name in answers["annotator"].unique()}
    simulated = sum(name.startswith(SIMULATED_PREFIX) for name in names)
    told = people[people["right"].notna()]
    return QuestionAudit(
        study=str(answers["study"].iloc[0]),
        images=len(told.drop_duplicates(list(IMAGE))),
        prompts=told["prompt_id"].nunique(),
        answers=len(told),
        annotators=len(names),
        simulated_annotators=simulated,
        judges=tuple(judges),
        notes=(*_people_notes(told, len(names), simulated), *notes),
    )


def _people(answers: pd.DataFrame, questions: Questions) -> pd.DataFrame:
    """Everybody's answer to what they were asked: QUESTION, annotator, category, and `right`: 1, 0, or NaN
    where they could not tell."""
    asked = answers[answers["answer"].isin((*VALUES, CANNOT_TELL))]
    expected = {(prompt, q.id): VALUES[q.expected] for prompt, those in questions.items() for q in those}
    value = asked["answer"].map(dict(VALUES)).astype(float)
    wanted = [expected[key] for key in zip(asked["prompt_id"].astype(str), asked["question"], strict=True)]
    right = (value == wanted).astype(float).where(value.notna())
    table = asked[[*QUESTION, "annotator", "category"]].assign(right=right)
    return table.astype({"model": str, "prompt_id": str, "annotator": str})


def _by_judge(scores: Iterable[Score], questions: Questions) -> dict[tuple[str, str], list[tuple[Any, ...]]]:
    """By metric and instrument: model, prompt's id, sample, question, whether the judge has it right, and its
    probability of that (NaN: none). Only questions that the study asks in the same words."""
    asked = {(prompt, q.id): q for prompt, those in questions.items() for q in those}
    found: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
    for score in scores:
        for one in _answered(score.details):
            question = asked.get((score.prompt_id, one.question.id))
            if question is None or asked_of_people(one.question).text != question.text:
                continue
            probability = np.nan if one.answer.probability is None else one.answer.probability
            row = (score.model, score.prompt_id, score.sample, question.id, one.score >= 0.5, probability)
            found.setdefault((score.metric, score.instrument), []).append(row)
    return dict(sorted(found.items()))


def _answered(details: Mapping[str, Any]) -> list[Answered]:
    """A score's answers; none of a score that has none, or something else under that name."""
    entries = details.get("answers")
    try:
        return [Answered.from_json(entry) for entry in entries] if isinstance(entries, list) else []
    except ValueError:
        return []


def audit_judge(metric: str, instrument: str, table: pd.DataFrame, resamples: int) -> QuestionJudgeAudit:
    """One judge against people. `table` has a row for each answer of somebody: QUESTION, annotator, category,
    `right` (1, 0, NaN), and of the judge `judged` and `probability`, the same in all rows of a question."""
    units = table.drop_duplicates(list(QUESTION)).reset_index(drop=True)
    names = [ALL, *sorted(units["category"].unique())]
    counted = _Counted(table, units, names)
    values = counted.statistics(np.ones((1, counted.prompts)), np.ones((1, counted.annotators)))[:, :, 0]
    draws = np.concatenate(list(_draws(counted, resamples)), axis=2)
    found = tuple(
        counted.category(at, name, list(map(_estimate, STATISTICS, values[at], draws[at])))
        for at, name in enumerate(names)
    )
    return QuestionJudgeAudit(metric, instrument, found[0], found[1:])


def _estimate(statistic: str, value: float, draws: Floats) -> Estimate:
    """With the interval of the draws, moved by what their median is off, within the statistic's range."""
    found = estimate_of(float(value), draws)
    if found.interval is None:
        return found
    off = float(value - np.nanmedian(draws))
    least = -1.0 if statistic == "kappa" else 0.0
    low, high = (min(max(end + off, least), 1.0) for end in found.interval)
    return Estimate(found.value, (low, high))


def _draws(counted: "_Counted", resamples: int) -> Iterator[Floats]:
    rng = np.random.default_rng(0)
    prompts = draw_weights(counted.prompts, resamples, rng, resampled=counted.prompts > 1)
    annotators = draw_weights(counted.annotators, resamples, rng, resampled=counted.annotators > 1)
    step = max(1, _CHUNK // len(counted.units))
    for start in range(0, resamples, step):
        yield counted.statistics(prompts[start : start + step], annotators[start : start + step])


class _Counted:
    """One judge's questions and people's answers to them, ready to be weighed.

    `table` has a row for each answer of somebody, `units` one for each question about an image; `names` are
    the categories, of which the first holds all.
    """

    def __init__(self, table: pd.DataFrame, units: pd.DataFrame, names: Sequence[str]) -> None:
        self.units = units
        self._judged: Bools = units["judged"].to_numpy(dtype=bool)
        self._probability: Floats = units["probability"].to_numpy(dtype=np.float64)
        ids, self._prompt = np.unique(units["prompt_id"].to_numpy(dtype=str), return_inverse=True)
        people, who = np.unique(table["annotator"].to_numpy(dtype=str), return_inverse=True)
        self.prompts, self.annotators = len(ids), len(people)
        unit = pd.MultiIndex.from_frame(units[list(QUESTION)]).get_indexer(
            pd.MultiIndex.from_frame(table[list(QUESTION)])
        )
        right = table["right"].to_numpy(dtype=np.float64)
        shape = (len(units), self.annotators)
        self._right, self._wrong = (
            sparse.csr_array((np.ones(int(rows.sum())), (unit[rows], who[rows])), shape=shape)
            for rows in (right == 1, right == 0)
        )
        category = pd.Index(names).get_indexer(pd.Index(units["category"]))
        self._members = _indicator([np.zeros_like(category), category], len(names))
        of_bin = np.clip((np.nan_to_num(self._probability) * BINS).astype(int), 0, BINS - 1)
        self._bins = _indicator([of_bin, category * BINS + of_bin], len(names) * BINS)

    def statistics(self, prompts: Floats, annotators: Floats) -> Floats:
        """`STATISTICS` with prompts and annotators of such weights, shape (draws, how many there are).

        An array of shape (categories, statistics, draws); NaN where one is not defined.
        """
        said_right, said_wrong = self._right @ annotators.T, self._wrong @ annotators.T
        right = said_right > said_wrong
        weight = prompts.T[self._prompt] * (said_right != said_wrong)
        judged = self._judged[:, None]
        table = (right & judged, right & ~judged, ~right & judged, ~right & ~judged)
        both, missed, false, neither = (self._members @ (weight * cell) for cell in table)
        known = ~np.isnan(self._probability)
        surprise = (np.nan_to_num(self._probability)[:, None] - right) * weight * known[:, None]
        total = self._members @ (weight * known[:, None])
        off = np.abs(self._bins @ surprise).reshape(len(total), BINS, -1).sum(axis=1)
        squares = self._members @ (surprise * (np.nan_to_num(self._probability)[:, None] - right))
        with np.errstate(invalid="ignore", divide="ignore"):
            found = (
                both / (both + missed),
                neither / (neither + false),
                _kappa(both, missed, false, neither),
                off / total,
                squares / total,
            )
        return np.stack(found, axis=1)

    def category(self, at: int, name: str, estimates: Sequence[Estimate]) -> CategoryAudit:
        """What is found of the category at place `at`."""
        said_right, said_wrong = (np.asarray(side.sum(axis=1)) for side in (self._right, self._wrong))
        own = self._members[[at]].toarray()[0] > 0
        decided = own & (said_right != said_wrong)
        right, judged = said_right > said_wrong, self._judged
        untold = own & (said_right + said_wrong == 0)
        units = self.units[decided]
        prompts = units["prompt_id"].nunique()
        found = dict(zip(STATISTICS, estimates, strict=True))
        notes = list(_category_notes(right[decided], prompts, self.annotators))
        if len(units) < FEW_QUESTIONS and found["calibration"].value is not None:
            notes.append(
                f"only {len(units)} questions: the calibration error comes out too large, "
                "and its interval holds less often than it says"
            )
        return CategoryAudit(
            category=name,
            questions=int(decided.sum()),
            images=len(units.drop_duplicates(list(IMAGE))),
            prompts=prompts,
            both_right=int((decided & right & judged).sum()),
            only_judge_right=int((decided & ~right & judged).sum()),
            only_people_right=int((decided & right & ~judged).sum()),
            both_wrong=int((decided & ~right & ~judged).sum()),
            ties=int((own & ~decided & ~untold).sum()),
            untold=int(untold.sum()),
            **found,
            notes=tuple(notes),
        )


def _indicator(rows: Sequence[NDArray[Any]], count: int) -> sparse.csr_array:
    """A matrix of shape (count, n) whose columns have a 1 in the rows that each of `rows`, (n,), names."""
    n = len(rows[0])
    at = (np.concatenate(rows), np.tile(np.arange(n), len(rows)))
    return sparse.csr_array((np.ones(n * len(rows)), at), shape=(count, n))


def _kappa(both: Floats, missed: Floats, false: Floats, neither: Floats) -> Floats:
    """Cohen's (1960) of two raters' counts; NaN where chance alone explains everything."""
    total = both + missed + false + neither
    observed = (both + neither) / total
    chance = ((both + missed) * (both + false) + (neither + missed) * (neither + false)) / total**2
    return np.asarray(np.where(chance < 1, (observed - chance) / (1 - chance), np.nan))


def _category_notes(right: Bools, prompts: int, annotators: int) -> Iterator[str]:
    yield from few_prompts(prompts)
    if annotators < 2:
        yield "one annotator only: the intervals are over prompts alone, too narrow for what others would say"
    if len(right) and right.all():
        yield "people call every answer right: no specificity, and kappa says nothing"
    if len(right) and not right.any():
        yield "people call every answer wrong: no sensitivity, and kappa says nothing"


def _people_notes(told: pd.DataFrame, annotators: int, simulated: int) -> Iterator[str]:
    if simulated:
        yield f"SIMULATED: {simulated} of {annotators} annotators are programs, so people had no say in this"
    counts = told.groupby(list(QUESTION)).size()
    if single := int((counts == 1).sum()):
        yield f"{single} of {len(counts)} questions have one answer: people's word on them is one person's"
