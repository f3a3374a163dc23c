"""A leaderboard in every form that is a file."""

from collections.abc import Callable, Mapping

from nami_bench.evaluation.leaderboard.rows import Leaderboard
from nami_bench.export.files import leaderboard_csv, leaderboard_json
from nami_bench.export.html import leaderboard_html
from nami_bench.export.publication import leaderboard_latex, leaderboard_markdown

ENDINGS: Mapping[str, str] = {
    "csv": "csv",
    "json": "json",
    "markdown": "md",
    "latex": "tex",
    "html": "html",
}
"""The formats, and how their files' names end."""

_RENDERERS: Mapping[str, Callable[[Leaderboard], bytes]] = {
    "csv": leaderboard_csv,
    "json": leaderboard_json,
    "markdown": leaderboard_markdown,
    "latex": leaderboard_latex,
    "html": leaderboard_html,
}


def rendered(board: Leaderboard, format_: str) -> bytes:
    """The board as a file in one of the formats of ENDINGS."""
    return _RENDERERS[format_](board)
