"""The generator for every text-to-image pipeline that diffusers can load."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from PIL.Image import Image
from pydantic import Json
from transformers import PreTrainedTokenizerBase

from nami_bench.domain import ImageState
from nami_bench.errors import GenerationError, InputError, UnknownNameError
from nami_bench.generators.batching import BatchRunner, NoImage
from nami_bench.generators.diffusers_loading import Offload, check_call, load_pipeline, place
from nami_bench.generators.lora import Lora, add_loras, described_loras, find_loras, named_loras
from nami_bench.generators.lora_strength import read_alpha
from nami_bench.generators.model_files import ModelFiles, check_model_name, check_untouched, pipeline_files
from nami_bench.generators.presets import PRESETS, Preset
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

WHERE = "generator 'diffusers'"
_OWN_ARGUMENTS = {
    "num_inference_steps": "steps",
    "guidance_scale": "guidance_scale",
    "height": "height",
    "width": "width",
    "negative_prompt": "negative_prompt",
}
_RESERVED = ("prompt", "generator", "num_images_per_prompt", "output_type", "return_dict")
# Pipelines that pad every prompt to one fixed length, so that prompts of any length share a batch. Others pad
# to the longest prompt of the batch, and an image would depend on its neighbours.
PADS_TO_FIXED_LENGTH = frozenset(
    {
        "FluxPipeline",
        "HunyuanDiTPipeline",
        "PixArtAlphaPipeline",
        "PixArtSigmaPipeline",
        "SanaPipeline",
        "StableDiffusion3Pipeline",
        "StableDiffusionPipeline",
        "StableDiffusionXLPipeline",
    }
)


class DiffusersGenerator:
    """Runs a text-to-image pipeline of diffusers, from the hub or from a folder.

    A picture depends on its request's prompt and seed, the settings and the weights, never on the order of
    requests. With batch_size=1 it depends on nothing else, and on the same device and library versions a
    picture made again is the same to the byte. In larger batches kernels may round the last bit differently:
    in float32 on a CPU, batches of 3 moved one value in 10,000 or fewer by one grey level (SD3, Sana, FLUX,
    SDXL, PixArt-Sigma with random weights); in bfloat16, up to one value in 20, by one or two.
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
        lora: a LoRA's file, folder or place on the hub; several as A:0.8,B:0.5. lora_revision: on the hub.
        lora_scale: times its own strength. lora_alpha: what it was trained with, where it doesn't say.
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
        lora: str | None = None
        lora_revision: str | None = None
        lora_scale: float = 1.0
        lora_alpha: str | None = None
        offload: Offload = "none"
        batch_size: int = 1

        def __post_init__(self) -> None:
            if self.preset is not None and self.preset not in PRESETS:
                raise UnknownNameError("preset", self.preset, PRESETS)
            if self.model is None and self.preset is None:
                raise InputError(f"{WHERE}: give model=OWNER/NAME, model=FOLDER or preset=NAME")
            if self.model is not None:
                check_model_name(self.model, self.revision)
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
            _check_extra(self.extra)

    def __init__(self, options: Options) -> None:
        self.options = options
        self.batch_size = options.batch_size
        self._preset = PRESETS.get(options.preset or "")
        self._runner = BatchRunner(self._draw, options.batch_size)
        self._strengths: Mapping[str, str] = {}

    def describe(self) -> Mapping[str, Any]:
        """Model and LoRA with commit or hash, and the call's settings. Fetches what is on the hub."""
        options = self.options
        return {
            "adapter": "diffusers",
            "model": self._model,
            "model_files": dict(self._files.identity),
            "variant": self._variant,
            "dtype": options.dtype,
            "preset": options.preset,
            "call": self._settings,
            "lora": described_loras(self._loras, read_alpha(options.lora_alpha)),
        }

    def generate(self, requests: Sequence[GenerationRequest]) -> Iterator[GenerationResult]:
        """Yield one picture, failure or refusal (by a safety checker) for each request, in order."""
        yield from self._runner.results(requests, self._provenance, alike=self._padding)

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

    @cached_property
    def _files(self) -> ModelFiles:
        return pipeline_files(self._model, self.options.revision, self._variant)

    @cached_property
    def _loras(self) -> tuple[Lora, ...]:
        options = self.options
        named = () if options.lora is None else named_loras(options.lora, options.lora_scale)
        return find_loras(named, options.lora_revision)

    @cached_property
    def _settings(self) -> dict[str, Any]:
        """Arguments of every call: the preset's, overridden by the given ones."""
        settings = {} if self._preset is None else _call_arguments(self._preset)
        return {**settings, **_call_arguments(self.options)}

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
            "device": device_name(self._device),
            "dtype": self.dtype,
            "offload": self.options.offload,
            "libraries": library_versions(),
        }

    @cached_property
    def _pipeline(self) -> Any:
        pipeline = load_pipeline(self._files.path, self._dtype, self._variant)
        check_call(pipeline, self._settings)
        self._strengths = add_loras(pipeline, self._loras, read_alpha(self.options.lora_alpha))
        for files in (self._files, *(lora.files for lora in self._loras)):
            check_untouched(files.path, files.identity.get("sha256"))
        place(pipeline, self._device, self.options.offload)
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    def _draw(self, requests: Sequence[GenerationRequest]) -> list[Image | NoImage]:
        settings = dict(self._settings)
        if "negative_prompt" in settings:
            settings["negative_prompt"] = [settings["negative_prompt"]] * len(requests)
        output = self._pipeline(
            prompt=[request.prompt.text for request in requests],
            generator=noise_generators(requests),
            output_type="np",
            **settings,
        )
        images = getattr(output, "images", None)
        if images is None or len(images) != len(requests):
            name = type(self._pipeline).__name__
            raise GenerationError(
                f"{name} did not give one image for each prompt: it is no text-to-image model"
            )
        # DeepFloyd's pipelines use the second name.
        flags = getattr(output, "nsfw_content_detected", None) or getattr(output, "nsfw_detected", None)
        refused = NoImage(ImageState.REFUSED, "the pipeline's safety checker withheld the image")
        return [
            refused if flag else picture
            for flag, picture in zip(flags or [False] * len(images), pictures(images), strict=True)
        ]

    def _padding(self, request: GenerationRequest) -> Hashable:
        """Equal for prompts that may share a batch: their token counts, where padding depends on them."""
        if type(self._pipeline).__name__ in PADS_TO_FIXED_LENGTH:
            return None
        parts = self._pipeline.components.values()
        tokenizers = [part for part in parts if isinstance(part, PreTrainedTokenizerBase)]
        text = request.prompt.text
        return tuple(len(tokenizer(text).input_ids) for tokenizer in tokenizers) or text


def _check_extra(extra: Mapping[str, Any]) -> None:
    for name in extra:
        if name in _OWN_ARGUMENTS:
            raise InputError(f"{WHERE}: set {name} by the option {_OWN_ARGUMENTS[name]}, not in extra")
        if name in _RESERVED:
            raise InputError(f"{WHERE}: {name} cannot be set, generation sets it itself")


def _call_arguments(source: "Preset | DiffusersGenerator.Options") -> dict[str, Any]:
    named = {argument: getattr(source, option, None) for argument, option in _OWN_ARGUMENTS.items()}
    return {name: value for name, value in named.items() if value is not None} | dict(source.extra)
