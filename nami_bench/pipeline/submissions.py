"""Prompts that people propose: checked, taken in, accepted, handed over."""

from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Findings:
    """What is wrong with a text, as keys, the gravest first; and the known prompt most like it."""

    problems: tuple[str, ...]
    nearest: Neighbour | None


def examine_text(known: KnownPrompts, text: str, max_words: int, *, with_pending: bool = True) -> Findings:
    """Check a cleaned text (`nami_bench.prompts.assembly.clean_text`); what is too long is not looked up."""
    from nami_bench.prompts.duplicates import NEAR_DUPLICATES
    from nami_bench.prompts.proposing import proposal_problems

    problems = proposal_problems(text, max_words)
    if "too_long" in problems:
        return Findings(problems, None)
    nearest = known.nearest(text, with_pending=with_pending)
    if nearest is None or nearest.similarity < NEAR_DUPLICATES:
        return Findings(problems, nearest)
    return Findings((*problems, "duplicate" if nearest.similarity == 1 else "near_duplicate"), nearest)


def propose_prompt(
    store: "Store", known: KnownPrompts, submission: PromptSubmission, max_words: int, address: str = ""
) -> None:
    """Check a prompt, whose text must be clean (`nami_bench.prompts.assembly.clean_text`), and take it in.

    Raises RefusedError with the first key of `examine_text`, or `too_many`.
    """
    _refuse_problems(examine_text(known, submission.text, max_words))
    store.proposals.add(submission, address)


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
    with the first key of `examine_text`, or `decided`.
    """
    from nami_bench.prompts.assembly import clean_text

    pending = store.proposals.get(submission_id)
    chosen = pending.text if text is None else clean_text(text)
    if pending.state is SubmissionState.PENDING:
        _refuse_problems(examine_text(known, chosen, max_words, with_pending=False))
    return store.proposals.accept(submission_id, by, chosen, tags)


def refuse_submission(store: "Store", submission_id: str, by: str, reason: str) -> PromptSubmission:
    """Refuse a submission for a reason of one to 500 printable characters, which its author is shown."""
    return store.proposals.refuse(submission_id, by, one_line(reason, 500))


def export_submissions(store: "Store") -> tuple[bytes, int]:
    """The accepted submissions as the file that the source `submissions` reads, and their number.

    Raises InputError where none is accepted.
    """
    from nami_bench.prompts.submissions import submissions_jsonl

    accepted = store.proposals.all(SubmissionState.ACCEPTED)
    if not accepted:
        raise InputError(
            "no submission is accepted yet: `nami-bench prompts submissions list` shows those that wait"
        )
    return submissions_jsonl(accepted), len(accepted)


def _refuse_problems(found: Findings) -> None:
    for problem in found.problems:
        raise RefusedError(problem, _WORDS[problem])
