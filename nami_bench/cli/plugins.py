"""`nami-bench plugins`."""

import click

from nami_bench.cli.common import print_json, print_table
from nami_bench.cli.options import json_option


@click.command("plugins", epilog="Example: nami-bench plugins --json")
@json_option
def plugins(as_json: bool) -> None:
    """Everything registered, by group: built in and from other packages. Loads none of it."""
    from nami_bench import registry

    found = [
        {
            "group": group,
            "name": name,
            "object": point.value,
            "package": point.dist.name if point.dist else None,
        }
        for group in registry.GROUPS
        for name, point in registry.plugins(group).items()
    ]
    if as_json:
        print_json(found)
    else:
        print_table(("group", "name", "object", "package"), [tuple(row.values()) for row in found])
