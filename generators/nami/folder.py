"""A pipeline's folder, the user's or one in the package, and how the model in it asks to be sampled."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nami_bench.errors import InputError
from nami_bench.foreign_text import parse_json
from nami_bench.generators.nami.config import RELEASE_NEGATIVE_PROMPT, RELEASE_PROMPT_SUFFIX
from nami_bench.generators.nami.schedule import TimestepSpacing
from nami_bench.serialize import validated

INDEX = "model_index.json"
_SHIPPED = Path(__file__).parent / "shipped"


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a model is sampled unless told otherwise; the defaults are the release's. See `NamiPipeline`."""

    steps: tuple[int, ...] = (10,)
    guidance_scale: float = 3.0
    negative_prompt: str = RELEASE_NEGATIVE_PROMPT
    prompt_suffix: str = RELEASE_PROMPT_SUFFIX
    timestep_spacing: TimestepSpacing = "linspace"

    @property
    def call(self) -> dict[str, Any]:
        """As arguments of `NamiPipeline`'s call; the spacing is its scheduler's."""
        return {
            "negative_prompt": self.negative_prompt,
            "prompt_suffix": self.prompt_suffix,
            "num_inference_steps": self.steps[0] if len(self.steps) == 1 else self.steps,
            "guidance_scale": self.guidance_scale,
        }


PLAIN_SAMPLING = Sampling(negative_prompt="", prompt_suffix="", timestep_spacing="trailing")
"""For models trained here: no added words, and steps that all do the same work."""


def shipped_names() -> tuple[str, ...]:
    """The names of the models that come with the package."""
    return tuple(sorted(path.parent.name for path in _SHIPPED.glob(f"*/{INDEX}")))


def pipeline_folder(path: Path) -> Path:
    """`path` itself where it holds a pipeline, else the folder of the shipped model of this name.

    Raises InputError where there is neither.
    """
    if (path / INDEX).is_file():
        return path
    if str(path) in shipped_names():
        return _SHIPPED / path
    raise InputError(
        f"{path} holds no NAMI pipeline: make one with `nami-bench nami convert WEIGHTS_DIR {path}` or "
        f"`nami-bench nami train`, or name one that comes with the package: {', '.join(shipped_names())}"
    )


def own_sampling(folder: Path) -> Sampling:
    """How the pipeline in `folder` asks to be sampled. Raises InputError for an unreadable index."""
    index = folder / INDEX
    try:
        raw: Any = parse_json(index.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{index} is not readable JSON: {error}") from error
    given = raw.get("sampling") if isinstance(raw, Mapping) else None
    return Sampling() if given is None else validated(Sampling, given, f"{index}: sampling")


def overridden(own: Sampling, **given: Any) -> Sampling:
    """`own` with those of the `given` fields that are not None."""
    return replace(own, **{name: value for name, value in given.items() if value is not None})
