"""What stands in the files of a dataset folder: their columns, for its card and for Croissant."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

TEXT, INTEGER, NUMBER, BOOLEAN, TIME = "text", "integer", "number", "boolean", "time"


@dataclass(frozen=True, slots=True)
class Column:
    """`kind`: text, integer, number, boolean or time (UTC); an image's bytes are "image"."""

    name: str
    kind: str
    holds: str


_HOLDS = {
    "study": "the study's name",
    "annotator": "who judged: a pseudonym, unless the card says otherwise",
    "model": "that made the image",
    "prompt_id": "the prompt, as in `prompts`",
    "sample": "which image of the prompt, from 0",
    "criterion": "by which it was judged",
    "value": "on the criterion's own scale; missing where the annotator could not judge",
    "reason": "why there is no answer, or no image; missing where there is one",
    "position": "how many items the annotator had before this one",
    "duration_ms": "milliseconds from the image's appearance to the answer",
    "created_at": "when the answer was given",
    "left": "the model whose image stood on the left",
    "right": "the model whose image stood on the right",
    "outcome": "left, right, tie or both_bad; missing where the annotator could not judge",
    "trial": "one look at several images: its rows belong together",
    "rank": "1 is best; images of a trial that share a rank are tied",
    "place": "where the image stood on the screen",
    "items": "the models shown, as they stood",
    "best": "the model of the best image",
    "worst": "the model of the worst image",
    "question": "the question's id",
    "text": "of the question, as it was asked",
    "category": "of the question",
    "answer": "yes, no, cannot tell, or not asked; of a decision what was decided",
    "image": "model/prompt_id/sample; in `images` the file itself",
    "beside": "of a pair the other model",
    "kind": "what was marked",
    "x": "share of the image's width",
    "y": "share of the image's height",
    "w": "width of a box, as a share",
    "h": "height of a box, as a share",
    "words": "of the prompt: start, end, text",
    "item": "the item's number",
    "models": "whose images; of a pair the first is left",
    "note": "in the adjudicator's words",
    "overruled": "nobody had answered so",
    "saw_models": "the adjudicator knew the models",
    "by": "the adjudicator: a pseudonym, unless the card says otherwise",
    "revision": "from 1; the last one counts",
    "prompt": "its text",
    "stratum": "part of the set that it belongs to",
    "source": "where it is from",
    "tags": "JSON",
    "geneval": "JSON: what must be seen, for GenEval",
    "rewritten_from": "the id of the prompt that it was rewritten from",
    "extra": "JSON: what the source says beside",
    "state": "done, failed or refused",
    "sha256": "of the image file's bytes",
    "width": "pixels",
    "height": "pixels",
    "seed": "of the image",
}
_MARKS = {"study": TEXT, "image": TEXT, "annotator": TEXT, "kind": TEXT, "x": NUMBER, "y": NUMBER,
          "created_at": TIME}  # fmt: skip
"""Of `marks.jsonl`, those columns that a program may take one by one."""


def columns_of(path: Path) -> tuple[Column, ...]:
    """The columns of a file of the folder, Parquet or the marks' JSON lines, in order."""
    if path.suffix == ".jsonl":
        return tuple(Column(name, kind, _HOLDS[name]) for name, kind in _MARKS.items())
    schema = pq.read_schema(path)
    return tuple(Column(one.name, _kind(one.type), _HOLDS[one.name]) for one in schema)


def _kind(arrow: pa.DataType) -> str:
    if pa.types.is_timestamp(arrow):
        return TIME
    if pa.types.is_struct(arrow):
        return "image"
    if pa.types.is_boolean(arrow):
        return BOOLEAN
    if pa.types.is_integer(arrow):
        return INTEGER
    return NUMBER if pa.types.is_floating(arrow) else TEXT
