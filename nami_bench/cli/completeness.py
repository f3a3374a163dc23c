"""How commands say what is amiss with a folder of images."""

from typing import TYPE_CHECKING

from nami_bench.cli.common import say

if TYPE_CHECKING:
    from nami_bench.evaluation.completeness import Completeness

SHOWN = 5
"""How many problems of each kind are listed for people; --json has all."""


def say_problems(completeness: "Completeness") -> None:
    """The first problems of each kind, a line each."""
    for kind, count in completeness.counts.items():
        of_kind = [problem for problem in completeness.problems if problem.kind == kind]
        for problem in of_kind[:SHOWN]:
            say(str(problem))
        if count > SHOWN:
            say(f"{kind}: and {count - SHOWN} more (--json lists all)")


def counts(completeness: "Completeness") -> str:
    """How many problems of each kind, on one line."""
    return ", ".join(f"{kind}: {count}" for kind, count in completeness.counts.items())
