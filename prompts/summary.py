"""What a prompt set is made of, in numbers."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.resources import files
from statistics import mean, median
from typing import Any

from nami_bench.domain import Prompt, PromptSet
from nami_bench.domain.quoted import quoted
from nami_bench.prompts.geneval import geneval_metadata, geneval_prompt

_BIN = 10
_DPG_STATS = "dpg_bench_stats.json"


def summarize(prompt_set: PromptSet) -> dict[str, Any]:
    """Counts of the set and of each stratum, by source and by tag, of prompts with text in quotation marks
    ("quoted"), and lengths in words, as JSON values."""
    strata = dict.fromkeys(prompt.stratum for prompt in prompt_set.prompts)
    return {
        "count": len(prompt_set),
        "strata": {s: _described([p for p in prompt_set.prompts if p.stratum == s]) for s in strata},
    }


def yardsticks() -> dict[str, dict[str, Any]]:
    """Two well-known sets described as `summarize` describes a stratum, to read other sets' numbers by.

    GenEval's prompts are generated and counted; DPG-Bench's were counted once, and only the counts are kept.
    """
    geneval = [geneval_prompt(index, row) for index, row in enumerate(geneval_metadata())]
    dpg_bench = json.loads((files("nami_bench.prompts") / "data" / _DPG_STATS).read_bytes())
    return {"geneval": _described(geneval), "dpg-bench": dpg_bench}


def _described(prompts: Sequence[Prompt]) -> dict[str, Any]:
    tags = sorted({tag for prompt in prompts for tag in prompt.tags})
    words = [prompt.words for prompt in prompts]
    return {
        "count": len(prompts),
        "sources": _counts(prompt.source for prompt in prompts),
        "tags": {tag: _counts(value for p in prompts for value in _values(p, tag)) for tag in tags},
        "quoted": sum(bool(quoted(prompt.text)) for prompt in prompts),
        "words": {
            "min": min(words),
            "median": median(words),
            "mean": round(mean(words), 2),
            "max": max(words),
            "histogram": _histogram(words),
        },
    }


def _values(prompt: Prompt, tag: str) -> list[str]:
    """A tag may hold several values, as in "count, color"; each is counted."""
    return prompt.tags[tag].split(", ") if tag in prompt.tags else []


def _counts(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))


def _histogram(words: list[int]) -> dict[str, int]:
    """Numbers of prompts with 1-10 words, 11-20 words and so on; bins in between are kept though empty."""
    bins = Counter((count - 1) // _BIN for count in words)
    return {f"{at * _BIN + 1}-{(at + 1) * _BIN}": bins[at] for at in range(min(bins), max(bins) + 1)}
