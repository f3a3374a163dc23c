"""Questions about the image of a prompt, which may depend on each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from nami_bench.domain.criteria import Criterion
from nami_bench.errors import InputError

YES, NO = "yes", "no"
VALUES: Mapping[str, float] = {YES: 1.0, NO: 0.0}
"""What people's answers are as ratings."""

CANNOT_TELL = "cannot tell"
NOT_ASKED = "not asked"
"""The two reasons for which a question has neither yes nor no from people."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question about an image.

    `id` tells it apart within its item. `expected` is the answer that counts as right. An image in which the
    answer to one of `parents`, ids of the same item, is wrong cannot be right here. `category` is what scores
    are grouped by, such as "attribute - color". `line` is where it stands in its file, from 1 on; 0: nowhere.
    """

    id: int
    text: str
    expected: str = YES
    parents: tuple[int, ...] = ()
    category: str = ""
    line: int = field(default=0, compare=False)

    @property
    def broad_category(self) -> str:
        """The category up to its first dash: "attribute"."""
        return self.category.split("-", 1)[0].strip()

    @property
    def criterion(self) -> str:
        """The name of the criterion that stands for it in a study."""
        return str(self.id)


Questions = Mapping[str, tuple[Question, ...]]
"""By a prompt's id."""


def asked_of_people(question: Question) -> Question:
    """The question as one that is answered with yes or no.

    Where another answer is expected, people are asked whether it is that one: "How many dogs are there?
    Three?", and yes is right.
    """
    expected = question.expected.strip()
    if expected.lower() in VALUES:
        return replace(question, expected=expected.lower())
    return replace(question, text=f"{question.text} {expected[:1].upper()}{expected[1:]}?", expected=YES)


def not_asked(questions: Sequence[Question], values: Mapping[str, float]) -> set[str]:
    """The criteria of the questions that are not asked.

    `values` are the answers so far, by criterion, as in `VALUES`. A question is not asked where one of its
    parents has the wrong answer or is not asked itself; one that nobody can tell, or has not answered, closes
    nothing.
    """
    closed = {q.id for q in questions if q.criterion in values and values[q.criterion] != VALUES[q.expected]}
    unasked: set[int] = set()
    while new := {q.id for q in questions if q.id not in unasked and closed & set(q.parents)}:
        unasked |= new
        closed |= new
    return {q.criterion for q in questions if q.id in unasked}


def criteria_of_questions(questions: Questions) -> tuple[Criterion, ...]:
    """One criterion for each id that occurs, whichever prompts have it: no is 0 and yes is 1."""
    ids = sorted({question.id for asked in questions.values() for question in asked})
    return tuple(
        Criterion(str(number), 1.0, 0.0, 1.0, {value: word for word, value in VALUES.items()}, 1.0)
        for number in ids
    )


def check_questions(questions: Questions) -> None:
    """Raise InputError for what people cannot be asked."""
    for prompt_id, asked in questions.items():
        ids = {question.id for question in asked}
        if not asked or len(ids) < len(asked):
            raise InputError(f"the questions about prompt {prompt_id} are none, or two have one id")
        for question in asked:
            if question.expected not in VALUES or not ids.issuperset(question.parents):
                raise InputError(
                    f"question {question.id} about prompt {prompt_id} must expect yes or no, and depend only "
                    "on questions about the same prompt"
                )
