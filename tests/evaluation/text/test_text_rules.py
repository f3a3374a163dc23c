"""The published rules on examples worked by hand, with the traps of the originals."""

import itertools

import pytest

from nami_bench.evaluation.text import flow_grpo, longtext, oneig, tiif
from nami_bench.evaluation.text.cleaning import characters_kept, words_kept


def test_cleaning_keeps_what_the_originals_keep() -> None:
    assert words_kept(" Don't\n panic — café! №5  ") == "Dont panic café 5"
    assert characters_kept("你好， World 42！") == "你好World42"
    assert words_kept("Привет") == ""


@pytest.mark.parametrize(
    ("targets", "read", "language", "expected"),
    [
        (("Open late",), "OPEN, LATE!", "en", (2, 2)),
        (("the cat the dog",), "dog the bird", "en", (2, 4)),  # "the" is read once, and stands there twice
        (("one", "two"), "two one one", "en", (2, 2)),  # neither order nor what is read beside counts
        (("Sale",), "Sael", "en", (0, 1)),  # a word is read as a whole or not
        (("你好世界",), "世 你 好", "zh", (3, 4)),
        (("OK你",), "ok你", "zh", (1, 3)),  # Chinese keeps the case
        (("no text here",), "No text recognized.", "en", (0, 3)),
        (("no text here",), "No text recognized", "en", (2, 3)),  # without its full stop it is taken for read
        (("addCriterion",), "addCriterion", "en", (1, 1)),  # not taken out by LongText-Bench's loop
    ],
)
def test_longtext(targets: tuple[str, ...], read: str, language: str, expected: tuple[int, int]) -> None:
    assert longtext.matched(targets, read, language) == expected  # type: ignore[arg-type]


def test_longtext_counts_the_words_of_all_images_together() -> None:
    long = {"language": "en", "matched": 30, "words": 40}
    short = {"language": "en", "matched": 0, "words": 2}
    assert longtext.LongText.figures([long, short]) == {"accuracy": pytest.approx(30 / 42)}


@pytest.mark.parametrize(
    ("target", "read", "expected"),
    [
        ("Open late", "Open late!", (0, 2, 2)),
        ("Open late", "open late", (1, 1, 2)),  # the case counts
        ("Open late", "late Open", (8, 2, 2)),  # and so does the order, for the edits
        ("Open late", "No text recognized.", (9, 0, 2)),
        ("Open late", "addCriterion\nOpen late", (0, 2, 2)),
        ("Open late", "Open late 好", (2, 0, 2)),  # one Chinese character joins the words that were read
        ("你好 世界", "你好世", (1, 3, 4)),
    ],
)
def test_oneig(target: str, read: str, expected: tuple[int, int, int]) -> None:
    found = oneig.compare(target, read)
    assert (found.edits, found.matched, found.words) == expected


def test_oneig_score() -> None:
    assert oneig.text_score(30, 0.4, 0.7, "en") == pytest.approx(1 - 30 * 0.6 * 0.3 / 100)
    assert oneig.text_score(1000, 0, 0.5, "zh") == pytest.approx(1 - 50 * 0.5 / 50)
    results = [
        {"language": "en", "edits": 0, "matched": 2, "words": 2},
        {"language": "en", "edits": 20, "matched": 1, "words": 8},
    ]
    figures = oneig.OneIGText.figures(results)
    expected = {"ED": 10, "CR": 0.5, "WAC": 0.3, "score": 1 - 10 * 0.5 * 0.7 / 100}
    assert figures == {name: pytest.approx(value) for name, value in expected.items()}


@pytest.mark.parametrize(
    ("targets", "read", "gned", "found"),
    [
        (["drink", "tea"], ["tea", "drink"], 0, 2),
        (["drink", "tea"], ["drink"], 1 / 2, 1),  # one without a partner, of two
        (["tea"], ["tea", "x", "y"], 2 / 3, 1),  # what is read beside costs GNED, and recall nothing
        (["drink"], ["drunk"], 1 / 5, 1),  # one edit of five letters is near
        (["tea"], ["tee"], 1 / 3, 0),  # one of three is not
        (["abcdefghij"], ["abcdefgxyz"], 0.3, 1),  # 0.3 itself is
        (["abcd", "abce"], ["abcz"], (1 / 4 + 1) / 2, 1),  # a word serves once
        # The first target takes the first word that will do, and the second, which needs it, goes without.
        (["abcdefgh", "abcdefzz"], ["abcdefgz", "xbcdefgh"], (1 / 8 + 1 / 8) / 2, 1),
        (["tea"], [""], 1, 0),
    ],
)
def test_tiif(targets: list[str], read: list[str], gned: float, found: int) -> None:
    assert tiif.gned(targets, read) == pytest.approx(gned)
    assert tiif.words_found(targets, read) == found


def test_gned_is_the_best_of_all_pairings() -> None:
    targets, read = ["open", "late", "pens", "ale"], ["opens", "alte", "lane"]
    best = min(
        sum(tiif.distance(word, target) for word, target in zip(read, chosen, strict=True))
        for chosen in itertools.permutations(targets, len(read))
    )
    assert tiif.gned(targets, read) == pytest.approx((best + 1) / 4)


def test_words_that_tiif_reads() -> None:
    assert tiif.words_read(["Open  LATE", "x"]) == ["open", "", "late", "x"]
    assert tiif.words_read([]) == [""]


@pytest.mark.parametrize(
    ("target", "lines", "expected"),
    [
        ("Open Late", ["OPEN", "LATE at the bar"], (1, 0, 8)),  # contained: what is read beside costs nothing
        ("OPEN", ["OPFN"], (0.75, 1, 4)),
        ("OPEN", ["a long text about something else"], (0, 4, 4)),  # no more edits than characters
        ("OPEN", [], (0, 4, 4)),
    ],
)
def test_flow_grpo(target: str, lines: list[str], expected: tuple[float, int, int]) -> None:
    assert flow_grpo.reward(target, lines) == expected
