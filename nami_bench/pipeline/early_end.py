"""What may be said of judgements of items that ended early.

An item ends when its judgements agree, or are near enough: what came after the first look came because they
did not. Scores of models do not mind, for each image has one mean (docs/statistics.md has the figures).
Agreement and strengths count judgements, and would take those who were asked because others disagreed for a
sample of all. So they rest on the judgements that every item has whatever was said: the study's minimum of
each, in the order in which they came, and all of the calibration block, which never ends.
"""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from datetime import UTC, datetime

import pandas as pd

from nami_bench.domain import Comparison, Study
from nami_bench.store import Store

_IMAGE = ["model", "prompt_id", "sample"]


def adaptive_overlap(study: Study) -> tuple[str, ...]:
    """What a leaderboard must say of a study whose items end early; nothing of others."""
    if not study.ends_early:
        return ()
    return (
        f"adaptive overlap: images have {study.sure} to {study.overlap} annotators, fewer where these agreed "
        f"(stopping rule {str(study.stopping.rule)!r}); each image counts once, whatever their number. Where "
        "ratings crowd at an end of the scale this may move a score by some tenths of a point",
    )


def unselected_ratings(
    store: Store, study: Study, table: pd.DataFrame
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The ratings, rows of a tidy table, on which agreement may rest, and what must be said of the others."""
    if not study.ends_early or not len(table):
        return table, ()
    came = table.groupby([*_IMAGE, "annotator"], observed=True)["created_at"].min()
    place = came.groupby(level=_IMAGE, observed=True).rank(method="first", na_option="bottom")
    block = _block(store, study)

    def is_kept(key: tuple[str, str, int, str], number: float) -> bool:
        model, prompt_id, sample, _ = key
        return number <= study.sure or ((model,), prompt_id, sample) in block

    counted = zip(place.index.tolist(), place.tolist(), strict=True)
    kept = {key for key, number in counted if is_kept(key, number)}
    rows = table[[*_IMAGE, "annotator"]].itertuples(index=False, name=None)
    return table[[row in kept for row in rows]], (_said(study),)


def unselected_comparisons(
    store: Store, study: Study, made: Sequence[Comparison]
) -> tuple[list[Comparison], tuple[str, ...]]:
    """The same of comparisons."""
    if not study.ends_early:
        return list(made), ()
    block = _block(store, study)
    came: dict[tuple[Hashable, str], datetime] = {}
    for one in made:
        key = _pair(one), one.annotator
        at = one.created_at or datetime.min.replace(tzinfo=UTC)
        came[key] = min(at, came.get(key, at))
    first: dict[Hashable, set[str]] = defaultdict(set)
    for pair, annotator in sorted(came, key=lambda key: came[key]):
        if len(first[pair]) < study.sure or pair in block:
            first[pair].add(annotator)
    return [one for one in made if one.annotator in first[_pair(one)]], (_said(study),)


def _block(store: Store, study: Study) -> set[tuple[tuple[str, ...], str, int]]:
    """Models, prompt and sample of the calibration block's items."""
    if not study.calibration:
        return set()
    states = store.items.states(study.name)
    return {(one.models, one.prompt_id, one.sample) for one in states if one.calibration}


def _pair(one: Comparison) -> tuple[tuple[str, ...], str, int]:
    return tuple(sorted((one.left, one.right))), one.prompt_id, one.sample


def _said(study: Study) -> str:
    return (
        f"adaptive overlap: items end early (stopping rule {str(study.stopping.rule)!r}), so this rests on "
        f"the first {study.sure} judgements of each and on the calibration block: those that came later came "
        "because people disagreed"
    )
