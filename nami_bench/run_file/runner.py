"""A run from beginning to end: everything that a run file describes, as far as it is not there yet."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nami_bench.analysis.leaderboard import LeaderboardResult
from nami_bench.config import (
    AnnotateConfig,
    DatabaseConfig,
    SubmissionsConfig,
    Workspace,
    find_workspace,
    init_workspace,
    open_workspace,
)
from nami_bench.engines.choice import EngineChoice
from nami_bench.errors import DatabaseLostError, InputError
from nami_bench.run_file.bench import SILENT, Teller, Workbench
from nami_bench.run_file.check import Check, check_lock
from nami_bench.run_file.images import make_images, plan_images, record_models
from nami_bench.run_file.load import LoadedRun, load_run
from nami_bench.run_file.lock import write_lock
from nami_bench.run_file.lock_file import read_lock, took_before
from nami_bench.run_file.parts import GenerationPart
from nami_bench.run_file.plan import Plan
from nami_bench.run_file.prompt_sets import plan_prompts, record_prompts
from nami_bench.run_file.results import plan_results, write_leaderboards, write_reports
from nami_bench.run_file.scores import plan_scores, prepare_metrics, score_images
from nami_bench.run_file.site import write_run_site
from nami_bench.run_file.studies import check_readings, plan_studies, work_studies
from nami_bench.store import Store

IN_MEMORY = "sqlite:///:memory:"


@dataclass(frozen=True, slots=True)
class RunResult:
    """What came of a run.

    `leaderboards` by name; `written`: the files, `lock` and `lock_path` among them as values; `failures`:
    sentences about images and scores that are missing. Of a dry run there is only the `plan`, of a check only
    the `check`.
    """

    leaderboards: Mapping[str, LeaderboardResult] = field(default_factory=dict)
    written: tuple[Path, ...] = ()
    lock: Mapping[str, Any] | None = None
    lock_path: Path | None = None
    failures: tuple[str, ...] = ()
    plan: Plan | None = None
    check: Check | None = None


def run(
    source: str | Path | Mapping[str, Any] | None,
    *,
    workspace: str | Path | Workspace | None = None,
    overrides: Mapping[str, Any] | None = None,
    dry_run: bool = False,
    check: str | Path | None = None,
    tell: Teller = SILENT,
) -> RunResult:
    """Do what a run file describes, in a workspace (made where there is none), and pass over what is done.

    `source`: a TOML file, or values of the same form (`nami_bench.run_file.schema.RunFile`). `overrides`:
    values by dotted path, as `{"model.mine.seed": 3}`. `dry_run`: only say what would be done. `check`: a
    lock, to be compared with what is on this machine; then `source` may be None, and is what the lock holds.
    `tell` hears how it gets on.

    It may be killed at any moment and called again. Raises InputError before anything is done for what is not
    as it should be, and WorkError where the work cannot go on; what was finished is kept.
    """
    place = _place(workspace)
    if check is not None:
        lock = read_lock(Path(check))
        loaded = load_run(lock["run_file"]["content"] if source is None else source, overrides)
        with _looked_at(place, loaded, tell) as bench:
            return RunResult(check=check_lock(bench, lock))
    if source is None:
        raise InputError("name a run file: only a check can take it from the lock")
    loaded = load_run(source, overrides)
    if dry_run:
        with _looked_at(place, loaded, tell) as bench:
            return RunResult(plan=plan_of(bench))
    found = _opened(place) or init_workspace(Path(str(place)))
    with Store.open(found.database_url) as store:
        return _done(Workbench(found, store, loaded, tell))


def plan_of(bench: Workbench) -> Plan:
    """What would be done; nothing is changed."""
    locks = sorted(bench.workspace.reports_dir.glob("*.lock.json"))
    steps = [plan_prompts(bench), plan_images(bench), plan_scores(bench, took_before(*locks))]
    return Plan(tuple(one for step in (*steps, plan_studies(bench), plan_results(bench)) for one in step))


def _done(bench: Workbench) -> RunResult:
    tell, run = bench.tell, bench.run
    tell.say(f"workspace: {bench.workspace.root}")
    numbered = iter(range(1, 10))

    def begin(title: str, wanted: object = True) -> bool:
        if wanted:
            tell.say(f"{next(numbered)}. {title}")
        return bool(wanted)

    begin("prompts")
    record_prompts(bench)
    record_models(bench)
    check_readings(bench)
    prepare_metrics(bench)
    with engine_of(run.generation).started() as engine:
        begin("images")
        make_images(bench, engine)
        if begin("automatic scores", run.metric):
            score_images(bench, engine)
    if begin("studies", run.study):
        work_studies(bench)
    boards = write_leaderboards(bench) if begin("leaderboards", run.leaderboard) else {}
    if begin("reports", run.report or run.question_page):
        write_reports(bench)
    if begin("sites", run.site):
        for site in run.site:
            write_run_site(bench, site)
    lock = write_lock(bench, boards)
    tell.say(f"lock: {bench.lock_path}")
    files = [path for paths in bench.written.values() for path in paths]
    results = {name: LeaderboardResult(board) for name, board in boards.items()}
    return RunResult(results, (*files, bench.lock_path), lock, bench.lock_path, tuple(bench.failures))


def engine_of(part: GenerationPart) -> EngineChoice:
    """The engine that a run file asks for."""
    ray = part.ray
    return EngineChoice(part.engine, ray.address, ray.workers, ray.cpus, ray.gpus)


@contextmanager
def _looked_at(place: Path | Workspace, loaded: LoadedRun, tell: Teller) -> Iterator[Workbench]:
    """A bench to look at: of a workspace that is not there, an empty one that nothing writes down."""
    found = _opened(place)
    with _open_store(found) as store:
        yield Workbench(found or _imagined(place), store, loaded, tell)


def _open_store(workspace: Workspace | None) -> Store:
    if workspace is not None:
        with suppress(DatabaseLostError):  # there is none yet
            return Store.open(workspace.database_url, create=False)
    return Store.open(IN_MEMORY)


def _place(workspace: str | Path | Workspace | None) -> Path | Workspace:
    if isinstance(workspace, Workspace):
        return workspace
    return find_workspace(None if workspace is None else Path(workspace))


def _opened(place: Path | Workspace) -> Workspace | None:
    """The workspace, if it is there."""
    if isinstance(place, Workspace):
        return place
    return open_workspace(place) if (place / "nami.toml").is_file() else None


def _imagined(place: Path | Workspace) -> Workspace:
    """The workspace that `init_workspace` would make."""
    assert isinstance(place, Path)
    return Workspace(place, DatabaseConfig(), AnnotateConfig(), SubmissionsConfig())
