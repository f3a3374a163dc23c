"""An image run once for all its questions, against one question at a time.

    python -m benchmarks.questions                                         a small decoder on a CPU
    python -m benchmarks.questions --network mplug                         a small mPLUG on a CPU
    python -m benchmarks.questions --network mplug-large --images 2        mPLUG's own sizes
    python -m benchmarks.questions --network 2b --device cuda \\
        --dtype bfloat16 --images 64 --size 1024                           Qwen3-VL-2B's sizes on a GPU

Both ways are the same network in the same process, in turns. Of a decoder they are the judge `transformers`
with `reuse` on and off: one at a time is how GenEval 2's own program asks, image and question through
processor and network, for one token. Of mPLUG they are the judge `mplug` that gets an image with all of its
questions, and an image with one: one at a time is how DPG-Bench's own program asks.

Networks have random weights (`benchmarks/questions_models.py`). There are seven and eight questions to an
image in turns, GenEval 2's 7.5 on average.

Answers must be the same: the exit code is 1 where they are not, or below the ratio --at-least.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ALONE, ONCE = "one question at a time", "each image once"
# The most that probabilities may differ, and whether the likeliest words must be the same: in 16 bits two
# words of a random network are often equally likely.
BOUNDS = {"float32": (1e-5, True), "bfloat16": (0.02, False), "float16": (0.02, False)}
_NOUNS = ("kettles", "crowns", "goats", "anchors", "lamps", "dice", "frogs", "kites", "maps", "jars")
_ASKED = (
    "How many {} are in the image?",
    "Are there any {} in the image?",
    "Are the {} teal?",
    "Are the {} on the shelf?",
    "Is there a goose near the {} in the image?",
)


@dataclass(frozen=True)
class Settings:
    """What is measured: `images` of `size` pixels, `rounds` times each way, in turns."""

    network: str
    device: str
    dtype: str
    images: int
    size: int
    batch_size: int
    rounds: int


def main() -> int:
    """Run it; 0 where answers agree and the ratio is as asked."""
    arguments = _arguments()
    settings = Settings(**{name: getattr(arguments, name) for name in Settings.__dataclass_fields__})
    with tempfile.TemporaryDirectory() as folder:
        report = measure(settings, Path(folder))
    print_report(report)
    if arguments.output:
        arguments.output.write_text(json.dumps(report, indent=2) + "\n")
    if not report["answers_agree"]:
        print("the answers differ", file=sys.stderr)
        return 1
    return 0 if report["ratio"] >= arguments.at_least else 1


def measure(settings: Settings, work: Path) -> dict[str, Any]:
    """Build network and images in `work`; time both ways and compare their answers."""
    from benchmarks.geneval import busy_elsewhere
    from nami_bench.generators.nami.bench.machine import describe_machine, describe_versions
    from nami_bench.neural.device import choose_device

    ways, sheets = ways_of(settings, work / "network"), ask(work / "images", settings)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    others: dict[str, list[float]] = {name: [] for name in ways}
    own: dict[str, list[float]] = {name: [] for name in ways}
    answers: dict[str, list[Any]] = {}
    for way in ways.values():  # weights are loaded, and both ways tried, before the clock starts
        way.answers(sheets[:2])
    for _ in range(settings.rounds):
        for name, way in ways.items():
            began, busy, worked = time.perf_counter(), busy_elsewhere(), time.process_time()
            answers[name] = way.answers(sheets)
            seconds[name].append(time.perf_counter() - began)
            own[name].append(time.process_time() - worked)
            others[name].append(round((busy_elsewhere() - busy) / seconds[name][-1], 2))
    median = {name: statistics.median(of_way) for name, of_way in seconds.items()}
    worked_median = {name: statistics.median(of_way) for name, of_way in own.items()}
    return {
        "command": " ".join(["python -m benchmarks.questions", *sys.argv[1:]]),
        "settings": asdict(settings),
        "judge": ways[ONCE].judge.identity,
        "questions": len(answers[ONCE]),
        "image_tokens": image_tokens(settings, ways[ONCE].judge),
        "seconds": seconds,
        "processor_seconds": own,
        "cores_used_by_others": others,
        "images_per_second": {name: settings.images / middle for name, middle in median.items()},
        "ratio": median[ALONE] / median[ONCE],
        "ratio_of_processor_seconds": worked_median[ALONE] / worked_median[ONCE],
        **compare(answers[ALONE], answers[ONCE], settings.dtype),
        "machine": describe_machine(choose_device(settings.device)),
        "versions": describe_versions(),
    }


@dataclass(frozen=True)
class Way:
    """A judge; `split`: it gets an image with one question at a time."""

    judge: Any
    split: bool = False

    def answers(self, sheets: Sequence[Any]) -> list[Any]:
        """To all questions, in order."""
        from nami_bench.evaluation.questions.judge import Sheet

        if self.split:
            sheets = [Sheet(sheet.image, (question,)) for sheet in sheets for question in sheet.questions]
        return [answer for of_sheet in self.judge.answer(sheets) for answer in of_sheet]


def ways_of(settings: Settings, folder: Path) -> dict[str, Way]:
    """Both ways to ask a network, which is built in `folder`."""
    from benchmarks.questions_models import MPLUG_SIZES, build_mplug, build_qwen

    common: dict[str, Any] = {"device": settings.device, "batch_size": settings.batch_size}
    if settings.network in MPLUG_SIZES:
        from nami_bench.evaluation.questions.judges.mplug.judge import MplugJudge

        mplug = MplugJudge(MplugJudge.Options(model=build_mplug(folder, settings.network), **common))
        return {ALONE: Way(mplug, split=True), ONCE: Way(mplug)}
    from nami_bench.evaluation.questions.judges.transformers_model import TransformersJudge

    common |= {"model": str(build_qwen(folder, settings.network)), "dtype": settings.dtype}
    return {
        name: Way(TransformersJudge(TransformersJudge.Options(reuse=name == ONCE, **common)))
        for name in (ALONE, ONCE)
    }


def image_tokens(settings: Settings, judge: Any) -> int:
    """How many tokens an image is to the network."""
    config = getattr(judge, "config", None)  # mPLUG's, which makes every image one size
    return (settings.size // 32) ** 2 if config is None else int(config.image.tokens)


def compare(alone: Sequence[Any], once: Sequence[Any], dtype: str) -> dict[str, Any]:
    """How far answers to the same questions differ."""
    assert not [answer.problem for answer in (*alone, *once) if answer.problem]
    pairs = list(zip(alone, once, strict=True))
    given = [pair for pair in pairs if pair[0].probability is not None]
    largest = max((abs(one.probability - other.probability) for one, other in given), default=None)
    words = sum(one.text != other.text for one, other in pairs)
    bound, same_words = BOUNDS[dtype]
    return {
        "largest_difference_of_probabilities": largest,
        "different_answers": len({answer.text for answer in once}),
        "words_that_differ": words,
        "answers_agree": (largest or 0) <= bound and not (same_words and words),
    }


def ask(root: Path, settings: Settings) -> list[Any]:
    """Images, and seven or eight questions about each."""
    from benchmarks import geneval_pictures
    from nami_bench.evaluation.questions.graph import Question
    from nami_bench.evaluation.questions.judge import Sheet
    from nami_bench.geneval_folder import GenEvalFolder
    from nami_bench.images import read_image

    geneval_pictures.draw(root, settings.images, settings.size)
    texts = [asked.format(noun) for noun in _NOUNS for asked in _ASKED]
    sheets = []
    for number, file in enumerate(GenEvalFolder(root).samples()):
        chosen = [texts[(11 * number + 3 * n) % len(texts)] for n in range(7 + number % 2)]
        questions = (Question(n, text, "two" if "many" in text else "Yes") for n, text in enumerate(chosen))
        sheets.append(Sheet(read_image(file.path), tuple(questions)))
    return sheets


def print_report(report: dict[str, Any]) -> None:
    """For people."""
    settings, machine = report["settings"], report["machine"]
    print(report["judge"])
    where = (machine[key] for key in ("device", "processor", "cpu_cores", "load_average"))
    print("{}, {}, {} cores, load {}".format(*where))
    side = settings["size"]
    print(f"{settings['images']} images of {side}x{side}, {report['questions']} questions")
    for name, seconds in report["seconds"].items():
        each = ", ".join(f"{s:.2f} s" for s in seconds)
        each += "; cores used by others: " + ", ".join(
            f"{n:.1f}" for n in report["cores_used_by_others"][name]
        )
        print(f"{name:>22}: {report['images_per_second'][name]:7.2f} images/s  ({each})")
    worked = report["ratio_of_processor_seconds"]
    print(f"ratio of the medians: {report['ratio']:.2f}; of this program's processor time: {worked:.2f}")
    largest, words = report["largest_difference_of_probabilities"], report["words_that_differ"]
    if largest is not None:
        print(f"probabilities differ by {largest:.1e} at most")
    print(f"answers whose words differ: {words} (of {report['different_answers']} different ones)")


def _arguments() -> argparse.Namespace:
    from benchmarks.questions_models import MPLUG_SIZES, QWEN_SIZES

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--network", choices=sorted(QWEN_SIZES | MPLUG_SIZES), default="small")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 ... (default: cpu)")
    parser.add_argument("--dtype", choices=sorted(BOUNDS), default="float32", help="for both ways")
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--size", type=int, default=512, help="side in pixels")
    parser.add_argument("--batch-size", type=int, default=16, help="questions in one pass")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--at-least", type=float, default=1.5, help="the least ratio; below it the exit code is 1"
    )
    parser.add_argument("-o", "--output", type=Path, help="write the report as JSON")
    arguments = parser.parse_args()
    if arguments.network in MPLUG_SIZES and arguments.dtype != "float32":
        parser.error("mPLUG is run in float32")
    return arguments


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    sys.exit(main())
