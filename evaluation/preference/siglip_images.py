"""SigLIP's image features, by transformers."""

from collections.abc import Sequence

import torch
from PIL.Image import Image
from transformers import AutoImageProcessor, SiglipVisionModel

from nami_bench.errors import InputError, one_line
from nami_bench.neural.hub import HubModel
from nami_bench.neural.pretrained import load_network, pretrained


class SiglipImages:
    """A SigLIP image tower in float32 with its image processor."""

    def __init__(self, files: HubModel, device: torch.device) -> None:
        """Load everything; raises InputError where something is damaged or does not fit."""
        self.device = device
        try:
            # The original's pixels are Pillow's.
            self.processor = pretrained(AutoImageProcessor, files.folder, backend="pil")
        except Exception as error:  # whatever a foreign file's values lead to
            raise InputError(
                f"{files.folder} holds no image processor: {one_line(str(error), 200)}"
            ) from error
        self.network = load_network(SiglipVisionModel, files.folder).to(device)

    @torch.inference_mode()
    def embed_images(self, images: Sequence[Image]) -> torch.Tensor:
        """Unit vectors (n, width), float32 on the CPU, of 8-bit RGB images of any size."""
        pixels = self.processor(images=list(images), return_tensors="pt")["pixel_values"]
        pooled: torch.Tensor = self.network(pixel_values=pixels.to(self.device)).pooler_output
        return torch.nn.functional.normalize(pooled.float(), dim=-1).cpu()
