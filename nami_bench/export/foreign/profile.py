"""What a profile is: the form of one tool's or data set's files, as data and, where need be, one function."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any, TypeAlias

from nami_bench.domain import Total
from nami_bench.errors import InputError
from nami_bench.export.foreign.answers import text_of
from nami_bench.export.foreign.entries import Entry, Unfold
from nami_bench.export.foreign.reading import Reading, Repeats
from nami_bench.export.foreign.rows import Row, columns_of, row_of

_ANSWER = "Answer."
_MOST = 15

Made: TypeAlias = Row | str
"""A judgement, or why there is none in an entry."""


@dataclass(slots=True)
class Context:
    """What the rows of a file are made with: `reading`, with what the profile adds, and `items` by name.

    `said`: fields whose columns somebody said, so that they must be there; those that only a profile expects
    may be lacking.

    `columns`, which fields they are, `used`, which ones of a table count, and `notes` are what is understood
    on the way, for whoever asks; `used` stays empty where entries are no rows of a table.
    """

    reading: Reading
    prefix: str = ""
    said: Collection[str] = ()
    items: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    notes: dict[str, None] = field(default_factory=dict)
    _by_header: dict[tuple[str, ...], "_Table"] = field(default_factory=dict)

    def table_rows(self, entry: Entry) -> Iterable[Made]:
        """The judgements of a row of a table: one, or one for each column that `wide` names."""
        header = tuple(entry.cells)
        if header not in self._by_header:
            self._by_header[header] = _Table(entry, self)
        return self._by_header[header].rows(entry)

    def about(self, entry: Entry, cells: Mapping[str, Any]) -> Row:
        """What `cells`, such as a task's data, say by names that are recognised or mapped."""
        names = tuple(map(str, cells))
        found = columns_of(names, self.reading.columns, self.prefix)
        known = {name: column for name, column in found.items() if name not in ("value", "outcome")}
        self.columns.update(known)
        return row_of(cells, known)


@dataclass(frozen=True, slots=True)
class Published:
    """What is known of a published set: `columns` that count and what they hold, how `ties` are coded, its
    `licence`, one published `number` that the profile gives on the set's own files, and whether that was
    `checked` on them, or why not."""

    columns: Mapping[str, str]
    ties: str
    licence: str
    number: str
    checked: str


@dataclass(frozen=True, slots=True)
class Profile:
    """One form of files. `rows` makes judgements of an entry; by default they are those of a table.

    `columns`, `values`, `models`, `criteria`, `wide` and `repeats` stand where options do not say otherwise;
    `scales` are those of its criteria, by name, and `total` how a leaderboard takes these together. `prefix`
    stands before the names of a task's own columns. `files` are those that count in a folder or archive,
    `unfold` finds the entries in a JSON document that is one object. `marks` are names of columns by which a
    file is recognised that was given without a profile. `not_by_model`, in words that follow the file's name:
    why its judgements are no ground for a comparison of models. `published`: of a public set of votes or
    ratings. `sides`: why left and right say nothing, where they do. `together`: by which field entries that
    follow each other are one; `rows` gets them as a list in "together".
    """

    name: str
    about: str
    rows: Callable[[Entry, Context], Iterable[Made]] = lambda entry, context: context.table_rows(entry)
    columns: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)
    criteria: tuple[str, ...] = ()
    scales: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    total: Total = Total.ARITHMETIC
    wide: tuple[str, tuple[str, ...]] | None = None
    prefix: str = ""
    repeats: Repeats = "refuse"
    files: tuple[str, ...] = ("*",)
    unfold: Unfold | None = None
    marks: frozenset[str] = frozenset()
    not_by_model: str = ""
    published: Published | None = None
    sides: str | None = None
    together: str | None = None

    def applied(self, reading: Reading) -> Reading:
        """`reading` with what it does not say itself."""
        return replace(
            reading,
            columns={**self.columns, **reading.columns},
            values={**self.values, **reading.values},
            models={**reading.models, **self.models},
            criteria=reading.criteria or self.criteria,
            wide=reading.wide or self.wide,
            repeats=reading.repeats or self.repeats,
        )


