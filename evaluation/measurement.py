"""What a metric found out about one image and its prompt, and with what; without torch, for metrics that need
no network."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nami_bench.evaluation.protocol import RunsOnDevice, UsesLibraries
from nami_bench.software import used_here


@dataclass(frozen=True, slots=True)
class Measurement:
    """One pair's value, or the reason why it has none; `details` as in `ScoringResult`."""

    value: float | None
    reason: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


def measured_with(metric: object) -> dict[str, Any]:
    """For a score's details: the versions of what measured, and what it says of its device and dtype."""
    libraries = metric.libraries if isinstance(metric, UsesLibraries) else ()
    return {**used_here(libraries), **(metric.runs_on if isinstance(metric, RunsOnDevice) else {})}
