"""Workspace and study files: TOML read into one validated, typed tree."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeVar, cast
from urllib.parse import quote, unquote

from nami_bench.domain import (
    CheckItem,
    CheckKind,
    Checks,
    Criteria,
    Criterion,
    CriterionText,
    Pairs,
    Study,
    Total,
)
from nami_bench.errors import InputError, StorageError, VersionError
from nami_bench.foreign_text import parse_toml
from nami_bench.locations import is_remote, location

WORKSPACE_FORMAT = 1
DEFAULT_WORKSPACE = "nami-workspace"
_SQLITE = "sqlite:///"

T = TypeVar("T")

_HOST_NAME = re.compile(r"[\w-]+(\.[\w-]+)*")
_ROOT_PATH = re.compile(r"(/[\w~-][\w.~-]*)+")

_TEMPLATE = """\
# A NAMI-Bench workspace. Everything here may be edited; every key is optional but `format`.
[workspace]
format = {format}

[database]
# Where scores and ratings live. NAMI_DATABASE_URL in the environment wins over this line.
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

    def __post_init__(self) -> None:
        for name in self.host_names:
            if name != "*" and not _HOST_NAME.fullmatch(name):
                raise InputError(
                    f"{name!r} is no host name: give it as browsers show it, without http:// and port, "
                    "such as nami.example.org"
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
        """SQLAlchemy URL; a relative SQLite path is taken from the workspace's folder."""
        url = os.environ.get("NAMI_DATABASE_URL") or self.database.url
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


def cache_dir() -> Path:
    """Where downloads and computed features are kept: $NAMI_CACHE, or ~/.cache/nami-bench."""
    root = os.environ.get("NAMI_CACHE")
    return Path(root) if root else Path.home() / ".cache" / "nami-bench"


def load_toml(path: Path) -> dict[str, Any]:
    """Parse a TOML file; raises InputError that names the file and the line."""
    try:
        return parse_toml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path} is not valid TOML: {error}") from error


def validated(target: type[T], raw: Mapping[str, Any], where: str) -> T:
    """Build the dataclass `target` from `raw`, coercing simple types.

    Unknown keys, missing keys and wrong types raise one InputError that begins with `where`.
    """
    from pydantic import ValidationError

    try:
        value: T = _adapter(cast(Any, target)).validate_python(raw)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        first = problems[0]
        key = ".".join(str(part) for part in first["loc"])
        message = {
            "unexpected_keyword_argument": "unknown key",
            "missing": "is missing",
            "missing_argument": "is missing",
        }.get(first["type"], first["msg"][:1].lower() + first["msg"][1:])
        more = f" (and {len(problems) - 1} more problems)" if len(problems) > 1 else ""
        raise InputError(f"{where}: {key}: {message}{more}") from error
    return value


@cache
def _adapter(target: Any) -> Any:
    from pydantic import ConfigDict, TypeAdapter

    # A bare dataclass accepts no config here; the union does, and hands it down to nested ones.
    return TypeAdapter(target | None, config=ConfigDict(extra="forbid"))


Texts = str | Mapping[str, str]
"""Words in the study's first language, or by language."""


@dataclass(frozen=True, slots=True)
class _StudySection:
    name: str
    prompts: str = ""
    models: tuple[str, ...] = ()
    mode: str = "rating"
    overlap: int = 5
    samples: int = 1
    seed: int = 0
    instructions: Texts = ""
    panel: str = "crossed"
    control: str = "slider"
    languages: tuple[str, ...] = ("en",)
    strata: Mapping[str, int] | tuple[str, ...] = ()
    opens: datetime | None = None
    closes: datetime | None = None
    items_per_annotator: int = 0
    break_every: int = 50
    lease_minutes: float = 30.0
    live_leaderboard: str = "administrators"
    canvas: int = 0
    total: str = Total.ARITHMETIC
    sizes_may_differ: bool = False
    contact: str = ""
    time_zone: str = ""
    choice_submits: bool | None = None


