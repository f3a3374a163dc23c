"""The shapes renderer and detector, with a prompt on which their process is killed: once, or always."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from nami_bench.evaluation.geneval.shapes_detector import ShapesDetector
from nami_bench.generators.shapes import ShapesGenerator


def die_once(flag):
    if not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)


class DeadlyShapes(ShapesGenerator):
    """Killed at prompt 00007 until `flag` exists, and always at a prompt that is called poison."""

    @dataclass(frozen=True, slots=True)
    class Options(ShapesGenerator.Options):
        flag: str = "flag"
        seconds: float = 0.0

    batch_size = 4

    def _draw(self, request):
        if request.prompt.text == "poison":
            os.kill(os.getpid(), signal.SIGKILL)
        if request.prompt.id == "00007":
            die_once(Path(self.options.flag))
        time.sleep(self.options.seconds)
        return super()._draw(request)


class DeadlyDetector(ShapesDetector):
    """Killed at the sixth image that it sees until `flag` exists."""

    batch_size = 2

    @dataclass(frozen=True, slots=True)
    class Options:
        flag: str

    def __init__(self, options):
        self.options = options
        self.seen = 0

    def detect(self, images):
        self.seen += len(images)
        if self.seen >= 6:
            die_once(Path(self.options.flag))
        return super().detect(images)
