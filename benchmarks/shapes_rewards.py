"""GenEval's rewards of pictures of the shapes world, by the analytic detector, in this process."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from nami_bench.domain.clauses import parse_clauses
from nami_bench.evaluation.geneval.reward import Rewards, rewards
from nami_bench.evaluation.geneval.rules import GenEvalParams, select
from nami_bench.evaluation.geneval.shapes_detector import ShapesDetector

RewardFunction = Callable[[Sequence[Image], Sequence[Mapping[str, Any]]], NDArray[np.float64]]
"""A reward for each 8-bit RGB image, shape (images,), by its prompt's GenEval metadata."""

KINDS = ("verdict", "strict", "partial", "flow_grpo")


def shapes_rewards(
    images: Sequence[Image], metadata: Sequence[Mapping[str, Any]], colors_in: Sequence[Image] | None = None
) -> list[Rewards]:
    """All rewards of each image; `colors_in` are the pixels that colors are read from, if they are others."""
    detector, params = ShapesDetector(), GenEvalParams()
    found = []
    looked_at = zip(detector.detect(images), colors_in or images, metadata, strict=True)
    for detections, image, line in looked_at:
        clauses = parse_clauses(line)
        kept = select(detections, params.score_threshold(clauses.tag), params)
        colors = partial(detector.color_classifier.classify, image)
        found.append(rewards(clauses, kept, colors, params))
    return found


def shapes_reward(kind: str) -> RewardFunction:
    """The reward of that name, one of KINDS."""

    def reward(images: Sequence[Image], metadata: Sequence[Mapping[str, Any]]) -> NDArray[np.float64]:
        return np.array([getattr(one, kind) for one in shapes_rewards(images, metadata)])

    return reward
