"""What is said of a prompt set beside its canonical hash: the file it is from, and what is rewritten."""

from dataclasses import asdict
from typing import Any

from nami_bench.domain import PromptSet
from nami_bench.evaluation.leaderboard.rows import PromptOrigin
from nami_bench.prompts.rewrites import original_of


def prompt_origin(prompt_set: PromptSet) -> PromptOrigin:
    """The set's file, and how many of its prompts are rewrites."""
    rewritten = sum(original_of(prompt) is not None for prompt in prompt_set.prompts)
    return PromptOrigin(len(prompt_set), rewritten, prompt_set.file)


def identity(prompt_set: PromptSet) -> dict[str, Any]:
    """What identifies a set, as JSON values: the canonical hash, the file and its hash, what is rewritten."""
    origin = prompt_origin(prompt_set)
    return {"name": prompt_set.name, "sha256": prompt_set.sha256, **asdict(origin)}
