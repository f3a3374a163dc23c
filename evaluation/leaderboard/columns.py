"""The score columns of a leaderboard: one definition for every format and for sorting."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from operator import attrgetter

from nami_bench.domain import Criteria, Total
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.leaderboard.rows import AutomaticColumn, Interval, Leaderboard, LeaderboardRow

COLUMNS_BEFORE = {
    "rank": "place by the column ranked by, equal scores share it; empty: not ranked",
    "rank_low": "the best place that the model may have, for all models at once",
    "rank_high": "the worst one",
    "ties": "compact letter display, with blanks: models that share a letter do not differ significantly",
    "first_probability": "share (0-1) of bootstrap replicates that the model leads",
    "model": "its name",
    "status": "measured, simulated or published",
    "complete": "true, false; empty for published rows",
    "parameters": "of the model, where known",
}
"""The CSV's columns before the scores, and what they hold."""

SCORE_COLUMNS = {
    "CRITERION": "for each criterion its human score, 0-100; "
    "`criterion:NAME` where another column has that name",
    "total": "human, of all criteria",
    "SCORE:low, SCORE:high": "behind each of them, and each automatic score: its interval",
    "SCORE:adjusted": "behind each human score: as the average annotator would have scored all images; "
    "empty where a note says why",
    "SCORE:adjusted:low, SCORE:adjusted:high": "its interval",
    "total:kind": "arithmetic or geometric",
    "total:KIND=NAME": "total on the prompts of a stratum, GenEval task or tag, with `:low` and `:high`",
    "METRIC:PROMPT_SET:INSTRUMENT": "mean over images of an automatic metric; "
    "fid, kid: one value of all images",
    "geneval:PROMPT_SET:INSTRUMENT:overall": "0-1; and one for each task, `...:TASK`",
    "dpg:PROMPT_SET:INSTRUMENT:overall": "0-1, as of dsg and others that ask questions; and one for each "
    "category of questions, `...:CATEGORY`, before zeroing",
    "METRIC:PROMPT_SET:INSTRUMENT:images": "images scored",
}
"""The columns of scores, which depend on the board: patterns of their names, and what they hold."""

COLUMNS_AFTER = {
    "images": "rated",
    "images_expected": "to be rated",
    "images_failed": "asked for, but failed or refused",
    "ratings": "values given",
    "annotators": "who gave them",
    "missing_share": "share (0-1) of judgements without a value",
    "gaps": "what is missing, in words",
    "study": "of measured rows",
    "stratum": "likewise",
    "samples": "only the first so many of each prompt count; empty: all",
    "prompt_sets": "`NAME@SHA256`, with their [canonical hashes](formats.md#prompts), separated by blanks",
    "prompt_files": "the hashes of the files that they were read from, likewise",
    "rewritten_prompts": "`NAME=COUNT/PROMPTS` of sets with [rewrites](prompts.md#rewrites)",
    "prompt_rewriting": "what drew the model's prompts otherwise than they are "
    "[written](generators.md#prompts-that-are-drawn-otherwise): none, instruction, pipeline, model, "
    "external; empty: not recorded",
    "interval_method": "how the intervals of human scores were made",
    "interval_over": "what was taken for a sample of many",
    "interval_level": "of those intervals, 0-1",
    "cautions": "who was left out, and what the intervals do not hold for, in words",
    "licence": "of the model",
    "weights": "`NAME sha256 HASH` or `NAME commit HASH`, separated by `; `",
    "images_per_second": "done images over the time of the longest run that was not interrupted",
    "latency_p50": "median seconds from request to picture, with `:low` and `:high`, its 95 % interval",
    "latency_p50:low": "empty: no image is fast enough to bound it",
    "latency_p50:high": "likewise, slow enough",
    "latency_p95": "empty below 20 images",
    "latency_p99": "empty below 100 images",
    "images_timed": "that the latency rests on",
    "peak_memory_bytes": "the most that an image needed, by the generator's or server's word",
    "load_seconds": "until the model could make its first image",
    "timed_on": "device, dtype, size, batch, requests under way",
    "speed_comparable": "true, false: timed on the same as most models",
    "price_per_1000": "for 1,000 images, where `--price` or `--price-per-hour` was given",
    "price_note": "its currency and date",
    "source": "of a published row",
}
"""The CSV's columns after the scores, and what they hold."""

# KID lies near 0.01.
_DECIMALS = {"kid": 5}
_TAKEN = {*COLUMNS_BEFORE, "total", *COLUMNS_AFTER}


@dataclass(frozen=True, slots=True)
class ScoreColumn:
    """One number for each row.

    `key` is its name in CSV and for --sort, `title` its short name, `decimals` how people read it, and
    `quoted_decimals` how they read a published value, which never has more than were published;
    `top` is the best possible value, None where there is none. Higher is better, or lower, as
    `lower_is_better` says. `adjusted`: the value as the average annotator would have given it, with its
    interval; None for a column that has none.
    """

    key: str
    title: str
    value: Callable[[LeaderboardRow], float | None]
    decimals: int
    top: float | None = None
    lower_is_better: bool = False
    interval: Callable[[LeaderboardRow], Interval | None] = lambda row: None
    adjusted: "ScoreColumn | None" = None
    quoted_decimals: int = 2

    def merit(self, row: LeaderboardRow) -> float | None:
        """The row's value where higher is better, else its negative: the highest is always best."""
        value = self.value(row)
        return -value if value is not None and self.lower_is_better else value

    def shown(self, row: LeaderboardRow) -> str | None:
        """The row's value as people read it, never "-0.0"; quoted values with `quoted_decimals`."""
        value = self.value(row)
        decimals = self.quoted_decimals if row.source else self.decimals
        return None if value is None else f"{value:z.{decimals}f}"

    def shown_interval(self, row: LeaderboardRow) -> str | None:
        """The interval as people read it, with a decimal less than the value."""
        interval = self.interval(row)
        decimals = max(1, self.decimals - 1)
        return None if interval is None else f"{interval.low:z.{decimals}f}–{interval.high:z.{decimals}f}"


