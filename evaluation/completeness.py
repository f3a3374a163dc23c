"""What a folder of images holds against what a benchmark expects of it."""

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing amiss: its kind, where in the folder, and what it is."""

    kind: str
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.where}: {self.what}"


@dataclass(frozen=True, slots=True)
class Completeness:
    """What a folder holds against what it should hold."""

    expected_prompts: int
    expected_images: int
    found_images: int
    problems: tuple[Problem, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Number of problems of each kind that occurs, in the order of `problems`."""
        return dict(Counter(problem.kind for problem in self.problems))

    def to_json(self) -> dict[str, Any]:
        """Plain values for one JSON document."""
        return {**asdict(self), "counts": self.counts}
