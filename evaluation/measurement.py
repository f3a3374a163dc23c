"""What a metric found out about one image and its prompt; without torch, for metrics that need no network."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Measurement:
    """One pair's value, or the reason why it has none; `details` as in `ScoringResult`."""

    value: float | None
    reason: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
