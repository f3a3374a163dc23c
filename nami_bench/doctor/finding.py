"""What a check finds: one line, and what to do about it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from nami_bench.errors import one_line
from nami_bench.redaction import redacted


class Status(StrEnum):
    """How it stands: fine; works, but look at it; something will fail."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, in words, and the remedy; "" where there is nothing to do."""

    status: Status
    found: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is looked at. `look` takes nothing, changes nothing and returns what it finds."""

    name: str
    look: Callable[[], Finding]


def ok(found: str) -> Finding:
    """All is well."""
    return Finding(Status.OK, found)


def warn(found: str, remedy: str) -> Finding:
    """It works, but not for all, or not as expected."""
    return Finding(Status.WARN, found, remedy)


def fail(found: str, remedy: str) -> Finding:
    """What needs this will fail."""
    return Finding(Status.FAIL, found, remedy)


def examined(check: Check) -> Finding:
    """What `check` finds, on one line and without secrets; of a check that breaks, that it broke."""
    try:
        finding = check.look()
    except Exception as error:
        what = f"this check itself broke: {type(error).__name__}: {error}"
        finding = fail(what, "report it with the output of `nami-bench -v doctor`")
    return Finding(finding.status, _shown(finding.found), _shown(finding.remedy))


def _shown(text: str) -> str:
    return redacted(one_line(text, longest=2000))
