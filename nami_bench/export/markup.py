"""Texts from strangers (models, criteria, prompts) as they may stand in Markdown."""

import re

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|#~$&])")
_BLANKS = re.compile(r"[ \t\r\n\f\v]+")


def markdown_text(text: str) -> str:
    """`text` as Markdown shows it, on one line: nothing in it becomes markup, a link or a table cell."""
    return _MARKDOWN.sub(r"\\\1", one_line(text))


def one_line(text: str) -> str:
    """`text` with every run of white space as one blank."""
    return _BLANKS.sub(" ", text)
