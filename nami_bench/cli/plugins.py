"""`nami-bench plugins`."""

import click

from nami_bench.cli.common import echo, print_json, print_table
from nami_bench.cli.options import json_option


@click.group(
    "plugins",
    invoke_without_command=True,
    epilog="Example: nami-bench plugins --json. The options of one: nami-bench plugins show diffusers",
)
@json_option
@click.pass_context
def plugins(context: click.Context, as_json: bool) -> None:
    """Everything registered, by group: built in and from other packages. Loads none of it."""
    if context.invoked_subcommand is not None:
        return
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


@plugins.command(
    epilog="Example: nami-bench plugins show geneval; the same as JSON: plugins show geneval --json"
)
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """The options of the plugin NAME, which -O KEY=VALUE sets; of all plugins where several have the name."""
    from dataclasses import asdict

    from nami_bench.plugin_options import described

    found = described(name)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    for number, one in enumerate(found):
        echo(("\n" if number else "") + f"{one.kind} {one.name}: {one.summary}")
        if one.options:
            print_table(
                ("option", "takes", "default"),
                [
                    (option.name, option.takes, "required" if option.required else option.default or "-")
                    for option in one.options
                ],
            )
        echo(one.about or "It takes no options.")
