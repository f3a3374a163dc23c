"""`nami-bench study assign` and `unassign`: the people of a study."""

from shlex import quote
from typing import TYPE_CHECKING

import click

from nami_bench.cli.common import open_bench, say, who

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nami_bench.cli.common import Bench

NOT_COME = "not come yet"


@click.command("assign", epilog="Example: nami-bench study assign pilot lena omar")
@click.argument("name")
@click.argument("annotators", nargs=-1, required=True)
def assign(name: str, annotators: tuple[str, ...]) -> None:
    """Assign annotators to a study: all, or none where a name is unknown.

    They are among its people at once. A study whose file says admission = "assigned" takes nobody else.
    """
    from nami_bench.domain import Admission

    with open_bench() as bench:
        check_annotators(bench, annotators)
        new = bench.store.enrolments.assign(name, annotators, who())
        is_open = bench.store.studies.get(name).admission == Admission.EVERYBODY
    say(_done(new, f"assigned to {name}", "nobody new: all of them were assigned before"))
    if is_open:
        say(f'{name} takes everybody with an account; admission = "assigned" in its file changes that')


@click.command("unassign", epilog="Example: nami-bench study unassign pilot omar")
@click.argument("name")
@click.argument("annotators", nargs=-1, required=True)
def unassign(name: str, annotators: tuple[str, ...]) -> None:
    """Take annotators' assignments to a study back; what they gave stays and counts."""
    with open_bench() as bench:
        gone = bench.store.enrolments.unassign(name, annotators, who())
    say(_done(gone, f"not assigned to {name} any more", "nothing to do: none of them was assigned"))
    if gone:
        say(f"`nami-bench study assign {quote(name)} {' '.join(map(quote, gone))}` undoes it")


def check_annotators(bench: "Bench", names: "Sequence[str]") -> None:
    """Raise InputError for administrators: they take no items, so nothing is assigned to them."""
    from nami_bench.domain import Role
    from nami_bench.errors import InputError

    for name in names:
        found = bench.store.accounts.get(name)
        if found.role is Role.ADMINISTRATOR:
            raise InputError(
                f"{found.name!r} is an administrator, not an annotator: "
                f"`nami-bench annotators role {quote(found.name)} annotator` changes that"
            )


def _done(names: "Sequence[str]", what: str, nothing: str) -> str:
    return f"{', '.join(names)}: {what}" if names else nothing
