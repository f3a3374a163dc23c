"""The generator for every text-to-image pipeline that diffusers can load."""

import inspect
import logging
import time
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from pydantic import Json

from nami_bench.errors import InputError, UnknownNameError
from nami_bench.generators.acceleration import Acceleration
from nami_bench.generators.batch_sharing import sharing
from nami_bench.generators.batching import BatchRunner, Outcome
from nami_bench.generators.checkpoints import Checkpoint, read_scheduler
from nami_bench.generators.diffusers_loading import Offload, place
from nami_bench.generators.lora import Lora, add_loras, described_loras, find_loras, named_loras
from nami_bench.generators.lora_strength import read_alpha
from nami_bench.generators.model_files import check_model_name, check_untouched
from nami_bench.generators.pipeline_call import call_arguments, call_parameters, texts_for
from nami_bench.generators.pipeline_output import outcomes, told_once
from nami_bench.generators.preset import Preset
from nami_bench.generators.presets import PRESETS, presets_of
from nami_bench.generators.prompt_rewriting import (
    SWITCHES,
    Rewriter,
    Rewriting,
    own_randomness,
    switches,
)
from nami_bench.generators.protocol import GenerationRequest, GenerationResult
from nami_bench.generators.quantisation import FP8_STORAGE, read_kinds, versions
from nami_bench.generators.step_caches import Cache, PassCounter
from nami_bench.generators.torch_runtime import (
    DtypeName,
    choose_dtype,
    dtype_name,
    library_versions,
    noise_generators,
)
from nami_bench.neural.device import choose_device, device_name

WHERE = "generator 'diffusers'"
_OWN_ARGUMENTS = {
    "num_inference_steps": "steps",
    "guidance_scale": "guidance_scale",
    "height": "height",
    "width": "width",
    "negative_prompt": "negative_prompt",
}
_PARTS = ("transformer", "unet", "vae", "text_encoder")
_RESERVED = (
    "prompt",
    "generator",
    "num_images_per_prompt",
    "num_videos_per_prompt",
    "output_type",
    "return_dict",
)
_log = logging.getLogger(__name__)


