"""A metric that asks questions has a column for each category of them, with intervals over prompts."""

import pytest

from nami_bench.domain import ImageRecord, ImageState, Prompt, Score
from nami_bench.evaluation.leaderboard.automatic import automatic_columns, automatic_score
from nami_bench.evaluation.leaderboard.columns import overall_column, task_columns
from nami_bench.evaluation.leaderboard.rows import PromptOrigin
from nami_bench.evaluation.questions.graph import Question
from nami_bench.evaluation.questions.judge import Answer
from nami_bench.evaluation.questions.results import Answered

COLOR, OBJECT = "attribute - color", "entity - whole"


def scored(prompt: int, sample: int, value: float | None, *answers: tuple[str, float]) -> Score:
    entries = [
        Answered(Question(number, "?", category=category), Answer("yes"), score).to_json()
        for number, (category, score) in enumerate(answers, 1)
    ]
    return Score("m", "s", f"{prompt:05d}", sample, "dpg", "judge", value, details={"answers": entries})


SCORES = [
    scored(0, 0, 1.0, (OBJECT, 1.0), (COLOR, 1.0)),
    scored(0, 1, 0.5, (OBJECT, 1.0), (COLOR, 0.0)),
    scored(1, 0, 0.0, (OBJECT, 0.0), (COLOR, 1.0), (COLOR, 1.0)),  # what is zeroed counts before that
    scored(2, 0, 1.0, (OBJECT, 1.0)),
    scored(2, 1, None),
]
PROMPTS = {f"{n:05d}": Prompt(f"{n:05d}", f"prompt {n}") for n in range(3)}
RECORDS = [
    ImageRecord("m", "s", f"{n:05d}", sample, ImageState.DONE) for n in range(3) for sample in range(2)
]


def column():
    (found,) = automatic_columns(SCORES, [], {"s": PROMPTS}, {"s": PromptOrigin(3)})
    return found


def test_categories_are_means_over_all_questions_before_zeroing():
    assert column().tasks == ("attribute", "entity")
    found = automatic_score(column(), SCORES, RECORDS, PROMPTS)
    assert found.value == pytest.approx(2.5 / 4)
    assert found.tasks == {"attribute": pytest.approx(3 / 4), "entity": pytest.approx(3 / 4)}
    assert (found.images, found.expected) == (4, 6)
    for name, (low, high) in {n: (i.low, i.high) for n, i in found.task_intervals.items()}.items():
        assert 0 <= low < found.tasks[name] < high <= 1


def test_a_wider_level_gives_wider_intervals_of_categories_too():
    narrow, wide = (automatic_score(column(), SCORES, RECORDS, PROMPTS, level) for level in (0.8, 0.99))
    for name, inner in narrow.task_intervals.items():
        assert wide.task_intervals[name].low < inner.low < inner.high < wide.task_intervals[name].high


def test_columns_have_keys_and_titles_of_their_own():
    assert overall_column(column()).key == "dpg:s:judge:overall"
    assert [(c.key, c.title) for c in task_columns(column())] == [
        ("dpg:s:judge:attribute", "attribute"),
        ("dpg:s:judge:entity", "entity"),
    ]


def test_a_model_without_answers_has_no_categories():
    found = automatic_score(column(), SCORES[-1:], RECORDS, PROMPTS)
    assert (found.value, found.tasks, found.images) == (None, {}, 0)
