"""A leaderboard in the form that a name stands for, or that a file's ending does."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

from nami_bench.errors import InputError
from nami_bench.evaluation.leaderboard.rows import Leaderboard

Format = Literal["csv", "csv-long", "csv-wide", "json", "markdown", "model-card", "latex", "html"]
FORMATS: tuple[str, ...] = get_args(Format)
ENDINGS = {".csv": "csv", ".json": "json", ".md": "markdown", ".tex": "latex", ".html": "html"}
_CSV = ("csv", "csv-long", "csv-wide")
_OWN_ENDINGS = {"csv-long": ".long.csv", "csv-wide": ".wide.csv", "model-card": ".cards"}
"""Of the forms that no file's ending stands for; model cards are a folder."""


def leaderboard_as(board: Leaderboard, form: str) -> bytes:
    """The leaderboard as one of `FORMATS`; raises InputError for cards of several models, which are files."""
    if form in _CSV:
        return _csv(board, form)
    if form == "json":
        from nami_bench.export.files import leaderboard_json

        return leaderboard_json(board)
    if form == "html":
        from nami_bench.export.html import leaderboard_html

        return leaderboard_html(board)
    if form == "markdown":
        from nami_bench.export.markdown import leaderboard_markdown

        return leaderboard_markdown(board)
    if form == "model-card":
        return _one_card(board)
    from nami_bench.export.latex import leaderboard_latex

    return leaderboard_latex(board)


def leaderboard_path(stem: Path, form: str) -> Path:
    """Where the leaderboard of this name is written in a form: board.csv, board.long.csv, board.cards ..."""
    ending = _OWN_ENDINGS.get(form) or next(ending for ending, name in ENDINGS.items() if name == form)
    return stem.with_name(stem.name + ending)


def leaderboard_files(board: Leaderboard, path: Path, form: str) -> Mapping[Path, bytes]:
    """What is written where the leaderboard is to be `path`.

    Beside a CSV file a second one, of what identifies its models and instruments, where that is known, and
    beside the short one its legend. Model cards: a file for each model in the folder `path`.
    """
    if form == "model-card":
        from nami_bench.export.model_cards import model_cards

        return {path / name: data for name, data in model_cards(board).items()}
    files = {path: leaderboard_as(board, form)}
    if form == "csv":
        from nami_bench.export.leaderboard_short import legend_csv

        files[_beside(path, "legend")] = legend_csv(board)
    if form in _CSV and board.models:
        from nami_bench.export.origin_text import provenance_csv

        files[_beside(path, "provenance")] = provenance_csv(board)
    return files


def _beside(path: Path, what: str) -> Path:
    """board.WHAT.csv, beside board.csv, board.long.csv and board.wide.csv."""
    stem = path.name.removesuffix(path.suffix).removesuffix(".long").removesuffix(".wide")
    return path.with_name(f"{stem}.{what}.csv")


def _csv(board: Leaderboard, form: str) -> bytes:
    if form == "csv":
        from nami_bench.export.leaderboard_short import leaderboard_short_csv

        return leaderboard_short_csv(board)
    if form == "csv-long":
        from nami_bench.export.leaderboard_long import leaderboard_long_csv

        return leaderboard_long_csv(board)
    from nami_bench.export.files import leaderboard_wide_csv

    return leaderboard_wide_csv(board)


def _one_card(board: Leaderboard) -> bytes:
    from nami_bench.export.model_cards import model_cards

    cards = model_cards(board)
    if len(cards) > 1:
        raise InputError(
            f"there are {len(cards)} models, each with a card of its own: name a folder, -o cards"
        )
    return next(iter(cards.values()))
