import hashlib
from dataclasses import replace

import pytest

from nami_bench.domain import Annotator, Criterion, Prompt, PromptSet, Rating, Role, Study, prompt_id
from nami_bench.errors import InputError, UnknownNameError

CRITERION = Criterion("relevance", 0.3, minimum=1, maximum=5)


def test_a_prompt_survives_its_json_line() -> None:
    prompt = Prompt("00000", "ein Hund\nläuft", "long", "mine", {"category": "animals"}, {"tag": "counting"})
    rewrite = replace(prompt, rewritten_from="ein Hund", extra={"id": 3, "tag": "x"})
    for one in (prompt, rewrite):
        assert Prompt.from_json(one.to_json()) == one


def test_a_sets_hash_is_its_files_hash_and_sees_every_field_that_counts() -> None:
    plain = PromptSet("a", (Prompt("00000", "a dog"),))
    assert plain.sha256 == hashlib.sha256(plain.to_jsonl()).hexdigest()
    assert PromptSet("other-name", plain.prompts).sha256 == plain.sha256
    for changed in (
        Prompt("00000", "a cat"),
        Prompt("00000", "a dog", stratum="long"),
        Prompt("00000", "a dog", source="x"),
        Prompt("00000", "a dog", tags={"a": "b"}),
        Prompt("00000", "a dog", geneval={"tag": "colors"}),
    ):
        assert PromptSet("a", (changed,)).sha256 != plain.sha256
    kept = Prompt("00000", "a dog", rewritten_from="dog", extra={"index": 1})
    assert PromptSet("a", (kept,)).sha256 == plain.sha256, "what is only kept identifies nothing"


def test_prompt_ids_are_the_positions() -> None:
    assert prompt_id(12) == "00012"
    with pytest.raises(InputError, match="prompt 0 has the id '00001'"):
        PromptSet("a", (Prompt("00001", "x"),))


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "a b", "ü", "x" * 101])
def test_names_that_cannot_be_folders_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="name"):
        PromptSet(name, ())


@pytest.mark.parametrize("value", [0.99, 5.01, float("nan"), float("inf")])
def test_values_off_the_scale_are_refused(value: float) -> None:
    with pytest.raises(InputError, match="outside its scale 1 to 5"):
        CRITERION.check(value)


def test_scales_are_mapped_to_0_100() -> None:
    assert [CRITERION.rescale(v) for v in (1, 3, 5)] == [0, 50, 100]


def test_a_rating_has_either_a_value_or_a_reason() -> None:
    for value, reason in ((None, None), (3.0, "prompt unclear")):
        with pytest.raises(InputError, match="give a value, or a reason"):
            Rating("s", "a", "m", "00000", 0, "relevance", value, reason)


def test_simulated_annotators_carry_it_in_their_names() -> None:
    Annotator("simulated-1", Role.SIMULATED)
    for name, role in (("bob", Role.SIMULATED), ("simulated-1", Role.ANNOTATOR)):
        with pytest.raises(InputError, match="simulated"):
            Annotator(name, role)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"models": ()}, "at least one model"),
        ({"models": ("m", "m")}, "each once"),
        ({"criteria": ()}, "at least one criterion"),
        ({"criteria": (Criterion("a", 0.0),)}, "must not all be zero"),
        ({"overlap": 0}, "at least 1"),
        ({"mode": "guess"}, "not supported"),
    ],
)
def test_impossible_studies_are_refused(change: dict[str, object], words: str) -> None:
    good: dict[str, object] = {"name": "s", "prompt_set": "p", "models": ("m",), "criteria": (CRITERION,)}
    Study(**good)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=words):
        Study(**(good | change))  # type: ignore[arg-type]


def test_unknown_names_list_near_matches_or_everything() -> None:
    assert "did you mean 'shapes-good'" in str(UnknownNameError("model", "shapes-god", ["shapes-good", "x"]))
    assert "known: a, b" in str(UnknownNameError("model", "zzz", ["b", "a"]))
    assert "none exist yet" in str(UnknownNameError("model", "zzz"))


@pytest.mark.parametrize(
    ("minimum", "maximum", "step"),
    [(0, 100, 1), (1, 5, 1), (0, 3, 0.01), (-1, 1, 0.01), (0, 2.5, 0.01), (0, 0.5, 0.001)],
)
def test_a_scale_has_steps_that_people_count_in(minimum: float, maximum: float, step: float) -> None:
    criterion = Criterion("realism", 1, minimum=minimum, maximum=maximum)
    assert criterion.screen_step == pytest.approx(step)
    for value in (minimum, (minimum + maximum) / 2, min(2, maximum), maximum):
        assert criterion.check_step(value) == value
