"""A leaderboard as Markdown and as LaTeX: the tables of `nami_bench.export.text`, and the notes."""

from collections.abc import Iterator, Sequence

from nami_bench.evaluation.leaderboard.rows import Leaderboard
from nami_bench.export.markup import latex_text, markdown_text
from nami_bench.export.origin_text import model_notes
from nami_bench.export.sections import gap_notes, notes, simulation_notice, title
from nami_bench.export.text import INCOMPLETE, TextTable, model_tables, text_tables
from nami_bench.software import version_and_commit

_NONE = "–"


def leaderboard_markdown(board: Leaderboard) -> bytes:
    """GitHub-flavoured Markdown, UTF-8; best values are bold."""
    lines = [f"# Leaderboard: {markdown_text(title(board))}", ""]
    if notice := simulation_notice(board):
        lines += [f"**SIMULATED: {markdown_text(notice)}**", ""]
    for table in [*text_tables(board), *model_tables(board)]:
        lines += [f"## {markdown_text(table.title)}", "", *_markdown_rows(table), ""]
    lines += [f"- {markdown_text(f'{INCOMPLETE} {gap}')}" for gap in gap_notes(board)]
    lines += [f"- {markdown_text(note)}" for note in notes(board)]
    lines += [f"- Made with NAMI-Bench {version_and_commit()}."]
    return ("\n".join(lines) + "\n").encode()


def leaderboard_latex(board: Leaderboard) -> bytes:
    """One table for each table of the leaderboard, with booktabs; best values are bold.

    The text is to be \\input into a document that loads the package booktabs, in any engine with UTF-8.
    """
    lines = [f"% Made with NAMI-Bench {version_and_commit()}. Needs \\usepackage{{booktabs}}."]
    about = latex_text(title(board))
    notice = simulation_notice(board)
    remarks = [
        *([notice] if notice else []),
        *(f"{INCOMPLETE} {gap}" for gap in gap_notes(board)),
        *notes(board),
        *model_notes(board),
    ]
    for position, table in enumerate(text_tables(board)):
        caption = f"{latex_text(table.title)} ({about})."
        lines += ["", *_latex_table(table, caption, remarks if position == 0 else [])]
    return ("\n".join(lines) + "\n").encode()


def _markdown_rows(table: TextTable) -> Iterator[str]:
    yield _markdown_row([markdown_text(name) for name in table.columns])
    yield _markdown_row(["---:" if name in table.numeric else "---" for name in table.columns])
    for number, row in enumerate(table.rows):
        cells = [_NONE if cell is None else markdown_text(cell) for cell in row]
        yield _markdown_row([f"**{c}**" if (number, i) in table.best else c for i, c in enumerate(cells)])


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _latex_table(table: TextTable, caption: str, remarks: Sequence[str]) -> Iterator[str]:
    yield r"\begin{table}"
    yield r"  \centering"
    yield rf"  \caption{{{caption}}}"
    yield rf"  \begin{{tabular}}{{{''.join('r' if n in table.numeric else 'l' for n in table.columns)}}}"
    yield r"    \toprule"
    yield f"    {_latex_row([latex_text(name) for name in table.columns])}"
    yield r"    \midrule"
    for number, row in enumerate(table.rows):
        cells = [latex_text(_NONE if cell is None else cell) for cell in row]
        marked = [rf"\textbf{{{c}}}" if (number, i) in table.best else c for i, c in enumerate(cells)]
        yield f"    {_latex_row(marked)}"
    yield r"    \bottomrule"
    yield r"  \end{tabular}"
    if remarks:
        yield r"  \par\medskip\begin{minipage}{\linewidth}\footnotesize"
        yield r"    \setlength{\parindent}{0pt}"
        yield from (f"    {latex_text(remark)}\\par" for remark in remarks)
        yield r"  \end{minipage}"
    yield r"\end{table}"


def _latex_row(cells: Sequence[str]) -> str:
    # An empty group first: a cell that begins with [ would be an option of the \\\\ before it.
    return f"{{}}{' & '.join(cells)} " + r"\\"
