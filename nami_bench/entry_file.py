"""The `[entry]` of a study file, read into the names of `Entry`.

Words for people may be one text, which is in the study's first language, or by language. Long ones may stand
in files beside the study file: `consent.files.en = "consent.md"`, `debrief_files`, `signature.keys_file`.
They are copied: nothing depends on the files afterwards.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nami_bench.errors import InputError
from nami_bench.serialize import Location

_LONGEST = 100_000
"""Characters of a file."""


def entry_values(raw: Mapping[str, Any], first_language: str, folder: Path | None) -> dict[str, Any]:
    """What the table says under the names of `Entry`'s fields; `folder` is that of the
    study file, None where it has none."""
    values = dict(raw)
    for key in ("questions", "is_open"):  # the file has other words for them
        if key in values:
            raise InputError(f"entry.{key}: unknown key")
    if "open" in values:
        values["is_open"] = values.pop("open")
    if isinstance(values.get("consent"), dict):
        values["consent"] = _consent(values["consent"], first_language, folder)
    if "debrief" in values or "debrief_files" in values:
        files = values.pop("debrief_files", {})
        texts = by_language(values.pop("debrief", {}), first_language)
        values["debrief"] = _with_files("entry.debrief_files", texts, files, folder)
    if isinstance(values.get("signature"), dict):
        values["signature"] = _signature(values["signature"], folder)
    if "question" in values:
        asked = values.pop("question")
        is_list = isinstance(asked, list)
        values["questions"] = [_question(one, first_language) for one in asked] if is_list else asked
    return values


def by_language(texts: Any, first_language: str) -> Any:
    """Words in the first language, or by language."""
    if isinstance(texts, str):
        return {first_language: texts} if texts.strip() else {}
    return texts


def entry_in_file(location: Location) -> Location:
    """A place in `Study` that is in its entry, as the file calls it."""
    names = {"questions": "question", "is_open": "open"}
    return tuple(names.get(part, part) if isinstance(part, str) else part for part in location)


def _consent(raw: Mapping[str, Any], first_language: str, folder: Path | None) -> dict[str, Any]:
    values = dict(raw)
    texts = by_language(values.pop("texts", {}), first_language)
    values["texts"] = _with_files("entry.consent.files", texts, values.pop("files", {}), folder)
    if isinstance(values.get("boxes"), list):
        values["boxes"] = [by_language(box, first_language) for box in values["boxes"]]
    return values


def _signature(raw: Mapping[str, Any], folder: Path | None) -> dict[str, Any]:
    values = dict(raw)
    if "keys" in values and "keys_file" in values:
        raise InputError("entry.signature: give one of keys and keys_file")
    if "keys_file" in values:
        values["keys"] = _read("entry.signature.keys_file", values.pop("keys_file"), folder)
    return values


def _question(raw: Any, first_language: str) -> Any:
    if not isinstance(raw, dict):
        return raw
    values = dict(raw)
    if "texts" in values:
        values["texts"] = by_language(values["texts"], first_language)
    if isinstance(values.get("options"), list):
        values["options"] = [{"value": one} if isinstance(one, str) else one for one in values["options"]]
    return values


def _with_files(where: str, texts: Any, files: Any, folder: Path | None) -> Any:
    """`texts`, with those that stand in files of their own."""
    if not isinstance(files, dict):
        raise InputError(f"{where} must name a file for each language")
    if files and not isinstance(texts, dict):
        return texts
    return {**texts, **{tag: _read(f"{where}.{tag}", name, folder) for tag, name in files.items()}}


def _read(where: str, name: Any, folder: Path | None) -> str:
    if not isinstance(name, str):
        raise InputError(f"{where} must be the name of a file")
    if folder is None:
        raise InputError(f"{where}: there is no file {name!r} here: write its text into the study file")
    try:
        text = (folder / name).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InputError(f"{where}: cannot read {folder / name}: {reason}") from error
    if len(text) > _LONGEST:
        raise InputError(f"{where}: {folder / name} has more than {_LONGEST} characters")
    return text
