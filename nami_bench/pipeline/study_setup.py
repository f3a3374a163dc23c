"""Studies made, changed and copied by their owners: from the command line, a run file or the console."""

from dataclasses import dataclass, replace
from datetime import datetime

from nami_bench.blinding import check_change, check_sizes
from nami_bench.domain import Mode, Study
from nami_bench.errors import InputError
from nami_bench.store import Store


@dataclass(frozen=True, slots=True)
class Prospect:
    """What a study would be: so many `items`, its size `in_words`, and what is to be said about it."""

    items: int
    in_words: str
    notes: tuple[str, ...]


def add_study(store: Store, study: Study, *, by: str | None = None) -> tuple[str, ...]:
    """Record a study, and `by` which account it was made; what must be said about the sizes of its images."""
    with store.together():
        notes = _add(store, study)
        store.oversight.note("study_made", f"study {study.name} was made", by=by, study=study.name)
    return notes


def prospect(store: Store, study: Study) -> Prospect:
    """What `add_study` would make of it, without making it; raises what that raises."""
    with store.together(dry_run=True):
        notes = _add(store, study)
        items = store.items.count(study.name)
    return Prospect(items, in_numbers(study, items), notes)


def change_study(store: Store, study: Study, *, by: str | None = None) -> tuple[list[str], tuple[str, ...]]:
    """Give the study of this name the new protocol: what changed, and what must be said about sizes.

    An event says what was done, and `by` which account.

    Raises InputError, and changes nothing, where something else than `Studies.change` allows would change, or
    models could be told apart by the sizes of images from now on.
    """
    with store.together():
        before = store.items.shown_sizes(study.name)
        changes = store.studies.change(study)
        notes = check_change(study, before, store.items.shown_sizes(study.name))
        if changes:
            store.oversight.note("study_changed", "; ".join(changes), by=by, study=study.name)
    return changes, notes


def wanted(study: Study, items: int) -> int:
    """How many judgements of so many items a study asks for."""
    most = items * study.overlap
    return min(study.pairs.comparisons, most) if study.is_adaptive else most


def items_called(study: Study) -> str:
    """What its items are: images, pairs, or groups of them."""
    return {1: "images", 2: "pairs"}.get(study.images_shown, f"groups of {study.images_shown} images")


def in_numbers(study: Study, items: int) -> str:
    """How large a study of so many items is, in words: "8 images, 16 ratings to come"."""
    early = " at the most, items may end early" if study.ends_early else ""
    block = f"; {study.calibration} of the items are for everybody" if study.calibration else ""
    return f"{items} {items_called(study)}, {wanted(study, items)} ratings to come{early}{block}"


def duplicate(
    study: Study, name: str, *, prompt_set: str | None = None, models: tuple[str, ...] = ()
) -> tuple[Study, tuple[str, ...]]:
    """The same protocol under another name, for other prompts or models if they are given, and what it lacks.

    Hours are left out, and of other prompts items with known answers and strata. Raises InputError for a
    study of questions about other prompts: they belong to the prompts.
    """
    copy = replace(study, name=name, opens=None, closes=None, models=models or study.models)
    notes = [] if study.opens is study.closes is None else ["its hours: it is open at once"]
    if prompt_set not in (None, study.prompt_set):
        if study.mode == Mode.QUESTIONS:
            raise InputError(
                f"the questions of {study.name!r} are about {study.prompt_set!r}: make a study of other "
                "prompts from a file"
            )
        copy = replace(copy, prompt_set=prompt_set, check_items=(), strata={})
        notes += [f"{len(study.check_items)} items with known answers"] if study.check_items else []
        notes += ["its strata"] if study.strata else []
    return copy, tuple(f"not taken over: {note}" for note in notes)


def _add(store: Store, study: Study) -> tuple[str, ...]:
    store.studies.add(study)
    return check_sizes(study, store.items.shown_sizes(study.name))


def opened(study: Study, now: datetime) -> Study:
    """The study, open at this hour, and until it closes if that lies ahead."""
    opens = None if study.opens is not None and study.opens > now else study.opens
    closes = None if study.closes is not None and study.closes <= now else study.closes
    return replace(study, opens=opens, closes=closes)


def closed(study: Study, now: datetime) -> Study:
    """The study, closed from this moment on; raises InputError for one that has not opened yet."""
    if study.shut(now) == "not_open":
        raise InputError(f"study {study.name!r} is not open yet: there is nothing to close")
    second = now.replace(microsecond=0)
    return study if study.shut(now) else replace(study, closes=now if study.opens == second else second)
