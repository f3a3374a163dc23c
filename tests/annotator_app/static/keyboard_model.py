"""The grammar of docs/keyboard.md, a second time: by lists of words, where the screen computes.

Nothing here is taken from the screen's code. A scale is the list of everything that may be written on it; an
item is a list of scores and a cursor.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property

PADDED_FROM = 20
MOVES = ("ArrowLeft", "ArrowRight", "PageDown", "PageUp", "Home", "End")


@dataclass(frozen=True)
class Scale:
    """A criterion's scale and its words."""

    minimum: str
    maximum: str
    step: str

    @cached_property
    def words(self) -> dict[str, float]:
        """Everything that is a number of the scale, as it may be written, and its value."""
        places = max(0, *(-Decimal(text).as_tuple().exponent for text in (self.minimum, self.step)))
        words, value = {}, Decimal(self.minimum)
        while value <= Decimal(self.maximum):
            for word in self._writings(abs(value), value < 0, places):
                words[word] = float(value)
            value += Decimal(self.step)
        return words

    def _writings(self, size: Decimal, is_negative: bool, places: int) -> list[str]:
        whole = str(int(size))
        most = max(len(whole), self.usual_length(is_negative))
        wholes = [whole.zfill(length) for length in range(len(whole), most + 1)]
        fraction = str(size).partition(".")[2].rstrip("0")
        fractions = [f".{fraction.ljust(length, '0')}" for length in range(len(fraction), places + 1)]
        if not fraction:
            fractions = ["", *fractions] if places else [""]
        return [("-" if is_negative else "") + w + f for w in wholes for f in fractions]

    def usual_length(self, is_negative: bool) -> int:
        """Up to so many digits a whole part is filled with zeros; 0 where none is."""
        end = -Decimal(self.minimum) if is_negative else Decimal(self.maximum)
        digits = str(int(end))
        if end < PADDED_FROM:
            return 0
        return len(digits) - (end == 10 ** (len(digits) - 1))

    @cached_property
    def beginnings(self) -> set[str]:
        return {word[:length] for word in self.words for length in range(1, len(word) + 1)}

    def is_whole(self, text: str) -> bool:
        """Whether nothing longer can be written."""
        return not any(text + more in self.beginnings for more in "0123456789.")

    def is_hundred(self, text: str) -> bool:
        """Whether it is a 100 (or 1000 ...) that is a 10 and a 0, too."""
        length = self.usual_length(text.startswith("-"))
        digits = text.lstrip("-")
        return digits.isdigit() and 0 < length < len(digits) and digits[-1] == "0" and text[:-1] in self.words


