"""Whether a measurement was made by GenEval's published instrument, and else in what it differs.

Decided from the instrument's name, which every result carries and in which everything stands that a verdict
depends on: `GenEvalMetric.instrument`. So the same is said of a run, of its file a year later, and of a
leaderboard's column.
"""

import re
from dataclasses import dataclass
from typing import Any

DETECTOR_SHA256 = "743b7d99"
"""The first digits of the hash of mmdet's file: `nami_bench.evaluation.weights.MASK2FORMER`."""

CLIP = "ViT-L-14"
CLIP_TAG = "openai"
"""What judges colors, in open_clip's words."""

UNKNOWN = "as recorded, unknown"
"""The instrument of verdicts that nobody knows what gave."""

_DETECTOR = re.compile(r"mask2former-(?P<sha256>[0-9a-f]{12})(?P<dtype>-\w+)?")


@dataclass(frozen=True, slots=True)
class Standing:
    """`differences`: in words, what is not as published; None where the instrument is not known."""

    differences: tuple[str, ...] | None

    @property
    def is_published(self) -> bool | None:
        """Whether it is the published instrument; None where that is not known."""
        return None if self.differences is None else not self.differences

    def __str__(self) -> str:
        if self.differences is None:
            return "not known to be the published detector: these results do not name theirs"
        if not self.differences:
            return (
                "the published detector, in float32 and with the published rules (its SHA-256 begins with "
                f"{DETECTOR_SHA256}; the full one could not be verified when this was written)"
            )
        return f"not the published detector: {'; '.join(self.differences)}"

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        differences = None if self.differences is None else list(self.differences)
        return {"published": self.is_published, "differences": differences}


def standing(instrument: str | None) -> Standing:
    """What GenEval's `instrument` is beside the published one: the detector's weights and precision, the
    color classifier's model and tag (its weights' file has had more than one form), the rules."""
    if instrument is None or instrument == UNKNOWN:
        return Standing(None)
    detector, *others = instrument.split("+")
    colors, rules = (others[0], others[1:]) if others else ("none", [])
    differences = [*_of_detector(detector)]
    if not colors.startswith(f"clip-{CLIP}-{CLIP_TAG}-"):
        differences.append(f"colors are judged by {colors}, not CLIP {CLIP} with OpenAI's weights")
    if rules:
        differences.append(f"rules: {', '.join(rules)}")
    return Standing(tuple(differences))


def _of_detector(detector: str) -> list[str]:
    found = _DETECTOR.fullmatch(detector)
    if found is None:
        return [f"the detector is {detector}, not mmdet's Mask2Former"]
    differences = []
    if not found["sha256"].startswith(DETECTOR_SHA256):
        differences.append(f"the weights' SHA-256 begins with {found['sha256']}, not with {DETECTOR_SHA256}")
    if found["dtype"]:
        differences.append(f"it ran in {found['dtype'][1:]}, not in float32")
    return differences
