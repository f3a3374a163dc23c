"""Questions about the person who comes into a study by themselves: what may be answered, and who goes on."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from nami_bench.domain.names import checked_name
from nami_bench.errors import InputError


@dataclass(frozen=True, slots=True)
class Option:
    """One answer to an `EntryQuestion`: what is kept, and what is shown, by language (none: the value)."""

    value: str
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EntryQuestion:
    """One question about the person; its `name` is the column that the answer becomes.

    A `choice` has `options`, a `number` lies from `minimum` to `maximum`. Nobody goes on who answers
    otherwise than `qualifies` says (choice), or a number outside `qualifies_from` to `qualifies_to`. There is
    no free text: it would hold names.
    """

    name: str
    texts: Mapping[str, str]
    kind: str = "choice"
    options: tuple[Option, ...] = ()
    minimum: float = 0
    maximum: float = 1_000_000
    required: bool = True
    qualifies: tuple[str, ...] = ()
    qualifies_from: float | None = None
    qualifies_to: float | None = None

    def __post_init__(self) -> None:
        checked_name("question", self.name)
        where = f"entry.question {self.name!r}"
        if not self.texts:
            raise InputError(f"{where}: texts is empty: nobody would know what is asked")
        if self.kind not in ("choice", "number"):
            raise InputError(f"{where}: kind {self.kind!r} is not supported; use 'choice' or 'number'")
        if (self.kind == "choice") != bool(self.options):
            raise InputError(f"{where}: a choice has options, and a number has none")
        values = [option.value for option in self.options]
        if len(set(values)) != len(values):
            raise InputError(f"{where}: each option's value stands there once")
        if unknown := sorted({*self.qualifies} - {*values}):
            raise InputError(f"{where}: qualifies names {unknown[0]!r}, which is none of its options")
        if self.minimum > self.maximum:
            raise InputError(f"{where}: minimum lies above maximum")
        if self.is_screening and not self.required:
            raise InputError(f"{where}: an answer that decides must be required")

    @property
    def is_screening(self) -> bool:
        """Whether the answer decides who goes on."""
        return bool(self.qualifies) or self.qualifies_from is not None or self.qualifies_to is not None

    def checked(self, answer: str) -> str:
        """An answer as it is kept; "" where none was given; raises InputError."""
        given = answer.strip()
        if not given:
            if self.required:
                raise InputError(f"the question {self.name!r} is not answered")
            return ""
        if self.kind == "choice":
            if given not in [option.value for option in self.options]:
                raise InputError(f"the question {self.name!r} has no such answer")
            return given
        try:
            number = float(given)
        except ValueError:
            number = float("nan")
        if not self.minimum <= number <= self.maximum:
            raise InputError(
                f"the question {self.name!r} asks for a number from {self.minimum:g} to {self.maximum:g}"
            )
        return f"{number:g}"

    def admits(self, answer: str) -> bool:
        """Whether somebody with this answer, as `checked` gave it, goes on."""
        if not self.is_screening:
            return True
        if self.kind == "choice":
            return answer in self.qualifies
        low = self.minimum if self.qualifies_from is None else self.qualifies_from
        high = self.maximum if self.qualifies_to is None else self.qualifies_to
        return low <= float(answer) <= high
