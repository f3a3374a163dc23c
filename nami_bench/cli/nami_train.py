"""`nami-bench nami pretrain-bridge`, `train`, `export` and `sample`."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nami_bench.cli.common import progress, say
from nami_bench.cli.nami_arguments import models_extra, whole_numbers
from nami_bench.cli.nami_validation import metrics_of, opened_validation, validation_options
from nami_bench.cli.options import FILE

if TYPE_CHECKING:
    from nami_bench.generators.nami.training.run import TrainingRun
    from nami_bench.generators.torch_runtime import DtypeName

run_option = click.option(
    "-o",
    "--output",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="The run's folder; the same command goes on where it stopped.",
)
pipeline_argument = click.argument("pipeline", type=click.Path(path_type=Path))
guidance_option = click.option(
    "--guidance-scale", type=float, help="1 for no guidance. Default: the model's own."
)
steps_option = click.option(
    "--steps", help="Steps of every stage, or of each: 10,10,10. Default: the model's own."
)
config_argument = click.argument("config", type=click.Path(path_type=Path))
set_option = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Another value than CONFIG's, in TOML: train.steps=2000. May be given again.",
)


@click.command("pretrain-bridge", epilog="Example: nami-bench nami pretrain-bridge tiny.toml -o runs/tiny")
@config_argument
@run_option
@set_option
def pretrain_bridge(config: Path, output: Path, settings: tuple[str, ...]) -> None:
    """Pretrain the bridge of a training run by itself, into DIR/bridge.

    `nami train` does it too where the run has no bridge yet.
    """
    run = _open(config, output, settings)
    with _bar(run, "bridge", run.config.bridge.steps) as advance:
        run.prepare_bridge(lambda step, loss: advance(1))
    if run.is_main:
        say(f"the bridge is in {output / 'bridge'}")


@click.command(
    epilog="Examples: nami-bench nami train tiny.toml -o runs/tiny; nami-bench nami train tiny.toml "
    "-o runs/tiny --validate geneval --detector shapes --validate-prompts shapes.jsonl --validate-every 500 "
    "(then: nami-bench watch show runs/tiny)"
)
@config_argument
@run_option
@set_option
@validation_options
def train(
    config: Path,
    output: Path,
    settings: tuple[str, ...],
    validate: tuple[str, ...],
    validate_prompts: Path | None,
    validate_every: int,
    validate_samples: int,
    validate_options: tuple[str, ...],
    detector: str | None,
    detector_options: tuple[str, ...],
) -> None:
    """Train a NAMI model as CONFIG (TOML) says, in the folder DIR.

    Several GPUs, several machines and FSDP go through accelerate: write its configuration with
    `accelerate config`, then `accelerate launch -m nami_bench nami train CONFIG -o DIR`.
    """
    metrics = metrics_of(validate, validate_prompts, validate_options, detector, detector_options)
    run = _open(config, output, settings)
    with (
        _bar(run, "training", run.config.train.steps) as advance,
        opened_validation(run, metrics, validate_prompts, validate_every, validate_samples) as callback,
    ):
        finished = run.train(advance, callback)
    if run.is_main:
        say(
            f"wrote {finished}: record it with `nami-bench models add NAME --adapter nami -O path={finished}`"
        )


@click.command(epilog="Example: nami-bench nami export runs/tiny/pipeline tiny --steps 8 --guidance-scale 3")
@pipeline_argument
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--dtype",
    type=click.Choice(["float32", "bfloat16", "float16"]),
    default="float16",
    show_default=True,
    help="How weights are kept.",
)
@steps_option
@guidance_option
@click.option(
    "--start-noise",
    type=click.FloatRange(0, 1),
    help="Fresh fine noise after each bridge, as a share of the flow's own. Default: as trained; with few "
    "steps a small model may draw cleaner without.",
)
def export(
    pipeline: Path,
    out: Path,
    dtype: "DtypeName",
    steps: str | None,
    guidance_scale: float | None,
    start_noise: float | None,
) -> None:
    """Write the model PIPELINE to the new folder OUT, to be handed on: smaller, and with its own sampling.

    Steps, guidance and noise given here are what OUT asks for unless it is told otherwise.
    """
    counts = None if steps is None else tuple(whole_numbers(steps))
    with models_extra():
        from nami_bench.generators.nami.export import export as export_pipeline

        sampling = export_pipeline(pipeline, out, dtype, counts, guidance_scale, start_noise)
    megabytes = sum(path.stat().st_size for path in out.rglob("*") if path.is_file()) / 1e6
    shown = ",".join(map(str, sampling.steps))
    say(f"wrote {out}: {megabytes:.1f} MB, steps {shown}, guidance {sampling.guidance_scale:g}")


@click.command(epilog='Example: nami-bench nami sample nami-tiny "a photo of a red star" -o star.png')
@pipeline_argument
@click.argument("prompts", nargs=-1, required=True, metavar="PROMPT...")
@click.option("-o", "--output", type=FILE, required=True, help="A PNG file.")
@click.option(
    "--seed", default=0, show_default=True, help="Seed of the first prompt's noise; the next one's is 1 more."
)
@guidance_option
@steps_option
def sample(
    pipeline: Path,
    prompts: tuple[str, ...],
    output: Path,
    seed: int,
    guidance_scale: float | None,
    steps: str | None,
) -> None:
    """Draw one image of each PROMPT, side by side, with the model PIPELINE.

    PIPELINE is a folder that `nami train` or `nami convert` wrote, or a model that comes with the package,
    like nami-tiny, which draws flat shapes.
    """
    counts = None if steps is None else whole_numbers(steps)
    with models_extra():
        from nami_bench.generators.nami.folder import overridden, own_sampling, pipeline_folder
        from nami_bench.generators.nami.loading import load_pipeline
        from nami_bench.generators.nami.training.validation import draw_samples

        folder = pipeline_folder(pipeline)
        sampling = overridden(own_sampling(folder), guidance_scale=guidance_scale, steps=counts)
        draw_samples(load_pipeline(folder), prompts, output, sampling, seed=seed)
    say(f"wrote {output}")


def _open(config: Path, output: Path, settings: tuple[str, ...]) -> "TrainingRun":
    with models_extra():
        from nami_bench.generators.nami.training.config import load_train_config
        from nami_bench.generators.nami.training.run import TrainingRun

        # Tied weights are saved once, as is right.
        logging.getLogger("accelerate.utils.other").setLevel(logging.ERROR)
        return TrainingRun(load_train_config(config, _values(settings)), output, say)


def _bar(run: "TrainingRun", what: str, steps: int) -> AbstractContextManager[Callable[[int], object]]:
    """One bar, however many processes train."""
    return progress(what, steps) if run.is_main else nullcontext(lambda n: None)


def _values(settings: tuple[str, ...]) -> dict[str, Any]:
    """{"train.steps": 2000} from "train.steps=2000"; the value may be any of TOML, or a bare word."""
    from nami_bench.errors import InputError
    from nami_bench.foreign_text import parse_toml

    values = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not key or not equals:
            raise InputError(f"--set {setting}: write KEY=VALUE, such as train.steps=2000")
        try:
            values[key] = parse_toml(f"value = {text}")["value"]
        except ValueError:
            # A word without quotation marks, which a shell takes away.
            values[key] = text
    return values
