"""A workspace's folder and its nami.toml, read into one validated, typed tree."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, unquote

from nami_bench.errors import InputError, StorageError, VersionError
from nami_bench.foreign_text import parse_toml
from nami_bench.locations import is_remote, location
from nami_bench.serialize import validated

WORKSPACE_FORMAT = 1
DEFAULT_WORKSPACE = "nami-workspace"
_SQLITE = "sqlite:///"

_HOST_NAME = re.compile(r"[\w-]+(\.[\w-]+)*")
_ORIGIN = re.compile(r"https://(\*\.)?[\w-]+(\.[\w-]+)*(:\d{1,5})?|http://localhost(:\d{1,5})?")
_ROOT_PATH = re.compile(r"(/[\w~-][\w.~-]*)+")

_TEMPLATE = """\
# A NAMI-Bench workspace. Everything here may be edited; every key is optional but `format`.
[workspace]
format = {format}

[database]
# Where scores and ratings live. NAMI_DATABASE_URL in the environment, or the file that
# NAMI_DATABASE_URL_FILE names, wins over this line.
# url = "sqlite:///nami.db"        # relative to this folder (the default)

[images]
# Where images lie: a folder, or a place that fsspec knows. docs/scale.md
# url = "images"                    # relative to this folder (the default); "s3://bucket/nami"

[annotate]
# Where `nami-bench annotate` listens.
# host = "127.0.0.1"
# port = 7860
# workers = 1                       # processes; more than one pays with PostgreSQL
# trusted_proxies = ["127.0.0.1"]   # whose X-Forwarded-For and X-Forwarded-Proto are believed
# host_names = ["nami.example.org"] # by which browsers know it, beside this machine's own
# root_path = "/nami"               # where a proxy hands the app's path on with this before it
# framed_by = ["https://huggingface.co"]  # sites whose frame shows a page that leads to a tab of our own

