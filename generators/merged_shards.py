"""The shards that FSDP and accelerate write (torch.distributed.checkpoint), merged to one state dict."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from safetensors.torch import load_file

from nami_bench.errors import InputError, one_line
from nami_bench.neural.pretrained import read_plain_pickle

_PLAIN = frozenset(
    {
        ("torch", "Size"),
        ("torch.serialization", "_get_layout"),
        ("torch.distributed.checkpoint.filesystem", "_StorageInfo"),
        ("collections", "OrderedDict"),
        *(("pathlib", name) for name in ("Path", "PosixPath", "WindowsPath", "PurePosixPath")),
        *(
            ("torch.distributed.checkpoint.metadata", name)
            for name in (
                "Metadata", "TensorStorageMetadata", "TensorProperties", "_MEM_FORMAT_ENCODING",
                "ChunkStorageMetadata", "MetadataIndex", "StorageMeta", "BytesStorageMetadata",
            )
        ),
    }
)  # fmt: skip
"""All that such an index is made of; torch unpickles it, and a pickle may name any function to be called."""


def merged(folder: Path) -> Mapping[str, torch.Tensor]:
    """The tensors of a folder with .metadata and .distcp files, merged by accelerate in a temporary folder.

    Raises InputError where they cannot be merged, or where reading them could run code.
    """
    from accelerate.utils import merge_fsdp_weights

    _check_plain(folder)
    with TemporaryDirectory(prefix="nami-merged-") as scratch, warnings.catch_warnings():
        # torch says of each one that no other process takes part.
        warnings.filterwarnings("ignore", "torch.distributed is disabled")
        try:
            merge_fsdp_weights(str(folder), scratch, safe_serialization=True)
            return load_file(Path(scratch) / "model.safetensors")
        except Exception as error:
            reason = f"{type(error).__name__}: {one_line(str(error))}"
            raise InputError(
                f"the shards in {folder} cannot be merged ({reason}): try `accelerate merge-weights {folder} "
                "OUT` where they were written, and give OUT/model.safetensors"
            ) from error


def _check_plain(folder: Path) -> None:
    """Raise InputError unless the index holds tensors' places and nothing that could run."""
    try:
        index = read_plain_pickle(folder / ".metadata", _PLAIN)
        entries = index.state_dict_metadata
        foreign = next((key for key, one in entries.items() if not hasattr(one, "properties")), None)
    except Exception as error:
        reason = one_line(str(error))
        raise InputError(
            f"{folder}/.metadata is not the index of a checkpoint's tensors ({reason}): not read"
        ) from error
    if foreign is not None:
        raise InputError(f"{folder} holds {foreign!r}, which is no tensor, and reading it could run code")
