"""How sure a leaderboard's human scores are: intervals, places, tie groups, and parts of the prompts."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import cast

from nami_bench.domain import GENEVAL_TASKS, STRATA, Prompt
from nami_bench.errors import UnknownNameError
from nami_bench.evaluation.human.bootstrap import bootstrap_scores
from nami_bench.evaluation.human.comparisons import (
    MOST_MODELS,
    Correction,
    Difference,
    Differences,
    compare_models,
)
from nami_bench.evaluation.human.crossed import Over
from nami_bench.evaluation.human.intervals import Interval as ScoreInterval
from nami_bench.evaluation.human.intervals import Method, ScoreIntervals, score_intervals
from nami_bench.evaluation.human.ranking import Rank, rank_models
from nami_bench.evaluation.human.ratings_array import TOTAL, RatingsArray
from nami_bench.evaluation.human.scores import prompt_groups
from nami_bench.evaluation.human.severity import SeverityAdjustment, adjust_severity
from nami_bench.evaluation.leaderboard.rows import (
    Group,
    GroupScore,
    Interval,
    Leaderboard,
    LeaderboardRow,
    PairwiseTest,
    Precision,
)

DEFAULT_KINDS = ("stratum", "task")
"""By what the prompts are divided unless somebody asks for something else."""


def with_uncertainty(
    board: Leaderboard,
    ratings: RatingsArray,
    precision: Precision,
    prompts: Iterable[Prompt],
    by: Sequence[str] = (),
) -> Leaderboard:
    """`board`, which is ranked, with intervals at `precision`, places, tests of all pairs, and groups.

    `ratings` are those of the board's models. `by`: kinds of groups of `prompts` (see
    `nami_bench.evaluation.human.scores.prompt_groups`); by default those of `DEFAULT_KINDS` that tell prompts
    apart. Places and tests are of the column that the board is ranked by, where that is one of human scores
    and there are at most `MOST_MODELS` models; `cautions` say what was left out.

    Raises InputError for a precision that cannot be had, UnknownNameError for a kind that divides nothing.
    """
    if not len(ratings.model):
        return board
    intervals = _intervals(ratings, precision)
    adjusted = adjust_severity(ratings, level=precision.level)
    cautions = [*intervals.notes, *adjusted.notes]
    rows = {row.model: _with_adjusted(_with_intervals(row, intervals), adjusted) for row in board.rows}
    pairs: tuple[PairwiseTest, ...] = ()
    if board.ranked_by in ratings.columns:
        if len(ratings.models) > MOST_MODELS:
            cautions.append(
                f"no places, no tests of pairs: there are {len(ratings.models)} models, and of over "
                f"{MOST_MODELS} hardly any difference survives the correction"
            )
        else:
            differences = _differences(ratings, board.ranked_by, precision)
            cautions += differences.notes
            pairs = tuple(_test(pair) for pair in differences.pairs())
            for place in _places(ratings, differences, precision):
                rows[place.model] = _with_place(rows[place.model], place)
    return replace(
        board,
        rows=tuple(rows[row.model] for row in board.rows),
        precision=replace(precision, over=intervals.over),
        cautions=tuple(dict.fromkeys((*board.cautions, *cautions))),
        groups=tuple(_groups(ratings, precision, list(prompts), by)),
        pairs=pairs,
    )


def _intervals(ratings: RatingsArray, precision: Precision) -> ScoreIntervals:
    return score_intervals(
        ratings,
        method=cast(Method, precision.method),  # checked there
        over=cast(Over, precision.over),
        level=precision.level,
        replicates=precision.replicates,
        seed=precision.seed,
    )


def _differences(ratings: RatingsArray, column: str, precision: Precision) -> Differences:
    return compare_models(
        ratings,
        column=column,
        over=cast(Over, precision.over),
        correction=cast(Correction, precision.correction),
        level=precision.level,
    )


def _places(ratings: RatingsArray, differences: Differences, precision: Precision) -> tuple[Rank, ...]:
    bootstrap = bootstrap_scores(
        ratings, over=differences.over, replicates=precision.replicates, seed=precision.seed
    )
    return rank_models(differences, bootstrap)


def _with_intervals(row: LeaderboardRow, intervals: ScoreIntervals) -> LeaderboardRow:
    found = {name: _interval(intervals, row.model, name) for name in row.criteria}
    return replace(
        row,
        intervals={name: interval for name, interval in found.items() if interval is not None},
        total_interval=_interval(intervals, row.model, TOTAL),
    )


def _interval(intervals: ScoreIntervals, model: str, column: str) -> Interval | None:
    return _shown(intervals.of(model, column))


def _shown(found: ScoreInterval | None) -> Interval | None:
    if found is None or found.low is None or found.high is None:
        return None
    return Interval(found.low, found.high)


def _with_adjusted(row: LeaderboardRow, adjusted: SeverityAdjustment) -> LeaderboardRow:
    """Absent scores are left out; none changes places, tests or tie groups.

    Where the ratings show no interval of a score, adjusting does not show one either: `row` has its own.
    """
    *criteria, total = adjusted.of(row.model)
    names = [criterion.name for criterion in adjusted.ratings.asked]  # a derived total comes after them
    found = {name: score for name, score in zip(names, criteria, strict=False) if score is not None}
    intervals = {name: _shown(score) for name, score in found.items() if name in row.intervals}
    return replace(
        row,
        adjusted={name: score.estimate for name, score in found.items()},
        adjusted_intervals={name: interval for name, interval in intervals.items() if interval is not None},
        total_adjusted=None if total is None else total.estimate,
        total_adjusted_interval=_shown(total) if row.total_interval else None,
    )


def _with_place(row: LeaderboardRow, place: Rank) -> LeaderboardRow:
    return replace(
        row,
        rank_low=place.low,
        rank_high=place.high,
        ties=place.ties,
        first_probability=place.first_probability,
    )


def _test(pair: Difference) -> PairwiseTest:
    interval = None if pair.low is None or pair.high is None else Interval(pair.low, pair.high)
    return PairwiseTest(
        pair.first,
        pair.second,
        pair.difference,
        interval,
        pair.p_value,
        pair.p_adjusted,
        pair.significant,
        pair.images,
        pair.reason,
    )


def _groups(
    ratings: RatingsArray, precision: Precision, prompts: Sequence[Prompt], by: Sequence[str]
) -> Iterator[Group]:
    for kind in by or DEFAULT_KINDS:
        groups = prompt_groups(prompts, kind)
        if not groups and by:
            known = {*DEFAULT_KINDS, *(tag for prompt in prompts for tag in prompt.tags)}
            raise UnknownNameError("kind of prompts", kind, known)
        if len(groups) < 2 and not by:
            continue
        for name in sorted(groups, key=_usual_order):
            part = ratings.of_prompts(groups[name])
            yield Group(kind, name, len(groups[name]), dict(_group_scores(part, precision)))


def _usual_order(name: str) -> tuple[int, str]:
    """Strata and GenEval's tasks in their own order, others by name."""
    known = (*STRATA, *GENEVAL_TASKS)
    return (known.index(name) if name in known else len(known)), name


def _group_scores(part: RatingsArray, precision: Precision) -> Iterator[tuple[str, GroupScore]]:
    """By model; nothing where nobody rated the group."""
    if not len(part.model):
        return
    intervals = _intervals(part, precision)
    for model in part.models:
        found = intervals.of(model, TOTAL)
        if found is not None:
            yield model, GroupScore(found.estimate, _interval(intervals, model, TOTAL))
