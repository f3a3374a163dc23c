"""`nami-bench watch`: checkpoints measured as a training writes them, and their curves."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nami_bench.cli.common import (
    open_bench,
    parse_pairs,
    print_json,
    print_table,
    progress,
    say,
    write_or_print,
)
from nami_bench.cli.evaluate import chosen_options, metric_names
from nami_bench.cli.folder_command import FolderOrCommand
from nami_bench.cli.options import FILE, json_option, metric_options

if TYPE_CHECKING:
    from nami_bench.domain import PromptSet
    from nami_bench.watching.curves import CurvePoint

STOPPED = 3
"""The exit code where nothing got better for --stop-after checkpoints."""
_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group(cls=FolderOrCommand)
def watch() -> None:
    """Measure checkpoints as a training writes them."""


@click.command(
    epilog="Examples: nami-bench watch runs/exp geneval --detector mask2former --prompts geneval.jsonl "
    "--pattern 'checkpoint-*' -g steps=28; nami-bench watch runs/lora pickscore --base owner/model --prompts "
    "prompts.txt --stop-after 5; nami-bench watch runs/exp geneval --detector shapes --once; the curves: "
    "nami-bench watch show runs/exp -o curves.svg (for a run called show write ./show). "
    "Exit codes: 0 done, 1 a checkpoint could not be measured, 2 wrong use, 3 stopped by --stop-after."
)
@click.argument("run", metavar="RUN", type=_FOLDER)
@click.argument("metrics", nargs=-1, metavar="METRIC...", callback=metric_names)
@click.option(
    "--pattern",
    "patterns",
    multiple=True,
    metavar="GLOB",
    help="What is a checkpoint in RUN; repeatable. Default: checkpoint-*, step-*, epoch-*, checkpoints/*.",
)
@click.option(
    "--prompts", metavar="SET", help="A prompt file, or a set of the workspace. Default: the images' own."
)
@click.option(
    "--samples",
    type=click.IntRange(1),
    help="Images per prompt. Default: 4, or what sample images have.",
)
@click.option("--seed", default=0, show_default=True, help="Every image's own seed follows from it.")
@click.option(
    "--base", metavar="MODEL", help="What LoRAs and networks alone were trained from: folder or hub name."
)
@click.option(
    "--part",
    metavar="NAME",
    help="The network's folder in a checkpoint, as unet_ema. Default: transformer or unet.",
)
@click.option(
    "-g",
    "--generator-option",
    "generator_options",
    multiple=True,
    metavar="KEY=VALUE",
    help="For generation, as steps=28; repeatable. See `nami-bench plugins show diffusers`.",
)
@metric_options
@click.option("--once", is_flag=True, help="Measure what is there, then end.")
@click.option(
    "--every",
    type=click.FloatRange(0.1),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="Between two looks.",
)
@click.option(
    "--settle",
    type=click.FloatRange(0),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="So long a checkpoint's files must not change.",
)
@click.option(
    "--stop-after",
    type=click.IntRange(1),
    metavar="N",
    help=f"End with exit code {STOPPED}, and write stop.json, where none of the last N is better.",
)
@click.option("--stop-metric", metavar="METRIC", help="For --stop-after. Default: the first METRIC.")
@click.option(
    "--log",
    "loggers",
    multiple=True,
    type=click.Choice(["tensorboard", "wandb", "mlflow", "trackio"]),
    help="Also tell this program; repeatable.",
)
@click.option("--results", metavar="DIR", type=_FOLDER, help="Where results lie. Default: RUN/nami-watch.")
@click.option("--keep-images", is_flag=True, help="Keep all images in DIR/images, not only a few.")
@click.pass_context
def _watch(
    context: click.Context,
    run: Path,
    metrics: tuple[str, ...],
    patterns: tuple[str, ...],
    prompts: str | None,
    samples: int | None,
    seed: int,
    base: str | None,
    part: str | None,
    generator_options: tuple[str, ...],
    detector: str | None,
    detector_options: tuple[str, ...],
    judge: str | None,
    judge_options: tuple[str, ...],
    options: tuple[str, ...],
    once: bool,
    every: float,
    settle: float,
    stop_after: int | None,
    stop_metric: str | None,
    loggers: tuple[str, ...],
    results: Path | None,
    keep_images: bool,
) -> None:
    """Measure each new checkpoint in RUN by METRICs (default: geneval), until Ctrl-C.

    A checkpoint is a folder of a diffusers pipeline, of a transformer or unet alone (--base), a LoRA
    (--base), a checkpoint of `nami train`, or a folder of sample images. It is measured when it is whole,
    once for the same weights. Results are kept one by one: stop at any time, and go on with the same command.
    """
    from nami_bench.errors import WorkError
    from nami_bench.scoring.scorer import Scorer
    from nami_bench.watching.checkpoints import PATTERNS
    from nami_bench.watching.lookout import Lookout
    from nami_bench.watching.models import ModelSettings
    from nami_bench.watching.results import FOLDER
    from nami_bench.watching.sample_images import found_plan
    from nami_bench.watching.watcher import StopRule, Watcher, check_stop_metric

    names = metrics or ("geneval",)
    chosen = chosen_options(names, options, detector, detector_options, judge, judge_options)
    metric = stop_metric or names[0]
    check_stop_metric(metric, names)
    folder = results or run / FOLDER
    lookout = Lookout(run, patterns or PATTERNS, part=part, settle=settle, leave_out=[folder])
    prompt_set = None if prompts is None else _prompt_set(prompts)
    plan = found_plan(lookout, prompt_set, samples, seed, wait=None if once else every)
    watcher = Watcher(
        lookout,
        folder,
        plan,
        Scorer(list(chosen), **{name.replace("-", "_"): given for name, given in chosen.items()}),
        ModelSettings(base, parse_pairs(generator_options, "--generator-option")),
        loggers=loggers,
        run=run.resolve().name,
        stop=None if stop_after is None else StopRule(stop_after, metric),
        keep_images=keep_images,
        say=say,
        progress=progress,
    )
    with watcher:
        outcome = watcher.watch(every=every, once=once, settle=settle)
    say(f"{outcome.measured} measured; results in {folder}")
    if outcome.failed:
        raise WorkError(
            f"{outcome.failed} checkpoints could not be measured: their reasons are kept in {folder}"
        )
    if outcome.stopped:
        context.exit(STOPPED)


@watch.command(
    epilog="Examples: nami-bench watch show runs/exp; nami-bench watch show runs/a runs/b -o curves.svg; "
    "nami-bench watch show runs/exp --metric geneval --json"
)
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(path_type=Path))
@click.option("--metric", "metrics", multiple=True, metavar="METRIC", help="Only this one; repeatable.")
@click.option("-o", "--output", type=FILE, help="Draw the curves of all runs in one picture: .svg or .png.")
@json_option
def show(runs: tuple[Path, ...], metrics: tuple[str, ...], output: Path | None, as_json: bool) -> None:
    """Checkpoints with intervals, each tested against the best before it, and curves.

    A RUN is a folder that was watched, or a results file. The test is paired, on shared prompts and seeds;
    p is that of one test, "p (Holm)" bounds the chance of any false claim over all the checkpoints of a run.
    """
    from nami_bench.errors import InputError
    from nami_bench.watching.curves import curve, draw_curves, shared_metrics
    from nami_bench.watching.results import read_run

    if output is not None and output.suffix.lower() not in (".svg", ".png"):
        raise InputError(f"{output}: a picture is .svg or .png")
    read = [read_run(run) for run in runs]
    chosen = shared_metrics(read, metrics)
    points = [point for run in read for metric in chosen for point in curve(run, metric)]
    if as_json:
        print_json([_plain(point) for point in points])
    else:
        _print(points, len(read) > 1, len(chosen) > 1)
        for run in read:
            for failure in run.failed:
                say(f"{run.name}: {failure.name} was not measured: {failure.reason}")
    if output is not None:
        plot = draw_curves(read, chosen)
        write_or_print(output, plot.svg if output.suffix.lower() == ".svg" else plot.png)


def _prompt_set(reference: str) -> "PromptSet":
    from nami_bench.prompts.files import holds_prompts, load_prompt_set

    if holds_prompts(Path(reference)):
        return load_prompt_set(Path(reference))
    with open_bench() as bench:
        return bench.store.catalog.prompt_set(reference)


def _print(points: "Sequence[CurvePoint]", several_runs: bool, several_metrics: bool) -> None:
    columns = ["run"] * several_runs + ["metric"] * several_metrics
    columns += [
        "step",
        "checkpoint",
        "value",
        "95 % interval",
        "images",
        "against",
        "better by",
        "p",
        "p (Holm)",
    ]
    print_table(
        columns,
        [[*[p.run] * several_runs, *[p.metric] * several_metrics, *_cells(p)] for p in points],
        numeric=("value", "better by", "p", "p (Holm)"),
    )


def _cells(point: "CurvePoint") -> list[Any]:
    result, test = point.result, point.test
    interval = None if result.interval is None else f"{result.interval[0]:.3f} to {result.interval[1]:.3f}"
    name = f"{point.measured.name} *" if point.is_best else point.measured.name
    images = f"{len(result.values) - len(result.failures)} of {len(result.values)}" if result.values else None
    shown = [point.step, name, _number(result.value, ".4f"), interval, images]
    if test is None:
        return [*shown, None, None, None, None]
    better = _number(test.value, "+.4f")
    return [*shown, test.against, better, _number(test.p_value, ".4f"), _number(test.p_adjusted, ".4f")]


def _number(value: float | None, form: str) -> str | None:
    return None if value is None else format(value, form)


def _plain(point: "CurvePoint") -> dict[str, Any]:
    result = point.result
    return {
        "run": point.run,
        "metric": point.metric,
        "step": point.step,
        "checkpoint": point.measured.name,
        "sha256": point.measured.sha256,
        "value": result.value,
        "interval": result.interval,
        "parts": result.parts,
        "images": len(result.values) - len(result.failures),
        "without_value": len(result.failures),
        "reason": result.reason,
        "best": point.is_best,
        "against_best": None if point.test is None else asdict(point.test),
    }


watch.on_folder = _watch