[submissions]
# Prompts that people propose on the app's page /propose.
# open_to = "annotators"            # "nobody"; or "everybody": without an account, too
# max_words = 120
# licence = "CC0-1.0"               # what who proposes agrees to; another one needs its text:
# licence_file = "licence.txt"      # relative to this folder
"""


@dataclass(frozen=True, slots=True)
class DatabaseConfig:
    """`[database]` of nami.toml."""

    url: str = "sqlite:///nami.db"


@dataclass(frozen=True, slots=True)
class ImagesConfig:
    """`[images]` of nami.toml."""

    url: str = "images"


@dataclass(frozen=True, slots=True)
class AnnotateConfig:
    """`[annotate]` of nami.toml."""

    host: str = "127.0.0.1"
    port: int = 7860
    workers: int = 1
    trusted_proxies: tuple[str, ...] = ("127.0.0.1",)
    host_names: tuple[str, ...] = ()
    root_path: str = ""
    framed_by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.host_names:
            if name != "*" and not _HOST_NAME.fullmatch(name):
                raise InputError(
                    f"{name!r} is no host name: give it as browsers show it, without http:// and port, "
                    "such as nami.example.org"
                )
        for origin in self.framed_by:
            if not _ORIGIN.fullmatch(origin):
                raise InputError(
                    f"{origin!r} is no origin of a site: give it as https://huggingface.co, without a path"
                )
        if self.root_path and not _ROOT_PATH.fullmatch(self.root_path):
            raise InputError(
                f"the root path {self.root_path!r} must be like /nami: a slash first, none at the end"
            )


@dataclass(frozen=True, slots=True)
class SubmissionsConfig:
    """`[submissions]` of nami.toml."""

    open_to: Literal["nobody", "annotators", "everybody"] = "annotators"
    max_words: int = 120
    licence: str = "CC0-1.0"
    licence_file: Path | None = None


@dataclass(frozen=True, slots=True)
class _WorkspaceSection:
    format: int


@dataclass(frozen=True, slots=True)
class _WorkspaceFile:
    workspace: _WorkspaceSection
    database: DatabaseConfig = DatabaseConfig()
    images: ImagesConfig = ImagesConfig()
    annotate: AnnotateConfig = AnnotateConfig()
    submissions: SubmissionsConfig = SubmissionsConfig()


@dataclass(frozen=True, slots=True)
class Workspace:
    """A folder with `nami.toml`, the database, prompt sets, images and reports."""

    root: Path
    database: DatabaseConfig
    annotate: AnnotateConfig
    submissions: SubmissionsConfig
    images: ImagesConfig = ImagesConfig()

    @property
    def database_url(self) -> str:
        """SQLAlchemy URL; a relative SQLite path is taken from the workspace's folder.

        Raises InputError where the environment names a file for it that cannot be read.
        """
        url = os.environ.get("NAMI_DATABASE_URL") or _url_in_file() or self.database.url
        start, rest = url[: len(_SQLITE)], url[len(_SQLITE) :]
        if start != _SQLITE or rest.startswith(("/", ":memory:", "file:")):
            return url
        path, question_mark, options = rest.partition("?")
        absolute = (self.root / unquote(path)).resolve()
        return _SQLITE + quote(str(absolute)) + question_mark + options

    @property
    def prompts_dir(self) -> Path:
        """Prompt sets as files."""
        return self.root / "prompts"

    @property
    def images_dir(self) -> Path:
        """Images, one GenEval-layout folder for each model and prompt set; see `nami_bench.locations`."""
        place = location(self.images.url)
        return place if is_remote(place) else self.root / place

    @property
    def reports_dir(self) -> Path:
        """Leaderboards and results written by default."""
        return self.root / "reports"

    @property
    def backups_dir(self) -> Path:
        """Copies of the database."""
        return self.root / "backups"


def find_workspace(explicit: Path | None = None) -> Path:
    """The workspace folder a command works on: `explicit`, else the current folder, else ./nami-workspace."""
    if explicit is not None:
        return explicit
    here = Path()
    return here if (here / "nami.toml").is_file() else here / DEFAULT_WORKSPACE


def open_workspace(root: Path) -> Workspace:
    """Read `root`/nami.toml. Raises InputError where there is none, VersionError for a newer format."""
    path = root / "nami.toml"
    if not path.is_file():
        raise InputError(f"no workspace at {root}: run `nami-bench init {root}` or pass --workspace DIR")
    raw = load_toml(path)
    section = raw.get("workspace")
    version = section.get("format") if isinstance(section, dict) else None
    if isinstance(version, int) and version > WORKSPACE_FORMAT:
        raise VersionError(
            f"{path} has format {version}, this NAMI-Bench reads up to {WORKSPACE_FORMAT}: "
            "upgrade NAMI-Bench to open this workspace"
        )
    parsed = validated(_WorkspaceFile, raw, str(path))
    return Workspace(
        root=root,
        database=parsed.database,
        annotate=parsed.annotate,
        submissions=parsed.submissions,
        images=parsed.images,
    )


def init_workspace(root: Path) -> Workspace:
    """Make a workspace in `root`, which may exist but must not hold one already."""
    path = root / "nami.toml"
    if path.exists():
        raise InputError(f"{root} is a workspace already")
    try:
        for folder in (root, root / "prompts", root / "images", root / "reports"):
            folder.mkdir(parents=True, exist_ok=True)
        path.write_text(_TEMPLATE.format(format=WORKSPACE_FORMAT), encoding="utf-8")
    except OSError as error:
        raise StorageError(f"cannot make a workspace in {root}: {error.strerror or error}") from error
    return open_workspace(root)


def _url_in_file() -> str | None:
    """What the file says that NAMI_DATABASE_URL_FILE names: so a container gets a URL with a password."""
    named = os.environ.get("NAMI_DATABASE_URL_FILE")
    if not named:
        return None
    try:
        return Path(named).read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read NAMI_DATABASE_URL_FILE, {named}: {error}") from error


def cache_dir() -> Path:
    """Where downloads and computed features are kept: $NAMI_CACHE, or ~/.cache/nami-bench."""
    root = os.environ.get("NAMI_CACHE")
    return Path(root) if root else Path.home() / ".cache" / "nami-bench"


def load_toml(path: Path) -> dict[str, Any]:
    """Parse a TOML file; raises InputError that names the file and the line."""
    try:
        return parse_toml(path.read_text(encoding="utf-8-sig"))  # editors on Windows begin files with a mark
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path} is not valid TOML: {error}") from error
