"""`nami_bench.leaderboard`."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from nami_bench.analysis.shown import Shown
from nami_bench.analysis.sources import (
    CriteriaLike,
    Judgements,
    Names,
    Place,
    check_least,
    named,
    opened,
    refuse_file_options,
    refuse_raters,
    said_criteria,
    source_of,
)
from nami_bench.domain import PromptSet
from nami_bench.errors import InputError
from nami_bench.evaluation.leaderboard.rows import (
    Group,
    Leaderboard,
    LeaderboardRow,
    PairwiseTest,
    Precision,
)
from nami_bench.evaluation.leaderboard.scales import parse_scales
from nami_bench.evaluation.leaderboard.speed import Prices
from nami_bench.export.files import leaderboard_json, wide_rows
from nami_bench.export.foreign import ForeignFile
from nami_bench.export.html import leaderboard_fragment
from nami_bench.export.leaderboard_formats import ENDINGS, leaderboard_as, leaderboard_files
from nami_bench.export.leaderboard_long import long_rows
from nami_bench.export.leaderboard_short import short_rows
from nami_bench.export.ratings_source import load_ratings
from nami_bench.export.sections import gap_notes, notes, simulation_notice, title
from nami_bench.export.text import INCOMPLETE, TextTable, model_tables, text_tables
from nami_bench.pipeline.leaderboard_from_ratings import leaderboard_from_ratings
from nami_bench.pipeline.leaderboard_from_store import leaderboard_from_store
from nami_bench.pipeline.published import with_published
from nami_bench.prompts.files import load_prompt_set


@dataclass(frozen=True, repr=False)
class LeaderboardResult(Shown):
    """Models in order, with their scores and how sure they are.

    `board` holds everything as plain values. `rows`, one for each model, have `model`, `rank`, `total` and
    `criteria` (human scores, 0-100), `total_interval` and `intervals`, `rank_low` and `rank_high`, `ties`,
    `automatic` scores, and `gaps`, what is missing.
    """

    board: Leaderboard

    @property
    def rows(self) -> tuple[LeaderboardRow, ...]:
        """One for each model: ranked ones first, then unranked ones, then published ones."""
        return self.board.rows

    @property
    def models(self) -> tuple[str, ...]:
        """Names, in the order of `rows`."""
        return tuple(row.model for row in self.rows)

    @property
    def pairs(self) -> tuple[PairwiseTest, ...]:
        """The tests of all pairs of models; none without intervals."""
        return self.board.pairs

    @property
    def groups(self) -> tuple[Group, ...]:
        """The totals on parts of the prompts; none where the prompts are not known."""
        return self.board.groups

    @property
    def heading(self) -> str:
        """The study, its prompts, and what part of them."""
        return f"Leaderboard: {title(self.board)}"

    @property
    def tables(self) -> tuple[TextTable, ...]:
        """Scores, how sure the ranks are, intervals, parts of the prompts, pairs, and what the models are."""
        return (*text_tables(self.board), *model_tables(self.board))

    @property
    def notes(self) -> tuple[str, ...]:
        """That scores are simulated, what is missing of a model, then how to read the numbers."""
        notice = simulation_notice(self.board)
        gaps = (f"{INCOMPLETE} {gap}" for gap in gap_notes(self.board))
        return (*((f"SIMULATED: {notice}",) if notice else ()), *gaps, *notes(self.board))

    def to_frame(self, form: Literal["csv", "csv-long", "csv-wide"] = "csv") -> pd.DataFrame:
        """The numbers, unrounded, in the columns of one of the CSV files: a row for each model with its main
        scores, a row for each number, or a row for each model with everything."""
        rows = {"csv": short_rows, "csv-long": long_rows, "csv-wide": wide_rows}
        return pd.DataFrame(rows[form](self.board))

    def to_html(self) -> str:
        """A part of a page: the scores with their intervals and what is missing; all else is folded.

        It needs no script, loads nothing, may stand in a page several times, and takes the page's colours.
        For a page of its own: `save("board.html")`.
        """
        return leaderboard_fragment(self.board)

    def to_json(self) -> dict[str, Any]:
        """The document that the command prints with `--json`, as plain values."""
        document: dict[str, Any] = json.loads(leaderboard_json(self.board))
        return document

    def to_csv(self, form: Literal["csv", "csv-long", "csv-wide"] = "csv") -> str:
        """The text of one of the CSV files; see `to_frame`."""
        return leaderboard_as(self.board, form).decode("utf-8-sig")

    def _forms(self) -> Mapping[str, Callable[[Path], Mapping[Path, bytes]]]:
        def files(form: str) -> Callable[[Path], Mapping[Path, bytes]]:
            return lambda path: leaderboard_files(self.board, path, form)

        return {ending: files(form) for ending, form in ENDINGS.items()}


def leaderboard(
    ratings: Judgements | None = None,
    *,
    study: str | None = None,
    workspace: Place | None = None,
    criteria: CriteriaLike | None = None,
    scale: Names = (),
    prompts: str | PathLike[str] | PromptSet | None = None,
    stratum: str | None = None,
    by: Names = (),
    samples: int | None = None,
    without: Names = (),
    raters: Mapping[str, str] | None = None,
    sort: str | None = None,
    published: bool = False,
    intervals: Literal["crossed", "percentile", "bca", "none"] | None = "crossed",
    over: Literal["both", "prompts", "annotators"] = "both",
    level: float = 0.95,
    replicates: int = 1000,
    seed: int = 0,
    correction: Literal["holm", "benjamini-hochberg", "none"] = "holm",
    price: Mapping[str, float] | None = None,
    price_per_hour: Mapping[str, float] | None = None,
    price_note: str = "",
) -> LeaderboardResult:
    """Models by human scores (0-100) and automatic scores, as `nami-bench leaderboard` computes them.

    `ratings`: a data frame, or a file (CSV, Parquet, dataset folder), with a row for each value: study,
    annotator, model, prompt_id, sample, criterion, value, and optionally reason (why there is no value),
    duration_ms, created_at. None: those of a study of `workspace`, with automatic scores; None: the workspace
    that a command in this folder would take. `study`: which one; of a workspace by default the newest that
    has ratings.

    A file in another form is a `ForeignFile` of `nami_bench.export.foreign`, with the `Reading` that its
    `reading_of` makes of the command's options. For ratings from elsewhere: `criteria` is a study file, a
    mapping of weights, or `Criterion` values (default: the file's own, else NAMI-1K's); `scale` is that of
    the values, as "1-5", of one criterion as "relevance=1-5"; `prompts` is a prompt file or set, of which
    every prompt is expected to be rated. In a workspace `prompts` names a set.

    `stratum`: only its prompts. `by`: totals by stratum, task or a prompt tag, too. `samples`: only 0 to N-1
    of each prompt. `without`: annotators who do not count. `raters`: only those who said so of themselves
    when they came into the workspace's study, as {"expertise": "yes", "age": "18-30"}; five people at least.
    `sort`: the column to rank by, as the CSV names it (default: total). `published`: with the rows of
    NAMI-1K's authors, apart.

    `intervals`: from the crossed random-effects model, or a bootstrap; None or "none": without. `over`: what
    is a sample of many. `level`: of intervals and tests, in (0, 1). `replicates` (50 or more) and `seed`: of
    the bootstrap. `correction`: for testing all pairs.

    Of a workspace's models: `price` of 1,000 images, or `price_per_hour` of the machine, by model ("": of all
    others); `price_note` says currency and date.

    Raises InputError for bad input, with the row or line, and UnknownNameError, which is one, for a name that
    nothing answers to.
    """
    check_least("samples", samples, 1)
    check_least("seed", seed, 0)
    precision = None
    if intervals not in (None, "none"):
        precision = Precision(intervals, over, level, replicates, seed, correction)
    options: dict[str, Any] = {
        "study": study,
        "stratum": stratum,
        "sort": sort,
        "by": named(by),
        "without": named(without),
        "samples": samples,
        "precision": precision,
    }
    prices = Prices(price or {}, price_per_hour or {}, price_note)
    if ratings is None:
        options |= {"raters": raters, "prices": prices}
        board = _of_workspace(workspace, criteria, scale, prompts, options)
    else:
        refuse_raters(raters)
        if price or price_per_hour or price_note:
            raise InputError("prices stand beside the images of a workspace's models, and these are ratings")
        source, prompt_set = source_of(ratings, workspace), _prompt_set(prompts)
        if isinstance(source, ForeignFile):
            source.check_by_model()
            source = replace(source, prompt_set=prompt_set)
        table, chosen = load_ratings(source, said_criteria(criteria), parse_scales(named(scale)), study)
        board = leaderboard_from_ratings(table, chosen, prompt_set=prompt_set, **options)
    return LeaderboardResult(with_published(board) if published else board)


def _of_workspace(
    workspace: Place | None,
    criteria: CriteriaLike | None,
    scale: Names,
    prompts: str | PathLike[str] | PromptSet | None,
    options: Mapping[str, Any],
) -> Leaderboard:
    refuse_file_options(criteria, scale)
    if prompts is not None and not isinstance(prompts, str):
        raise InputError("in a workspace prompts are named by their set: give its name")
    with opened(workspace) as store:
        return leaderboard_from_store(store, prompt_set=prompts, **options)


def _prompt_set(prompts: str | PathLike[str] | PromptSet | None) -> PromptSet | None:
    return prompts if prompts is None or isinstance(prompts, PromptSet) else load_prompt_set(Path(prompts))
