"""Study files: TOML read into a `Study`.

The file's words are those of `Study`, but for a few that are shorter: `prompts` (its `prompt_set`), the
tables `[[criterion]]` and `[[check]]`, and in a check `prompt` (its `prompt_id`). Words for annotators may be
one text, which is in the first language. `strata` may be a list of those that are taken whole. A check on
questions expects "yes" or "no". A kind of mark may be its name alone.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from nami_bench.config import load_toml
from nami_bench.domain.criteria import Criteria
from nami_bench.domain.question import VALUES
from nami_bench.domain.study import ALL_PROMPTS, Mode, Study
from nami_bench.entry_file import by_language, entry_in_file, entry_values
from nami_bench.errors import InputError
from nami_bench.foreign_text import parse_toml
from nami_bench.serialize import Location, validated

_TABLES = {
    "criterion": "criteria",
    "checks": "checks",
    "pairs": "pairs",
    "ranks": "ranks",
    "marks": "marks",
    "stopping": "stopping",
    "budget": "budget",
    "check": "check_items",
    "entry": "entry",
}
"""Tables beside [study], and the fields of `Study` that they become."""

_NOT_IN_FILES = (*_TABLES.values(), "prompt_set", "questions", "questions_sha256")


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
        values = _study_values(load_toml(path), path.parent)
        given = {"name": name, "prompt_set": prompt_set, "models": models}
        values |= {key: value for key, value in given.items() if value}
        if not values.get("prompt_set"):
            raise InputError("study.prompts names no prompt set: add it or pass --prompts SET")
        return validated(Study, {"models": (), **values}, "", in_file)


def study_of_text(text: str) -> Study:
    """A study from the text of a file; raises InputError that names the line or the key."""
    try:
        raw = parse_toml(text)
    except ValueError as error:
        raise InputError(f"this is not valid TOML: {error}") from error
    return study_of_tables(raw)


def study_of_tables(raw: Mapping[str, Any]) -> Study:
    """A study from a file's tables, as TOML is read; raises InputError that names the key."""
    try:
        values = _study_values(raw, None)
        if not values.get("prompt_set"):
            raise InputError("study.prompts names no prompt set")
        return validated(Study, {"models": (), **values}, "", in_file)
    except InputError as error:
        raise InputError(str(error).removeprefix(": ")) from error


def load_criteria(path: Path) -> Criteria:
    """Only the criteria of a study's TOML file, with its total."""
    with naming_errors(path):
        values = _study_values(load_toml(path), path.parent)
        # Whatever else the file says must be right too; what it need not say here is made up.
        made_up = {"prompt_set": "-", "models": tuple("abcdef")}
        return Criteria.of(validated(Study, made_up | values, "", in_file).criteria)


@contextmanager
def naming_errors(path: Path) -> Iterator[None]:
    """Let every InputError begin with the file it is about."""
    try:
        yield
    except InputError as error:
        words = str(error).removeprefix(": ")
        raise InputError(words if str(path) in words else f"{path}: {words}") from error


def nami_1k_study_file() -> Path:
    """The NAMI-1K protocol as a study file: four criteria, weights 0.3/0.3/0.2/0.2, overlap 5."""
    return Path(str(files("nami_bench") / "data" / "nami-1k-study.toml"))


def _study_values(raw: Mapping[str, Any], folder: Path | None) -> dict[str, Any]:
    """What a file says under the names of `Study`'s fields; of which type it is, `validated` sees.

    Texts that it keeps in files of their own lie in or below `folder` (None: there are none).
    """
    section = raw.get("study")
    if not isinstance(section, dict):
        raise InputError("study: is missing" if section is None else "study: must be a table")
    for table in raw:
        if table != "study" and table not in _TABLES:
            raise InputError(f"{table}: unknown key")
    for key in section:
        if key in _NOT_IN_FILES:
            raise InputError(f"study.{key}: unknown key")
    values = {("prompt_set" if key == "prompts" else key): value for key, value in section.items()}
    values |= {field: raw[table] for table, field in _TABLES.items() if table in raw}
    languages = values.get("languages")
    first = languages[0] if isinstance(languages, list) and languages else "en"
    if "instructions" in values:
        values["instructions"] = by_language(values["instructions"], first)
    if isinstance(values.get("entry"), dict):
        values["entry"] = entry_values(values["entry"], first, folder)
    if isinstance(values.get("strata"), list):
        values["strata"] = dict.fromkeys(values["strata"], ALL_PROMPTS)
    if isinstance(values.get("criteria"), list):
        values["criteria"] = [_criterion(one) for one in values["criteria"]]
    if isinstance(values.get("marks"), dict) and isinstance(values["marks"].get("kinds"), list):
        values["marks"]["kinds"] = [_mark_kind(one, first) for one in values["marks"]["kinds"]]
    if values.get("mode") == Mode.QUESTIONS:
        values.setdefault("criteria", [])
    if isinstance(values.get("check_items"), list):
        asks = values.get("mode") == Mode.QUESTIONS
        values["check_items"] = [_check(one, first, asks=asks) for one in values["check_items"]]
    return values


def _criterion(raw: Any) -> Any:
    """With numbers in place of TOML's keys, which are texts."""
    if not isinstance(raw, dict):
        return raw
    texts = raw.get("texts")
    for one in (raw, *(texts.values() if isinstance(texts, dict) else ())):
        if isinstance(one, dict) and isinstance(one.get("anchors"), dict):
            try:
                one["anchors"] = {float(at): words for at, words in one["anchors"].items()}
            except ValueError as error:
                raise InputError(f"criterion {raw.get('name')!r}: anchors must be numbers") from error
    return raw


def _mark_kind(raw: Any, first_language: str) -> Any:
    if isinstance(raw, str):
        return {"name": raw}
    if not isinstance(raw, dict):
        return raw
    return raw | {"label": by_language(raw.get("label", {}), first_language)}


def _check(raw: Any, first_language: str, *, asks: bool) -> Any:
    if not isinstance(raw, dict):
        return raw
    if "prompt_id" in raw:
        raise InputError("check.prompt_id: unknown key")
    renamed = {("prompt_id" if key == "prompt" else key): value for key, value in raw.items()}
    if asks and isinstance(raw.get("expected"), dict):
        renamed["expected"] = {name: _yes_or_no(answer) for name, answer in raw["expected"].items()}
    return renamed | {"feedback": by_language(raw.get("feedback", {}), first_language)}


def _yes_or_no(answer: Any) -> Any:
    """The lowest and highest value that passes, of an answer in words."""
    return [VALUES[answer]] * 2 if isinstance(answer, str) and answer in VALUES else answer


def in_file(location: Location) -> Location:
    """A place in `Study` as a study file calls it: ("study", "prompts") for ("prompt_set",)."""
    head, *rest = location
    if head == "entry":
        return entry_in_file(location)
    table = next((table for table, field in _TABLES.items() if field == head), None)
    if table is None:
        return ("study", "prompts" if head == "prompt_set" else head, *rest)
    return (table, *("prompt" if part == "prompt_id" else part for part in rest))
