"""What a run would do, before it does anything."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from nami_bench.run_file.parts import MetricPart

MINUTE, HOUR = 60, 3600


@dataclass(frozen=True, slots=True)
class Planned:
    """One piece of work of a `step`.

    `there` of `what` it makes are there, `to_do` are to be made (None: it is not known how many). `seconds`:
    how long that may take, None where nothing is known of it, or nothing is to be done. `note` says what else
    must be said; `problem` why it cannot be done here as things are.
    """

    step: str
    name: str
    what: str
    there: int | None
    to_do: int | None
    seconds: float | None = None
    note: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a run would do, in order."""

    steps: tuple[Planned, ...]

    @property
    def untimed(self) -> tuple[Planned, ...]:
        """Images and scores that are to be made, of whose durations nothing is recorded."""
        return tuple(
            one
            for one in self.steps
            if one.step in ("images", "scores") and one.to_do != 0 and one.seconds is None
        )

    @property
    def problems(self) -> tuple[str, ...]:
        """Why parts of it cannot be done here as things are."""
        return tuple(f"{one.step}, {one.name}: {one.problem}" for one in self.steps if one.problem)

    def duration(self) -> str:
        """How long images and scores may take, in a sentence."""
        timed = [one.seconds for one in self.steps if one.seconds is not None]
        left = [f"{one.name} ({one.step})" for one in self.untimed]
        if not timed and not left:
            return "No images or scores are to be made."
        known = f"About {in_words(sum(timed))} for images and scores" if timed else ""
        unknown = f"nothing is known of how long these take: {', '.join(left)}" if left else ""
        return (f"{known}; {unknown}" if known and unknown else (known or unknown).capitalize()) + "."

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON document."""
        return {
            "steps": [asdict(one) for one in self.steps],
            "seconds": sum(one.seconds or 0 for one in self.steps),
            "untimed": [one.name for one in self.untimed],
            "problems": list(self.problems),
        }


def in_words(seconds: float) -> str:
    """'40 s', '12 min', '3.5 h'."""
    if seconds < 2 * MINUTE:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / MINUTE)} min" if seconds < 2 * HOUR else f"{seconds / HOUR:.1f} h"


def expected_seconds(known: Iterable[tuple[float, int]], images: int) -> float | None:
    """How long `images` take, by earlier (seconds, images); None where there are none."""
    earlier: Sequence[tuple[float, int]] = list(known)
    done = sum(count for _, count in earlier)
    return images * sum(seconds for seconds, _ in earlier) / done if done else None


def matching(metric: MetricPart) -> dict[str, Any]:
    """What decides how long a metric takes: all but on what it is run."""
    values = asdict(metric)
    return {key: value for key, value in values.items() if key not in ("prompts", "models")}
