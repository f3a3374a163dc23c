"""Scores whose details a page or a table is made of."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nami_bench.domain import ImageState, Score
from nami_bench.errors import InputError

if TYPE_CHECKING:
    from nami_bench.store import Store


def scores_with(
    store: "Store", detail: str, metric: str, models: Sequence[str], prompt_set: str
) -> list[tuple[Score, str]]:
    """The metric's scores of recorded images whose details hold `detail`, each with its image's path.

    Raises InputError where there are none, or those of several instruments.
    """
    files = {
        (record.model, record.prompt_id, record.sample): str(record.path)
        for record in store.images.find(models=models, prompt_set=prompt_set, state=ImageState.DONE)
    }
    found = [
        (score, files[key])
        for score in store.scores.find(metric=metric, models=models, prompt_set=prompt_set)
        if detail in score.details and (key := (score.model, score.prompt_id, score.sample)) in files
    ]
    if not found:
        raise InputError(
            f"no answers of {metric!r} are recorded for {', '.join(models)} on {prompt_set}: "
            "ask with `nami-bench evaluate`"
        )
    if len(instruments := sorted({score.instrument for score, _ in found})) > 1:
        raise InputError(f"{metric!r} was measured by several instruments: {'; '.join(instruments)}")
    return found
