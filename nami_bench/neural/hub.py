"""Models in a folder or on the Hugging Face hub: where their files are, and what identifies those."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import constants, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from nami_bench.errors import InputError, one_line
from nami_bench.file_hashes import file_sha256
from nami_bench.neural.hub_progress import reporting_bars
from nami_bench.neural.loading import loading
from nami_bench.services.download import Report

HUB_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*")
TEXTS = ("*.json", "*.txt", "*.jinja", "*.model")
SAFETENSORS = ("model.safetensors", "model-*-of-*.safetensors")
PICKLED = ("pytorch_model.bin", "pytorch_model-*-of-*.bin")

SETTINGS = (
    "config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "tokenizer.model",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "chat_template.json",
    "chat_template.jinja",
)
"""Files beside the weights that decide what a network sees and says, as transformers calls them."""


@dataclass(frozen=True, slots=True)
class HubModel:
    """A model's folder on this machine, its own name, and the first 12 digits of its weights' SHA-256.

    Of weights in several files it is the SHA-256 of their hashes in order of names.
    """

    folder: Path
    name: str
    sha256: str


def hub_model(model: str, revision: str | None = None) -> HubModel:
    """A folder that save_pretrained wrote, or a name on the hub, fetched where needed.

    Raises InputError where there is no such model, or no weights in it.
    """
    folder = hub_folder(model, (*TEXTS, *SAFETENSORS), revision)
    weights = found(folder, SAFETENSORS)
    if not weights and not Path(model).expanduser().is_dir():
        folder = hub_folder(model, (*TEXTS, *PICKLED), revision)
    weights = weights or found(folder, PICKLED)
    if not weights or not (folder / "config.json").is_file():
        raise InputError(f"{folder} holds no model: it needs config.json and model.safetensors")
    return HubModel(folder, Path(model).expanduser().resolve().name, combined_sha256(weights))


def hub_folder(
    model: str, patterns: Sequence[str] = TEXTS, revision: str | None = None, report: Report | None = None
) -> Path:
    """The folder `model`, else the files of that name on the hub that fit `patterns`; raises InputError.

    `report` is told of what comes in place of the hub's own bars.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder
    bars = None if report is None else reporting_bars(report)
    with fetching("model", model, revision):
        return Path(
            snapshot_download(model, revision=revision, allow_patterns=list(patterns), tqdm_class=bars)
        )


def cached_folder(model: str, patterns: Sequence[str], revision: str | None = None) -> Path | None:
    """The folder in the hub's cache that has the files of `model` that fit `patterns`; asks nobody."""
    try:
        return Path(
            snapshot_download(model, revision=revision, allow_patterns=list(patterns), local_files_only=True)
        )
    except (OSError, ValueError):
        return None


def hub_file(repository: str, name: str, given: Path | None, option: str = "weights") -> Path:
    """`given`, else the file of a repository on the hub, fetched where needed; raises InputError."""
    if given is not None:
        return given.expanduser()
    with fetching(f"{name} of", repository, instead=f"name its file with -O {option}=FILE"):
        return Path(hf_hub_download(repository, name))


def refuse_revision_of_folder(folder: Path, revision: str | None) -> None:
    """Raise InputError where a revision is asked of a folder."""
    if revision is not None:
        raise InputError(f"{folder} is a folder and has no revisions: leave revision out")


@contextmanager
def fetching(
    kind: str, name: str, revision: str | None = None, instead: str = "give a local folder"
) -> Iterator[None]:
    """What goes wrong in a block that asks the hub for `name` is one sentence: an InputError.

    While it takes long, people are told how much has arrived.
    """
    before = _bytes_cached(name)
    try:
        with loading(
            f"{name} from the hub or its cache", "fetching", lambda: _arrived(_bytes_cached(name) - before)
        ):
            yield
    except (OSError, ValueError, EntryNotFoundError) as error:
        raise InputError(f"{kind} {name!r} {_why(error, name, revision, instead)}") from error


def short_sha256(path: Path) -> str:
    """The first 12 hex digits of the SHA-256 of a file of any size; raises InputError."""
    try:
        return file_sha256(path)[:12]
    except OSError as error:
        raise InputError(f"cannot read the weights {path}: {error.strerror or error}") from error


def combined_sha256(files: Sequence[Path]) -> str:
    """`short_sha256` of one file, or of the hashes of several."""
    hashes = [short_sha256(file) for file in files]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("\n".join(hashes).encode()).hexdigest()[:12]


def settings_sha256(folder: Path, names: Sequence[str] = SETTINGS) -> str:
    """12 digits of a SHA-256 over those of the files `names` that the folder has, and over their names."""
    lines = [f"{short_sha256(folder / name)}  {name}" for name in names if (folder / name).is_file()]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def _bytes_cached(name: str) -> int:
    """What the hub's cache holds of a repository, with what has arrived of files under way."""
    blobs = Path(constants.HF_HUB_CACHE) / f"models--{name.replace('/', '--')}" / "blobs"
    sizes = 0
    for path in blobs.glob("*"):
        try:
            sizes += path.stat().st_size
        except OSError:
            continue  # finished, and so renamed, while we looked
    return sizes


def _arrived(count: int) -> str:
    return f"{count / 1e6:.0f} MB so far"


def found(folder: Path, patterns: Sequence[str]) -> list[Path]:
    """The folder's files that fit one of the patterns, in order."""
    return sorted(path for pattern in patterns for path in folder.glob(pattern))


def _why(error: Exception, name: str, revision: str | None, instead: str) -> str:
    """Why the hub did not give it, as the rest of a sentence."""
    causes = list(_causes(error))
    page = f"{constants.ENDPOINT}/{name}"
    if any(isinstance(cause, GatedRepoError) for cause in causes):
        return f"is gated: accept its licence at {page}, then log in with `hf auth login` or set HF_TOKEN"
    if any(isinstance(cause, RevisionNotFoundError) for cause in causes):
        return f"has no revision {revision!r}: see {page}/commits/main"
    if any(isinstance(cause, RepositoryNotFoundError) for cause in causes):
        return (
            "is neither a folder here nor a public model of the hub: check the name, "
            "or log in with `hf auth login` where it is private"
        )
    if answer := next((cause for cause in causes if isinstance(cause, HfHubHTTPError)), None):
        return f"cannot be had from the hub: {one_line(str(answer))}"
    if isinstance(error, OSError) and error.errno is None:
        state = "HF_HUB_OFFLINE is set" if constants.is_offline_mode() else "no answer"
        return (
            f"is no folder, is not complete in the hub's cache {constants.HF_HUB_CACHE}, and the hub is "
            f"out of reach ({state}): {instead}, or allow the network"
        )
    return f"cannot be had from the hub: {one_line(str(error))}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
