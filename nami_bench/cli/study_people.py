"""`nami-bench study people`, `assign` and `unassign`: the people of a study."""

from shlex import quote
from typing import TYPE_CHECKING

import click

from nami_bench.cli.common import echo, open_bench, print_json, print_table, say, who
from nami_bench.cli.options import json_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nami_bench.cli.common import Bench
    from nami_bench.evaluation.human.figures import Figure
    from nami_bench.evaluation.human.people import PersonFigures
    from nami_bench.pipeline.people_report import PersonReport
    from nami_bench.store import MemberReport

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


@click.command(
    "people", epilog="Examples: nami-bench study people pilot; nami-bench study people pilot --json"
)
@click.argument("name")
@json_option
def people(name: str, as_json: bool) -> None:
    """How everybody does in a study: pace, known answers, repeats, agreement with the others, severity.

    Numbers in brackets are 95 % intervals. Who stands out from the others is named below the table, and why;
    docs/people.md says what each column is.
    """
    from nami_bench.pipeline.people_report import people_report

    with open_bench() as bench:
        found = people_report(bench.store, name)
    if as_json:
        print_json(found.to_json())
        return
    print_table(_WORK, map(_work, found.people), whole=("state",))
    print_table(_PEERS, [_peers(one.member.name, one.figures) for one in found.people if one.figures])
    for one in found.people:
        for flag in one.figures.flags if one.figures else ():
            echo(f"{one.member.name} {flag.words}")
    if found.note:
        say(found.note)


_WORK = ("annotator", "state", "done", "today", "s/item", "s/item today", "gold passed", "repeats differ by")
_PEERS = (
    "annotator",
    "shared",
    "agreement",
    "severity",
    "spread",
    "commonest",
    "longest run",
    "left - right",
)


def _work(one: "PersonReport") -> tuple[object, ...]:
    member, figures = one.member, one.figures
    begun = (member.name, _state(member), member.done, member.today)
    if figures is None:
        return (*begun, None, None, None, None)
    return (
        *begun,
        _shown(figures.pace, 1),
        _shown(figures.pace_today, 1),
        _shown(figures.gold, 2),
        _shown(figures.repeats, 1),
    )


def _peers(name: str, figures: "PersonFigures") -> tuple[object, ...]:
    peers, habits = figures.peers, figures.habits
    return (
        name,
        peers.items,
        _shown(peers.agreement, 2),
        _shown(peers.severity, 1),
        _shown(peers.spread, 2),
        None if habits is None else f"{100 * habits.top_share:.0f} %",
        None if habits is None else f"{habits.longest_run} (by chance {habits.run_by_chance})",
        _shown(figures.lean, 2),
    )


def _state(member: "MemberReport") -> str:
    """In one word, or what the annotator is told."""
    if member.excluded:
        return "excluded"
    if not member.active:
        return "disabled"
    return f"paused: {member.paused}" if member.paused else "active" if member.came else NOT_COME


def _shown(figure: "Figure | None", digits: int) -> str | None:
    from nami_bench.domain.english import with_interval

    return None if figure is None else with_interval(figure.value, figure.low, figure.high, digits)
