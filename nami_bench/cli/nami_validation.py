"""`nami-bench nami train --validate`: the run measured by metrics as it goes."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nami_bench.cli.evaluate import chosen_options, metric_names
from nami_bench.cli.options import FILE, detector_options, together

if TYPE_CHECKING:
    from nami_bench.generators.nami.training.run import TrainingRun
    from nami_bench.watching.callback import ValidationCallback

validation_options = together(
    click.option(
        "--validate",
        multiple=True,
        metavar="METRIC",
        callback=metric_names,
        help="Measure the averaged model by this metric as training goes, into DIR/nami-watch; repeatable.",
    ),
    click.option("--validate-prompts", type=FILE, metavar="FILE", help="The prompts to measure on."),
    click.option(
        "--validate-every",
        type=click.IntRange(1),
        default=1000,
        show_default=True,
        metavar="STEPS",
        help="And after the last one.",
    ),
    click.option(
        "--validate-samples", type=click.IntRange(1), default=1, show_default=True, help="Images per prompt."
    ),
    click.option(
        "--validate-option",
        "validate_options",
        multiple=True,
        metavar="[METRIC.]KEY=VALUE",
        help="For every METRIC, or for the one named; repeatable.",
    ),
    detector_options,
)


def metrics_of(
    metrics: Sequence[str],
    prompts: Path | None,
    options: Sequence[str],
    detector: str | None,
    detector_options: Sequence[str],
) -> dict[str, dict[str, Any]]:
    """By metric, its options. Raises InputError for what is given without what it belongs to."""
    from nami_bench.errors import InputError

    if metrics and prompts is None:
        raise InputError("--validate needs --validate-prompts, the prompts to measure on")
    stray = {"--validate-prompts": prompts, "--validate-option": options, "--detector": detector}
    if not metrics and (given := [name for name, value in stray.items() if value]):
        raise InputError(f"{given[0]} belongs to --validate, which was not given")
    return chosen_options(metrics, options, detector, detector_options, None, ()) if metrics else {}


@contextmanager
def opened_validation(
    run: "TrainingRun",
    metrics: Mapping[str, Mapping[str, Any]],
    prompts: Path | None,
    every: int,
    samples: int,
) -> "Iterator[ValidationCallback | None]":
    """What measures the run's pipeline, as it asks to be sampled; None where no metric was asked for."""
    if not metrics or prompts is None:
        yield None
        return
    from nami_bench.generators.nami.folder import Sampling
    from nami_bench.prompts.files import load_prompt_set
    from nami_bench.scoring.scorer import Scorer
    from nami_bench.serialize import validated
    from nami_bench.watching.callback import ValidationCallback
    from nami_bench.watching.loggers.protocol import open_logger
    from nami_bench.watching.results import FOLDER

    folder = run.folder / FOLDER
    own = run.pipeline.config.get("sampling")
    sampling = Sampling() if own is None else validated(Sampling, own, "the model's sampling")
    given = {name.replace("-", "_"): dict(options) for name, options in metrics.items()}
    with Scorer(list(metrics), **given) as scorer:
        loggers = [open_logger("tensorboard", folder, run.folder.name)] if run.is_main else []
        callback = ValidationCallback(
            scorer,
            load_prompt_set(prompts),
            every=every,
            samples=samples,
            call=sampling.call,
            loggers=loggers,
            folder=folder,
        )
        try:
            yield callback
        finally:
            callback.close()
