"""A leaderboard as Markdown: the tables of `nami_bench.export.text`, and the notes."""

from collections.abc import Iterator, Sequence

from nami_bench.evaluation.leaderboard.rows import Leaderboard
from nami_bench.export.markup import markdown_text
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


def _markdown_rows(table: TextTable) -> Iterator[str]:
    yield _markdown_row([markdown_text(name) for name in table.columns])
    yield _markdown_row(["---:" if name in table.numeric else "---" for name in table.columns])
    for number, row in enumerate(table.rows):
        cells = [_NONE if cell is None else markdown_text(cell) for cell in row]
        yield _markdown_row([f"**{c}**" if (number, i) in table.best else c for i, c in enumerate(cells)])


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
