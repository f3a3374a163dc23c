"""`nami_bench.metric_accuracy`."""

from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from nami_bench.analysis.shown import Shown
from nami_bench.analysis.sources import CriteriaLike, Judgements, Names, named, ratings_of, source_of
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.audit.accuracy import metric_accuracy as of_lists
from nami_bench.evaluation.audit.accuracy_results import MetricAccuracy
from nami_bench.evaluation.audit.judged_pairs import (
    lists_of_comparisons,
    lists_of_rankings,
    lists_of_ratings,
)
from nami_bench.evaluation.audit.people import people_table
from nami_bench.evaluation.audit.ranks import audit_ranks
from nami_bench.evaluation.audit.results import RankCorrelation
from nami_bench.evaluation.human.table import IMAGE
from nami_bench.export.accuracy_text import accuracy_notes, accuracy_tables, shown
from nami_bench.export.foreign import ForeignFile
from nami_bench.export.html import tables_fragment
from nami_bench.export.ratings_source import holds_comparisons, load_comparisons_table, load_rankings
from nami_bench.export.spreadsheet import csv_table
from nami_bench.export.text import TextTable

_ABOUT = ("metric", "prompt_set", "instrument")
_COLUMNS = ("table", "metric", "prompt_set", "instrument", "name", "statistic", "value", "low", "high",
            "images", "prompts", "notes")  # fmt: skip


@dataclass(frozen=True, repr=False)
class AccuracyResult(Shown):
    """Metrics beside people, pair by pair and by rank.

    `metrics`: of each its `accuracies` by protocol, `ceilings`, `taus` and `calibration`, as plain values.
    `correlations`: Spearman's and Kendall's (tau-b), where people rated images.
    """

    criterion: str
    metrics: tuple[MetricAccuracy, ...]
    correlations: tuple[RankCorrelation, ...] = ()

    @property
    def heading(self) -> str:
        """The criterion."""
        return f"Metric accuracy: people's {self.criterion}"

    @property
    def tables(self) -> tuple[TextTable, ...]:
        """By protocol, the human ceiling, Kendall's taus, calibration; first the rank correlations."""
        return (*self._correlation_tables(), *accuracy_tables(self.metrics))

    @property
    def notes(self) -> tuple[str, ...]:
        """What each protocol does, and what must be said of single figures."""
        return tuple(accuracy_notes(self.metrics))

    def to_frame(self) -> pd.DataFrame:
        """A row for each number: table, metric, prompt_set, instrument, name, statistic, value, low, high,
        images, prompts, notes."""
        return pd.DataFrame(list(self._rows()), columns=list(_COLUMNS))

    def to_html(self) -> str:
        """A part of a page: the first table and the notes; the other tables are folded."""
        return tables_fragment(self.heading, self.tables, self.notes)

    def to_json(self) -> dict[str, Any]:
        """Plain values for one JSON document."""
        from dataclasses import asdict

        return {
            "criterion": self.criterion,
            "metrics": [one.to_json() for one in self.metrics],
            "correlations": [asdict(one) for one in self.correlations],
        }

    def to_csv(self) -> str:
        """The CSV file's text, the rows of `to_frame`."""
        return csv_table(_COLUMNS, ([row.get(name) for name in _COLUMNS] for row in self._rows())).decode()

    def _rows(self) -> Iterator[dict[str, Any]]:
        for rank in self.correlations:
            yield from rank.rows()
        for metric in self.metrics:
            yield from metric.rows()

    def _correlation_tables(self) -> Iterator[TextTable]:
        columns = ("metric", "over", "n", "Spearman", "Kendall tau-b")
        rows = tuple(
            (one.metric, f"{one.level}s", str(one.count), shown(one.spearman, 3), shown(one.kendall, 3))
            for one in self.correlations
        )
        if rows:
            title = f"Rank correlation with people's {self.criterion}"
            yield TextTable(title, columns, rows, frozenset(columns[2:]), frozenset(columns[:1]))


