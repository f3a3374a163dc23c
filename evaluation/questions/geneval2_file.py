"""GenEval 2's file (facebookresearch/GenEval2 at a6e82d2): one prompt a line.

Keys: prompt, atom_count, vqa_list ([question, answer] each), skills (one for each question).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nami_bench.evaluation.questions.graph import Item, Question


def read_row(row: Mapping[str, Any], index: int, line: int) -> Item:
    """A line's questions, numbered from 1 on, each with its answer as the expected one and its skill as the
    category; the item is called by its `index` in the file, and `extra` holds "atom_count".

    Raises ValueError that says what is wrong.
    """
    prompt, atoms = row.get("prompt"), row.get("atom_count")
    asked, skills = row.get("vqa_list"), row.get("skills")
    if not _is_text(prompt):
        raise ValueError("'prompt' must be text")
    if not isinstance(atoms, int) or isinstance(atoms, bool) or atoms < 1:
        raise ValueError(f"'atom_count' must be a whole number from 1, got {atoms!r}")
    if not isinstance(asked, list) or not asked:
        raise ValueError("'vqa_list' must be a list of questions with answers")
    if not isinstance(skills, list) or len(skills) != len(asked):
        raise ValueError(f"'skills' must be a list of {len(asked)}, one for each question")
    questions = tuple(_questions(asked, skills, line))
    return Item(str(index), str(prompt), questions, {"atom_count": atoms})


def _questions(asked: Iterable[Any], skills: Iterable[Any], line: int) -> Iterator[Question]:
    for number, (pair, skill) in enumerate(zip(asked, skills, strict=True), start=1):
        if not isinstance(pair, list) or len(pair) != 2 or not all(map(_is_text, pair)):
            raise ValueError(f"entry {number} of 'vqa_list' must be [question, answer], got {pair!r}")
        if not _is_text(skill):
            raise ValueError(f"entry {number} of 'skills' must be text, got {skill!r}")
        yield Question(number, pair[0], pair[1], category=skill, line=line)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())
