"""The transformer, and where they are trained along its text encoders, as one module with one forward pass.

One pass over all stages, so that data-parallel and sharded training see a step as a whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nami_bench.generators.nami.bridge import Bridge
from nami_bench.generators.nami.latents import image_ids, pack, text_ids
from nami_bench.generators.nami.schedule import StageWindow
from nami_bench.generators.nami.training.windows import point_in_window, window_ends
from nami_bench.generators.nami.transformer import NamiTransformer2DModel, TextConditioning

TIMESTEPS = 1000


@dataclass(frozen=True, slots=True)
class TextTokens:
    """Captions for encoders that are trained along: ids (batch, tokens) for each, BERT's with its mask."""

    sequence_ids: Tensor
    pooled_ids: Tensor
    pooled_mask: Tensor


@dataclass(frozen=True, slots=True)
class TextEmbeddings:
    """Captions that frozen encoders have read: (batch, tokens, width) and (batch, width)."""

    sequence: Tensor
    pooled: Tensor


@dataclass(frozen=True, slots=True)
class StepInputs:
    """All that a step needs, drawn beforehand.

    `latents` and `noise` are (batch, channels, height, width) at the full resolution, `sigma` (batch,). The
    first `counts[0]` images are stage 0's, the next `counts[1]` stage 1's, and so on.
    """

    latents: Tensor
    noise: Tensor
    sigma: Tensor
    counts: tuple[int, ...]
    text: TextTokens | TextEmbeddings


class NamiTrainingModel(nn.Module):
    """Squared errors of the velocity, image by image, over all windows of the flow."""

    _no_split_modules = NamiTransformer2DModel._no_split_modules
    """What accelerate's FSDP shards block by block."""

    def __init__(
        self,
        transformer: NamiTransformer2DModel,
        bridge: Bridge,
        edges: Sequence[float],
        windows: Sequence[StageWindow],
        text_encoder: nn.Module | None = None,
        text_encoder_2: nn.Module | None = None,
        start_noise: float = 0.0,
    ) -> None:
        """`bridge` is used and never trained; text encoders are given only to be trained along."""
        super().__init__()
        self.transformer = transformer
        self.text_encoder = text_encoder
        self.text_encoder_2 = text_encoder_2
        # Hidden from the module's parameters: neither optimised, nor averaged, nor saved.
        self._bridge = (bridge,)
        self._edges = tuple(edges)
        self._windows = tuple(windows)
        self._start_noise = start_noise

    def forward(self, inputs: StepInputs) -> Tensor:
        """Mean squared error of each image's velocity: (batch,), float32, in the batch's order."""
        context, pooled = self._encode(inputs.text)
        text = self.transformer.project_text(context, pooled)
        losses = []
        first = 0
        for stage, count in enumerate(inputs.counts):
            if count == 0:
                continue
            part = slice(first, first + count)
            first += count
            ends = window_ends(
                inputs.latents[part],
                inputs.noise[part],
                stage,
                self._edges,
                self._bridge[0],
                self._start_noise,
            )
            point = point_in_window(*ends, stage, inputs.sigma[part])
            conditioning = TextConditioning(
                text.context[part], None if text.pooled is None else text.pooled[part]
            )
            predicted = self._velocity(point.noisy, point.sigma, stage, conditioning)
            error = (predicted.float() - pack(point.velocity).float()) ** 2
            losses.append(error.mean(dim=(1, 2)))
        return torch.cat(losses)

    def _velocity(self, noisy: Tensor, sigma: Tensor, stage: int, text: TextConditioning) -> Tensor:
        window = self._windows[stage]
        timestep = (window.start - window.length * (1.0 - sigma)) / TIMESTEPS
        height, width = noisy.shape[-2:]
        images, words = image_ids(height, width), text_ids(text.context.shape[1])
        rotary = self.transformer.rotary_embedding(images.to(noisy.device), words.to(noisy.device), stage)
        velocity: Tensor = self.transformer(
            pack(noisy),
            timestep=timestep,
            stage=stage,
            text=text,
            image_rotary_emb=rotary,
            return_dict=False,
        )[0]
        return velocity

    def _encode(self, text: TextTokens | TextEmbeddings) -> tuple[Tensor, Tensor]:
        if isinstance(text, TextEmbeddings):
            return text.sequence, text.pooled
        assert self.text_encoder is not None and self.text_encoder_2 is not None
        states = self.text_encoder(text.pooled_ids, attention_mask=text.pooled_mask).last_hidden_state
        return self.text_encoder_2(text.sequence_ids).last_hidden_state, states[:, 0]


def stage_means(losses: Tensor, counts: Sequence[int]) -> list[Tensor | None]:
    """Each stage's mean loss, None for a stage without images."""
    parts = losses.split([count for count in counts if count])
    means = iter([part.mean() for part in parts])
    return [next(means) if count else None for count in counts]


def weighted_loss(losses: Tensor, counts: Sequence[int], weights: Sequence[float]) -> Tensor:
    """The step's loss: the mean over images of their losses times their stage's weight."""
    by_image = torch.repeat_interleave(
        torch.tensor(weights, device=losses.device, dtype=losses.dtype),
        torch.tensor(counts, device=losses.device),
    )
    return (losses * by_image).mean()
