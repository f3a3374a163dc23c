"""Text in quotation marks: what counts as one, in the ways of several languages, and what does not."""

import pytest

from nami_bench.domain.quoted import quoted, script_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('a sign "OPEN LATE" and “Hello  World”', ("OPEN LATE", "Hello World")),
        ("ein Schild „Guten Tag“, »Hallo« und ‚Tschüss‘", ("Guten Tag", "Hallo", "Tschüss")),
        ("une enseigne « Le\u00a0Café » et ‹ Bar ›", ("Le Café", "Bar")),
        ("写着“你好”和「世界」、『再见』＂好＂", ("你好", "世界", "再见", "好")),
        ("skylt ”Hej” här", ("Hej",)),
        ("a mug that says 'Don't panic' twice", ("Don't panic",)),
        ("it’s a mug: ‘Don’t panic’", ("Don’t panic",)),
        ('写着"你好"的牌子', ("你好",)),
        ('“closed the other way"', ("closed the other way",)),
        ("she holds \"read 'this' now\"", ("read 'this' now",)),
        ('"one""two"', ("one", "two")),
    ],
)
def test_quotations(text: str, expected: tuple[str, ...]) -> None:
    assert quoted(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Don't show the dogs' bowls, or the cats' toys",
        "rock 'n' roll of the '90s, and 'em all",
        "l’été à la plage, l'eau",
        'a 12" pizza beside a 6\' man in a frame of 10" by 8"',
        'never "closed',
        "neither “is this",
        'nothing in "" nor in "  "',
        "",
    ],
)
def test_what_is_no_quotation(text: str) -> None:
    assert quoted(text) == ()


def test_inches_do_not_hide_a_quotation() -> None:
    assert quoted('a 12" pizza under a "HOT" sign') == ("HOT",)


@pytest.mark.parametrize(
    ("texts", "script"),
    [
        (("OPEN 24",), "latin"),
        (("Ünïcode", "42"), "latin"),
        (("OK", "你好"), "chinese"),
        (("Привет",), "other"),
    ],
)
def test_scripts(texts: tuple[str, ...], script: str) -> None:
    assert script_of(texts) == script
