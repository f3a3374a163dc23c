"""Where the files of a pipeline's component are that was trained or packed apart, and in which form."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from huggingface_hub import snapshot_download

from nami_bench.errors import InputError
from nami_bench.generators.model_files import HubPlace, ModelFiles, content_sha256
from nami_bench.generators.pipeline_content import INDEX
from nami_bench.neural.hub import TEXTS, fetching

WEIGHT_FILES = frozenset({".safetensors", ".gguf", ".ckpt", ".pt", ".pth", ".bin"})
_SETTINGS = (
    "config.json",
    "tokenizer_config.json",
    "preprocessor_config.json",
    "scheduler_config.json",
    "processor_config.json",
)
"""What save_pretrained writes for a network, a tokenizer, a processor or a scheduler."""
_FSDP = "pytorch_model_fsdp_0"
_VARIANT = re.compile(r"(?:diffusion_pytorch_model|model)\.(\w+?)(?:-\d{5}-of-\d{5})?\.(?:safetensors|bin)")


class Form(StrEnum):
    """How a component is kept."""

    FOLDER = "folder"
    """save_pretrained's: settings and weights, in one file or in shards, quantised or not."""
    WEIGHTS = "weights"
    """Tensors alone, in one file or in shards: what they belong to, the base says."""
    GGUF = "gguf"
    FSDP = "fsdp"
    """Shards of torch.distributed.checkpoint, as accelerate and FSDP write them."""


@dataclass(frozen=True, slots=True)
class Part:
    """A component that takes the place of the base's: `files.path` is a file or a folder, in that form."""

    component: str
    name: str
    form: Form
    files: ModelFiles


def find_part(component: str, name: str) -> Part:
    """The files of `name`: a folder, a file, or a place on the hub (OWNER/NAME[/INSIDE][@REVISION]).

    Of a whole pipeline it is the component of that name. Raises InputError where there is nothing that can
    be read, saying what there is.
    """
    path = Path(name).expanduser()
    if path.exists():
        found, form = _recognised(component, path)
        return Part(component, name, form, ModelFiles(found, {"sha256": content_sha256(found)}))
    place = HubPlace.read(name)
    if place is None:
        raise InputError(
            f"{component} {name!r} is neither a file, nor a folder, nor a place on the hub such as owner/name"
        )
    folder = _fetched(component, place)
    found, form = _recognised(component, folder / place.inside)
    return Part(component, name, form, ModelFiles(found, {"commit": folder.name}))


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a folder, in order."""
    return sorted(folder.glob("*.safetensors"))


def only_variants(folder: Path) -> list[str]:
    """The variants, such as fp16, in which a folder's weights are there; none where plain ones are there."""
    names = [path.name for path in folder.iterdir() if path.suffix in (".safetensors", ".bin")]
    found = [_VARIANT.fullmatch(name) for name in names]
    return sorted({match[1] for match in found if match}) if all(found) else []


def _recognised(component: str, path: Path) -> tuple[Path, Form]:
    """What is to be read, and how."""
    if path.is_file():
        if path.suffix not in WEIGHT_FILES:
            raise InputError(f"{path} is no file of weights: one ends in {_listed(WEIGHT_FILES)}")
        return path, Form.GGUF if path.suffix == ".gguf" else Form.WEIGHTS
    if not path.is_dir():
        raise InputError(f"{component}: there is no {path}")
    if (path / INDEX).is_file() and (path / component).is_dir():
        return path / component, Form.FOLDER
    if any((path / name).is_file() for name in _SETTINGS):
        return path, Form.FOLDER
    shards = path / _FSDP if (path / _FSDP).is_dir() else path
    if (shards / ".metadata").is_file() and any(shards.glob("*.distcp")):
        return shards, Form.FSDP
    _refuse_deepspeed(component, path)
    _refuse_choice(component, path)
    if weights := weight_files(path):
        return (weights[0] if len(weights) == 1 else path), Form.WEIGHTS
    raise InputError(f"{path} holds no {component}: neither config.json nor weights, but {_what(path)}")


def _refuse_deepspeed(component: str, folder: Path) -> None:
    """DeepSpeed puts the program beside its shards that joins them; nobody else's code reads them."""
    if (folder / "zero_to_fp32.py").is_file():
        raise InputError(
            f"{folder} holds DeepSpeed's shards: join them with `python {folder}/zero_to_fp32.py {folder} "
            f"OUT --safe_serialization`, then give {component}=OUT"
        )


def _refuse_choice(component: str, folder: Path) -> None:
    """A checkpoint's folder with networks in it: trained weights and their average are different models."""
    names = sorted(p.name for p in folder.iterdir() if p.is_dir() and (p / "config.json").is_file())
    if names:
        choice = " or ".join(f"{component}={folder / name}" for name in names)
        raise InputError(f"{folder} holds {_listed(names)}: give {choice}")


def _fetched(component: str, place: HubPlace) -> Path:
    """The snapshot's folder with what the place names, and no more."""
    with fetching(component, place.repository, place.revision):
        if place.inside:
            wanted = [place.inside, f"{place.inside}/*"]
            return _snapshot(place, wanted)
        folder = _snapshot(place, [INDEX, "config.json"])
        if (folder / INDEX).is_file():
            return _snapshot(place, [INDEX, f"{component}/*"])
        return _snapshot(place, [*TEXTS, "*.safetensors"], ["*/*"])


def _snapshot(place: HubPlace, wanted: Sequence[str], unwanted: Sequence[str] = ()) -> Path:
    return Path(
        snapshot_download(
            place.repository, revision=place.revision, allow_patterns=[*wanted], ignore_patterns=[*unwanted]
        )
    )


def _what(folder: Path) -> str:
    names = sorted(path.name for path in folder.iterdir())
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return _listed(names[:5]) + more if names else "nothing"


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names))
