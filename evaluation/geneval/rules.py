"""GenEval's verdict on one image, as pure functions over detections.

The rules are those of the reference implementation (Ghosh, Hajishirzi, Schmidt 2023, arXiv
2310.11513, github.com/djghosh13/geneval), down to the wording of the reasons, so that result files
of both can be compared line by line.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from nami_bench.domain.clauses import GENEVAL_COLORS, GENEVAL_RELATIONS, Clause, Clauses, parse_clauses
from nami_bench.errors import InputError
from nami_bench.evaluation.geneval.protocol import Box, ColorClassifier, Detection

Colors = Callable[[Sequence[Detection]], Sequence[str]]
"""The color of each detection of a group, which are all of one class."""


@dataclass(frozen=True, slots=True)
class GenEvalParams:
    """GenEval's constants. The defaults are the published ones; others are another instrument.

    `threshold` and `counting_threshold` (for the task "counting"): a detection counts if its score is
    strictly above, 0-1, both as float32. `max_objects`: detections kept of each class, best first.
    `max_overlap`: IoU from which the worse of two detections of a class is dropped; 1 drops none.
    `position_threshold`: the share of both objects' summed size by which their offset shrinks before it
    has a direction.
    """

    threshold: float = 0.3
    counting_threshold: float = 0.9
    max_objects: int = 16
    max_overlap: float = 1.0
    position_threshold: float = 0.1

    def __post_init__(self) -> None:
        for name in ("threshold", "counting_threshold", "max_overlap"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"GenEval's {name} must lie between 0 and 1, got {getattr(self, name):g}")
        if self.max_objects < 1:
            raise InputError(f"GenEval's max_objects must be at least 1, got {self.max_objects}")
        if not 0 <= self.position_threshold < math.inf:
            raise InputError(
                f"GenEval's position_threshold must not be negative, got {self.position_threshold:g}"
            )

    def score_threshold(self, tag: str) -> float:
        """The score that detections must exceed in the task `tag`."""
        return self.counting_threshold if tag == "counting" else self.threshold


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an image shows what was asked; `reason` has one line for each violated clause.

    `kept` holds the detections that passed the thresholds, by class, best first: also those of classes
    that the prompt does not name.
    """

    correct: bool
    reason: str
    kept: Mapping[str, list[Detection]]


def judge(
    metadata: Mapping[str, Any],
    detections: Sequence[Detection],
    image: Image,
    color_classifier: ColorClassifier,
    params: GenEvalParams = GenEvalParams(),
) -> Verdict:
    """Judge one image against a line of GenEval's prompt file.

    `detections` are all of the image's, in any order; the classifier is asked only where a clause
    names a color. Raises InputError for metadata that are not GenEval's.
    """
    clauses = parse_clauses(metadata)
    kept = select(detections, params.score_threshold(clauses.tag), params)
    return decide(clauses, kept, lambda group: color_classifier.classify(image, group), params)


def color_questions(clauses: Clauses, kept: Mapping[str, list[Detection]]) -> list[list[Detection]]:
    """The groups, each of one class, whose colors `decide` will ask for: they can be asked beforehand."""
    groups = [(clause, kept.get(clause.class_name, [])[: clause.count]) for clause in clauses.include]
    return [group for clause, group in groups if clause.color is not None and len(group) == clause.count]


def decide(
    clauses: Clauses, kept: Mapping[str, list[Detection]], colors: Colors, params: GenEvalParams
) -> Verdict:
    """The verdict on an image in which `select` kept these detections."""
    reasons: list[str] = []
    groups: list[list[Detection] | None] = []
    for clause in clauses.include:
        group = kept.get(clause.class_name, [])[: clause.count]
        reason = _violation(clause, group, groups, colors, params)
        reasons += [reason] if reason else []
        groups.append(None if reason else group)
    for clause in clauses.exclude:
        found = len(kept.get(clause.class_name, []))
        if found >= clause.count:
            reasons.append(f"expected {clause.class_name}<{clause.count}, found {found}")
    return Verdict(correct=not reasons, reason="\n".join(reasons), kept=kept)


def select(
    detections: Sequence[Detection], threshold: float, params: GenEvalParams = GenEvalParams()
) -> dict[str, list[Detection]]:
    """The detections that count, by class name (sorted), best first; of equal scores the later comes first.

    Scores are compared with the threshold as float32, which the reference's detector gives: a score of
    float32(0.3), which is a little more than 0.3, is not over 0.3.
    """
    by_class: dict[str, list[Detection]] = {}
    for detection in detections:
        by_class.setdefault(detection.class_name, []).append(detection)
    best = {name: _best_first(by_class[name], threshold)[: params.max_objects] for name in sorted(by_class)}
    return {name: _suppress(found, params.max_overlap) for name, found in best.items() if found}


