"""What files of judgements hold, ready to be recorded, and on which scales it must be."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nami_bench.domain import Comparison, Criterion
from nami_bench.errors import InputError
from nami_bench.evaluation.leaderboard.scales import LowValues, Scales
from nami_bench.store.items import Shown

if TYPE_CHECKING:
    from nami_bench.store import Recorded, Store


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file: so many `ratings`, `comparisons` or `answers` (`kind`) are new, so many stand
    where others stood, the others were there."""

    kind: str
    added: int
    replaced: int
    known: int


@dataclass(frozen=True, slots=True)
class Found:
    """What a file holds: its judgements' number, how to add them, the studies' names, what stood together;
    `judgements` one by one, where they may be looked up."""

    kind: str
    count: int
    add: Callable[["Store"], "Recorded"]
    studies: Collection[str]
    shown: Collection[Shown] = ()
    judgements: Sequence[object] = ()

    def imported(self, made: "Recorded") -> Imported:
        """What became of them."""
        return Imported(self.kind, made.added, made.replaced, self.count - made.added - made.replaced)


def of_comparisons(found: Sequence[Comparison], *, replace: bool) -> Found:
    """Comparisons to be recorded, where others stand only with `replace`.

    Raises InputError for votes that say more than a study's verdicts.
    """
    if not all(one.is_plain for one in found):
        raise InputError(
            "these are votes (two images of different samples, counts, weights or repeats), which no study "
            "asks for: see `nami-bench strengths --comparisons FILE`"
        )
    names = dict.fromkeys(one.study for one in found)
    shown = {(tuple(sorted((one.left, one.right))), one.prompt_id, one.sample) for one in found}

    def add(store: "Store") -> "Recorded":
        return store.comparisons.add(found, replace=replace)

    return Found("comparisons", len(found), add, names, shown, found)


def unsaid(criteria: Sequence[Criterion], scales: Scales) -> list[Criterion]:
    """The criteria on whose scales values are only assumed to be."""
    return [criterion for criterion in criteria if scales.of(criterion.name) is None]


def check_scales(
    file: Path,
    used: Mapping[str, Sequence[Criterion]],
    scales: Scales,
    carried: Mapping[str, tuple[float, float]],
) -> None:
    """Refuse a scale, said or carried by the file, that is not the study's."""
    for study, criteria in used.items():
        scales.applied(criteria)  # refuses unknown names
        for criterion in criteria:
            scale = (criterion.minimum, criterion.maximum)
            other = scales.of(criterion.name) or carried.get(criterion.name, scale)
            if other != scale:
                raise InputError(
                    f"{file}: values of {criterion.name} from {other[0]:g} to {other[1]:g} do not fit study "
                    f"{study!r}, where its scale is {scale[0]:g} to {scale[1]:g}: import them into a study "
                    "with their scale"
                )


def refuse_low(file: Path, low: LowValues | None) -> None:
    """Refuse values that are so low that they look like another scale's."""
    if low is not None:
        raise InputError(
            f"{file}: {low} of the study: if they are on that scale, say so with --scale {low.assumed}, else "
            "import them into a study whose criteria have their scale"
        )
