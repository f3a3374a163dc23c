"""The Board's automatic scores and speeds, on every part of the prompts, with tests of all pairs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import cast

import numpy as np
from numpy.typing import NDArray

from nami_bench.domain import ImageRecord, Prompt, Score
from nami_bench.evaluation.human.comparisons import (
    MOST_MODELS,
    Correction,
    Differences,
    adjusted_p_values,
)
from nami_bench.evaluation.leaderboard.automatic import GENEVAL, automatic_score
from nami_bench.evaluation.leaderboard.columns import overall_column, task_columns
from nami_bench.evaluation.leaderboard.rows import (
    AutomaticColumn,
    AutomaticScore,
    Interval,
    Leaderboard,
    Precision,
)
from nami_bench.evaluation.leaderboard.speed import Speed
from nami_bench.evaluation.paired_prompts import PairedMean, paired_mean
from nami_bench.site.views import ALL, Cell, Part, Scored, View, ViewColumn, places_of

Values = NDArray[np.float64]
_GENEVAL_LEVEL = 0.95
_FAMILIES = {"geneval": "GenEval", "questions": "Questions", "metrics": "Other metrics"}
_NOTES = {
    "geneval": "The share of images in which a detector finds all that the prompt asks for, 0 to 1; overall, "
    "the mean over tasks.",
    "questions": "A model that looks at the image answers questions about it. Overall: the mean over images; "
    "by category, over questions, before those that depend on a wrong answer count as wrong.",
    "metrics": "Means over images, or one value for all of a model's images.",
}


def automatic_views(
    board: Leaderboard,
    models: Sequence[str],
    parts: Sequence[Part],
    scores: Sequence[Score],
    records: Sequence[ImageRecord],
    prompts: Mapping[str, Prompt],
    precision: Precision,
) -> Iterator[View]:
    """GenEval, metrics that ask questions, other metrics: a view of each kind that the board has.

    `scores`, `records` and `prompts` (by id) are of the prompt set that `parts` divide. Columns of other sets
    have numbers on all of their prompts only.
    """
    for family, title in _FAMILIES.items():
        columns = [column for column in board.automatic if _family(column) == family]
        if not columns:
            continue
        scored: dict[tuple[str, str], Scored] = {}
        shown: list[ViewColumn] = []
        for column in columns:
            own = [score for score in scores if column.holds(score)]
            work = _Column(column, own, records, prompts, models, precision)
            shown += _view_columns(column, own, len(columns) > 1)
            scored |= work.of_board(board)
            for part in parts:
                if own and part.key != ALL:
                    scored |= work.of_part(part)
            if own and not column.of_sets:
                key = overall_column(column).key
                scored[key, ALL] = work.tested(scored[key, ALL], parts[0])
        yield View(
            family,
            title,
            tuple(shown),
            scored,
            note=_NOTES[family],
            level=_GENEVAL_LEVEL if family == "geneval" else precision.level,
            tests=f"paired by prompts, t intervals; correction: {precision.correction}",
        )


def _family(column: AutomaticColumn) -> str:
    if column.metric == GENEVAL:
        return "geneval"
    return "questions" if column.tasks else "metrics"


def _view_columns(column: AutomaticColumn, scores: Sequence[Score], numbered: bool) -> list[ViewColumn]:
    """The overall column, then those of its tasks or categories."""
    about = f"{column.metric} by {column.instrument} on {column.prompt_set}"
    limits = (0.0, 1.0) if column.tasks else next((s.value_range for s in scores if s.value_range), None)
    overall = overall_column(column)
    title = overall.title if not column.tasks else f"{overall.title} overall" if numbered else "overall"
    return [
        ViewColumn(overall.key, title, overall.decimals, limits, column.lower_is_better, about),
        *(
            ViewColumn(one.key, f"{column.metric}: {one.title}" if numbered else one.title, 3, (0.0, 1.0),
                       False, about)
            for one in task_columns(column)
        ),
    ]  # fmt: skip


class _Column:
    """One automatic column of the board, on the parts of the prompts."""

    def __init__(
        self,
        column: AutomaticColumn,
        scores: Sequence[Score],
        records: Sequence[ImageRecord],
        prompts: Mapping[str, Prompt],
        models: Sequence[str],
        precision: Precision,
    ) -> None:
        self._column, self._prompts, self._models = column, prompts, models
        self._scores = {model: [score for score in scores if score.model == model] for model in models}
        self._records = {model: [one for one in records if one.model == model] for model in models}
        self._precision = precision
        self._level = _GENEVAL_LEVEL if column.metric == GENEVAL else precision.level

    def of_board(self, board: Leaderboard) -> dict[tuple[str, str], Scored]:
        """The numbers that the leaderboard has, on all prompts."""
        rows = {row.model: row.automatic.get(self._column.key) for row in board.rows}
        return self._cells([rows.get(model) for model in self._models], ALL)

    def of_part(self, part: Part) -> dict[tuple[str, str], Scored]:
        """The numbers on a part of the prompts, with tests of the overall column."""
        prompts = {name: self._prompts[name] for name in part.prompts if name in self._prompts}
        tasks = {prompt.task for prompt in prompts.values()}
        column = self._column
        if column.metric == GENEVAL:
            column = replace(column, tasks=tuple(task for task in column.tasks if task in tasks))
        found = []
        for model in self._models:
            scores = [score for score in self._scores[model] if score.prompt_id in prompts]
            records = [record for record in self._records[model] if record.prompt_id in prompts]
            found.append(automatic_score(column, scores, records, prompts, self._level) if scores else None)
        cells = self._cells(found, part.key)
        key = overall_column(self._column).key, part.key
        return cells | {key: self.tested(cells[key], part)}

    def _cells(self, found: Sequence[AutomaticScore | None], part: str) -> dict[tuple[str, str], Scored]:
        overall = overall_column(self._column).key
        cells = {(overall, part): Scored(tuple(None if one is None else _overall_cell(one) for one in found))}
        for task, shown in zip(self._column.tasks, task_columns(self._column), strict=True):
            cells[shown.key, part] = Scored(
                tuple(None if one is None else _task_cell(one, task) for one in found)
            )
        return cells

    def tested(self, scored: Scored, part: Part) -> Scored:
        """The overall column with its tests of all pairs and the places that follow from them."""
        if not 2 <= len(self._models) <= MOST_MODELS:
            return scored
        level, correction = self._level, cast(Correction, self._precision.correction)
        values, strata = self._values(part)
        means = np.array(
            [np.nan if cell is None or cell.value is None else cell.value for cell in scored.cells]
        )
        differences = _differences(self._models, means, values, strata, level, correction)
        # A pair is told apart by its distance alone, whose scale is the metric's own.
        return Scored(scored.cells, places_of(differences, self._models), tuple(differences.pairs()))

    def _values(self, part: Part) -> tuple[Values, list[str | None]]:
        """Values, (models, prompts, samples), NaN where there is none, and the stratum of each prompt: the
        task, over which GenEval's overall score is the mean."""
        known = [name for name in sorted(part.prompts) if name in self._prompts]
        if self._column.metric == GENEVAL:
            known = [name for name in known if self._prompts[name].task is not None]
        row = {name: at for at, name in enumerate(known)}
        samples = 1 + max((s.sample for scores in self._scores.values() for s in scores), default=0)
        values = np.full((len(self._models), len(known), samples), np.nan)
        for at, model in enumerate(self._models):
            for score in self._scores[model]:
                if score.value is not None and score.prompt_id in row:
                    values[at, row[score.prompt_id], score.sample] = score.value
        strata = [self._prompts[name].task if self._column.metric == GENEVAL else None for name in known]
        return values, strata


