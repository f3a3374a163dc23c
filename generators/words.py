"""Words in the shapes world: what a prompt has in quotation marks, written below its scene."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from nami_bench.errors import InputError
from nami_bench.generators.clauses import choose
from nami_bench.shapes import BACKGROUND

INK = (40, 40, 40)
# Letters this high are smaller than what the analytic detector takes for an object, so that words change no
# verdict about shapes. They are read from 192 pixels on.
_HEIGHT = 1 / 12
_LINE = 1.35
"""Of a line, with the space below it, in heights of its letters' font."""
_MARGIN = 0.04
_MOST_LINES = 6
_SUBPIXELS = 4
_OTHER_LETTERS = "AEHKMRSTXZ"
"""Those that no other letter or digit looks like."""


@dataclass(frozen=True, slots=True)
class Words:
    """Texts to write, each on lines of its own; `planted_error` says what is misspelt, None where nothing
    is."""

    texts: tuple[str, ...]
    planted_error: str | None = None


def plan_words(texts: tuple[str, ...], rng: np.random.Generator, *, error: bool = False) -> Words:
    """The texts as they are to be written, with `error` one word of them misspelt: a letter left out, put for
    another, or exchanged with the next one.

    Raises InputError for letters that the font does not have, and for more than there is room for.
    """
    _check(texts)
    if not error:
        return Words(texts)
    words = [(place, at) for place, text in enumerate(texts) for at in range(len(text.split()))]
    place, at = choose([p for p in words if _is_word(texts[p[0]].split()[p[1]])] or words, rng)
    split = texts[place].split()
    right, split[at] = split[at], _misspelt(split[at], rng)
    wrong = (*texts[:place], " ".join(split), *texts[place + 1 :])
    return Words(wrong, f"text: wrote {split[at]!r} instead of {right!r}")


def write_words(scene: Image.Image, words: Words) -> Image.Image:
    """The square picture with the scene made smaller and the words below it; 8-bit RGB of the same size."""
    size = scene.width
    lines = _lines(words.texts)
    band = round(size * _band(len(lines)))
    canvas = Image.new("RGB", scene.size, BACKGROUND)
    small = scene.resize((size - band, size - band), Image.Resampling.BOX)
    canvas.paste(small, (band // 2, 0))
    canvas.paste(_written(lines, size, band), (0, size - band))
    return canvas


def _written(lines: list[str], width: int, height: int) -> Image.Image:
    """Lines in the middle, drawn larger and made smaller, so that all of a letter's copies look alike."""
    canvas = Image.new("RGB", (width * _SUBPIXELS, height * _SUBPIXELS), BACKGROUND)
    draw, font = ImageDraw.Draw(canvas), _font(width * _SUBPIXELS)
    for number, line in enumerate(lines):
        left = (canvas.width - font.getlength(line)) / 2
        top = _SUBPIXELS * width * _HEIGHT * _LINE * number
        draw.text((round(left), round(top)), line, fill=INK, font=font)
    return canvas.reduce(_SUBPIXELS)


def _font(width: int) -> ImageFont.FreeTypeFont:
    """Pillow's own font, at the size for a picture so many pixels wide."""
    font = ImageFont.load_default(width * _HEIGHT)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


def _band(lines: int) -> float:
    """The height that lines take, as a share of the picture's side."""
    return lines * _HEIGHT * _LINE + _MARGIN


def _lines(texts: tuple[str, ...]) -> list[str]:
    """Texts on as few lines as they need, words kept whole. Raises InputError where they need too many."""
    side = 1200  # lengths are shares of the side: any will do
    font, widest = _font(side), side * (1 - 2 * _MARGIN)
    lines: list[str] = []
    for text in texts:
        line = ""
        for word in text.split():
            longer = f"{line} {word}".strip()
            if line and font.getlength(longer) > widest:
                lines.append(line)
                longer = word
            line = longer
        lines.append(line)
    if len(lines) > _MOST_LINES or any(font.getlength(line) > widest for line in lines):
        raise InputError("the shapes renderer has no room for all the words that the prompt asks for")
    return lines


def _check(texts: tuple[str, ...]) -> None:
    font = _font(100)
    missing = bytes(font.getmask("\uffff"))
    strange = {c for text in texts for c in text if not c.isspace() and bytes(font.getmask(c)) == missing}
    if strange:
        raise InputError(f"the shapes renderer's font does not have {', '.join(sorted(strange))}")
    _lines(texts)


def _is_word(word: str) -> bool:
    return sum(character.isalpha() for character in word) > 1


def _misspelt(word: str, rng: np.random.Generator) -> str:
    """Another word, that differs by one edit or by two neighbours."""
    letters = [at for at, character in enumerate(word) if character.isalpha()] or list(range(len(word)))
    neighbours = [at for at in letters if at + 1 in letters and word[at].lower() != word[at + 1].lower()]
    kinds = ["other"] + ["left out"] * (len(letters) > 2) + ["exchanged"] * bool(neighbours)
    kind = choose(kinds, rng)
    if kind == "exchanged":
        at = choose(neighbours, rng)
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    at = choose(letters, rng)
    if kind == "left out":
        return word[:at] + word[at + 1 :]
    other: str = choose([letter for letter in _OTHER_LETTERS if letter != word[at].upper()], rng)
    return word[:at] + (other.lower() if word[at].islower() else other) + word[at + 1 :]
