"""The shapes renderer and detector, slowly, writing down on which machine they do what."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from nami_bench.evaluation.geneval.shapes_detector import ShapesDetector
from nami_bench.generators.shapes import ShapesGenerator


def note(log, what):
    """One line: this machine's network, and what was done there."""
    line = f"{Path('/proc/self/ns/net').readlink()} {what}\n".encode()
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(file, line)
    os.close(file)


def wait_for(log, machines):
    """Until as many machines as are to share the work have begun with it: one alone might do it all."""
    ends = time.monotonic() + 300
    while len({line.split()[0] for line in log.read_text().splitlines()}) < machines:
        assert time.monotonic() < ends, "the other machine has not begun"
        time.sleep(0.05)


class ObservedShapes(ShapesGenerator):
    @dataclass(frozen=True, slots=True)
    class Options(ShapesGenerator.Options):
        log: str = "log"
        seconds: float = 0.0
        machines: int = 1

    batch_size = 2

    def describe(self):
        """What the images depend on: not on who watches."""
        options = {"size": self.options.size, "error_rate": self.options.error_rate}
        return {**super().describe(), "options": options}

    def _draw(self, request):
        note(Path(self.options.log), f"{request.prompt.id} {request.sample}")
        wait_for(Path(self.options.log), self.options.machines)
        time.sleep(self.options.seconds)
        return super()._draw(request)


class ObservedDetector(ShapesDetector):
    batch_size = 2

    @dataclass(frozen=True, slots=True)
    class Options:
        log: str
        seconds: float = 0.0
        machines: int = 1

    def __init__(self, options):
        self.options = options

    def detect(self, images):
        note(Path(self.options.log), f"{len(images)} images")
        wait_for(Path(self.options.log), int(self.options.machines))
        time.sleep(float(self.options.seconds))
        return super().detect(images)
