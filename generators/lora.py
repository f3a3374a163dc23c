"""LoRAs, and PEFT's other adapters, put into a pipeline at the strength that they were trained for."""

import logging
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nami_bench.errors import InputError, one_line
from nami_bench.foreign_text import parse_json
from nami_bench.generators.lora_strength import ASKED, Alpha, says_its_alphas, scaled_to_rank
from nami_bench.generators.model_files import ModelFiles, lora_files, peft_folder
from nami_bench.generators.pipeline_content import PEFT_CONFIG
from nami_bench.neural.pretrained import with_adapter

DENOISERS = ("transformer", "unet")
_SCALED_BY_PEFT = frozenset({"LORA", "LOKR", "LOHA", "ADALORA"})


@dataclass(frozen=True, slots=True)
class NamedLora:
    """A LoRA as it was asked for, and how much of its own strength."""

    name: str
    weight: float


@dataclass(frozen=True, slots=True)
class Lora:
    """A LoRA that is here: `name` and `weight` as asked for."""

    name: str
    weight: float
    files: ModelFiles


def named_loras(text: str, scale: float) -> tuple[NamedLora, ...]:
    """The option `lora`: one LoRA, or several apart by commas, each with ":WEIGHT" (1) or without.

    `scale` multiplies every weight. Raises InputError for an empty name and a weight that is no number.
    """
    if Path(text).expanduser().exists():  # a comma or a colon may be a part of its name
        return (NamedLora(text, scale),)
    found = []
    for part in text.split(","):
        name, colon, weight = part.strip().rpartition(":")
        if not colon or "/" in weight or "\\" in weight:
            name, weight = part.strip(), "1"
        found.append(NamedLora(name, scale * _weight(weight, part)))
        if not name:
            raise InputError(f"lora {text!r}: a name is missing; write FILE, or FILE:0.8,OTHER:0.5")
    return tuple(found)


def find_loras(named: Sequence[NamedLora], revision: str | None) -> tuple[Lora, ...]:
    """Where they are; fetches what is on the hub. Raises InputError where there is no such LoRA."""
    return tuple(Lora(one.name, one.weight, lora_files(one.name, revision)) for one in named)


def described_loras(loras: Sequence[Lora], alpha: Alpha) -> dict[str, Any] | None:
    """For `Generator.describe`: one LoRA's name, scale and hash; of several, each under its number."""
    asked = {} if alpha is None else {"alpha": alpha}
    each = [{"name": one.name, "scale": one.weight, **asked, **one.files.identity} for one in loras]
    if len(each) > 1:
        return {str(number): one for number, one in enumerate(each, 1)}
    return each[0] if each else None


def add_loras(pipeline: Any, loras: Sequence[Lora], alpha: Alpha) -> dict[str, str]:
    """Put all of them into the pipeline, which is on the CPU; each one's strength in words, by its name.

    Raises InputError where one does not go with the pipeline, where a part of one would be left out, and
    where nobody says its alpha.
    """
    strengths = {}
    for lora in loras:  # first, for what is merged goes into plain weights
        if folder := peft_folder(lora.files.path):
            strengths[lora.name] = _merge_by_peft(pipeline, lora, folder)
    others = {f"lora{i}": lora for i, lora in enumerate(loras) if not peft_folder(lora.files.path)}
    for adapter, lora in others.items():
        strengths[lora.name] = _load_by_diffusers(pipeline, lora, alpha, adapter)
    if others:
        pipeline.set_adapters(list(others), [lora.weight for lora in others.values()])
    if alpha is not None and not any(ASKED in text for text in strengths.values()):
        raise InputError("lora_alpha is not needed: the LoRA says its alpha itself; leave lora_alpha out")
    return strengths


def _load_by_diffusers(pipeline: Any, lora: Lora, alpha: Alpha, adapter: str) -> str:
    file, kind = lora.files.path, type(pipeline).__name__
    if not hasattr(pipeline, "load_lora_weights"):
        raise InputError(f"{kind} takes no LoRA")
    if says_its_alphas(file):
        source: Any = file.parent
        arguments, strength = {"weight_name": file.name}, "the file's metadata"
    else:
        scaled = scaled_to_rank(file, alpha, pipeline.components)
        source, arguments, strength = scaled.tensors, {}, str(scaled)
    with _fitting(lora, kind), _no_word_of_loss():
        pipeline.load_lora_weights(source, adapter_name=adapter, local_files_only=True, **arguments)
        fitted = {name for name, adapters in pipeline.get_list_adapters().items() if adapter in adapters}
    if not fitted:
        raise InputError(f"the LoRA {file} holds no weights for {kind}")
    if isinstance(source, dict):
        meant = {key.partition(".")[0] for key in source} & pipeline.components.keys()
        if lost := meant - fitted:
            raise InputError(
                f"the LoRA {file} is for {' and '.join(sorted(lost))} too, which {kind} leaves out"
            )
    return strength


