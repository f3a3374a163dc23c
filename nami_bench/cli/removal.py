"""What a removal takes away, in words; what an earlier one could not finish."""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from nami_bench.cli.common import Bench, print_json, say
from nami_bench.cli.consent import counted, with_consent

if TYPE_CHECKING:
    from nami_bench.store import Removal


def finish_earlier(bench: Bench, *, dry_run: bool) -> int:
    """Delete what an earlier removal that was killed has left on disk; how much that was."""
    from nami_bench import pipeline

    if dry_run:
        return 0
    finished = pipeline.finish_removals(bench.store, bench.workspace.images_dir)
    if finished:
        say(f"an earlier removal is finished: {finished} files or folders were still to be deleted")
    return finished


def show_removal(act: "Callable[[bool], Removal]", *, dry_run: bool, yes: bool, as_json: bool) -> bool:
    """Remove with consent (see `with_consent`), and tell what; whether it was done.

    With `as_json` the numbers are one document on stdout.
    """
    if not as_json:
        return with_consent(act, removal_lines, dry_run=dry_run, yes=yes) is not None
    done = act(True) if dry_run else with_consent(act, lambda removal: (), dry_run=False, yes=yes)
    if done is not None:
        print_json({"dry_run": dry_run, **asdict(done)})
    return done is not None and not dry_run


def removal_lines(removal: "Removal") -> Iterator[str]:
    """What goes, or would go."""
    yield f"{counted(removal.images, 'image')}, {counted(removal.files, 'file')}"
    yield (
        f"{counted(removal.scores, 'automatic score')} of images, "
        f"{counted(removal.set_scores, 'score')} of whole sets"
    )
    pairs = f"{counted(removal.comparisons, 'verdict')} on pairs"
    yield f"{counted(removal.ratings, 'rating')}, {pairs}, {counted(removal.rankings, 'ranking')}"
    yield f"{counted(removal.items, 'item')} of studies, {counted(removal.answers, 'answer')} to them"
    if removal.known_answers:
        yield f"{counted(removal.known_answers, 'item')} with known answers leave their studies"
    for study, judgements in removal.studies.items():
        yield f"study {study}: {counted(judgements, 'judgement')}"
