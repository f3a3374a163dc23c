"""Prompts that people propose: checked, taken in, accepted, handed over."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from nami_bench.domain import PromptSubmission, SubmissionState
from nami_bench.errors import InputError, RefusedError, one_line
from nami_bench.pipeline.known_prompts import KnownPrompts, Neighbour

if TYPE_CHECKING:
    from nami_bench.store import Store

_WORDS = {
    "too_short": "the prompt is too short",
    "too_long": "the prompt is too long",
    "hidden_characters": "the prompt has invisible or control characters: type it rather than paste it",
    "safety": "the prompt has a sexual or violent word, which the benchmark's filter drops",
    "personal": "the prompt has an address, a link, an account or a telephone number",
    "switches": "the prompt has another program's switches or weights (--ar 16:9, ::2)",
    "duplicate": "this prompt is there already",
    "near_duplicate": "nearly the same prompt is there already",
}
"""What keeps a text from being proposed or accepted, by key."""


def text_problems(text: str, max_words: int, nearest: Neighbour | None) -> tuple[str, ...]:
    """Keys of what is wrong with a cleaned text; `nearest` is the known prompt most like it."""
    from prompts.duplicates import NEAR_DUPLICATES
    from prompts.proposing import proposal_problems

    found = proposal_problems(text, max_words)
    if nearest is None or nearest.similarity < NEAR_DUPLICATES:
        return found
    return (*found, "duplicate" if nearest.similarity == 1 else "near_duplicate")


def propose_prompt(
    store: "Store", known: KnownPrompts, submission: PromptSubmission, max_words: int, address: str = ""
) -> None:
    """Check a prompt and take it in.

    Its text must be clean (`prompts.assembly.clean_text`). Raises RefusedError with the first key of
    `text_problems`, or for too many.
    """
    _refuse_problems(submission.text, max_words, known.nearest(submission.text))
    store.add_prompt_submission(submission, address)


def accept_submission(
    store: "Store",
    known: KnownPrompts,
    submission_id: str,
    by: str,
    max_words: int,
    *,
    text: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> PromptSubmission:
    """Accept a submission, as it is or with another text or other tags.

    It is checked like a new one, but that others wait which are like it does not matter. Raises RefusedError
    with the first key of `text_problems`, or `decided`.
    """
    from prompts.assembly import clean_text

    pending = store.prompt_submission(submission_id)
    chosen = pending.text if text is None else clean_text(text)
    if pending.state is SubmissionState.PENDING:
        _refuse_problems(chosen, max_words, known.nearest(chosen, with_pending=False))
    return store.accept_prompt_submission(submission_id, by, chosen, tags)


def refuse_submission(store: "Store", submission_id: str, by: str, reason: str) -> PromptSubmission:
    """Refuse a submission for a reason of one to 500 printable characters, which its author is shown."""
    return store.refuse_prompt_submission(submission_id, by, one_line(reason, 500))


def export_submissions(store: "Store") -> tuple[bytes, int]:
    """The accepted submissions as the file that the source `submissions` reads, and their number.

    Raises InputError where none is accepted.
    """
    from prompts.submissions import submissions_jsonl

    accepted = store.prompt_submissions(SubmissionState.ACCEPTED)
    if not accepted:
        raise InputError(
            "no submission is accepted yet: `nami-bench prompts submissions list` shows those that wait"
        )
    return submissions_jsonl(accepted), len(accepted)


def _refuse_problems(text: str, max_words: int, nearest: Neighbour | None) -> None:
    for problem in text_problems(text, max_words, nearest):
        raise RefusedError(problem, _WORDS[problem])
