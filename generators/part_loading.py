"""A component in any of its forms, loaded as the object that the base's pipeline expects."""

import importlib
import importlib.metadata
import logging
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from accelerate import init_empty_weights
from safetensors.torch import load_file

from nami_bench.errors import InputError, UnknownNameError, one_line
from nami_bench.foreign_text import parse_json
from nami_bench.generators.merged_shards import merged
from nami_bench.generators.part_files import Form, Part, only_variants, weight_files
from nami_bench.generators.pipeline_content import read_index
from nami_bench.neural.pretrained import from_one_file, load_network, pretrained, read_pickled

_WRAPPERS = ("state_dict", "model", "module", "ema", "model_ema")
"""Names under which training scripts put a network's tensors into their file."""
_PREFIXES = ("module.", "_orig_mod.", "model.")
"""What distributed training, torch.compile and such scripts put before each tensor's name."""


def load_part(part: Part, base: Path, dtype: torch.dtype, quantiser: Any = None) -> Any:
    """The component, on the CPU. `base`: the folder of the pipeline that it goes into.

    `quantiser`: see `nami_bench.generators.quantisation`. Raises InputError where the base has no such
    component, and where the files are not one of it, complete.
    """
    kind = _kind(part.component, base)
    extra = {} if quantiser is None else {"quantization_config": quantiser}
    with _explained(part, kind):
        if part.form is Form.FOLDER:
            return _from_folder(part, kind, dtype, extra)
        if part.form is Form.GGUF:
            if quantiser is not None:
                raise InputError(f"{part.files.path} is quantised already: leave quantize out")
            return _single(part.files.path, kind, part, base, dtype, {"quantization_config": _gguf(dtype)})
        tensors = _tensors(part)
        if issubclass(kind, transformers.PreTrainedModel):
            settings = pretrained(kind.config_class, base / part.component, local_files_only=True)
            return load_network(
                kind, part.files.path, dtype=dtype, config=settings, state_dict=tensors, **extra
            )
        return _single(tensors, kind, part, base, dtype, extra)


def component_library(component: str, base: Path) -> Any:
    """The module diffusers or transformers, whichever the class of the base's component is of."""
    return transformers if _kind(component, base).__module__.startswith("transformers") else diffusers


def _kind(component: str, base: Path) -> Any:
    """The class that the base's index names, else its pipeline's code, for the component."""
    index = read_index(base)
    pipeline = getattr(diffusers, str(index.get("_class_name")), None)
    expected = {} if pipeline is None else pipeline._get_signature_types()
    library, name = index.get(component) or (None, None)
    if component not in expected and name is None:
        known = {key for key in (*index, *expected) if not key.startswith("_")}
        raise UnknownNameError(f"component of {index.get('_class_name')}", component, known)
    if name is not None:
        kind = _named(str(library), str(name))
    else:
        kind = next((one for one in expected[component] if hasattr(one, "from_pretrained")), None)
        if component.startswith("tokenizer"):
            kind = transformers.AutoTokenizer  # which class it is, its own folder says best
    if kind is None:
        raise InputError(f"{base} names a class for its {component} that is not known here: {library}.{name}")
    return kind


def _named(library: str, name: str) -> Any:
    """A class as model_index.json names it: of diffusers, transformers or one of diffusers' pipelines."""
    if library in ("diffusers", "transformers"):
        return getattr(importlib.import_module(library), name, None)
    try:
        return getattr(importlib.import_module(f"diffusers.pipelines.{library}"), name, None)
    except ImportError:
        return None


def _from_folder(part: Part, kind: Any, dtype: torch.dtype, extra: Mapping[str, Any]) -> Any:
    folder = part.files.path
    settings = _json(folder / "config.json") if (folder / "config.json").is_file() else {}
    own = settings.get("_class_name")
    if own is not None and own != kind.__name__:
        raise InputError(f"it holds a {own}, and the base has a {kind.__name__} there")
    if not (isinstance(kind, type) and issubclass(kind, torch.nn.Module)):
        return pretrained(kind, folder, local_files_only=True)
    variants = only_variants(folder)
    arguments = {"local_files_only": True, "variant": variants[0] if len(variants) == 1 else None, **extra}
    if issubclass(kind, transformers.PreTrainedModel):
        return load_network(kind, folder, dtype=dtype, **arguments)
    network, report = pretrained(kind, folder, dtype=dtype, output_loading_info=True, **arguments)
    lost = {key for name in ("missing_keys", "unexpected_keys", "mismatched_keys") for key in report[name]}
    if lost and "quantization_config" not in settings:
        raise InputError(f"{len(lost)} tensors do not fit, such as {min(map(str, lost))}")
    return network.eval()


