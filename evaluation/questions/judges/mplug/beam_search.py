"""The search for an answer, as the published code has it.

An ordinary beam search takes finished answers out of the beams. Here they stay, and are extended behind their
end, so that fewer others are looked at; and the search ends as soon as the best beam does. Both change
answers.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

START, END = 101, 102
LENGTH_EXPONENT = 0.6
"""Of the divisor by which answers of different lengths are compared (Wu et al., 2016, equation 14)."""

_NEVER = -1e20

NextLogits = Callable[[Tensor, Tensor, int], Tensor]
"""Of the last tokens (n x beams), the row that each beam goes on from, and their place: logits
(n x beams, words)."""


@dataclass(frozen=True, slots=True)
class Search:
    """Steps before which no answer ends and after which all do, and the number of beams."""

    min_length: int
    max_length: int
    beams: int


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """An answer's tokens, from START on, and its score: log-probability over the length's divisor."""

    score: float
    tokens: tuple[int, ...]


@torch.inference_mode()
def beam_search(
    next_logits: NextLogits, questions: int, search: Search, device: torch.device
) -> list[list[Hypothesis] | None]:
    """The finished answers of each of so many questions, at least one for each beam, the best first.

    None for a question whose logits are not finite. Each question's search ends by itself: what stands beside
    it changes nothing.
    """
    beams = _Beams(questions, search.beams, device)
    found: list[list[Hypothesis]] = [[] for _ in range(questions)]
    running, lost = set(range(questions)), set[int]()
    for step in range(search.max_length):
        logits = next_logits(beams.tokens[..., -1].flatten(), beams.rows.flatten(), step)
        finite = logits.isfinite().view(questions, -1).all(dim=1).tolist()
        lost |= {question for question in running if not finite[question]}
        scores = beams.advance(logits, step, may_end=step >= search.min_length).tolist()
        answers = beams.tokens.tolist()
        for question in running - lost:
            over = answers[question][0][-1] == END or step == search.max_length - 1
            found[question] += _ended(scores[question], answers[question], over)
            if over:
                running.remove(question)
        if running <= lost:
            break
    return [None if question in lost else _best_first(one) for question, one in enumerate(found)]


def _ended(scores: Sequence[float], answers: Sequence[Sequence[int]], over: bool) -> list[Hypothesis]:
    """The beams that end with this step: all, where the search is over."""
    beams = zip(scores, answers, strict=True)
    return [Hypothesis(score, tuple(tokens)) for score, tokens in beams if over or tokens[-1] == END]


def _best_first(found: list[Hypothesis]) -> list[Hypothesis]:
    """Sorting is stable: of equal scores the earlier stays in front."""
    return sorted(found, key=lambda hypothesis: -hypothesis.score)


class _Beams:
    """The beams of n questions: `tokens` (n, beams, length), log-probabilities `totals` (n, beams), and
    `rows` (n, beams), which of the n x beams rows of the step before each comes from."""

    def __init__(self, questions: int, beams: int, device: torch.device) -> None:
        self.tokens = torch.full((questions, beams, 1), START, device=device)
        self.rows = torch.arange(questions * beams, device=device).view(questions, beams)
        self.totals = torch.full((questions, beams), -math.inf, device=device)
        self.totals[:, 0] = 0  # all are the same yet: one counts
        self._first = self.rows[:, :1].clone()

    def advance(self, logits: Tensor, step: int, may_end: bool) -> Tensor:
        """Extend by the best tokens of logits (n x beams, words); the new beams' scores (n, beams)."""
        questions, beams, _ = self.tokens.shape
        words = logits.shape[-1]
        added = logits.softmax(dim=-1).log().view(questions, beams, words)
        if not may_end:
            added[..., END] = _NEVER
        divisor = ((5 + step + 1) / 6) ** LENGTH_EXPONENT
        candidates: Tensor = (self.totals[..., None] + added) / divisor
        scores, places = candidates.flatten(1).topk(beams)
        # Not gathered from the sums: divided and multiplied again, float32 rounds as in the published code.
        self.totals = scores * divisor
        self.rows = self._first + places // words
        before = self.tokens.flatten(0, 1)[self.rows]
        self.tokens = torch.cat([before, (places % words)[..., None]], dim=-1)
        return scores
