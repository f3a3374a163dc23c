"""Checkpoint files, read without running anything in them and without copying them into memory.

Safetensors files and PyTorch's zip files are mapped; pickles are loaded with `weights_only=True` alone.
"""

import mmap
import pickle
import pickletools
import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from nami_bench.errors import InputError
from nami_bench.foreign_text import parse_json
from nami_bench.neural.pretrained import read_pickled

WEIGHT_FILES = (
    "model.safetensors",
    "diffusion_pytorch_model.safetensors",
    "pytorch_model.bin",
    "diffusion_pytorch_model.bin",
)
_ZIP_HEADER = b"PK\x03\x04"
_STORAGE = re.compile(rb"[^/]+/data/(\d+)")


def read_folder(folder: Path) -> dict[str, Tensor]:
    """The tensors of a model's folder, in one file or in shards with an index; raises InputError."""
    for name in WEIGHT_FILES:
        if (folder / name).is_file():
            return read_file(folder / name)
        index = folder / f"{name}.index.json"
        if index.is_file():
            return _read_shards(index)
    raise InputError(f"{folder} holds no weights: expected {' or '.join(WEIGHT_FILES)}")


def read_file(path: Path) -> dict[str, Tensor]:
    """The tensors of one file by name, mapped from disk; raises InputError that names a lost tensor."""
    if not path.is_file():
        raise InputError(f"{path} is missing")
    tensors = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    if not isinstance(tensors, dict) or not all(isinstance(value, Tensor) for value in tensors.values()):
        raise InputError(f"{path} does not hold a plain set of named tensors")
    return tensors


def checked(
    tensors: Mapping[str, Tensor],
    expected: Mapping[str, Sequence[int]],
    where: Path,
    *,
    ignore: Iterable[str] = (),
    optional: Iterable[str] = (),
) -> dict[str, Tensor]:
    """Those of `tensors` that `expected` names, in its order.

    Names that begin with one of `ignore` may be there in addition, those in `optional` may be missing.
    Raises InputError that names `where`, the first missing, unexpected or misshapen tensor, and how many
    more there are.
    """
    ignored, may_lack = tuple(ignore), set(optional)
    problems = [
        f"tensor {name!r} is missing" for name in expected if name not in tensors and name not in may_lack
    ]
    for name, tensor in tensors.items():
        if name in expected:
            if list(tensor.shape) != list(expected[name]):
                shapes = f"the shape {list(tensor.shape)}, expected {list(expected[name])}"
                problems.append(f"tensor {name!r} has {shapes}")
        elif not name.startswith(ignored):
            problems.append(f"tensor {name!r} does not belong there")
    if problems:
        more = f" (and {len(problems) - 1} more problems)" if len(problems) > 1 else ""
        raise InputError(f"{where}: {problems[0]}{more}: is this the right file, and whole?")
    return {name: tensors[name] for name in expected if name in tensors}


def _read_shards(index: Path) -> dict[str, Tensor]:
    try:
        weight_map: dict[str, str] = parse_json(index.read_text(encoding="utf-8"))["weight_map"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{index} is not an index of weight files") from error
    tensors: dict[str, Tensor] = {}
    for name in sorted(set(weight_map.values())):
        if Path(name).name != name:
            raise InputError(f"{index} names {name!r}, which is not a file beside it")
        tensors |= read_file(index.parent / name)
    return tensors


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return dict(load_file(path))
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(_broken(path, _lost_in_safetensors(path), error)) from error


def _read_pickle(path: Path) -> object:
    with path.open("rb") as file:
        zipped = file.read(4) == _ZIP_HEADER
    try:
        return read_pickled(path, mmap=zipped)
    except pickle.UnpicklingError as error:
        # torch's own message advises to load the file unsafely.
        raise InputError(f"{path} holds more than tensors, or is damaged: it is not loaded") from error
    except (RuntimeError, OSError, EOFError, ValueError, LookupError, AttributeError) as error:
        raise InputError(_broken(path, _lost_in_zip(path) if zipped else None, error)) from error


def _broken(path: Path, lost: str | None, error: Exception) -> str:
    if lost is not None:
        return f"{path} is cut off at tensor {lost!r}, after {path.stat().st_size} bytes: get the file again"
    reason = str(error).split("\n")[0].split(". ")[0]
    return f"{path} cannot be read as a file of weights ({reason}): get the file again"


def _lost_in_safetensors(path: Path) -> str | None:
    """The first tensor whose bytes lie beyond the end of the file, if the header itself is whole."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = parse_json(file.read(length))
        available = path.stat().st_size - 8 - length
        ends = {name: entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"}
    except (struct.error, ValueError, LookupError, TypeError, AttributeError, OverflowError, MemoryError):
        return None
    return min((name for name, end in ends.items() if end > available), key=ends.__getitem__, default=None)


def _lost_in_zip(path: Path) -> str | None:
    """The tensor in which a cut PyTorch file ends.

    A zip file's table of contents stands at its end, but each record has a header of its own, and the
    first record says which tensor lies in which record.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = len(data)
        while (at := data.rfind(_ZIP_HEADER, 0, at)) > 0:
            storage = _STORAGE.fullmatch(_record_name(data, at))
            if storage:
                return _tensor_names(file, data).get(storage[1].decode())
    return None


def _record_name(data: mmap.mmap, at: int) -> bytes:
    lengths = data[at + 26 : at + 28]
    return data[at + 30 : at + 30 + struct.unpack("<H", lengths)[0]] if len(lengths) == 2 else b""


def _tensor_names(file: BinaryIO, data: mmap.mmap) -> dict[str, str]:
    """Storage number -> name of the first tensor in it, read off the pickle without running it.

    The pickle holds, for each tensor, its name and then ("storage", type, number, device, length).
    """
    name_length, extra_length = struct.unpack("<HH", data[26:30])
    file.seek(30 + name_length + extra_length)
    found: dict[str, str] = {}
    memo: dict[Any, str] = {}
    strings: list[str] = []
    fresh = False
    try:
        for code, argument, _ in pickletools.genops(file):
            if code.name in ("BINPUT", "LONG_BINPUT") and fresh:
                memo[argument] = strings[-1]
            fresh = code.name == "BINUNICODE"
            if fresh:
                strings.append(str(argument))
            elif code.name in ("BINGET", "LONG_BINGET") and argument in memo:
                strings.append(memo[argument])
            elif code.name == "BINPERSID":
                start = strings.index("storage")
                found.setdefault(strings[start + 1], strings[start - 1])
                strings.clear()
    except ValueError:  # the pickle itself is cut off, or is none of torch's
        pass
    return found