@dataclass(frozen=True, slots=True)
class _TextSection:
    label: str = ""
    anchors: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class _CriterionSection:
    name: str
    weight: float
    minimum: float = 0.0
    maximum: float = 100.0
    anchors: Mapping[str, str] | None = None
    step: float | None = None
    label: str = ""
    texts: Mapping[str, _TextSection] | None = None


@dataclass(frozen=True, slots=True)
class _CheckSection:
    kind: CheckKind
    prompt: str
    models: tuple[str, ...]
    expected: Mapping[str, tuple[float, float] | str]
    sample: int = 0
    feedback: Texts = ""


@dataclass(frozen=True, slots=True)
class _StudyFile:
    study: _StudySection
    criterion: tuple[_CriterionSection, ...]
    checks: Checks = field(default_factory=Checks)
    pairs: Pairs = field(default_factory=Pairs)
    check: tuple[_CheckSection, ...] = ()


def load_study(
    path: Path,
    *,
    name: str | None = None,
    prompt_set: str | None = None,
    models: tuple[str, ...] = (),
) -> Study:
    """Read a study's TOML file; the keyword arguments win over its `[study]` section.

    Raises InputError that names the file, and the key where one is wrong.
    """
    with naming_errors(path):
        parsed = validated(_StudyFile, load_toml(path), "")
        section = asdict(parsed.study)
        first = parsed.study.languages[0] if parsed.study.languages else "en"
        chosen_set = prompt_set or section.pop("prompts")
        if not chosen_set:
            raise InputError("study.prompts names no prompt set: add it or pass --prompts SET")
        section.pop("prompts", None)
        strata = section.pop("strata")
        return Study(
            **{
                **section,
                "name": name or section["name"],
                "models": models or section["models"],
                "instructions": _by_language(section["instructions"], first),
            },
            prompt_set=chosen_set,
            strata=dict(strata) if isinstance(strata, Mapping) else dict.fromkeys(strata, 0),
            criteria=_criteria(parsed),
            checks=parsed.checks,
            pairs=parsed.pairs,
            check_items=tuple(_check_item(check, first) for check in parsed.check),
        )


def load_criteria(path: Path) -> Criteria:
    """Only the criteria of a study's TOML file, with its total."""
    with naming_errors(path):
        parsed = validated(_StudyFile, load_toml(path), "")
        return Criteria(_criteria(parsed), parsed.study.total)


@contextmanager
def naming_errors(path: Path) -> Iterator[None]:
    """Let every InputError begin with the file it is about."""
    try:
        yield
    except InputError as error:
        words = str(error).removeprefix(": ")
        raise InputError(words if str(path) in words else f"{path}: {words}") from error


def _check_item(section: _CheckSection, first_language: str) -> CheckItem:
    return CheckItem(
        kind=section.kind,
        prompt_id=section.prompt,
        models=section.models,
        expected=section.expected,
        sample=section.sample,
        feedback=_by_language(section.feedback, first_language),
    )


def _by_language(texts: Texts, first_language: str) -> dict[str, str]:
    if isinstance(texts, str):
        return {first_language: texts} if texts.strip() else {}
    return dict(texts)


def nami_1k_study_file() -> Path:
    """The NAMI-1K protocol as a study file: four criteria, weights 0.3/0.3/0.2/0.2, overlap 5."""
    return Path(str(files("nami_bench") / "data" / "nami-1k-study.toml"))


def _criteria(parsed: _StudyFile) -> tuple[Criterion, ...]:
    return tuple(
        Criterion(
            section.name,
            section.weight,
            section.minimum,
            section.maximum,
            _anchors(section.name, section.anchors),
            section.step,
            section.label,
            {
                language: CriterionText(text.label, _anchors(section.name, text.anchors))
                for language, text in (section.texts or {}).items()
            },
        )
        for section in parsed.criterion
    )


def _anchors(criterion: str, words: Mapping[str, str] | None) -> dict[float, str]:
    try:
        return {float(at): text for at, text in (words or {}).items()}
    except ValueError as error:
        raise InputError(f"criterion {criterion!r}: anchors must be numbers") from error