class DiffusersGenerator:
    """Runs a text-to-image pipeline of diffusers, from the hub or from a folder.

    A picture depends on its request's prompt and seed, the settings and the weights, never on the order of
    requests. With batch_size=1 it depends on nothing else, and on the same device and library versions a
    picture made again is the same to the byte. In larger batches kernels may round the last bit differently:
    in float32 on a CPU, batches of 3 moved one value in 10,000 or fewer by one grey level (SD3, Sana, FLUX,
    SDXL, PixArt-Sigma with random weights); in bfloat16, up to one value in 20, by one or two. Pipelines not
    known to be safe in batches draw one by one: see `nami_bench.generators.batch_sharing`.
    """

    @dataclass(frozen=True, slots=True)
    class Options:
        """What to load and how to run it. What is not given here the preset gives, and else the pipeline.

        model: a hub name ("owner/name") or a folder that save_pretrained wrote; may be left to the preset.
        preset: a published system, one of `nami_bench.generators.presets.PRESETS`.
        revision: commit, tag or branch of a hub model. variant: its files' variant, such as "fp16".
        dtype: float32, bfloat16 or float16; on a CPU float32 unless given.
        device: "auto", "cuda", "cuda:1", "mps" or "cpu".
        steps, guidance_scale: at least 1, at least 0. height, width: pixels, multiples of 8.
        negative_prompt: for every prompt (FLUX heeds one only with extra={"true_cfg_scale": 4}).
        extra: JSON object of further arguments of the pipeline's call.
        prompt_rewriting: "on" lets a pipeline that can have a language model write each prompt anew; what
        it wrote is recorded, and the leaderboard says so.
        lora: a LoRA's file, folder or place on the hub; several as A:0.8,B:0.5. lora_revision: on the hub.
        lora_scale: times its own strength. lora_alpha: what it was trained with, where it doesn't say.
        base: the pipeline that a `model` in one file belongs to.
        transformer, unet, vae, text_encoder: a folder, a file (.safetensors, .gguf, .ckpt) or a place on the
        hub that takes the place of the model's own. components: JSON object of others, by name.
        quantize: int8wo, bnb-nf4 ... of the denoiser, or COMPONENT:KIND,COMPONENT:KIND.
        scheduler: another one of diffusers', or a JSON object of settings to change ("class": its name).
        cache: fbcache:0.2, taylorseer:5, seacache, magcache, or JSON: leaves out a part of some steps.
        attention: one of diffusers' backends. compile: the denoiser's blocks by torch.compile.
        offload: "model" or "sequential" keep in the GPU's memory only what computes.
        batch_size: images drawn at once, at most; halved whenever memory runs out. See above for what
        more than 1 costs in exactness.
        """

        model: str | None = None
        preset: str | None = None
        revision: str | None = None
        variant: str | None = None
        dtype: DtypeName | None = None
        device: str = "auto"
        steps: int | None = None
        guidance_scale: float | None = None
        height: int | None = None
        width: int | None = None
        negative_prompt: str | None = None
        extra: Json[dict[str, Any]] | dict[str, Any] = field(default_factory=dict)
        prompt_rewriting: Rewriting = "off"
        lora: str | None = None
        lora_revision: str | None = None
        lora_scale: float = 1.0
        lora_alpha: str | None = None
        base: str | None = None
        transformer: str | None = None
        unet: str | None = None
        vae: str | None = None
        text_encoder: str | None = None
        components: Json[dict[str, str]] | dict[str, str] = field(default_factory=dict)
        quantize: str | None = None
        scheduler: str | dict[str, Any] = ""
        cache: str | None = None
        attention: str | None = None
        compile: bool = False
        offload: Offload = "none"
        batch_size: int = 1

        def __post_init__(self) -> None:
            if self.preset is not None and self.preset not in PRESETS:
                raise UnknownNameError("preset", self.preset, PRESETS)
            if self.model is None and self.preset is None:
                raise InputError(f"{WHERE}: give model=OWNER/NAME, model=FOLDER or preset=NAME")
            if self.model is not None:
                check_model_name(self.model, self.revision, self.base)
            self.parts(), self.acceleration(), read_scheduler(self.scheduler)
            if self.lora is not None:
                named_loras(self.lora, self.lora_scale)
                read_alpha(self.lora_alpha)
            elif (self.lora_revision, self.lora_scale, self.lora_alpha) != (None, 1.0, None):
                raise InputError(f"{WHERE}: lora_revision, lora_scale and lora_alpha need lora")
            for name, minimum in (("steps", 1), ("guidance_scale", 0), ("batch_size", 1)):
                value = getattr(self, name)
                if value is not None and not value >= minimum:
                    raise InputError(f"{WHERE}: {name} {value} is below {minimum}")
            for name in ("height", "width"):
                value = getattr(self, name)
                if value is not None and (value < 8 or value % 8):
                    raise InputError(f"{WHERE}: {name} {value} is no positive multiple of 8")
            _check_extra(self.extra, self.prompt_rewriting)

        def acceleration(self) -> Acceleration:
            """What is switched on for speed; raises InputError."""
            cache = None if self.cache is None else Cache.read(self.cache)
            if cache is not None:
                cache.check_batch_size(self.batch_size)
            casting = FP8_STORAGE in read_kinds(self.quantize).values()
            return Acceleration(cache, self.attention, self.compile, casting)

        def parts(self) -> Mapping[str, str]:
            """Components that take the place of the model's; raises InputError for one given twice."""
            named = {name: getattr(self, name) for name in _PARTS if getattr(self, name) is not None}
            if twice := named.keys() & dict(self.components).keys():
                raise InputError(f"{WHERE}: {min(twice)} is given twice, also in components")
            return {**named, **self.components}

    def __init__(self, options: Options) -> None:
        self.options = options
        self.batch_size = options.batch_size
        self._preset = PRESETS.get(options.preset or "")
        self._runner = BatchRunner(self._draw, options.batch_size)
        self._strengths: Mapping[str, str] = {}
        self._passes: PassCounter | None = None
        self._rewriter: Rewriter  # from when the pipeline is loaded
        self._load_seconds: float | None = None
        self._told: set[str] = set()
        if options.preset is None and (known := presets_of(str(options.model))):
            _log.warning(
                "%s without its publisher's settings: preset=%s has them", options.model, " or ".join(known)
            )

    def describe(self) -> Mapping[str, Any]:
        """Model and LoRA with commit or hash, and the call's settings. Fetches what is on the hub."""
        options = self.options
        return {
            "adapter": "diffusers",
            **self._checkpoint.describe(),
            **options.acceleration().describe(),
            "variant": self._variant,
            "dtype": options.dtype,
            "preset": options.preset,
            "call": self._settings,
            "lora": described_loras(self._loras, read_alpha(options.lora_alpha)),
        }

    def generate(self, requests: Sequence[GenerationRequest]) -> Iterator[GenerationResult]:
        """Yield one picture, failure or refusal (by a safety checker) for each request, in order."""
        yield from self._runner.results(requests, self._provenance, alike=self._sharing)

    @property
    def dtype(self) -> str:
        """What this machine computes in: see `Generator`."""
        return dtype_name(self._dtype)

    @property
    def _model(self) -> str:
        name = self.options.model or (self._preset.model if self._preset else None)
        assert name is not None  # Options saw to it
        return name

    @property
    def _variant(self) -> str | None:
        # The preset knows the files on the hub; a folder's files are the user's own.
        if self.options.variant is None and self.options.model is None and self._preset is not None:
            return self._preset.variant
        return self.options.variant

    @property
    def _revision(self) -> str | None:
        # As of the variant.
        if self.options.revision is None and self._preset and self.options.model is None:
            return self._preset.revision
        return self.options.revision

    @property
    def _preset_components(self) -> Mapping[str, str]:
        # As of the variant: a model of one's own has its parts.
        return {} if self._preset is None or self.options.model is not None else self._preset.components

    @cached_property
    def _checkpoint(self) -> Checkpoint:
        options = self.options
        return Checkpoint(
            self._model,
            self._revision,
            self._variant,
            options.base,
            {**self._preset_components, **options.parts()},
            read_kinds(options.quantize),
            read_scheduler(options.scheduler),
        )

    @cached_property
    def _loras(self) -> tuple[Lora, ...]:
        options = self.options
        named = () if options.lora is None else named_loras(options.lora, options.lora_scale)
        return find_loras(named, options.lora_revision)

    @cached_property
    def _settings(self) -> dict[str, Any]:
        """Arguments of every call: the preset's, overridden by the given ones, and our own defaults: one
        frame of what makes videos, and prompts that are not rewritten."""
        parameters = call_parameters(self._checkpoint.folder)
        own = {"num_frames": 1} if "num_frames" in parameters else {}
        own |= switches(parameters, self.options.prompt_rewriting)
        preset = {} if self._preset is None else _call_arguments(self._preset)
        return {**own, **preset, **_call_arguments(self.options)}

    @cached_property
    def _device(self) -> torch.device:
        return choose_device(self.options.device)

    @cached_property
    def _dtype(self) -> torch.dtype:
        published = self._preset.dtype if self._preset else None
        return choose_dtype(self._device, self.options.dtype, published)

    @cached_property
    def _provenance(self) -> dict[str, Any]:
        """What holds for all images of this run but not for another run of the same settings."""
        return {
            "pipeline": type(self._pipeline).__name__,
            "lora_strength": self._strengths,
            "load_seconds": self._load_seconds,
            "device": device_name(self._device),
            "dtype": self.dtype,
            "offload": self.options.offload,
            "libraries": {
                **library_versions(),
                **versions(read_kinds(self.options.quantize)),
                **self.options.acceleration().versions(),
            },
        }

    @cached_property
    def _pipeline(self) -> Any:
        started = time.perf_counter()
        if self._preset is not None:
            self._preset.check_packages()
        pipeline = self._checkpoint.load(self._dtype, self._device)
        self._rewriter = self._rewriter_of(pipeline)  # refuses before the weights go to the GPU
        self._strengths = add_loras(pipeline, self._loras, read_alpha(self.options.lora_alpha))
        for lora in self._loras:
            check_untouched(lora.files.path, lora.files.identity.get("sha256"))
        place(pipeline, self._device, self.options.offload)
        self._passes = self.options.acceleration().apply(pipeline, self._dtype, self._steps(pipeline))
        pipeline.set_progress_bar_config(disable=True)
        self._load_seconds = round(time.perf_counter() - started, 3)
        return pipeline

    def _steps(self, pipeline: Any) -> int:
        """Of each image: as asked for, else the call's default."""
        default = inspect.signature(type(pipeline).__call__).parameters.get("num_inference_steps")
        return int(self._settings.get("num_inference_steps") or (default and default.default) or 0)

    def _rewriter_of(self, pipeline: Any) -> Rewriter:
        arguments = call_arguments(pipeline, self._settings)
        return Rewriter(pipeline, arguments, self.options.prompt_rewriting)

    def _draw(self, requests: Sequence[GenerationRequest]) -> list[Outcome]:
        pipeline, rewriter, generators = self._pipeline, self._rewriter, noise_generators(requests)
        arguments = dict(rewriter.arguments)
        if isinstance(arguments.get("negative_prompt"), str):
            negative = [arguments["negative_prompt"]] * len(requests)
            arguments["negative_prompt"] = texts_for(pipeline, negative)
        with own_randomness(requests[0].seed, self._device):
            if self._passes is not None:
                self._passes.start()
            texts = rewriter.rewritten([request.prompt.text for request in requests], generators)
            prompts = texts_for(pipeline, texts)
            output = pipeline(prompt=prompts, generator=generators, output_type="np", **arguments)
        drawn = outcomes(output, pipeline, arguments, len(requests))
        told_once(drawn, self._told, type(pipeline).__name__)
        texts = getattr(output, "revised_prompts", None) or texts
        passes = {} if self._passes is None else self._passes.about()
        return [
            replace(outcome, about={**outcome.about, **passes, **rewriter.about(request, text)})
            for outcome, request, text in zip(drawn, requests, texts, strict=True)
        ]

    def _sharing(self, request: GenerationRequest) -> Hashable:
        """Equal for prompts that may share a batch; each its own where images are drawn one by one."""
        pipeline = self._pipeline  # loads it, and makes the rewriter
        found = None if self._rewriter.switch else sharing(pipeline, request.prompt.text)
        return (request.prompt.id, request.sample) if found is None else found


def _check_extra(extra: Mapping[str, Any], rewriting: Rewriting) -> None:
    for name in extra:
        if name in _OWN_ARGUMENTS:
            raise InputError(f"{WHERE}: set {name} by the option {_OWN_ARGUMENTS[name]}, not in extra")
        if name in _RESERVED:
            raise InputError(f"{WHERE}: {name} cannot be set, generation sets it itself")
        if name in SWITCHES and rewriting == "off":
            raise InputError(f"{WHERE}: set {name} by the option prompt_rewriting, not in extra")


def _call_arguments(source: "Preset | DiffusersGenerator.Options") -> dict[str, Any]:
    named = {argument: getattr(source, option, None) for argument, option in _OWN_ARGUMENTS.items()}
    return {name: value for name, value in named.items() if value is not None} | dict(source.extra)
