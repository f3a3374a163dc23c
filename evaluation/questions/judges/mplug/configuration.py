"""A model folder's files, and what its two configuration files say."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import NonNegativeInt, PositiveFloat, PositiveInt

from nami_bench.errors import InputError, one_line
from nami_bench.foreign_text import parse_json
from nami_bench.serialize import validated

WEIGHTS, IMAGE_CONFIG, TEXT_CONFIG, VOCABULARY = (
    "pytorch_model.bin",
    "config.yaml",
    "config_bert.json",
    "vocab.txt",
)
QUESTION_TOKENS = 25
"""Tokens of a question that the network reads, the first and the last token among them."""

HEAD_WIDTH = 64
"""Of the image tower's attention heads, as in every CLIP."""


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """What config.yaml says of image tower and search; where it is silent, what the published code takes.

    `image_res` and `clip_vision_patch_size` are pixels, `min_length` and `max_length` steps of the search.
    """

    image_res: PositiveInt = 504
    vision_width: PositiveInt = 1024
    clip_vision_layers: PositiveInt = 24
    clip_vision_width: PositiveInt = 1024
    clip_vision_patch_size: PositiveInt = 14
    min_length: NonNegativeInt = 1
    max_length: PositiveInt = 10
    beam_size: PositiveInt = 5

    @property
    def tokens(self) -> int:
        """Of an image: its patches, and one for the whole."""
        return (self.image_res // self.clip_vision_patch_size) ** 2 + 1


@dataclass(frozen=True, slots=True)
class TextConfig:
    """What config_bert.json says of text encoder, fusion and decoder.

    Of the `num_hidden_layers` that a file holds for the fusion, the last `fusion_layers` run.
    """

    vocab_size: PositiveInt
    hidden_size: PositiveInt
    encoder_width: PositiveInt
    num_attention_heads: PositiveInt
    intermediate_size: PositiveInt
    hidden_act: Literal["gelu"]
    layer_norm_eps: PositiveFloat
    max_position_embeddings: PositiveInt
    num_hidden_layers: PositiveInt
    text_encoder_layers: PositiveInt
    fusion_layers: PositiveInt
    text_decode_layers: PositiveInt
    stride_layer: PositiveInt
    type_vocab_size: PositiveInt = 2

    @property
    def first_fusion_layer(self) -> int:
        """The index of the first layer that runs."""
        return self.num_hidden_layers - self.fusion_layers

    def concatenates(self, layer: int) -> bool:
        """Whether the stored fusion layer attends to image and text as one sequence."""
        place = layer - self.first_fusion_layer
        return place > 0 and place % self.stride_layer == 0


@dataclass(frozen=True, slots=True)
class Configuration:
    """Both files of one folder; they do not contradict each other."""

    image: ImageConfig
    text: TextConfig

    @property
    def projects(self) -> bool:
        """Whether the image's tokens are brought to the text's width."""
        return self.image.vision_width != self.text.hidden_size


def read_configuration(folder: Path) -> Configuration:
    """Of the model folder; raises InputError where a file lacks, or says what no network can be."""
    for name in (WEIGHTS, IMAGE_CONFIG, TEXT_CONFIG, VOCABULARY):
        if not (folder / name).is_file():
            raise InputError(
                f"the judge 'mplug' needs {folder / name}, which is no file: get the folder of "
                "damo/mplug_visual-question-answering_coco_large_en from ModelScope"
            )
    found = Configuration(
        validated(ImageConfig, _read(folder / IMAGE_CONFIG, ImageConfig), str(folder / IMAGE_CONFIG)),
        validated(TextConfig, _read(folder / TEXT_CONFIG, TextConfig), str(folder / TEXT_CONFIG)),
    )
    for wrong in _contradictions(found.image, found.text):
        raise InputError(f"{folder}: {IMAGE_CONFIG} and {TEXT_CONFIG} describe no network: {wrong}")
    return found


def _read(path: Path, wanted: type) -> Mapping[str, Any]:
    """Those of the file's values that decide what the network computes; training left many more."""
    try:
        text = path.read_text("utf-8")
        found = parse_json(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise InputError(f"{path} cannot be read: {one_line(str(error))}") from error
    if not isinstance(found, dict):
        raise InputError(f"{path} is no configuration: it must hold names and their values")
    names = [field.name for field in fields(wanted)]
    return {name: found[name] for name in names if name in found}


def _contradictions(image: ImageConfig, text: TextConfig) -> list[str]:
    rules = (
        (
            image.image_res % image.clip_vision_patch_size,
            "image_res is no multiple of clip_vision_patch_size",
        ),
        (image.clip_vision_width % HEAD_WIDTH, f"clip_vision_width is no multiple of {HEAD_WIDTH}"),
        (image.vision_width != image.clip_vision_width, "vision_width is not clip_vision_width"),
        (text.hidden_size % text.num_attention_heads, "hidden_size is no multiple of num_attention_heads"),
        (text.encoder_width != text.hidden_size, "encoder_width is not hidden_size"),
        (text.fusion_layers > text.num_hidden_layers, "fusion_layers is more than num_hidden_layers"),
        (
            text.max_position_embeddings < max(QUESTION_TOKENS, image.max_length),
            f"max_position_embeddings is less than {QUESTION_TOKENS} or max_length",
        ),
    )
    return [what for broken, what in rules if broken]
