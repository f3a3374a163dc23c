import hashlib
from collections import Counter

import pytest

from nami_bench import shapes
from nami_bench.domain import GENEVAL_CLASSES, GENEVAL_COLORS
from nami_bench.errors import InputError
from nami_bench.prompts.geneval import (
    OFFICIAL_SHA256,
    Grammar,
    geneval_metadata,
    geneval_prompt_set,
    metadata_lines,
)
from tests.support.foreign import FOREIGN, needs

PUBLISHED = FOREIGN / "geneval"
SHAPES = Grammar(class_names=shapes.SHAPES, uncolored=None)


def test_default_is_the_official_file_byte_for_byte():
    lines = metadata_lines(geneval_metadata())
    assert hashlib.sha256(lines).hexdigest() == OFFICIAL_SHA256
    assert len(lines.splitlines()) == 553


@needs(PUBLISHED, "evaluation_metadata.jsonl and object_names.txt of djghosh13/geneval on GitHub")
def test_agrees_with_the_published_files():
    assert metadata_lines(geneval_metadata()) == (PUBLISHED / "evaluation_metadata.jsonl").read_bytes()
    names = (PUBLISHED / "object_names.txt").read_text(encoding="utf-8")
    assert list(GENEVAL_CLASSES) == names.split("\n")[:80]


def test_official_task_counts():
    counts = Counter(row["tag"] for row in geneval_metadata())
    assert counts == {
        "single_object": 80,
        "two_object": 99,
        "counting": 80,
        "colors": 94,
        "position": 100,
        "color_attr": 100,
    }


@pytest.mark.parametrize("seed", [0, 1, 2, 43])
def test_a_person_is_never_given_a_color_but_is_spoken_of(seed):
    rows = geneval_metadata(seed=seed)
    colored = [entry for row in rows for entry in row["include"] if "color" in entry]
    assert "person" not in {entry["class"] for entry in colored}
    assert len({entry["class"] for entry in colored}) > 60
    assert any(entry["class"] == "person" for row in rows for entry in row["include"])


@pytest.mark.parametrize("grammar", [Grammar(), SHAPES])
def test_clauses_say_what_the_text_says(grammar):
    for row in geneval_metadata(grammar, seed=5):
        phrases = [" ".join(filter(None, (e.get("color"), e["class"]))) for e in row["include"]]
        assert all(phrase in row["prompt"] for phrase in phrases)
        if row["tag"] == "counting":
            (entry,) = row["include"]
            assert row["prompt"].split()[3] == {2: "two", 3: "three", 4: "four"}[entry["count"]]
            assert row["exclude"] == [{"class": entry["class"], "count": entry["count"] + 1}]
        else:
            assert "exclude" not in row
        if row["tag"] == "position":
            target, subject = row["include"]
            relation, index = subject["position"]
            assert index == 0
            assert f"{subject['class']} {relation} a" in row["prompt"]
            assert row["prompt"].endswith(target["class"])
        if row["tag"] == "color_attr":
            first, second = row["include"]
            assert first["class"] != second["class"]
            assert first["color"] != second["color"]


def test_articles_and_plurals():
    texts = {row["prompt"] for row in geneval_metadata()}
    assert "a photo of an airplane" in texts
    assert any(" buses" in text for text in texts)
    assert not any(f" a {vowel}" in text for text in texts for vowel in "aeiou")


def test_shapes_grammar_takes_every_shape_once_and_repeats_nothing():
    rows = geneval_metadata(SHAPES)
    singles = [row["include"][0]["class"] for row in rows if row["tag"] == "single_object"]
    assert sorted(singles) == sorted(shapes.SHAPES)
    texts = [row["prompt"] for row in rows]
    assert len(set(texts)) == len(texts)
    assert {entry["class"] for row in rows for entry in row["include"]} == set(shapes.SHAPES)


def test_the_shapes_world_paints_in_genevals_colors():
    assert tuple(shapes.COLORS) == GENEVAL_COLORS


def test_fewer_draws_keep_all_single_objects():
    counts = Counter(row["tag"] for row in geneval_metadata(per_task=1))
    assert counts.pop("single_object") == 80
    assert set(counts.values()) == {1}
    assert len(counts) == 5


def test_prompt_set_keeps_order_and_clauses():
    prompt_set = geneval_prompt_set()
    assert metadata_lines(prompt.metadata() for prompt in prompt_set.prompts) == metadata_lines(
        geneval_metadata()
    )
    first = prompt_set.prompts[0]
    assert (first.id, first.stratum, first.source, first.tags) == (
        "00000", "short", "geneval", {"task": "single_object"},
    )  # fmt: skip
    assert first.geneval is not None
    assert "prompt" not in first.geneval


def test_colored_draws_begin_after_the_uncolored_class():
    grammar = Grammar(("cat", "ghost", "dog"), uncolored="ghost")
    assert grammar.colorable == ("dog", "cat")


@pytest.mark.parametrize(
    ("names", "uncolored", "colors"),
    [
        (("cat",), None, GENEVAL_COLORS),
        (("cat", "dog"), "dog", GENEVAL_COLORS),
        (("cat", "dog"), None, ("red",)),
    ],
)
def test_a_grammar_too_small_for_its_tasks_is_refused(names, uncolored, colors):
    with pytest.raises(InputError, match="at least two classes"):
        Grammar(names, uncolored, colors)


def test_bad_arguments_are_refused():
    with pytest.raises(InputError, match="not one of the class names"):
        Grammar(("cat", "dog", "cow"), uncolored="person")
    with pytest.raises(InputError, match="at least 1 prompt per task"):
        geneval_metadata(per_task=0)
    with pytest.raises(InputError, match="seed of 0 or more"):
        geneval_metadata(seed=-1)
