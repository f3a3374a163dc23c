"""What the page of studies does, apart from its components: files' tables and texts in, sentences out."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from nami_bench.config import load_toml
from nami_bench.domain import Mode, Study
from nami_bench.errors import InputError
from nami_bench.foreign_text import parse_toml
from nami_bench.local_time import local
from nami_bench.pipeline.study_setup import add_study, change_study, closed, duplicate, opened, prospect
from nami_bench.store import Store
from nami_bench.study_file import nami_1k_study_file
from nami_bench.study_text import study_tables, study_text

NAMI_1K = "NAMI-1K's protocol"


def beginning(store: Store, start: str) -> dict[str, Any]:
    """The tables from which a new study begins: NAMI-1K's, or those of a study, without a name."""
    if start == NAMI_1K:
        tables = load_toml(nami_1k_study_file())
    else:
        tables = study_tables(duplicate(store.studies.get(start), start)[0])
    del tables["study"]["name"]
    return tables


def tables_of(text: str) -> dict[str, Any]:
    """The tables of a file that need not be a whole study; raises InputError for what is not TOML."""
    try:
        return parse_toml(text)
    except ValueError as error:
        raise InputError(f"this is not valid TOML: {error}") from error


def with_its_questions(store: Store, study: Study, start: str | None) -> Study:
    """A new study with the questions of the one that it began from; raises InputError where it has none."""
    if study.mode != Mode.QUESTIONS:
        return study
    if start in store.studies.names():
        asked = store.studies.get(start)
        if (asked.question_file, asked.prompt_set) == (study.question_file, study.prompt_set):
            return replace(
                study, criteria=(), questions_sha256=asked.questions_sha256, questions=asked.questions
            )
    raise InputError(
        "a study has its questions from a file of their own, which `nami-bench study create FILE.toml` "
        "reads; here begin from a study that has them, about the same prompts"
    )


def expected(store: Store, study: Study) -> str:
    """What a new study would be; raises InputError where it cannot be made."""
    found = prospect(store, study)
    none = (
        "" if found.items else " There is nothing to judge yet: its prompts have no images by these models."
    )
    return _sentences(f"It can be made: {found.in_words}.{none}", *found.notes)


def create(store: Store, study: Study, by: str) -> str:
    """Make a study; raises InputError where it cannot be made."""
    notes = add_study(store, study, by=by)
    size = store.items.count(study.name)
    return _sentences(
        f"Study {study.name} is made: {size:,} items. Next, add people on the page People.", *notes
    )


def save(store: Store, study: Study, seen: str, by: str) -> str:
    """Change a study whose fields showed the state `seen`; raises InputError where it may not change so."""
    with store.together():
        if state(store.studies.get(study.name)) != seen:
            raise InputError(
                f"{study.name} was changed meanwhile, here or elsewhere: copy what you wrote, reload the "
                "page and enter it again"
            )
        changes, notes = change_study(store, study, by=by)
    done = f"Saved: {'; '.join(changes)}." if changes else "Nothing had changed."
    return _sentences(done, *notes, "It holds from the next item that anybody gets." if changes else "")


def of_this_name(study: Study, name: str) -> Study:
    """A study as its file says; raises InputError where the file is of another one."""
    if study.name != name:
        raise InputError(f"this file is of {study.name!r}, not of {name!r}: a study keeps its name")
    return study


def state(study: Study) -> str:
    """A short text that is another one when the study is."""
    return hashlib.sha256(f"{study.questions_sha256}{study_text(study)}".encode()).hexdigest()[:16]


def let_in(store: Store, name: str, by: str) -> str:
    """Open a study now."""
    study = opened(store.studies.get(name), store.clock())
    change_study(store, study, by=by)
    return in_words(study, store.clock())


def end(store: Store, name: str, by: str) -> str:
    """Close a study now; raises InputError for one that has not opened."""
    study = closed(store.studies.get(name), store.clock())
    change_study(store, study, by=by)
    return in_words(study, store.clock())


def delete(store: Store, name: str, typed: str, by: str) -> str:
    """Delete a study whose name was typed; raises InputError where it was not, or there are ratings."""
    if typed.strip() != name:
        raise InputError(f"type {name} to delete it")
    with store.together():
        store.studies.delete(name)
        store.oversight.note("study_deleted", f"study {name} was deleted", by=by)
    return f"{name} is gone."


def in_words(study: Study, now: datetime) -> str:
    """Whether a study is open, and until when."""
    shut = study.shut(now)
    if shut == "not_open":
        return f"{study.name} opens at {_moment(study, study.opens)}."
    if shut == "closed":
        return f"{study.name} is closed since {_moment(study, study.closes)}: nobody gets anything more."
    until = f" until {_moment(study, study.closes)}" if study.closes else ""
    return f"{study.name} is open{until}."


def _moment(study: Study, moment: datetime | None) -> str:
    assert moment is not None
    zone = study.time_zone or "UTC"
    shown = local(moment, study.time_zone) if study.time_zone else moment.astimezone(UTC)
    return f"{shown:%Y-%m-%d %H:%M} ({zone})"


def _sentences(*parts: str) -> str:
    return "\n".join(part if part.endswith(".") else f"{part}." for part in parts if part)


def offered(store: Store, prompt_set: str | None, chosen: Sequence[str]) -> list[str]:
    """The models that can be judged on a prompt set, and those that are chosen already."""
    found = [] if prompt_set is None else store.images.models(prompt_set)
    return list(dict.fromkeys((*chosen, *found)))
