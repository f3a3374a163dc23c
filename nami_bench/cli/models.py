"""`nami-bench models`."""

import click

from nami_bench.cli.common import json_option, open_bench, parse_pairs, print_json, print_table, say


@click.group()
def models() -> None:
    """Models under test: adapter, options, parameter count, licence."""


@models.command(
    "add", epilog="Example: nami-bench models add shapes-fair --adapter shapes -o error_rate=0.25"
)
@click.argument("name")
@click.option("--adapter", required=True, help="A generator: see `nami-bench plugins`.")
@click.option("-o", "--option", "options", multiple=True, metavar="KEY=VALUE", help="For the adapter.")
@click.option("--parameters", type=int, help="Parameter count, for the leaderboard.")
@click.option("--licence", help="Licence of the weights, for the leaderboard.")
def add(
    name: str, adapter: str, options: tuple[str, ...], parameters: int | None, licence: str | None
) -> None:
    """Record a model. Its options are checked now, its weights are loaded when it generates."""
    from nami_bench import registry
    from nami_bench.domain import ModelCard

    parsed = parse_pairs(options, "--option")
    card = ModelCard(name, adapter, parsed, parameters, licence)
    with open_bench() as bench:
        registry.create("generators", adapter, parsed)
        bench.store.add_model(card)
    say(f"model {name} recorded: make images with `nami-bench generate --model {name} --prompts SET`")


@models.command("list", epilog="Example: nami-bench models list --json")
@json_option
def list_(as_json: bool) -> None:
    """All models of the workspace."""
    with open_bench() as bench:
        cards = bench.store.models()
    if as_json:
        from dataclasses import asdict

        print_json([asdict(card) for card in cards])
    else:
        rows = [(c.name, c.adapter, c.parameters, c.licence) for c in cards]
        print_table(("model", "adapter", "parameters", "licence"), rows)


@models.command("show", epilog="Example: nami-bench models show shapes-fair")
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """One model, and how many images it has for each prompt set."""
    from collections import Counter
    from dataclasses import asdict

    with open_bench() as bench:
        card = bench.store.model(name)
        counts = Counter((r.prompt_set, r.state.value) for r in bench.store.images(models=[name]))
    images = [{"prompts": s, "state": state, "images": n} for (s, state), n in sorted(counts.items())]
    if as_json:
        print_json({**asdict(card), "images": images})
        return
    print_table(("key", "value"), [*asdict(card).items()])
    print_table(("prompts", "state", "images"), [tuple(row.values()) for row in images])
