"""`nami-bench study announce`, `message` and their kin: what is said between organizers and annotators."""

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

import click

from nami_bench.cli.common import open_bench, print_json, print_table, say, who
from nami_bench.cli.options import json_option

if TYPE_CHECKING:
    from nami_bench.domain import Message


class _Moment(click.ParamType[datetime]):
    """A time with its zone."""

    name = "TIME"

    def convert(self, value: str, param: click.Parameter | None, context: click.Context | None) -> datetime:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time: write it as 2026-01-31T18:00:00Z", param, context)
        if moment.tzinfo is None:
            self.fail(f"{value!r} needs a time zone, as 2026-01-31T18:00:00Z", param, context)
        return moment


@click.command("announce", epilog="Example: nami-bench study announce pilot 'A short break: back at two.'")
@click.argument("name")
@click.argument("text")
@click.option("--from", "shown_from", type=_Moment(), help="Show it from then on; default: at once.")
@click.option("--until", "shown_until", type=_Moment(), help="Show it no more from then on.")
def announce(name: str, text: str, shown_from: datetime | None, shown_until: datetime | None) -> None:
    """Tell everybody who works on a study something: plain text, above the work until each has read it."""
    with open_bench() as bench:
        number = bench.store.announcements.add(
            name, text, who(), shown_from=shown_from, shown_until=shown_until
        )
    say(f"announcement {number} of {name}; `nami-bench study take-back {name} {number}` ends it")


@click.command("announcements", epilog="Example: nami-bench study announcements pilot --json")
@click.argument("name")
@json_option
def announcements(name: str, as_json: bool) -> None:
    """What a study announced, the latest first."""
    with open_bench() as bench:
        found = bench.store.announcements.all(name)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    rows = [(one.number, one.shown_from, one.shown_until, one.author, one.text) for one in found]
    print_table(("number", "from", "until", "by", "text"), rows)


@click.command("take-back", epilog="Example: nami-bench study take-back pilot 3")
@click.argument("name")
@click.argument("number", type=int)
def take_back(name: str, number: int) -> None:
    """End an announcement: who has not read it will not see it."""
    with open_bench() as bench:
        bench.store.announcements.take_back(name, number, who())
    say(f"announcement {number} of {name} is taken back")


@click.command(
    "message",
    epilog="Examples: nami-bench study message pilot lena 'Thank you for the hint.'; "
    "nami-bench study message pilot lena 'Six fingers are a flaw, yes.' --about 17",
)
@click.argument("name")
@click.argument("annotator")
@click.argument("text")
@click.option("--about", type=int, metavar="NUMBER", help="The item's, as `study comments` shows it.")
def message(name: str, annotator: str, text: str, about: int | None) -> None:
    """Write to one annotator of a study, who sees it on the rating screen and can answer there."""
    with open_bench() as bench:
        bench.store.messages.write(name, annotator, text, who(), about)
    say(f"sent; the answer will be in `nami-bench study messages {name}`")


@click.command(
    "messages",
    epilog="Examples: nami-bench study messages pilot; nami-bench study messages pilot lena",
)
@click.argument("name")
@click.argument("annotator", required=False)
@json_option
def messages(name: str, annotator: str | None, as_json: bool) -> None:
    """With whom messages were exchanged in a study; or all of one annotator, whose own then count as read."""
    with open_bench() as bench:
        if annotator is None:
            threads = bench.store.messages.threads(name)
            if as_json:
                print_json([asdict(one) for one in threads])
            else:
                rows = [(one.annotator, one.messages, one.unread, one.last) for one in threads]
                print_table(("annotator", "messages", "unread", "last"), rows)
            return
        found = bench.store.messages.thread(name, annotator)
        _show(found, as_json)
        if found:
            bench.store.messages.mark_read(name, annotator, found[-1].number, by_annotator=False)


@click.command("comments", epilog="Example: nami-bench study comments pilot")
@click.argument("name")
@json_option
def comments(name: str, as_json: bool) -> None:
    """What annotators flagged or commented on, the latest first, with the number by which to answer."""
    with open_bench() as bench:
        found = bench.store.oversight.flags(name)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    rows = [
        (
            one.number,
            one.annotator,
            " : ".join(one.models),
            one.prompt_id,
            "flagged" if one.flag else None,
            one.comment,
        )
        for one in found
    ]
    print_table(("number", "annotator", "model", "prompt", "flag", "comment"), rows)


def _show(found: "list[Message]", as_json: bool) -> None:
    if as_json:
        print_json([asdict(one) for one in found])
        return
    rows = [
        (
            f"{one.at:%Y-%m-%d %H:%M}",
            one.author or one.annotator,
            None if one.about is None else f"{one.about.number}: {one.about.comment}",
            one.text,
            "yes" if one.is_read else "not yet",
        )
        for one in found
    ]
    print_table(("at (UTC)", "by", "about", "text", "read"), rows)


COMMANDS = (announce, announcements, take_back, message, messages, comments)
