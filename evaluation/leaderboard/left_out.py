"""Whose judgements do not count: annotators left out this once, and those excluded for good.

The one home of `--without` and of the sentences that say so, wherever numbers rest on judgements.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import pandas as pd

from nami_bench.domain import Comparison, Ranking, matching_name
from nami_bench.errors import UnknownNameError
from nami_bench.evaluation.leaderboard.checks import AnnotatorChecks

Made = TypeVar("Made", Comparison, Ranking)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """`names` are left out this once; `excluded`: by excluded annotator, how many values the store holds.

    `only`: nobody else's judgements count, for `why` (None: everybody's). `others`: who judged the same study
    in another way. `set_aside`: so many answers to single items do not count; `decided`: about so many items
    adjudicators decided, which changes no judgement. Methods raise UnknownNameError for a name that none of
    the judgements is by.
    """

    names: tuple[str, ...] = ()
    excluded: Mapping[str, int] = field(default_factory=dict)
    others: tuple[str, ...] = ()
    only: frozenset[str] | None = None
    why: str = ""
    set_aside: int = 0
    decided: int = 0

    def ratings(self, table: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """The tidy table's other rows, and what must be said."""
        return self._rows_of(table, "values")

    def verdicts(self, table: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """The other rows of a table of comparisons, and what must be said."""
        return self._rows_of(table, "verdicts")

    def _rows_of(self, table: pd.DataFrame, what: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
        known = sorted(map(str, table["annotator"].dropna().unique()))
        meant = self._meant(known)
        gone = table["annotator"].isin(meant)
        notes = self._notes(meant, known, int(gone.sum()), what)
        if self.only is not None:
            return table[~gone & table["annotator"].isin(self.only)], notes
        return table[~gone] if self.names else table, notes

    def comparisons(self, found: Sequence[Comparison]) -> tuple[list[Comparison], tuple[str, ...]]:
        """The other comparisons, and what must be said."""
        return self._others_of(found, "verdicts")

    def rankings(self, found: Sequence[Ranking]) -> tuple[list[Ranking], tuple[str, ...]]:
        """The other rankings, and what must be said."""
        return self._others_of(found, "rankings")

    def _others_of(self, found: Sequence[Made], what: str) -> tuple[list[Made], tuple[str, ...]]:
        known = sorted({one.annotator for one in found})
        meant = self._meant(known)
        kept = [one for one in found if one.annotator not in meant]
        notes = self._notes(meant, known, len(found) - len(kept), what)
        return [one for one in kept if self.only is None or one.annotator in self.only], notes

    def checks(self, found: Iterable[AnnotatorChecks]) -> tuple[AnnotatorChecks, ...]:
        """The planted items of the others."""
        found = tuple(found)
        known = [check.annotator for check in found]
        gone = {*self.excluded, *(matching_name("annotator", name, known) for name in self.names)}
        kept = (check for check in found if check.annotator not in gone and not check.excluded)
        return tuple(check for check in kept if self.only is None or check.annotator in self.only)

    def _meant(self, known: Iterable[str]) -> set[str]:
        """Whom `names` mean (see `matching_name`)."""
        known = dict.fromkeys([*known, *self.excluded, *self.others])
        meant = set()
        for name in self.names:
            if (found := matching_name("annotator", name, known)) is None:
                raise UnknownNameError("annotator", name, known)
            meant.add(found)
        return meant

    def _notes(self, meant: set[str], known: Sequence[str], values: int, what: str) -> tuple[str, ...]:
        notes = []
        if gone := meant & set(known):
            notes.append(
                f"ratings of {len(gone)} of {len(known)} annotators are left out: {values} {what} (--without)"
            )
        if self.only is not None:
            notes.append(
                f"only ratings of those {len(self.only & set(known))} of {len(known)} annotators who said "
                f"{self.why} (--raters)"
            )
        if self.excluded:
            notes.append(
                f"{len(self.excluded)} annotator{'s' * (len(self.excluded) != 1)} excluded from every count: "
                f"{sum(self.excluded.values())} values not counted (nami-bench ratings exclude)"
            )
        if self.set_aside:
            notes.append(
                f"{self.set_aside} answer{'s' * (self.set_aside != 1)} to single items set aside and not "
                "counted (nami-bench study set-aside)"
            )
        if self.decided:
            notes.append(
                f"adjudicators decided about {self.decided} item{'s' * (self.decided != 1)}: their decisions "
                "are no ratings and have no part in this (nami-bench study adjudicate)"
            )
        return tuple(notes)
