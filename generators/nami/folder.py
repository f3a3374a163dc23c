"""A pipeline's folder on disk, and how the model in it asks to be sampled."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from generators.nami.config import RELEASE_NEGATIVE_PROMPT, RELEASE_PROMPT_SUFFIX
from generators.nami.schedule import TimestepSpacing
from nami_bench.config import validated
from nami_bench.errors import InputError

INDEX = "model_index.json"


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a model is sampled unless told otherwise; the defaults are the release's. See `NamiPipeline`."""

    steps: tuple[int, ...] = (10,)
    guidance_scale: float = 3.0
    negative_prompt: str = RELEASE_NEGATIVE_PROMPT
    prompt_suffix: str = RELEASE_PROMPT_SUFFIX
    timestep_spacing: TimestepSpacing = "linspace"


PLAIN_SAMPLING = Sampling(negative_prompt="", prompt_suffix="", timestep_spacing="trailing")
"""For models trained here: no added words, and steps that all do the same work."""


def check_folder(folder: Path) -> None:
    """Raise InputError where `folder` holds no pipeline."""
    if not (folder / INDEX).is_file():
        raise InputError(
            f"{folder} holds no NAMI pipeline: make one with `nami-bench nami convert WEIGHTS_DIR {folder}` "
            "or `nami-bench nami train`"
        )


def own_sampling(folder: Path) -> Sampling:
    """How the pipeline in `folder` asks to be sampled. Raises InputError for an unreadable index."""
    index = folder / INDEX
    try:
        raw: Any = json.loads(index.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{index} is not readable JSON: {error}") from error
    given = raw.get("sampling") if isinstance(raw, Mapping) else None
    return Sampling() if given is None else validated(Sampling, given, f"{index}: sampling")


def overridden(own: Sampling, **given: Any) -> Sampling:
    """`own` with those of the `given` fields that are not None."""
    return replace(own, **{name: value for name, value in given.items() if value is not None})
