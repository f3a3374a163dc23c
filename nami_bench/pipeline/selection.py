"""Which prompts of a set a limited run is about."""

from collections.abc import Sequence
from dataclasses import dataclass

from nami_bench.balance import balanced_order
from nami_bench.domain import SELECTION, Prompt
from nami_bench.errors import InputError

FIRST = "the first of the set"


@dataclass(frozen=True, slots=True)
class Selection:
    """`prompts` in the order of their set, and in `words` how they were chosen; None: all of them."""

    prompts: tuple[Prompt, ...]
    words: str | None = None

    @property
    def provenance(self) -> dict[str, str]:
        """What an image's record keeps of the selection that it was made in."""
        return {} if self.words is None else {SELECTION: self.words}


def select_prompts(
    prompts: Sequence[Prompt], *, limit: int | None = None, first: int | None = None, seed: int = 0
) -> Selection:
    """All of a set's prompts, `limit` balanced ones, or the `first`.

    Balanced: equally many of each stratum, in it of each GenEval task, and of each source where there is no
    task, drawn by `seed`. Those of a smaller limit are among those of a larger one. Raises InputError for a
    number below 1, and for both.
    """
    if limit is not None and first is not None:
        raise InputError("give --limit for a balanced part of the prompts or --first for the first, not both")
    for name, number in (("limit", limit), ("first", first)):
        if number is not None and number < 1:
            raise InputError(f"{name} must be at least 1, got {number}")
    number = limit or first
    if number is None or number >= len(prompts):
        return Selection(tuple(prompts))
    if first is not None:
        return Selection(tuple(prompts[:first]), FIRST)
    chosen = {p.id for p in balanced_order(prompts, _kinds, lambda prompt: prompt.id, seed, limit)}
    return Selection(tuple(p for p in prompts if p.id in chosen), _balance(prompts))


def _kinds(prompt: Prompt) -> tuple[str, str]:
    return prompt.stratum, prompt.task or f"source {prompt.source}"


def _balance(prompts: Sequence[Prompt]) -> str:
    parts: dict[str, set[str | None]] = {
        "strata": {prompt.stratum for prompt in prompts},
        "tasks": {prompt.task for prompt in prompts},
        "sources": {prompt.source for prompt in prompts if prompt.task is None},
    }
    over = [name for name, found in parts.items() if len(found) > 1]
    return f"balanced over {' and '.join(over)}" if over else "drawn at random"
