"""`nami-bench serve-metrics`."""

import click

from nami_bench.cli.common import announce, say
from nami_bench.cli.evaluate import chosen_options, metric_names
from nami_bench.cli.options import metric_options


@click.command(
    name="serve-metrics",
    epilog="Examples: nami-bench serve-metrics geneval --detector mask2former; "
    "NAMI_METRICS_TOKEN=secret nami-bench serve-metrics geneval pickscore --detector mask2former "
    "--host 0.0.0.0 --port 18085. In Python: Scorer.connect('http://HOST:18085').",
)
@click.argument("metrics", nargs=-1, required=True, metavar="METRIC...", callback=metric_names)
@metric_options
@click.option("--host", default="127.0.0.1", show_default=True, help="0.0.0.0: for other machines too.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=18085,
    show_default=True,
    envvar="NAMI_METRICS_PORT",
    show_envvar=True,
    help="0: a free one.",
)
@click.option(
    "--token",
    envvar="NAMI_METRICS_TOKEN",
    show_envvar=True,
    help="What clients must show. Others see a command's arguments: the variable keeps it from them.",
)
@click.option(
    "--workers", type=click.IntRange(1, 64), help="Processes. Default: one for each GPU, which it has alone."
)
@click.option(
    "--max-body-mb", "body_mb", type=click.IntRange(1), default=256, show_default=True, help="Of one request."
)
@click.option("--max-images", type=click.IntRange(1), default=1024, show_default=True, help="Of one request.")
@click.option(
    "--max-waiting", type=click.IntRange(1), default=4096, show_default=True, help="So many images may wait."
)
@click.option(
    "--batch-images",
    type=click.IntRange(1),
    default=64,
    show_default=True,
    help="So many of those that wait are joined.",
)
@click.option("--allow-lossy", is_flag=True, help="Take JPEG and lossy WebP, which change verdicts.")
def serve_metrics(
    metrics: tuple[str, ...],
    detector: str | None,
    detector_options: tuple[str, ...],
    judge: str | None,
    judge_options: tuple[str, ...],
    options: tuple[str, ...],
    host: str,
    port: int,
    token: str | None,
    workers: int | None,
    body_mb: int,
    max_images: int,
    max_waiting: int,
    batch_images: int,
    allow_lossy: bool,
) -> None:
    """Score images for other programs over HTTP until Ctrl-C: metrics, and GenEval's rewards for training.

    Requests of several clients are joined into batches, images are PNG, lossless WebP or raw RGB pixels, and
    nothing is ever unpickled. GenEval gives its rewards beside each verdict (docs/rewards.md).
    """
    from nami_bench.metrics_server.serve import serve
    from nami_bench.metrics_server.settings import Limits

    chosen = chosen_options(metrics, options, detector, detector_options, judge, judge_options)
    if "geneval" in chosen:
        chosen["geneval"].setdefault("rewards", True)
    limits = Limits(body_mb, max_images, waiting=max_waiting, batch=batch_images, allow_lossy=allow_lossy)

    say("loading weights ...")
    serve(
        tuple(chosen),
        chosen,
        host=host,
        port=port,
        token=token,
        workers=workers,
        limits=limits,
        on_ready=lambda address: announce(f"{', '.join(chosen)} at {address}; Ctrl-C stops"),
    )
    say("stopped")
