"""The published checkpoint: its tensors, under their names, in the network."""

import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from nami_bench.errors import InputError, one_line
from nami_bench.evaluation.questions.judges.mplug.configuration import Configuration
from nami_bench.evaluation.questions.judges.mplug.network import MplugNetwork
from nami_bench.neural.loading import loading
from nami_bench.neural.pretrained import read_pickled

State = Mapping[str, Tensor]

_POSITIONS = "visual_encoder.visual.positional_embedding"
_TIED = (
    ("text_decoder.bert.embeddings.word_embeddings.weight", "text_decoder.cls.predictions.decoder.weight"),
    ("text_decoder.cls.predictions.bias", "text_decoder.cls.predictions.decoder.bias"),
)
# Of the parts that answer; the others are momentum copies for training, and CLIP's text half.
_LAYER = re.compile(
    r"(text_encoder|text_decoder|fusion_encoder|visual_encoder\.visual)\..*(layer|resblocks)\.\d+\."
)
_FUSION_LAYER = re.compile(r"fusion_encoder\.encoder\.layer\.(\d+)\.(crossattention\.)?")


def load_network(path: Path, config: Configuration) -> MplugNetwork:
    """The network of the checkpoint `path`: float32, on the CPU, in evaluation mode.

    The published code takes what fits and leaves random numbers in the rest. Here InputError is raised where
    a tensor is missing, of another shape or of more layers than the configuration says, or not finite.
    """
    with loading(path):
        state = _read(path)
        with torch.device("meta"):
            network = MplugNetwork(config)
        expected = network.state_dict()
        _check(state, expected, config, path)
        # assign: the network takes these very tensors, and never has memory of its own to copy them into.
        network.load_state_dict({name: _float32(state, name, path) for name in expected}, assign=True)
    network.text_decoder.tie()
    return network.eval().requires_grad_(False)


def _read(path: Path) -> State:
    try:
        # Mapped, the half of the file that nobody needs is not read.
        content = read_pickled(path, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as error:  # whose text advises to load the file unsafely
        raise InputError(f"{path} holds more than tensors, or is damaged: it is not loaded") from error
    except Exception as error:  # a foreign file makes the unpickler raise anything
        raise InputError(f"{path} is damaged or no PyTorch checkpoint: {one_line(str(error))}") from error
    for wrapper in ("model", "module"):
        content = content.get(wrapper, content) if isinstance(content, dict) else None
    if not isinstance(content, dict) or not all(isinstance(t, Tensor) for t in content.values()):
        raise InputError(f"{path} is no mPLUG checkpoint: it holds no tensors under names")
    return {str(name).replace("model.", ""): tensor for name, tensor in content.items()}


def _check(state: State, expected: State, config: Configuration, path: Path) -> None:
    """Raise InputError unless the file holds the tensors of the very network."""
    if missing := [name for name in expected if name not in state]:
        raise InputError(f"{path} is no mPLUG as its configuration says: it lacks {_some(missing)}")
    match state[_POSITIONS].shape:
        case (rows, _) if rows != config.image.tokens:
            raise InputError(
                f"{path} is not for image_res {config.image.image_res} as config.yaml says: "
                f"its positional table has {rows} rows, not {config.image.tokens}"
            )
    if misfits := [name for name in expected if state[name].shape != expected[name].shape]:
        shapes = f"{tuple(state[misfits[0]].shape)}, not {tuple(expected[misfits[0]].shape)}"
        raise InputError(f"{path} is no mPLUG as its configuration says: {shapes}, is {_some(misfits)}")
    if unknown := [name for name in state if name not in expected and _is_of_another_depth(name, config)]:
        raise InputError(f"{path} is no mPLUG as its configuration says: it also has {_some(unknown)}")
    for one, other in _TIED:
        if not torch.equal(state[one], state[other]):
            raise InputError(f"{path} is damaged: {one} and {other} must be the same and differ")


def _is_of_another_depth(name: str, config: Configuration) -> bool:
    """Whether a tensor that the network lacks is of a layer that the configuration does not know of.

    The published file holds fusion layers that never run, and in those that concatenate a part that never
    does.
    """
    layer = _FUSION_LAYER.match(name)
    if layer is None or (number := int(layer[1])) >= config.text.num_hidden_layers:
        return _LAYER.match(name) is not None
    crosses_in_vain = layer[2] is not None and config.text.concatenates(number)
    return number >= config.text.first_fusion_layer and not crosses_in_vain


def _float32(state: State, name: str, path: Path) -> Tensor:
    if not state[name].isfinite().all():
        raise InputError(f"{path}: the tensor {name} holds NaN or infinite numbers")
    # Copied even where it is float32: it would stay mapped, and change or vanish with the file.
    return state[name].to(torch.float32, copy=True)


def _some(names: list[str]) -> str:
    return f"{', '.join(names[:3])} ({len(names)} in all)"
