"""Many people at once: accounts made and assigned to studies, all of them or none."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from nami_bench.domain import Role, matching_name
from nami_bench.domain.english import counted
from nami_bench.errors import InputError
from nami_bench.export.people_file import Person
from nami_bench.store import Erasure, Store


def add_people(
    store: Store, people: Sequence[Person], by: str, *, dry_run: bool = False
) -> list[tuple[Person, str | None]]:
    """Make the accounts that are not there and assign everybody; each one's new token, None without one.

    Who has an account keeps it, and its token. Raises InputError, and changes nothing, for an account that
    has another role, and for one who takes no items and has a study; UnknownNameError for a study.
    """
    with store.together(dry_run=dry_run):
        known = {one.name: one for one in store.accounts.all()}
        here = [matching_name("annotator", one.account.name, known) for one in people]
        for person, name in zip(people, here, strict=True):
            _check(person, None if name is None else known[name].role)
        new = [person.account for person, name in zip(people, here, strict=True) if name is None]
        tokens = iter(store.accounts.add_all(new, by=by))
        wanted: dict[str, list[str]] = defaultdict(list)
        for person, name in zip(people, here, strict=True):
            for study in person.studies:
                wanted[study].append(name or person.account.name)
        for study, names in wanted.items():
            store.enrolments.assign(study, names, by)
        return [(one, next(tokens) if name is None else None) for one, name in zip(people, here, strict=True)]


def _check(person: Person, role: Role | None) -> None:
    name, wanted = person.account.name, person.account.role
    if role is not None and role is not wanted:
        raise InputError(f"{name!r} is an {role} already, not an {wanted}: nothing was changed")
    if wanted is not Role.ANNOTATOR and person.studies:
        raise InputError(f"{name!r} is to be an {wanted}, who takes no items: leave the study out")


def erasure_lines(found: Erasure) -> Iterator[str]:
    """What an erasure takes away, or would, in words."""
    if found.pseudonym is None:
        what = "removed"
    else:
        what = "kept under a pseudonym"
        yield f"the name becomes a random one, as {found.pseudonym}"
    for study, values in found.studies.items():
        yield f"study {study}: {counted(values, 'value')} {what}"
    yield f"{counted(found.answers, 'answer')} as sent {what}, {counted(found.comments, 'comment')} removed"
    yield f"{counted(found.log_ins, 'log-in')} ended, {counted(found.events, 'event')} removed"
    if found.messages:
        yield f"{counted(found.messages, 'message')} to and from the organizers removed"
    yield (
        f"{counted(found.prompts_removed, 'proposed prompt')} removed, "
        f"{counted(found.prompts_kept, 'accepted prompt')} kept without an author"
    )
    if found.mentions:
        yield f"{counted(found.mentions, 'text')} of others with the name: it stays as it is, read it"
