"""`nami-bench evaluate`."""

from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nami_bench.cli.common import (
    Bench,
    open_bench,
    options_by_name,
    parse_pairs,
    print_json,
    progress,
    say,
    tally,
)
from nami_bench.cli.engine import EngineChoice, engine_options
from nami_bench.cli.options import csv_option, json_option, metric_options, without_option

if TYPE_CHECKING:
    from nami_bench.domain import ImageRecord
    from nami_bench.engines import Engine

_REASONS_SHOWN = 5


def metric_names(context: click.Context, parameter: click.Parameter, names: tuple[str, ...]) -> Any:
    """Each metric once, every one of them known, before any work begins."""
    from nami_bench import registry
    from nami_bench.errors import UnknownNameError

    known = registry.plugins("metrics")
    for name in names:
        if name not in known:
            raise UnknownNameError("metric", name, known)
    return tuple(dict.fromkeys(names))


class _ListingMetrics(click.Command):
    """Its help lists the metrics that are installed; nothing of them is loaded."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from nami_bench import registry

        super().format_options(ctx, formatter)
        with formatter.section("Metrics"):
            formatter.write_text(", ".join(registry.plugins("metrics")))


@click.command(
    cls=_ListingMetrics,
    epilog="Examples: nami-bench evaluate geneval --detector shapes --model shapes-good; "
    "nami-bench evaluate clip-score pickscore hpsv2 -O device=cuda -O pickscore.batch_size=64; "
    "nami-bench evaluate fid kid -O reference=FOLDER_OF_REAL_IMAGES; "
    "nami-bench evaluate pickscore --engine ray --ray-gpus 1; "
    "nami-bench evaluate --audit --csv audit.csv",
)
@click.argument("metrics", nargs=-1, metavar="METRIC...", callback=metric_names)
@click.option("--model", "models", multiple=True, help="Only this model; repeatable. Default: all.")
@click.option("--prompts", metavar="SET", help="Only this prompt set. Default: every set with images.")
@metric_options
@click.option("--audit", is_flag=True, help="Then compare every recorded metric with the human ratings.")
@click.option("--study", metavar="NAME", help="The audit's study. Default: the newest with ratings.")
@click.option("--criterion", metavar="NAME", help="The audit's criterion. Default: relevance.")
@click.option(
    "--threshold",
    type=float,
    help="The mean rating, 0-100, from which people call an image right. Default: 50.",
)
@click.option(
    "--one-by-one",
    is_flag=True,
    help="Run one metric after the other, so that the weights of one alone are in memory.",
)
@without_option
@csv_option("Write the audit's numbers, one a line.")
@engine_options
@json_option
def evaluate(
    metrics: tuple[str, ...],
    models: tuple[str, ...],
    prompts: str | None,
    detector: str | None,
    detector_options: tuple[str, ...],
    judge: str | None,
    judge_options: tuple[str, ...],
    options: tuple[str, ...],
    audit: bool,
    study: str | None,
    criterion: str | None,
    threshold: float | None,
    one_by_one: bool,
    without: tuple[str, ...],
    csv_file: Path | None,
    engine: EngineChoice,
    as_json: bool,
) -> None:
    """Run automatic metrics over recorded images, or audit them. Images already scored are passed over.

    Several metrics look at the images together: each is decoded once, and encoded once by a backbone that
    metrics share.

    --audit shows how GenEval's verdicts agree with people's, by task and by model, and how every other
    metric's order of images and models correlates with people's; then every metric's accuracy, pair by pair,
    as the field's papers count it, beside that of people. A study of pairs or orders gives the latter alone.
    With a study of questions it shows of each judge, by category of questions, sensitivity, specificity,
    kappa and calibration against people's answers.
    """
    from nami_bench.errors import InputError, WorkError

    asked = {"study": study, "criterion": criterion, "threshold": threshold, "csv": csv_file}
    asked |= {"without": without[0]} if without else {}
    if not audit and (stray := [f"--{name}" for name, value in asked.items() if value is not None]):
        raise InputError(f"{', '.join(stray)}: belongs to --audit, which was not asked for")
    if not audit and not metrics:
        raise InputError("name at least one metric (see `nami-bench evaluate --help`), or give --audit")
    chosen = chosen_options(metrics, options, detector, detector_options, judge, judge_options)
    with open_bench() as bench:
        counts = _evaluate(bench, chosen, models, prompts, engine, one_by_one) if metrics else {}
        if audit:
            from nami_bench.cli.audit import show_audit

            show_audit(
                bench, models or None, prompts, study, criterion, threshold, without, csv_file, as_json
            )
    if as_json and not audit:
        print_json({title: dict(count) for title, count in counts.items()})
    failed = sum(count["failed"] for count in counts.values())
    if failed:
        raise WorkError(f"{failed} images could not be scored: their reasons are recorded with them")


def chosen_options(
    metrics: Sequence[str],
    options: Sequence[str],
    detector: str | None,
    detector_options: Sequence[str],
    judge: str | None,
    judge_options: Sequence[str],
) -> dict[str, dict[str, Any]]:
    """By metric, the options that a command line gave it. Raises InputError for what belongs to none."""
    chosen = options_by_name(metrics, options, "metric")
    _give_part(chosen, "detector", detector, detector_options)
    _give_part(chosen, "judge", judge, judge_options)
    return chosen


def _give_part(chosen: dict[str, dict[str, Any]], part: str, name: str | None, pairs: Sequence[str]) -> None:
    """Hand --detector or --judge, and its options, to the metrics that have such a part."""
    from nami_bench import registry
    from nami_bench.errors import InputError

    given: dict[str, Any] = {part: name} if name else {}
    if pairs:
        given[f"{part}_options"] = parse_pairs(pairs, f"--{part}-option")
    if not given:
        return
    taking = [
        metric
        for metric in chosen
        if part in getattr(registry.load("metrics", metric).Options, "__dataclass_fields__", {})
    ]
    if not taking:
        raise InputError(
            f"--{part} and --{part}-option belong to metrics with a {part}, none of which was asked for"
        )
    for metric in taking:
        chosen[metric].update(given)


def _evaluate(
    bench: Bench,
    chosen: dict[str, dict[str, Any]],
    models: Collection[str],
    prompts: str | None,
    engine: EngineChoice,
    one_by_one: bool,
) -> dict[str, Counter[str]]:
    """Run the metrics; counts by a title for people."""
    from nami_bench import registry
    from nami_bench.domain import ImageState
    from nami_bench.errors import InputError
    from nami_bench.evaluation.protocol import ScoresGroups, ScoresSets
    from nami_bench.evaluation.sharing import shared_features

    records = bench.store.images.find(models=models or None, prompt_set=prompts, state=ImageState.DONE)
    if not records:
        raise InputError("there are no images to score: make some with `nami-bench generate`")
    # All of them first: what is wrong with the last one's options or weights is said before the first begins.
    plugins = [(name, registry.create("metrics", name, options)) for name, options in chosen.items()]
    for _, metric in plugins:
        _ = metric.instrument  # finds the weights, or says that there are none
    counts: dict[str, Counter[str]] = {}
    by_set = _models_by_set(records)
    with engine.started() as running, shared_features():
        of_images = [plugin for plugin in plugins if not isinstance(plugin[1], ScoresSets | ScoresGroups)]
        if len(of_images) > 1 and not one_by_one and not running.elsewhere:
            plugins = [plugin for plugin in plugins if plugin not in of_images]
            for prompt_set, names in by_set.items():
                counts |= _together(bench, of_images, prompt_set, names)
            of_images.clear()  # with their weights
        while plugins:
            name, metric = plugins.pop(0)  # let go of afterwards, with its weights
            for prompt_set, names in by_set.items():
                counts |= _alone(bench, name, metric, chosen[name], prompt_set, names, running)
    return counts


def _together(
    bench: Bench, plugins: Sequence[tuple[str, Any]], prompt_set: str, models: Sequence[str]
) -> dict[str, Counter[str]]:
    """Run several metrics of single images in one go."""
    from nami_bench import pipeline

    metrics = [metric for _, metric in plugins]
    names = ", ".join(name for name, _ in plugins)
    total = _images(bench, models, prompt_set) * len(plugins)
    with progress(f"{names} on {prompt_set}", total) as advance:
        found = pipeline.run_metrics(
            bench.store, bench.workspace.images_dir, metrics, models, prompt_set, advance
        )
    return {
        _told(bench, name, metric, prompt_set, models, one.counts): one.counts
        for (name, metric), one in zip(plugins, found, strict=True)
    }


def _alone(
    bench: Bench,
    name: str,
    metric: Any,
    options: dict[str, Any],
    prompt_set: str,
    models: Sequence[str],
    engine: "Engine",
) -> dict[str, Counter[str]]:
    """Run one metric."""
    from nami_bench import pipeline

    with progress(f"{name} on {prompt_set}", _images(bench, models, prompt_set)) as advance:
        count = pipeline.run_metric(
            bench.store,
            bench.workspace.images_dir,
            metric,
            models,
            prompt_set,
            advance,
            engine=engine,
            make=pipeline.metric_maker(name, options),
        )
    return {_told(bench, name, metric, prompt_set, models, count): count}


def _images(bench: Bench, models: Sequence[str], prompt_set: str) -> int:
    from nami_bench.domain import ImageState

    return len(bench.store.images.find(models=models, prompt_set=prompt_set, state=ImageState.DONE))


def _told(
    bench: Bench, name: str, metric: Any, prompt_set: str, models: Sequence[str], count: "Counter[str]"
) -> str:
    """Say what came of a metric; its title."""
    from nami_bench.evaluation.geneval.published import standing

    title = f"{name}: {', '.join(models)} on {prompt_set}"
    say(f"{title}: {tally(count)}")
    if metric.name == "geneval":
        say(f"  {metric.instrument}: {standing(metric.instrument)}")
    if count["failed"]:
        _say_reasons(bench, metric, models, prompt_set)
    return title


def _say_reasons(bench: Bench, metric: Any, models: Sequence[str], prompt_set: str) -> None:
    """The first reasons of images without a value; those of whole sets are in the leaderboard's gaps."""
    scores = bench.store.scores.find(metric=metric.name, models=models, prompt_set=prompt_set)
    failed = [s for s in scores if s.value is None and s.instrument == metric.instrument]
    for score in failed[:_REASONS_SHOWN]:
        say(f"  {score.model} {score.prompt_id} {score.sample}: {score.reason}")
    if len(failed) > _REASONS_SHOWN:
        say(f"  ... and {len(failed) - _REASONS_SHOWN} more")


def _models_by_set(records: Sequence["ImageRecord"]) -> dict[str, list[str]]:
    """All models of a prompt set go in one run."""
    sets = sorted({record.prompt_set for record in records})
    return {
        name: list(dict.fromkeys(record.model for record in records if record.prompt_set == name))
        for name in sets
    }
