"""Study files that are written: what is read from them is the study that was written."""

import tomllib
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nami_bench.domain import CheckItem, CheckKind, Checks, Criterion, CriterionText, Pairs, Question, Study
from nami_bench.errors import InputError
from nami_bench.study_file import in_file, load_study, nami_1k_study_file, study_of_text
from nami_bench.study_text import study_tables, study_text
from nami_bench.toml_text import document
from tests.nami_bench.test_study_file import FULL

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    ['"""', '""""""', "\\", "a\r\nb\n", '"\n"', "\x7f\x00\n", '\\"""\n', "  \n\t ", "''' # [x]"]
)
FLOATS = st.floats(-1e6, 1e6) | st.sampled_from([0.1, 1e-7, -0.0])
LANGUAGES = st.dictionaries(st.sampled_from(["en", "zh"]), TEXTS)
MOMENTS = st.datetimes(
    datetime(1900, 1, 1),
    datetime(2900, 1, 1),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))]),
)
TREES = st.recursive(
    TEXTS | FLOATS | st.booleans() | st.integers(-(2**60), 2**60) | MOMENTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=15, deadline=None)
@given(st.dictionaries(TEXTS, TREES, max_size=4))
def test_any_values_are_read_from_toml_as_they_were_written(values: dict[str, Any]) -> None:
    assert tomllib.loads(document(values)) == values


@st.composite
def studies(draw: st.DrawFn) -> Study:
    """Of ratings or pairs, with any texts, known answers, hours and limits."""
    low = draw(st.floats(-100, 100))
    high = low + draw(st.floats(1, 100))
    anchors = st.dictionaries(st.floats(low, high), TEXTS, max_size=3)
    texts = st.dictionaries(st.sampled_from(["zh", "fr"]), st.builds(CriterionText, TEXTS, anchors))
    step = draw(st.none() | st.floats(0.01, 1))
    criteria = tuple(
        Criterion(f"c{i}", draw(st.floats(0.1, 9)), low, high, draw(anchors), step, draw(TEXTS), draw(texts))
        for i in range(draw(st.integers(1, 3)))
    )
    mode = draw(st.sampled_from(["rating", "pairwise"]))
    is_rating = mode == "rating"
    check = CheckItem(
        draw(st.sampled_from(CheckKind)),
        draw(TEXTS),
        ("a",) if is_rating else ("a", "b"),
        {"c0": (low, high) if is_rating else draw(st.sampled_from(["a", "b", "tie"]))},
        draw(st.integers(0, 3)),
        draw(LANGUAGES),
    )
    return Study(
        "s", "set", ("a", "b"), criteria, mode,
        overlap=draw(st.integers(1, 9)), instructions=draw(LANGUAGES), languages=("en", "zh"),
        strata=draw(st.dictionaries(TEXTS, st.integers(0, 9), max_size=2)),
        opens=draw(st.none() | MOMENTS), lease_minutes=draw(st.floats(0.5, 90)),
        checks=Checks(gold_every=draw(st.sampled_from([0, 7])), pass_mark=draw(st.floats(0, 1))),
        pairs=draw(st.sampled_from([Pairs(), Pairs("adaptive", 1, 5, 0.25)])),
        check_items=(check,) * draw(st.integers(0, 2)), sizes_may_differ=draw(st.booleans()),
        total=draw(st.sampled_from(["arithmetic", "geometric"])) if is_rating else "arithmetic",
        choice_submits=draw(st.sampled_from([None, False] if is_rating else [None, False, True])),
    )  # fmt: skip


@settings(max_examples=15, deadline=None)
@given(studies())
def test_a_study_is_read_as_it_was_written(study: Study) -> None:
    assert study_of_text(study_text(study)) == study


@pytest.mark.parametrize("mode", ["rating", "pairwise"])
def test_no_field_is_forgotten(tmp_path: Path, mode: str) -> None:
    """FULL has another value than the default for every field (see test_study_file)."""
    (tmp_path / "full.toml").write_text(FULL)
    study = load_study(tmp_path / "full.toml")
    if mode == "pairwise":
        study = replace(study, mode=mode, check_items=(), pairs=Pairs("balanced", 2), total="arithmetic")
    assert study_of_text(study_text(study)) == study
    left_out = {"question_file", "questions", "questions_sha256", "ranks"}
    left_out |= {"check_items", "total"} if mode == "pairwise" else {"pairs"}
    places = {in_file((one.name,)) for one in fields(Study) if one.name not in left_out}
    tables = study_tables(study)
    assert {place for place in places if _at(tables, place) is None} == set()


def _at(tables: Any, place: Any) -> Any:
    return _at(tables.get(place[0]), place[1:]) if place and tables else tables


def test_the_protocol_of_nami_1k_is_written_as_people_write_it() -> None:
    study = load_study(nami_1k_study_file(), name="mine", prompt_set="p", models=("a",))
    text = study_text(study)
    assert study_of_text(text) == study
    assert 'mode = "rating"\n' in text
    assert 'en = """\nJudge the image as it is' in text
    assert '25 = "the subject is hinted at' in text


def test_a_text_that_nobody_keeps_in_a_file_reads_no_files() -> None:
    """It may come from a browser: whose file would it be?"""
    for entry in ('[entry.consent]\nfiles = { en = "/etc/passwd" }', '[entry]\ndebrief_files = { en = "x" }'):
        text = study_text(replace(study_of_text(FULL), entry=None)) + f"\n{entry}\n"
        with pytest.raises(InputError, match="there is no file"):
            study_of_text(text)


def test_questions_stay_in_their_file_and_known_answers_to_them_are_words() -> None:
    asked = {"00000": (Question(1, "Is there a fox?"),)}
    name = asked["00000"][0].criterion
    check = CheckItem(CheckKind.GOLD, "00000", ("a",), {name: (1.0, 1.0)})
    study = Study(
        "s", "set", ("a",), (), "questions",
        check_items=(check,), question_file="q.csv", questions_sha256="x", questions=asked,
    )  # fmt: skip
    read = study_of_text(study_text(study))
    assert replace(read, questions=asked, questions_sha256="x") == study
    assert '"yes"' in study_text(study)
    assert "fox" not in study_text(study)