def _merge_by_peft(pipeline: Any, lora: Lora, folder: Path) -> str:
    """Merge what PEFT saved into the weights, whatever its method (LoRA, DoRA, LoKr ...)."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    config = _adapter_config(folder)
    method = str(config.get("peft_type"))
    if lora.weight != 1 and method not in _SCALED_BY_PEFT:
        raise InputError(f"the adapter {folder} is {method}, which has no strength: leave its weight out")
    network = _meant_network(pipeline, config, folder)
    with _fitting(lora, type(network).__name__):
        wrapped = with_adapter(network, folder)
        _check_all_loaded(wrapped, lora.files.path)
        layers: Any = [layer for layer in wrapped.modules() if isinstance(layer, BaseTunerLayer)]
        for layer in layers if lora.weight != 1 else ():
            layer.scale_layer(lora.weight)
        wrapped.merge_and_unload(safe_merge=True)
        vars(network).pop("peft_config", None)  # or the next one would take it for one that is still there
    alpha = config.get("lora_alpha", config.get("alpha"))
    return f"{method}, alpha {alpha}, rank {config.get('r')} ({PEFT_CONFIG})"


def _check_all_loaded(wrapped: Any, file: Path) -> None:
    """Raise ValueError where the file has layers that the network has not, or the other way round."""
    from peft import get_peft_model_state_dict
    from safetensors import safe_open

    with safe_open(file, framework="pt") as opened:
        there = set(opened.keys())
    taken = set(get_peft_model_state_dict(wrapped))
    if there != taken:
        raise ValueError(f"{len(there ^ taken)} layers do not fit, such as {min(there ^ taken)}")


def _meant_network(pipeline: Any, config: Mapping[str, Any], folder: Path) -> Any:
    """The component of the class that the adapter names; where it names none, the denoiser."""
    mapping = config.get("auto_mapping") or {}
    meant = mapping.get("base_model_class") if isinstance(mapping, Mapping) else None
    networks = [part for part in pipeline.components.values() if type(part).__name__ == meant]
    networks += [
        part for name in DENOISERS if (part := pipeline.components.get(name)) is not None and not meant
    ]
    if not networks:
        names = sorted({type(part).__name__ for part in pipeline.components.values() if part is not None})
        raise InputError(f"the adapter {folder} is for a {meant}, and the pipeline has {', '.join(names)}")
    return networks[0]


@contextmanager
def _fitting(lora: Lora, kind: str) -> Iterator[None]:
    """Whatever the libraries say of a LoRA of another model, in one sentence."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Already found a `peft_config`")  # several were asked for
            warnings.filterwarnings("ignore", "Found missing adapter keys")  # an error here
            yield
    except Exception as error:
        reason = f"{type(error).__name__}: {one_line(str(error))}"
        raise InputError(f"the LoRA {lora.files.path} does not go with {kind}: {reason}") from error


@contextmanager
def _no_word_of_loss() -> Iterator[None]:
    """Raise ValueError where diffusers or PEFT only log that they leave a layer out."""
    heard: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "unexpected keys" in (text := record.getMessage()) or "missing keys" in text:
                heard.append(text)

    listener, logger = Listener(logging.WARNING), logging.getLogger("diffusers")
    logger.addHandler(listener)
    try:
        yield
    finally:
        logger.removeHandler(listener)
    if heard:
        raise ValueError(heard[0])


def _adapter_config(folder: Path) -> Mapping[str, Any]:
    path = folder / PEFT_CONFIG
    try:
        config = parse_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is not readable JSON: {error}") from error
    if not isinstance(config, Mapping):
        raise InputError(f"{path} is not readable JSON: it is no object")
    return config


def _weight(text: str, part: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not math.isfinite(weight):
        raise InputError(f"lora {part!r}: {text!r} is no weight; write FILE:0.8")
    return weight
