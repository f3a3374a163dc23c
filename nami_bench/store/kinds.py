"""Where the judgements of a study are kept, by its mode."""

from dataclasses import dataclass

from nami_bench.domain import Mode
from nami_bench.store.annotation_tables import ComparisonRow, RankingRow
from nami_bench.store.tables import RatingRow

JudgementRow = type[RatingRow] | type[ComparisonRow] | type[RankingRow]


@dataclass(frozen=True, slots=True)
class Kind:
    """A table of judgements: `answer`, its column of what was answered; `thing`, that of what was judged;
    `sides`, that of how the images stood (see `sides.Sides`), None where there is one image."""

    table: JudgementRow
    answer: str
    thing: str
    sides: str | None
    called: str


RATINGS = Kind(RatingRow, "value", "image_id", None, "ratings")
COMPARISONS = Kind(ComparisonRow, "outcome", "item_id", "swapped", "comparisons")
RANKINGS = Kind(RankingRow, "ranks", "item_id", "arrangement", "rankings")
KINDS = (RATINGS, COMPARISONS, RANKINGS)


def kind_of(mode: str) -> Kind:
    """Where a study of this mode keeps its judgements."""
    if Mode(mode).is_ranked:
        return RANKINGS
    return COMPARISONS if mode == Mode.PAIRWISE else RATINGS
