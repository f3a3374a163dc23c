"""The engine: batches of one size, colors of many images at once, order, the same numbers after a kill."""

import json
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from nami_bench.domain import GENEVAL_COLORS, Prompt
from nami_bench.evaluation.geneval.folder_run import score_folder
from nami_bench.evaluation.geneval.metric import GenEvalMetric
from nami_bench.evaluation.geneval.protocol import Detection
from nami_bench.evaluation.protocol import ScoringItem
from nami_bench.geneval_folder import GenEvalFolder
from nami_bench.images import write_png


class Brightness:
    """Sees one dog in every image, with a score that depends on which images share the batch, as floating
    point sums do; memory holds `memory` images."""

    class_names = ("dog",)
    identity = "brightness-1"

    def __init__(self, memory=99):
        self.memory, self.batches, self.asked = memory, [], []

    @property
    def color_classifier(self):
        return self

    def detect(self, images):
        self.batches.append([image.size for image in images])
        if len(images) > self.memory:
            raise MemoryError("no room")
        total = sum(float(np.mean(image)) for image in images)
        return [
            [Detection("dog", (0, 0, *image.size), 0.9 + float(np.mean(image)) / (1e4 + total))]
            for image in images
        ]

    def classify(self, image, detections):
        self.asked.append(len(detections))
        return [GENEVAL_COLORS[image.getpixel((0, 0))[0] % 10] for _ in detections]


class Many(Brightness):
    """The same, asked for the colors of many images at once."""

    def classify_many(self, questions):
        self.asked.append([len(group) for _, group in questions])
        return [[GENEVAL_COLORS[image.getpixel((0, 0))[0] % 10] for _ in group] for image, group in questions]


SIZES = [(8, 8), (8, 8), (6, 9), (8, 8), (9, 6), (6, 9), (8, 8)]


def dog(color=None):
    clause = {"class": "dog", "count": 1} | ({"color": color} if color else {})
    return Prompt("00000", "a dog", geneval={"tag": "t", "include": [clause]})


@pytest.fixture
def items(tmp_path):
    """Images of three sizes, of ten reds, every other one with a color in its prompt."""
    found = []
    for number in range(40):
        path = tmp_path / "images" / f"{number}.png"
        write_png(path, Image.new("RGB", SIZES[number % len(SIZES)], (number, 0, 0)))
        found.append(ScoringItem(path, dog("red" if number % 2 else None)))
    return found


def metric(detector=None, **options):
    return GenEvalMetric(GenEvalMetric.Options(**options), detector or Brightness())


def verdicts(results):
    return [(result.item, result.value, result.reason) for result in results]


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_hold_one_size_and_results_keep_their_order(items, workers):
    detector = Brightness()
    results = list(metric(detector, batch_size=4, workers=workers).score(items))
    assert [result.item for result in results] == items
    assert all(len(set(batch)) == 1 and len(batch) <= 4 for batch in detector.batches)
    assert sum(len(batch) == 4 for batch in detector.batches) >= 5, "sizes were not gathered"
    expected = [float(number % 2 == 0 or number % 10 == 0) for number in range(40)]
    assert [result.value for result in results] == expected


def test_verdicts_are_those_of_one_image_at_a_time(items):
    alone = metric(batch_size=1, workers=0).score(items)
    together = metric(batch_size=8, workers=0).score(items)
    assert verdicts(alone) == verdicts(together)


def test_colors_of_a_batch_are_asked_for_in_one_go(items):
    detector = Many()
    alike = [item for number, item in enumerate(items) if number % 7 in (0, 1, 3, 6)][:8]
    results = list(metric(detector, batch_size=8, workers=0).score(alike))
    assert detector.asked == [[1] * sum("color" in str(i.prompt.geneval) for i in alike)]
    one_by_one = Brightness()
    assert verdicts(metric(one_by_one, batch_size=8, workers=0).score(alike)) == verdicts(results)
    assert one_by_one.asked == [1] * len(detector.asked[0])


def test_a_batch_too_large_for_memory_is_halved(items):
    detector = Brightness(memory=2)
    results = list(metric(detector, batch_size=8, workers=0).score(items))
    assert all(result.value is not None for result in results)
    assert max(len(batch) for batch in detector.batches[2:]) == 2


