"""The questions engine: an image's questions together against one by one, of two judges.

A Qwen3-VL of a few hundred million parameters (GenEval 2's judge is one), in bfloat16 on a GPU, and mPLUG
with the published sizes, in float32; random weights. See `benchmarks.questions`, which measures the same at
length.
"""

import statistics
from dataclasses import asdict
from functools import partial
from typing import Any

from benchmarks import questions
from benchmarks.gpu.part import Part
from benchmarks.questions import ONCE, Settings


def measure(part: Part) -> None:
    """Both judges, each in turns."""
    judges: dict[str, Any] = {}
    for name, settings in _settings(part).items():
        if part.left <= 0:
            part.leave_out(name)
            continue
        judges[name] = _measure(part, name, settings)
        part.keep(judges=judges)


def _settings(part: Part) -> dict[str, Settings]:
    dtype = "float32" if part.device == "cpu" else "bfloat16"
    common: dict[str, Any] = {"device": part.device, "batch_size": 16}
    if part.small:
        common |= {"images": 2, "size": 64, "rounds": 1}
        return {
            "decoder": Settings(network="small", dtype=dtype, **common),
            "mplug": Settings(network="mplug", dtype="float32", **common),
        }
    common |= {"images": 16, "size": 512, "rounds": 3}
    return {
        "decoder": Settings(network="400m", dtype=dtype, **common),
        "mplug": Settings(network="mplug-large", dtype="float32", **common),
    }


def _measure(part: Part, name: str, settings: Settings) -> dict[str, Any]:
    """Seconds of both ways, their ratio, and how far their answers differ."""
    ways = questions.ways_of(settings, part.work / settings.network)
    sheets = questions.ask(part.work / f"images-{settings.network}", settings)
    named = {f"{name}, {how}": partial(way.answers, sheets) for how, way in ways.items()}
    seconds, answers = part.in_turns(named, settings.rounds)
    median = {how: statistics.median(of_way) for how, of_way in seconds.items()}
    alone, once = named
    found: dict[str, Any] = {
        "settings": asdict(settings),
        "judge": ways[ONCE].judge.identity,
        "questions": sum(len(sheet.questions) for sheet in sheets),
        "image_tokens": questions.image_tokens(settings, ways[ONCE].judge),
        "images_per_second": {how: settings.images / middle for how, middle in median.items()},
    }
    if named.keys() <= median.keys():
        found |= {
            "ratio": median[alone] / median[once],
            **questions.compare(answers[alone], answers[once], settings.dtype),
        }
    return found
