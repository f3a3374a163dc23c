"""The table of people's answers to questions: one row for each answer, or for a question that was not asked.

| column | dtype | holds |
|---|---|---|
| study, annotator, model, prompt_id | category of str | names; "00012" stays a text |
| sample | int64 | number of the image among those of its prompt, from 0 |
| question | int64 | the question's id; ids are those of one prompt |
| text, category | str | the question as it was asked, and what it is about; "" where that is not known |
| answer | str | yes, no, cannot tell, or not asked |
| duration_ms | Int64 | time on the image; missing where it is not known |
| created_at | datetime64[us, UTC] | missing where it is not known |

It is the tidy table of ratings (`nami_bench.evaluation.human.table`) in other words: a question's criterion
is its id, yes is 1, no is 0, and the other two answers are the reasons for no value.
"""

import pandas as pd

from nami_bench.domain.question import CANNOT_TELL, NOT_ASKED, VALUES, Questions
from nami_bench.evaluation.human.table import COLUMNS as RATINGS_COLUMNS
from nami_bench.evaluation.human.table import IMAGE, typed

ANSWERS = (*VALUES, CANNOT_TELL, NOT_ASKED)
QUESTION = (*IMAGE, "question")
"""What tells questions about images apart."""

KEY = ("study", "annotator", *QUESTION)
COLUMNS = (*KEY, "text", "category", "answer", "duration_ms", "created_at")

_WORDS = {value: word for word, value in VALUES.items()}


def answers_table(ratings: pd.DataFrame, questions: Questions) -> pd.DataFrame:
    """The answers of a tidy table of ratings, in its order; `questions` are the study's, by prompt's id."""
    known = {(prompt, q.id): q for prompt, asked in questions.items() for q in asked}
    ids = ratings["criterion"].astype(str).astype("int64")
    asked = [known[key] for key in zip(ratings["prompt_id"].astype(str), ids, strict=True)]
    answer = ratings["value"].map(_WORDS).astype(object)
    return ratings.assign(
        question=ids,
        text=[question.text for question in asked],
        category=[question.category for question in asked],
        answer=answer.where(answer.notna(), ratings["reason"].astype(object)),
    )[list(COLUMNS)]


def answers_ratings(answers: pd.DataFrame) -> pd.DataFrame:
    """The tidy table of ratings of such a table, in its order; the inverse of `answers_table`."""
    given = answers["answer"].isin(tuple(VALUES))
    found = answers.assign(
        criterion=answers["question"].astype(str),
        value=answers["answer"].map(dict(VALUES)).astype(float),
        reason=answers["answer"].mask(given, None),
    )
    return typed(found[list(RATINGS_COLUMNS)])
