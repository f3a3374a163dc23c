"""What a row of judgements made elsewhere says, by the fields that `--map` knows; how columns are found."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from nami_bench.errors import InputError, UnknownNameError

Row: TypeAlias = dict[str, Any]
"""One judgement by `FIELDS`, as the file has it: `outcome` of two images, or `value` of one."""

FIELDS = {
    "annotator": "who judged; without: every entry is a voter of its own",
    "model": "whose image",
    "left": "in pairs: the model on the left",
    "right": "in pairs: the model on the right",
    "prompt_id": "the prompt, by its id in a prompt set or in the file's own source",
    "prompt": "the prompt's text",
    "sample": "which image of the prompt, from 0",
    "image": "the image's file",
    "item": "what --items explains: an image's or task's name, a question",
    "criterion": "by what was judged",
    "value": "the rating",
    "outcome": "the better one: left, tie, right, both_bad, other words for these, or the model's name",
    "reason": "why there is no answer",
    "duration_ms": "time taken, in milliseconds",
    "duration_s": "time taken, in seconds",
    "created_at": "when",
    "study": "the study",
    "left_image": "in pairs: the left image's name, which tells two images of one model apart",
    "right_image": "in pairs: the right image's name",
    "count": "as how many votes the row counts",
    "weight": "how much each of these counts",
    "country": "the voter's",
    "language": "the voter's",
    "expertise": "how good a voter is, as a number",
}
"""What `--map` takes, and what each is."""

_CALLED: dict[str, tuple[str, ...]] = {
    "annotator": ("annotator", "annotator_id", "worker_id", "workerid", "user_id", "user", "rater", "judge"),
    "model": ("model", "model_name", "t2i_model", "generator", "system"),
    "left": ("left", "model_a", "left_model", "model_left", "model1", "model_1", "model_0"),
    "right": ("right", "model_b", "right_model", "model_right", "model2", "model_2"),
    "prompt_id": ("prompt_id",),
    "prompt": ("prompt", "prompt_text", "caption"),
    "sample": ("sample",),
    "image": ("image", "image_path", "img_path", "filename", "file_name", "image_url"),
    "criterion": ("criterion",),
    "value": ("value", "rating", "score", "answer"),
    "outcome": ("outcome", "winner", "vote", "vote_type", "preference"),
    "reason": ("reason",),
    "duration_ms": ("duration_ms",),
    "duration_s": ("lead_time",),
    "created_at": ("created_at", "tstamp", "timestamp"),
    "study": ("study",),
    "country": ("country",),
    "language": ("language",),
}
"""Names of columns that are recognised, without regard to case, blanks and underscores."""

_MISSING = object()


def columns_of(header: Iterable[str], said: Mapping[str, str], prefix: str = "") -> dict[str, str]:
    """By field, the column it is in: those that were `said`, and of the others those recognised by name.

    `prefix`: what stands before every recognised name, as "Input.". A field of which two columns could be the
    one is left out, and so is one whose column was said to be another field.
    """
    names = list(header)
    known: dict[str, list[str]] = {}
    for name in names:
        if name.startswith(prefix):
            known.setdefault(_plain(name.removeprefix(prefix)), []).append(name)
    found = {field: column for field, column in said.items() if column}
    for field, aliases in _CALLED.items():
        if field in said:
            continue
        fits = [name for alias in aliases for name in known.get(_plain(alias), ())]
        exact = [name for name in fits if name.removeprefix(prefix) == field]
        fits = exact or fits
        if len(set(fits)) == 1 and fits[0] not in found.values():
            found[field] = fits[0]
    return found


def cell(cells: Mapping[str, Any], column: str) -> Any:
    """What stands in a column, or further in, as `data.model`; None where there is nothing."""
    found: Any = cells.get(column, _MISSING)
    if found is not _MISSING:
        return found
    found = cells
    for part in column.split("."):
        if isinstance(found, list) and part.isdigit() and int(part) < len(found):
            found = found[int(part)]
        elif isinstance(found, Mapping):
            found = found.get(part)
        else:
            return None
    return found


def row_of(cells: Mapping[str, Any], columns: Mapping[str, str]) -> Row:
    """The row that `columns` find in an entry."""
    return {field: cell(cells, column) for field, column in columns.items()}


def parse_map(texts: Sequence[str] | Mapping[str, str]) -> dict[str, str]:
    """`--map FIELD=COLUMN,FIELD=COLUMN`; raises InputError for what is no field, or said twice."""
    found: dict[str, str] = {}
    for field, column in texts.items() if isinstance(texts, Mapping) else _map_parts(texts):
        if field not in FIELDS:
            raise UnknownNameError("field", field, FIELDS, "in --map")
        if field in found:
            raise InputError(f"--map says twice what {field} is: {found[field]!r} and {column!r}")
        found[field] = column.strip()
    return found


def _map_parts(texts: Sequence[str]) -> Iterator[tuple[str, str]]:
    for text in texts:
        for part in re.split(r",(?=\s*[a-z_]+=)", text):
            field, equals, column = part.partition("=")
            if not equals:
                raise InputError(f"--map {part!r} is not of the form FIELD=COLUMN")
            yield field.strip(), column


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).lower()
