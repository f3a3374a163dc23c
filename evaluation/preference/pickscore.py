"""PickScore: which of two images people would pick for a prompt, by a CLIP model trained on their picks.

Kirstain et al. 2023, "Pick-a-Pic: An Open Dataset of User Preferences for Text-to-Image Generation".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from PIL.Image import Image
from transformers import AutoImageProcessor, AutoTokenizer, CLIPModel

from nami_bench.errors import InputError, one_line
from nami_bench.evaluation.weights import PICKSCORE, PICKSCORE_PROCESSOR
from nami_bench.evaluation.windowed import DualEncoderMetric
from nami_bench.neural.device import choose_device
from nami_bench.neural.hub import HubModel, combined_sha256, hub_folder, hub_model
from nami_bench.neural.pretrained import load_network, pretrained


class PickScore(DualEncoderMetric):
    """T cos(image, prompt), with T the model's own temperature, exp(logit_scale).

    The probability that people prefer the first of two images is the softmax of their scores. Values lie near
    each other, about 15 to 25 with PickScore v1; only differences mean something. Prompts of more than 75
    tokens are cut into windows (the original drops the rest): see `WindowedMetric`.
    """

    @dataclass(frozen=True, slots=True)
    class Options:
        """`model`: a CLIP model of transformers, in a folder or on the hub; `revision`: of it. `processor`: a
        folder or name with its tokenizer and image processor. `batch_size` is in images. `device`: auto, cpu,
        cuda ..."""

        model: str = PICKSCORE
        processor: str = PICKSCORE_PROCESSOR
        revision: str | None = None
        batch_size: int = 32
        device: str = "auto"

    name = "pickscore"
    libraries = ("torch", "torchvision", "transformers")

    def __init__(self, options: Options) -> None:
        super().__init__(options.batch_size)
        self.options = options

    @property
    def instrument(self) -> str:
        """Model, weights, the processor's files, and that long prompts are cut into windows."""
        return f"{self._files.name}-{self._files.sha256}+processor-{self._processor_sha256}+windows"

    @cached_property
    def _files(self) -> HubModel:
        return hub_model(self.options.model, self.options.revision)

    @cached_property
    def _processor(self) -> Path:
        return hub_folder(self.options.processor)

    @cached_property
    def _processor_sha256(self) -> str:
        files = [self._processor / name for name in _PROCESSOR_FILES if (self._processor / name).is_file()]
        if not files:
            raise InputError(f"{self._processor} holds no tokenizer and no image processor")
        return combined_sha256(files)

    @cached_property
    def _model(self) -> "TransformersClip":
        return TransformersClip(self._files, self._processor, choose_device(self.options.device))

    def _value(self, cosines: torch.Tensor) -> torch.Tensor:
        return self._model.temperature * cosines


_PROCESSOR_FILES = (
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer.json",
    "vocab.json",
    "merges.txt",
)


class TransformersClip:
    """A CLIPModel in float32 with its tokenizer and image processor: a `DualEncoder`."""

    def __init__(self, files: HubModel, processor: Path, device: torch.device) -> None:
        """Load everything; raises InputError where something is damaged or does not fit."""
        self.device = device
        try:
            # The original's pixels are Pillow's.
            self.processor = pretrained(AutoImageProcessor, processor, backend="pil")
            self.tokenizer = pretrained(AutoTokenizer, processor)
        except Exception as error:  # whatever a foreign file's values lead to
            raise InputError(f"{processor} holds no CLIP processor: {one_line(str(error), 200)}") from error
        self.network = load_network(CLIPModel, files.folder).to(device)
        self.temperature = float(self.network.logit_scale.detach().exp())

    @property
    def text_limit(self) -> int:
        """Most tokens of one text, without the two that mark its start and end."""
        return int(self.network.config.text_config.max_position_embeddings) - 2

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, without special ones."""
        return list(self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])

    @torch.inference_mode()
    def embed_images(self, images: Sequence[Image]) -> torch.Tensor:
        """Unit vectors (n, embed_dim), float32 on the CPU, of 8-bit RGB images of any size."""
        pixels = self.processor(images=list(images), return_tensors="pt")["pixel_values"]
        return _unit(self.network.get_image_features(pixel_values=pixels.to(self.device)).pooler_output)

    @torch.inference_mode()
    def embed_tokens(self, texts: Sequence[Sequence[int]]) -> torch.Tensor:
        """Unit vectors (n, embed_dim), float32 on the CPU, of texts of at most `text_limit` token ids."""
        marked = [[self.tokenizer.bos_token_id, *ids, self.tokenizer.eos_token_id] for ids in texts]
        longest = max(map(len, marked))
        # Padded with the end's token, as the original does: the first of them counts.
        padded = [ids + [self.tokenizer.eos_token_id] * (longest - len(ids)) for ids in marked]
        mask = [[1] * len(ids) + [0] * (longest - len(ids)) for ids in marked]
        found = self.network.get_text_features(
            input_ids=torch.tensor(padded, device=self.device),
            attention_mask=torch.tensor(mask, device=self.device),
        )
        return _unit(found.pooler_output)


def _unit(vectors: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.normalize(vectors.float(), dim=-1).cpu()
