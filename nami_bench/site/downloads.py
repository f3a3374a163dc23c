"""The data behind a section, as files that a reader takes home: nothing in them that pages do not show."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from nami_bench.evaluation.leaderboard.paths import without_folders
from nami_bench.export.carried_study import side_file_json
from nami_bench.export.comparisons_file import comparisons_csv
from nami_bench.export.leaderboard_formats import leaderboard_files, leaderboard_path
from nami_bench.export.rankings_file import rankings_csv
from nami_bench.export.ratings_file import ratings_csv
from nami_bench.export.spreadsheet import csv_table
from nami_bench.pipeline.audit import audit_csv
from nami_bench.pipeline.dataset_folder import DatasetContent
from nami_bench.pipeline.question_audit import question_audit_csv
from nami_bench.report.provenance import images_csv
from nami_bench.report.write import pairs_csv
from nami_bench.site.contents import Section

_FORMS = {
    "csv": "the leaderboard, a line for each model",
    "csv-long": "the leaderboard, a line for each number",
    "json": "the leaderboard as JSON",
    "markdown": "the leaderboard as Markdown",
    "latex": "the leaderboard as LaTeX",
}
"""Of the leaderboard's forms: the Board is the HTML page."""
_BESIDE = {
    "provenance": "what identifies the models and instruments",
    "legend": "what the columns of leaderboard.csv hold",
}


@dataclass(frozen=True, slots=True)
class Download:
    """A file: its name, what it holds in words, and its bytes."""

    name: str
    words: str
    data: bytes


def downloads(section: Section) -> Iterator[Download]:
    """All files of a section.

    Annotators have the site's names; when they worked and how long is left out, and so are their comments.
    """
    for name, (words, data) in _board_files(section).items():
        yield Download(name, words, data)
    if section.board.pairs:
        yield Download("pairs.csv", "the tests of all pairs of models", pairs_csv(section.board))
    yield from _judgements(section)
    if section.audit is not None:
        yield Download("audit.csv", "metrics beside people", audit_csv(section.audit))
    if section.question_audit is not None:
        data = question_audit_csv(section.question_audit)
        yield Download("audit.csv", "judges of questions beside people", data)
    if section.scores:
        yield Download("scores.csv", "every metric's value for each image", _scores_csv(section))
    yield Download("images.csv", "every image with the hash of its file", images_csv(section.records))
    prompts = section.prompt_set
    yield Download(f"{prompts.name}.jsonl", "the prompts", prompts.to_jsonl())


def _board_files(section: Section) -> dict[str, tuple[str, bytes]]:
    """The leaderboard's files by name; what lies beside several of them is one."""
    found: dict[str, tuple[str, bytes]] = {}
    for form, words in _FORMS.items():
        path = leaderboard_path(Path("leaderboard"), form)
        for beside, data in leaderboard_files(section.board, path, form).items():
            kind = beside.name.removeprefix("leaderboard.").removesuffix(".csv")
            found[beside.name] = _BESIDE.get(kind, words), data
    return found


def _judgements(section: Section) -> Iterator[Download]:
    study = section.study
    if study is None:
        return
    if section.ratings is not None and len(section.ratings):
        yield Download("ratings.csv", "every rating", ratings_csv(_without_times(section.ratings)))
        about = side_file_json(study.criteria, _about(section))
        yield Download("ratings.study.json", "what study the ratings are of", about)
    if section.verdicts.comparisons:
        made = [replace(one, duration_ms=None, created_at=None) for one in section.verdicts.comparisons]
        made.sort(key=lambda one: (one.prompt_id, one.sample, one.annotator, one.left, one.right))
        yield Download("comparisons.csv", "every verdict on two images", comparisons_csv(made))
    if section.verdicts.rankings:
        orders = [replace(one, duration_ms=None, created_at=None) for one in section.verdicts.rankings]
        orders.sort(key=lambda one: (one.prompt_id, one.sample, one.annotator))
        data = rankings_csv(orders, best_worst=orders[0].best_worst)
        yield Download("rankings.csv", "every order of several images", data)


def _without_times(table: pd.DataFrame) -> pd.DataFrame:
    """In an order that says nothing about when anybody came."""
    unknown = pd.array([pd.NA] * len(table), dtype="Int64")
    names = ["model", "prompt_id", "sample", "annotator", "criterion"]
    keys = table.assign(**{name: table[name].astype(str) for name in names if name != "sample"})
    order = keys.sort_values(names, kind="stable").index
    never = pd.Series(pd.NaT, index=order)
    return table.loc[order].assign(duration_ms=unknown, created_at=never)


def _about(section: Section) -> dict[str, Any]:
    assert section.study is not None and section.ratings is not None
    content = DatasetContent(
        section.study,
        section.prompt_set,
        section.ratings,
        section.records,
        models=tuple(section.cards.values()),
        is_pseudonymous=True,
    )
    return content.about


def _scores_csv(section: Section) -> bytes:
    columns = ("metric", "instrument", "model", "prompt_id", "sample", "value", "reason", "details")
    rows = (
        (
            score.metric,
            score.instrument,
            score.model,
            score.prompt_id,
            score.sample,
            score.value,
            without_folders(score.reason),
            json.dumps(without_folders({k: v for k, v in score.details.items() if k != "measured_with"})),
        )
        for score in section.scores
    )
    return csv_table(columns, rows)