def _overall_cell(score: AutomaticScore) -> Cell:
    return _cell(score.value, score.interval, score.images)


def _task_cell(score: AutomaticScore, task: str) -> Cell | None:
    value = score.tasks.get(task)
    return None if value is None else _cell(value, score.task_intervals.get(task), None)


def _cell(value: float | None, interval: Interval | None, images: int | None) -> Cell:
    low, high = (None, None) if interval is None else (interval.low, interval.high)
    return Cell(value, low, high, images)


def _differences(
    models: Sequence[str],
    means: Values,
    values: Values,
    strata: Sequence[str | None],
    level: float,
    correction: Correction,
) -> Differences:
    """All pairs of models by the paired differences of their values on the same prompts and samples."""
    count = len(models)
    shape = (count, count)
    difference, half, p_value = (np.full(shape, np.nan) for _ in range(3))
    images = np.zeros(shape, dtype=np.int64)
    reason = np.full(shape, "", dtype=object)
    for i, j in combinations(range(count), 2):
        apart = values[i] - values[j]
        found = paired_mean(apart, strata, level=level) if apart.size else PairedMean(None, reason="no image")
        images[i, j] = images[j, i] = int((~np.isnan(apart)).sum())
        if found.value is not None:
            difference[i, j], difference[j, i] = found.value, -found.value
        if found.interval is not None:
            half[i, j] = half[j, i] = (found.interval[1] - found.interval[0]) / 2
        if found.p_value is not None:
            p_value[i, j] = p_value[j, i] = found.p_value
        reason[i, j] = reason[j, i] = found.reason or ""
    adjusted = np.full(shape, np.nan)
    upper = np.triu_indices(count, 1)
    adjusted[upper] = adjusted.T[upper] = adjusted_p_values(p_value[upper], correction)
    unknown = np.full(shape, np.nan)
    return Differences(
        tuple(models), "value", means, difference, unknown, half, unknown, p_value, adjusted, images,
        reason.astype(str), "prompts", correction, level, (),
    )  # fmt: skip


