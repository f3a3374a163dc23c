import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from nami_bench import registry
from nami_bench.domain import GENEVAL_TASKS, ImageState, Prompt
from nami_bench.errors import InputError
from nami_bench.evaluation.geneval.rules import judge
from nami_bench.evaluation.geneval.shapes_detector import ShapesDetector
from nami_bench.generators.protocol import GenerationRequest
from nami_bench.generators.shapes import ShapesGenerator
from nami_bench.prompts.geneval import Grammar, geneval_prompt_set
from nami_bench.shapes import COLORS, SHAPES

RELATIONS = ("left of", "right of", "above", "below")


def generator(**options):
    return ShapesGenerator(ShapesGenerator.Options(**options))


def requests(task, count):
    """`count` requests over the task's prompts."""
    prompts = geneval_prompt_set("shapes", Grammar(SHAPES, None), per_task=50).prompts
    chosen = [prompt for prompt in prompts if prompt.task == task]
    return [GenerationRequest(chosen[i % len(chosen)], i // len(chosen), 7000 + i) for i in range(count)]


def verdict(result):
    detector = ShapesDetector()
    (detections,) = detector.detect([result.image])
    return judge(result.request.prompt.metadata(), detections, result.image, detector.color_classifier)


def pixels(results):
    return {(r.request.prompt.id, r.request.seed): r.image.tobytes() for r in results}


@pytest.mark.parametrize("size", [64, 256])
@pytest.mark.parametrize("task", GENEVAL_TASKS)
def test_clean_pictures_satisfy_genevals_rules(task, size):
    for result in generator(size=size).generate(requests(task, 25)):
        assert result.provenance == {"planted_error": None}
        assert verdict(result).correct, (result.request, verdict(result).reason)


@pytest.mark.parametrize("task", GENEVAL_TASKS)
def test_pictures_with_a_planted_error_violate_genevals_rules(task):
    for result in generator(size=64, error_rate=1).generate(requests(task, 50)):
        assert result.provenance["planted_error"].startswith(f"{task}: drew ")
        assert not verdict(result).correct, (result.request, result.provenance)


@st.composite
def rich_clauses(draw):
    """Up to three clauses with counts up to 6, colors and positions, as written prompts have them."""
    classes = draw(st.lists(st.sampled_from(SHAPES), min_size=2, max_size=3, unique=True))
    counts = draw(st.sampled_from([(1, 1, 1), (2, 1, 1), (1, 3, 1), (6, 1, 2), (3, 4, 3), (1, 1, 5)]))
    include = []
    for index, (name, count) in enumerate(zip(classes, counts, strict=False)):
        clause = {"class": name, "count": count}
        if draw(st.booleans()) or index == 0:
            clause["color"] = draw(st.sampled_from(list(COLORS)))
        if index == 1 and max(counts[:2]) == 1:
            clause["position"] = [draw(st.sampled_from(RELATIONS)), 0]
        include.append(clause)
    exclude = [{"class": c["class"], "count": c["count"] + 1} for c in include]
    tags = ["two_object", "counting", "colors", "color_attr"]
    if "position" in include[1]:
        tags.append("position")
    return {"tag": draw(st.sampled_from(tags)), "include": include, "exclude": exclude}


@settings(max_examples=40, deadline=None)
@given(clauses=rich_clauses(), seed=st.integers(0, 2**63 - 1), error=st.booleans())
def test_rich_clauses_are_satisfied_or_violated_as_planned(clauses, seed, error):
    request = GenerationRequest(Prompt("00000", "a prompt", geneval=clauses), 0, seed)
    (result,) = generator(size=64, error_rate=float(error)).generate([request])
    assert result.state is ImageState.DONE, result.reason
    assert verdict(result).correct is not error, (result.provenance, verdict(result).reason)


def test_errors_are_planted_at_the_given_rate_and_a_tasks_own_rate_wins():
    rates = {"error_rate": 0.2, "counting": 0.6, "colors": 0.0}
    for task in GENEVAL_TASKS:
        results = generator(size=64, **rates).generate(requests(task, 100))
        planted = sum(result.provenance["planted_error"] is not None for result in results)
        expected = rates.get(task, 0.2)
        assert binomtest(planted, 100, expected).pvalue > 1e-4, (task, planted)


def test_a_higher_rate_adds_errors_and_leaves_the_other_pictures_as_they_are():
    few, many = (
        list(generator(size=64, error_rate=rate).generate(requests("counting", 60))) for rate in (0.1, 0.5)
    )
    changes = Counter()
    for a, b in zip(few, many, strict=True):
        changes[bool(a.provenance["planted_error"]), bool(b.provenance["planted_error"])] += 1
        if a.provenance == b.provenance:
            assert a.image.tobytes() == b.image.tobytes()
    assert changes[True, False] == 0
    assert changes[False, True] > 10


def test_the_same_request_gives_the_same_pixels_in_any_batch_and_order():
    asked = [request for task in GENEVAL_TASKS for request in requests(task, 8)]
    together = pixels(generator(size=64, error_rate=0.5).generate(asked))
    shuffled = [asked[i] for i in np.random.default_rng(0).permutation(len(asked))]
    backwards = pixels(generator(size=64, error_rate=0.5).generate(shuffled))
    alone = {}
    for request in asked:
        alone |= pixels(generator(size=64, error_rate=0.5).generate([request]))
    assert together == backwards == alone
    assert len(set(together.values())) == len(asked)


def test_results_come_in_order_with_their_time():
    asked = requests("two_object", 5)
    results = list(generator(size=64).generate(asked))
    assert [result.request for result in results] == asked
    assert all(0 < result.seconds < 10 for result in results)


@pytest.mark.parametrize(
    ("clauses", "reason"),
    [
        (None, "only draws prompts with GenEval clauses"),
        ({"tag": "single_object", "include": [{"class": "dog", "count": 1}]}, "only draws circle"),
        ({"tag": "single_object"}, "no include or exclude clause"),
        ({}, "the prompt's clauses"),
    ],
)
def test_prompts_that_cannot_be_drawn_fail_with_a_reason_and_the_rest_goes_on(clauses, reason):
    bad = GenerationRequest(Prompt("00000", "a prompt", geneval=clauses), 0, 1)
    failed, done = generator(size=64).generate([bad, *requests("colors", 1)])
    assert failed.state is ImageState.FAILED
    assert reason in failed.reason
    assert failed.image is None
    assert done.state is ImageState.DONE


def test_the_plugin_takes_options_as_the_command_line_gives_them():
    made = registry.create("generators", "shapes", {"size": "64", "error_rate": "0.25", "position": "1"})
    assert made.options == ShapesGenerator.Options(size=64, error_rate=0.25, position=1.0)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"size": "63"}, "size 63 is not between 64 and 1024"),
        ({"error_rate": "1.5"}, "error_rate 1.5 is not between 0 and 1"),
        ({"counting": "nan"}, "counting nan is not between 0 and 1"),
        ({"errors": "1"}, "errors: unknown key"),
    ],
)
def test_bad_options_are_refused(options, complaint):
    with pytest.raises(InputError, match=complaint):
        registry.create("generators", "shapes", options)


def test_the_description_is_json_and_says_that_this_is_no_model():
    described = json.loads(json.dumps(generator(error_rate=0.1).describe()))
    assert described["note"] == "a test instrument, not a model"
    assert described["options"]["error_rate"] == 0.1
