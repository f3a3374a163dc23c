import pytest

from nami_bench.prompts.duplicates import DuplicateIndex
from nami_bench.prompts.filters import FILTERS
from nami_bench.prompts.protocol import Candidate

CLAUSES = {"tag": "colors", "include": [{"class": "car", "count": 1, "color": "red"}]}


@pytest.mark.parametrize(
    "text",
    [
        "a nude figure on a beach",
        "Woman in LINGERIE, studio light",
        "bloody corpse in an alley",
        "a torture chamber",
        "a teen in a tight unitard",
        "young boy taking a shower",
        "girl lying on her bed",
    ],
)
def test_safety_drops_sexual_and_violent_prompts_and_minors_with_bodies(text):
    assert FILTERS["safety"].rejects(text)


@pytest.mark.parametrize(
    "text",
    [
        "a hot dog on a plate",
        "an underwater city with coral",
        "in the style of David Lynch",
        "a classic assembly hall in Essex",
        "a bare tree in winter",
        "a child flying a kite",
        "a kitten taking a bath in a teacup",
        "a cocktail with bitters, glass on a table",
        "a Persian rug with grapes",
        "the lonely lollipop",
    ],
)
def test_safety_keeps_harmless_prompts_with_similar_letters(text):
    assert not FILTERS["safety"].rejects(text)


@pytest.mark.parametrize(
    ("text", "dropped"),
    [
        ("a castle --ar 16:9", True),
        ("--v 5 a castle", True),
        ("a castle —ar 3:1", True),
        ("moon::2 sea::1", True),
        ("moon : : sea", True),
        ("a well-known castle - at night", False),
        ("a castle -- and a moat", False),
        ("a castle — at night", False),
        ("time: 10:45", False),
    ],
)
def test_switches_of_another_program_are_told_from_punctuation(text, dropped):
    assert FILTERS["switches"].rejects(text) is dropped


@pytest.mark.parametrize(
    ("text", "dropped"),
    [
        ("poster, contact me at jane.doe@example.org", True),
        ("portrait of @some_account in the rain", True),
        ("logo for https://example.org", True),
        ("flyer for www.example.org", True),
        ("business card with +49 170 1234567", True),
        ("truck, call (555) 123-4567 on the side", True),
        ("passport number 123456789", True),
        ("a castle @50mm, f/1.8", False),
        ("shot @ dusk, 1/200 s, ISO 3200", False),
        ("clock at 10:48 on 12-05-1987", False),
        ("wallpaper 3840 x 2160", False),
        ("bib number 2208 of 10 000 runners", False),
    ],
)
def test_personal_data_is_told_from_other_numbers_and_signs(text, dropped):
    assert FILTERS["personal"].rejects(text) is dropped


@pytest.mark.parametrize(
    ("text", "dropped"),
    [
        ("un perro negro con el pecho blanco", True),
        ("eine Katze auf dem Dach und der Mond", True),
        ("рыжий кот на окне", True),
        ("一只猫", True),
        ("a neon sign that says 面", False),
        ("François Hollande eating crêpes in the rain", False),
        ("the road from Las Vegas to Los Angeles", False),
        ("la la land poster", False),
        ("Calle de las flores in Sevilla, watercolor of a street with a cat", False),
        ("cat, hat, mat", False),
        ("12:30", False),
    ],
)
def test_english_is_told_by_script_and_small_words(text, dropped):
    assert FILTERS["english"].rejects(text) is dropped


def index(*texts, threshold=0.6, clauses=None):
    found = DuplicateIndex(threshold)
    for text in texts:
        found.add(Candidate(text, geneval=clauses))
    return found


@pytest.mark.parametrize("text", ["A red car", "a  red, car!", "a \uff52ed car"])
def test_case_punctuation_and_width_do_not_make_a_new_prompt(text):
    assert index("a red car").reason(Candidate(text)) == "duplicate"


def test_near_duplicates_share_most_of_their_word_triples():
    seen = index("portrait of a tiger wearing a conductor's hat and holding a skateboard, oil painting")
    near = "portrait of a tiger wearing a conductor's hat and holding a skateboard, woodcut"
    assert seen.reason(Candidate(near)) == "near duplicate"
    assert seen.reason(Candidate("portrait of a gecko holding a flag, oil painting")) is None


def test_the_threshold_itself_is_too_near():
    # Five words make three triples; the two texts share two of four.
    seen = index("one two three four five", threshold=0.5)
    assert seen.reason(Candidate("two three four five six")) == "near duplicate"
    stricter = index("one two three four five", threshold=0.51)
    assert stricter.reason(Candidate("two three four five six")) is None


def test_prompts_with_clauses_are_never_near_duplicates_of_each_other():
    seen = index("a photo of a dog right of a teddy bear", threshold=0.3, clauses=CLAUSES)
    alike = "a photo of a dog left of a teddy bear"
    assert seen.reason(Candidate(alike, geneval=CLAUSES)) is None
    assert seen.reason(Candidate(alike)) == "near duplicate"
    assert seen.reason(Candidate("A photo of a dog right of a teddy bear.", geneval=CLAUSES)) == "duplicate"


def test_texts_without_letters_are_compared_as_they_are():
    seen = index("🐱 🐶")
    assert seen.reason(Candidate("🐱 🐶")) == "duplicate"
    assert seen.reason(Candidate("🦊")) is None


def test_texts_shorter_than_a_triple_can_only_be_equal():
    seen = index("red car")
    assert seen.reason(Candidate("blue car")) is None
    assert seen.reason(Candidate("Red car")) == "duplicate"
