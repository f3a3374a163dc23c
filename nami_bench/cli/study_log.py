"""`nami-bench study log`."""

import click

from nami_bench.cli.common import open_bench, print_json, print_table
from nami_bench.cli.options import json_option


@click.command("log", epilog="Example: nami-bench study log pilot --kind paused")
@click.argument("name")
@click.option("--kind", help="Only events of this kind, as they stand in the second column.")
@click.option("--person", metavar="NAME", help="Only what is about somebody, or was done by them.")
@click.option("--most", type=click.IntRange(1), default=200, show_default=True, help="So many of the latest.")
@json_option
def log(name: str, kind: str | None, person: str | None, most: int, as_json: bool) -> None:
    """What happened in a study and in the workspace, the latest first: when, what, about whom, who did it.

    "Done by" is empty for what the program did by itself.
    """
    with open_bench() as bench:
        events = bench.store.oversight.events(name, most, kind=kind, person=person)
    rows = [
        {
            "at": event.at.isoformat(timespec="seconds"),
            "kind": event.kind,
            "about": event.annotator,
            "done_by": event.by,
            "text": event.text,
        }
        for event in events
    ]
    if as_json:
        print_json(rows)
    else:
        print_table(
            ("at", "kind", "about", "done by", "in words"),
            [tuple(value or "" for value in row.values()) for row in rows],
        )
