"""`nami-bench nami bench`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from nami_bench.cli.common import echo, print_table, progress, write_or_print
from nami_bench.cli.nami_arguments import latent_size_of, models_extra, whole_numbers

if TYPE_CHECKING:
    import torch

    from nami_bench.generators.nami.bench.settings import SpeedSettings
    from nami_bench.generators.torch_runtime import DtypeName

_TEXT_TOKENS = 256
_TINY_TEXT_TOKENS = 36


@click.command(epilog="Example: nami-bench nami bench --config nami-2b --size 1024 --compile -o nami-speed")
@click.option(
    "--config",
    metavar="CONFIG",
    help="nami-2b, nami-0.6b, tiny, a folder that `nami convert` wrote, or a transformer's config.json. "
    "Default: tiny on a CPU, else nami-2b.",
)
@click.option("--size", help="Image size in pixels, N or WxH. Default: the model's own.")
@click.option("--steps", help="Steps of each stage, as in 10,10,10. Default: 10 in every stage.")
@click.option(
    "--text-tokens",
    type=click.IntRange(min=1),
    help=f"Length of the text sequence. Default: {_TEXT_TOKENS}, and {_TINY_TEXT_TOKENS} for tiny.",
)
@click.option("--guided", is_flag=True, help="With classifier-free guidance: two sequences a step, not one.")
@click.option(
    "--dtype",
    type=click.Choice(["float32", "bfloat16", "float16"]),
    help="Default: float32 on a CPU, else bfloat16.",
)
@click.option("--device", default="auto", show_default=True, help="auto, cuda, cuda:1, mps or cpu.")
@click.option("--compile/--no-compile", "compiled", help="Compile the transformer's blocks.", default=False)
@click.option(
    "--repeats", type=click.IntRange(min=1), default=5, show_default=True, help="Runs of each kind."
)
@click.option(
    "--warmup",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Runs of each kind before those: compilation falls into the first.",
)
@click.option(
    "--schedules",
    is_flag=True,
    help="Instead of the speed: how far the sampler's steps lead from the exact flow, with the released "
    "schedule and with equal steps.",
)
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("nami-speed"),
    show_default=True,
    help="Folder for the JSON file and the picture.",
)
@click.pass_context
def bench(
    ctx: click.Context,
    config: str | None,
    size: str | None,
    steps: str | None,
    text_tokens: int | None,
    guided: bool,
    dtype: "DtypeName | None",
    device: str,
    compiled: bool,
    repeats: int,
    warmup: int,
    schedules: bool,
    output: Path,
) -> None:
    """Measure NAMI's speed: against a uniform transformer, and flow segmentation alone.

    All three make one image with the same number of steps, the same (random) weights and in the same run,
    from noise and text embeddings to latents: text encoders and VAE are left out. Times stand by stage and
    bridge beside counted FLOPs and the paper's figures. The pipeline is also timed against a plain eager loop
    that gives the same latents. Writes speed.json and speed.png, or schedules.json and schedules.png.
    """
    if schedules:
        _refuse_others(ctx, "schedules", "output")
        _bench_schedules(output)
        return
    with models_extra():
        from nami_bench.generators.nami.bench.settings import SpeedSettings
        from nami_bench.generators.nami.config import find_config
        from nami_bench.generators.torch_runtime import choose_dtype
        from nami_bench.neural.device import choose_device

        torch_device = choose_device(device)
        name = config or ("tiny" if torch_device.type == "cpu" else "nami-2b")
        shape = find_config(name)
        settings = SpeedSettings(
            config=name,
            shape=shape,
            latent_size=latent_size_of(size, shape),
            steps=tuple(whole_numbers(steps)) if steps else (10,) * shape.num_stages,
            text_tokens=text_tokens or (_TINY_TEXT_TOKENS if name == "tiny" else _TEXT_TOKENS),
            guided=guided,
            compiled=compiled,
            repeats=repeats,
            warmup=warmup,
        )
        _bench_speed(settings, torch_device, choose_dtype(torch_device, dtype), output)


def _bench_speed(
    settings: "SpeedSettings", device: "torch.device", dtype: "torch.dtype", output: Path
) -> None:
    from nami_bench.generators.nami.bench import report
    from nami_bench.generators.nami.bench.machine import describe_machine, describe_versions
    from nami_bench.generators.nami.bench.plot import speed_picture
    from nami_bench.generators.nami.bench.speed import measure_speed, measured_runs
    from nami_bench.generators.torch_runtime import dtype_name
    from nami_bench.images import make_folder

    make_folder(output)
    machine = describe_machine(device)
    with progress("runs", measured_runs(settings)) as advance:
        result = measure_speed(settings, device, dtype, advance)
    title = report.speed_title(settings, dtype_name(dtype), machine)
    print_table(
        report.SPEED_COLUMNS, report.speed_rows(settings, result), title, numeric=report.SPEED_COLUMNS[2:]
    )
    for line in report.speed_lines(settings, result):
        echo(line)
    document = report.speed_document(settings, result, dtype_name(dtype), machine, describe_versions())
    _write(output / "speed", document, speed_picture(settings, result, title))


def _bench_schedules(output: Path) -> None:
    with models_extra():
        from nami_bench.generators.nami.bench import report
        from nami_bench.generators.nami.bench.machine import describe_versions
        from nami_bench.generators.nami.bench.plot import schedule_picture
        from nami_bench.generators.nami.bench.schedules import measure_schedules

        found = measure_schedules()
        columns = report.SCHEDULE_COLUMNS
        title = "Euler's distance from the exact end points (median, and root mean square)"
        print_table(columns, report.schedule_rows(found), title, numeric=columns[1:])
        _write(
            output / "schedules",
            report.schedule_document(found, describe_versions()),
            schedule_picture(found),
        )


def _write(path: Path, document: dict[str, Any], picture: bytes) -> None:
    data = json.dumps(document, indent=1).encode() + b"\n"
    write_or_print(path.with_suffix(".json"), data)
    write_or_print(path.with_suffix(".png"), picture)


def _refuse_others(ctx: click.Context, chosen: str, *allowed: str) -> None:
    from nami_bench.errors import InputError

    for parameter in ctx.command.params:
        name = parameter.name or ""
        given = ctx.get_parameter_source(name) is not ParameterSource.DEFAULT
        if given and name not in (chosen, *allowed):
            raise InputError(f"{parameter.opts[0]} says nothing to --{chosen}: leave one of them out")
