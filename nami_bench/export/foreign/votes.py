"""Votes of other people's sets, read in a stream and written as our own file: any number in bounded memory.

What is kept while reading are the distinct prompts, models, images and named voters' judgements, as numbers;
never the votes. Sets of ratings and rankings, which are small, are read whole and written as files of these.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from nami_bench.domain import Criterion, Ranking
from nami_bench.domain.english import counted
from nami_bench.domain.ranking import without_gaps
from nami_bench.errors import InputError
from nami_bench.evaluation.leaderboard.scales import Scales
from nami_bench.export.foreign.entries import Entry
from nami_bench.export.foreign.pictures import Pictures
from nami_bench.export.foreign.preview import preview
from nami_bench.export.foreign.rows import Row
from nami_bench.export.foreign.source import ForeignFile, Reader, read_foreign
from nami_bench.export.rankings_parquet import rankings_parquet
from nami_bench.export.ratings_parquet import ratings_parquet
from nami_bench.export.votes_file import VotesWriter
from nami_bench.images import write_bytes

Kind: TypeAlias = Literal["votes", "rankings", "ratings"]

_TOLD = 1000
PREVIEWED = 200
"""Entries that are looked at before anything is written."""


@dataclass
class Imported:
    """What was written: `kind` and `rows` of it (`votes`: what rows of votes count), and what it is about.

    `entries`: what was read; `voters`: those whose names are known, `unknown` the votes of others;
    `same_model`: votes on two images of one model. `left_out` counts what is no judgement by the reason,
    `twice` entries that another one repeats to the letter, `repeated` further votes of a person on one pair,
    `pictures` the images written.
    """

    path: Path
    kind: Kind
    rows: int = 0
    votes: int = 0
    entries: int = 0
    prompts: int = 0
    models: int = 0
    voters: int = 0
    unknown: int = 0
    same_model: int = 0
    outcomes: Mapping[str, int] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    twice: int = 0
    repeated: int = 0
    pictures: int = 0
    notes: tuple[str, ...] = ()

    def lines(self) -> Iterator[str]:
        """The same in sentences."""
        votes = f" ({self.votes} votes)" if self.votes not in (0, self.rows) else ""
        yield (
            f"wrote {self.path}: {self.rows} {self.kind}{votes} of {_entries(self.entries)}, "
            f"{counted(self.models, 'model')}, {counted(self.prompts, 'prompt')}"
        )
        if self.outcomes:
            yield ", ".join(f"{count} {name}" for name, count in self.outcomes.items())
            people = f"{counted(self.voters, 'voter')} by name"
            yield f"{people}, {counted(self.unknown, 'vote')} of voters whom nobody can tell apart"
        if self.same_model:
            yield f"{self.same_model} are of two images of one model, and say nothing of models"
        if self.left_out:
            yield "left out: " + ", ".join(f"{count} {why}" for why, count in self.left_out.items())
        if self.twice:
            yield f"{counted(self.twice, 'vote')} of entries that are there twice to the letter count once"
        if self.repeated:
            yield f"{counted(self.repeated, 'vote')} of a person on a pair judged before: all count"
        if self.pictures:
            yield f"wrote {counted(self.pictures, 'image')}"
        yield from self.notes


def _entries(number: int) -> str:
    return f"{number} entr{'y' if number == 1 else 'ies'}"


def import_votes(
    file: ForeignFile,
    output: Path,
    scales: Scales,
    *,
    kind: Kind | None = None,
    pictures: Pictures | None = None,
    say: Callable[[str], None] = lambda line: None,
    advance: Callable[[int], None] = lambda votes: None,
) -> Imported:
    """Write what a set holds as a Parquet file, all of it or nothing.

    `kind`: of what it holds both of; by default votes, and ratings where there are no votes. `pictures`:
    what is done with images that are in the file. `say` is told first, line by line, what was understood of
    the beginning, `advance` how many more votes were written. Raises InputError, with the place, for what
    cannot be understood.
    """
    if file.reading.repeats not in (None, "each"):
        raise InputError(f"--repeats {file.reading.repeats}: every vote of a set counts here")
    only = None if kind is None else {"votes": "comparisons"}.get(kind, kind)
    if kind != "rankings":
        beginning = read_foreign(_each(file), only, PREVIEWED)
        if beginning.entries == PREVIEWED:
            say(f"understood of the first {PREVIEWED} entries:")
        for line in preview(beginning, scales):
            say(line)
        if beginning.kind == "ratings":
            return _ratings(file, output, scales)
    if kind == "rankings":
        return _rankings(file, output)
    return _Votes(file, output, pictures, advance).imported()


def _each(file: ForeignFile) -> ForeignFile:
    """The file, of which every vote of a person counts unless it is said which."""
    from dataclasses import replace

    return file if file.reading.repeats else replace(file, reading=replace(file.reading, repeats="each"))


def _about(file: ForeignFile, reader: Reader) -> dict[str, Any]:
    """What the metadata of a file say of the set that it is of."""
    profile = reader.profile
    published = {} if profile.published is None else asdict(profile.published)
    return {
        "profile": profile.name,
        "source": file.path.name,
        "licence": published.get("licence"),
        "ties": published.get("ties"),
        "sides": profile.sides,
    }


class _Votes:
    """One import; what it must remember of votes is in sets and maps of numbers."""

    def __init__(
        self,
        file: ForeignFile,
        output: Path,
        pictures: Pictures | None,
        advance: Callable[[int], None],
    ) -> None:
        self.file, self.output, self.pictures, self.advance = file, output, pictures, advance
        self.reader = Reader(file, pictures=pictures is not None)
        self.done = Imported(output, "votes")
        self.outcomes: Counter[str] = Counter()
        self.prompts: set[str] = set()
        self.models: set[str] = set()
        self.people: set[str] = set()
        self._digests: dict[int, int] = {}
        self._times: Counter[int] = Counter()

    def imported(self) -> Imported:
        about = _about(self.file, self.reader)
        with VotesWriter(self.output, about) as writer:
            for kind, row, entry, digest in self.reader.judgements():
                if kind != "comparisons":
                    self.reader.left_out[f"{kind} beside the votes"] += 1
                elif self._is_new(row, digest):
                    self._count(row)
                    if self.pictures is not None:
                        row |= self.pictures.of(row, entry)
                    writer.add(row)
                    if writer.rows % _TOLD == 0:
                        self.advance(_TOLD)
            if not writer.rows:
                why = ", ".join(f"{n} {reason}" for reason, n in self.reader.left_out.items())
                raise InputError(f"{self.file} holds no votes{f': {why}' if why else ''}")
            self.done.rows = writer.rows
            about |= {"votes": self.done.votes, "left_out": dict(self.reader.left_out)}
        return self._finished()

    def _is_new(self, row: Row, digest: int) -> bool:
        """Give a named voter's row its `repeat`; False where its entry is there twice, to the letter."""
        if row["unknown"]:
            row["annotator"] = None
            return True
        sides = [(row[side], row[f"{side}_sample"]) for side in ("left", "right")]
        key = hash((row["annotator"], row["prompt_id"], row["criterion"], *sorted(sides)))
        if self._digests.setdefault(key, digest) == digest and key in self._times:
            self.done.twice += 1
            return False
        row["repeat"] = self._times[key]
        self._times[key] += 1
        self.done.repeated += row["repeat"] > 0
        return True

    def _count(self, row: Row) -> None:
        votes = row.get("count", 1)
        self.done.votes += votes
        self.outcomes[row["outcome"] or "not judged"] += votes
        self.prompts.add(row["prompt_id"])
        self.models.update((row["left"], row["right"]))
        self.done.same_model += votes * (row["left"] == row["right"])
        if row["annotator"] is None:
            self.done.unknown += votes
        else:
            self.people.add(row["annotator"])

    def _finished(self) -> Imported:
        done = self.done
        done.entries, done.left_out = self.reader.entry_count, dict(self.reader.left_out)
        done.prompts, done.models, done.voters = len(self.prompts), len(self.models), len(self.people)
        done.outcomes = dict(self.outcomes.most_common())
        done.pictures = 0 if self.pictures is None else self.pictures.written
        done.notes = tuple(self.reader.noted())
        return done


