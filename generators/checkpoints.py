"""What a pipeline is put together from: a model, components that take another's place, bits, a scheduler."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import diffusers
import torch

from nami_bench.errors import InputError, UnknownNameError
from nami_bench.foreign_text import parse_object
from nami_bench.generators.diffusers_loading import load_pipeline, load_single_file
from nami_bench.generators.lora import DENOISERS
from nami_bench.generators.model_files import ModelFiles, base_files, check_untouched, pipeline_files
from nami_bench.generators.part_files import Part, find_part
from nami_bench.generators.part_loading import component_library, load_part
from nami_bench.generators.pipeline_content import read_index
from nami_bench.generators.quantisation import pipeline_quantiser, quantiser


@dataclass(frozen=True)
class Checkpoint:
    """A model and what is changed in it; files are looked for, and fetched, when they are first asked for.

    `base`: the pipeline that a model in one file belongs to. `components`: places of others, by name.
    `quantize`: see `quantisation.read_kinds`. `scheduler`: see `with_scheduler`.
    """

    model: str
    revision: str | None = None
    variant: str | None = None
    base: str | None = None
    components: Mapping[str, str] = field(default_factory=dict)
    quantize: Mapping[str, str] = field(default_factory=dict)
    scheduler: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def files(self) -> ModelFiles:
        """Of the model."""
        return pipeline_files(self.model, self.revision, self.variant, without=tuple(self.components))

    @cached_property
    def parts(self) -> Sequence[Part]:
        """The components that take another's place."""
        return [find_part(component, name) for component, name in self.components.items()]

    @cached_property
    def _base(self) -> ModelFiles:
        return self.files if self.base is None else base_files(self.base)

    def describe(self) -> dict[str, Any]:
        """Names with hashes or commits of all of it, and how it is changed, for `Generator.describe`."""
        return {
            "model": self.model,
            "model_files": dict(self.files.identity),
            "base": None if self.base is None else {"name": self.base, **self._base.identity},
            "components": {part.component: {"name": part.name, **part.files.identity} for part in self.parts},
            "quantize": dict(self.quantize),
            "scheduler": dict(self.scheduler),
        }

    def load(self, dtype: torch.dtype, device: torch.device) -> Any:
        """The pipeline, on the CPU, for running on `device`. Raises InputError if it cannot be loaded."""
        base = self._base.path
        kinds = self._kinds()
        parts = {part.component: self._loaded(part, kinds, dtype, device) for part in self.parts}
        rest = {name: kind for name, kind in kinds.items() if name not in parts}
        if self.base is None:
            bits = pipeline_quantiser(rest, lambda name: component_library(name, base), device)
            pipeline = load_pipeline(base, dtype, self.variant, parts, bits)
        elif rest:
            raise InputError(f"{self.model}: diffusers does not quantise what it reads of a single file")
        else:
            pipeline = load_single_file(self.files.path, base, dtype, parts)
        for files in self._all_files():
            check_untouched(files.path, files.identity.get("sha256"))
        return with_scheduler(pipeline, self.scheduler) if self.scheduler else pipeline

    def _loaded(self, part: Part, kinds: Mapping[str, str], dtype: torch.dtype, device: torch.device) -> Any:
        base, kind = self._base.path, kinds.get(part.component)
        bits = kind and quantiser(kind, component_library(part.component, base), device)
        return load_part(part, base, dtype, bits)

    def _kinds(self) -> dict[str, str]:
        """Ways to quantise by component, the denoiser by its own name."""
        index = read_index(self._base.path)
        denoiser = next((name for name in DENOISERS if name in index), DENOISERS[0])
        kinds = {name or denoiser: kind for name, kind in self.quantize.items()}
        for name in kinds:
            if name not in index:
                raise UnknownNameError("component to quantise", name, {n for n in index if n[0] != "_"})
        return kinds

    def _all_files(self) -> Iterator[ModelFiles]:
        yield self.files
        if self.base is not None:
            yield self._base
        yield from (part.files for part in self.parts)


def read_scheduler(value: str | Mapping[str, Any]) -> Mapping[str, Any]:
    """The option `scheduler` as changes for `with_scheduler`: a JSON object, or a class's name alone.

    Raises InputError.
    """
    if not isinstance(value, str):
        return value
    if not value.lstrip().startswith("{"):
        return {"class": value} if value else {}
    try:
        return parse_object(value)
    except ValueError as error:
        raise InputError(f"scheduler {value!r} {error}") from error


def with_scheduler(pipeline: Any, changes: Mapping[str, Any]) -> Any:
    """The pipeline with another scheduler, or its own with other settings.

    `changes`: settings of the scheduler's configuration, and under "class" the name of one of diffusers', by
    default its own. Raises UnknownNameError for a class or a setting that there is not.
    """
    changes = dict(changes)
    name = changes.pop("class", type(pipeline.scheduler).__name__)
    kind = getattr(diffusers, str(name), None)
    if kind is None or not hasattr(kind, "set_timesteps"):
        known = {one for one in dir(diffusers) if one.endswith("Scheduler")}
        raise UnknownNameError("scheduler of diffusers", str(name), known)
    expected = set(kind._get_init_keys(kind)) - {"self", "kwargs"}
    for setting in changes:
        if setting not in expected:
            raise UnknownNameError(f"setting of {name}", setting, expected)
    try:
        pipeline.scheduler = kind.from_config(pipeline.scheduler.config, **changes)
    except (TypeError, ValueError) as error:
        raise InputError(f"scheduler {name} cannot be had with {changes}: {error}") from error
    return pipeline
