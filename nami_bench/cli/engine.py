"""`--engine` and what belongs to it: where the work of a command is done."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from nami_bench.engines.choice import EngineChoice as EngineChoice

_OPTIONS = (
    click.option(
        "--engine",
        type=click.Choice(["local", "ray"]),
        default="local",
        show_default=True,
        help="Where the work is done: in this process, or by the workers of a Ray cluster (docs/scale.md).",
    ),
    click.option(
        "--ray-address",
        metavar="ADDRESS",
        help="The cluster. Default: RAY_ADDRESS, else one of this machine alone, for this command.",
    ),
    click.option(
        "--ray-workers", type=click.IntRange(min=1), help="Default: as many as the cluster has room for."
    ),
    click.option(
        "--ray-cpus",
        type=click.FloatRange(min=0, min_open=True),
        help="Processor cores for each worker. Default: 1.",
    ),
    click.option(
        "--ray-gpus",
        type=click.FloatRange(min=0),
        help="GPUs for each worker, or a share of one. Default: 1 where the cluster has any.",
    ),
)


def engine_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--engine` and the options of Ray, handed to the command as one `engine`."""

    @wraps(command)
    def with_choice(
        *args: Any,
        engine: str,
        ray_address: str | None,
        ray_workers: int | None,
        ray_cpus: float | None,
        ray_gpus: float | None,
        **kwargs: Any,
    ) -> Any:
        from nami_bench.errors import InputError

        choice = EngineChoice(engine, ray_address, ray_workers, ray_cpus, ray_gpus)
        asked = {"address": ray_address, "workers": ray_workers, "cpus": ray_cpus, "gpus": ray_gpus}
        stray = [f"--ray-{name}" for name, value in asked.items() if value is not None]
        if engine != "ray" and stray:
            raise InputError(f"{', '.join(stray)}: belongs to --engine ray, which was not asked for")
        return command(*args, engine=choice, **kwargs)

    decorated: Callable[..., Any] = with_choice
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated
