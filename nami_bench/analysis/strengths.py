"""`nami_bench.strengths`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from nami_bench.analysis.shown import Shown
from nami_bench.analysis.sources import (
    Judgements,
    Names,
    Place,
    check_least,
    named,
    opened,
    ratings_of,
    refuse_raters,
    source_of,
)
from nami_bench.analysis.vote_columns import columns_of, with_columns
from nami_bench.domain import Ranking, Study
from nami_bench.errors import InputError
from nami_bench.evaluation.human.bradley_terry import Ties
from nami_bench.evaluation.human.comparisons_frame import comparisons_frame
from nami_bench.evaluation.human.ratings_array import RatingsArray
from nami_bench.evaluation.human.strength_errors import Errors
from nami_bench.evaluation.leaderboard.left_out import LeftOut
from nami_bench.evaluation.leaderboard.rank_strengths import rank_strength_table
from nami_bench.evaluation.leaderboard.strengths import ModelStrength, StrengthTable, strength_table
from nami_bench.export.foreign import ForeignFile
from nami_bench.export.foreign.profiles import profile_of
from nami_bench.export.html import tables_fragment
from nami_bench.export.ratings_source import load_comparisons_table, load_rankings
from nami_bench.export.strengths import strength_notes, strength_rows, strength_tables, strengths_csv
from nami_bench.export.text import TextTable
from nami_bench.export.votes_file import carried_sides
from nami_bench.pipeline.early_end import unselected_comparisons
from nami_bench.pipeline.screening import left_out
from nami_bench.store import Store


@dataclass(frozen=True, repr=False)
class StrengthsResult(Shown):
    """Strengths of models by criterion; `strengths` holds everything as plain values."""

    strengths: StrengthTable

    @property
    def rows(self) -> tuple[ModelStrength, ...]:
        """One for each model and criterion, the strongest first: `elo` with `low` and `high`, and counts."""
        return self.strengths.rows

    @property
    def heading(self) -> str:
        """The study."""
        return f"Strengths: study {self.strengths.study}"

    @property
    def tables(self) -> tuple[TextTable, ...]:
        """One for each criterion, and each group of models that comparisons join."""
        return tuple(strength_tables(self.strengths))

    @property
    def notes(self) -> tuple[str, ...]:
        """What the numbers rest on, who is left out, and what must be said about the numbers."""
        return tuple(strength_notes(self.strengths))

    def to_frame(self) -> pd.DataFrame:
        """A row for each model and criterion, in the columns of the CSV file."""
        return pd.DataFrame(strength_rows(self.strengths))

    def to_html(self) -> str:
        """A part of a page: all tables and the notes."""
        return tables_fragment(self.heading, self.tables, self.notes, folded=False)

    def to_json(self) -> dict[str, Any]:
        """The document that the command prints with `--json`, as plain values."""
        return self.strengths.to_json()

    def to_csv(self) -> str:
        """The CSV file's text."""
        return strengths_csv(self.strengths).decode()


def strengths(
    comparisons: Judgements | None = None,
    *,
    study: str | None = None,
    workspace: Place | None = None,
    beside: str | None = None,
    without: Names = (),
    raters: Mapping[str, str] | None = None,
    side: bool = False,
    ties: Ties = "davidson",
    errors: Errors = "clustered",
    prior: float = 0.0,
    level: float = 0.95,
    covariates: Names = (),
    by: str | None = None,
) -> StrengthsResult:
    """Models by comparisons of their images, as `nami-bench strengths` computes it.

    Pairs give Bradley-Terry strengths, orders of several images Plackett-Luce strengths with ties, and best
    and worst those of sequential best-worst choice.

    Strengths stand on Elo's scale: 1000 is the mean, 400 points are odds of ten to one. A model that only
    won, or only lost, has no finite strength but a bound. Groups of models that no comparisons join stand
    apart, each on a scale of its own.

    `comparisons`: a data frame, or a file (CSV, Parquet, dataset folder), with a row for each verdict: study,
    annotator, prompt_id, sample, criterion, left, right, outcome (left, tie, right, both_bad), and optionally
    reason (why there is none), position, duration_ms, created_at, left_sample, right_sample, repeat, count,
    weight; `nami-bench votes import` makes such a file of public votes. Orders have a row for each trial and
    image, with trial, model and rank (equal in a tie) in the place of left, right and outcome; best and worst
    a row for each trial, with trial, items (models with blanks between them), best and worst. A file in
    another form is a `ForeignFile`, as for `nami_bench.leaderboard`. None: those of a study of `workspace`;
    None: the workspace that a command in this folder would take. `study`: which one, by default the newest of
    pairs or orders.

    `beside`: a study of ratings of the same models in the workspace: how far the two agree. `without`:
    annotators who do not count. `raters`: as those of `nami_bench.leaderboard`. `side`: estimate how much the
    left place helps, and take it out. `ties`: by Davidson's model, or as half a win for both; these four are
    of pairs. `errors`: from the sandwich with prompts as clusters (of orders also annotators), with prompts
    and voters ("two-way") or with every comparison for itself, from prompts resampled, or from the model's
    own information. `prior`: so many virtual ties between every two models of a group. `level`: of intervals,
    in (0, 1).

    `covariates`: what is taken out of the strengths beside the side, by the columns left_NAME and right_NAME
    of the votes; "resolution" and "aspect" are made of width and height. `control` of the result's
    `strengths` has the boards without them. `by`: a column of the votes, each of whose values gets a board of
    its own; numbers are cut into quarters, "created_at" into months ("created_at:week"), and "prompt_length"
    is in words. Both are of pairs.

    Raises InputError for bad input, with the row or line, and UnknownNameError, which is one, for a name that
    nothing answers to.
    """
    check_least("prior", prior, 0)
    if not 0 < level < 1:
        raise InputError(f"the level {level:g} is not between 0 and 1")
    if comparisons is not None and workspace is not None and beside is None:
        raise InputError("a workspace and comparisons from elsewhere contradict each other: give one of them")
    ranked = _rankings(comparisons, study, workspace, named(without))
    if ranked is not None:
        if raters:
            raise InputError("--raters is of ratings and pairs: these are rankings")
        if side or ties != "davidson" or beside is not None or covariates or by is not None:
            raise InputError(
                "--side, --ties, --beside, --covariate and --by are of pairs: these are rankings"
            )
        orders, gone = ranked
        return StrengthsResult(
            rank_strength_table(orders, errors=errors, prior=prior, level=level, left_out=gone)
        )
    names = tuple(dict.fromkeys(named(covariates)))
    if side:
        _check_sides(comparisons)
    more = columns_of(names, by)
    kept, said = _comparisons(comparisons, study, workspace, named(without), raters, more)
    board = strength_table(
        with_columns(kept, names, by),
        side=side,
        ties=ties,
        errors=errors,
        prior=prior,
        level=level,
        ratings=None if beside is None else _ratings(beside, workspace, named(without)),
        left_out=said,
        covariates=names,
        by=by,
    )
    return StrengthsResult(board)


