"""A results site, with the run file that its results come from to take home."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Literal

from nami_bench.config import Workspace, find_workspace
from nami_bench.errors import InputError
from nami_bench.evaluation.leaderboard.rows import Precision
from nami_bench.run_file.bench import Workbench
from nami_bench.run_file.draft import draft
from nami_bench.run_file.parts import SitePart
from nami_bench.run_file.results import precision_of
from nami_bench.site.build import Built, SiteOptions, build_site
from nami_bench.store import Store

Place = str | PathLike[str]


def write_site(
    output: Place,
    sources: Place | Sequence[Place] = (),
    *,
    title: str | None = None,
    studies: str | Sequence[str] = (),
    pixels: int = 768,
    comments: bool = False,
    without: str | Sequence[str] = (),
    intervals: Literal["crossed", "percentile", "bca"] = "crossed",
    over: Literal["both", "prompts", "annotators"] = "both",
    level: float = 0.95,
    replicates: int = 1000,
    seed: int = 0,
    correction: Literal["holm", "benjamini-hochberg", "none"] = "holm",
) -> Built:
    """Write a results site into the folder `output`, as `nami-bench site` does.

    `sources`: folders of workspaces, or those that `ratings export --format dataset` wrote; none: the
    workspace that a command in this folder would take. `studies`: only these; none: all that have judgements.
    `pixels`: longest side of large pictures, 0 for none. `comments`: show what annotators wrote. `without`:
    annotators who do not count. The other options are those of `nami_bench.leaderboard`.

    Returns the `folder`, how many files were `written`, `kept` and `removed`, and `remarks` on what is
    missing. Raises InputError for sources that cannot be shown, and for an `output` that holds anything else.
    """
    if pixels < 0:
        raise InputError(f"pixels must be at least 0, got {pixels}")
    places = [sources] if isinstance(sources, str | PathLike) else list(sources)
    options = SiteOptions(
        title=title,
        studies=(studies,) if isinstance(studies, str) else tuple(studies),
        without=(without,) if isinstance(without, str) else tuple(without),
        comments=comments,
        pixels=pixels,
        precision=Precision(intervals, over, level, replicates, seed, correction),
        run_file=drafted_run_file,
    )
    return build_site([Path(place) for place in places] or [find_workspace()], Path(output), options)


def drafted_run_file(workspace: Workspace, store: Store) -> str | None:
    """A run file of what the workspace holds; None where it holds nothing to write down."""
    try:
        return draft(workspace, store, workspace.root.resolve().name)
    except InputError:
        return None


def write_run_site(bench: Workbench, part: SitePart) -> None:
    """Write a run's site; its own run file stands in it."""
    path = bench.loaded.path
    own = None if path is None else path.read_text(encoding="utf-8")
    options = SiteOptions(
        title=part.title,
        studies=part.studies,
        without=part.without,
        comments=part.comments,
        pixels=part.pixels,
        precision=precision_of(part.intervals) or Precision(),
        run_file=drafted_run_file if own is None else lambda workspace, store: own,
    )
    folder = bench.workspace.reports_dir / part.folder
    progress = bench.tell.progress
    done = build_site([bench.workspace.root], folder, options, lambda title, total: progress(title, total))
    for remark in done.remarks:
        bench.tell.say(f"   {remark}")
    bench.written[f"site {part.folder}"] = [folder / "index.html"]
    bench.tell.say(f"   {folder / 'index.html'}")
