"""DPG-Bench's scores as a picture: bars overall and for each L1 category, one color for each model."""

from collections.abc import Collection, Mapping

from nami_bench.errors import InputError
from nami_bench.evaluation.bars import Bar, Series, draw_bars, notes_by_run
from nami_bench.evaluation.questions.dpg import DpgScore
from nami_bench.evaluation.questions.dpg_summary import DpgSummary

_OVERALL = "overall"
_ORDER = ("global", "entity", "attribute", "relation", "other")
"""The L1 categories as the paper's tables have them."""


def plot_dpg(summaries: Mapping[str, DpgSummary], file_format: str) -> bytes:
    """A picture of the scores of models by name: overall, then the L1 categories; intervals of 95 %.

    All are by the policy that the summaries were asked for. Everything that they note stands below.
    `file_format` is one of `bars.FORMATS`; the same summaries give the same bytes. Raises InputError for
    results of different judges or question files, since they cannot be compared.
    """
    judge = _the_only("from different judges", {s.judge for s in summaries.values()})
    _the_only("to different question files", {s.questions_sha256 for s in summaries.values()})
    scores = {name: summary.score for name, summary in summaries.items()}
    present = {one.category for score in scores.values() for one in score.broad}
    known = [category for category in _ORDER if category in present]
    categories = [*known, *sorted(present.difference(known))]
    policy = next(iter(scores.values())).policy
    below = [
        f"whiskers: 95 % intervals, over prompts; judge: {judge}; policy: {policy}; overall after zeroing, "
        "categories before it",
        *_unlike(scores),
        *notes_by_run({name: summary.notes for name, summary in summaries.items()}),
    ]
    return draw_bars(
        [Series(name, _bars(score)) for name, score in scores.items()],
        {"": _OVERALL, **{_key(category): category or "(none)" for category in categories}},
        "score",
        below,
        file_format,
    )


def _the_only(what: str, values: Collection[str]) -> str:
    if len(values) > 1:
        names = " and ".join(sorted(values))
        raise InputError(f"the results are answers {what}, {names}: they cannot be compared")
    return next(iter(values))


def _unlike(scores: Mapping[str, DpgScore]) -> list[str]:
    prompts = {frozenset(file.item for file in score.files) for score in scores.values()}
    if len(prompts) == 1:
        return []
    return ["the runs are not of the same prompts: their differences may be the prompts'"]


def _bars(score: DpgScore) -> dict[str, Bar]:
    categories: dict[str, Bar] = {_key(one.category): (one.score, one.interval) for one in score.broad}
    return {"": (score.score, score.interval), **categories}


def _key(category: str) -> str:
    """A category's name among the groups, which the overall score's cannot be, whatever the file says."""
    return f"L1 {category}"