def _check_sides(comparisons: Judgements | None) -> None:
    """Refuse to estimate a side effect of votes whose sides say nothing."""
    reason = None
    if isinstance(comparisons, ForeignFile):
        reason = profile_of(comparisons.reading.profile).sides
    elif isinstance(comparisons, str | PathLike):
        reason = carried_sides(Path(comparisons))
    if reason:
        raise InputError(f"--side cannot be estimated of {comparisons}: {reason}")


def _rankings(
    comparisons: Judgements | None, study: str | None, workspace: Place | None, without: tuple[str, ...]
) -> tuple[Sequence[Ranking], tuple[str, ...]] | None:
    """The rankings that count, and what must be said of the others; None where there are comparisons."""
    if comparisons is not None:
        found = load_rankings(source_of(comparisons))
        if found is None:
            return None
        _check_one_study(comparisons, study, {one.study for one in found})
        return LeftOut(without).rankings(found)
    with opened(workspace) as store:
        chosen = _chosen(store, study)
        if chosen is None or not chosen.is_ranked:
            return None
        return left_out(store, chosen.name, without).rankings(store.rankings.all(chosen.name))


def _chosen(store: Store, study: str | None) -> Study | None:
    """The study, by default the newest in which images stand together; None where there is none."""
    if study is not None:
        return store.studies.get(study)
    several = [one for one in store.studies.all() if one.images_shown > 1]
    return several[-1] if several else None


def _check_one_study(comparisons: Judgements, study: str | None, names: Collection[str]) -> None:
    if study is not None:
        raise InputError("--study and --comparisons contradict each other: give one of them")
    if len(names) > 1:
        called = "the data frame" if isinstance(comparisons, pd.DataFrame) else comparisons
        raise InputError(
            f"{called} holds {len(names)} studies ({', '.join(sorted(names))}): give one at a time"
        )


def _comparisons(
    comparisons: Judgements | None,
    study: str | None,
    workspace: Place | None,
    without: tuple[str, ...],
    raters: Mapping[str, str] | None,
    more: Sequence[str],
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The comparisons that count, with `more` of their columns, and what must be said of the others."""
    if comparisons is not None:
        refuse_raters(raters)
        table = load_comparisons_table(source_of(comparisons), more, only_counted=True)
        _check_one_study(comparisons, study, set(map(str, table["study"].unique())))
        return LeftOut(without).verdicts(table)
    with opened(workspace) as store:
        chosen = _chosen(store, study)
        if chosen is None:
            raise InputError("this workspace has no study of pairs: create one, or give --comparisons FILE")
        name = chosen.name
        if chosen.images_shown == 1:
            raise InputError(f"study {name!r} is one of ratings: see `nami-bench leaderboard --study {name}`")
        made, notes = unselected_comparisons(store, chosen, store.comparisons.all(name))
        for column in more:
            if column != "created_at":
                raise InputError(f"study {name!r} has no column {column!r}: only files of votes have such")
        kept, said = left_out(store, name, without, raters).verdicts(comparisons_frame(made))
        return kept, (*notes, *said)


def _ratings(study: str, workspace: Place | None, without: tuple[str, ...]) -> RatingsArray:
    table, criteria = ratings_of(None, study, workspace=workspace)
    # Who only compared pairs rated nothing here.
    return RatingsArray.from_table(table[~table["annotator"].isin(without)], criteria)
