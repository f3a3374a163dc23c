"""The one place where models that somebody else made are loaded: their tensors and words, never their code.

A folder's config.json may name Python files beside it, or on the hub, that build the network (`auto_map`,
`custom_pipeline`, `tokenizer_kwargs`); transformers asks on the terminal whether to run them, and takes a "y"
from whatever is piped in. Here nothing is asked. `pretrained_with_its_code` is the single exception, for an
adapter whose user said so.
"""

import pickle
import re
from collections.abc import Collection, Iterator, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from transformers import dynamic_module_utils
from transformers.utils import logging as transformers_logging

from nami_bench.errors import InputError, one_line
from nami_bench.foreign_text import parse_json
from nami_bench.neural.foreign_bars import without_bars
from nami_bench.neural.loading import loading

# Libraries load parts of a model without handing down what they were told of its code: with no time to ask
# in, transformers refuses where it would ask.
dynamic_module_utils.TIME_OUT_REMOTE_CODE = 0

# Networks have these and use none of them for what is asked here.
_UNUSED = re.compile(r"criterion\.|.*\.swin\.layernorm\.|.*(relative_position_index|num_batches_tracked)$")


def pretrained(kind: Any, source: Path | None, **arguments: Any) -> Any:
    """`kind.from_pretrained(source)`: a network, configuration, tokenizer, processor or pipeline.

    `kind` is a class of transformers or diffusers; `arguments` go to its from_pretrained. Raises what that
    raises: of a damaged folder, anything.
    """
    with loading(source or kind.__name__), without_bars():
        return kind.from_pretrained(source, trust_remote_code=False, **arguments)


def pretrained_with_its_code(kind: Any, folder: Path, **arguments: Any) -> Any:
    """`pretrained`, running the Python files that lie in `folder`, with all that this account may do.

    Only for who has said that it may be run. Raises InputError where the folder names code elsewhere.
    """
    for name in ("config.json", "tokenizer_config.json"):
        _refuse_code_elsewhere(folder / name)
    with loading(folder), without_bars():
        return kind.from_pretrained(folder, trust_remote_code=True, **arguments)


def load_network(
    kind: Any,
    source: Path,
    *,
    dtype: torch.dtype = torch.float32,
    with_its_code: bool = False,
    **arguments: Any,
) -> Any:
    """A network of transformers with `source`'s weights: on the CPU, in evaluation mode.

    Tensors that `source` lacks would be random numbers: raises InputError for those, for any of another
    shape, and where loading fails. Those that it has too many, such as tables that are computed now, do no
    harm. `arguments` go to from_pretrained, a state_dict standing in for the folder `source`.
    `with_its_code`: see `pretrained_with_its_code`.
    """
    load: Any = pretrained_with_its_code if with_its_code else pretrained
    folder = None if "state_dict" in arguments else source
    with loading(source), quiet_transformers(), explained(source):
        network, report = load(kind, folder, dtype=dtype, output_loading_info=True, **arguments)
        lost = {key for key in map(str, report["missing_keys"]) if not _UNUSED.match(key)}
        if with_its_code:
            lost -= _recompute_buffers(network, lost)
    lost |= {str(key) for key in report["mismatched_keys"]}
    if lost:
        raise InputError(f"{source} does not fit this version of transformers: {sorted(lost)[0]}")
    return network.eval().requires_grad_(False)


def read_pickled(path: Path, *, mmap: bool = False) -> Any:
    """What a checkpoint of PyTorch holds, on the CPU: tensors and plain values, nothing that could run.

    Raises what torch raises: of a damaged or foreign file, anything.
    """
    return torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """A checkpoint's tensors by name, on the CPU: of a .safetensors file, else as `read_pickled` has them.

    Raises what the libraries raise: of a damaged or foreign file, anything.
    """
    with loading(path):
        found: dict[str, torch.Tensor] = (
            load_file(path) if path.suffix == ".safetensors" else read_pickled(path)
        )
    return found


def from_one_file(kind: Any, source: str | dict[str, torch.Tensor], **arguments: Any) -> Any:
    """`kind.from_single_file(source)`: a pipeline or network of diffusers, from a file or from its tensors.

    Of a file that is no safetensors diffusers reads tensors and plain values alone. Raises what that raises.
    """
    with without_bars():
        return kind.from_single_file(source, local_files_only=True, **arguments)


def with_adapter(network: Any, folder: Path) -> Any:
    """`network` with PEFT's adapter of `folder`, on the CPU. Raises what PEFT raises."""
    from peft import PeftModel

    return PeftModel.from_pretrained(network, folder, torch_device="cpu")


def read_plain_pickle(path: Path, names: Collection[tuple[str, str]]) -> Any:
    """What a pickle holds that is made of nothing but `names`, as (module, name), and torch's dtypes.

    A pickle may name any function to be called. Raises UnpicklingError for any other name.
    """

    class Plain(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            is_dtype = module == "torch" and isinstance(getattr(torch, name, None), torch.dtype)
            if (module, name) in names or is_dtype:
                return super().find_class(module, name)
            raise pickle.UnpicklingError(f"it names {module}.{name}")

    with path.open("rb") as file:
        return Plain(file).load()


@contextmanager
def explained(source: Path) -> Iterator[None]:
    """What loading a model raises, its own code's errors among them, as InputError."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        what = f"{type(error).__name__}: {one_line(str(error))}"
        raise InputError(f"the model in {source} cannot be loaded: {what}") from error


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Its report on tensors that we account for ourselves would alarm people."""
    logging: Any = transformers_logging  # mostly untyped
    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        with without_bars():
            yield
    finally:
        logging.set_verbosity(level)


def _recompute_buffers(network: Any, lost: Set[str]) -> set[str]:
    """Give the buffers that no file holds the values that the network's own code computes; their names.

    transformers 5 builds networks without memory and fills such buffers only for its own models: in those
    that bring their code they would hold whatever lay in memory.
    """
    from accelerate import init_empty_weights

    with init_empty_weights(include_buffers=False):
        fresh = type(network)(network.config)
    loaded = network.state_dict().keys() - lost
    computed = {name: buffer for name, buffer in fresh.named_buffers() if name not in loaded}
    for name, buffer in computed.items():
        network.get_buffer(name).copy_(buffer)
    return set(computed)


def _refuse_code_elsewhere(path: Path) -> None:
    """Raise InputError where `auto_map` names a repository: whoever read the folder did not read that."""
    try:
        named = parse_json(path.read_bytes()).get("auto_map") or {}
        references = [*named.values()] if isinstance(named, dict) else [named]
    except (OSError, ValueError, AttributeError, RecursionError):
        return  # whoever loads it says what is wrong
    if foreign := next((text for text in map(str, references) if "--" in text), None):
        raise InputError(f"{path} names code that is not in its folder ({one_line(foreign, 100)}): not run")
