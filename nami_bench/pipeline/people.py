"""Many people at once: accounts made and assigned to studies, all of them or none."""

from collections import defaultdict
from collections.abc import Sequence

from nami_bench.domain import Role, matching_name
from nami_bench.errors import InputError
from nami_bench.export.people_file import Person
from nami_bench.store import Store


def add_people(
    store: Store, people: Sequence[Person], by: str, *, dry_run: bool = False
) -> list[tuple[Person, str | None]]:
    """Make the accounts that are not there and assign everybody; each one's new token, None without one.

    Who has an account keeps it, and its token. Raises InputError, and changes nothing, for an account that
    has another role, and for an administrator with a study; UnknownNameError for a study.
    """
    with store.together(dry_run=dry_run):
        known = {one.name: one for one in store.accounts.all()}
        here = [matching_name("annotator", one.account.name, known) for one in people]
        for person, name in zip(people, here, strict=True):
            _check(person, None if name is None else known[name].role)
        new = [person.account for person, name in zip(people, here, strict=True) if name is None]
        tokens = iter(store.accounts.add_all(new))
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
    if wanted is Role.ADMINISTRATOR and person.studies:
        raise InputError(f"{name!r} is to be an administrator, who takes no items: leave the study out")
