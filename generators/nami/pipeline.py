"""NAMI from prompt to image, as a diffusers pipeline."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import count
from typing import Any, ClassVar

import torch
from diffusers import AutoencoderKL, DiffusionPipeline
from diffusers.image_processor import VaeImageProcessor
from diffusers.pipelines.pipeline_utils import ImagePipelineOutput
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor
from transformers import BertTokenizer, MT5EncoderModel, T5Tokenizer

from nami_bench.errors import InputError
from nami_bench.generators.nami.autoencoder import PixelUnshuffleAutoencoder, downscale_factor
from nami_bench.generators.nami.bridge import Bridge, Generators, fine_part
from nami_bench.generators.nami.cost import stage_size
from nami_bench.generators.nami.latents import pack, shrink_noise, unpack
from nami_bench.generators.nami.sampling import StagePlan, denoise_step, plan_stages
from nami_bench.generators.nami.scheduler import NamiEulerScheduler
from nami_bench.generators.nami.text import (
    POOLED_TOKENS,
    SEQUENCE_TOKENS,
    BertTextEncoder,
    encode_pooled,
    encode_sequence,
)
from nami_bench.generators.nami.transformer import NamiTransformer2DModel, TextConditioning

Prompts = str | Sequence[str]
Embeddings = tuple[Tensor, Tensor | None]
StepCallback = Callable[["NamiPipeline", int, Tensor, dict[str, Tensor]], dict[str, Tensor] | None]


class NamiPipeline(DiffusionPipeline):
    """Text to image in stages of growing resolution and depth (arXiv 2503.09242).

    `text_encoder` (mCLIP) gives one vector for a prompt, `text_encoder_2` (mT5) one for each token; they
    and their tokenizers may be missing where embeddings are passed in, and `vae` where latents are
    asked for. Load a folder that `nami-bench nami convert` wrote with `NamiPipeline.from_pretrained`.
    """

    model_cpu_offload_seq = "text_encoder->text_encoder_2->transformer->vae"
    # Called between two passes of the transformer, which must not leave the device for it.
    _exclude_from_cpu_offload: ClassVar = ["bridge"]
    _optional_components: ClassVar = ["text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "vae"]

    def __init__(
        self,
        transformer: NamiTransformer2DModel,
        bridge: Bridge,
        scheduler: NamiEulerScheduler,
        vae: AutoencoderKL | PixelUnshuffleAutoencoder | None = None,
        text_encoder: BertTextEncoder | None = None,
        tokenizer: BertTokenizer | None = None,
        text_encoder_2: MT5EncoderModel | None = None,
        tokenizer_2: T5Tokenizer | None = None,
        text_tokens: int | None = None,
        start_noise: float = 0.0,
        sampling: Mapping[str, Any] | None = None,
    ) -> None:
        """`text_tokens`: length of both text sequences; None for the release's, 77 and 256. `start_noise`:
        fresh fine noise that latents get after each bridge, as a share of the flow's own there; none in
        the release (see `nami_bench.generators.nami.training.windows`). `sampling`: what the generator `nami`
        takes unless told otherwise (`nami_bench.generators.nami.folder.Sampling`); the pipeline itself does
        not look at it.

        Raises InputError where transformer, bridge and scheduler differ in their number of stages.
        """
        super().__init__()
        self.register_modules(
            transformer=transformer,
            bridge=bridge,
            scheduler=scheduler,
            vae=vae,
            text_encoder=text_encoder,
            tokenizer=tokenizer,
            text_encoder_2=text_encoder_2,
            tokenizer_2=tokenizer_2,
        )
        self.register_to_config(text_tokens=text_tokens, start_noise=start_noise, sampling=sampling)
        stages = (transformer.shape.num_stages, bridge.transitions + 1, len(scheduler.windows))
        if len(set(stages)) > 1:
            raise InputError("transformer, bridge and scheduler are for {}, {} and {} stages".format(*stages))
        self.vae_scale_factor = 8 if vae is None else downscale_factor(vae)
        self.image_processor = VaeImageProcessor(vae_scale_factor=self.vae_scale_factor)
        self._interrupt = False

    @property
    def num_stages(self) -> int:
        """K, the number of stages."""
        return int(self.transformer.shape.num_stages)

    @torch.no_grad()
    def __call__(
        self,
        prompt: Prompts | None = None,
        negative_prompt: Prompts | None = None,
        *,
        prompt_suffix: str = "",
        height: int | None = None,
        width: int | None = None,
        num_inference_steps: int | Sequence[int] = 10,
        guidance_scale: float = 3.0,
        num_images_per_prompt: int = 1,
        generator: Generators = None,
        latents: Tensor | None = None,
        prompt_embeds: Tensor | None = None,
        pooled_prompt_embeds: Tensor | None = None,
        negative_prompt_embeds: Tensor | None = None,
        negative_pooled_prompt_embeds: Tensor | None = None,
        use_pooled: bool = True,
        interpolate_shift: bool = False,
        output_type: str = "pil",
        return_dict: bool = True,
        callback_on_step_end: StepCallback | None = None,
    ) -> ImagePipelineOutput | tuple[Any]:
        """Make `num_images_per_prompt` images for each prompt, those of one prompt beside each other.

        prompt: one or several; `prompt_suffix` is added to each. Or, instead, `prompt_embeds` (prompts,
            text tokens, joint_attention_dim) and `pooled_prompt_embeds` (prompts, pooled_projection_dim),
            made by `encode_prompt`.
        negative_prompt: one for all, or one for each prompt, by default empty; likewise as embeddings. Only
            looked at with guidance, which is on where `guidance_scale` is above 1.
        height, width: in pixels; by default the size the model was trained at. Another size needs
            `interpolate_shift=True` where the bridge is tied to its size.
        num_inference_steps: of every stage, or of each stage.
        generator: one for each image makes each image independent of the batch it is in; noise is drawn
            in float32 whatever the model's dtype.
        latents: unit-variance noise (images, channels, height, width) at the last stage's size, in place
            of drawn noise.
        use_pooled: False leaves the pooled text out of the conditioning.
        output_type: "pil", "np", "pt" or "latent".
        callback_on_step_end: called as in diffusers, with (pipeline, step, timestep, {"latents": ...})
            after every step, steps counted over all stages; latents it returns replace the pipeline's, and
            setting `pipeline._interrupt` leaves out all further steps.

        Returns an ImagePipelineOutput, or a one-tuple. Raises InputError for arguments that do not fit.
        """
        steps = self._steps(num_inference_steps)
        latent_size = self._latent_size(height, width)
        if not interpolate_shift:
            self._check_bridge(latent_size)
        positive = self._embeddings(prompt, prompt_suffix, prompt_embeds, pooled_prompt_embeds, use_pooled)
        negative = None
        if guidance_scale > 1:
            embeds = negative_prompt_embeds, negative_pooled_prompt_embeds
            negative = self._embeddings(negative_prompt or "", "", *embeds, use_pooled)
        text = self._condition(positive, negative, num_images_per_prompt)
        images = len(positive[0]) * num_images_per_prompt
        noise = self._noise(images, latent_size, generator, latents)
        plans = plan_stages(
            self.transformer,
            self.scheduler,
            latent_size,
            steps,
            text_tokens=text.context.shape[1],
            dtype=noise.dtype,
            device=noise.device,
        )
        cross = partial(self._cross, generator=generator, interpolate_shift=interpolate_shift)
        final = self._denoise(noise, plans, text, guidance_scale, cross, callback_on_step_end)
        output = final if output_type == "latent" else self._decode(final, output_type)
        self.maybe_free_model_hooks()
        return ImagePipelineOutput(images=output) if return_dict else (output,)

    @torch.no_grad()
    def encode_prompt(
        self, prompt: Prompts, *, prompt_suffix: str = "", use_pooled: bool = True
    ) -> tuple[Tensor, Tensor | None]:
        """(prompt_embeds, pooled_prompt_embeds) of the prompts; the second is None without `use_pooled`."""
        if self.text_encoder_2 is None or (use_pooled and self.text_encoder is None):
            raise InputError(
                "this pipeline has no text encoders: pass prompt_embeds and pooled_prompt_embeds, and with "
                "guidance negative_prompt_embeds and negative_pooled_prompt_embeds"
            )
        texts = [text + prompt_suffix for text in ([prompt] if isinstance(prompt, str) else prompt)]
        device = self._execution_device
        tokens = self.config.text_tokens
        pooled = None
        if use_pooled:
            length = tokens or POOLED_TOKENS
            pooled = encode_pooled(texts, self.tokenizer, self.text_encoder, device, length)
        length = tokens or SEQUENCE_TOKENS
        return encode_sequence(texts, self.tokenizer_2, self.text_encoder_2, device, length), pooled

    def _denoise(
        self,
        latents: Tensor,
        plans: Sequence[StagePlan],
        text: TextConditioning,
        guidance_scale: float,
        cross: Callable[[Tensor, int], Tensor],
        callback: StepCallback | None,
    ) -> Tensor:
        """From noise at the first stage's size to latents at the last stage's."""
        self._interrupt = False
        step_numbers = count()
        with self.progress_bar(total=sum(plan.steps for plan in plans)) as bar:
            for plan in plans:
                if plan.stage > 0:
                    latents = cross(latents, plan.stage - 1)
                tokens = pack(latents)
                for step in range(plan.steps):
                    if self._interrupt:
                        break
                    tokens = denoise_step(self.transformer, tokens, plan, step, text, guidance_scale)
                    if callback is not None:
                        tokens = self._call_back(callback, next(step_numbers), plan, step, tokens)
                    bar.update()
                latents = unpack(tokens, plan.height, plan.width)
        return latents

    def _cross(
        self, latents: Tensor, transition: int, *, generator: Generators, interpolate_shift: bool
    ) -> Tensor:
        """From the end of one stage to the start of the next."""
        larger: Tensor = self.bridge(
            latents, transition, generator=generator, interpolate_shift=interpolate_shift
        )
        level = self.config.start_noise * (1.0 - self.scheduler.config.stage_range[transition + 1])
        if level == 0:
            return larger
        fresh = randn_tensor(
            tuple(larger.shape), generator=generator, device=larger.device, dtype=torch.float32
        )
        return (larger.float() + level * fine_part(fresh)).to(larger.dtype)

    def _call_back(
        self, callback: StepCallback, number: int, plan: StagePlan, step: int, tokens: Tensor
    ) -> Tensor:
        given = {"latents": unpack(tokens, plan.height, plan.width)}
        returned = callback(self, number, plan.timesteps[step], given) or {}
        return pack(returned["latents"]) if "latents" in returned else tokens

    def _decode(self, latents: Tensor, output_type: str) -> Any:
        if self.vae is None:
            raise InputError("this pipeline has no VAE: ask for output_type='latent'")
        config = self.vae.config
        scaled = latents / config.scaling_factor + (config.shift_factor or 0.0)
        pixels = self.vae.decode(scaled.to(self.vae.dtype), return_dict=False)[0]
        return self.image_processor.postprocess(pixels, output_type=output_type)

    def _noise(
        self, images: int, latent_size: tuple[int, int], generator: Generators, given: Tensor | None
    ) -> Tensor:
        """Noise at the first stage's size, in the transformer's dtype."""
        shape = (images, self.transformer.shape.in_channels // 4, *latent_size)
        device = self._execution_device
        if isinstance(generator, list) and len(generator) != images:
            raise InputError(f"{len(generator)} generators were given for {images} images")
        if given is None:
            given = randn_tensor(shape, generator=generator, device=device, dtype=torch.float32)
        elif tuple(given.shape) != shape:
            raise InputError(f"latents of shape {tuple(given.shape)} were given where {shape} are needed")
        noise = shrink_noise(given.to(device, torch.float32), self.num_stages - 1)
        return noise.to(self.transformer.dtype)

    def _embeddings(
        self,
        prompt: Prompts | None,
        suffix: str,
        embeds: Tensor | None,
        pooled_embeds: Tensor | None,
        use_pooled: bool,
    ) -> Embeddings:
        """The prompts' embeddings, made or as given, checked."""
        if embeds is None:
            if prompt is None:
                raise InputError("there is nothing to draw: pass prompt or prompt_embeds")
            return self.encode_prompt(prompt, prompt_suffix=suffix, use_pooled=use_pooled)
        shape = self.transformer.shape
        if embeds.ndim != 3 or embeds.shape[2] != shape.joint_attention_dim:
            raise InputError(
                f"prompt_embeds of shape {tuple(embeds.shape)} were given where (prompts, tokens, "
                f"{shape.joint_attention_dim}) are needed"
            )
        if not use_pooled:
            return embeds, None
        needed = (embeds.shape[0], shape.pooled_projection_dim)
        if pooled_embeds is None or tuple(pooled_embeds.shape) != needed:
            raise InputError(
                f"pooled_prompt_embeds of shape {needed} are needed beside prompt_embeds, or use_pooled=False"
            )
        return embeds, pooled_embeds

    def _condition(
        self, positive: Embeddings, negative: Embeddings | None, images_per_prompt: int
    ) -> TextConditioning:
        """The transformer's text side for all images: the negative prompts' first, where there are any."""
        sides = [positive]
        if negative is not None:
            prompts, negatives = len(positive[0]), len(negative[0])
            if negatives not in (1, prompts) or positive[0].shape[1:] != negative[0].shape[1:]:
                raise InputError(
                    f"negative embeddings {tuple(negative[0].shape)} do not fit those of the prompts, "
                    f"{tuple(positive[0].shape)}"
                )
            sides = [_repeat(negative, prompts // negatives), positive]
        columns = zip(*(_repeat(side, images_per_prompt) for side in sides), strict=True)
        target = {"device": self._execution_device, "dtype": self.transformer.dtype}
        context, pooled = (
            None if column[0] is None else torch.cat(column).to(**target) for column in columns
        )
        return self.transformer.project_text(context, pooled)

    def _steps(self, wanted: int | Sequence[int]) -> tuple[int, ...]:
        steps = (wanted,) * self.num_stages if isinstance(wanted, int) else tuple(wanted)
        if len(steps) != self.num_stages:
            raise InputError(f"{len(steps)} numbers of steps were given for {self.num_stages} stages")
        return steps

    def _latent_size(self, height: int | None, width: int | None) -> tuple[int, int]:
        """The last stage's (height, width); raises InputError for a size in pixels that cannot be made."""
        shape, factor = self.transformer.shape, self.vae_scale_factor
        multiple = factor * shape.size_multiple
        own = shape.sample_size * factor
        sides = [own if side is None else side for side in (height, width)]
        if any(side <= 0 or side % multiple for side in sides):
            raise InputError(
                f"an image of {sides[1]}x{sides[0]} pixels cannot be made in {shape.num_stages} stages: both "
                f"sides must be multiples of {multiple}"
            )
        return sides[0] // factor, sides[1] // factor

    def _check_bridge(self, latent_size: tuple[int, int]) -> None:
        for transition in range(self.bridge.transitions):
            size = stage_size(self.transformer.shape, latent_size, transition + 1)
            self.bridge.check_size(transition, *size)


def _repeat(embeddings: Embeddings, times: int) -> Embeddings:
    embeds, pooled = embeddings
    return (
        embeds.repeat_interleave(times, dim=0),
        None if pooled is None else pooled.repeat_interleave(times, dim=0),
    )
