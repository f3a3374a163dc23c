"""How a question is put to a model: its text within a few more words."""

from string import Formatter

from nami_bench.errors import InputError

PLACE = "{question}"

TEMPLATES = {
    "plain": PLACE,
    "one-word": f"{PLACE} Answer in one word.",  # GenEval 2
    "yes-or-no": f"{PLACE}. Please answer 'Yes' or 'No' only.",  # OneIG
}
"""Wordings by name."""


def template_words(template: str, where: str) -> str:
    """The words of a template's name, or `template` itself.

    Raises InputError, which `where` begins, unless these hold {question} exactly once and no other field.
    """
    words = TEMPLATES.get(template, template)
    try:
        fields = [part[1:] for part in Formatter().parse(words) if part[1] is not None]
    except ValueError:
        fields = []
    if fields != [("question", "", None)]:
        known = ", ".join(TEMPLATES)
        raise InputError(
            f"{where}: template {template!r} is none of {known} and does not hold {PLACE} exactly once; "
            "other braces are written {{ and }}"
        )
    return words
