"""How the answer to a question is read: from the probabilities of its first token, or from its words."""

from collections.abc import Callable, Sequence
from typing import Literal

from nami_bench.evaluation.questions.judge import Answer
from nami_bench.evaluation.vqa.question import YES_OR_NO, measurement, spoken

Probability = Literal["spellings", "yes"]
"""Which probability a judge gives.

"spellings": GenEval 2's, the sum over `spellings`, however small: to say something else entirely is to give
the right answer no probability. "yes": that of all tokens that read as the expected yes or no; a model that
says neither has no answer (a `problem`), as in VQAScore. A question that expects anything else gets words
alone.
"""

YES_SPELLINGS = ("Yes", "yes", " yes", " Yes")
_DIGITS = {
    word: str(number)
    for number, word in enumerate(
        ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"), 1
    )
}


def spellings(text: str, expected: str) -> tuple[str, ...]:
    """The ways to write the answer that a question counts as right, by GenEval 2's rule.

    Whether it asks for a number shows in its first words, "How many": then a number up to ten is written in
    words and in digits (for any other answer the benchmark puts the word "other" in the digits' place).
    To every other question the right answer is yes, whatever is listed.
    """
    if not text.startswith("How many"):
        return YES_SPELLINGS
    word, digits = expected.capitalize(), _DIGITS.get(expected, "other")
    return (expected, word, f" {expected}", f" {word}", digits, f" {digits}")


def probability_of(written: Sequence[str], first: Callable[[str], float]) -> float:
    """The sum over spellings of the probability of each one's first token, which `first` gives.

    GenEval 2 sums over spellings, not over different tokens, so that a token with which two of them begin
    counts twice; the sum is cut off at 1. With Qwen's tokenizer " 3" begins with a bare space, and "10" with
    "1".
    """
    return min(1.0, sum(map(first, written)))


def yes_or_no_answer(
    expected: str, said: str, tokens: Sequence[tuple[str, float]], likeliest: Sequence[str]
) -> Answer:
    """The answer by the probability "yes"; `tokens` and `likeliest` as in VQAScore's `measurement`.

    `details`: "yes" and "no", the probabilities of all ways to write these.
    """
    if (right := _yes_or_no(expected)) is None:
        return Answer(said)
    found = measurement(tokens, likeliest)
    if found.value is None:
        return Answer(problem=found.reason)
    return Answer(said, found.details[right], details=found.details)


def problem_of_words(probability: Probability, expected: str, said: str) -> str | None:
    """Why words are no answer: where a yes or a no is to be read, and they begin with neither."""
    if probability == "yes" and _yes_or_no(expected) and spoken(said) is None:
        return f"the model does not answer yes or no: {said!r}"
    return None


def _yes_or_no(expected: str) -> str | None:
    word = expected.strip().lower()
    return word if word in YES_OR_NO else None
