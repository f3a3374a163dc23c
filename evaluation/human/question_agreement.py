"""How far people agree in their answers to questions: Krippendorff's alpha, by category."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from nami_bench.domain.question import CANNOT_TELL, NO, NOT_ASKED, VALUES, YES
from nami_bench.evaluation.human.agreement import Alpha, krippendorff_alpha
from nami_bench.evaluation.human.answers_table import QUESTION

ALL = "all"
"""Stands in the place of a category, or a model, where all are taken together."""


@dataclass(frozen=True, slots=True)
class QuestionAgreement:
    """Agreement on the questions of a category about one model's images, or on all.

    `alpha`: nominal, of yes and no; a unit is a question about an image that two people or more answered so.
    The others count answers.
    """

    model: str
    category: str
    alpha: Alpha
    yes: int
    no: int
    cannot_tell: int
    not_asked: int

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def question_agreement(
    answers: pd.DataFrame, *, by_model: bool = False, replicates: int = 1000, seed: int = 0
) -> tuple[QuestionAgreement, ...]:
    """Agreement on all questions, then by category, in order of their names; then the same for each model.

    `answers` is the table of `nami_bench.evaluation.human.answers_table`, of one study.
    """
    # By names, whatever order the table's categories are in.
    answers = answers.astype({"model": str, "prompt_id": str})
    parts = list(_parts(ALL, answers))
    if by_model:
        for model, rows in answers.groupby("model", sort=True):
            parts += _parts(str(model), rows)
    return tuple(_agreement(*part, replicates=replicates, seed=seed) for part in parts)


def _parts(model: str, answers: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    yield model, ALL, answers
    for category, rows in answers.groupby("category", sort=True):
        yield model, str(category), rows


def _agreement(
    model: str, category: str, answers: pd.DataFrame, *, replicates: int, seed: int
) -> QuestionAgreement:
    unit = np.asarray(answers.groupby(list(QUESTION), sort=True).ngroup(), dtype=np.int64)
    value = np.asarray(answers["answer"].map(dict(VALUES)), dtype=np.float64)
    counts = answers["answer"].value_counts()
    yes, no, cannot_tell, not_asked = (int(counts.get(one, 0)) for one in (YES, NO, CANNOT_TELL, NOT_ASKED))
    alpha = krippendorff_alpha(unit, value, "nominal", replicates=replicates, seed=seed)
    return QuestionAgreement(model, category, alpha, yes, no, cannot_tell, not_asked)
