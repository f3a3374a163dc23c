"""A leaderboard as tables of text cells, for a terminal."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nami_bench.evaluation.leaderboard.columns import adjusted_total
from nami_bench.evaluation.leaderboard.rows import Group, Leaderboard, LeaderboardRow, PairwiseTest
from nami_bench.export.origin_text import model_cells
from nami_bench.export.sections import Section, best_shown, group_heading, level, percent, sections
from nami_bench.export.speed_text import speed_columns

INCOMPLETE = "*"
ADJUSTED = "adjusted"
"""The column of totals as the average annotator would have scored all images."""
MOST_MODELS_IN_PAIRS = 12
"""With more, all pairs are for the machine-readable formats only."""
_SHORT_NAME = 24


@dataclass(frozen=True, slots=True)
class _Column:
    """Title and cells; titles may repeat, since a study may call its criteria what it likes."""

    title: str
    cells: Sequence[str | None]
    numeric: bool = True
    best: str | None = None
    """The best cell's text, where there is a contest."""


@dataclass(frozen=True, slots=True)
class TextTable:
    """Cells are texts or None.

    `numeric` names the columns of numbers, `whole` those not to be folded; `best` holds (row, column) of the
    best values.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]
    numeric: frozenset[str]
    whole: frozenset[str]
    best: frozenset[tuple[int, int]] = frozenset()


def text_tables(board: Leaderboard) -> list[TextTable]:
    """The leaderboard's tables; incomplete rows have a star behind the model's name."""
    tables: list[TextTable] = []
    for section in sections(board):
        tables += _details(section) if section.details else _main_tables(section, board)
    return [*tables, *pair_tables(board), *speed_tables(board)]


def speed_tables(board: Leaderboard) -> list[TextTable]:
    """Speed and price as one table; none where nothing was timed and nothing has a price."""
    cells = speed_columns(board)
    if len(cells) < 2:
        return []
    texts = ("model", "timed on")
    return [_table("Speed", [_Column(n, column, numeric=n not in texts) for n, column in cells.items()])]


def model_tables(board: Leaderboard) -> list[TextTable]:
    """What identifies the models, as one table; none where nothing is known of them but their names."""
    cells = model_cells(board)
    if len(cells) < 2:
        return []
    return [_table("What the models are", [_Column(n, column, numeric=False) for n, column in cells.items()])]


def parameter_count(parameters: int | None) -> str | None:
    """'2B', '1.6B', '600M'."""
    if parameters is None:
        return None
    if parameters >= 1e9:
        return f"{parameters / 1e9:.3g}B"
    return f"{parameters / 1e6:.3g}M" if parameters >= 1e6 else str(parameters)


def marked_name(row: LeaderboardRow) -> str:
    """The model's name, with a star where something is missing."""
    return f"{row.model}\N{NO-BREAK SPACE}{INCOMPLETE}" if row.gaps else row.model


def counts(section: Section) -> dict[str, Sequence[str | None]]:
    """What the section's rows rest on: column by column, empty ones left out."""
    columns = {
        "parameters": [parameter_count(row.parameters) for row in section.rows],
        "images": [_images(row, section) for row in section.rows],
        "ratings": [_number(row.ratings) for row in section.rows],
        "missing": [_percent(row.missing_share) for row in section.rows],
        "rewriting": _rewriting(section),
    }
    shown = ("images",) if section.details else tuple(columns)
    return {name: columns[name] for name in shown if any(columns[name])}


def _main_tables(section: Section, board: Leaderboard) -> Iterator[TextTable]:
    """The scores, what they rest on, and what is known about their parts."""
    names, status = _names(section), [row.status.value for row in section.rows]
    published = all(row.source for row in section.rows)
    lead = [] if published else [_Column("#", [_number(row.rank) for row in section.rows])]
    mixed = [_Column("status", status, numeric=False)] if len(set(status)) > 1 else []
    basis = [_Column(name, cells) for name, cells in counts(section).items()]
    scores = list(_score_columns(section, board))
    if not any(row.ratings is not None for row in section.rows):
        yield _table(section.heading, [*lead, names, *mixed, *scores, *basis])
    else:
        yield _table(section.heading, [*lead, names, *mixed, *scores])
        certainty = [_Column(name, cells) for name, cells in rank_certainty(section).items()]
        heading = "How sure the ranks are, and what they rest on" if certainty else "What the scores rest on"
        yield _table(heading, [names, _Column("status", status, numeric=False), *certainty, *basis])
    yield from _interval_table(section, board, names)
    if not published:
        yield from group_tables(section, board)


def _details(section: Section) -> list[TextTable]:
    """An automatic score's parts, with the number of images behind them."""
    scores = [
        _Column(column.title, [column.shown(row) for row in section.rows], best=best_shown(column, section))
        for column in section.columns
    ]
    basis = [_Column(name, cells) for name, cells in counts(section).items()]
    return [_table(section.heading, [_names(section), *scores, *basis])]


def _names(section: Section) -> _Column:
    return _Column("model", [marked_name(row) for row in section.rows], numeric=False)


def _score_columns(section: Section, board: Leaderboard) -> Iterator[_Column]:
    """The scores, and behind the one ranked by its interval."""
    for column in section.columns:
        shown = [column.shown(row) for row in section.rows]
        yield _Column(column.title, shown, best=best_shown(column, section))
        intervals = [column.shown_interval(row) for row in section.rows]
        if column.key == board.ranked_by and any(intervals):
            yield _Column(f"{level(column, board)} interval", intervals)