def _ratings(file: ForeignFile, output: Path, scales: Scales) -> Imported:
    judged = read_foreign(file, "ratings")
    criteria = judged.criteria(scales)
    table = judged.ratings(lambda _: criteria)
    write_bytes(output, ratings_parquet(table, criteria, {"votes": _about(file, Reader(file))}))
    return Imported(
        output,
        "ratings",
        rows=len(table),
        entries=judged.entries,
        prompts=int(table["prompt_id"].nunique()),
        models=int(table["model"].nunique()),
        left_out=dict(judged.left_out),
        twice=judged.twice,
        notes=tuple(judged.notes),
    )


def _rankings(file: ForeignFile, output: Path) -> Imported:
    reader = Reader(file, rankings=True)
    found = [_ranking(row, entry) for kind, row, entry, _ in reader.judgements() if kind == "rankings"]
    if not found:
        raise InputError(f"{file} holds no rankings of several images")
    criteria = [Criterion(name, 1.0) for name in dict.fromkeys(one.criterion for one in found)]
    about = {"votes": _about(file, reader)}
    write_bytes(output, rankings_parquet(found, criteria, about, best_worst=False))
    return Imported(
        output,
        "rankings",
        rows=len(found),
        entries=reader.entry_count,
        prompts=len({one.prompt_id for one in found}),
        models=len({model for one in found for model in one.models}),
        left_out=dict(reader.left_out),
        notes=tuple(reader.noted()),
    )


def _ranking(row: Row, entry: Entry) -> Ranking:
    names = ("study", "annotator", "prompt_id", "sample", "criterion", "duration_ms", "created_at")
    try:
        return Ranking(
            models=tuple(row["models"]),
            ranks=without_gaps(row["ranks"]),
            **{name: row[name] for name in names},
        )
    except InputError as error:
        raise InputError(f"{entry}: {error}: take its pairs (--as votes)") from error
