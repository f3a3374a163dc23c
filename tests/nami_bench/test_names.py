"""What people are called: which names are taken, and which two are one."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nami_bench.domain import Annotator, matching_name, name_in_text, name_key, person_name
from nami_bench.errors import InputError

PEOPLE = (
    "lena",
    "lena.meyer+study@uni-x.example",
    "Jörg Müller",
    "李雷",
    "A1B2C3 (MTurk)",
    "O'Brien, Áine",
    "'t Hooft",
    "Łukasz Żółć",
    "Nguyễn Thị Hương",
    "Ольга Петровна",
    "محمد\u200cرضا",  # a Persian name with the non-joiner it is written with
    "ශ\u0dca\u200dරී",  # Sinhala "Sri", which needs the joiner
    "葛\U000e0100飾",  # a Japanese name with its own form of the first character
    "अनिल कुमार",
    "7",
)


@pytest.mark.parametrize("name", PEOPLE)
def test_people_are_called_what_they_are_called(name: str) -> None:
    assert Annotator(name).name == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("  Jörg \u00a0 Mu\u0308ller\n", "Jörg Müller"),
        ("李\u3000雷", "李 雷"),
    ],
)
def test_a_name_is_kept_in_one_form(given_name: str, kept: str) -> None:
    assert Annotator(given_name).name == kept


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "it needs a letter or a digit"),
        ("  ", "it needs a letter or a digit"),
        ("---", "it needs a letter or a digit"),
        ("x" * 101, "101 characters, 100 are the most"),
        ("a\x00b", "character 2, U\\+0000, cannot be seen"),
        ("a\tb", "U\\+0009"),
        ("two\nlines", "U\\+000A"),
        ("lena\x1b[31m", "U\\+001B"),
        ("lena\u202egnp", "U\\+202E"),
        ("\u2066lena", "U\\+2066"),
        ("le\u200bna", "U\\+200B"),
        ("le\u200dna", "U\\+200D"),
        ("lena\u200c", "U\\+200C"),
        ("lena\ufeff", "U\\+FEFF"),
        ("lena\ufe0f", "U\\+FE0F"),
        ("le\u034fna", "U\\+034F"),
        ("\u3164", "U\\+3164"),
        ("lena\ud800", "U\\+D800"),
        ("\u0301lena", "begins with a mark"),
    ],
)
def test_names_that_nobody_can_read_are_refused(name: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as refused:
        Annotator(name)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x", "X"),
        ("Lena", "lena"),
        ("JÖRG MÜLLER", "jo\u0308rg  müller"),
        ("Weiß", "WEISS"),
        ("ΟΔΥΣΣΕΥΣ", "Οδυσσευς"),
        ("İrem", "irem"),
        ("IRMAK", "ırmak"),
        ("Ｌｅｎａ", "lena"),
        ("محمد\u200cرضا", "محمدرضا"),
        ("葛\U000e0100飾", "葛飾"),
    ],
)
def test_names_that_people_take_for_one_have_one_key(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize(("one", "other"), [("Jörg", "Jorg"), ("lena m", "lenam"), ("李雷", "李蕾")])
def test_names_that_differ_in_letters_are_two(one: str, other: str) -> None:
    assert name_key(one) != name_key(other)


@pytest.mark.slow
@given(st.text(max_size=40))
@settings(max_examples=100, deadline=None)
def test_the_form_in_which_a_name_is_kept_is_stable_and_means_the_same(text: str) -> None:
    assert name_key(name_key(text)) == name_key(text)
    try:
        kept = person_name("annotator", text)
    except InputError:
        return
    assert person_name("annotator", kept) == kept
    assert name_key(kept) == name_key(text)
    assert name_in_text(kept).search(kept)


def test_the_very_name_comes_before_one_of_other_case() -> None:
    assert matching_name("annotator", "x", ["X", "x"]) == "x"
    assert matching_name("annotator", "LENA", ["omar", "Lena"]) == "Lena"
    assert matching_name("annotator", "omar", ["Lena"]) is None
    with pytest.raises(InputError, match="'LENA' could be 'Lena' or 'lena': write the name exactly"):
        matching_name("annotator", "LENA", ["Lena", "lena"])


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("lena", "ask Lena, please", True),
        ("lena", "helena", False),
        ("Jörg Müller", "JÖRG\nMÜLLER was here", True),
        ("李雷", "请问李雷老师", True),  # no spaces between words
        ("A1 (MTurk)", "by A1 (MTurk), twice", True),
    ],
)
def test_a_name_is_found_in_texts(name: str, text: str, found: bool) -> None:
    assert bool(name_in_text(name).search(text)) is found