def _interval_table(section: Section, board: Leaderboard, names: _Column) -> Iterator[TextTable]:
    """The intervals of the columns that the leaderboard is not ranked by."""
    columns = [
        _Column(f"{column.title}, {level(column, board)}", intervals)
        for column in section.columns
        if column.key != board.ranked_by
        and any(intervals := [column.shown_interval(row) for row in section.rows])
    ]
    if columns:
        yield _table("Intervals", [names, *columns])


def group_tables(section: Section, board: Leaderboard) -> Iterator[TextTable]:
    """The totals on parts of the prompts: a table for each kind of part."""
    for kind in dict.fromkeys(group.kind for group in board.groups):
        columns = [
            _Column(group.name.replace("_", " "), [_group_cell(group, row) for row in section.rows])
            for group in board.groups
            if group.kind == kind
        ]
        yield _table(group_heading(kind), [_names(section), *columns])


def _group_cell(group: Group, row: LeaderboardRow) -> str | None:
    score = group.scores.get(row.model)
    if score is None or score.total is None:
        return None
    interval = score.interval
    return f"{score.total:.1f}" + (f" ({interval.low:.1f}–{interval.high:.1f})" if interval else "")


def pair_tables(board: Leaderboard) -> Iterator[TextTable]:
    """The tests of all pairs of models, unless they are too many to read."""
    if board.pairs and len(board.measured) <= MOST_MODELS_IN_PAIRS:
        better = _Column("better", [pair.first for pair in board.pairs], numeric=False)
        worse = _Column("than", [pair.second for pair in board.pairs], numeric=False)
        columns = [_Column(name, cells) for name, cells in _pair_columns(board).items()]
        yield _table(f"Differences in {board.ranked_by}", [better, worse, *columns])


def _pair_columns(board: Leaderboard) -> dict[str, list[str | None]]:
    """What the tests of all pairs say, column by column."""
    by = f"{percent(board.precision.level)} interval" if board.precision else "interval"
    return {
        "by": [None if p.difference is None else f"{p.difference:z.2f}" for p in board.pairs],
        by: [f"{p.interval.low:z.1f} to {p.interval.high:z.1f}" if p.interval else None for p in board.pairs],
        "p": [_p_value(p.p_value) for p in board.pairs],
        "p, corrected": [_p_value(p.p_adjusted) for p in board.pairs],
        "told apart": [_verdict(p) for p in board.pairs],
        "images": [str(p.images) for p in board.pairs],
    }


def rank_certainty(section: Section) -> dict[str, list[str | None]]:
    """Column by column how sure the ranks of the section's rows are; empty ones left out."""
    columns = {
        "places": [_places(row) for row in section.rows],
        "tie group": [" ".join(row.ties) or None for row in section.rows],
        "first": [_percent(row.first_probability) for row in section.rows],
        ADJUSTED: [_adjusted(row) for row in section.rows],
    }
    return {name: cells for name, cells in columns.items() if any(cells)}


def _table(title: str, columns: Sequence[_Column]) -> TextTable:
    longest = max((len(cell or "") for c in columns if c.title == "model" for cell in c.cells), default=0)
    return TextTable(
        title=title,
        columns=tuple(column.title for column in columns),
        rows=tuple(zip(*(column.cells for column in columns), strict=True)),
        numeric=frozenset(column.title for column in columns if column.numeric) - {"model", "status"},
        whole=frozenset({"model", "status"} if longest <= _SHORT_NAME else ()),
        best=frozenset(
            (row, position)
            for position, column in enumerate(columns)
            for row, cell in enumerate(column.cells)
            if cell is not None and cell == column.best
        ),
    )


def _places(row: LeaderboardRow) -> str | None:
    if row.rank_low is None or row.rank_high is None:
        return None
    return str(row.rank_low) if row.rank_low == row.rank_high else f"{row.rank_low}–{row.rank_high}"


def _adjusted(row: LeaderboardRow) -> str | None:
    column = adjusted_total()
    interval = column.shown_interval(row)
    return f"{column.shown(row)} ({interval})" if interval else column.shown(row)


def _verdict(pair: PairwiseTest) -> str:
    if pair.p_value is None:
        return "cannot be told"  # the notes say why
    return "yes" if pair.significant else "no"


def _p_value(value: float | None) -> str | None:
    if value is None:
        return None
    return "<0.0001" if value < 0.0001 else f"{value:.4f}"


def _rewriting(section: Section) -> list[str | None]:
    """Who rewrote the prompts, where somebody did."""
    kinds = [row.prompt_rewriting for row in section.rows]
    return kinds if {*kinds} - {None, "none"} else [None] * len(kinds)


def _images(row: LeaderboardRow, section: Section) -> str | None:
    if section.details is None:
        return _of(row.images, row.images_expected)
    score = row.automatic[section.details.key]
    return _of(score.images, score.expected)


def _of(count: int | None, expected: int | None) -> str | None:
    return _number(count) if count == expected or expected is None else f"{count}/{expected}"


def _number(value: int | None) -> str | None:
    return None if value is None else str(value)


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{share:.1%}"
