"""GenEval 2 as a metric, and its figures (facebookresearch/GenEval2 at a6e82d2).

The benchmark's file is CC-BY-NC and is brought by whoever measures; see
`nami_bench.evaluation.questions.geneval2_file`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from nami_bench.errors import InputError
from nami_bench.evaluation.questions.answers import spellings
from nami_bench.evaluation.questions.categories import CategoryScore, category_scores, mean_scores
from nami_bench.evaluation.questions.graph import Item, Question, QuestionSet, refuse
from nami_bench.evaluation.questions.judge import Answer, Reading
from nami_bench.evaluation.questions.metric import QuestionMetric
from nami_bench.evaluation.questions.question_file import Form, inspect_questions
from nami_bench.evaluation.questions.rules import arithmetic_mean, geometric_mean


class Method(StrEnum):
    """How an image's score, 0..1, comes from the answers."""

    SOFT_TIFA_GM = "soft-tifa-gm"
    """The geometric mean of the right answers' probabilities: the benchmark's headline."""
    SOFT_TIFA_AM = "soft-tifa-am"
    """Their arithmetic mean."""
    TIFA = "tifa"
    """The share of questions to which the likeliest first token is a right answer."""
    VQASCORE = "vqascore"
    """The probability of yes to one question about the whole prompt."""


class GenEval2(QuestionMetric):
    """GenEval 2: Soft-TIFA, and the two methods that it is compared with.

    Published with Qwen/Qwen3-VL-8B-Instruct in bfloat16, which is the judge `transformers`, template
    "one-word", probability "spellings" and one token; for vqascore the template is "plain", since the
    question holds its own instruction. These are what a judge is given unless `judge_options` says otherwise.

    `details` of a result: "atom_count", the prompt's atomicity, beside the answers, whose category is the
    skill. `skill_scores` and `atomicity_scores` make the benchmark's tables of them.
    """

    @dataclass(frozen=True, slots=True)
    class Options(QuestionMetric.Options):
        """`questions`: GenEval 2's JSONL."""

        method: Method = Method.SOFT_TIFA_GM

    name = "geneval2"
    options: Options

    @property
    def reading(self) -> Reading:
        """Words for tifa, otherwise probabilities."""
        return Reading.WORD if self.options.method is Method.TIFA else Reading.PROBABILITY

    def _judge_defaults(self) -> Mapping[str, Any]:
        template = "plain" if self.options.method is Method.VQASCORE else "one-word"
        return {"template": template, "probability": "spellings", "max_new_tokens": 1}

    def _read(self) -> QuestionSet:
        path = self.options.questions
        found = inspect_questions(path)
        if found.form is not Form.GENEVAL2:
            raise InputError(f"{path} is not GenEval 2's file: its questions are in the form of {found.form}")
        refuse(path, found.defects)
        if self.options.method is Method.VQASCORE:
            return replace(found.questions, items=tuple(map(_whole, found.questions.items)))
        return found.questions

    @property
    def _settings(self) -> tuple[str, ...]:
        return (self.options.method.value,)

    def _details(self, item: Item) -> Mapping[str, Any]:
        return item.extra

    def _score(self, question: Question, answer: Answer) -> float:
        if self.options.method is Method.TIFA:
            return tifa_score(question, answer)
        if answer.probability is None:
            raise InputError(
                f"metric 'geneval2': the judge {self.options.judge!r} gives no probabilities, which "
                f"{self.options.method} needs: take another judge, or method=tifa"
            )
        return answer.probability

    def _mean(self, scores: Sequence[float]) -> float:
        headline = self.options.method is Method.SOFT_TIFA_GM
        return geometric_mean(scores) if headline else arithmetic_mean(scores)


def tifa_score(question: Question, answer: Answer) -> float:
    """1 where what the judge said, in small letters, is one of the right answer's spellings as written.

    So " yes" and "Two" are right, and "10" is not where a token holds one digit: the judge says "1".
    """
    return float((answer.text or "").lower() in spellings(question.text, question.expected))


def skill_scores(results: Iterable[tuple[str, Mapping[str, Any]]]) -> tuple[CategoryScore, ...]:
    """By skill, over all questions of all images; `results`: (prompt, details of its result) each."""
    return category_scores((prompt, details["answers"]) for prompt, details in results).detailed


def atomicity_scores(results: Iterable[tuple[str, Mapping[str, Any]]]) -> tuple[CategoryScore, ...]:
    """By a prompt's number of atoms, ascending: the geometric mean of an image's question scores, averaged.

    `results` as in `skill_scores`; raises ValueError where the details are not this metric's.
    """
    found: dict[int, list[tuple[str, str, float]]] = defaultdict(list)
    for prompt, details in results:
        atoms = details.get("atom_count")
        if not isinstance(atoms, int):
            raise ValueError("the details of a result hold no 'atom_count'")
        scores = [float(answer["score"]) for answer in details["answers"]]
        found[atoms].append((str(atoms), prompt, geometric_mean(scores)))
    return tuple(score for atoms in sorted(found) for score in mean_scores(found[atoms]))


def _whole(item: Item) -> Item:
    """The same prompt with vqascore's one question, in the published words."""
    text = f'Does this image show "{item.prompt}"? Answer the question with Yes or No.'
    return replace(item, questions=(Question(1, text),))
