"""Texts from strangers (models, criteria, prompts) as they may stand in Markdown and in LaTeX."""

import re

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|#~$&])")
_BLANKS = re.compile(r"[ \t\r\n\f\v]+")
_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "{''}",
    "\N{NO-BREAK SPACE}": "~",
    "–": "--",
    "±": r"$\pm$",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
    "×": r"$\times$",
}


def markdown_text(text: str) -> str:
    """`text` as Markdown shows it, on one line: nothing in it becomes markup, a link or a table cell."""
    return _MARKDOWN.sub(r"\\\1", _one_line(text))


def latex_text(text: str) -> str:
    """`text` as LaTeX prints it, on one line: nothing in it is a command."""
    return "".join(_LATEX.get(character, character) for character in _one_line(text))


def _one_line(text: str) -> str:
    return _BLANKS.sub(" ", text)
