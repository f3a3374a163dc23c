"""A report's folder, written."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from nami_bench import __version__
from nami_bench.domain import ModelCard
from nami_bench.errors import InputError
from nami_bench.evaluation.leaderboard.rows import Leaderboard
from nami_bench.export.accuracy_text import accuracy_notes, accuracy_tables
from nami_bench.export.agreement_text import agreement_csv, agreement_notes, agreement_tables
from nami_bench.export.html import page_values
from nami_bench.export.leaderboard_formats import leaderboard_files, leaderboard_path
from nami_bench.export.marks_text import mark_notes, mark_tables
from nami_bench.export.spreadsheet import csv_table
from nami_bench.images import write_bytes
from nami_bench.pipeline.audit import audit_csv
from nami_bench.report import plots, study_plots
from nami_bench.report.contents import ReportContents
from nami_bench.report.drawing import Plot
from nami_bench.report.gallery import write_gallery
from nami_bench.report.marks import MarkFigure, word_rows, write_marked_images
from nami_bench.report.provenance import images_csv, provenance
from nami_bench.report.tables import audit_tables, correlation_table, screening_rules

_BOARD_FORMS = ("csv", "csv-long", "csv-wide", "json", "markdown", "latex")
_ASSETS = ("report.css", "report.js")
_MARK = "report.json"
"""What tells a report's folder from any other: only such a folder is written over."""


def write_report(
    folder: Path,
    contents: ReportContents,
    cards: Sequence[ModelCard],
    images_dir: Path | None,
    advance: Callable[[int], object] = lambda count: None,
) -> tuple[str, ...]:
    """Write the report into `folder`: new, empty, or holding an earlier report; return what must be said.

    `cards` are those of the board's models. Without `images_dir` there are no image grids. Raises InputError
    for a folder that holds something else, StorageError where the disk refuses.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())) and not (folder / _MARK).is_file():
        raise InputError(f"{folder} holds something that is no report: name a new or empty folder with -o")
    about = provenance(contents, cards)
    drawn = list(_plots(contents))
    for plot in drawn:
        write_bytes(folder / "plots" / f"{plot.name}.svg", plot.svg)
        write_bytes(folder / "plots" / f"{plot.name}.png", plot.png)
    for name, data in _data_files(contents, about):
        write_bytes(folder / "data" / name, data)
    problems = [] if images_dir is None else write_gallery(folder, contents.gallery, images_dir, advance)
    marked: dict[str, list[MarkFigure]] = {}
    if contents.marks is not None and images_dir is not None:
        marked, unmarked = write_marked_images(folder, contents.marks, images_dir)
        problems += unmarked
    remarks = (*contents.remarks, *_unreadable(problems))
    static = files("nami_bench.report") / "static"
    for name in _ASSETS:
        write_bytes(folder / name, (static / name).read_bytes())
    write_bytes(folder / _MARK, _json({"nami_bench": __version__, **about}))
    # Last, so that whoever sees the page sees all of it.
    write_bytes(
        folder / "index.html",
        _page(contents, about, drawn, remarks, marked, with_images=images_dir is not None),
    )
    return remarks


def _plots(contents: ReportContents) -> Iterator[Plot]:
    single = (plots.leaderboard_plot(contents.board), plots.criteria_plot(contents.board))
    yield from (plot for plot in single if plot is not None)
    yield from plots.group_plots(contents.board)
    if contents.agreement is not None:
        yield from study_plots.agreement_plots(contents.agreement)
    for number, scores in enumerate(contents.scatters, start=1):
        yield study_plots.scatter_plot(scores, number)
    for number, judge in enumerate(contents.audit.judges if contents.audit else (), start=1):
        plot = study_plots.judge_plot(judge, number)
        if plot is not None:
            yield plot


def _data_files(contents: ReportContents, about: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    board = contents.board
    for form in _BOARD_FORMS:
        for path, data in leaderboard_files(board, leaderboard_path(Path("leaderboard"), form), form).items():
            yield str(path), data
    if board.pairs:
        yield "pairs.csv", pairs_csv(board)
    if contents.agreement is not None:
        yield "agreement.csv", agreement_csv(contents.agreement)
    if contents.audit is not None:
        yield "audit.csv", audit_csv(contents.audit)
    yield "images.csv", images_csv(contents.images)
    for prompt_set in contents.prompt_sets:
        yield f"{prompt_set.name}.jsonl", prompt_set.to_jsonl()
    yield "provenance.json", _json(about)


def pairs_csv(board: Leaderboard) -> bytes:
    """The tests of all pairs of models: RFC 4180, UTF-8, one header."""
    columns = ("first", "second", "column", "difference", "low", "high", "p_value", "p_adjusted",
               "correction", "significant", "images", "reason")  # fmt: skip
    correction = board.precision.correction if board.precision else None
    rows = (
        (
            pair.first,
            pair.second,
            board.ranked_by,
            pair.difference,
            pair.interval.low if pair.interval else None,
            pair.interval.high if pair.interval else None,
            pair.p_value,
            pair.p_adjusted,
            correction,
            pair.significant,
            pair.images,
            pair.reason,
        )
        for pair in board.pairs
    )
    return csv_table(columns, rows, decimals=6)


def _page(
    contents: ReportContents,
    about: dict[str, Any],
    drawn: Sequence[Plot],
    remarks: Sequence[str],
    marked: Mapping[str, Sequence[MarkFigure]],
    *,
    with_images: bool,
) -> bytes:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("nami_bench.report"), PackageLoader("nami_bench.export")]),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    audit = contents.audit
    values = {
        **page_values(contents.board),
        "of_scores": [p for p in drawn if p.name in ("leaderboard", "criteria") or p.name.startswith("by-")],
        "of_agreement": [p for p in drawn if p.name in ("agreement", "severity")],
        "agreement_tables": list(agreement_tables(contents.agreement)) if contents.agreement else [],
        "agreement_notes": list(agreement_notes(contents.agreement)) if contents.agreement else [],
        "of_metrics": [p for p in drawn if p.name.startswith("scatter-")],
        "of_geneval": [p for p in drawn if p.name.startswith("geneval-audit-")],
        "correlations": correlation_table(audit) if audit and audit.correlations else None,
        "accuracy_tables": list(accuracy_tables(audit.accuracies)) if audit else [],
        "accuracy_notes": list(accuracy_notes(audit.accuracies)) if audit else [],
        "audit": audit,
        "audit_tables": list(audit_tables(audit)) if audit else [],
        "mark_tables": list(mark_tables(contents.marks.agreement)) if contents.marks else [],
        "mark_notes": list(mark_notes(contents.marks.agreement)) if contents.marks else [],
        "mark_words": word_rows(contents.marks) if contents.marks else [],
        "marked": marked,
        "remarks": remarks,
        "with_images": with_images,
        "about": about,
        "study": contents.study,
        "rules": list(screening_rules(contents.study)) if contents.study else [],
    }
    return environment.get_template("report.html").render(values).encode()


def _unreadable(problems: Sequence[str]) -> Iterator[str]:
    if problems:
        more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
        yield f"Images that could not be shown: {problems[0]}{more}."


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n").encode()
