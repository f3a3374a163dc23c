"""What folders of sample images say of the plan that they are measured by."""

import time

from nami_bench.domain import PromptSet
from nami_bench.errors import InputError
from nami_bench.generators.folder import FolderGenerator
from nami_bench.pipeline.prompt_sets import folder_prompt_set
from nami_bench.watching.checkpoints import Kind
from nami_bench.watching.lookout import Found, Lookout
from nami_bench.watching.measuring import Plan

SAMPLES = 4
"""Of each prompt, where models draw them and nobody said otherwise."""


def found_plan(
    lookout: Lookout, prompt_set: PromptSet | None, samples: int | None, seed: int, wait: float | None
) -> Plan:
    """What checkpoints are measured by. What is not given, the first whole folder of sample images says: its
    prompts are those of its metadata, and there are as many samples as its fullest prompt has.

    `wait`: seconds between two looks for a first checkpoint; None: it must be there. Raises InputError where
    prompts are neither given nor found.
    """
    if prompt_set is not None and samples is not None:
        return Plan(prompt_set, samples, seed)
    first = _first(lookout, wait)
    if first is None or first.checkpoint.kind is not Kind.IMAGES:
        if prompt_set is None:
            what = _none_yet(lookout) if first is None else f"{first.name} holds a model"
            raise InputError(f"{what}: name the prompts to measure by with --prompts")
        return Plan(prompt_set, samples or SAMPLES, seed)
    path = first.checkpoint.path
    found = FolderGenerator(FolderGenerator.Options(path)).samples_per_prompt()
    return Plan(prompt_set or folder_prompt_set(path, "samples"), samples or found, seed)


def _none_yet(lookout: Lookout) -> str:
    name, why = next(iter(lookout.waiting.items()), ("", ""))
    return f"there is no whole checkpoint yet{f' ({name} {why})' if name else ''}"


def _first(lookout: Lookout, wait: float | None) -> Found | None:
    looks = 0
    while not (found := lookout.look()):
        looks += 1
        if wait is None and (looks > 1 or not lookout.unsettled):
            return None
        time.sleep(lookout.settle if lookout.unsettled else wait or 0.0)
    return found[0]
