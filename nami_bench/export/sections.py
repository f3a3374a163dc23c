"""A leaderboard as people read it: tables under headings, and notes in plain words.

Measured and published rows are in different tables, and so are the details of each instrument.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from nami_bench.domain import GENEVAL_TASKS, Criteria
from nami_bench.evaluation.geneval.published import standing
from nami_bench.evaluation.leaderboard.automatic import GENEVAL
from nami_bench.evaluation.leaderboard.columns import (
    ScoreColumn,
    human_columns,
    interval_level,
    overall_column,
    task_columns,
)
from nami_bench.evaluation.leaderboard.rows import AutomaticColumn, Leaderboard, LeaderboardRow, PromptOrigin
from nami_bench.export.origin_text import software_notes
from nami_bench.export.speed_text import speed_notes


@dataclass(frozen=True, slots=True)
class Section:
    """One table. `details` is the automatic column whose parts it shows; None for a main table."""

    heading: str
    rows: tuple[LeaderboardRow, ...]
    columns: tuple[ScoreColumn, ...]
    details: AutomaticColumn | None = None


def sections(board: Leaderboard) -> list[Section]:
    """A main table and one for each GenEval instrument: of the measured rows, then of the published ones."""
    simulated = board.simulated_annotators > 0 and board.simulated_annotators == board.annotators
    return [
        *_sections(board, board.measured, "Scores, the human ones simulated" if simulated else "Scores"),
        *_sections(board, board.published, "Published elsewhere, not ranked"),
    ]


def title(board: Leaderboard) -> str:
    """What the leaderboard is about, in a few words."""
    about = f"study {board.study}" if board.study else "automatic scores"
    on = f" on {' and '.join(board.prompt_sets)}" if board.prompt_sets else ""
    first = "first sample" if board.samples == 1 else f"first {board.samples} samples"
    parts = [f"stratum {board.stratum}"] if board.stratum else []
    parts += [first] if board.samples else []
    return ", ".join([f"{about}{on}", *parts])


def simulation_notice(board: Leaderboard) -> str | None:
    """What must be said first where annotators are simulated, else None."""
    if not board.simulated_annotators:
        return None
    if board.simulated_annotators == board.annotators:
        return (
            "All human scores here are simulated: they come from programs in the place of annotators, "
            "not from people, and say nothing about what people prefer."
        )
    return (
        f"Some annotators are simulated, programs in the place of people: {board.simulated_annotators} of "
        f"{board.annotators}. The rows marked simulated rest on them in part and do not show what people "
        "prefer."
    )


def level(column: ScoreColumn, board: Leaderboard) -> str:
    """The level of the column's intervals, as "95%"."""
    return percent(interval_level(column, board))


def percent(share: float) -> str:
    """A level or a power as it is written: "95%", "99.9%", never rounded to a whole it is not."""
    return f"{100 * share:.6g}%"


def group_heading(kind: str) -> str:
    """What a table of the totals on parts of the prompts is called."""
    return "Total by GenEval task" if kind == "task" else f"Total by {kind}"


def best_shown(column: ScoreColumn, section: Section) -> str | None:
    """The best value as shown, so that what reads alike is marked alike; None where there is no contest."""
    merits = [(merit, row) for row in section.rows if (merit := column.merit(row)) is not None]
    if len(merits) < 2:
        return None
    return column.shown(max(merits, key=lambda pair: pair[0])[1])


def gap_notes(board: Leaderboard) -> list[str]:
    """One line for each incomplete row."""
    return [f"{row.model}: {'; '.join(row.gaps)}" for row in board.rows if row.gaps]


def notes(board: Leaderboard) -> list[str]:
    """How to read the numbers, and what they rest on."""
    return [
        *_human_notes(board),
        *_interval_notes(board),
        *_automatic_notes(board),
        *_origin_notes(board),
        *software_notes(board),
        *speed_notes(board),
        *board.cautions,
    ]


def label(column: AutomaticColumn, beside: Sequence[AutomaticColumn]) -> str:
    """The column's short name; numbered where another of its metric stands beside it."""
    name = overall_column(column).title
    alike = [other for other in beside if other.metric == column.metric]
    return name if len(alike) < 2 else f"{name} {alike.index(column) + 1}"


def _sections(board: Leaderboard, rows: tuple[LeaderboardRow, ...], heading: str) -> Iterator[Section]:
    if not rows:
        return
    automatic = _automatic_of(board, rows)
    overall = [replace(overall_column(column), title=label(column, automatic)) for column in automatic]
    human = human_columns(board) if any(row.criteria for row in rows) else []
    yield Section(heading, rows, (*human, *overall))
    for column in automatic:
        if column.tasks:
            parts = "task" if column.metric == GENEVAL else "category"
            by = f"{label(column, automatic)} by {parts}: {_origin(column)}"
            scored = tuple(row for row in rows if column.key in row.automatic)
            yield Section(by, scored, tuple(task_columns(column)), column)


