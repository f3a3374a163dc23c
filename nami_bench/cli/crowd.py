"""`nami-bench crowd`."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nami_bench.cli.common import echo, open_bench, print_json, print_table, say, write_or_print
from nami_bench.cli.consent import counted, dry_run_option, with_consent, yes_option
from nami_bench.cli.crowd_links import invite, links, revoke
from nami_bench.cli.options import FILE, json_option

if TYPE_CHECKING:
    from nami_bench.cli.common import Bench
    from nami_bench.domain import Entry

_output = click.option("-o", "--output", metavar="FILE", type=FILE, help="File to write; default: stdout.")


@click.group()
def crowd() -> None:
    """People who come into a study by themselves: from Prolific, Connect, SONA, by links. docs/crowd.md."""


@crowd.command("link", epilog="Example: nami-bench crowd link pilot --base https://rate.example.org")
@click.argument("study")
@click.option("--base", metavar="URL", required=True, help="The server's address, as browsers know it.")
def link(study: str, base: str) -> None:
    """The address to give to the platform, with its placeholders in it."""
    from nami_bench.annotator_app.crowd.providers import join_address, provider_of

    with open_bench() as bench:
        entry = _entry(bench, study)
    echo(join_address(entry, base, study))
    if not provider_of(entry).names.participant:
        say("nobody comes by this address alone: make links with `nami-bench crowd invite`")
    elif not all(provider_of(entry).placeholders().values()):
        say("put the platform's own placeholders after each =")


@crowd.command("test", epilog="Example: nami-bench crowd test pilot 'PROLIFIC_PID=5f...&SESSION_ID=...'")
@click.argument("study")
@click.argument("address")
def test(study: str, address: str) -> None:
    """What an arrival by ADDRESS (or what stands behind its ?) would be taken for. Nothing is recorded.

    In a browser: open the study's address with preview=1.
    """
    from urllib.parse import urlsplit

    from nami_bench.annotator_app.crowd.door import Door, Knock
    from nami_bench.annotator_app.crowd.providers import parameters_of
    from nami_bench.domain import WayOut

    with open_bench() as bench:
        entry = _entry(bench, study)
        query = urlsplit(address).query if "://" in address else address
        for name, value in parameters_of(query).items():
            say(f"captured: {name} = {value}")
        door = Door(bench.store)
        if door.preview(entry, Knock(query)) is not None:
            say("this address shows a preview, and lets nobody in")
            return
        coming = door.coming(study, entry, Knock(query))
        assert coming.identity is not None
        known = bench.store.crowd.find(study, coming)
        exits = [(way.value, door.exit(entry, way, coming.identity)) for way in WayOut]
    identity = coming.identity
    echo(f"participant {identity.participant}, submission {identity.submission or '–'}: "
         f"{'known' if known else 'new'}, {'signed' if identity.is_proven else 'not signed'}")  # fmt: skip
    print_table(("way out", "code", "back to"), [(w, e.code or None, e.address or None) for w, e in exits])


@crowd.command("status", epilog="Example: nami-bench crowd status pilot")
@click.argument("study")
@json_option
def status(study: str, as_json: bool) -> None:
    """How many came and how they left, what is paid for an hour, and who is paused."""
    from collections import Counter
    from statistics import median

    from nami_bench.annotator_app.crowd.payments import hourly

    with open_bench() as bench:
        entry = _entry(bench, study)
        reports = bench.store.crowd_reports.participants(study)
        turned_away = bench.store.crowd_reports.turned_away(study)
    ways = Counter("inside" if one.way_out is None else one.way_out.value for one in reports)
    minutes = [one.minutes for one in reports if one.has_finished and one.minutes]
    summary: dict[str, Any] = {
        "study": study,
        "participants": dict(ways),
        "turned_away": turned_away,
        "quota": entry.quota or None,
        "finished": sum(one.has_finished for one in reports),
        "median_minutes": median(minutes) if minutes else None,
        "announced_minutes": entry.estimate_minutes or None,
        "per_hour": hourly(entry, reports),
        "currency": entry.currency,
        "paused": {one.name: one.paused for one in reports if one.paused and not one.way_out},
    }
    if as_json:
        print_json(summary)
        return
    of = f" of {entry.quota}" if entry.quota else ""
    echo(f"{study}: {summary['finished']}{of} finished, {len(reports)} came in")
    rows = [(way, count) for way, count in (*ways.items(), *turned_away.items())]
    print_table(("way out", "people"), rows)
    if paused := [(one.name, one.items, one.paused) for one in reports if one.paused and not one.way_out]:
        print_table(("paused", "items", "why"), paused)
    if minutes:
        paid = (
            f"{summary['per_hour']:.2f} {entry.currency} an hour" if summary["per_hour"] else "no reward set"
        )
        said = f", {entry.estimate_minutes:g} were announced" if entry.estimate_minutes else ""
        echo(f"half of them took {median(minutes):.1f} minutes or less{said}: {paid} at the median")


@crowd.command("participants", epilog="Example: nami-bench crowd participants pilot -o participants.csv")
@click.argument("study")
@_output
@click.option(
    "--with-names",
    is_flag=True,
    help="Also under which random names the ratings are kept: it tells whose they are.",
)
def participants(study: str, output: Path | None, with_names: bool) -> None:
    """Everybody who came in, as CSV: platform's ids, way out, time, items, a suggested decision, pay.

    It holds personal data: keep it apart from ratings, and delete it when everybody is paid.
    """
    from nami_bench.annotator_app.crowd.payments import due, participants_csv

    with open_bench() as bench:
        entry = _entry(bench, study)
        dues = due(entry, bench.store.crowd_reports.participants(study))
    write_or_print(output, participants_csv(entry, dues, with_names=with_names))
    say(f"study {study}: {counted(len(dues), 'participant')}; what is suggested is yours to decide")


@crowd.command("payments", epilog="Example: nami-bench crowd payments pilot --what bonuses -o bonuses.csv")
@click.argument("study")
@click.option(
    "--what",
    type=click.Choice(["approvals", "bonuses"]),
    default="approvals",
    show_default=True,
    help="Whom to approve, or who gets a bonus.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["prolific", "connect", "sona", "table"]),
    help="A platform's own form, or a CSV table of everybody; default: that of the study's platform.",
)
@_output
def payments(study: str, what: str, form: str | None, output: Path | None) -> None:
    """Whom to pay, in the form that a platform takes. No money moves by it.

    Only the table has those who came by a link, for whom there is no platform.
    """
    from nami_bench.annotator_app.crowd import payments as pay
    from nami_bench.domain import Came

    with open_bench() as bench:
        entry = _entry(bench, study)
        dues = pay.due(entry, bench.store.crowd_reports.participants(study))
    came = pay.form_of(entry) if form is None else Came.GENERIC if form == "table" else Came(form)
    is_bonus = what == "bonuses"
    write_or_print(output, (pay.bonuses if is_bonus else pay.approvals)(entry, dues, came))
    choose = pay.rewarded if is_bonus else pay.approved
    listed = choose(dues, came)
    total = sum(one.bonus if is_bonus else one.reward for one in listed)
    say(f"study {study}: {counted(len(listed), 'participant')}, {total:.2f} {entry.currency} in all")
    if links := [one for one in choose(dues, Came.GENERIC) if one not in listed and one.report.label]:
        say(f"{counted(len(links), 'participant')} by a link, not in this file: see --format table")
    if lost := pay.unpaid(dues):
        say(f"{counted(len(lost), 'participant')} with forgotten ids: no file can pay them")


@crowd.command("answers", epilog="Example: nami-bench crowd answers pilot -o answers.csv")
@click.argument("study")
@_output
def answers(study: str, output: Path | None) -> None:
    """What participants said of themselves, as CSV, by the random names under which they rated."""
    from nami_bench.export.spreadsheet import csv_table

    with open_bench() as bench:
        entry = _entry(bench, study)
        found = bench.store.crowd_reports.answers(study)
    names = [question.name for question in entry.questions]
    rows = ((who, *(said.get(name) for name in names)) for who, said in found.items())
    write_or_print(output, csv_table(("annotator", *names), rows))
    say(f"study {study}: {counted(len(found), 'participant')} answered")


@crowd.command("credit", epilog="Example: nami-bench crowd credit pilot")
@click.argument("study")
def credit(study: str) -> None:
    """Ask SONA again for the credit of everybody who finished and has none; nobody is credited twice here."""
    from nami_bench.annotator_app.crowd.credit import GRANTED, grant

    with open_bench() as bench:
        entry = _entry(bench, study)
        stands: dict[str, int] = {}
        for one in bench.store.crowd_reports.participants(study):
            participant = bench.store.crowd.of_account(one.name)
            if participant is None or not one.has_finished or one.credit == GRANTED:
                continue
            now = grant(bench.store, entry, participant, again=True) or "cannot be asked for"
            stands[now] = stands.get(now, 0) + 1
    say(f"study {study}: " + (", ".join(f"{n} {what}" for what, n in stands.items()) or "nothing to ask for"))


@crowd.command("forget", epilog="Example: nami-bench crowd forget pilot --before 2026-12-31 --dry-run")
@click.argument("study")
@click.option(
    "--before", type=click.DateTime(["%Y-%m-%d"]), help="Only those who came before this day (UTC)."
)
@dry_run_option
@yes_option
def forget(study: str, before: datetime | None, dry_run: bool, yes: bool) -> None:
    """Delete what platforms call the participants of a study, and for whom links were made.

    Ratings, ways out and answers stay, under random names. Who comes by the same id afterwards is somebody
    new, and nobody can be paid by a file any more.
    """
    from datetime import UTC

    day = None if before is None else before.replace(tzinfo=UTC)

    def lines(found: tuple[int, int]) -> list[str]:
        ids, labels = found
        return [f"study {study}: {counted(ids, 'id')} and {counted(labels, 'label')} of links are deleted"]

    with open_bench() as bench:
        if not dry_run and bench.store.erasures.owes_wiping():
            bench.store.erasures.wipe_traces()

        def act(dry: bool) -> tuple[int, int]:
            return bench.store.crowd_reports.forget(study, before=day, dry_run=dry)

        if with_consent(act, lines, dry_run=dry_run, yes=yes) is not None:
            bench.store.erasures.wipe_traces()


def _entry(bench: "Bench", study: str) -> "Entry":
    from nami_bench.errors import InputError

    entry = bench.store.studies.get(study).entry
    if entry is None:
        raise InputError(
            f"study {study!r} has no [entry]: add one to its file, and `nami-bench study change FILE.toml`"
        )
    return entry


for _command in (invite, links, revoke):
    crowd.add_command(_command)
