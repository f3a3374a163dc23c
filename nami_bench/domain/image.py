"""Models under test, their images, and the scores that metrics give these."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from nami_bench.domain.names import checked_name
from nami_bench.errors import InputError


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model under test: which adapter makes its images, with which options.

    `first_name`: under which it was recorded, None where that is its name still.
    """

    name: str
    adapter: str
    options: Mapping[str, Any] = field(default_factory=dict)
    parameters: int | None = None
    licence: str | None = None
    first_name: str | None = None

    def __post_init__(self) -> None:
        checked_name("model", self.name)
        if self.parameters is not None and self.parameters <= 0:
            raise InputError(f"model {self.name!r}: the parameter count must be positive")


SELECTION = "selection"
"""In an image's provenance: how the prompts of its run were chosen, where they were a part of the set."""


class ImageState(StrEnum):
    """What became of one requested image."""

    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One requested image: made, failed or refused.

    `path` is relative to the workspace's image folder, with forward slashes; `seconds` is the
    generator's own time for this image, None where it is not known (imported images). A failed
    or refused image has a `reason` and neither path nor hash.
    """

    model: str
    prompt_set: str
    prompt_id: str
    sample: int
    state: ImageState
    seed: int | None = None
    reason: str | None = None
    path: str | None = None
    sha256: str | None = None
    width: int | None = None
    height: int | None = None
    seconds: float | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    created_at: datetime | None = None

    @property
    def key(self) -> tuple[str, str, str, int]:
        """(model, prompt_set, prompt_id, sample): unique in a workspace."""
        return (self.model, self.prompt_set, self.prompt_id, self.sample)


GROUP = "group"
"""Among a score's details: the hash of the images that its value is about, where these are several."""

LOWER_IS_BETTER = "lower_is_better"
"""Among a score's details, true: smaller values of its metric are better. Sets' scores have a field."""


@dataclass(frozen=True, slots=True)
class Score:
    """One automatic metric's value for one image.

    `instrument` names what measured (detector, weights hash): scores of different instruments
    are different columns. `value` is None, with a `reason`, where the metric failed on the image.
    `value_range`: the lowest and the highest value that the metric can give, None where there are none.
    """

    model: str
    prompt_set: str
    prompt_id: str
    sample: int
    metric: str
    instrument: str
    value: float | None
    reason: str | None = None
    image_sha256: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    value_range: tuple[float, float] | None = None
    created_at: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class SetScore:
    """One automatic metric's value for all images that a model made of a prompt set (FID, KID).

    `images` entered the value. `images_sha256` identifies the images that were to enter it. `value` is None,
    with a `reason`, where the metric failed.
    """

    model: str
    prompt_set: str
    metric: str
    instrument: str
    value: float | None
    images: int
    lower_is_better: bool = False
    reason: str | None = None
    images_sha256: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    created_at: datetime | None = field(default=None, compare=False)