def metric_accuracy(
    scores: pd.DataFrame | str | PathLike[str],
    judgements: Judgements,
    *,
    criterion: str | None = None,
    study: str | None = None,
    criteria: CriteriaLike | None = None,
    scale: Names = (),
) -> AccuracyResult:
    """How far automatic metrics agree with people, by every protocol of the field that fits.

    `scores`: a data frame, or a CSV or Parquet file, with a row for each image: model, prompt_id, value
    (higher is better), and optionally sample (default 0), metric, prompt_set and instrument. `judgements`:
    ratings, comparisons or orders, as `nami_bench.leaderboard` and `nami_bench.strengths` take them.
    `criterion`: by which; needed where there are several. `study`, `criteria`, `scale`: of ratings, as there.

    Ratings are compared with the metric's order twice, as means of people and person by person; votes one by
    one. Intervals are at 95 %, over prompts and people where people are known.

    Raises InputError for bad input, and where a metric has scored no two images that people compared;
    UnknownNameError, which is one, for a criterion.
    """
    lists, name, people = _lists(judgements, criterion, study, criteria, scale)
    table = _scores(scores)
    metrics: list[MetricAccuracy] = []
    correlations: list[RankCorrelation] = []
    for about, values in table.groupby(list(_ABOUT), sort=True):
        metric, prompt_set, instrument = map(str, about)
        metrics.append(of_lists(lists, values, metric, prompt_set, instrument))
        if people is not None:
            both = people.merge(values[[*IMAGE, "value"]].dropna(), on=list(IMAGE))
            correlations += audit_ranks(both, metric, prompt_set, instrument)
    return AccuracyResult(name, tuple(metrics), tuple(correlations))


def _lists(
    judgements: Judgements,
    criterion: str | None,
    study: str | None,
    criteria: CriteriaLike | None,
    scale: Names,
) -> tuple[pd.DataFrame, str, pd.DataFrame | None]:
    """What people said as lists, the criterion's name, and of ratings people's means on 0-100."""
    source = source_of(judgements)
    rankings = load_rankings(source)
    if rankings is not None:
        name = _one({one.criterion for one in rankings}, criterion)
        return lists_of_rankings(rankings, name), name, None
    if not isinstance(source, ForeignFile) and holds_comparisons(_file(source)):
        votes = load_comparisons_table(source, only_counted=True)
        name = _one({str(one) for one in votes["criterion"].unique()}, criterion)
        return lists_of_comparisons(votes, name), name, None
    table, known = ratings_of(judgements, study, criteria, named(scale))
    if table["study"].nunique() > 1:
        raise InputError(f"the ratings are of {table['study'].nunique()} studies: choose one with study")
    rated = {str(one) for one in table["criterion"].unique()}
    name = _one(rated, criterion)
    of_name = next(one for one in known if one.name == name)
    return lists_of_ratings(table, of_name), name, people_table(table, of_name)


def _file(source: Path | pd.DataFrame) -> Path | pd.DataFrame:
    from nami_bench.export.ratings_source import judgements_file

    return judgements_file(source) if isinstance(source, Path) else source


def _one(names: set[str], wanted: str | None) -> str:
    if wanted is not None and wanted not in names:
        raise UnknownNameError("criterion", wanted, names)
    if wanted is None and len(names) > 1:
        raise InputError(
            f"there are judgements by {len(names)} criteria: name one of {', '.join(sorted(names))}"
        )
    if not names:
        raise InputError("there are no judgements: there is nothing to compare with")
    return wanted or next(iter(names))


def _scores(scores: pd.DataFrame | str | PathLike[str]) -> pd.DataFrame:
    """Model, prompt_id, sample, value, metric, prompt_set, instrument; one row for each image and metric."""
    where = "the scores"
    if not isinstance(scores, pd.DataFrame):
        path = Path(scores)
        where = str(path)
        scores = _read(path)
    missing = [name for name in ("model", "prompt_id", "value") if name not in scores]
    if missing:
        raise InputError(f"{where}: the column {missing[0]!r} is missing; needed are model, prompt_id, value")
    table = scores.copy()
    for name, default in _DEFAULTS.items():
        if name not in table:
            table[name] = default
    try:
        table = table.astype({"model": str, "prompt_id": str, "sample": int, "value": float})
    except ValueError as error:
        raise InputError(f"{where}: sample and value must be numbers ({error})") from error
    twice = table.duplicated([*IMAGE, *_ABOUT])
    if twice.any():
        row = table[twice].iloc[0]
        raise InputError(
            f"{where}: {row['model']}/{row['prompt_id']}/{row['sample']} has two scores of one metric"
        )
    return table


_DEFAULTS: dict[str, Any] = {"sample": 0, "metric": "metric", "prompt_set": "", "instrument": ""}


def _read(path: Path) -> pd.DataFrame:
    try:
        if path.suffix.lower() == ".parquet":
            return pd.read_parquet(path)
        texts = {"model": str, "prompt_id": str}
        return pd.read_csv(path, dtype=texts, keep_default_na=False, na_values=[""], encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as a table of scores: {error}") from error
