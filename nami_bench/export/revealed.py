"""What files that are to be published would reveal about people: looked for in the files themselves."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import pandas as pd

from nami_bench.domain import SIMULATED_PREFIX

FEWEST = 5
"""People in a cell: fewer could be told from each other."""


class Concern(StrEnum):
    """How much a finding matters."""

    IDENTIFIES = "identifies"
    """A person, or opens a door: it must not leave."""
    MAY_IDENTIFY = "may identify"
    """Together with something else: to be weighed."""
    SHOWN = "shown"
    """About people, and harmless as far as can be seen."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the files tell about people.

    `kind`: names, platform ids, contact, comments, questionnaire, time stamps, rare combinations, small
    cells, or settings. `where`: file and column. `count`: how many cells, people or groups it is about.
    `advice`: what to do; "" where nothing need be done.
    """

    kind: str
    concern: Concern
    where: str
    count: int
    what: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Publication:
    """What is to leave: by file `tables`, and `documents`, JSON or text, that say what the data are."""

    tables: Mapping[str, pd.DataFrame]
    documents: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KnownPeople:
    """What a workspace knows of people, to be looked for: account `names`, `identities` (what platforms call
    them and their submissions), `labels` of invitation links, and `questions` that they were asked about
    themselves."""

    names: frozenset[str] = frozenset()
    identities: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()
    questions: frozenset[str] = frozenset()


_PEOPLE = ("annotator", "by", "worker", "worker_id", "participant", "user", "user_id", "rater")
_PSEUDONYM = re.compile(r"annotator-\d+|worker-\d+|rater-\d+")
_RANDOM = re.compile(r"p-[0-9a-f]{8,}")
_ABOUT_PEOPLE = {
    "age", "gender", "sex", "country", "nationality", "language", "first_language", "native_language",
    "education", "expertise", "ethnicity", "occupation", "region", "city", "device", "income",
}  # fmt: skip
_WORDS = ("comment", "comments", "note", "notes", "feedback", "message", "remark")
_SECRETS = {
    "contact": "whom to write to",
    "codes": "completion codes, with which anybody is paid",
    "redirects": "addresses of ways out",
    "platform_studies": "the platform's numbers of the study",
    "signature": "how the platform signs arrivals",
    "sona": "the school's site",
}
_PATTERNS = (
    ("contact", "e-mail addresses", re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")),
    ("platform ids", "ids as Prolific's", re.compile(r"(?<![0-9a-fA-F])[0-9a-f]{24}(?![0-9a-fA-F])")),
    ("platform ids", "ids as Mechanical Turk's", re.compile(r"\bA(?=[A-Z]*\d)[0-9A-Z]{12,20}\b")),
    ("contact", "network addresses", re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")),
)


def revealed(found: Publication, known: KnownPeople) -> tuple[Finding, ...]:
    """Everything that the files reveal about people, the worst first."""
    findings = [
        *_people_columns(found, known),
        *_known_words(found, known),
        *_patterns(found),
        *_free_words(found),
        *_questionnaire(found, known),
        *_times(found),
        *_few_people(found),
        *_settings(found),
    ]
    return tuple(sorted(findings, key=lambda one: list(Concern).index(one.concern)))


def _people_columns(found: Publication, known: KnownPeople) -> Iterator[Finding]:
    for where, name, values in _columns(found, _PEOPLE):
        people = {one for one in values if not one.startswith(SIMULATED_PREFIX)}
        open_names = {one for one in people if not _PSEUDONYM.fullmatch(one) and not _RANDOM.fullmatch(one)}
        random = {one for one in people if _RANDOM.fullmatch(one)}
        if open_names:
            yield Finding(
                "names", Concern.IDENTIFIES, where, len(open_names),
                f"{len(open_names)} names in the column {name} are no pseudonyms, as {_some(open_names)}",
                "export with --pseudonyms",
            )  # fmt: skip
        if random:
            yield Finding(
                "names", Concern.MAY_IDENTIFY, where, len(random),
                f"{len(random)} random account names, which the workspace can trace back to platform ids",
                "export with --pseudonyms, or `nami-bench crowd forget` first",
            )  # fmt: skip
        if people and not open_names and not random:
            yield Finding("names", Concern.SHOWN, where, len(people), f"{len(people)} pseudonyms")


def _known_words(found: Publication, known: KnownPeople) -> Iterator[Finding]:
    """What the workspace knows, wherever it stands; columns of people are looked through by themselves."""
    for kind, words, what in (
        ("platform ids", known.identities, "what a platform calls participants"),
        ("names", known.names, "names of accounts"),
        ("names", known.labels, "labels of invitation links"),
    ):
        pattern = _any_of(words)
        if pattern is None:
            continue
        for where, texts in _texts(found, about_people=kind == "names"):
            hits = {hit for text in texts for hit in pattern.findall(text)}
            if hits:
                yield Finding(
                    kind, Concern.IDENTIFIES, where, len(hits),
                    f"{what}: {len(hits)}" + (f", as {_some(hits)}" if kind == "names" else ""),
                    "remove them before anything leaves",
                )  # fmt: skip


def _patterns(found: Publication) -> Iterator[Finding]:
    for where, texts in _texts(found):
        for kind, what, pattern in _PATTERNS:
            hits = {hit for text in texts for hit in pattern.findall(text)}
            if hits:
                yield Finding(
                    kind, Concern.IDENTIFIES, where, len(hits), f"{len(hits)} {what}",
                    "look at them: they must not leave unless they are meant to be public",
                )  # fmt: skip


def _free_words(found: Publication) -> Iterator[Finding]:
    for where, name, values in _columns(found, _WORDS):
        if values:
            yield Finding(
                "comments", Concern.MAY_IDENTIFY, where, len(values),
                f"{len(values)} texts that people wrote in the column {name}",
                "read all of them, or leave the column out",
            )  # fmt: skip


def _questionnaire(found: Publication, known: KnownPeople) -> Iterator[Finding]:
    """Answers about the person: small cells, and combinations that few people have."""
    for file, table in found.tables.items():
        person = next((name for name in _PEOPLE if name in table), None)
        asked = [name for name in map(str, table) if name in known.questions or name.lower() in _ABOUT_PEOPLE]
        if not asked:
            continue
        people = table.drop_duplicates([person, *asked] if person else asked)
        yield Finding(
            "questionnaire", Concern.MAY_IDENTIFY, file, len(asked),
            f"what people said of themselves: {', '.join(asked)}",
            "leave the columns out, or publish groups of at least "
            f"{FEWEST} people in the place of single answers",
        )  # fmt: skip
        for name in asked:
            yield from _small("small cells", file, people, [name])
        if len(asked) > 1:
            yield from _small("rare combinations", file, people, asked)


def _small(kind: str, file: str, people: pd.DataFrame, columns: Sequence[str]) -> Iterator[Finding]:
    sizes = people.groupby(list(columns), observed=True, dropna=False).size()
    small = sizes[sizes < FEWEST]
    if len(small):
        yield Finding(
            kind, Concern.MAY_IDENTIFY, f"{file}: {', '.join(columns)}", int(small.sum()),
            f"{len(small)} groups of fewer than {FEWEST} people, {int((small == 1).sum())} of one person",
            "join groups, or leave a column out",
        )  # fmt: skip


def _times(found: Publication) -> Iterator[Finding]:
    for file, table in found.tables.items():
        person = next((name for name in _PEOPLE if name in table), None)
        if person is None:
            continue
        table = table[~table[person].astype(str).str.startswith(SIMULATED_PREFIX)]
        for name in map(str, table):
            times = _as_times(table[name], name)
            if times is None or times.empty:
                continue
            finer = int((times != times.dt.floor("D")).sum())
            if finer:
                yield Finding(
                    "time stamps", Concern.MAY_IDENTIFY, f"{file}: {name}", finer,
                    f"{finer} times finer than a day, from {times.min():%Y-%m-%d} to {times.max():%Y-%m-%d}: "
                    "whoever has a platform's log of who worked when can tell who is who",
                    "export with --days",
                )  # fmt: skip
            else:
                days = times.dt.floor("D").nunique()
                yield Finding("time stamps", Concern.SHOWN, f"{file}: {name}", days, f"{days} days")


def _as_times(column: "pd.Series[Any]", name: str) -> "pd.Series[Any] | None":
    if pd.api.types.is_datetime64_any_dtype(column):
        return column.dropna()
    if not name.endswith(("_at", "time", "date")):
        return None
    return pd.to_datetime(column.dropna(), errors="coerce", utc=True, format="ISO8601").dropna()


def _few_people(found: Publication) -> Iterator[Finding]:
    people = {one for _, _, values in _columns(found, ("annotator",)) for one in values}
    people = {one for one in people if not one.startswith(SIMULATED_PREFIX)}
    if 0 < len(people) < FEWEST:
        yield Finding(
            "small cells", Concern.MAY_IDENTIFY, "all files", len(people),
            f"{len(people)} people judged: whoever knows who took part can guess who is who",
            "tell them so, and ask",
        )  # fmt: skip


def _settings(found: Publication) -> Iterator[Finding]:
    for file, document in found.documents.items():
        for path, value in _walk(document):
            name = path[-1]
            if name in _SECRETS and value and (name == "contact" or "entry" in path):
                yield Finding(
                    "settings", Concern.IDENTIFIES, f"{file}: {'.'.join(path)}", 1, _SECRETS[name],
                    "export with --pseudonyms, which leaves it out",
                )  # fmt: skip


def _walk(document: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(document, Mapping):
        for name, value in document.items():
            yield (*path, str(name)), value
            yield from _walk(value, (*path, str(name)))


def _columns(found: Publication, names: Iterable[str]) -> Iterator[tuple[str, str, set[str]]]:
    """File and column, its name, and the different texts in it."""
    for file, table in found.tables.items():
        for name in names:
            if name in table:
                yield f"{file}: {name}", name, {str(one) for one in table[name].dropna().unique()} - {""}


def _texts(found: Publication, *, about_people: bool = False) -> Iterator[tuple[str, list[str]]]:
    """Where texts stand, and the different ones there; hashes and ids of ours are none.

    `about_people`: only what somebody wrote beside a judgement, and the documents: a name such as Rose may
    stand in a prompt, and columns of people are looked through by themselves.
    """
    for file, table in found.tables.items():
        names = [name for name in map(str, table) if name not in ("sha256", "trial")]
        if about_people:
            names = [name for name in names if name in (*_WORDS, "reason")]
        for name in names:
            if not pd.api.types.is_numeric_dtype(table[name]):
                values = table[name].dropna()
                if not values.empty and isinstance(values.iloc[0], str):
                    yield f"{file}: {name}", [str(one) for one in values.unique()]
    for file, document in found.documents.items():
        text = (
            document if isinstance(document, str) else json.dumps(document, ensure_ascii=False, default=str)
        )
        yield file, [text]


def _any_of(words: Iterable[str]) -> re.Pattern[str] | None:
    """Any of these words as a whole one; one or two letters would be found everywhere."""
    long = sorted((re.escape(word) for word in words if len(word) > 2), key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(long)})(?!\w)") if long else None


def _some(words: Iterable[str]) -> str:
    return ", ".join(sorted(words)[:3])
