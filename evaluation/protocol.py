"""What the pipeline asks of an automatic metric, and what it gets back."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from nami_bench.domain import Prompt
from nami_bench.engines.protocol import Windowed
from nami_bench.images import ImageSource

if TYPE_CHECKING:
    from nami_bench.evaluation.features import Extracted, Features


@dataclass(frozen=True, slots=True)
class ScoringItem:
    """One image, on disk or in memory, and the prompt it was made for.

    `nami_bench.images.read_image(item.image)` gives its pixels.
    """

    image: ImageSource
    prompt: Prompt


@dataclass(frozen=True, slots=True)
class ScoringResult:
    """One value, or the reason why the image has none.

    `details` is JSON. A true "over_long" among them says that the metric could not read the prompt in one go;
    a run counts these.
    """

    item: ScoringItem
    value: float | None
    reason: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


class Metric(Protocol):
    """A metric that gives one value for each image.

    Implementations are classes with an inner frozen dataclass `Options`; they load weights on first use. What
    one may say beside that are the capabilities `nami_bench.engines.protocol.Windowed`, `Bounded`,
    `RunsOnDevice` and `UsesLibraries`.
    """

    name: str
    """Name of the score, as in the leaderboard."""

    @property
    def instrument(self) -> str:
        """Names everything the value depends on beside the image: detector, weights' hash, version."""
        ...

    def applies_to(self, prompt: Prompt) -> bool:
        """Whether images of this prompt can be scored (GenEval needs clauses)."""
        ...

    def score(self, items: Iterable[ScoringItem]) -> Iterator[ScoringResult]:
        """Yield one result for each item, in order; an unreadable image is a result with a reason.

        Where an error ends the work, results that were finished are yielded first, whatever their place.
        """
        ...


@runtime_checkable
class Bounded(Protocol):
    """A metric whose values have limits: intervals of its means stay within."""

    value_range: tuple[float, float] | None
    """The lowest and the highest value."""


@runtime_checkable
class RunsOnDevice(Protocol):
    """A metric or detector that tells what it computes with: recorded beside each score."""

    @property
    def runs_on(self) -> Mapping[str, str]:
        """Its "device" and "dtype"."""
        ...


@runtime_checkable
class UsesLibraries(Protocol):
    """A metric or detector whose numbers depend on packages: versions are recorded beside each score."""

    @property
    def libraries(self) -> tuple[str, ...]:
        """The packages' names."""
        ...


@runtime_checkable
class ScoresGroups(Protocol):
    """A `Metric` whose value of an image depends on other images: the samples of its prompt, or all of its
    model.

    `score` takes the images it is given as those of one model. A score holds only while its whole group is as
    it was: the pipeline records the group's hash beside it.
    """

    grouped_by: Literal["prompt", "model"]

    def score_groups(self, groups: Iterable[Sequence[ScoringItem]]) -> Iterator[Sequence[ScoringResult]]:
        """For each group, in order, one result for each of its images, in order."""
        ...


@dataclass(frozen=True, slots=True)
class SetResult:
    """One value for a set of images, or the reason why there is none.

    `images` entered the value; `problems` holds, for each that could not, the reason. `details` is JSON.
    """

    value: float | None
    images: int
    problems: tuple[str, ...] = ()
    reason: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class ScoresSets(Protocol):
    """What tells a `SetMetric` from a `Metric`."""

    def score_set(self, items: Sequence[ScoringItem], advance: Callable[[int], object]) -> SetResult:
        """The value of the images of `items`; `advance` is told how many more have been read.

        Raises InputError where there are too few for the value to mean anything.
        """
        ...


@runtime_checkable
class ScoresFeatures(Windowed, Protocol):
    """A `SetMetric` that turns each image into features, wherever, and then looks at those of all.

    `score_set` is `check_size`, `extract` and `score_features`. Sets are cut at multiples of `window`, so
    that batches, and thus the numbers, stay the same.
    """

    @property
    def extracts_with(self) -> str:
        """Names everything that features depend on beside the image."""
        ...

    def check_size(self, images: int) -> None:
        """Raises InputError where so many images are too few for the value to mean anything."""
        ...

    def extract(self, items: Sequence[ScoringItem]) -> "Extracted":
        """The features of the images of `items`."""
        ...

    def score_features(self, features: "Features", problems: Sequence[str]) -> SetResult:
        """The value of a set by its features; `problems`: of the images that have none."""
        ...


class SetMetric(ScoresSets, Protocol):
    """A metric that gives one value for a whole set of images (FID). Otherwise as `Metric`."""

    name: str
    lower_is_better: bool

    @property
    def instrument(self) -> str:
        """Names everything the value depends on beside the images: network, weights' hash, reference."""
        ...

    def applies_to(self, prompt: Prompt) -> bool:
        """Whether images of this prompt belong in the set."""
        ...
