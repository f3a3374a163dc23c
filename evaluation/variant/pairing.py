"""Which images of two models are twins: of one prompt, one sample and one seed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from nami_bench.domain import ImageRecord
from nami_bench.errors import InputError
from nami_bench.evaluation.variant.results import Unpaired

Place = tuple[str, int]
"""Prompt id and sample."""


@dataclass(frozen=True, slots=True)
class Twins:
    """Finished images of a base and a variant with the same places, in the same order."""

    base: tuple[ImageRecord, ...]
    variant: tuple[ImageRecord, ...]
    unpaired: Unpaired

    @property
    def places(self) -> list[Place]:
        """Of each pair."""
        return [place(record) for record in self.base]


def place(record: ImageRecord) -> Place:
    """Which prompt and sample an image is of."""
    return record.prompt_id, record.sample


def twins(base: Sequence[ImageRecord], variant: Sequence[ImageRecord]) -> Twins:
    """The pairs among finished images of one prompt set.

    Raises InputError where there are none, with what to do.
    """
    first, second = _by_place(base), _by_place(variant)
    both = [at for at in first if at in second]
    if not both:
        raise InputError(
            f"{base[0].model} and {variant[0].model} have no images of the same prompts and samples of "
            f"{base[0].prompt_set}: make the missing ones with `nami-bench generate`, with the same --seed"
        )
    same = [at for at in both if first[at].seed == second[at].seed]
    if not same:
        raise InputError(
            f"all {len(both)} images that {base[0].model} and {variant[0].model} both have of "
            f"{base[0].prompt_set} were made with other seeds, so no two are pairs: make one of the two "
            "again, under another name, with the --seed of the other"
        )
    unpaired = Unpaired(len(first) - len(both), len(second) - len(both), len(both) - len(same))
    return Twins(tuple(first[at] for at in same), tuple(second[at] for at in same), unpaired)


def _by_place(records: Iterable[ImageRecord]) -> Mapping[Place, ImageRecord]:
    return {place(record): record for record in records}
