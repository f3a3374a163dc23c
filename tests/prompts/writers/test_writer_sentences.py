"""Cuts of real sentences: at an end or not at all."""

import pytest

from nami_bench.prompts.writers.sentences import cut_to_words, split_sentences


@pytest.mark.parametrize(
    "sentences",
    [
        [
            "Mr. and Mrs. J. R. Hale sit at 5 p.m. Eastern time.",
            "Dr. Wu, e.g., stands.",
            "The U.S. flag hangs.",
        ],
        ["The bar is 3.5 m long.", "Version 2.0 costs $1.99.", "It closed in 1990.", "No. 7 is red."],
        ['A sign reads "STOP. GO BACK. NOW." in red.', 'Another says "Open!"', "Behind it is a car."],
        ["A board says 'Keep out. Dogs bite.' twice.", "It's the dogs' own yard.", "Don't enter."],
        ["“Stay. Here,” says a note.", "(It is old. Very old.)", "A cup [cracked. Glued.] stands by."],
        ['A 5" screen glows.', 'The key is marked "OK".', 'A 7" one is dark.'],
        ["Is it day?", "No!", "It is night...", "The lamp… glows."],
        ["1. A red door.", "2. A blue door."],
        ["彼は「はい。行きます。」と言った。", "雨が降る。", "終わり！"],
        ["他说：“走吧。”然后离开了。", "地上有3.5米的影子。"],
        ["एक लाल घर है।", "पास में पेड़ है।"],
        ["Am 3.5 km entfernten Ufer stehen ca. 20 Boote.", "Ein Haus, z. B. das rote, ist leer."],
    ],
)
@pytest.mark.parametrize("space", [True, False])
def test_sentences_end_where_readers_end_them(sentences: list[str], space: bool) -> None:
    joined = "".join(
        sentence + ("" if sentence[-1] in "。！" and not space else " ") for sentence in sentences
    ).strip()
    assert split_sentences(joined) == sentences


def test_what_has_no_end_is_no_sentence() -> None:
    assert split_sentences("A cat sits on a mat") == []
    assert split_sentences("A cat sits. A dog runs and") == ["A cat sits."]
    assert split_sentences("") == []


def test_a_cut_keeps_as_many_whole_sentences_as_fit() -> None:
    text = "One two three. Four five six seven. Eight nine."
    assert [cut_to_words(text, n) for n in (2, 3, 6, 7, 8, 9)] == [
        "",
        "One two three.",
        "One two three.",
        "One two three. Four five six seven.",
        "One two three. Four five six seven.",
        text,
    ]


def test_of_an_unfinished_text_the_last_sentence_does_not_count() -> None:
    assert cut_to_words("A pole stands. It is 3.", 120, finished=False) == "A pole stands."
    assert cut_to_words("A pole stands. It is 3", 120, finished=False) == "A pole stands."
    assert cut_to_words("It is 3.", 120, finished=False) == ""
