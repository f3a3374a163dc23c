"""What a prompt set is made of, in numbers."""

from collections import Counter
from collections.abc import Iterable
from statistics import mean, median
from typing import Any

from nami_bench.domain import Prompt, PromptSet

_BIN = 10


def summarize(prompt_set: PromptSet) -> dict[str, Any]:
    """Counts of the set and of each stratum, by source and by tag, and lengths in words, as JSON values."""
    strata = dict.fromkeys(prompt.stratum for prompt in prompt_set.prompts)
    return {
        "count": len(prompt_set),
        "strata": {s: _stratum([p for p in prompt_set.prompts if p.stratum == s]) for s in strata},
    }


def _stratum(prompts: list[Prompt]) -> dict[str, Any]:
    tags = sorted({tag for prompt in prompts for tag in prompt.tags})
    words = [prompt.words for prompt in prompts]
    return {
        "count": len(prompts),
        "sources": _counts(prompt.source for prompt in prompts),
        "tags": {tag: _counts(p.tags[tag] for p in prompts if tag in p.tags) for tag in tags},
        "words": {
            "min": min(words),
            "median": median(words),
            "mean": round(mean(words), 2),
            "max": max(words),
            "histogram": _histogram(words),
        },
    }


def _counts(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))


def _histogram(words: list[int]) -> dict[str, int]:
    """Numbers of prompts with 1-10 words, 11-20 words and so on; bins in between are kept though empty."""
    bins = Counter((count - 1) // _BIN for count in words)
    return {f"{at * _BIN + 1}-{(at + 1) * _BIN}": bins[at] for at in range(min(bins), max(bins) + 1)}
