"""The rows of a JSON document: the forms in which public prompt sets are published.

["a cat", ...]                              HPSv2's styles
[{"id": ..., "prompt": ...}, ...]           ImageReward, WISE
{"prompts": [...]}                          any one list under a name
{"ID": {"prompt": ...}, ...}                MJHQ-30K, GenAI-Bench; the key is the prompt's id
{"ID": "a cat", ...}
{"annotations": [{"image_id", "caption"}]}  COCO: of an image's captions the first
"""

from collections.abc import Iterator
from typing import Any

from nami_bench.domain import SOURCE_ID
from nami_bench.errors import InputError
from nami_bench.foreign_text import check_numbers, parse_text_json

Row = tuple[str, dict[str, Any]]
"""('FILE line N', what stands there by column)."""


def json_rows(text: str, where: str) -> tuple[str, list[Row], list[str]]:
    """What form the document has, its rows, and what is left out and why; raises InputError."""
    try:
        value = parse_text_json(text)
        check_numbers(value)
    except ValueError as error:
        raise InputError(f"{where} is not JSON: {error}") from error
    return _rows(value, where)


def _rows(value: Any, where: str) -> tuple[str, list[Row], list[str]]:
    if isinstance(value, list):
        return f"a JSON list of {_what(value)}", list(_elements(value, where)), []
    if not isinstance(value, dict):
        raise InputError(f"{where} holds neither a list nor an object of prompts")
    if _is_coco(value.get("annotations")):
        return _coco_rows(value["annotations"], where)
    if all(isinstance(inner, str | dict) for inner in value.values()) and not _is_one_prompt(value):
        return f"a JSON object of {_what(list(value.values()))} by id", list(_members(value, where)), []
    lists = {key: inner for key, inner in value.items() if isinstance(inner, list)}
    if len(lists) == 1:
        [(key, inner)] = lists.items()
        return f"a JSON list of {_what(inner)} under {key!r}", list(_elements(inner, f"{where}: {key}")), []
    if _is_one_prompt(value):
        return "a JSON object, one prompt", [(where, value)], []
    raise InputError(
        f"{where} is an object with {', '.join(map(repr, list(value)[:8])) or 'nothing'}, and which of them "
        "are the prompts is not known: write them as a list of texts or of objects"
    )


def _what(values: list[Any]) -> str:
    return "objects" if values and isinstance(values[0], dict) else "texts"


def _is_one_prompt(value: dict[str, Any]) -> bool:
    return any(key.lower() == "prompt" and isinstance(inner, str) for key, inner in value.items())


def _elements(values: list[Any], where: str) -> Iterator[Row]:
    for number, value in enumerate(values, start=1):
        yield f"{where} entry {number}", _cells(value, f"{where} entry {number}")


def _members(values: dict[str, Any], where: str) -> Iterator[Row]:
    for key, value in values.items():
        cells = _cells(value, f"{where} entry {key!r}")
        yield f"{where} entry {key!r}", cells if cells.get("id") == key else {**cells, SOURCE_ID: key}


def _cells(value: Any, where: str) -> dict[str, Any]:
    if isinstance(value, str):
        return {"prompt": value}
    if isinstance(value, dict):
        return value
    raise InputError(f"{where} is neither a text nor an object: {str(value)[:40]!r}")


def _is_coco(value: Any) -> bool:
    first = value[0] if isinstance(value, list) and value else None
    return isinstance(first, dict) and {"image_id", "caption"} <= first.keys()


def _coco_rows(annotations: list[Any], where: str) -> tuple[str, list[Row], list[str]]:
    first: dict[Any, Row] = {}
    for row_where, cells in _elements(annotations, f"{where}: annotations"):
        # The annotation's own id is not the image's, under which others know the prompt.
        kept = {"caption": cells.get("caption"), "image_id": cells.get("image_id")}
        first.setdefault(str(kept["image_id"]), (row_where, kept))
    note = f"of {len(annotations)} captions the first of each image is taken"
    return "COCO's captions", list(first.values()), [note]
