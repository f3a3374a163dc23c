"""What commands share that judge a folder of images: `geneval DIR ...`, `dpg DIR ...`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from nami_bench.cli.common import echo, print_json, say

if TYPE_CHECKING:
    from nami_bench.evaluation.completeness import Completeness

_SHOWN = 5
"""How many problems of each kind are listed for people; --json has all."""


class FolderOrCommand(click.Group):
    """A group whose `on_folder` runs where the first argument names none of its commands."""

    on_folder: click.Command

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        if args and args[0] in self.commands:
            return super().make_context(info_name, args, parent, **extra)
        return self.on_folder.make_context(info_name, args, parent, **extra)


def refuse_incomplete(
    directory: Path, completeness: "Completeness", allowed: bool, advice: str, as_json: bool
) -> None:
    """Say what is amiss with a folder; unless that is `allowed`, raise IncompleteError with `advice`."""
    for kind, count in completeness.counts.items():
        of_kind = [problem for problem in completeness.problems if problem.kind == kind]
        for problem in of_kind[:_SHOWN]:
            say(str(problem))
        if count > _SHOWN:
            say(f"{kind}: and {count - _SHOWN} more (--json lists all)")
    if not completeness.problems or allowed:
        return
    from nami_bench.errors import IncompleteError

    if as_json:
        print_json({"completeness": completeness.to_json()})
    raise IncompleteError(f"{directory} is not complete ({_counts(completeness)}): {advice}")


class _Run(Protocol):
    @property
    def results(self) -> Sequence[object]: ...

    def to_json(self) -> dict[str, Any]: ...


class _Summary(Protocol):
    def to_json(self) -> dict[str, Any]: ...

    def to_text(self) -> str: ...


def print_run(
    results: Path,
    run: _Run,
    summary: _Summary | None,
    completeness: "Completeness",
    failures: Sequence[str],
    notes: Sequence[str],
    as_json: bool,
) -> None:
    """What became of a run: the first `failures`, then the figures, and what they do not rest on."""
    for failure in failures[:_SHOWN]:
        say(failure)
    if as_json:
        print_json(
            {
                "results": str(results),
                "completeness": completeness.to_json(),
                "run": run.to_json(),
                "summary": summary.to_json() if summary else None,
            }
        )
        return
    if summary:
        echo(summary.to_text())
    if completeness.problems:
        echo(f"Note: incomplete: {_counts(completeness)}")
    for note in notes:
        echo(f"Note: {note}")
    say(f"{len(run.results)} results in {results}")


def print_summary(figures: _Summary, as_json: bool) -> None:
    """A results file's figures."""
    if as_json:
        print_json(figures.to_json())
    else:
        echo(figures.to_text())


def _counts(completeness: "Completeness") -> str:
    return ", ".join(f"{kind}: {count}" for kind, count in completeness.counts.items())
