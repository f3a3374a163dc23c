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
    without: tuple[str, ...],
    csv_file: Path | None,
    engine: EngineChoice,
    as_json: bool,
) -> None:
    """Run automatic metrics over recorded images, or audit them. Images already scored are passed over.

    --audit shows how GenEval's verdicts agree with people's, by task and by model, and how every other
    metric's order of images and models correlates with people's. With a study of questions it shows of each
    judge, by category of questions, sensitivity, specificity, kappa and calibration against people's answers.
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
        counts = _evaluate(bench, chosen, models, prompts, engine) if metrics else {}
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
) -> dict[str, Counter[str]]:
    """Run the metrics; counts by a title for people."""
    from nami_bench import pipeline, registry
    from nami_bench.domain import ImageState
    from nami_bench.errors import InputError
    from nami_bench.evaluation.geneval.published import standing

    records = bench.store.images.find(models=models or None, prompt_set=prompts, state=ImageState.DONE)
    if not records:
        raise InputError("there are no images to score: make some with `nami-bench generate`")
    # All of them first: what is wrong with the last one's options or weights is said before the first begins.
    plugins = [(name, registry.create("metrics", name, options)) for name, options in chosen.items()]
    for _, metric in plugins:
        _ = metric.instrument  # finds the weights, or says that there are none
    counts = {}
    with engine.started() as running:
        while plugins:
            name, metric = plugins.pop(0)  # let go of afterwards, with its weights
            for prompt_set, names in _models_by_set(records).items():
                title = f"{name}: {', '.join(names)} on {prompt_set}"
                total = sum(r.prompt_set == prompt_set for r in records)
                with progress(f"{name} on {prompt_set}", total) as advance:
                    counts[title] = pipeline.run_metric(
                        bench.store,
                        bench.workspace.images_dir,
                        metric,
                        names,
                        prompt_set,
                        advance,
                        engine=running,
                        make=pipeline.metric_maker(name, chosen[name]),
                    )
                say(f"{title}: {tally(counts[title])}")
                if metric.name == "geneval":
                    say(f"  {metric.instrument}: {standing(metric.instrument)}")
                if counts[title]["failed"]:
                    _say_reasons(bench, metric, names, prompt_set)
    return counts


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
