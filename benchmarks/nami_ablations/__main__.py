"""NAMI's ablations in miniature, on a CPU.

    python -m benchmarks.nami_ablations run --out ablations
    python -m benchmarks.nami_ablations collect ablations/results --docs docs/results/nami-ablations

`run` trains and measures variant after variant, seed after seed, and keeps what is finished: the same command
goes on where it was stopped. `collect` makes tables and plots of what there is.
"""

import argparse
import os
import sys
import time
from pathlib import Path

from benchmarks.nami_ablations.variants import TABLES, VARIANTS
from nami_bench.errors import NamiBenchError


def main() -> int:
    """Run it; 1 with a sentence where something is wrong."""
    arguments = _arguments()
    try:
        if arguments.command == "collect":
            from benchmarks.nami_ablations.collect import collect

            collect(arguments.results, arguments.docs)
        else:
            _run(arguments)
    except NamiBenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _run(arguments: argparse.Namespace) -> None:
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
    import torch

    from benchmarks.nami_ablations.measure import Effort
    from benchmarks.nami_ablations.runs import Grid, be_quiet
    from benchmarks.nami_ablations.world import TRAINING_IMAGES

    torch.set_num_threads(arguments.threads)
    be_quiet()
    effort = Effort() if arguments.drawn is None else Effort(images=arguments.drawn, held_out=1)
    progress = _Progress()
    images = arguments.pictures or TRAINING_IMAGES
    grid = Grid(arguments.out, arguments.steps, images, effort, progress)
    grid.describe()
    for variant, seed in _order(arguments.variants, arguments.seeds):
        grid.run(variant, seed)
    progress("all runs are finished\n")


def _order(variants: list[str], seeds: list[int]) -> list[tuple[str, int]]:
    """Table by table, and in a table seed by seed, so that its variants have equally many seeds."""
    pairs = [
        (name, seed)
        for table in TABLES
        for seed in seeds
        for name in variants
        if table in VARIANTS[name].tables
    ]
    return list(dict.fromkeys(pairs))


class _Progress:
    """One line that is written over; where that is no terminal, a line now and then."""

    def __init__(self) -> None:
        self._last = 0.0

    def __call__(self, text: str) -> None:
        if sys.stderr.isatty():
            print(f"\r{text}\x1b[K", end="", file=sys.stderr, flush=True)
        elif time.monotonic() - self._last > 10:
            self._last = time.monotonic()
            print(text, file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.nami_ablations",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="train and measure")
    run.add_argument("--out", type=Path, required=True, help="folder of data, runs and results")
    run.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), metavar="NAME",
                     help=f"some of: {', '.join(VARIANTS)}")  # fmt: skip
    run.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], metavar="N")
    run.add_argument("--steps", type=int, help="of the base; other variants get the same FLOPs")
    run.add_argument("--threads", type=int, default=1, help="threads to compute with (1)")
    run.add_argument("--pictures", type=int, help="training pictures to draw, where there are none yet")
    run.add_argument("--drawn", type=int, help="images that a model draws to be measured")
    collect = commands.add_parser("collect", help="tables and plots of the finished runs")
    collect.add_argument("results", type=Path, help="the folder results/ of a run's --out")
    collect.add_argument("--docs", type=Path, required=True, help="folder for README.md and plots")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
