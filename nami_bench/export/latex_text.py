"""Texts from strangers (models, criteria, prompts) as pdflatex prints them, whatever the script.

pdflatex stops at a character that its fonts do not have. Latin letters with accents and signs that any LaTeX
knows are written as commands; every other character as `\\namichar{HEX}{CHARACTER}`, which prints "U+6A21"
in pdflatex, and the character itself in XeLaTeX and LuaLaTeX, or where the paper redefines the command, as
users of CJKutf8 do.
"""

import re
import unicodedata

from nami_bench.export.markup import one_line

NAMICHAR = (
    r"\ifdefined\namichar\else\DeclareRobustCommand{\namichar}[2]"
    r"{\ifdefined\Umathchar#2\else{\scriptsize U+#1}\allowbreak\fi}\fi"
)
"""Defines the command; the paper's own definition goes before."""

_SIGNS = {
    "\ue000": r"\allowbreak{}",
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
    "`": r"\char96{}",
    "\N{NO-BREAK SPACE}": "~",
    "–": "--",
    "—": "---",
    "‘": "`",
    "’": "'",
    "“": "``",
    "”": "''",
    "…": r"\dots{}",
    "•": r"\textbullet{}",
    "±": r"$\pm$",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
    "→": r"$\rightarrow$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "≈": r"$\approx$",
    "²": r"$^2$",
    "°": r"$^\circ$",
    "µ": r"$\mu$",
    "†": r"\dag{}",
    "‡": r"\ddag{}",
    "§": r"\S{}",
    "ß": r"\ss{}",
    "æ": r"\ae{}",
    "Æ": r"\AE{}",
    "œ": r"\oe{}",
    "Œ": r"\OE{}",
    "ø": r"\o{}",
    "Ø": r"\O{}",
    "ł": r"\l{}",
    "Ł": r"\L{}",
    "ı": r"\i{}",
    "¡": "!`",
    "¿": "?`",
}
_ACCENTS = {
    "\N{COMBINING GRAVE ACCENT}": "`",
    "\N{COMBINING ACUTE ACCENT}": "'",
    "\N{COMBINING CIRCUMFLEX ACCENT}": "^",
    "\N{COMBINING TILDE}": "~",
    "\N{COMBINING MACRON}": "=",
    "\N{COMBINING BREVE}": "u",
    "\N{COMBINING DOT ABOVE}": ".",
    "\N{COMBINING DIAERESIS}": '"',
    "\N{COMBINING DOUBLE ACUTE ACCENT}": "H",
    "\N{COMBINING CARON}": "v",
    "\N{COMBINING CEDILLA}": "c",
    "\N{COMBINING RING ABOVE}": "r",
    "\N{COMBINING DOT BELOW}": "d",
}
"""Those that the oldest of LaTeX's font encodings, OT1, has."""
_DOTLESS = {"i": r"\i{}", "j": r"\j{}"}
_LIGATURES = re.compile(r"(?<=-)(?=-)|(?<=')(?=')|(?<=,)(?=,)|(?<=[?!])(?=`)")
_HASH = re.compile(r"(?<![0-9a-f])(?:[0-9a-f]{64}|[0-9a-f]{40})(?![0-9a-f])")
_DIGITS = 12
_BREAKS = re.compile(r"(?<=\w[^\w\s])(?=[^\s\d])|(?<=_)(?=\S)|(?<=\w{20})(?=\w)")
_BREAK = "\ue000"
"""Of Unicode's private use: no text has it."""


def latex_text(text: str) -> str:
    """`text` as LaTeX prints it, on one line: nothing in it is a command, and pdflatex knows all of it."""
    parts = _LIGATURES.split(unicodedata.normalize("NFC", one_line(text)))
    return "{}".join("".join(map(_character, part)) for part in parts)


def latex_note(text: str) -> str:
    """As `latex_text`, with the first twelve digits of hashes, and places where long words may break."""
    return latex_text(_BREAKS.sub(_BREAK, shortened(text)))


def printed_width(text: str) -> int:
    """About how many characters `latex_note` prints of a text: one that no font has takes five."""
    shown = shortened(text)
    return len(shown) + 4 * sum("namichar" in _character(one) for one in shown)


def without_namichar(latex: str) -> str:
    """LaTeX of `latex_text` with plain "U+6A21" where it has \\namichar."""
    return re.sub(r"\\namichar\{([0-9A-F]+)\}\{[^{}]?\}", r"U+\1", latex)


def shortened(text: str) -> str:
    """`text` with the first twelve digits of its hashes."""
    return _HASH.sub(lambda found: found[0][:_DIGITS], text)


def _character(character: str) -> str:
    if character in _SIGNS:
        return _SIGNS[character]
    if " " <= character < "\x7f":
        return character
    return _accented(character) or f"\\namichar{{{ord(character):04X}}}{{{_itself(character)}}}"


def _accented(character: str) -> str | None:
    """A Latin letter with an accent, as a command; None for any other character."""
    apart = unicodedata.normalize("NFD", character)
    base, accent = apart[0], apart[1:]
    if accent not in _ACCENTS or not "a" <= base.lower() <= "z":
        return None
    command = _ACCENTS[accent]
    above = command not in ("c", "d")
    return f"\\{command}{{{_DOTLESS.get(base, base) if above else base}}}"


def _itself(character: str) -> str:
    """What the engines that know all scripts print; nothing for what steers a terminal or a line."""
    return "" if unicodedata.category(character).startswith("C") else character
