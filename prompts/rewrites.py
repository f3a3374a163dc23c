"""Prompts that are rewrites of others: how a line says so, and how rewrites of GenEval's are known unsaid."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from nami_bench.domain import Prompt
from nami_bench.domain.clauses import demand_key, has_clauses
from nami_bench.errors import InputError
from nami_bench.prompts.geneval import geneval_metadata

KEY = "rewritten_from"
OTHER_KEYS = ("original_prompt", "prompt_original", "original", "raw_prompt", "old_prompt", "prompt_old")
"""Further keys, or columns, in which files keep the text that a prompt was rewritten from."""


def original_text(text: str, row: Mapping[str, Any], where: str) -> str | None:
    """The text of the prompt that `text` is a rewrite of, None where it is none.

    It is what the line `row` says under KEY or one of OTHER_KEYS, or else the text of the official GenEval
    prompt that has the same clauses. A text that a rewriter left as it was is no rewrite. Raises InputError
    where KEY holds no text.
    """
    said = row.get(KEY)
    if said is not None and (not isinstance(said, str) or not said.strip()):
        raise InputError(f"{where}: {KEY!r} must be the text of the original prompt, got {said!r}")
    kept = [row[key] for key in (KEY, *OTHER_KEYS) if isinstance(row.get(key), str) and row[key].strip()]
    original = kept[0] if kept else _official(row)
    return None if original is None or _words(original) == _words(text) else original


def original_of(prompt: Prompt) -> str | None:
    """The same for a prompt that may have been recorded before rewrites were."""
    if prompt.rewritten_from is not None or prompt.geneval is None:
        return prompt.rewritten_from
    return original_text(prompt.text, {**prompt.extra, **prompt.geneval}, f"prompt {prompt.id}")


def _official(row: Mapping[str, Any]) -> str | None:
    return _official_texts().get(demand_key(row)) if has_clauses(row) else None


@cache
def _official_texts() -> Mapping[str, str]:
    """GenEval's 553 texts by what they demand: no two demand the same."""
    return {demand_key(row): row["prompt"] for row in geneval_metadata()}


def _words(text: str) -> list[str]:
    return text.split()
