"""Exports of annotation tools: Label Studio, Argilla, Potato, doccano, MTurk, Google Forms."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from nami_bench.errors import InputError
from nami_bench.export.foreign.answers import number_of, text_of
from nami_bench.export.foreign.entries import Entry
from nami_bench.export.foreign.profile import Context, Made, Profile
from nami_bench.export.foreign.rows import Row

_SKIPPED = "skipped"
_EMPTY = "without an answer"
_PAIR_SCALE = "scale_value"


def _label_studio(entry: Entry, context: Context) -> Iterator[Made]:
    """The JSON export, and JSON-MIN and CSV, which have an object or a row for each annotation."""
    cells = entry.cells
    if not isinstance(cells.get("annotations"), list):
        yield from _label_studio_min(entry, context)
        return
    about = context.about(entry, cells.get("data") or {})
    for one in cells["annotations"]:
        who = one.get("completed_by")
        base = {
            **about,
            "annotator": (who.get("email") or who.get("id")) if isinstance(who, Mapping) else who,
            "duration_s": one.get("lead_time"),
            "created_at": one.get("created_at"),
        }
        if one.get("was_cancelled"):
            yield from _withheld(base, context)
        elif not one.get("result"):
            yield _answered(base, "", context)
        else:
            for part in one["result"]:
                yield from _label(base, part.get("from_name"), part.get("value"), context)


def _label_studio_min(entry: Entry, context: Context) -> Iterator[Made]:
    base = context.about(entry, entry.cells)
    base |= {"duration_s": entry.cells.get("lead_time"), "annotator": base.get("annotator")}
    for name, raw in entry.cells.items():
        held = _parsed(raw)
        is_label = isinstance(held, list) and held and isinstance(held[0], Mapping)
        if not is_label and name not in context.reading.criteria:
            continue
        for value in held if isinstance(held, list) else [held]:
            yield from _label(base, name, value, context)


def _parsed(raw: Any) -> Any:
    """A cell of Label Studio's CSV: labels are JSON in a text, one choice is plain."""
    if isinstance(raw, str) and raw.startswith(("[{", '["')):
        try:
            return json.loads(raw)
        except (ValueError, RecursionError):
            return raw
    return raw


def _label(base: Row, name: Any, value: Any, context: Context) -> Iterator[Made]:
    """One label: a rating, a number, a choice, or the better of a pair."""
    held = value if isinstance(value, Mapping) else {"choices": value}
    if "selected" in held:
        yield {**base, "outcome": held["selected"], **_named(context)}
        return
    answer = next((held[key] for key in ("rating", "number", "choices") if key in held), None)
    if answer is None:
        yield f"a label that is no answer: {', '.join(held)}"
    elif context.reading.criteria and name not in context.reading.criteria:
        yield f"an answer to {name}, which --criterion does not ask for"
    else:
        yield {**base, "criterion": name, "value": answer}


def _named(context: Context) -> Row:
    return {"criterion": context.reading.criteria[0]} if context.reading.criteria else {}


def _answered(base: Row, answer: Any, context: Context) -> Made:
    """An answer to pairs or images, whichever the task shows."""
    return {**base, ("outcome" if "left" in base else "value"): answer, **_named(context)}


def _withheld(base: Row, context: Context) -> Iterator[Made]:
    """That nothing was answered, by each criterion that is asked for; else only counted."""
    if not context.reading.criteria:
        yield _SKIPPED
    for name in context.reading.criteria:
        yield {**base, ("outcome" if "left" in base else "value"): "", "criterion": name, "reason": _SKIPPED}


