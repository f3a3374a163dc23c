"""Heads that are linear layers, with nothing between them but dropout, which does nothing in scoring."""

from collections.abc import Mapping

import torch
from torch import nn


def linear_layers(state: Mapping[str, torch.Tensor]) -> nn.Sequential:
    """The layers in float32, of tensors called NUMBER.weight and NUMBER.bias, in order of numbers.

    Raises ValueError unless they fit one another and end in one number, KeyError where one is lacking.
    """
    layers: list[nn.Linear] = []
    for number in sorted({int(name.split(".")[0]) for name in state}):
        weight, bias = state[f"{number}.weight"], state[f"{number}.bias"]
        layer = nn.Linear(weight.shape[1], weight.shape[0])
        layer.load_state_dict({"weight": weight.float(), "bias": bias.float()})
        if layers and layer.in_features != layers[-1].out_features:
            raise ValueError(f"layer {number} takes {layer.in_features} numbers, and gets another number")
        layers.append(layer)
    if not layers or layers[-1].out_features != 1:
        raise ValueError("the layers do not end in one number")
    return nn.Sequential(*layers)
