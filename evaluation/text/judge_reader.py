"""Reading by a model that is asked to: any judge of nami_bench.judges."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nami_bench.domain.question import Question
from nami_bench.evaluation.questions.judge import Answer, Sheet
from nami_bench.evaluation.questions.judge_making import create_judge
from nami_bench.evaluation.text.reader import Page, ReadText

READ = Question(
    1,
    "Recognize the text in the image, only reply with the text content, but avoid repeating previously "
    "mentioned content. If no text is recognized, please reply with 'No text recognized'.",
    expected="",
)
"""The words of OneIG-Bench and of LongText-Bench."""
_WORDS = "read-1"
_PLAIN = {"template": "plain", "logprobs": False}
"""Options of judges, where they have them: the question alone, and an answer in words."""


class JudgeReader:
    """Reads with the words of OneIG-Bench and of LongText-Bench, which ask Qwen2.5-VL-7B-Instruct.

    What is said is read without boxes. An answer that is cut off at the page's `longest` is read as it is.
    """

    speaks = True

    def __init__(self, judge: str, options: Mapping[str, Any]) -> None:
        self.judge = create_judge(judge, _PLAIN, options)

    @property
    def identity(self) -> str:
        """The judge and the words."""
        return f"{self.judge.identity}+{_WORDS}"

    @property
    def runs_on(self) -> Mapping[str, str]:
        """What the judge says of its device and dtype."""
        return self.judge.runs_on

    @property
    def libraries(self) -> tuple[str, ...]:
        """The packages that the judge computes with."""
        return self.judge.libraries

    def read(self, pages: Iterable[Page]) -> Iterator[ReadText]:
        """Yield what the judge says that it reads on each page."""
        sheets = (Sheet(page.image, (READ,), page.longest) for page in pages)
        return (_as_read(answer) for (answer,) in self.judge.answer(sheets))


def _as_read(answer: Answer) -> ReadText:
    if answer.text is None:
        return ReadText(problem=answer.problem or "the judge gives no words", details=answer.details)
    return ReadText.of_words(answer.text, answer.details)