def _argilla(entry: Entry, context: Context) -> Iterator[Made]:
    """The JSON export (responses by question), and the hub's columns QUESTION.responses, .users, .status."""
    cells = entry.cells
    if isinstance(cells.get("responses"), Mapping):
        about = context.about(entry, {**(cells.get("fields") or {}), **(cells.get("metadata") or {})})
        for question, given in cells["responses"].items():
            for one in given or ():
                yield from _argilla_answer(
                    {**about, "annotator": one.get("user_id")},
                    question,
                    one.get("value"),
                    one.get("status"),
                    context,
                )
        return
    questions = [name.removesuffix(".responses") for name in cells if name.endswith(".responses")]
    if not questions:
        raise InputError(
            f"{entry} is no record of Argilla: it has neither responses nor a column QUESTION.responses"
        )
    own = tuple(f"{question}." for question in questions)
    about = context.about(entry, _without_prefix({n: v for n, v in cells.items() if not n.startswith(own)}))
    for question in questions:
        people = cells.get(f"{question}.responses.users") or ()
        states = cells.get(f"{question}.responses.status") or [None] * len(people)
        values = cells.get(f"{question}.responses") or ()
        for who, value, state in zip(people, values, states, strict=False):
            yield from _argilla_answer({**about, "annotator": who}, question, value, state, context)


def _without_prefix(cells: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removeprefix("metadata."): value for name, value in cells.items()}


def _argilla_answer(base: Row, question: str, value: Any, status: Any, context: Context) -> Iterator[Made]:
    if status not in (None, "submitted"):
        yield f"{status}, not submitted"
    elif context.reading.criteria and question not in context.reading.criteria:
        yield f"an answer to {question}, which --criterion does not ask for"
    else:
        yield {**base, "criterion": question, ("outcome" if "left" in base else "value"): value}


def _potato(entry: Entry, context: Context) -> Iterator[Made]:
    """user_state.json, a file a person; annotations.jsonl, a line for each instance and person."""
    cells = entry.cells
    state = cells.get("instance_id_to_label_to_value")
    if isinstance(state, Mapping):
        for item, labels in state.items():
            base = {"item": item, "annotator": cells.get("user_id") or entry.folder}
            yield from _potato_labels(entry, base, labels, context)
        return
    base = context.about(entry, cells)
    base |= {"annotator": text_of(cells.get("user_id") or cells.get("user")) or entry.folder}
    base |= {"item": cells.get("instance_id") or cells.get("id")}
    labels = next(
        (cells[key] for key in ("annotations", "labels", "label_annotations") if key in cells), None
    )
    if labels is None:
        raise InputError(
            f"{entry} is no annotation of Potato: give a user_state.json, the folder that holds these, or "
            "exports/jsonl/annotations.jsonl"
        )
    yield from _potato_labels(entry, base, labels, context)


def _potato_labels(entry: Entry, base: Row, labels: Any, context: Context) -> Iterator[Made]:
    """Labels by schema: {schema: {name: value}}, or a list of [{schema, name}, value]."""
    if isinstance(labels, list):
        pairs = [(one[0].get("schema"), one[0].get("name"), one[1]) for one in labels if len(one) == 2]
    else:
        pairs = [
            (schema, name, value)
            for schema, held in labels.items()
            for name, value in (held.items() if isinstance(held, Mapping) else [(held, held)])
        ]
    if not pairs:
        yield _EMPTY
    for schema, name, value in pairs:
        if context.reading.criteria and schema not in context.reading.criteria:
            yield f"an answer to {schema}, which --criterion does not ask for"
            continue
        answer = name if value in (True, "true", "on", None) else value
        if name == _PAIR_SCALE:  # below 0: the first one is better
            answer = {-1: "left", 0: "tie", 1: "right"}[_sign(entry, value)]
        pair = name in ("selection", _PAIR_SCALE) or "left" in base
        yield {**base, "criterion": schema, ("outcome" if pair else "value"): answer}


def _sign(entry: Entry, value: Any) -> int:
    try:
        number = number_of(text_of(value))
    except ValueError as error:
        raise InputError(f"{entry}: {value!r} is no place on a scale between two") from error
    return (number > 0) - (number < 0)


