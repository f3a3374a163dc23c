"""Where a site comes from: workspaces, run files, and folders that `ratings export` wrote."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from nami_bench.config import Workspace, init_workspace, open_workspace
from nami_bench.domain import Study
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.leaderboard.paths import without_folders
from nami_bench.pipeline.import_judgements import import_judgements
from nami_bench.pipeline.leaderboard_from_store import choose_study
from nami_bench.site.contents import Section, Wanted, collect_section
from nami_bench.site.names import file_names
from nami_bench.store import Store

if TYPE_CHECKING:
    from nami_bench.site.build import SiteOptions

_SECRET = "results-site"
_EXPORT = "`ratings export --format dataset`"


@dataclass(frozen=True, slots=True)
class _Opened:
    store: Store
    images_dir: Path
    name: str
    run_file: str | None


@dataclass(frozen=True, slots=True)
class Opened:
    """A site's sections and title; `remarks` say which studies it cannot show."""

    sections: Sequence[Section]
    title: str
    remarks: tuple[str, ...] = ()


@contextmanager
def open_sources(sources: Sequence[Path], options: "SiteOptions") -> Iterator["Opened"]:
    """What a site is made of, while its images can be read.

    A source is a workspace's folder, or a dataset folder (`ratings export --format dataset`), which is
    read into a workspace of its own that is gone afterwards. Without `options.studies` each source shows the
    studies that have judgements, or where it has none its automatic scores.

    Raises InputError for anything else and for a source that has nothing to show, UnknownNameError for a
    study that is in none of them.
    """
    with ExitStack() as stack:
        opened = [_opened(stack, source, options) for source in sources]
        wanted = [(one, study) for one in opened for study in _studies(one.store, options.studies)]
        known = {study.name for _, study in wanted if study is not None}
        for name in options.studies:
            if name not in known:
                everything = {study.name for one in opened for study in one.store.studies.all()}
                raise UnknownNameError("study", name, everything)
        if not wanted:
            raise InputError("there is nothing to show: name a workspace with judgements or scores")
        labels = _labels(wanted)
        folders = file_names(labels)
        key = opened[0].store.annotation.secret(_SECRET)
        what = Wanted(options.precision, options.without, options.comments, key)
        sections: list[Section] = []
        remarks: list[str] = []
        for (one, study), label in zip(wanted, labels, strict=True):
            try:
                found = collect_section(one.store, one.images_dir, study, folders[label], what)
            except InputError as reason:
                if options.studies or len(wanted) == 1:
                    raise
                remarks.append(f"{label} is not shown: {reason}")
                continue
            run_file = None if one.run_file is None else str(without_folders(one.run_file))
            sections.append(replace(found, run_file=run_file))
        if not sections:
            raise InputError(f"there is nothing to show: {'; '.join(remarks)}")
        yield Opened(sections, options.title or _title(sections), tuple(remarks))


def _opened(stack: ExitStack, source: Path, options: "SiteOptions") -> _Opened:
    if source.is_file():
        raise InputError(f"{source} is a file: name a workspace, or a folder that {_EXPORT} wrote")
    is_workspace = (source / "nami.toml").is_file() or not source.exists()  # opening it says what to do
    workspace = open_workspace(source) if is_workspace else _imported(stack, source)
    store = stack.enter_context(Store.open(workspace.database_url))
    run_file = options.run_file(workspace, store) if is_workspace else None
    return _Opened(store, workspace.images_dir, source.resolve().name, run_file)


def _imported(stack: ExitStack, source: Path) -> Workspace:
    """A workspace with what a dataset folder holds, gone when the stack is."""
    workspace = init_workspace(Path(stack.enter_context(TemporaryDirectory())) / "workspace")
    with Store.open(workspace.database_url) as store:
        import_judgements(store, source, workspace.images_dir)
    return workspace


def _studies(store: Store, names: Sequence[str]) -> list[Study | None]:
    """Those to be shown, the newest first; None stands for the automatic scores alone."""
    if names:
        known = {study.name: study for study in store.studies.all()}
        return [known[name] for name in names if name in known]
    found: list[Study | None] = [
        study for study in reversed(store.studies.all()) if _has_judgements(store, study)
    ]
    if found:
        return found
    chosen = choose_study(store, None, asks=True)
    return [chosen] if chosen is not None else [None]


def _has_judgements(store: Store, study: Study) -> bool:
    if study.is_ranked:
        return bool(store.rankings.all(study.name))
    if study.images_shown > 1:
        return bool(store.comparisons.all(study.name))
    return store.ratings.exist(study.name)


def _labels(wanted: Sequence[tuple[_Opened, Study | None]]) -> list[str]:
    """A name for each section, unlike the others."""
    names = [study.name if study else one.name for one, study in wanted]
    found = []
    for at, ((one, _), name) in enumerate(zip(wanted, names, strict=True)):
        label = f"{one.name}-{name}" if names.count(name) > 1 else name
        found.append(label if label not in found else f"{label}-{at}")
    return found


def _title(sections: Sequence[Section]) -> str:
    names = list(dict.fromkeys(section.prompt_set.name for section in sections))
    return f"Text-to-image models on {' and '.join(names)}"
