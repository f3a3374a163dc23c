"""Answers of several people to the same units, as arrays: what each person is compared on."""

from dataclasses import dataclass, replace

import numpy as np

from nami_bench.evaluation.human.ratings_array import Booleans, Floats, Integers


@dataclass(frozen=True, slots=True, eq=False)
class GivenAnswers:
    """One row for each answer: a person's value for a unit, in the order in which it was given.

    `person`, `item`, `criterion`: codes, shape (rows,). A unit is an item and a criterion. `strand`: criteria
    whose values are alike have one code; chance agreement is reckoned within it. `values`: shape (rows,
    width); one number from 0 to 100, or of a verdict a one among zeros, so that squared distances are 0 or 2.
    `counts`, shape (rows,): whether others are held against it; of an excluded person nothing counts.
    """

    people: tuple[str, ...]
    person: Integers
    item: Integers
    criterion: Integers
    strand: Integers
    values: Floats
    counts: Booleans

    @classmethod
    def of_codes(
        cls,
        people: tuple[str, ...],
        person: Integers,
        item: Integers,
        criterion: Integers,
        code: Integers,
        width: int,
        counts: Booleans,
    ) -> "GivenAnswers":
        """Of verdicts: `code` from 0 to `width` - 1."""
        return cls(people, person, item, criterion, criterion, np.eye(width)[code], counts)

    @property
    def unit(self) -> Integers:
        """By row, the unit's code, from 0 on."""
        key = self.item * (int(self.criterion.max(initial=0)) + 1) + self.criterion
        return np.asarray(np.unique(key, return_inverse=True)[1], dtype=np.int64)

    def only(self, rows: Booleans) -> "GivenAnswers":
        """Some of the rows."""
        arrays = ("person", "item", "criterion", "strand", "values", "counts")
        return replace(self, **{name: getattr(self, name)[rows] for name in arrays})