def test_an_image_too_large_for_memory_has_a_reason_and_the_others_verdicts(items):
    class Small(Brightness):
        def detect(self, images):
            if any(image.size == (9, 6) for image in images):
                raise MemoryError("no room")
            return super().detect(images)

    results = list(metric(Small(), batch_size=4, workers=0).score(items))
    for number, result in enumerate(results):
        if SIZES[number % len(SIZES)] == (9, 6):
            assert (result.value, result.reason) == (None, "memory ran out: no room")
        else:
            assert result.value is not None


def test_a_detector_that_loses_an_image_is_stopped(items):
    class Forgetful(Brightness):
        def detect(self, images):
            return super().detect(images)[:-1]

    with pytest.raises(Exception, match="gave 3 results for 4"):
        list(metric(Forgetful(), batch_size=4, workers=0).score(items[:4] * 4))


def test_a_detector_says_how_many_images_it_likes(items):
    detector = Brightness()
    detector.batch_size = 3
    list(metric(detector, workers=0).score(items))
    assert max(map(len, detector.batches)) == 3


@pytest.fixture
def root(tmp_path):
    folder = GenEvalFolder(tmp_path / "model")
    for index in range(20):
        clause = {"class": "dog", "count": 1, "color": GENEVAL_COLORS[index % 10]}
        folder.write_metadata(index, {"tag": "colors", "include": [clause], "prompt": f"a dog {index}"})
        for sample in range(4):
            number = 4 * index + sample
            image = Image.new("RGB", SIZES[number % len(SIZES)], (number, 0, 0))
            write_png(folder.sample_path(index, sample), image)
    damaged = folder.sample_path(3, 1)
    damaged.write_bytes(damaged.read_bytes()[:50])
    return folder.root


@pytest.mark.parametrize(
    "stop_after",
    [1, 31, *(pytest.param(images, marks=pytest.mark.slow) for images in (0, 5, 30, 32, 50, 78))],
)
def test_a_run_taken_up_again_writes_the_same_bytes(root, tmp_path, stop_after):
    """The detector's numbers depend on the batch: only the same batches give the same file."""
    score_folder(root, metric(batch_size=4), tmp_path / "whole.jsonl")
    whole = (tmp_path / "whole.jsonl").read_bytes()
    assert whole.count(b"\n") == 79
    part = tmp_path / "part.jsonl"
    part.write_bytes(b"".join(whole.splitlines(keepends=True)[:stop_after]) + b'{"filename"')
    detector = Brightness()
    run = score_folder(root, metric(detector, batch_size=4), part)
    assert part.read_bytes() == whole
    assert (run.reused, len(run.failures)) == (stop_after, 1)
    seen = sum(map(len, detector.batches))
    assert seen <= 79 - stop_after + 15, "more than a window was looked at twice"


RUN = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from test_geneval_engine import Brightness, metric
from nami_bench.evaluation.geneval.folder_run import score_folder
class Slow(Brightness):
    def detect(self, images):
        import time; time.sleep(0.05)
        return super().detect(images)
print("ready", flush=True)
score_folder(Path(sys.argv[1]), metric(Slow(), batch_size=2, workers=1), Path(sys.argv[2]))
"""


@pytest.mark.slow
def test_kills_at_random_moments_lose_and_double_nothing(root, tmp_path):
    score_folder(root, metric(batch_size=2), tmp_path / "whole.jsonl")
    whole = (tmp_path / "whole.jsonl").read_bytes()
    output, moments, kills = tmp_path / "killed.jsonl", random.Random(3), 0
    arguments = [sys.executable, "-c", RUN, str(root), str(output), str(__file__).rsplit("/", 1)[0]]
    for end in (signal.SIGKILL, signal.SIGINT, signal.SIGKILL, signal.SIGTERM):
        with subprocess.Popen(
            arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            assert process.stdout.readline() == "ready\n"
            time.sleep(moments.uniform(0.3, 1.0))
            process.send_signal(end)
        kills += process.returncode != 0
        left = output.read_bytes() if output.exists() else b""
        assert whole.startswith(left[: left.rfind(b"\n") + 1])
    assert kills >= 2
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)
    assert output.read_bytes() == whole
    assert len({json.loads(line)["filename"] for line in whole.splitlines()}) == 79
