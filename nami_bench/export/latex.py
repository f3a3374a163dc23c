"""A leaderboard as LaTeX, for papers in one column and in two."""

from collections.abc import Iterator, Sequence
from itertools import count

from nami_bench.evaluation.leaderboard.rows import Leaderboard
from nami_bench.export.latex_text import (
    NAMICHAR,
    latex_note,
    latex_text,
    printed_width,
    shortened,
    without_namichar,
)
from nami_bench.export.markup import one_line
from nami_bench.export.origin_text import model_notes
from nami_bench.export.sections import gap_notes, notes, simulation_notice, title
from nami_bench.export.text import INCOMPLETE, TextTable, text_tables
from nami_bench.software import version_and_commit

_NONE = "–"
_WIDEST = 80
"""Characters that a line of a table holds in \\footnotesize across the page of the class
`article`, the gaps of columns counted as two."""
_GAP = 2
_LONGEST, _LONGEST_NAME = 36, 24
"""Characters of a cell, and of a model's name, that stand on one line; longer ones are folded."""
_NAMES = ("model", "better", "than")


def leaderboard_latex(board: Leaderboard) -> bytes:
    """Tables with booktabs, each with a label, and the notes as a list behind them; best values are bold.

    The text is to be \\input into a document that loads booktabs, in any engine: pdflatex too, whatever
    script names are in. Tables are `table*`, which goes across both columns of a two-column paper; one that
    is too wide for a page is continued in another with the same models.
    """
    lines = [
        f"% Made with NAMI-Bench {version_and_commit()}. Needs \\usepackage{{booktabs}}.",
        *_whole_hashes(board),
        NAMICHAR,
    ]
    about, numbers = latex_note(title(board)), count(1)
    for table in text_tables(board):
        parts = _parts(table)
        for position, part in enumerate(parts):
            more = f", part {position + 1} of {len(parts)}" if len(parts) > 1 else ""
            heading = f"{latex_note(table.title)} ({about}){more}."
            lines += ["", *_latex_table(table, part, heading, f"tab:nami-bench-{next(numbers)}")]
    return ("\n".join([*lines, "", *_notes(board)]) + "\n").encode()


def _parts(table: TextTable) -> list[list[int]]:
    """The columns of each table that this one becomes; columns up to the model's stand in all of them."""
    widths = [_width(table, column) for column in range(len(table.columns))]
    fixed = [i for i, name in enumerate(table.columns) if name in ("#", *_NAMES)]
    room = _WIDEST - sum(widths[i] for i in fixed)
    parts: list[list[int]] = [[]]
    for column in (i for i in range(len(table.columns)) if i not in fixed):
        if parts[-1] and sum(widths[i] for i in parts[-1]) + widths[column] > room:
            parts.append([])
        parts[-1].append(column)
    return [[*fixed, *part] for part in parts]


def _width(table: TextTable, column: int) -> int:
    cells = (table.columns[column], *(row[column] or _NONE for row in table.rows))
    return min(max(map(printed_width, cells)), _longest(table, column)) + _GAP


def _longest(table: TextTable, column: int) -> int:
    return _LONGEST_NAME if table.columns[column] in _NAMES else _LONGEST


def _latex_table(table: TextTable, columns: Sequence[int], heading: str, label: str) -> Iterator[str]:
    yield r"\begin{table*}[tbp]"
    yield r"  \centering\footnotesize\setlength{\tabcolsep}{4pt}"
    # A list of tables stands before \\namichar is defined, so it must not meet the command.
    yield rf"  \caption[{{{without_namichar(heading)}}}]{{{heading}}}"
    yield rf"  \label{{{label}}}"
    yield rf"  \begin{{tabular}}{{{''.join(_alignment(table, column) for column in columns)}}}"
    yield r"    \toprule"
    yield f"    {_latex_row([latex_text(table.columns[column]) for column in columns])}"
    yield r"    \midrule"
    for number, row in enumerate(table.rows):
        cells = [_cell(row[column] or _NONE, _longest(table, column)) for column in columns]
        best = [(number, column) in table.best for column in columns]
        marked = [rf"\textbf{{{cell}}}" if bold else cell for cell, bold in zip(cells, best, strict=True)]
        yield f"    {_latex_row(marked)}"
    yield r"    \bottomrule"
    yield r"  \end{tabular}"
    yield r"\end{table*}"


def _cell(text: str, longest: int) -> str:
    shown = latex_note(text)
    return shown if printed_width(text) <= longest else rf"{{\raggedright {shown}\par}}"


def _alignment(table: TextTable, column: int) -> str:
    if table.columns[column] in table.numeric:
        return "r"
    longest = max((printed_width(row[column] or "") for row in table.rows), default=0)
    room = _longest(table, column)
    return "l" if longest <= room else rf"p{{{room / 2:.0f}em}}"


def _latex_row(cells: Sequence[str]) -> str:
    # An empty group first: a cell that begins with [ would be an option of the \\\\ before it.
    return f"{{}}{' & '.join(cells)} " + r"\\"


def _notes(board: Leaderboard) -> Iterator[str]:
    """A list, outside of the tables: it may be longer than a page, and a table may not."""
    yield r"\begingroup\footnotesize\raggedright"
    yield r"\begin{itemize}"
    yield from (f"  \\item {{}}{latex_note(remark)}" for remark in _remarks(board))
    yield r"\end{itemize}"
    yield r"\endgroup"


def _remarks(board: Leaderboard) -> Iterator[str]:
    if notice := simulation_notice(board):
        yield notice
    yield from (f"{INCOMPLETE} {gap}" for gap in gap_notes(board))
    yield from notes(board)
    yield from model_notes(board)


def _whole_hashes(board: Leaderboard) -> Iterator[str]:
    """Comments with the remarks that the print shortens hashes of."""
    yield from (f"% {one_line(remark)}" for remark in _remarks(board) if shortened(remark) != remark)
