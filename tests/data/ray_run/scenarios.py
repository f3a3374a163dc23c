"""Runs on a Ray cluster of two workers: scenarios.py FOLDER [all]. Writes FOLDER/NAME.json after each.

With "all" the last one does not end: whoever started this kills it once it has said "running".
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from nami_bench import pipeline
from nami_bench.domain import ModelCard, Prompt, PromptSet
from nami_bench.engines.ray_cluster import ray_engine
from nami_bench.errors import NamiBenchError
from nami_bench.evaluation.geneval.folder_run import score_folder
from nami_bench.evaluation.geneval.metric import GenEvalMetric
from nami_bench.store import Store

CLAUSES = {"tag": "single_object", "include": [{"class": "star", "count": 1}]}


def prompt_set(count, poison=None):
    texts = ["poison" if i == poison else "a star" for i in range(count)]
    return PromptSet(
        f"set{count}", tuple(Prompt(f"{i:05d}", text, geneval=CLAUSES) for i, text in enumerate(texts))
    )


def generate(root, prompts, engine, flag, seconds=0.0, advance=lambda count: None):
    """Images of two samples in ROOT/images, and what the store says of them."""
    options = {"size": 64, "error_rate": 0.5, "flag": str(flag), "seconds": seconds}
    with Store.open(f"sqlite:///{root / 'nami.db'}") as store:
        store.catalog.add_prompt_set(prompts)
        store.catalog.add_model(ModelCard("m", "deadly", options))
        report = pipeline.generate(
            store, root / "images", "m", prompts, samples=2, advance=advance, engine=engine
        )
        return {"counts": report.counts, "images": [asdict(image) for image in store.images.find()]}


def evaluate(root, prompts, engine, flag):
    """The recorded scores of the images."""
    options = {"detector": "deadly", "detector_options": {"flag": str(flag)}, "workers": 0}
    with Store.open(f"sqlite:///{root / 'nami.db'}") as store:
        counts = pipeline.evaluate(
            store, root / "images", "geneval", options, ["m"], prompts.name, engine=engine
        )
        return {"counts": counts, "scores": [asdict(score) for score in store.scores.find()]}


def geneval(root, prompts, engine, flag, output):
    options = {"detector": "deadly", "detector_options": {"flag": str(flag)}, "workers": 0}
    run = score_folder(
        root / "images" / "m" / prompts.name,
        GenEvalMetric(GenEvalMetric.Options(**options)),
        output,
        engine=engine,
    )
    return {"results": len(run.results), "failures": len(run.failures)}


def say(word):
    assert sys.__stdout__ is not None
    sys.__stdout__.write(f"{word}\n")  # what Ray has to say goes to stderr meanwhile
    sys.__stdout__.flush()


def room(**asked):
    try:
        with ray_engine(**asked):
            return "there was room"
    except NamiBenchError as error:
        return str(error)


def main(folder, everything):
    def keep(name, found):
        (folder / f"{name}.json").write_text(json.dumps(found, default=str))

    for name in ("killed", "poison", "driver"):
        (folder / name).mkdir()
    prompts = prompt_set(20)
    flags = {name: folder / f"{name}-flag" for name in ("generate", "evaluate", "geneval")}
    with ray_engine("local", workers=2, cpus=0.5) as engine:
        keep("workers", [asdict(engine), room(workers=100_000), room(cpus=100_000)])
        killed = folder / "killed"
        keep("generate", generate(killed, prompts, engine, flags["generate"]))
        if not everything:
            return
        keep("evaluate", evaluate(killed, prompts, engine, flags["evaluate"]))
        keep("geneval", geneval(killed, prompts, engine, flags["geneval"], folder / "results.jsonl"))
        keep("poison", generate(folder / "poison", prompt_set(10, poison=5), engine, flags["generate"]))
        say("running")
        generate(folder / "driver", prompts, engine, flags["generate"], 0.2, say)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] == ["all"])
