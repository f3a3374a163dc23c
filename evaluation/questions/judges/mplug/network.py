"""mPLUG for questions about images: image tower, text encoder, fusion, decoder.

Modules carry the names that they have in the checkpoint.
"""

import torch
from torch import Tensor, nn

from nami_bench.evaluation.questions.judges.mplug.bert import Embeddings, Layer, Layers, additive_mask
from nami_bench.evaluation.questions.judges.mplug.configuration import Configuration, TextConfig
from nami_bench.evaluation.questions.judges.mplug.decoder import Decoder, Memory
from nami_bench.evaluation.questions.judges.mplug.image_tower import ImageTower

IMAGE_NORM_EPS = 1e-12


class MplugNetwork(nn.Module):
    """All that runs when a question is answered; what the checkpoint holds beside that is for training."""

    def __init__(self, config: Configuration) -> None:
        super().__init__()
        self.visual_encoder = nn.ModuleDict({"visual": ImageTower(config.image)})
        self.projects = config.projects
        if self.projects:
            width = config.text.hidden_size
            self.visn_fc = nn.Linear(config.image.vision_width, width)
            self.visn_layer_norm = nn.LayerNorm(width, IMAGE_NORM_EPS)
        self.text_encoder = TextEncoder(config.text)
        self.fusion_encoder = Fusion(config.text)
        self.text_decoder = Decoder(config.text)

    def see(self, pixels: Tensor) -> Tensor:
        """Of images (m, 3, image_res, image_res) the tokens (m, tokens, width), whatever is asked."""
        image: Tensor = self.visual_encoder["visual"](pixels)
        return self.visn_layer_norm(self.visn_fc(image)) if self.projects else image

    def read(self, image: Tensor, ids: Tensor, mask: Tensor) -> Memory:
        """What the decoder needs of n questions, ids and mask (n, t), about one image (1, tokens, width)."""
        image, text = self.fusion_encoder(image, self.text_encoder(ids, mask), mask)
        return self.text_decoder.remember(image, text, mask)

    def say(self, tokens: Tensor, place: int, memory: Memory) -> Tensor:
        """See `Decoder`."""
        logits: Tensor = self.text_decoder(tokens, place, memory)
        return logits


class TextEncoder(nn.Module):
    """The question by itself."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.embeddings = Embeddings(config)
        self.encoder = Layers({number: Layer(config) for number in range(config.text_encoder_layers)})

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Ids and mask (n, t) to (n, t, width)."""
        states: Tensor = self.embeddings(ids)
        for layer in self.encoder:
            states = layer(states, additive_mask(mask))
        return states


class Fusion(nn.Module):
    """Question and image. Most layers change the question alone: an image has many more tokens. Those that
    concatenate, the paper's connected-attention layers, change both."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        numbers = range(config.first_fusion_layer, config.num_hidden_layers)
        self.joins = [config.concatenates(number) for number in numbers]
        self.encoder = Layers(
            {number: Layer(config, not joins) for number, joins in zip(numbers, self.joins, strict=True)}
        )

    def forward(self, image: Tensor, text: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Image (1, tokens, width), text (n, t, width) and its mask (n, t): image, then text, after fusion.

        The image stays one for all questions where no layer concatenates; else there are n.
        """
        text_mask = additive_mask(mask)
        for layer, joins in zip(self.encoder, self.joins, strict=True):
            if joins:
                image, text = _join(layer, image, text, mask)
            else:
                text = layer(text, text_mask, seen=layer.crossattention.keys_values(image))
        return image, text


def _join(layer: Layer, image: Tensor, text: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """One layer over image and text as one sequence; only the image keeps what it was beside the outcome."""
    image, tokens = image.expand(len(text), -1, -1), image.shape[1]
    both_mask = additive_mask(torch.cat([mask.new_ones(len(text), tokens), mask], dim=1))
    both = layer(torch.cat([image, text], dim=1), both_mask)
    return image + both[:, :tokens], both[:, tokens:]