def speed_view(board: Leaderboard, models: Sequence[str]) -> View | None:
    """Seconds for an image, images a second, memory, price; None where no model was timed."""
    if not board.speeds:
        return None
    columns = {
        "latency_p50": ViewColumn("latency_p50", "p50, s", 3, None, True),
        "latency_p95": ViewColumn("latency_p95", "p95, s", 3, None, True),
        "images_per_second": ViewColumn("images_per_second", "images/s", 2),
        "peak_gib": ViewColumn("peak_gib", "peak, GiB", 2, None, True),
        "load_seconds": ViewColumn("load_seconds", "load, s", 1, None, True),
        "price": ViewColumn("price", "per 1,000 images", 2, None, True, board.prices_in or ""),
    }
    found = [_speed_cells(board.speeds.get(model)) for model in models]
    cells = {key: [one.get(key) for one in found] for key in columns}
    shown = [column for key, column in columns.items() if any(cells[key])]
    conditions = {f"{model}: {speed.conditions.words}" for model, speed in board.speeds.items()}
    return View(
        "speed",
        "Speed",
        tuple(shown),
        {(column.key, ALL): Scored(tuple(cells[column.key])) for column in shown},
        note=f"Timed on: {'; '.join(sorted(conditions))}. Speeds of unlike machines cannot be compared.",
    )


def _speed_cells(speed: Speed | None) -> dict[str, Cell]:
    """One model's, by column, of what is known."""
    if speed is None:
        return {}
    images = speed.latency.images
    peak = speed.peak_memory_bytes
    numbers = {
        "images_per_second": speed.images_per_second,
        "peak_gib": None if peak is None else peak / 2**30,
        "load_seconds": speed.load_seconds,
        "price": speed.price,
    }
    cells = {key: Cell(value, images=images) for key, value in numbers.items() if value is not None}
    for key, one in (("latency_p50", speed.latency.p50), ("latency_p95", speed.latency.p95)):
        if one is not None:
            cells[key] = Cell(one.value, one.low, one.high, images)
    return cells
