"""The embedded texts say exactly what their clauses say, and the renderer can draw them."""

import re
from collections import Counter

import numpy as np
import pytest

from nami_bench.domain import GENEVAL_COLORS, GENEVAL_RELATIONS, GENEVAL_TASKS
from nami_bench.generators.scenes import plan_scene
from nami_bench.prompts.files import digest
from nami_bench.prompts.sources import ShapesCommunitySource, ShapesLongSource
from nami_bench.shapes import SHAPES

NUMBERS = {
    1: ("a", "an", "one", "single"),
    2: ("two", "2"),
    3: ("three", "3"),
    4: ("four", "4"),
    5: ("five", "5"),
}
COMMUNITY = ShapesCommunitySource().load().candidates
LONG = ShapesLongSource().load().candidates
PLURALS = {shape: f"{shape}(?:es|s)?" for shape in SHAPES}


def named(words, text):
    return {word for word in words if re.search(rf"\b{PLURALS.get(word, word)}\b", text, re.IGNORECASE)}


@pytest.mark.parametrize("candidates", [COMMUNITY, LONG], ids=["community", "long"])
def test_each_set_has_every_task_four_times_or_more(candidates):
    tasks = Counter(c.geneval["tag"] for c in candidates)
    assert set(tasks) == set(GENEVAL_TASKS)
    assert min(tasks.values()) >= 4
    assert len({c.text for c in candidates}) == len(candidates) >= 24


@pytest.mark.parametrize("candidate", COMMUNITY + LONG, ids=lambda c: c.text[:40])
def test_text_and_clauses_agree(candidate):
    text, include = candidate.text, candidate.geneval["include"]
    assert named(SHAPES, text) == {entry["class"] for entry in include}
    assert named(GENEVAL_COLORS, text) == {entry["color"] for entry in include if "color" in entry}
    for entry in include:
        shape = PLURALS[entry["class"]] if entry["count"] > 1 else entry["class"]
        color = rf"{entry['color']} " if "color" in entry else ""
        numbers = "|".join(NUMBERS[entry["count"]])
        # "3 red circles", "an orange star"; terse prompts leave the article out.
        article = rf"\b(?:{numbers}) " if entry["count"] > 1 or not color else ""
        assert (
            re.search(rf"{article}{color}{shape}\b", text, re.IGNORECASE)
            or candidate.tags["task"] == "position"
        )
        if "position" in entry:
            target = include[entry["position"][1]]["class"]
            assert re.search(rf"{entry['class']} (?:to the )?{entry['position'][0]} an? {target}\b", text)
    if candidate.geneval["tag"] != "position":
        assert not any("position" in entry for entry in include)


@pytest.mark.parametrize("candidate", COMMUNITY + LONG, ids=lambda c: c.text[:40])
def test_counts_are_exact_where_counting_is_the_task(candidate):
    geneval = candidate.geneval
    limits = [(e["class"], e["count"] - 1) for e in geneval.get("exclude", [])]
    wanted = [(e["class"], e["count"]) for e in geneval["include"]]
    assert limits == (wanted if geneval["tag"] == "counting" else [])


@pytest.mark.parametrize("candidate", COMMUNITY + LONG, ids=lambda c: c.text[:40])
def test_the_shapes_renderer_can_draw_it(candidate):
    scene = plan_scene(candidate.geneval, np.random.default_rng(0))
    assert Counter(o.shape for o in scene.objects) == {
        e["class"]: e["count"] for e in candidate.geneval["include"]
    }


def test_lengths_belong_to_their_stratum():
    assert all(4 <= len(c.text.split()) <= 25 for c in COMMUNITY)
    assert all(60 <= len(c.text.split()) <= 120 for c in LONG)


def test_all_shapes_colors_and_relations_occur():
    entries = [entry for c in COMMUNITY + LONG for entry in c.geneval["include"]]
    assert {e["class"] for e in entries} == set(SHAPES)
    assert {e["color"] for e in entries if "color" in e} == set(GENEVAL_COLORS)
    assert {e["position"][0] for e in entries if "position" in e} == set(GENEVAL_RELATIONS)


def test_the_content_hash_is_that_of_the_packages_file():
    from importlib.resources import files

    content = ShapesLongSource().load()
    assert content.sha256 == digest((files("nami_bench.prompts") / "data" / "shapes_long.jsonl").read_bytes())
