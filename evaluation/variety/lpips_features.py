"""LPIPS as features: vectors whose squared Euclidean distance is the perceptual distance.

Zhang et al. 2018, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", by their library
`lpips`, whose wheel carries the weights of the linear layers (version 0.1) but not the network's below them.
"""

import warnings
from functools import cached_property
from pathlib import Path
from typing import Any

import lpips
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from nami_bench.errors import InputError, one_line
from nami_bench.evaluation.features import Features
from nami_bench.evaluation.weights import ALEXNET
from nami_bench.neural.device import choose_device
from nami_bench.neural.hub import short_sha256
from nami_bench.neural.loading import loading
from nami_bench.neural.pretrained import read_pickled

SIZE = 256
"""Side of the network's input, in pixels: LPIPS compares images of one size alone."""

NETWORKS = ("alex", "vgg", "squeeze")


class LpipsFeatures:
    """All layers that LPIPS compares: normalized, weighted, over the root of their number of places."""

    def __init__(self, network: str = "alex", weights: Path | None = None, device: str = "auto") -> None:
        """`network`: one of `NETWORKS`. `weights`: torchvision's file of AlexNet, VGG-16 or SqueezeNet 1.1;
        None: AlexNet's, fetched. Raises InputError for another network, or one that nothing fetches."""
        if network not in NETWORKS:
            raise InputError(f"LPIPS has the networks {', '.join(NETWORKS)}, not {network!r}")
        if network != "alex" and weights is None:
            raise InputError(f"LPIPS' {network} needs torchvision's file of its weights: -O weights=FILE")
        self._name, self._weights, self._device = network, weights, device

    @cached_property
    def identity(self) -> str:
        """Network, hashes of both files of weights, and the size that images are brought to."""
        linear = Path(lpips.__file__).parent / "weights" / "v0.1" / f"{self._name}.pth"
        return f"lpips-{self._name}-{short_sha256(linear)}-{short_sha256(self._file)}-{SIZE}"

    @cached_property
    def dimension(self) -> int:
        """Hundreds of thousands."""
        return int(self.extract([np.zeros((3, SIZE, SIZE), np.float32)]).shape[1])

    def prepare(self, image: Image.Image) -> NDArray[np.float32]:
        """An 8-bit RGB image as (3, 256, 256) in -1..1, squeezed by Pillow's bicubic filter."""
        pixels = np.asarray(image.resize((SIZE, SIZE), Image.Resampling.BICUBIC), dtype=np.float32)
        return np.ascontiguousarray((pixels / 127.5 - 1).transpose(2, 0, 1))

    def extract(self, batch: list[NDArray[np.float32]]) -> Features:
        """Features (n, dimension) of n prepared images."""
        network, device = self._network
        with torch.inference_mode():
            layers = network.net(network.scaling_layer(torch.from_numpy(np.stack(batch)).to(device)))
            parts = [
                _weighted(layer, linear.model[-1].weight)
                for layer, linear in zip(layers, network.lins, strict=True)
            ]
            features: Features = torch.cat(parts, dim=1).cpu().numpy()
            return features

    @cached_property
    def _file(self) -> Path:
        return ALEXNET.fetch() if self._weights is None else self._weights.expanduser()

    @cached_property
    def _network(self) -> tuple[Any, torch.device]:
        device = choose_device(self._device)
        with loading(self._file), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # the library's call of torchvision is an old one
            network = lpips.LPIPS(net=self._name, pnet_rand=True, verbose=False)
            try:
                given = read_pickled(self._file)
                network.net.load_state_dict({key: given[_original(key)] for key in network.net.state_dict()})
            except Exception as error:  # a foreign file makes the unpickler raise anything
                raise InputError(
                    f"{self._file} does not hold torchvision's weights of LPIPS' {self._name}: "
                    f"{one_line(str(error), 200)}"
                ) from error
        return network.eval().requires_grad_(False).to(device), device


def _original(key: str) -> str:
    """A tensor's name in torchvision's network, which the library cuts into slices: slice2.5.weight was
    features.5.weight."""
    return f"features.{key.partition('.')[2]}"


def _weighted(layer: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """(n, channels * places): the squared distance of two rows is the layer's share of LPIPS."""
    places = layer.shape[2] * layer.shape[3]
    unit = lpips.normalize_tensor(layer)
    weighted: torch.Tensor = unit * (weight.clamp(min=0) / places).sqrt()
    return weighted.flatten(1)
