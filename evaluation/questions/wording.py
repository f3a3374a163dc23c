"""The words in which GenEval's demands are asked for, and the way back.

A demand is `Clauses` that say one thing: a class is there, or so many of it, or it has a color, or a place.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from nami_bench.domain.clauses import GENEVAL_COLORS, GENEVAL_RELATIONS, Clause, Clauses
from nami_bench.domain.english import number_word, plural, with_article

VERSION = "clause-questions-1"
"""Another one whenever a demand is asked for in other words."""

# What has no singular, or cannot be counted: by class, the word that counts it.
_COUNTED_BY = {"scissors": "pair", "skis": "pair", "broccoli": "piece"}
_PLACES = dict(zip(GENEVAL_RELATIONS, ("to the left of", "to the right of", "above", "below"), strict=True))
_RELATIONS = {words: relation for relation, words in _PLACES.items()}
_NUMBERS = {number_word(number): number for number in range(1, 13)}


def there_is(name: str) -> Clauses:
    """At least one of a class."""
    return Clauses("single_object", (Clause(name, 1),), ())


def at_least(name: str, count: int) -> Clauses:
    """`count` of a class, or more."""
    return Clauses("counting", (Clause(name, count),), ())


def exactly(name: str, count: int) -> Clauses:
    """`count` of a class and no more."""
    return Clauses("counting", (Clause(name, count),), (Clause(name, count + 1),))


def fewer_than(name: str, count: int) -> Clauses:
    """Less than `count` of a class."""
    return Clauses("counting", (), (Clause(name, count),))


def colored(name: str, count: int, color: str) -> Clauses:
    """`count` of a class, all of one of GenEval's colors."""
    return Clauses("colors", (Clause(name, count, color),), ())


def placed(name: str, count: int, relation: str, target: str, target_count: int) -> Clauses:
    """`count` of a class, each in one of GenEval's relations to each of `target_count` of another."""
    subject = Clause(name, count, position=(relation, 0))
    return Clauses("position", (Clause(target, target_count), subject), ())


def question_text(demand: Clauses) -> str:
    """The question whose answer is yes for an image that meets `demand`, which one of the functions above
    made."""
    if not demand.include:
        (most,) = demand.exclude
        return f"Are there fewer than {_counted(most.class_name, most.count)}?"
    *targets, clause = demand.include
    name, count = clause.class_name, clause.count
    verb = "Is" if count == 1 else "Are"
    if clause.color is not None:
        return f"{verb} {_known(name, count)} {clause.color}?"
    if clause.position is not None:
        target = targets[clause.position[1]]
        place = _PLACES[clause.position[0]]
        return f"{verb} {_known(name, count)} {place} {_known(target.class_name, target.count)}?"
    if demand.tag != "counting":
        return f"Is there {with_article(_singular(name))}?"
    return f"{verb} there {'exactly' if demand.exclude else 'at least'} {_counted(name, count)}?"


def demand_of(text: str, class_names: Iterable[str]) -> Clauses | None:
    """The demand that `question_text` asks for by `text`, None where it asks for none about these classes."""
    nouns = _nouns(tuple(class_names))
    for pattern, read in _FORMS:
        if match := re.fullmatch(pattern, text):
            try:
                demand = read(match, nouns)
            except KeyError:
                continue
            # What is no English of ours ("Is there a orange?") is not guessed at.
            return demand if question_text(demand) == text else None
    return None


def _singular(name: str) -> str:
    return f"{_COUNTED_BY[name]} of {name}" if name in _COUNTED_BY else name


def _plural(name: str) -> str:
    return f"{plural(_COUNTED_BY[name])} of {name}" if name in _COUNTED_BY else plural(name)


def _counted(name: str, count: int) -> str:
    return f"{number_word(count)} {_singular(name) if count == 1 else _plural(name)}"


def _known(name: str, count: int) -> str:
    return f"the {_singular(name)}" if count == 1 else f"the {_counted(name, count)}"


@lru_cache(maxsize=16)
def _nouns(class_names: tuple[str, ...]) -> dict[str, str]:
    """Classes by their singular and plural."""
    return {noun(name): name for noun in (_plural, _singular) for name in class_names}


def _number(word: str) -> int:
    return int(word) if word.isdecimal() else _NUMBERS[word]


def _group(words: str, nouns: dict[str, str]) -> tuple[str, int]:
    """The class and the number of "bench", "two benches"."""
    if words in nouns:
        return nouns[words], 1
    number, _, rest = words.partition(" ")
    return nouns[rest], _number(number)


_COLOR_NAMES = "|".join(GENEVAL_COLORS)
_PLACE_NAMES = "|".join(_RELATIONS)
_FORMS: tuple[tuple[str, Callable[["re.Match[str]", dict[str, str]], Clauses]], ...] = (
    (r"Is there an? (.+)\?", lambda m, nouns: there_is(nouns[m[1]])),
    (r"Are there fewer than (.+)\?", lambda m, nouns: fewer_than(*_group(m[1], nouns))),
    (r"(?:Is|Are) there at least (.+)\?", lambda m, nouns: at_least(*_group(m[1], nouns))),
    (r"(?:Is|Are) there exactly (.+)\?", lambda m, nouns: exactly(*_group(m[1], nouns))),
    (rf"(?:Is|Are) the (.+) ({_COLOR_NAMES})\?", lambda m, nouns: colored(*_group(m[1], nouns), m[2])),
    (
        rf"(?:Is|Are) the (.+) ({_PLACE_NAMES}) the (.+)\?",
        lambda m, nouns: placed(*_group(m[1], nouns), _RELATIONS[m[2]], *_group(m[3], nouns)),
    ),
)
