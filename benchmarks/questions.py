"""The judge `transformers`: an image run once for all its questions, against one question at a time.

    python -m benchmarks.questions                                         a small network on a CPU
    python -m benchmarks.questions --network 2b --device cuda \\
        --dtype bfloat16 --images 64 --size 1024                           Qwen3-VL-2B's sizes on a GPU

Both ways are the judge itself, with `reuse` on and off: the same network in the same process, in turns. One
at a time is how GenEval 2's own program asks: image and question through processor and network, for one
token. The network is a Qwen3-VL with random weights, which take as long as trained ones, and the tokenizer of
tests/data/geneval2. There are seven and eight questions to an image in turns, GenEval 2's 7.5 on average.

Answers must be the same: the exit code is 1 where they are not, or below the ratio --at-least.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

TOY = Path(__file__).resolve().parents[1] / "tests" / "data" / "geneval2" / "model"
ALONE, ONCE = "one question at a time", "each image once"
NETWORKS: dict[str, dict[str, dict[str, Any]]] = {
    "small": {
        "text": {
            "hidden_size": 256,
            "intermediate_size": 768,
            "num_hidden_layers": 6,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 64,
            "vocab_size": 8192,
        },
        "vision": {
            "depth": 4,
            "hidden_size": 192,
            "intermediate_size": 768,
            "num_heads": 3,
            "out_hidden_size": 256,
            "deepstack_visual_indexes": [0, 1, 2],
        },
    },
    "2b": {  # of Qwen/Qwen3-VL-2B-Instruct
        "text": {
            "hidden_size": 2048,
            "intermediate_size": 6144,
            "num_hidden_layers": 28,
            "num_attention_heads": 16,
            "num_key_value_heads": 8,
            "head_dim": 128,
            "vocab_size": 151936,
        },
        "vision": {
            "depth": 24,
            "hidden_size": 1024,
            "intermediate_size": 4096,
            "num_heads": 16,
            "out_hidden_size": 2048,
            "deepstack_visual_indexes": [5, 11, 17],
        },
    },
}
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
    from nami_bench.evaluation.questions.judges.transformers_model import TransformersJudge
    from nami_bench.generators.nami.bench.machine import describe_machine, describe_versions
    from nami_bench.neural.device import choose_device

    model, sheets = build(work / "network", settings.network), ask(work / "images", settings)
    common: dict[str, Any] = {"device": settings.device, "dtype": settings.dtype}
    common["batch_size"] = settings.batch_size
    judges = {
        name: TransformersJudge(TransformersJudge.Options(str(model), reuse=name == ONCE, **common))
        for name in (ALONE, ONCE)
    }
    seconds: dict[str, list[float]] = {name: [] for name in judges}
    others: dict[str, list[float]] = {name: [] for name in judges}
    own: dict[str, list[float]] = {name: [] for name in judges}
    answers: dict[str, list[Any]] = {}
    for judge in judges.values():  # weights are loaded, and both ways tried, before the clock starts
        list(judge.answer(sheets[:2]))
    for _ in range(settings.rounds):
        for name, judge in judges.items():
            began, busy, worked = time.perf_counter(), busy_elsewhere(), time.process_time()
            answers[name] = [answer for of_sheet in judge.answer(sheets) for answer in of_sheet]
            seconds[name].append(time.perf_counter() - began)
            own[name].append(time.process_time() - worked)
            others[name].append(round((busy_elsewhere() - busy) / seconds[name][-1], 2))
    median = {name: statistics.median(of_way) for name, of_way in seconds.items()}
    worked_median = {name: statistics.median(of_way) for name, of_way in own.items()}
    return {
        "command": " ".join(["python -m benchmarks.questions", *sys.argv[1:]]),
        "settings": asdict(settings),
        "judge": judges[ONCE].identity,
        "questions": len(answers[ONCE]),
        "image_tokens": (settings.size // 32) ** 2,
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


def compare(alone: Sequence[Any], once: Sequence[Any], dtype: str) -> dict[str, Any]:
    """How far answers to the same questions differ."""
    assert not [answer.problem for answer in (*alone, *once) if answer.problem]
    pairs = list(zip(alone, once, strict=True))
    largest = max(abs(one.probability - other.probability) for one, other in pairs)
    words = sum(one.text != other.text for one, other in pairs)
    bound, same_words = BOUNDS[dtype]
    return {
        "largest_difference_of_probabilities": largest,
        "words_that_differ": words,
        "answers_agree": largest <= bound and not (same_words and words),
    }


def build(folder: Path, network: str) -> Path:
    """A Qwen3-VL with random weights that takes images as they are, in a folder."""
    import torch
    import transformers

    shutil.copytree(TOY, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    (folder / "preprocessor_config.json").write_text(json.dumps(_image_settings()))
    config = json.loads((TOY / "config.json").read_text())
    sizes = NETWORKS[network]
    heads = sizes["text"]["head_dim"]
    rope = {**config["text_config"]["rope_scaling"], "mrope_section": [heads // 4, heads // 8, heads // 8]}
    config["text_config"] |= {**sizes["text"], "rope_scaling": rope, "max_position_embeddings": 32768}
    config["vision_config"] |= {**sizes["vision"], "num_position_embeddings": 2304}
    torch.manual_seed(0)
    built = transformers.Qwen3VLForConditionalGeneration(transformers.Qwen3VLConfig(**config))
    with torch.no_grad():
        built.lm_head.weight[:420] *= 8  # the tokenizer's: some answers are likelier than others
    built.save_pretrained(folder)
    return folder


def _image_settings() -> Mapping[str, Any]:
    settings: dict[str, Any] = json.loads((TOY / "preprocessor_config.json").read_text())
    return {**settings, "size": {"shortest_edge": 32 * 32, "longest_edge": 4096 * 4096}}


def ask(root: Path, settings: Settings) -> list[Any]:
    """Images, and seven or eight questions about each."""
    from benchmarks import geneval_pictures
    from nami_bench.evaluation.questions.graph import Question
    from nami_bench.evaluation.questions.judge import Sheet
    from nami_bench.images import GenEvalFolder, read_image

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
    print(f"probabilities differ by {largest:.1e} at most; words that differ: {words}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--network", choices=sorted(NETWORKS), default="small")
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
    return parser.parse_args()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    sys.exit(main())
