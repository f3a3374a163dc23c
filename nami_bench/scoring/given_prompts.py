"""Prompts in all the forms in which Python programs have them."""

from collections.abc import Iterable, Mapping
from typing import Any

from nami_bench.domain import Prompt, prompt_id
from nami_bench.domain.clauses import CLAUSE_KEYS, clause_fields, has_clauses, parse_clauses
from nami_bench.errors import InputError

_FORMS = "a text, a Prompt, or GenEval metadata (an object with 'prompt')"
_OF_A_SET = {"id", "prompt", "stratum", "source", "tags"}


def given_prompts(prompts: Any, images: int) -> tuple[Prompt, ...]:
    """One prompt for each image; a single one is that of all of them.

    A prompt is a text, a `Prompt`, a line of GenEval's metadata, whose further keys are kept as `extra`, or a
    line of a prompt set. Raises InputError for another form, malformed clauses, or another number of them.
    """
    if isinstance(prompts, str | Prompt | Mapping):
        return (_given(prompts, 0),) * images
    if not isinstance(prompts, Iterable):
        raise InputError(f"prompts must be {_FORMS}, one for each image, got {type(prompts).__name__}")
    found = tuple(_given(prompt, place) for place, prompt in enumerate(prompts))
    if len(found) != images:
        raise InputError(f"there are {images} images and {len(found)} prompts: one is needed for each image")
    return found


def _given(prompt: Any, place: int) -> Prompt:
    if isinstance(prompt, Prompt):
        return prompt
    if isinstance(prompt, str):
        return Prompt(prompt_id(place), prompt)
    if not isinstance(prompt, Mapping):
        raise InputError(f"prompt {place} must be {_FORMS}, got {type(prompt).__name__}")
    if not isinstance(prompt.get("prompt"), str):
        raise InputError(f"prompt {place} has no text under 'prompt'")
    return _of_a_set(prompt, place) if prompt.keys() >= _OF_A_SET else _of_metadata(prompt, place)


def _of_a_set(line: Mapping[str, Any], place: int) -> Prompt:
    try:
        found = Prompt.from_json(line)
    except (TypeError, ValueError) as error:
        raise InputError(f"prompt {place} is no line of a prompt set: {error}") from error
    if found.geneval is not None:
        parse_clauses(found.metadata(), f"prompt {place}")
    return found


def _of_metadata(line: Mapping[str, Any], place: int) -> Prompt:
    clauses = None
    if has_clauses(line):
        parse_clauses(line, f"prompt {place}")
        clauses = clause_fields(line)
    extra = {key: value for key, value in line.items() if key not in ("prompt", *CLAUSE_KEYS)}
    return Prompt(prompt_id(place), line["prompt"], geneval=clauses, extra=extra)
