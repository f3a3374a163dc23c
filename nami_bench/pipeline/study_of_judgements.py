"""A study of what was judged elsewhere: its protocol is what a file of others tells."""

from datetime import UTC, datetime

from nami_bench.domain import Criteria, Criterion, Mode, Study
from nami_bench.evaluation.leaderboard.scales import Scales
from nami_bench.export.foreign import Judged


def study_of_judgements(judged: Judged, name: str, prompt_set: str, scales: Scales) -> Study:
    """The study that has all of `judged`: its models, criteria and samples, and the most overlap of an item.

    It is closed from now on, so that nobody is asked by a protocol that is only guessed, and accepts images
    of different sizes, which have been judged. Raises InputError for ratings on a scale that nobody said, and
    for names that no study can have.
    """
    table = judged.table
    sides = ["model"] if judged.kind == "ratings" else ["left", "right"]
    models = sorted({str(model) for side in sides for model in table[side].unique()})
    pairs = judged.kind == "comparisons"
    criteria = (
        Criteria(Criterion(str(one), 1.0) for one in table["criterion"].unique())
        if pairs
        else judged.criteria(scales)
    )
    item = [*sides, "prompt_id", "sample"]
    people = table.groupby(item, observed=True)["annotator"].nunique()
    return Study(
        name,
        prompt_set,
        tuple(models),
        criteria,
        mode=Mode.PAIRWISE if pairs else Mode.RATING,
        overlap=max(1, int(people.max())),
        samples=int(table["sample"].max()) + 1,
        closes=datetime.now(UTC).replace(microsecond=0),
        total=criteria.total,
        sizes_may_differ=True,
    )