def relative_position(a: Box, b: Box, position_threshold: float = 0.1) -> tuple[str, ...]:
    """How A lies to B, in the order of GENEVAL_RELATIONS: none, one or two of them.

    The offset of the centers shrinks towards 0 on each axis by `position_threshold` times the summed
    widths or heights, and is measured against the length of the whole offset. All in float32, as the
    reference's boxes are.
    """
    corners = np.array([a, b], dtype=np.float32).reshape(2, 2, 2)
    center_a, center_b = corners.mean(axis=1)
    size_a, size_b = np.abs(corners[:, 1] - corners[:, 0])
    offset = center_a - center_b
    shrunk = np.maximum(np.abs(offset) - position_threshold * (size_a + size_b), 0) * np.sign(offset)
    if (np.abs(shrunk) < 1e-3).all():
        return ()
    dx, dy = shrunk / np.linalg.norm(offset)
    holds = (dx < -0.5, dx > 0.5, dy < -0.5, dy > 0.5)
    return tuple(relation for relation, true in zip(GENEVAL_RELATIONS, holds, strict=True) if true)


def inclusive_iou(a: Box, b: Box) -> float:
    """Intersection over union, 0-1, of boxes whose far edges are pixels of the box (hence + 1).

    Coordinates and their differences are float32, what is made of them is float64, as the reference's are.
    """
    a32, b32 = np.array([a, b], dtype=np.float32)
    overlap = _area(np.concatenate([np.maximum(a32[:2], b32[:2]), np.minimum(a32[2:], b32[2:])]))
    union = _area(a32) + _area(b32) - overlap
    return overlap / union if union else 0.0


def _violation(
    clause: Clause,
    group: Sequence[Detection],
    groups: Sequence[Sequence[Detection] | None],
    colors: Colors,
    params: GenEvalParams,
) -> str | None:
    """Why the best detections `group` of the clause's class do not satisfy it, or None if they do."""
    if len(group) < clause.count:
        return f"expected {clause.class_name}>={clause.count}, found {len(group)}"
    if clause.color is not None:
        reason = _color_violation(clause, colors(group))
        if reason:
            return reason
    if clause.position is not None:
        return _position_violation(clause.class_name, clause.position, group, groups, params)
    return None


def _color_violation(clause: Clause, colors: Sequence[str]) -> str | None:
    if colors.count(str(clause.color)) >= clause.count:
        return None
    seen = ", ".join(f"{colors.count(color)} {color}" for color in GENEVAL_COLORS if color in colors)
    return (
        f"expected {clause.color} {clause.class_name}>={clause.count}, "
        f"found {colors.count(str(clause.color))} {clause.color}; and {seen}"
    )


def _position_violation(
    name: str,
    position: tuple[str, int],
    group: Sequence[Detection],
    groups: Sequence[Sequence[Detection] | None],
    params: GenEvalParams,
) -> str | None:
    relation, target = position
    targets = groups[target]
    if targets is None:
        return f"no target for {name} to be {relation}"
    for one in group:
        for other in targets:
            found = relative_position(one.box, other.box, params.position_threshold)
            if relation not in found:
                # Two spaces where there is no relation: the reference's wording, kept for comparison.
                return f"expected {name} {relation} target, found {' and '.join(found)} target"
    return None


def _best_first(detections: Sequence[Detection], threshold: float) -> list[Detection]:
    """Those over the threshold, of detections of one class."""
    scores = np.array([detection.score for detection in detections], dtype=np.float32)
    order = np.argsort(scores, kind="stable")[::-1]
    return [detections[at] for at in order if scores[at] > np.float32(threshold)]


def _suppress(ordered: list[Detection], max_overlap: float) -> list[Detection]:
    if max_overlap == 1:
        return ordered
    kept: list[Detection] = []
    for detection in ordered:
        if all(inclusive_iou(better.box, detection.box) < max_overlap for better in kept):
            kept.append(detection)
    return kept


def _area(box: NDArray[np.float32]) -> float:
    width, height = box[2:] - box[:2]
    return max(float(width) + 1, 0.0) * max(float(height) + 1, 0.0)
