"""`nami-bench nami pretrain-bridge`, `train` and `sample`."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nami_bench.cli.common import progress, say
from nami_bench.cli.nami_arguments import models_extra, whole_numbers

if TYPE_CHECKING:
    from generators.nami.training.run import TrainingRun

run_option = click.option(
    "-o",
    "--output",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="The run's folder; the same command goes on where it stopped.",
)
config_argument = click.argument("config", type=click.Path(path_type=Path))


@click.command("pretrain-bridge", epilog="Example: nami-bench nami pretrain-bridge tiny.toml -o runs/tiny")
@config_argument
@run_option
def pretrain_bridge(config: Path, output: Path) -> None:
    """Pretrain the bridge of a training run by itself, into DIR/bridge.

    `nami train` does it too where the run has no bridge yet.
    """
    run = _open(config, output)
    with progress("bridge", run.config.bridge.steps) as advance:
        run.prepare_bridge(lambda step, loss: advance(1))
    say(f"the bridge is in {output / 'bridge'}")


@click.command(epilog="Example: nami-bench nami train tiny.toml -o runs/tiny")
@config_argument
@run_option
def train(config: Path, output: Path) -> None:
    """Train a NAMI model as CONFIG (TOML) says, in the folder DIR.

    Several GPUs, several machines and FSDP go through accelerate: write its configuration with
    `accelerate config`, then `accelerate launch -m nami_bench nami train CONFIG -o DIR`.
    """
    run = _open(config, output)
    with progress("training", run.config.train.steps) as advance:
        finished = run.train(advance)
    say(f"wrote {finished}: record it with `nami-bench models add NAME --adapter nami -o path={finished}`")


@click.command(
    epilog='Example: nami-bench nami sample runs/tiny/pipeline "a photo of a red star" -o star.png'
)
@click.argument("pipeline", type=click.Path(path_type=Path))
@click.argument("prompts", nargs=-1, required=True, metavar="PROMPT...")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), required=True, help="A PNG file."
)
@click.option(
    "--seed", default=0, show_default=True, help="Seed of the first prompt's noise; the next one's is 1 more."
)
@click.option("--guidance-scale", type=float, help="1 for no guidance. Default: the model's own.")
@click.option("--steps", help="Steps of every stage, or of each: 10,10,10. Default: the model's own.")
def sample(
    pipeline: Path,
    prompts: tuple[str, ...],
    output: Path,
    seed: int,
    guidance_scale: float | None,
    steps: str | None,
) -> None:
    """Draw one image of each PROMPT, side by side, with the model in the folder PIPELINE.

    `nami train` and `nami convert` write such folders.
    """
    counts = None if steps is None else whole_numbers(steps)
    with models_extra():
        from generators.nami.folder import check_folder, overridden, own_sampling
        from generators.nami.pipeline import NamiPipeline
        from generators.nami.training.validation import draw_samples

        check_folder(pipeline)
        sampling = overridden(own_sampling(pipeline), guidance_scale=guidance_scale, steps=counts)
        drawer = NamiPipeline.from_pretrained(pipeline, local_files_only=True)
        draw_samples(drawer, prompts, output, sampling, seed=seed)
    say(f"wrote {output}")


def _open(config: Path, output: Path) -> "TrainingRun":
    with models_extra():
        from transformers.utils import logging as transformers_logging

        from generators.nami.training.config import load_train_config
        from generators.nami.training.run import TrainingRun

        # A bar for every file written would tear ours apart, and tied weights are saved once, as is right.
        silence: Any = transformers_logging  # mostly untyped
        silence.disable_progress_bar()
        logging.getLogger("accelerate.utils.other").setLevel(logging.ERROR)
        return TrainingRun(load_train_config(config), output, say)