def _single(
    source: Path | Mapping[str, torch.Tensor],
    kind: Any,
    part: Part,
    base: Path,
    dtype: torch.dtype,
    extra: Mapping[str, Any],
) -> Any:
    """A network of diffusers from tensors under its own names, or under those of its first publishers."""
    where = {"subfolder": part.component, "local_files_only": True}
    if isinstance(source, Mapping):
        with init_empty_weights():
            names = set(kind.from_config(kind.load_config(base, **where)).state_dict())
        _check_own_names(names, source.keys(), published=hasattr(kind, "from_single_file"))
    if not hasattr(kind, "from_single_file"):
        if extra or not isinstance(source, Mapping):
            raise InputError(f"diffusers quantises no {kind.__name__} from a single file: give a folder")
        network = kind.from_config(kind.load_config(base, **where))
        network.load_state_dict(dict(source))
        return network.to(dtype).eval()
    given = dict(source) if isinstance(source, Mapping) else str(source)
    with _nothing_unused():
        network = from_one_file(kind, given, config=str(base), subfolder=part.component, dtype=dtype, **extra)
    empty = [name for name, tensor in network.named_parameters() if tensor.is_meta]
    if empty:
        raise InputError(f"{len(empty)} of its tensors are missing, such as {empty[0]}")
    return network


def _check_own_names(expected: Set[str], given: Set[str], *, published: bool) -> None:
    """Raise InputError for too few or too many tensors, where their names are diffusers' own.

    `published`: diffusers also knows the names of the first publishers, and says itself what is wrong then.
    """
    if published and 2 * len(expected & given) < len(expected):
        return
    if missing := expected - given:
        raise InputError(f"{len(missing)} of its tensors are missing, such as {min(missing)}")
    if foreign := given - expected:
        raise InputError(f"{len(foreign)} tensors do not belong there, such as {min(foreign)}")


def _tensors(part: Part) -> dict[str, torch.Tensor]:
    """What files hold, without what training wrapped it in."""
    path = part.files.path
    if part.form is Form.FSDP:
        found: Any = merged(path)
    elif path.is_dir():
        found = {name: one for file in weight_files(path) for name, one in load_file(file).items()}
    else:
        found = load_file(path) if path.suffix == ".safetensors" else read_pickled(path)
    while not any(isinstance(value, torch.Tensor) for value in found.values()):
        inner = next((found[name] for name in _WRAPPERS if isinstance(found.get(name), Mapping)), None)
        if inner is None:
            raise InputError(f"it holds no tensors, but {', '.join(map(str, list(found)[:5]))}")
        found = inner
    while prefix := next((p for p in _PREFIXES if all(name.startswith(p) for name in found)), None):
        found = {name.removeprefix(prefix): tensor for name, tensor in found.items()}
    return dict(found)


def _gguf(dtype: torch.dtype) -> Any:
    try:
        importlib.metadata.version("gguf")
    except importlib.metadata.PackageNotFoundError:
        raise InputError("a .gguf file needs the package gguf: pip install 'nami-bench[quantised]'") from None
    return diffusers.GGUFQuantizationConfig(compute_dtype=dtype)


@contextmanager
def _nothing_unused() -> Iterator[None]:
    """Raise InputError where diffusers only logs that it did not use some of the tensors."""
    heard: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "were not used when initializing" in (text := record.getMessage()):
                heard.append(text)

    listener, logger = Listener(logging.WARNING), logging.getLogger("diffusers")
    logger.addHandler(listener)
    try:
        yield
    finally:
        logger.removeHandler(listener)
    if heard:
        raise InputError(
            f"it holds tensors that do not belong there: {one_line(heard[0].partition(':')[2], 120)}"
        )


@contextmanager
def _explained(part: Part, kind: Any) -> Iterator[None]:
    what = f"{part.component}={part.name} is no {getattr(kind, '__name__', kind)} that can be loaded"
    try:
        yield
    except InputError as error:
        raise InputError(f"{what}: {error}") from error
    except Exception as error:
        raise InputError(f"{what}: {type(error).__name__}: {one_line(str(error))}") from error


def _json(path: Path) -> Mapping[str, Any]:
    value = parse_json(path.read_bytes())
    if not isinstance(value, Mapping):
        raise ValueError(f"{path} is no JSON object")
    return value
