"""How much people like an image, whatever its prompt: a few linear layers on CLIP's or SigLIP's feature.

Schuhmann 2022, "Improved Aesthetic Predictor" (LAION-Aesthetics V2), and discus0434 2024, "Aesthetic
Predictor V2.5".
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol

import torch
from PIL.Image import Image
from torch import nn

from nami_bench.errors import InputError, one_line
from nami_bench.evaluation.image_text import ImageTextMetric, Pair
from nami_bench.evaluation.measurement import Measurement
from nami_bench.evaluation.preference.linear_layers import linear_layers
from nami_bench.evaluation.weights import AESTHETIC_2_5_BY_HAND, AESTHETIC_HEAD, CLIP, CLIP_TAG, SIGLIP
from nami_bench.neural.device import choose_device
from nami_bench.neural.hub import HubModel, hub_model, settings_sha256, short_sha256
from nami_bench.neural.pretrained import read_tensors

Version = Literal["2", "2.5"]

_PREFIX: dict[Version, str] = {"2": "layers.", "2.5": "scoring_head."}
"""How the names of a head's tensors begin in its authors' file."""

_SETTINGS = ("config.json", "preprocessor_config.json", "processor_config.json")


class Encoder(Protocol):
    """What turns images into features."""

    def embed_images(self, images: Sequence[Image]) -> torch.Tensor:
        """Unit vectors (n, width), float32 on the CPU, of 8-bit RGB images of any size."""
        ...


class Aesthetic(ImageTextMetric):
    """The number that the head makes of an image's unit feature: about 1 to 10, like the marks it was fitted
    to.

    Prompts are not read, so that none is too long. Both versions run in float32; their authors run 2 in half
    precision on a GPU, and 2.5 in bfloat16.
    """

    @dataclass(frozen=True, slots=True)
    class Options:
        """`version`: 2 (LAION's, on CLIP) or 2.5 (on SigLIP). `head`: its authors' file (.pth or
        .safetensors), linear layers alone; 2's is fetched, 2.5's must be given. `model`: for 2 one of
        open_clip's models with OpenAI's weights, or a folder that it wrote, by default ViT-L-14; for 2.5 a
        SigLIP model of transformers, in a folder or on the hub. `batch_size` is in images. `device`: auto,
        cpu, cuda ..."""

        version: Version = "2"
        head: Path | None = None
        model: str | None = None
        batch_size: int = 32
        device: str = "auto"

    name = "aesthetic"

    def __init__(self, options: Options) -> None:
        super().__init__(options.batch_size)
        self.options = options

    @property
    def libraries(self) -> tuple[str, ...]:
        """The packages whose versions the numbers depend on."""
        own = "open_clip_torch" if self.options.version == "2" else "transformers"
        return ("torch", "torchvision", own)

    @cached_property
    def instrument(self) -> str:
        """Version, the head's hash, and the encoder with its weights and settings."""
        return f"aesthetic-{self.options.version}-{short_sha256(self._head_file)}+{self._encoder.identity}"

    @cached_property
    def _head_file(self) -> Path:
        given: Path | None = self.options.head
        if given is not None:
            return given.expanduser()
        if self.options.version == "2":
            return AESTHETIC_HEAD.fetch()
        return AESTHETIC_2_5_BY_HAND.fetch()

    @cached_property
    def _encoder(self) -> "_Encoder":
        asked = self.options
        if asked.version == "2":
            return _clip(asked.model or CLIP, asked.device)
        return _siglip(hub_model(asked.model or SIGLIP), asked.device)

    @cached_property
    def _model(self) -> Encoder:
        return self._encoder.load()

    @cached_property
    def _head(self) -> nn.Sequential:
        return load_head(self._head_file, self.options.version)

    @torch.inference_mode()
    def _measure(self, pairs: Sequence[Pair]) -> Iterator[Measurement]:
        head = self._head
        features = self._model.embed_images([image for image, _ in pairs])
        wanted = head[0].in_features
        if features.shape[1] != wanted:
            raise InputError(
                f"{self._head_file} is for features of {wanted} numbers, and {self._encoder.identity} gives "
                f"{features.shape[1]}"
            )
        return iter([Measurement(value) for value in head(features)[:, 0].tolist()])


def load_head(file: Path, version: Version) -> nn.Sequential:
    """The layers of an authors' file, on the CPU. Nothing in the file is run.

    Raises InputError where it is unreadable, or is no head of this version.
    """
    prefix = _PREFIX[version]
    try:
        state = read_tensors(file)
        if strange := [name for name in state if not name.startswith(prefix)]:
            raise ValueError(f"it has {strange[0]}, and all names must begin with {prefix}")
        head = linear_layers({name.removeprefix(prefix): tensor for name, tensor in state.items()})
    except Exception as error:  # a foreign file makes the unpickler raise anything
        reason = one_line(f"{type(error).__name__}: {error}")
        raise InputError(f"{file} holds no head of the aesthetic predictor {version}: {reason}") from error
    return head.eval().requires_grad_(False)


@dataclass(frozen=True, slots=True)
class _Encoder:
    identity: str
    load: Callable[[], Encoder]


def _clip(model: str, device: str) -> _Encoder:
    from nami_bench.evaluation.open_clip_model import ClipModel, clip_files

    files = clip_files(model, CLIP_TAG)
    return _Encoder(files.identity, lambda: ClipModel(files, choose_device(device)))


def _siglip(files: HubModel, device: str) -> _Encoder:
    from nami_bench.evaluation.preference.siglip_images import SiglipImages

    identity = f"{files.name}-{settings_sha256(files.folder, _SETTINGS)}-{files.sha256}"
    return _Encoder(identity, lambda: SiglipImages(files, choose_device(device)))