def _doccano(entry: Entry, context: Context) -> Iterator[Made]:
    """JSON lines, a file for each annotator; all.jsonl does not say whose a label is."""
    labels = entry.cells.get("label")
    if not isinstance(labels, list):
        raise InputError(f"{entry} is no line of doccano: it has no list 'label'")
    about = context.about(entry, entry.cells)
    if "annotator" not in about:
        if entry.stem == "all":
            raise InputError(
                f"{entry} does not say who gave {', '.join(map(text_of, labels)) or 'no label'}: export the "
                "project with a file for each annotator"
            )
        about["annotator"] = entry.stem
    if len(labels) > 1:
        raise InputError(
            f"{entry}: {about['annotator']} gave {len(labels)} labels ({', '.join(map(text_of, labels))}), "
            "and one is an answer: mend the line"
        )
    yield _answered(about, labels[0] if labels else "", context)


def _mturk(entry: Entry, context: Context) -> Iterator[Made]:
    """A batch's results; radio buttons of crowd-form have a column for each option, of which one is true."""
    if text_of(entry.cells.get("AssignmentStatus")).lower() == "rejected":
        yield "rejected by the requester"
        return
    cells = dict(entry.cells)
    for name, raw in entry.cells.items():
        question, dot, option = name.rpartition(".")
        if dot and question.startswith("Answer.") and text_of(raw).lower() in ("true", "false"):
            cells.setdefault(question, "")
            if text_of(raw).lower() == "true":
                cells[question] = option
    yield from context.table_rows(Entry(entry.file, entry.word, entry.number, cells))


def _google_forms(entry: Entry, context: Context) -> Iterator[Made]:
    """A row for each person, a column for each question; --items says what a question is about."""
    header = list(entry.cells)
    if not context.items:
        raise InputError(
            f"{entry.file} has a column for each question, and does not say which image it is about: say it "
            "with --items, a table with the columns item (the question) and model, prompt, criterion (of "
            f"pairs left, right); questions are {', '.join(map(repr, header[1:4]))} ..."
        )
    questions = [name for name in header if name in context.items]
    unknown = [name for name in context.items if name not in header]
    if unknown:
        raise InputError(f"--items explains {unknown[0]!r}, which is no column of {entry.file}")
    mail = next((name for name in header if name.lower().startswith(("email", "e-mail", "username"))), "")
    who = text_of(entry.cells.get(context.reading.columns.get("annotator", mail)))
    rest = [name for name in header if name not in questions and name != mail and name != header[0]]
    if rest:
        context.notes[f"not explained by --items: {', '.join(map(repr, rest))}"] = None
    context.columns.update(
        {"annotator": mail or "a person each row", "item (a column each)": ", ".join(questions)}
    )
    for name in questions:
        row: Row = {"item": name, "value": entry.cells[name], "created_at": entry.cells[header[0]]}
        yield {**row, "annotator": who} if who else row


PROFILES = (
    Profile(
        "label-studio",
        "Label Studio: JSON, JSON-MIN or CSV; ratings, choices, pairs",
        _label_studio,
        marks=frozenset({"annotation_id", "annotator", "lead_time"}),
    ),
    Profile("argilla", "Argilla: JSON of its records, or Parquet of the hub; submitted answers", _argilla),
    Profile(
        "potato",
        "Potato: user_state.json of each person (or their folder), or annotations.jsonl",
        _potato,
        files=("user_state.json", "annotations.jsonl", "annotated_instances.jsonl"),
    ),
    Profile(
        "doccano",
        "doccano: a JSON lines file of each annotator, their folder or zip archive",
        _doccano,
        files=("*.jsonl",),
        marks=frozenset({"label", "Comments"}),
    ),
    Profile(
        "mturk",
        "Amazon Mechanical Turk's batch results: WorkerId, Input.*, Answer.*; rejected work is left out",
        _mturk,
        columns={"annotator": "WorkerId", "duration_s": "WorkTimeInSeconds", "created_at": "SubmitTime"},
        prefix="Input.",
        marks=frozenset({"HITId", "AssignmentId", "WorkerId"}),
    ),
    Profile(
        "google-forms",
        "Google Forms' answers as CSV: a column for each question; with --items",
        _google_forms,
    ),
)