def total_kind(board: Leaderboard) -> str | None:
    """How the board's criteria are taken together; None without criteria."""
    return str(Criteria.of(board.criteria).total) if board.criteria else None


def total_title(board: Leaderboard) -> str:
    """What the total is called: by its kind where it is not the usual one."""
    kind = total_kind(board)
    return "total" if kind in (None, Total.ARITHMETIC) else f"{kind} total"


def human_columns(board: Leaderboard) -> list[ScoreColumn]:
    """The criteria and the total, 0-100."""
    if not board.criteria:
        return []
    keys = [f"criterion:{c.name}" if c.name in _TAKEN else c.name for c in board.criteria]
    criteria = [
        ScoreColumn(
            key,
            key,
            partial(_criterion, c.name),
            decimals=2,
            top=100.0,
            interval=partial(_criterion_interval, c.name),
            adjusted=ScoreColumn(
                f"{key}:adjusted",
                f"{key}, adjusted",
                partial(_criterion_adjusted, c.name),
                decimals=2,
                top=100.0,
                interval=partial(_criterion_adjusted_interval, c.name),
            ),
        )
        for key, c in zip(keys, board.criteria, strict=True)
    ]
    total = ScoreColumn(
        "total", total_title(board), attrgetter("total"), decimals=2, top=100.0,
        interval=attrgetter("total_interval"), adjusted=adjusted_total(),
    )  # fmt: skip
    return [*criteria, total]


def adjusted_total() -> ScoreColumn:
    """The total as the average annotator would have given it."""
    return ScoreColumn(
        "total:adjusted", "adjusted", attrgetter("total_adjusted"), decimals=2, top=100.0,
        interval=attrgetter("total_adjusted_interval"),
    )  # fmt: skip


def overall_column(column: AutomaticColumn) -> ScoreColumn:
    """An automatic metric's one number."""
    is_geneval = column.metric == "geneval"
    title = "GenEval" if is_geneval else f"{column.metric} ↓" if column.lower_is_better else column.metric
    return ScoreColumn(
        key=f"{column.key}:overall" if column.tasks else column.key,
        title=f"{title} (rewritten prompts)" if column.rewritten else title,
        value=partial(_automatic, column.key),
        decimals=_DECIMALS.get(column.metric, 3),
        top=1.0 if is_geneval else None,
        lower_is_better=column.lower_is_better,
        interval=partial(_automatic_interval, column.key),
        quoted_decimals=2 if is_geneval else 3,
    )


def task_columns(column: AutomaticColumn) -> list[ScoreColumn]:
    """GenEval's tasks, or the categories of questions, 0-1; none for other metrics."""
    return [
        ScoreColumn(
            f"{column.key}:{task}",
            task.replace("_", " "),
            partial(_task, column.key, task),
            decimals=3,
            top=1.0,
            interval=partial(_task_interval, column.key, task),
        )
        for task in column.tasks
    ]


def score_columns(board: Leaderboard) -> list[ScoreColumn]:
    """Every score column, in order."""
    automatic = [c for column in board.automatic for c in (overall_column(column), *task_columns(column))]
    return [*human_columns(board), *automatic]


def find_column(board: Leaderboard, name: str | None) -> ScoreColumn | None:
    """The column to rank by: by its key, or by a metric's name where only one column has it.

    Without a name: the total, else the first automatic column, else None. Raises UnknownNameError, and
    InputError where several instruments or prompt sets answer to the name.
    """
    columns = score_columns(board)
    if name is None:
        totals = [column for column in columns if column.key == "total"]
        return next(iter(totals or columns), None)
    found = [column for column in columns if column.key == name] or [
        overall_column(column) for column in board.automatic if column.metric == name
    ]
    if not found:
        raise UnknownNameError("column", name, [column.key for column in columns])
    if len(found) > 1:
        keys = " or ".join(column.key for column in found)
        raise InputError(f"several columns are called {name!r}: sort by {keys}")
    return found[0]


def _criterion(name: str, row: LeaderboardRow) -> float | None:
    return row.criteria.get(name)


def _criterion_interval(name: str, row: LeaderboardRow) -> Interval | None:
    return row.intervals.get(name)


def _criterion_adjusted(name: str, row: LeaderboardRow) -> float | None:
    return row.adjusted.get(name)


def _criterion_adjusted_interval(name: str, row: LeaderboardRow) -> Interval | None:
    return row.adjusted_intervals.get(name)


def _automatic(key: str, row: LeaderboardRow) -> float | None:
    score = row.automatic.get(key)
    return None if score is None else score.value


def _task(key: str, task: str, row: LeaderboardRow) -> float | None:
    score = row.automatic.get(key)
    return None if score is None else score.tasks.get(task)


def _automatic_interval(key: str, row: LeaderboardRow) -> Interval | None:
    score = row.automatic.get(key)
    return None if score is None else score.interval


def _task_interval(key: str, task: str, row: LeaderboardRow) -> Interval | None:
    score = row.automatic.get(key)
    return None if score is None else score.task_intervals.get(task)
