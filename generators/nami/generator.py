"""The generator `nami`: NAMI under test."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import BeforeValidator

from nami_bench.errors import InputError
from nami_bench.generators.batching import BatchRunner, Outcome
from nami_bench.generators.diffusers_loading import Offload, place
from nami_bench.generators.model_files import check_untouched
from nami_bench.generators.nami.folder import overridden, own_sampling, pipeline_folder
from nami_bench.generators.nami.loading import load_pipeline
from nami_bench.generators.nami.pipeline import NamiPipeline
from nami_bench.generators.nami.schedule import TimestepSpacing
from nami_bench.generators.nami.scheduler import NamiEulerScheduler
from nami_bench.generators.pipeline_content import pipeline_sha256
from nami_bench.generators.protocol import GenerationRequest, GenerationResult
from nami_bench.generators.torch_runtime import (
    DtypeName,
    choose_dtype,
    dtype_name,
    library_versions,
    noise_generators,
    pictures,
)
from nami_bench.neural.device import choose_device, device_name

WHERE = "generator 'nami'"


def _comma_separated(value: Any) -> Any:
    return value.split(",") if isinstance(value, str) else value


class NamiGenerator:
    """NAMI from a folder that `nami-bench nami convert` or `nami train` wrote, or one of the shipped models.

    An image depends on its prompt and seed, the settings and the weights, not on its batch, but for the
    last bits: matrix kernels may round differently for another batch size. With the default `batch_size`
    of 1 nothing is left to that.
    """

    @dataclass(frozen=True, slots=True)
    class Options:
        """`path`: the folder, or a shipped model's name. `steps`: of each stage, or one number for all.

        What is not given is the model's own: for converted models as released, for those trained here
        without added words. `height`, `width`: pixels, by default the model's own; another size needs
        `interpolate_shift`.
        `timestep_spacing`: "linspace" as released, or "trailing" for steps that all do the same work.
        `dtype`: on a GPU float16 unless given, as released; on a CPU float32. `device`: "auto", "cuda",
        "cuda:1", "mps" or "cpu". `offload`: "model" or "sequential" keep in the GPU's memory only what
        computes. `vae_slicing`: decode a batch's images one by one. `batch_size`: halved whenever memory
        runs out.
        """

        path: Path
        steps: Annotated[tuple[int, ...] | None, BeforeValidator(_comma_separated)] = None
        guidance_scale: float | None = None
        negative_prompt: str | None = None
        prompt_suffix: str | None = None
        height: int | None = None
        width: int | None = None
        interpolate_shift: bool = False
        timestep_spacing: TimestepSpacing | None = None
        dtype: DtypeName | None = None
        device: str = "auto"
        offload: Offload = "none"
        vae_slicing: bool = False
        batch_size: int = 1

        def __post_init__(self) -> None:
            if self.steps is not None and (not self.steps or min(self.steps) < 1):
                raise InputError(f"{WHERE}: steps {list(self.steps)} must be at least 1 in every stage")
            if self.batch_size < 1:
                raise InputError(f"{WHERE}: batch_size {self.batch_size} is below 1")

    def __init__(self, options: Options) -> None:
        """Raises InputError where there is no such model."""
        self.options = options
        self._folder = pipeline_folder(options.path)
        self._sampling = overridden(
            own_sampling(self._folder),
            steps=options.steps,
            guidance_scale=options.guidance_scale,
            negative_prompt=options.negative_prompt,
            prompt_suffix=options.prompt_suffix,
            timestep_spacing=options.timestep_spacing,
        )
        self.batch_size = options.batch_size
        self._runner = BatchRunner(self._draw, options.batch_size)

    def describe(self) -> Mapping[str, Any]:
        """The weights' hash and all that was asked for. Reads every file of the folder once."""
        settings = asdict(self.options) | asdict(self._sampling)
        # Where the weights lie and what computes is part of an image's provenance, not of the settings.
        for name in ("path", "device", "offload", "vae_slicing", "batch_size"):
            del settings[name]
        return {
            "adapter": "nami",
            "weights_sha256": self._sha256,
            **settings,
            "steps": list(self._sampling.steps),
        }

    def generate(self, requests: Sequence[GenerationRequest]) -> Iterator[GenerationResult]:
        """Yield one image, or one failure with its reason, for each request, in order."""
        yield from self._runner.results(requests, self._provenance)

    @cached_property
    def _sha256(self) -> str:
        return pipeline_sha256(self._folder)

    @property
    def dtype(self) -> str:
        """What this machine computes in: see `Generator`."""
        return dtype_name(self._dtype)

    @cached_property
    def _device(self) -> torch.device:
        return choose_device(self.options.device)

    @cached_property
    def _dtype(self) -> torch.dtype:
        return choose_dtype(self._device, self.options.dtype, published="float16")

    @cached_property
    def _provenance(self) -> dict[str, Any]:
        return {
            "path": str(self.options.path),
            "device": device_name(self._device),
            "dtype": self.dtype,
            "offload": self.options.offload,
            "libraries": library_versions(),
        }

    @cached_property
    def _pipeline(self) -> NamiPipeline:
        options = self.options
        try:
            pipeline = load_pipeline(self._folder, self._dtype)
        except InputError as error:
            raise InputError(f"{WHERE}: {error}") from error
        check_untouched(self._folder, self._sha256)
        pipeline.scheduler = NamiEulerScheduler.from_config(
            pipeline.scheduler.config, timestep_spacing=self._sampling.timestep_spacing
        )
        if options.vae_slicing:
            pipeline.vae.enable_slicing()
        place(pipeline, self._device, options.offload)
        return pipeline

    def _draw(self, requests: Sequence[GenerationRequest]) -> list[Outcome]:
        options, sampling = self.options, self._sampling
        (images,) = self._pipeline(
            [request.prompt.text for request in requests],
            **sampling.call,
            height=options.height,
            width=options.width,
            generator=noise_generators(requests),
            interpolate_shift=options.interpolate_shift,
            output_type="np",
            return_dict=False,
        )
        return pictures(images)
