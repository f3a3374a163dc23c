"""On what terms people may propose prompts: who, how long, under which licence."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files

from nami_bench.config import SubmissionsConfig, Workspace
from nami_bench.errors import InputError

CC0 = "CC0-1.0"


@dataclass(frozen=True)
class Terms:
    """`licence_text` is shown in full beside the box to tick; its hash is kept with every submission."""

    open_to: str
    max_words: int
    licence: str
    licence_text: str

    @cached_property
    def licence_sha256(self) -> str:
        """Which version of the licence somebody agrees to."""
        return hashlib.sha256(self.licence_text.encode()).hexdigest()


def read_terms(workspace: Workspace) -> Terms:
    """The workspace's terms; raises InputError where its licence has no text or cannot be read."""
    settings = workspace.submissions
    if settings.max_words < 1:
        raise InputError(f"{workspace.root / 'nami.toml'}: submissions.max_words must be 1 or more")
    return Terms(settings.open_to, settings.max_words, settings.licence, _licence_text(workspace, settings))


def _licence_text(workspace: Workspace, settings: SubmissionsConfig) -> str:
    if settings.licence_file is None and settings.licence == CC0:
        return (files("nami_bench.annotator_app") / "data" / f"{CC0}.txt").read_text(encoding="utf-8")
    if settings.licence_file is None:
        raise InputError(
            f"{workspace.root / 'nami.toml'}: submissions.licence is {settings.licence!r}: "
            "name the file that holds its text with submissions.licence_file"
        )
    path = workspace.root / settings.licence_file
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the licence {path}: {error}") from error
    if not text:
        raise InputError(f"the licence {path} is empty")
    return text
