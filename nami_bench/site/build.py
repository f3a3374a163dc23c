"""A site, built: `build_site`."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from nami_bench.config import Workspace
from nami_bench.domain import ImageState
from nami_bench.evaluation.leaderboard.rows import DEFAULT_PRECISION, Precision
from nami_bench.site.board_page import board_page, pairs_address
from nami_bench.site.bundle import bundled_script
from nami_bench.site.contents import ImageKey, Section
from nami_bench.site.downloads import downloads
from nami_bench.site.facts import Facts
from nami_bench.site.folder import SiteFolder
from nami_bench.site.judges_page import judges_page
from nami_bench.site.methods_page import methods_page
from nami_bench.site.model_page import ModelPages
from nami_bench.site.pages import Site
from nami_bench.site.pictures import Picture, put_pictures
from nami_bench.site.prompt_page import PromptPages
from nami_bench.site.prompts_page import prompts_page, texts_address
from nami_bench.site.sources import open_sources
from nami_bench.store import Store

Advance = Callable[[int], object]
Progress = Callable[[str, int], AbstractContextManager[Advance]]
RunFileOf = Callable[[Workspace, Store], str | None]


def _no_run_file(workspace: Workspace, store: Store) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class SiteOptions:
    """`title`: the site's; None: of what it is made. `studies`: only these; none: all that have judgements.

    `run_file`: the text of the run file that a workspace's results come from, None where there is none.
    `without`: annotators who do not count. `comments`: show what annotators wrote beside images. `pixels`:
    the longest side of large pictures, at least that of thumbnails; 0: none but thumbnails.
    """

    title: str | None = None
    studies: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    comments: bool = False
    pixels: int = 768
    precision: Precision = DEFAULT_PRECISION
    run_file: RunFileOf = _no_run_file


@dataclass(frozen=True, slots=True)
class Built:
    """What a build did: files `written`, `kept` as they were and `removed`; `remarks` say what is missing."""

    folder: Path
    written: int
    kept: int
    removed: int
    remarks: tuple[str, ...] = field(default_factory=tuple)


def _no_progress(title: str, total: int) -> AbstractContextManager[Advance]:
    return nullcontext(lambda count: None)


def build_site(
    sources: list[Path], folder: Path, options: SiteOptions, progress: Progress = _no_progress
) -> Built:
    """Write the site of `sources` into `folder`: new, empty, or holding an earlier build.

    Sources are workspaces and dataset folders (see `open_sources`). Raises InputError for a folder that holds
    something else and for sources that cannot be shown, StorageError where the disk refuses.
    """
    out = SiteFolder(folder)
    with open_sources(sources, options) as opened:
        site = Site(opened.title, tuple(opened.sections))
        _put_assets(out)
        said = {
            section.name: [*section.remarks, *_put_pages(out, site, section, options.pixels, progress)]
            for section in site.sections
        }
        removed = out.finish()
    of_sections = (f"{name}: {remark}" for name, found in said.items() for remark in found)
    remarks = (*opened.remarks, *of_sections)
    return Built(folder, out.written, out.kept, removed, remarks)


def _put_assets(out: SiteFolder) -> None:
    static = files("nami_bench.site") / "static"
    for name in ("site.css", "early.js"):
        out.put(f"assets/{name}", (static / name).read_bytes())
    out.put("assets/site.js", bundled_script())


def _put_pages(
    out: SiteFolder, site: Site, section: Section, pixels: int, progress: Progress
) -> Iterator[str]:
    """Write a section's pages; yields what must be said."""
    with progress(f"{section.name}: pictures", len(section.records)) as advance:
        pictures = put_pictures(out, section.records, section.images_dir, pixels, advance)
    yield from _unreadable(section, pictures)
    facts = Facts(section)
    pages = PromptPages(site, section, facts, pictures)
    with progress(f"{section.name}: prompts", len(section.prompt_set.prompts)) as advance:
        for prompt in section.prompt_set.prompts:
            out.put(site.prompt(section, prompt.id), pages.page(prompt))
            advance(1)
    models = ModelPages(site, section, facts, pictures)
    for model in section.models:
        out.put(site.model(section, model), models.page(model))
    page, texts = prompts_page(site, section, facts)
    out.put(texts_address(section), texts)
    out.put(site.address(section, "prompts"), page)
    out.put(site.address(section, "judges"), judges_page(site, section))
    _put_methods(out, site, section)
    page, pairs = board_page(site, section)
    out.put(pairs_address(section), pairs)
    # Last, so that whoever sees the entrance sees all of it.
    out.put(site.address(section, "board"), page)


def _unreadable(section: Section, pictures: Mapping[ImageKey, Picture]) -> Iterator[str]:
    """That pictures of finished images could not be made."""
    done = [one for one in section.records if one.state is ImageState.DONE]
    lost = [p for r in done if (p := pictures[r.model, r.prompt_id, r.sample].problem) is not None]
    if lost:
        yield f"{len(lost)} of {len(done)} images could not be shown: {lost[0]}"


def _put_methods(out: SiteFolder, site: Site, section: Section) -> None:
    """The page on methods, and the files that it leads to."""
    found = list(downloads(section))
    for file in found:
        out.put(f"data/{section.folder}/{file.name}", file.data)
    if section.run_file is not None:
        out.put(f"data/{section.folder}/run.toml", section.run_file.encode())
    out.put(site.address(section, "methods"), methods_page(site, section, found))