class _Table:
    """Which columns of a header hold what."""

    def __init__(self, entry: Entry, context: Context) -> None:
        self.context, reading = context, context.reading
        self.header = [str(name) for name in entry.cells]
        self._check_said(entry, reading)
        expected = {name: column for name, column in reading.columns.items() if self._is_there(column)}
        found = columns_of(self.header, expected, context.prefix)
        self.wide = _wide_columns(self.header, reading, found)
        self.columns = _of_one_kind(found, reading, wide=bool(self.wide))
        self._check(entry, reading)
        context.columns.update(self.columns)
        context.used.update(self.columns.values(), self.wide)
        if self.wide and reading.wide is not None:
            context.columns[f"{reading.wide[0]} (a column each)"] = ", ".join(self.wide)

    def rows(self, entry: Entry) -> Iterator[Made]:
        base = row_of(entry.cells, self.columns)
        if self.context.reading.wide is None:
            yield base
            return
        what = self.context.reading.wide[0]
        for column, name in self.wide.items():
            yield {**base, what: name, "value": entry.cells[column]}

    def _check_said(self, entry: Entry, reading: Reading) -> None:
        for field_, column in reading.columns.items():
            if field_ in self.context.said and not self._is_there(column):
                raise InputError(
                    f"{entry.file} has no column {column!r} (--map {field_}={column}): its columns are "
                    f"{self._held()}"
                )

    def _is_there(self, column: str) -> bool:
        return not column or column in self.header or column.partition(".")[0] in self.header

    def _held(self) -> str:
        """The columns, those with answers first; not all of very many."""
        names = sorted(self.header, key=lambda name: not name.startswith(_ANSWER))
        return ", ".join(names[:_MOST]) + (f" and {len(names) - _MOST} more" if len(names) > _MOST else "")

    def _check(self, entry: Entry, reading: Reading) -> None:
        """Refuse a table that does not say what was answered about which image."""
        held = self._held()
        if reading.wide is not None and not self.wide:
            raise InputError(
                f"{entry.file} has no column {' or '.join(reading.wide[1])} (--wide): its columns are {held}"
            )
        columns = {*self.columns, *(reading.wide[:1] if reading.wide else ())}
        pairs = {"left", "right"} <= columns
        lacking = []
        if not self.wide and not {"value", "outcome"} & columns:
            lacking.append("the answer (--map value=..., outcome=..., or --wide)")
        if not pairs and "model" not in columns and not self.context.items:
            lacking.append("the model (--map model=..., or left=...,right=...)")
        if not pairs and not {"prompt_id", "prompt", "image", "item"} & columns:
            lacking.append("the prompt (--map prompt_id=..., prompt=... or image=...)")
        if lacking:
            raise InputError(
                f"{entry.file} does not say which column is {', and '.join(lacking)}: it has {held}"
            )


def _wide_columns(header: list[str], reading: Reading, found: Mapping[str, str]) -> dict[str, str]:
    """The columns that hold values, each with what its name stands for."""
    wide: dict[str, str] = {}
    for pattern in reading.wide[1] if reading.wide else ():
        before, star, after = pattern.partition("*")
        for column in header:
            if column == pattern:
                wide[column] = column
            elif (
                star and column.startswith(before) and column.endswith(after) and column not in found.values()
            ):
                wide.setdefault(column, column[len(before) : len(column) - len(after)])
    return {column: name for column, name in wide.items() if name}


def _of_one_kind(found: Mapping[str, str], reading: Reading, *, wide: bool) -> dict[str, str]:
    """The columns without those that belong to the other kind of judgement."""
    said = reading.columns
    rated = wide or "value" in said or "model" in said
    pairs = "outcome" in said or (not rated and {"left", "right", "outcome"} <= found.keys())
    others = ("model", "value") if pairs else ("left", "right", "outcome")
    kept = {name: column for name, column in found.items() if name not in others or name in said}
    if wide:
        kept.pop("value", None)
        kept.pop(reading.wide[0] if reading.wide else "", None)
    return kept


def grouped(entries: Iterable[Entry], name: str) -> Iterator[Entry]:
    """Entries that follow each other and agree in a field, as one; those without it stay as they are.

    Raises InputError where a value comes again later.
    """
    seen: set[Any] = set()
    held: list[Entry] = []
    for entry in entries:
        value = entry.cells.get(name)
        if held and (value is None or value != held[0].cells.get(name)):
            yield _as_one(held)
            held = []
        if not held and value is not None:
            if value in seen:
                raise InputError(f"{entry}: {name} {value!r} was there before: sort the file by {name}")
            seen.add(value)
        held.append(entry)
    if held:
        yield _as_one(held)


def _as_one(held: list[Entry]) -> Entry:
    first = held[0]
    return Entry(first.file, first.word, first.number, {"together": [dict(one.cells) for one in held]})


def in_pairs(ranking: Row) -> Iterator[Row]:
    """All pairs of a row with `models` and `ranks` (1 the best, equal in a tie) and, where there are any,
    `images`, in their order."""
    about = {name: value for name, value in ranking.items() if name not in ("models", "ranks", "images")}
    models, ranks = ranking["models"], ranking["ranks"]
    images = ranking.get("images") or [None] * len(models)
    if not len(models) == len(ranks) == len(images):
        raise ValueError(f"there are {len(ranks)} ranks of {len(images)} images")
    for i, j in combinations(range(len(models)), 2):
        yield {
            **about,
            "left": models[i],
            "right": models[j],
            "left_image": images[i],
            "right_image": images[j],
            "outcome": "left" if ranks[i] < ranks[j] else "right" if ranks[j] < ranks[i] else "tie",
        }


def answer_text(row: Row) -> str:
    """What was answered, as it stands in the file."""
    return text_of(row.get("outcome", row.get("value")))
