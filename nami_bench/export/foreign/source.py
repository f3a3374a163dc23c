"""Judgements from files of others, as our own tables: read in one pass, with what was understood of them."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd

from nami_bench.domain import Comparison, Criteria, Criterion, PromptSet
from nami_bench.domain.names import LONGEST
from nami_bench.errors import InputError, one_line
from nami_bench.evaluation.human.table import COLUMNS, typed
from nami_bench.evaluation.leaderboard.scales import Scales
from nami_bench.export.comparisons_checks import checked_table, comparisons_of
from nami_bench.export.foreign.answers import (
    has_comma,
    instant_of,
    is_before_words,
    milliseconds_of,
    number_of,
    outcome_of,
    said_value,
    text_of,
)
from nami_bench.export.foreign.entries import Entries, Entry
from nami_bench.export.foreign.image_names import ImageNames
from nami_bench.export.foreign.pairing import ImageNumbers, Pairing
from nami_bench.export.foreign.profile import Context, Made, Profile, answer_text, grouped, in_pairs
from nami_bench.export.foreign.profiles import profile_of
from nami_bench.export.foreign.profiles.data_sets import NO_JUDGEMENTS
from nami_bench.export.foreign.reading import Reading
from nami_bench.export.foreign.rows import Row
from nami_bench.export.foreign.table import Collected
from nami_bench.export.ratings_checks import check_ratings

_UNASKED = "preference"
_EMPTY = "without an answer"
_NOT_ASKED = "of a model that --rename leaves out"
_USUAL = ((0, 1), (1, 5), (1, 7), (0, 5), (1, 10), (0, 10), (0, 100))


@dataclass(frozen=True, slots=True)
class ForeignFile:
    """A file, folder or archive that others made, how it is read, and the prompts that its own are among.

    `recorded`: looks up the images of that set, for files that name images.
    """

    path: Path
    reading: Reading
    prompt_set: PromptSet | None = None
    recorded: Callable[[], ImageNames] | None = None

    def check_by_model(self) -> None:
        """Raise InputError where such files say nothing of the models that made their images."""
        if why := profile_of(self.reading.profile).not_by_model:
            raise InputError(f"{self} {why}")

    def __str__(self) -> str:
        return str(self.path)


@dataclass
class Judged:
    """What a file of others holds: `kind` of judgements, their `table`, and how it was understood.

    The table has the columns of our own files of that kind. `columns` are by field, `left_out` counts
    entries by the reason, `twice`, `again` and `repeated` are those of `table.Collected`.
    """

    file: ForeignFile
    profile: Profile
    kind: str
    table: pd.DataFrame
    place: Callable[[int], str]
    entries: int
    forms: Sequence[str]
    columns: dict[str, str]
    unused: Sequence[str]
    left_out: Counter[str]
    twice: int
    again: int
    repeated: int
    notes: Sequence[str] = field(default_factory=tuple)

    def refuse(self, row: int, problem: str) -> NoReturn:
        """Raise InputError for a row of the table (from 0), by its place in the file."""
        raise InputError(f"{self.place(row)}: {problem}")

    def check_kind(self, kind: str) -> None:
        """Raise InputError where the file does not hold this kind, and name the command that takes it."""
        if self.kind != kind:
            self.file.check_by_model()
            command = {"ratings": "leaderboard --ratings", "comparisons": "strengths --comparisons"}
            raise InputError(
                f"{self.file} holds {self.kind}: see `nami-bench {command[self.kind]}` with the same options"
            )

    def criteria(self, scales: Scales) -> Criteria:
        """The criteria of ratings, on the scales that were said or that the profile knows.

        Raises InputError where nobody said one.
        """
        found = []
        for name in self._named():
            scale = scales.of(name) or self.profile.scales.get(name)
            if scale is None:
                self._refuse_scale(name)
            found.append(Criterion(name, 1.0, *scale))
        scales.applied(found)  # refuses names that are none of these
        return Criteria(found, self.profile.total if len(found) > 1 else "arithmetic")

    def ratings(self, criteria_of: Callable[[str], Sequence[Criterion]]) -> pd.DataFrame:
        """The tidy table (see `nami_bench.evaluation.human.table`), checked as those of our own files are."""
        self.check_kind("ratings")
        table = typed(self.table[list(COLUMNS)])
        check_ratings(table, criteria_of, self.refuse)
        return table

    def comparisons(self) -> list[Comparison]:
        """The comparisons, row by row."""
        return comparisons_of(self.comparisons_table())

    def comparisons_table(self) -> pd.DataFrame:
        """The comparisons (see `nami_bench.evaluation.human.comparisons_frame`), checked as those of our own
        files are."""
        self.check_kind("comparisons")
        return checked_table(self.table, self.refuse, self.place)

    def _named(self) -> list[str]:
        """The criteria in the order in which they were asked for, then in that of the file."""
        there = list(map(str, self.table["criterion"].cat.categories))
        asked = self.profile.applied(self.file.reading).criteria
        return sorted(there, key=lambda name: asked.index(name) if name in asked else len(asked))

    def _refuse_scale(self, name: str) -> NoReturn:
        values = self.table.loc[self.table["criterion"] == name, "value"].dropna()
        low, high = float(values.min()), float(values.max())
        fits = [f"{a}-{b}" for a, b in _USUAL if a <= low and high <= b]
        raise InputError(
            f"{self.file} does not say on which scale {name} is; its values are {low:g} to {high:g}: say it "
            f"with --scale {name}={(fits or ['LOWEST-HIGHEST'])[0]}"
        )


def read_foreign(file: ForeignFile, only: str | None = None, most: int | None = None) -> Judged:
    """Read a file of others; raises InputError, with the place, for what cannot be understood.

    `only`: this kind of what it holds, by default comparisons where there are any. `most`: of so many
    entries.
    """
    return Reader(file).read(only, most)


class Reader:
    """Makes judgements of a file's entries, one after the other, and counts what is none.

    `rankings`: those of several images stay together, as rows of the kind "rankings" (see
    `profile.in_pairs`); else they are all their pairs. `pictures`: the images' bytes are read, too.
    """

    def __init__(self, file: ForeignFile, *, rankings: bool = False, pictures: bool = False) -> None:
        self.file = file
        self.profile = profile_of(file.reading.profile)
        self.reading = self.profile.applied(file.reading)
        self.pairing = Pairing(self.reading, file.prompt_set, file.recorded)
        self.context = Context(
            self.reading, self.profile.prefix, file.reading.columns.keys(), self.pairing.items
        )
        self.entries = Entries(
            file.path, self.reading.delimiter, self.reading.encoding, self.profile.files, self.profile.unfold,
            pictures=pictures,
        )  # fmt: skip
        self.entry_count = 0
        self._rankings = rankings
        self._images = ImageNumbers()
        self.study = file.reading.study or file.path.name.partition(".")[0]
        self.collected = {
            kind: Collected(kind, self.reading.repeats or "refuse") for kind in ("comparisons", "ratings")
        }
        self.left_out: Counter[str] = Counter()
        self.fractions: dict[str, str] = {}
        self.notes: Counter[str] = Counter()
        self._criteria: dict[str, str] = {}

    def read(self, only: str | None = None, most: int | None = None) -> Judged:
        """All of it, in memory; see `read_foreign`."""
        for kind, row, entry, digest in self.judgements(most):
            try:
                self.collected[kind].add(row, entry, digest)
            except ValueError as error:
                raise InputError(f"{entry}: {error}") from error
        kinds = ("comparisons", "ratings") if only is None else (only,)
        chosen = next((kind for kind in kinds if len(self.collected[kind])), None)
        count = self.entry_count
        if chosen is None:
            raise InputError(f"{self.file} holds no judgements in {count} entries{self._why()}")
        if chosen == "comparisons" and (beside := len(self.collected["ratings"])):
            self.left_out["a rating beside the comparisons"] += beside
        found = self.collected[chosen]
        frame = found.finish()
        rows = frame.pop("_row").to_numpy()
        used = self.context.used
        return Judged(
            self.file, self.profile, chosen, frame, lambda row: found.place(int(rows[row])), count,
            list(self.entries.forms), self.context.columns,
            [name for name in self.entries.columns if used and name not in used],
            self.left_out, found.twice, found.again, found.repeated, self.noted(),
        )  # fmt: skip

    def _why(self) -> str:
        return ": " + ", ".join(f"{n} {why}" for why, n in self.left_out.items()) if self.left_out else ""

    def judgements(self, most: int | None = None) -> Iterator[tuple[str, Row, Entry, int]]:
        """(kind, fields, entry, what tells equal entries) of each judgement, in the order of the file.

        Raises InputError, with the place, for what cannot be understood.
        """
        entries: Iterable[Entry] = self.entries
        if self.profile.together is not None:
            entries = grouped(entries, self.profile.together)
        for entry in islice(entries, most):
            self.entry_count += 1
            if self.entry_count == 1:
                _refuse_others(entry)
            try:
                digest = hash(repr(_without_bytes(entry.cells)))
                for made in self._rows(entry):
                    found = made if isinstance(made, str) else self._understood(made, entry, self.entry_count)
                    if isinstance(found, str):
                        self.left_out[found] += 1
                    else:
                        yield *found, entry, digest
            except RecursionError as error:
                raise InputError(f"{entry}: it is nested too deep") from error
            except ValueError as error:
                raise InputError(f"{entry}: {error}") from error

    def _rows(self, entry: Entry) -> Iterator[Made]:
        """What the profile makes of an entry; refuses one that is built in another way than it expects."""
        try:
            for made in self.profile.rows(entry, self.context):
                if isinstance(made, str) or "ranks" not in made or self._rankings:
                    yield made
                else:
                    yield from in_pairs(made)
        except (AttributeError, IndexError, KeyError, TypeError) as error:
            raise InputError(
                f"{entry} is not in the form of profile {self.profile.name}: {one_line(repr(error), 120)}"
            ) from error

    def _understood(self, made: Row, entry: Entry, number: int) -> tuple[str, Row] | str:
        """The kind and the fields of a judgement, or why it does not count."""
        as_named = (text_of(made.get("left")), text_of(made.get("right")))
        row = self.pairing.complete(dict(made), number)
        if row is None:
            return _NOT_ASKED
        if "ranks" in row:
            return "rankings", {**row, **self._fields(row, "rankings", entry, number), "ranks": row["ranks"]}
        text = said_value(answer_text(row), self.reading.values)
        reason = text_of(row.get("reason")) or None
        kind = "comparisons" if "outcome" in row or {"left", "right"} <= row.keys() else "ratings"
        if not text and reason is None:
            return _EMPTY
        for name in ("model",) if kind == "ratings" else ("left", "right"):
            if not row.get(name):
                raise ValueError(f"nothing says the model ({name}): name its column, as --map {name}=COLUMN")
        answer: dict[str, Any] = {"value": None, "outcome": None}
        if text and kind == "comparisons":
            answer["outcome"] = outcome_of(text, row["left"], row["right"], as_named)
        elif text:
            answer["value"] = self._number(text, entry)
        if kind == "comparisons":
            self._images.complete(row)
        return kind, {**row, **answer, **self._fields(row, kind, entry, number), "reason": reason}

    def _fields(self, row: Row, kind: str, entry: Entry, number: int) -> Row:
        """What every judgement has; `voter` of one by somebody unknown, who is called by the entry."""
        vote = f"-{row['vote']}" if "vote" in row else ""
        known = "annotator" in row
        return {
            "study": text_of(row.get("study")) or self.study,
            "annotator": text_of(row["annotator"]) if known else f"voter-{number:06d}{vote}",
            "unknown": not known,
            "criterion": self._criterion(text_of(row.get("criterion")), kind, entry),
            "duration_ms": milliseconds_of(row),
            "created_at": self._time(row.get("created_at")),
            **{name: _amount(name, row[name]) for name in ("count", "weight") if name in row},
        }

    def _number(self, text: str, entry: Entry) -> float:
        value = number_of(text)
        if is_before_words(text):
            self.notes["answers are numbers with words behind them: the numbers count"] += 1
        if not value.is_integer():
            self.fractions.setdefault("comma" if has_comma(text) else "point", str(entry))
            if len(self.fractions) > 1:
                raise ValueError(
                    f"{text!r} has a decimal {'comma' if has_comma(text) else 'point'}, and a value in "
                    f"{next(iter(self.fractions.values()))} the other: write them in one way"
                )
        return value

    def _criterion(self, name: str, kind: str, entry: Entry) -> str:
        if not name:
            if len(self.reading.criteria) == 1:
                return self.reading.criteria[0]
            if kind != "ratings":
                return _UNASKED
            raise InputError(
                f"{entry.file} does not say what its values are of: name it, as --criterion alignment"
            )
        if name not in self._criteria:
            safe = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in name)
            self._criteria[name] = safe.strip("-._")[:LONGEST] or "criterion"
            if self._criteria[name] != name:
                self.notes[f"criterion {name!r} is called {self._criteria[name]}"] = 1
        return self._criteria[name]

    def _time(self, raw: Any) -> Any:
        at = instant_of(raw)
        if at is None and text_of(raw):
            self.notes["times are in no form that is known, and are left out"] += 1
        return at

    def noted(self) -> list[str]:
        """What must be said of how the file was understood."""
        notes = [*self.entries.notes, *self.context.notes]
        notes += [note if count == 1 else f"{count} {note}" for note, count in self.notes.items()]
        if "comma" in self.fractions:
            notes.append("numbers have decimal commas")
        if zeros := self.pairing.zeros:
            first, full = next(iter(zeros.items()))
            notes.append(f"{len(zeros)} prompt ids got their zeros back, as {first} is {full}")
        return notes


def _amount(name: str, raw: Any) -> float:
    """A whole number of votes, or a weight."""
    text = text_of(raw)
    value = number_of(text)
    if name == "count" and (not value.is_integer() or value < 1):
        raise ValueError(f"count {text!r} is not a whole number from 1")
    return int(value) if name == "count" else value


def _without_bytes(cells: Mapping[str, Any]) -> dict[str, Any]:
    """The cells without pictures, which their names stand for."""
    return {
        name: value.get("path") if isinstance(value, Mapping) and "bytes" in value else value
        for name, value in cells.items()
        if not isinstance(value, bytes)
    }


def _refuse_others(entry: Entry) -> None:
    """Refuse files that people take for judgements, and say what they are."""
    first = next(iter(entry.cells.values()), None)
    names = set(first) if isinstance(first, Mapping) else set()  # of an object by names
    for marks, why in NO_JUDGEMENTS.items():
        if marks <= set(entry.cells) or marks <= names:
            raise InputError(f"the rows of {entry.file} {why}")
