"""`nami-bench throughput`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from nami_bench.cli.common import echo, open_bench, print_json, print_table, progress, say
from nami_bench.cli.options import json_option

if TYPE_CHECKING:
    from nami_bench.pipeline.throughput import Level

_CLOSED_LOOP = (
    "closed loop: a new request is sent when one is answered, so that no queue builds up as it would where "
    "requests come at a rate of their own; latency is from request to picture, with attempts and waits; "
    "intervals: 95 %, order statistics, images taken for independent"
)


class _Numbers(click.ParamType[tuple[int, ...]]):
    """Whole numbers separated by commas."""

    name = "1,2,4"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        try:
            numbers = tuple(int(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is no list of whole numbers such as 1,2,4,8", param, ctx)
        if min(numbers) < 1:
            self.fail(f"{min(numbers)} is below 1", param, ctx)
        return tuple(dict.fromkeys(numbers))


@click.command(
    epilog="Examples: nami-bench throughput my-server --prompts geneval.jsonl --concurrency 1,2,4,8; "
    "nami-bench throughput sd3 --prompts shapes-demo --images 100"
)
@click.argument("model")
@click.option("--prompts", required=True, metavar="SET", help="A prompt set's name, or a prompt file.")
@click.option(
    "--concurrency",
    "levels",
    type=_Numbers(),
    default="1",
    show_default=True,
    help="Requests under way at once; one measurement for each number.",
)
@click.option(
    "--images",
    default=32,
    show_default=True,
    type=click.IntRange(min=1),
    help="Counted for each number; p95 needs 20, p99 needs 100.",
)
@click.option(
    "--warm-up",
    default=2,
    show_default=True,
    type=click.IntRange(min=0),
    help="Made before, for each number, and not counted.",
)
@click.option("--seed", default=0, show_default=True, help="Every image's own seed follows from it.")
@json_option
def throughput(
    model: str,
    prompts: str,
    levels: tuple[int, ...],
    images: int,
    warm_up: int,
    seed: int,
    as_json: bool,
) -> None:
    """Images a second and latency of MODEL, in a closed loop. Its images are made and thrown away."""
    from nami_bench import pipeline
    from nami_bench.errors import WorkError
    from nami_bench.pipeline.throughput import fresh_requests, measure_level

    with open_bench() as bench:
        card = bench.store.catalog.model(model)
        prompt_set = pipeline.resolve_prompt_set(bench.store, prompts)
    for level in levels:
        pipeline.with_concurrency(card, level)  # all are checked before the first image is asked for
    total = len(levels) * (images + warm_up)
    say(f"{total} images of {model} will be made, and not kept")
    following = fresh_requests(prompt_set.prompts, seed)
    with progress(model, total) as advance:
        measured = [
            measure_level(card, level, following, images=images, warm_up=warm_up, advance=advance)
            for level in levels
        ]
    if as_json:
        print_json(_document(model, card.adapter, prompt_set.name, warm_up, seed, measured))
    else:
        _print(model, measured)
    if failed := sum(level.failed for level in measured):
        problem = next(level.problem for level in measured if level.problem)
        raise WorkError(f"{failed} of {sum(level.requests for level in measured)} images failed: {problem}")


def _document(
    model: str, adapter: str, prompt_set: str, warm_up: int, seed: int, measured: "Sequence[Level]"
) -> dict[str, object]:
    return {
        "model": model,
        "adapter": adapter,
        "prompt_set": prompt_set,
        "mode": "closed loop",
        "warm_up": warm_up,
        "seed": seed,
        "levels": [level.to_json() for level in measured],
    }


def _print(model: str, measured: "Sequence[Level]") -> None:
    from nami_bench.evaluation.speed import seconds_in_words, shown

    columns = ("under way", "batch", "done", "failed", "refused", "retried", "images/s", "mean, s")
    rows = [
        (
            str(level.concurrency),
            None if level.batch is None else str(level.batch),
            str(level.done),
            str(level.failed),
            str(level.refused),
            str(level.retried),
            None if level.images_per_second is None else seconds_in_words(level.images_per_second),
            None if level.latency.mean is None else seconds_in_words(level.latency.mean),
            shown(level.latency.p50),
            shown(level.latency.p95),
            shown(level.latency.p99),
            None if level.peak_memory_bytes is None else f"{level.peak_memory_bytes / 2**30:.2f}",
            seconds_in_words(level.warm_up_seconds),
        )
        for level in measured
    ]
    names = (*columns, "p50, s", "p95, s", "p99, s", "peak GiB", "warm-up, s")
    print_table(names, rows, f"Throughput of {model}", frozenset(names))
    conditions = {(level.device, level.dtype, level.size) for level in measured if level.done}
    for device, dtype, size in sorted(conditions, key=str):
        known = (device or "a device that is not known", dtype, size and f"{size} pixels")
        echo(f"- made on {', '.join(filter(None, known))}")
    echo(f"- {_CLOSED_LOOP}")
