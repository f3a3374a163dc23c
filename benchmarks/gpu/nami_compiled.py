"""NAMI-2B at 1024 pixels with compiled blocks (torch.compile): see `benchmarks.gpu.nami`.

Compiling takes most of the time, and is in `seconds_of_the_first_run`: nothing is kept from earlier runs.
"""

from dataclasses import replace

from benchmarks.gpu import nami
from benchmarks.gpu.part import Part


def measure(part: Part) -> None:
    """As the eager part, in a process of its own: what breaks here leaves that alone."""
    settings = nami.SMALL if part.small else nami.FULL
    nami.measure_schedules(part, replace(settings, compiled=True))