@dataclass
class Item:
    """An item and what keys do to it: `scores` are numbers, "excused", or None."""

    scales: list[Scale]
    scores: list[float | str | None]
    again: set[int] = field(default_factory=set)
    active: int = 0
    text: str = ""
    before: float | str | None = None
    moving: int | None = None
    history: list["Item"] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self._waits(self.active):
            self.active = self._next() if self._next() is not None else 0

    @property
    def condition(self) -> str:
        if self.text:
            return "typing"
        return "done" if self._next() is None else "waiting"

    def press(self, key: str) -> None:
        """What a key does."""
        if self._is_no_key(key):
            return
        if key in MOVES:
            self._step(key)
            return
        self.moving = None
        if key in "0123456789.-":
            self._write(key)
        elif key in (" ", "Tab"):
            if self.text:
                self._finish()
            elif None in self.scores:
                while self.scores[self.active] is not None:
                    self.active = (self.active + 1) % len(self.scores)
                    self.again = set()
        elif key == "Backspace" and self.text:
            self._erase()
        elif key in ("ArrowUp", "ArrowDown"):
            by = 1 if key == "ArrowDown" else -1
            self.pick((self.active + by) % len(self.scores))
        elif key == "Delete":
            self._end()
            if self.scores[self.active] is not None:
                self._remember()
                self.scores[self.active] = None
        elif key == "ctrl+z":
            self._undo()
        elif key == "Enter":
            self._end()

    def _is_no_key(self, key: str) -> bool:
        """What has no meaning in this study, or in this state, for the scores."""
        if key in ".-":
            return not any(key in word for scale in self.scales for word in scale.words)
        by_state = {" ": ("done",), "Tab": ("waiting", "done"), "Backspace": ("waiting", "done")}
        return self.condition in by_state.get(key, ())

    def pick(self, row: int) -> None:
        """Choose a row: its score may be typed anew, and of the others only what waited in mid-number."""
        was_typing = bool(self.text)
        self._end()
        self.moving = None
        if not (was_typing and self._waits(row)):
            self.again = {row}
        self.active = row

    def slide(self, row: int, value: float) -> None:
        """Move a row's control."""
        goes_on = self.moving == row and not self.text
        self._end()
        if not goes_on:
            self._remember()
        self.scores[row], self.active, self.moving = value, row, row
        self.again.discard(row)

    def excuse(self, row: int, everything: bool) -> None:
        """Say "can't judge" of a row, or of all that have no score."""
        self._end()
        self._remember()
        self.moving = None
        for one, score in enumerate(self.scores):
            if one == row or (everything and score is None):
                self.scores[one] = "excused"
        self.active = row
        self.again.discard(row)
        self._go_on()

    def _waits(self, row: int) -> bool:
        return self.scores[row] is None or row in self.again

    def _next(self) -> int | None:
        count = len(self.scores)
        rows = [(self.active + 1 + i) % count for i in range(count)]
        return next((row for row in rows if self._waits(row)), None)

    def _go_on(self) -> None:
        following = self._next()
        if following is not None:
            self.active = following

    def _write(self, key: str) -> None:
        row = self.active if self.text or self._waits(self.active) else self._next()
        if row is None:
            return
        scale = self.scales[row]
        text = self.text + ("0." if key == "." and self.text in ("", "-") else key)
        if text in scale.beginnings:
            if not self.text:
                self._remember()
                self.active, self.before = row, self.scores[row]
            self._show(text)
        elif self.text and scale.is_hundred(self.text) and self._splits(key):
            pass
        elif self.text and self.text in scale.words:
            self._finish()
            self._write(key)

    def _splits(self, key: str) -> bool:
        """100 and a digit: 10, and 0 with the digit, if the next row can have that."""
        trial = self._copy()
        trial._show(trial.text[:-1], ends=False)
        trial._finish()
        row = trial.active
        if row == self.active or f"0{key}" not in self.scales[row].beginnings:
            return False
        vars(self).update(vars(trial))
        self._remember()
        self.before = self.scores[row]
        self._show(f"0{key}")
        return True

    def _show(self, text: str, ends: bool = True) -> None:
        scale = self.scales[self.active]
        self.text = text
        self.scores[self.active] = scale.words.get(text)
        if ends and scale.is_whole(text) and not (scale.is_hundred(text) and self._zero_may_follow()):
            self._finish()

    def _zero_may_follow(self) -> bool:
        trial = self._copy()
        trial._finish()
        return trial.active != self.active and "0" in self.scales[trial.active].beginnings

    def _end(self) -> None:
        if self.text:
            self.again.discard(self.active)
        self.text, self.before = "", None

    def _finish(self) -> None:
        is_number = self.scores[self.active] is not None
        self._end()
        if is_number:
            self._go_on()

    def _erase(self) -> None:
        if len(self.text) == 1:
            row = self.active
            self._undo()
            self.active = row
        else:
            self._show(self.text[:-1], ends=False)

    def _step(self, key: str) -> None:
        row, score = self.active, self.scores[self.active]
        values = sorted(set(self.scales[row].words.values()))
        scale = self.scales[row]
        if key in ("Home", "End"):
            return self.slide(row, values[0 if key == "Home" else -1])
        steps = {"ArrowLeft": -1, "ArrowRight": 1, "PageDown": -10, "PageUp": 10}[key]
        if isinstance(score, float):
            index = values.index(score) + steps
            return self.slide(row, values[min(max(index, 0), len(values) - 1)])
        middle = (Decimal(scale.minimum) + Decimal(scale.maximum)) / 2
        above = [value for value in values if value >= middle]
        return self.slide(row, above[0] if above else values[-1])

    def _remember(self) -> None:
        kept = self._copy()
        kept.moving = None
        self.history = [*self.history, kept]

    def _copy(self) -> "Item":
        """Another item; the histories, which nothing changes, are one."""
        other = object.__new__(Item)
        vars(other).update({**vars(self), "scores": list(self.scores), "again": set(self.again)})
        return other

    def _undo(self) -> None:
        if not self.history:
            self._end()
            return
        vars(self).update(vars(self.history[-1]._copy()))
