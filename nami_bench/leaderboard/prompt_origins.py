"""What is said of a prompt set beside its canonical hash: the file it is from, and what is rewritten."""

from dataclasses import asdict
from typing import Any

from nami_bench.domain import PromptSet
from nami_bench.leaderboard.rows import PromptOrigin
from nami_bench.prompts.rewrites import original_of


def prompt_origin(prompt_set: PromptSet) -> PromptOrigin:
    """The set's file, and how many of its prompts are rewrites."""
    rewritten = sum(original_of(prompt) is not None for prompt in prompt_set.prompts)
    return PromptOrigin(len(prompt_set), rewritten, prompt_set.file)


def identity(prompt_set: PromptSet) -> dict[str, Any]:
    """What identifies a set, as JSON values: the canonical hash, the file and its hash, what is rewritten."""
    origin = prompt_origin(prompt_set)
    return {"name": prompt_set.name, "sha256": prompt_set.sha256, **asdict(origin)}


def origin_note(name: str, sha256: str, origin: PromptOrigin | None) -> str:
    """One sentence on the hashes of a set, and one on its rewrites."""
    note = f"Prompt set {name}: canonical sha256 {sha256}"
    if origin is not None and origin.file is not None:
        note += f"; its file {origin.file.name}: sha256 {origin.file.sha256}"
    if origin is not None and origin.rewritten:
        note += (
            f". {origin.rewritten} of its {origin.prompts} prompts are rewritten: scores on them are not "
            "scores on the original prompts"
        )
    return f"{note}."
