"""GenEval as a reward for training: four numbers for one image, as pure functions over detections.

`verdict` is GenEval's own. `strict` and `flow_grpo` are what the mmdet server answers that flow_grpo and its
descendants train with (github.com/yifan123/reward-server, commit 92ac29f: `strict_rewards` and `scores`);
`partial` is `flow_grpo` without that server's slip. The rules are in docs/rewards.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nami_bench.domain.clauses import GENEVAL_TASKS, Clause, Clauses
from nami_bench.evaluation.geneval.protocol import Detection
from nami_bench.evaluation.geneval.rules import (
    Colors,
    GenEvalParams,
    decide,
    relative_position,
)

OTHER_TASK = -10.0
"""What `group_lists` has where an image is of another task, as in the lists of the server named above."""


@dataclass(frozen=True, slots=True)
class Rewards:
    """The rewards of one image; 1.0 is the best of each.

    `verdict`: 1.0 or 0.0, GenEval's own: objects beyond those asked for matter only to exclude clauses.
    `strict`: 1.0 or 0.0: exactly as many objects as asked for, all in their color and place; exclude clauses
    play no part in it, nor in the following. `partial`: the mean of `credits`, at most 1, not limited below
    (one object asked for and 16 found: -14). `flow_grpo`: the same mean with one more credit of 1.0 for each
    position that was looked at and found wrong, which is what flow_grpo trains on: where `partial` is 2/3,
    it has 3/4. Without include clauses there are no credits, and both means are 0.
    """

    verdict: float
    strict: float
    partial: float
    flow_grpo: float
    credits: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Clause:
    """What one include clause earns: `group` holds the objects found, None if it failed."""

    credits: tuple[float, ...]
    group: Sequence[Detection] | None
    wrong_position: bool = False


def rewards(
    clauses: Clauses,
    kept: Mapping[str, list[Detection]],
    colors: Colors,
    params: GenEvalParams,
) -> Rewards:
    """The rewards of an image in which `select` kept these detections, by class.

    `colors` is asked for no groups but those of `color_questions`, for some of them twice: it should look
    answers up. The rewards beside the verdict look at colors only where exactly as many objects were found as
    asked for, and those are the verdict's group.
    """
    earned: list[_Clause] = []
    for clause in clauses.include:
        earned.append(_earned(clause, kept.get(clause.class_name, []), earned, colors, params))
    credits = tuple(credit for one in earned for credit in one.credits)
    return Rewards(
        verdict=float(decide(clauses, kept, colors, params).correct),
        strict=float(all(one.group is not None for one in earned)),
        partial=_mean(credits),
        flow_grpo=_mean(credits + (1.0,) * sum(one.wrong_position for one in earned)),
        credits=credits,
    )


def group_lists(tags: Sequence[str], values: Sequence[float]) -> dict[str, list[float]]:
    """A list for each of GenEval's six tasks, as long as the batch: the image's value in its own task's list
    and OTHER_TASK in the others, which is how the server named above answers `group_rewards`."""
    return {
        task: [value if tag == task else OTHER_TASK for tag, value in zip(tags, values, strict=True)]
        for task in GENEVAL_TASKS
    }


def _earned(
    clause: Clause,
    found: Sequence[Detection],
    before: Sequence[_Clause],
    colors: Colors,
    params: GenEvalParams,
) -> _Clause:
    credits: tuple[float, ...] = (_share(clause.count, len(found)),)
    if len(found) != clause.count:
        # One credit is lost, also where both a color and a position were asked for.
        lost = (0.0,) if clause.color is not None or clause.position is not None else ()
        return _Clause(credits + lost, None)
    if clause.color is not None:
        right = list(colors(found)).count(clause.color)
        credits += (_share(clause.count, right),)
        if right != clause.count:
            return _Clause(credits, None)
    if clause.position is None:
        return _Clause(credits, found)
    return _with_position(clause.position, credits, found, before, params)


def _with_position(
    position: tuple[str, int],
    credits: tuple[float, ...],
    found: Sequence[Detection],
    before: Sequence[_Clause],
    params: GenEvalParams,
) -> _Clause:
    relation, target = position
    targets = before[target].group
    if targets is None:
        return _Clause((*credits, 0.0), None)
    pairs = (relative_position(a.box, b.box, params.position_threshold) for a in found for b in targets)
    if all(relation in holds for holds in pairs):
        return _Clause((*credits, 1.0), found)
    return _Clause((*credits, 0.0), None, wrong_position=True)


def _share(count: int, found: int) -> float:
    return 1 - abs(count - found) / count


def _mean(credits: Sequence[float]) -> float:
    return sum(credits) / len(credits) if credits else 0.0
