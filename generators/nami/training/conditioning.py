"""From a batch of pictures and captions to latents and text, with frozen or trained encoders."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from nami_bench.generators.nami.autoencoder import PixelUnshuffleAutoencoder
from nami_bench.generators.nami.pipeline import NamiPipeline
from nami_bench.generators.nami.text import POOLED_TOKENS, SEQUENCE_TOKENS, tokenize
from nami_bench.generators.nami.training.data import ImageBatch
from nami_bench.generators.nami.training.model import TextEmbeddings, TextTokens


class Encoder:
    """Latents and text of a pipeline's own encoders.

    With `trained_text` the captions become token ids for encoders that are trained along; else they are
    encoded here, frozen. `cache` (frozen encoders only) keeps what was encoded, one file an image and one
    a caption, named by what went in, so that it serves every epoch and any run with the same `identity`.
    """

    def __init__(
        self, pipeline: NamiPipeline, *, trained_text: bool, cache: Path | None = None, identity: str = ""
    ) -> None:
        self._pipeline = pipeline
        self._trained_text = trained_text
        self._cache = cache
        self._identity = identity

    @torch.no_grad()
    def latents(self, batch: ImageBatch, device: torch.device) -> Tensor:
        """(images, channels, height, width) of the batch's pictures, scaled as the pipeline has them."""
        if self._cache is None:
            return self._encode(batch.pixels.to(device))
        kept = [self._path(_digest(pixels)) for pixels in batch.pixels]
        found = [_read(path) for path in kept]
        missing = [n for n, tensors in enumerate(found) if tensors is None]
        if missing:
            for n, latents in zip(missing, self._encode(batch.pixels[missing].to(device)), strict=True):
                found[n] = made = {"latents": latents.cpu()}
                _write(kept[n], made)
        return torch.stack([tensors["latents"] for tensors in found if tensors is not None]).to(device)

    @torch.no_grad()
    def text(self, captions: Sequence[str], device: torch.device) -> TextTokens | TextEmbeddings:
        """What the transformer is to be told of the captions."""
        pipeline = self._pipeline
        if self._trained_text:
            length = pipeline.config.text_tokens
            sequence = tokenize(captions, pipeline.tokenizer_2, length or SEQUENCE_TOKENS)
            pooled = tokenize(captions, pipeline.tokenizer, length or POOLED_TOKENS)
            return TextTokens(
                sequence.input_ids.to(device), pooled.input_ids.to(device), pooled.attention_mask.to(device)
            )
        if self._cache is None:
            return self._embeddings(captions, device)
        rows = []
        for caption in captions:
            path = self._path(hashlib.sha256(caption.encode()).hexdigest())
            tensors = _read(path)
            if tensors is None:
                alone = self._embeddings([caption], device)
                tensors = {"sequence": alone.sequence[0].cpu(), "pooled": alone.pooled[0].cpu()}
                _write(path, tensors)
            rows.append(tensors)
        return TextEmbeddings(
            *(torch.stack([row[k] for row in rows]).to(device) for k in ("sequence", "pooled"))
        )

    def _embeddings(self, captions: Sequence[str], device: torch.device) -> TextEmbeddings:
        sequence, pooled = self._pipeline.encode_prompt(list(captions))
        assert pooled is not None
        return TextEmbeddings(sequence.to(device), pooled.to(device))

    def _encode(self, pixels: Tensor) -> Tensor:
        vae: Any = self._pipeline.vae
        if isinstance(vae, PixelUnshuffleAutoencoder):
            raw = vae.encode(pixels)
        else:
            # The mean, not a sample: what is cached must not depend on when it was made.
            raw = vae.encode(pixels.to(vae.dtype)).latent_dist.mean.float()
        return (raw - (vae.config.shift_factor or 0.0)) * vae.config.scaling_factor

    def _path(self, digest: str) -> Path:
        assert self._cache is not None
        name = hashlib.sha256(f"{self._identity}/{digest}".encode()).hexdigest()
        return self._cache / name[:2] / f"{name[2:]}.safetensors"


def _digest(pixels: Tensor) -> str:
    return hashlib.sha256(
        pixels.contiguous().numpy().tobytes() + str(tuple(pixels.shape)).encode()
    ).hexdigest()


def _read(path: Path) -> dict[str, Tensor] | None:
    try:
        return dict(load_file(path))
    except (OSError, SafetensorError):
        return None  # not there, or cut off: it is made again


def _write(path: Path, tensors: dict[str, Tensor]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, partial)
    partial.replace(path)
