"""NAMI-2B at 1024 pixels with compiled blocks (torch.compile): see `benchmarks.gpu.nami`.

Compiling takes most of the time, and is in `seconds_of_the_first_run`: nothing is kept from earlier runs.
"""

from dataclasses import replace

from benchmarks.gpu import nami
from benchmarks.gpu.part import Part

FULL = replace(nami.FULL, compiled=True)
# Each kind of block is compiled for each stage's size, which takes a CPU minutes: here one, for one size.
_SMALL_SHAPE = replace(
    nami.SMALL.shape, num_layers=0, num_single_layers=1, stage_singleblock_index=(1,), sample_size=16
)
SMALL = replace(nami.SMALL, shape=_SMALL_SHAPE, steps=(2,), compiled=True)


def measure(part: Part) -> None:
    """As the eager part, in a process of its own: what breaks here leaves that alone."""
    nami.measure_schedules(part, SMALL if part.small else FULL)
