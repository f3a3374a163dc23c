"""What a study costs: the time that it takes people, and at a wage the money. An estimate, never a bill."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from nami_bench.domain import Budget, Study
from nami_bench.store import Store, progress_of
from nami_bench.store.items import ItemProgress

_MS_PER_HOUR = 3_600_000


@dataclass(frozen=True, slots=True)
class StudyCost:
    """`answers` given to the work of a study, planted items included; `ended` items ended early; `left`: at
    most so many answers are to come. `median_ms`: of one answer, None where no time is known."""

    budget: Budget
    answers: int
    left: int
    ended: int
    median_ms: float | None

    @property
    def hours(self) -> tuple[float, float] | None:
        """(so far, in all)."""
        if self.median_ms is None:
            return None
        so_far, in_all = self.answers, self.answers + self.left
        return so_far * self.median_ms / _MS_PER_HOUR, in_all * self.median_ms / _MS_PER_HOUR

    def to_json(self) -> dict[str, Any]:
        """Plain values; money is missing where there is no wage."""
        hours, pay = self.hours, self.budget.hourly_pay
        return {
            "answers": self.answers,
            "answers_left_at_most": self.left,
            "answers_allowed": self.budget.answers or None,
            "median_ms": self.median_ms,
            "hours": None if hours is None else {"so_far": hours[0], "in_all_at_most": hours[1]},
            "money": None
            if hours is None or not pay
            else {
                "so_far": hours[0] * pay,
                "in_all_at_most": hours[1] * pay,
                "currency": self.budget.currency,
            },
        }

    def sentences(self) -> list[str]:
        """What `nami-bench study status` says of it."""
        found = []
        if self.ended:
            found.append(f"{self.ended} items ended early; fewer ratings are wanted with each that does")
        if self.budget.answers:
            found.append(f"budget: {self.answers} of {self.budget.answers} answers, planted items included")
        if self.hours is not None and self.median_ms is not None and self.budget.hourly_pay:
            so_far, in_all = self.hours
            pay, currency = self.budget.hourly_pay, self.budget.currency
            found.append(
                f"estimate: {self.median_ms / 1000:.0f} s an answer, {so_far:.1f} hours so far and at most "
                f"{in_all:.1f} in all; at {pay:g} {currency} an hour {so_far * pay:.0f} so far, at most "
                f"{in_all * pay:.0f} in all"
            )
        return found


def study_cost(store: Store, study: Study, cells: Iterable[ItemProgress]) -> StudyCost:
    """What the study has cost, and what it may come to."""
    cells = list(cells)
    done, wanted = progress_of(study, cells)
    answers, median_ms = store.annotation.pace(study.name)
    left = wanted - done
    checks = study.checks
    for every in (checks.gold_every, checks.repeat_every):
        left += (wanted - done) // every if every else 0
    if study.budget.answers:
        left = min(left, max(0, study.budget.answers - answers))
    return StudyCost(study.budget, answers, left, sum(cell.ended for cell in cells), median_ms)
