"""The run's leaderboards, reports and pages."""

from collections.abc import Sequence
from pathlib import Path

from nami_bench.evaluation.leaderboard.rows import Leaderboard, Precision
from nami_bench.export.leaderboard_formats import leaderboard_files, leaderboard_path
from nami_bench.images import write_bytes
from nami_bench.pipeline.leaderboard_from_store import leaderboard_from_store
from nami_bench.pipeline.published import with_published
from nami_bench.pipeline.question_page import write_question_page
from nami_bench.report.contents import collect
from nami_bench.report.write import write_report
from nami_bench.run_file.bench import Workbench
from nami_bench.run_file.parts import IntervalsPart, LeaderboardPart, QuestionPagePart, ReportPart
from nami_bench.run_file.plan import Planned
from nami_bench.run_file.schema import RunFile
from nami_bench.store import Store


def write_leaderboards(bench: Workbench) -> dict[str, Leaderboard]:
    """Write every leaderboard in its formats; the boards by name."""
    boards = {}
    for part in bench.run.leaderboard:
        board = boards[part.name] = leaderboard_of(part, bench.run, bench.store)
        files: dict[Path, bytes] = {}
        for form in part.formats:
            files |= leaderboard_files(board, _path(bench, part, form), form)
        for path, data in files.items():
            write_bytes(path, data)
        paths = list(files)
        bench.written[f"leaderboard {part.name}"] = paths
        for path in paths:
            bench.tell.say(f"   {path}")
    return boards


def leaderboard_of(part: LeaderboardPart, run: RunFile, store: Store) -> Leaderboard:
    """The leaderboard as the store's contents make it; of a study's models, or of those of the run."""
    board = leaderboard_from_store(
        store,
        study=part.study,
        prompt_set=part.prompts,
        stratum=part.stratum,
        sort=part.sort,
        precision=precision_of(part.intervals),
        by=part.by,
        without=part.without,
        samples=part.samples,
        models=() if part.study else part.models or tuple(model.name for model in run.model),
    )
    return with_published(board) if part.published else board


def precision_of(part: IntervalsPart) -> Precision | None:
    """How intervals are made; None: there are none."""
    if part.method == "none":
        return None
    return Precision(part.method, part.over, part.level, part.replicates, part.seed, part.correction)


def write_reports(bench: Workbench) -> None:
    """Write every report and page of questions."""
    for page in bench.run.question_page:
        _write_page(bench, page)
    for report in bench.run.report:
        _write_report(bench, report)


def plan_results(bench: Workbench) -> list[Planned]:
    """Which files would be written; those that are there are written again."""
    reports = bench.workspace.reports_dir
    boards = [
        _planned("leaderboard", part.name, [_path(bench, part, format_) for format_ in part.formats])
        for part in bench.run.leaderboard
    ]
    folders = [
        *(page.folder for page in bench.run.question_page),
        *(report.place for report in bench.run.report),
    ]
    sites = [_planned("site", one.folder, [reports / one.folder / "index.html"]) for one in bench.run.site]
    pages = [_planned("report", name, [reports / name / "index.html"]) for name in folders]
    return [*boards, *pages, *sites, _planned("lock", bench.run.name, [bench.lock_path])]


def _planned(step: str, name: str, paths: Sequence[Path]) -> Planned:
    what = "files" if len(paths) > 1 else "file"
    return Planned(
        step, name, what, sum(map(Path.exists, paths)), len(paths), note=", ".join(map(str, paths))
    )


def _path(bench: Workbench, part: LeaderboardPart, form: str) -> Path:
    return leaderboard_path(bench.workspace.reports_dir / part.name, form)


def _write_page(bench: Workbench, page: QuestionPagePart) -> None:
    metric = next(metric for metric in bench.run.metric if metric.name == page.metric)
    prompt_set = page.prompts or bench.run.sets_of(metric)[0]
    models = [model.name for model in bench.run.models_on(prompt_set, page.models)]
    folder = bench.workspace.reports_dir / page.folder
    with bench.tell.progress("   pictures", None) as advance:
        write_question_page(
            bench.store, bench.workspace.images_dir, page.metric, models, prompt_set, folder, advance
        )
    bench.written[f"questions {page.folder}"] = [folder / "index.html"]
    bench.tell.say(f"   {folder / 'index.html'}")


def _write_report(bench: Workbench, part: ReportPart) -> None:
    contents = collect(
        bench.store,
        precision_of(part.intervals) or Precision(),
        study=part.study,
        with_names=not part.pseudonyms,
        without=part.without,
        agreement_level=part.agreement_level,
        models=() if part.study else tuple(model.name for model in bench.run.model),
    )
    folder = bench.workspace.reports_dir / part.place
    shown = {row.model for row in contents.board.measured}
    cards = [card for card in bench.store.catalog.models() if card.name in shown]
    images_dir = bench.workspace.images_dir if part.images else None
    with bench.tell.progress("   thumbnails", len(contents.gallery.records) if part.images else 0) as advance:
        remarks = write_report(folder, contents, cards, images_dir, advance)
    for remark in remarks:
        bench.tell.say(f"   {remark}")
    bench.written[f"report {part.place}"] = [folder / "index.html"]
    bench.tell.say(f"   {folder / 'index.html'}")
