"""The rules that pause an annotator. They look at what was sent and change nothing that was."""

import re
from collections.abc import Sequence

from nami_bench.domain import Checks
from nami_bench.store import Sent


def reason_to_pause(checks: Checks, recent: Sequence[Sent], golds: Sequence[bool]) -> str | None:
    """Why an annotator must be paused, or None.

    `recent` are the last submissions, newest first; `golds` says whether each gold item was passed, oldest
    first. Both begin after the last time the annotator was resumed.
    """
    return _failed_golds(checks, golds) or _too_fast(checks, recent) or _constant(checks, recent)


def failed_qualification(passed: int, asked: int, mark: float) -> str:
    """Why an annotator is paused who passed so few qualification items."""
    return f"passed {passed} of {asked} qualification items, {mark:.0%} are asked for"


_CODES = {
    "gold": r"passed \d+ of the last \d+ gold items, .*",
    "qualification": r"passed \d+ of \d+ qualification items, .*",
    "fast": r"took less than \d+ ms for \d+ of the last \d+ items",
    "constant": r"gave the same answers to the last \d+ items",
    "organizer": r"by the administrator|excluded",
}


def reason_code(reason: str) -> str | None:
    """A stable key for a reason that these rules gave, or nobody gave; None for a person's own words."""
    return next((code for code, words in _CODES.items() if re.fullmatch(words, reason)), None)


def evidence_needed(checks: Checks) -> int:
    """How many of the last submissions the rules look at."""
    return max(checks.window if checks.fastest_ms else 0, checks.constant)


def _failed_golds(checks: Checks, golds: Sequence[bool]) -> str | None:
    last = golds[-checks.gold_window :]
    if not checks.gold_pass or len(last) < checks.gold_window:
        return None
    share = sum(last) / len(last)
    if share >= checks.gold_pass:
        return None
    return f"passed {sum(last)} of the last {len(last)} gold items, {checks.gold_pass:.0%} are asked for"


def _too_fast(checks: Checks, recent: Sequence[Sent]) -> str | None:
    last = [sent.duration_ms for sent in recent[: checks.window] if sent.duration_ms is not None]
    if not checks.fastest_ms or len(last) < checks.window:
        return None
    fast = sum(duration < checks.fastest_ms for duration in last)
    if 2 * fast <= len(last):
        return None
    return f"took less than {checks.fastest_ms} ms for {fast} of the last {len(last)} items"


def _constant(checks: Checks, recent: Sequence[Sent]) -> str | None:
    last = recent[: checks.constant]
    if not checks.constant or len(last) < checks.constant:
        return None
    if any(sent.answers != last[0].answers for sent in last):
        return None
    return f"gave the same answers to the last {len(last)} items"
