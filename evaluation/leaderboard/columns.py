"""The score columns of a leaderboard: one definition for every format and for sorting."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from operator import attrgetter

from nami_bench.domain import Criteria, Total
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.leaderboard.rows import AutomaticColumn, Interval, Leaderboard, LeaderboardRow
from nami_bench.evaluation.leaderboard.wide_columns import COLUMNS_AFTER, COLUMNS_BEFORE

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


def short_names(automatic: Sequence[AutomaticColumn]) -> dict[str, str]:
    """By key, a readable name of each automatic column: METRIC@PROMPT_SET.

    Where several instruments measured one metric on one set, #INSTRUMENT follows: the first eight digits of
    the SHA-256 of its name, or the name itself where it is a short word. No name depends on the order.
    """
    places = Counter((column.metric, column.prompt_set) for column in automatic)
    return {
        column.key: f"{column.metric}@{column.prompt_set}"
        + (f"#{_tag(column.instrument)}" if places[column.metric, column.prompt_set] > 1 else "")
        for column in automatic
    }


def _tag(instrument: str) -> str:
    short = len(instrument) <= 12 and instrument.replace("-", "").isalnum()
    return instrument if short else sha256(instrument.encode()).hexdigest()[:8]


def score_columns(board: Leaderboard) -> list[ScoreColumn]:
    """Every score column, in order."""
    automatic = [c for column in board.automatic for c in (overall_column(column), *task_columns(column))]
    return [*human_columns(board), *automatic]


def automatic_of(column: ScoreColumn, board: Leaderboard) -> AutomaticColumn | None:
    """The automatic column whose score, or part of it, this is; None of a human score."""
    return next(
        (a for a in board.automatic if column.key == a.key or column.key.startswith(f"{a.key}:")), None
    )


def interval_level(column: ScoreColumn, board: Leaderboard) -> float:
    """The level of the column's intervals: GenEval's are always at 0.95."""
    automatic = automatic_of(column, board)
    if automatic is None:
        return board.precision.level if board.precision else 0.95
    return 0.95 if automatic.metric == "geneval" else board.automatic_level


def find_column(board: Leaderboard, name: str | None) -> ScoreColumn | None:
    """The column to rank by: by its key, its short name, or a metric's name where only one column has it.

    Without a name: the total, else the first automatic column, else None. Raises UnknownNameError, and
    InputError where several instruments or prompt sets answer to the name.
    """
    columns = score_columns(board)
    if name is None:
        totals = [column for column in columns if column.key == "total"]
        return next(iter(totals or columns), None)
    short = short_names(board.automatic)
    found = [column for column in columns if column.key == name] or [
        overall_column(a) for a in board.automatic if name in (a.metric, short[a.key])
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
