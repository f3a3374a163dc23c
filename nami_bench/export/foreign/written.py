"""Judgements of others in our own form."""

from nami_bench.evaluation.leaderboard.scales import Scales
from nami_bench.export.carried_study import side_file_json
from nami_bench.export.comparisons_file import comparisons_csv
from nami_bench.export.foreign.source import Judged
from nami_bench.export.ratings_file import ratings_csv


def written_judgements(judged: Judged, scales: Scales) -> tuple[bytes, bytes | None]:
    """Our own CSV file, and what stands beside one of ratings: their criteria.

    Raises InputError for ratings on a scale that nobody said, and values off it.
    """
    if judged.kind == "comparisons":
        return comparisons_csv(judged.comparisons()), None
    criteria = judged.criteria(scales)
    return ratings_csv(judged.ratings(lambda _: criteria)), side_file_json(criteria, {})
