"""What the prompts of a run are beside the set that they should be of: all of it, a part, rewrites, others.

Prompts are told apart by prompt, tag, include and exclude; whatever else their lines say counts for nothing.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nami_bench.domain.clauses import demand_key, has_clauses, line_key
from nami_bench.errors import InputError
from nami_bench.evaluation.geneval.results import ImageResult
from nami_bench.foreign_text import parse_json

PromptKey = tuple[str, str]
"""`nami_bench.domain.clauses.line_key` of a prompt."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Numbers of prompts. `expected` are in the set and have clauses; of them `missing` have no results.

    Of the `found` prompts that results are of, `rewritten` have another text than the prompt of the set with
    the same clauses, or say that they are rewrites; `foreign` have other clauses than any prompt of the set.
    """

    expected: int
    found: int
    missing: int
    rewritten: int
    foreign: int

    @property
    def of_the_set(self) -> bool:
        """Whether any of the results are of the set."""
        return self.foreign < self.found

    def notes(self) -> list[str]:
        """In words, how the prompts differ from the set; empty where they do not."""
        notes, of_set = [], f"of the expected set of {self.expected}"
        if not self.of_the_set:
            notes.append(f"the prompts are not {of_set}: missing ones were not looked for")
        elif self.missing:
            notes.append(f"{self.missing} of the {self.expected} expected prompts have no results")
        if self.rewritten:
            notes.append(
                f"{self.rewritten} of {self.found} prompts are rewritten: their clauses are the original "
                "prompts', their texts are not"
            )
        if self.of_the_set and self.foreign:
            notes.append(f"{self.foreign} prompts are not {of_set}")
        return notes


def result_metadata(results: Sequence[ImageResult]) -> dict[str, Mapping[str, Any]]:
    """The prompts' lines by their JSON texts; raises InputError for a text that is no JSON object."""
    lines: dict[str, Mapping[str, Any]] = {}
    for row in results:
        if row.metadata not in lines:
            lines[row.metadata] = _parsed(row)
    return lines


def coverage(lines: Iterable[Mapping[str, Any]], expected: Iterable[Mapping[str, Any]]) -> Coverage:
    """Compare the metadata of a run's prompts with those of the set `expected`."""
    wanted = {line_key(line): line for line in expected if has_clauses(line)}
    found = {line_key(line): line for line in lines}
    demands = {demand for _, demand in wanted}
    reworded = {key for key in found if key not in wanted and key[1] in demands}
    said = {key for key in found if _says_so(found[key]) or _says_so(wanted.get(key, {}))}
    return Coverage(
        expected=len(wanted),
        found=len(found),
        missing=_missing(wanted, found, {demand for _, demand in reworded}),
        rewritten=len(reworded | said),
        foreign=sum(key[1] not in demands for key in found),
    )


def is_rewrite_of(line: Mapping[str, Any], original: Mapping[str, Any]) -> bool:
    """Whether a line with the clauses of `original` but another prompt names that prompt under some key."""
    if not has_clauses(original) or demand_key(line) != demand_key(original):
        return False
    named = original["prompt"].split()
    return any(isinstance(v, str) and v.split() == named for k, v in line.items() if k != "prompt")


def _missing(
    wanted: Collection[PromptKey], found: Collection[PromptKey], reworded_demands: Collection[str]
) -> int:
    return sum(key not in found and key[1] not in reworded_demands for key in wanted)


def _says_so(line: Mapping[str, Any]) -> bool:
    return line.get("rewritten_from") is not None


def _parsed(row: ImageResult) -> Mapping[str, Any]:
    try:
        line = parse_json(row.metadata)
    except ValueError as error:
        raise InputError(f"the result of {row.filename} has metadata that are not JSON: {error}") from error
    if not isinstance(line, dict):
        raise InputError(f"the result of {row.filename} has metadata that are no JSON object")
    return line
