"""`nami-bench models`."""

from typing import TYPE_CHECKING

import click

from nami_bench.cli.common import echo, open_bench, parse_pairs, print_json, print_table, say
from nami_bench.cli.consent import dry_run_option, yes_option
from nami_bench.cli.options import json_option
from nami_bench.cli.removal import finish_earlier, show_removal

if TYPE_CHECKING:
    from nami_bench.store import Removal


@click.group()
def models() -> None:
    """Models under test: adapter, options, parameter count, licence."""


@models.command(
    "add", epilog="Example: nami-bench models add shapes-fair --adapter shapes -O error_rate=0.25"
)
@click.argument("name")
@click.option("--adapter", required=True, help="A generator: see `nami-bench plugins`.")
@click.option("-O", "--option", "options", multiple=True, metavar="KEY=VALUE", help="For the adapter.")
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
        bench.store.catalog.add_model(card)
    say(f"model {name} recorded: make images with `nami-bench generate --model {name} --prompts SET`")


@models.command("rename", epilog="Example: nami-bench models rename sd3 sd3-medium --dry-run")
@click.argument("old")
@click.argument("new")
@dry_run_option
def rename(old: str, new: str, dry_run: bool) -> None:
    """Call a model NEW; images, scores, ratings, studies and the folder on disk go along.

    Files keep their bytes, and the name OLD in those that NAMI-Bench wrote. `models show` tells under which
    name the model was recorded first. Exports and reports that were written before keep OLD.
    """
    from nami_bench import pipeline
    from nami_bench.errors import UnknownNameError

    with open_bench() as bench:
        finished = finish_earlier(bench, dry_run=dry_run)
        try:
            count = len(bench.store.images.find(models=[old]))
        except UnknownNameError:
            if finished and any(card.name == new for card in bench.store.catalog.models()):
                return  # that was what an earlier run had left to do
            raise
        folder = bench.workspace.images_dir
        studies = pipeline.rename_model(bench.store, folder, old, new, dry_run=dry_run)
    echo(f"{count} images of {old} become those of {new}")
    for study in studies:
        echo(f"study {study} judges {new}")
    say("nothing was changed (--dry-run)" if dry_run else f"model {old} is called {new}")


@models.command(
    "remove",
    epilog="Examples: nami-bench models remove sd3 --dry-run; nami-bench models remove sd3 --yes",
)
@click.argument("name")
@click.option("--with-ratings", is_flag=True, help="Also where somebody judged it, with the judgements.")
@dry_run_option
@yes_option
@json_option
def remove(name: str, with_ratings: bool, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Forget a model: its images and their files, its scores, its part in studies.

    Refused where somebody judged an image of it, unless one says so, and where a study would be left with
    too few models.
    """
    from nami_bench import pipeline
    from nami_bench.errors import UnknownNameError

    with open_bench() as bench:
        finished = finish_earlier(bench, dry_run=dry_run)
        try:
            bench.store.catalog.model(name)
        except UnknownNameError:
            if finished:
                return  # that was what an earlier run had left to do
            raise

        def act(dry: bool) -> "Removal":
            folder = bench.workspace.images_dir
            return pipeline.remove_model(bench.store, folder, name, with_ratings=with_ratings, dry_run=dry)

        if show_removal(act, dry_run=dry_run, yes=yes, as_json=as_json):
            say(f"model {name} is gone")


@models.command("list", epilog="Example: nami-bench models list --json")
@json_option
def list_(as_json: bool) -> None:
    """All models of the workspace."""
    with open_bench() as bench:
        cards = bench.store.catalog.models()
    if as_json:
        from dataclasses import asdict

        print_json([asdict(card) for card in cards])
    else:
        rows = [(c.name, c.adapter, c.parameters, c.licence) for c in cards]
        print_table(("model", "adapter", "parameters", "licence"), rows)


@models.command(
    "presets",
    epilog="Example: nami-bench models presets; then nami-bench models add q --adapter diffusers "
    "-O preset=qwen-image",
)
@json_option
def presets(as_json: bool) -> None:
    """Published systems that the adapter diffusers runs by name, with their publishers' settings."""
    from dataclasses import asdict

    from nami_bench.generators.presets import PRESETS

    if as_json:
        print_json([{"preset": name, **asdict(p), "batches": p.batches} for name, p in PRESETS.items()])
        return
    columns = ("preset", "model", "steps", "guidance", "size", "prompts", "batches", "licence")
    rows = [
        (name, p.model, p.steps, p.guidance, f"{p.width}x{p.height}", p.prompts, p.batches, p.licence)
        for name, p in PRESETS.items()
    ]
    print_table(columns, rows, whole=("preset",))


@models.command("show", epilog="Example: nami-bench models show shapes-fair")
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """One model, and how many images it has for each prompt set."""
    from collections import Counter
    from dataclasses import asdict

    with open_bench() as bench:
        card = bench.store.catalog.model(name)
        counts = Counter((r.prompt_set, r.state.value) for r in bench.store.images.find(models=[name]))
    images = [{"prompts": s, "state": state, "images": n} for (s, state), n in sorted(counts.items())]
    if as_json:
        print_json({**asdict(card), "images": images})
        return
    print_table(("key", "value"), [*asdict(card).items()])
    print_table(("prompts", "state", "images"), [tuple(row.values()) for row in images])
