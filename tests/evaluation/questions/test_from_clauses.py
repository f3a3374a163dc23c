"""Questions made of GenEval's clauses: their words, their graph, and that they can be read back."""

import pytest

from nami_bench.domain import GENEVAL_CLASSES, GENEVAL_COLORS, GENEVAL_RELATIONS, Prompt
from nami_bench.domain.clauses import parse_clauses
from nami_bench.domain.english import plural
from nami_bench.errors import InputError
from nami_bench.evaluation.questions import wording
from nami_bench.evaluation.questions.from_clauses import item_of, questions_of
from nami_bench.evaluation.questions.graph import defects
from nami_bench.prompts.assembly import build_prompt_set
from nami_bench.prompts.geneval import geneval_prompt_set
from nami_bench.shapes import SHAPES


def asked(include, exclude=()):
    """(question, expected, parents, category) of each, in order."""
    clauses = parse_clauses({"tag": "counting", "include": include, "exclude": list(exclude)})
    return [(q.text, q.expected, q.parents, q.category) for q in questions_of(clauses)]


def test_an_object_of_a_color():
    assert asked([{"class": "orange", "count": 1, "color": "blue"}]) == [
        ("Is there an orange?", "yes", (), "entity - whole"),
        ("Is the orange blue?", "yes", (1,), "attribute - color"),
    ]


def test_so_many_and_no_more():
    assert asked([{"class": "bench", "count": 2}], [{"class": "bench", "count": 3}]) == [
        ("Is there a bench?", "yes", (), "entity - whole"),
        ("Are there exactly two benches?", "yes", (1,), "other - count"),
    ]


def test_without_an_exclude_clause_geneval_takes_more_of_them_too():
    assert [text for text, *_ in asked([{"class": "person", "count": 3}])] == [
        "Is there a person?",
        "Are there at least three people?",
    ]


def test_a_limit_that_leaves_room():
    assert [
        text for text, *_ in asked([{"class": "knife", "count": 2}], [{"class": "knife", "count": 5}])
    ] == [
        "Is there a knife?",
        "Are there at least two knives?",
        "Are there fewer than five knives?",
    ]


def test_exactly_one():
    assert asked([{"class": "bus", "count": 1}], [{"class": "bus", "count": 2}])[1][0] == (
        "Is there exactly one bus?"
    )


def test_a_place_depends_on_both_objects_and_stands_after_them():
    include = [
        {"class": "dog", "count": 1},
        {"class": "scissors", "count": 2, "position": ["left of", 0], "color": "red"},
    ]
    assert asked(include) == [
        ("Is there a dog?", "yes", (), "entity - whole"),
        ("Is there a pair of scissors?", "yes", (), "entity - whole"),
        ("Are there at least two pairs of scissors?", "yes", (2,), "other - count"),
        ("Are the two pairs of scissors red?", "yes", (2,), "attribute - color"),
        (
            "Are the two pairs of scissors to the left of the dog?",
            "yes",
            (1, 2),
            "relation - spatial",
        ),
    ]


def test_what_must_not_be_there_is_asked_for_with_the_answer_no():
    exclude = [{"class": "cat", "count": 1}, {"class": "dog", "count": 4}, {"class": "dog", "count": 3}]
    assert asked([], exclude) == [
        ("Is there a cat?", "no", (), "entity - whole"),
        ("Are there fewer than three dogs?", "yes", (), "other - count"),
    ]


def test_two_clauses_of_one_class_and_prompts_without_clauses_are_refused():
    with pytest.raises(InputError, match="two include clauses name 'dog'"):
        asked([{"class": "dog", "count": 1, "color": "red"}, {"class": "dog", "count": 1}])
    with pytest.raises(InputError, match="prompt 00003 has no GenEval clauses"):
        item_of(Prompt("00003", "a dog"))


def test_plurals_are_english():
    odd = {name: plural(name) for name in GENEVAL_CLASSES if plural(name) != name + "s"}
    assert odd.pop("scissors") and odd.pop("skis")  # which come in pairs
    assert odd == {
        "person": "people",
        "bus": "buses",
        "bench": "benches",
        "sheep": "sheep",
        "wine glass": "wine glasses",
        "knife": "knives",
        "sandwich": "sandwiches",
        "couch": "couches",
        "computer mouse": "computer mice",
        "toothbrush": "toothbrushes",
    }
    assert [plural(name) for name in ("cross", "toy", "berry")] == ["crosses", "toys", "berries"]


def demands():
    names = (*GENEVAL_CLASSES, *SHAPES)
    for index, name in enumerate(names):
        other = names[index - 1]
        yield wording.there_is(name)
        for color in GENEVAL_COLORS:
            yield wording.colored(name, 1 + index % 3, color)
        for relation in GENEVAL_RELATIONS:
            yield wording.placed(name, 1 + index % 2, relation, other, 1 + index % 3)
        for count in (1, 2, 12, 13):
            yield from (form(name, count) for form in (wording.at_least, wording.exactly))
            yield wording.fewer_than(name, count + 1)


def test_every_question_is_read_back_as_the_demand_it_was_made_of():
    names = (*GENEVAL_CLASSES, *SHAPES)
    texts = {}
    for demand in demands():
        text = wording.question_text(demand)
        assert wording.demand_of(text, names) == demand
        assert texts.setdefault(text, demand) == demand
    assert len(texts) > 2000


@pytest.mark.parametrize(
    "text",
    [
        "Is there a orange?",
        "is there a dog?",
        "Is there a dog? ",
        "Are there exactly 2 dogs?",
        "Is the dog teal?",
        "Is there a circle?",
        "Is the dog happy?",
        "Are the dog red?",
        "Is the dog near the cat?",
        "How many dogs are there?",
        "",
    ],
)
def test_other_words_are_not_guessed_at(text):
    assert wording.demand_of(text, GENEVAL_CLASSES) is None


@pytest.mark.parametrize("name", ["geneval", "nami-1k", "shapes-demo"])
def test_all_prompts_with_clauses_have_a_sound_graph(name):
    prompt_set = geneval_prompt_set() if name == "geneval" else build_prompt_set(name, {})
    known = (*GENEVAL_CLASSES, *SHAPES)
    items = [item_of(prompt) for prompt in prompt_set.prompts if prompt.geneval is not None]
    assert len(items) == {"geneval": 553, "nami-1k": 240}.get(name, len(items)) and items
    for item in items:
        assert item.questions and not list(defects(item))
        assert [question.id for question in item.questions] == list(range(1, len(item.questions) + 1))
        assert all(wording.demand_of(question.text, known) for question in item.questions)
