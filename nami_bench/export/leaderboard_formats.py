"""A leaderboard in the form that a name stands for, or that a file's ending does."""

from collections.abc import Mapping
from pathlib import Path

from nami_bench.evaluation.leaderboard.rows import Leaderboard

FORMATS = ("csv", "json", "markdown", "latex", "html")
ENDINGS = {".csv": "csv", ".json": "json", ".md": "markdown", ".tex": "latex", ".html": "html"}


def leaderboard_as(board: Leaderboard, form: str) -> bytes:
    """The leaderboard as one of `FORMATS`."""
    if form == "csv":
        from nami_bench.export.files import leaderboard_csv

        return leaderboard_csv(board)
    if form == "json":
        from nami_bench.export.files import leaderboard_json

        return leaderboard_json(board)
    if form == "html":
        from nami_bench.export.html import leaderboard_html

        return leaderboard_html(board)
    if form == "markdown":
        from nami_bench.export.publication import leaderboard_markdown

        return leaderboard_markdown(board)
    from nami_bench.export.publication import leaderboard_latex

    return leaderboard_latex(board)


def leaderboard_files(board: Leaderboard, path: Path, form: str) -> Mapping[Path, bytes]:
    """What is written where the leaderboard is to be `path`: beside a CSV file a second one, of what
    identifies its models and instruments, where that is known."""
    files = {path: leaderboard_as(board, form)}
    if form == "csv" and board.models:
        from nami_bench.export.origin_text import provenance_csv

        files[path.with_suffix(".provenance.csv")] = provenance_csv(board)
    return files