def _automatic_of(board: Leaderboard, rows: Sequence[LeaderboardRow]) -> list[AutomaticColumn]:
    return [column for column in board.automatic if any(column.key in row.automatic for row in rows)]


def _origin(column: AutomaticColumn) -> str:
    if column.instrument == "published":
        return "as published"
    return f"{column.instrument} on {column.prompt_set}"


def _human_notes(board: Leaderboard) -> Iterator[str]:
    if not board.criteria:
        return
    yield (
        "Human scores go from 0 to 100: the mean over images of each image's mean over its annotators. "
        f"{Criteria.of(board.criteria).in_words()}."
    )
    rows = board.measured
    annotators = f"{board.annotators} annotator{'s' * (board.annotators != 1)}"
    counted = f"{annotators} gave {sum(row.ratings or 0 for row in rows)} ratings"
    withheld = sum(row.withheld or 0 for row in rows)
    if withheld:
        counted += f" and could not judge {withheld} times"
    yield counted + (f"; the latest is of {board.latest_rating:%Y-%m-%d}." if board.latest_rating else ".")


_METHODS = {
    "crossed": "from the crossed random-effects model, t bounds after Cochran and Cox",
    "percentile": "from percentiles of a bootstrap",
    "bca": "from a bias-corrected and accelerated bootstrap",
}
_OVER = {
    "both": (
        "what other prompts and other annotators of the same kind would give; over prompts alone "
        "(--over prompts) the question is a smaller one, what other prompts would give with these annotators"
    ),
    "prompts": "what other prompts would give with these annotators, and nothing about other annotators",
    "annotators": "what other annotators would give on these prompts, and nothing about other prompts",
}


def _interval_notes(board: Leaderboard) -> Iterator[str]:
    precision = board.precision
    if precision is None:
        return
    if not any(row.total_interval or row.intervals for row in board.rows):
        return
    drawn = f" ({precision.replicates} replicates, seed {precision.seed})"
    yield (
        f"Intervals of human scores: {percent(precision.level)}, {_METHODS[precision.method]}"
        f"{drawn if precision.method != 'crossed' else ''}. "
        f"Intervals and tests of pairs are about {_OVER[precision.over]}."
    )
    if any(row.rank_low is not None for row in board.rows):
        yield (
            "places: the rank range, for all models at once. tie group: a compact letter display; models "
            "that share a letter do not differ significantly, which does not mean that they are equally "
            f"good (paired tests on shared images, correction: {precision.correction})."
        )
    if any(row.first_probability is not None for row in board.rows):
        yield (
            f"first: share of bootstrap replicates that a model leads{drawn}: not a test; whether models "
            "differ is for tie groups and places to say."
        )
    if any(row.total_adjusted is not None for row in board.rows):
        yield (
            "adjusted: the total as the average annotator would have scored all images, with an interval "
            "over prompts and annotators; beside the raw scores, never alone: places, groups and tests are "
            "of those."
        )


def _automatic_notes(board: Leaderboard) -> Iterator[str]:
    automatic = _automatic_of(board, board.measured)
    for column in automatic:
        name = label(column, automatic)
        if column.metric != GENEVAL:
            what = "one value for all images" if column.of_sets else "mean over images"
            better = ", lower is better" if column.lower_is_better else ""
            asked = "; by category, the mean over questions before zeroing" if column.tasks else ""
            yield f"{name}: {what}{better}{asked}; by {_origin(column)}."
            continue
        tasks = len(column.tasks)
        few = (
            f"; only {tasks} of GenEval's {len(GENEVAL_TASKS)} tasks occur"
            if tasks < len(GENEVAL_TASKS)
            else ""
        )
        yield (
            f"{name}: share of correct images, 0 to 1, overall the mean over tasks; "
            f"measured by {_origin(column)}{few}. Its detector is {standing(column.instrument)}."
        )


def _origin_notes(board: Leaderboard) -> Iterator[str]:
    for name, sha256 in board.prompt_sets.items():
        yield origin_note(name, sha256, board.prompt_origins.get(name))
    if sources := dict.fromkeys(source for row in board.published for source in row.sources):
        yield f"Published rows are quoted from {'; '.join(sources)}. They were not measured here."
    if board.published and board.criteria and not any(row.criteria for row in board.published):
        yield "Their human scores are left out: this study has other criteria, weights or another total."


def origin_note(name: str, sha256: str, origin: PromptOrigin | None) -> str:
    """One sentence on the hashes of a set, and one on its rewrites."""
    note = f"Prompt set {name}: canonical sha256 {sha256}"
    if origin is not None and origin.file is not None:
        note += f"; its file {origin.file.name}: sha256 {origin.file.sha256}"
    if origin is not None and origin.rewritten:
        note += (
            f". {origin.rewritten} of its {origin.prompts} prompts are rewritten: scores on them are not "
            "scores on the original prompts"
        )
    return f"{note}."
