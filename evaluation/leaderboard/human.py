"""What both sources of a leaderboard share: which prompts it is about, and its rows of human scores."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from nami_bench.domain import SIMULATED_PREFIX, Criterion, Prompt, PromptSet, Total
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.human.ratings_array import RatingsArray
from nami_bench.evaluation.human.scores import ModelScores
from nami_bench.evaluation.leaderboard.columns import find_column
from nami_bench.evaluation.leaderboard.rows import Leaderboard, LeaderboardRow, Status, ranked


def in_stratum(sets: Iterable[PromptSet], stratum: str | None) -> dict[str, dict[str, Prompt]]:
    """By set and id, the prompts of `stratum` (None: all); raises UnknownNameError where no set has it."""
    sets = list(sets)
    strata = {prompt.stratum for prompt_set in sets for prompt in prompt_set.prompts}
    if stratum is not None and stratum not in strata:
        raise UnknownNameError("stratum", stratum, strata)
    return {
        prompt_set.name: {p.id: p for p in prompt_set.prompts if stratum in (None, p.stratum)}
        for prompt_set in sets
    }


def of_prompts(table: pd.DataFrame, prompts: Iterable[str]) -> pd.DataFrame:
    """The ratings of the prompts with these ids."""
    return table[table["prompt_id"].isin(list(prompts))]


def of_samples(table: pd.DataFrame, samples: int | None, most: int) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The ratings of the first `samples` samples (None: all), and what must be said.

    `most`: how many there are, in whatever the leaderboard shows. Raises InputError for none.
    """
    if samples is None:
        return table, ()
    if samples < 1:
        raise InputError(f"--samples {samples}: at least the first sample of each prompt must count")
    counted = "sample 0" if samples == 1 else f"samples 0 to {samples - 1}"
    more = f" of 0 to {most - 1}" if most > samples else ""
    note = f"only {counted}{more} of each prompt count, in human and automatic scores (--samples {samples})"
    return table[table["sample"] < samples], (note,)


def with_fewer_samples(row: LeaderboardRow, samples: int | None, most: int) -> LeaderboardRow:
    """`row`, which says so where it rests on the first `samples` of the model's `most` alone."""
    if samples is None or most <= samples:
        return row
    return replace(row, gaps=(*row.gaps, f"only {samples} of {most} samples count (--samples {samples})"))


def human_row(
    scores: ModelScores,
    criteria: Sequence[Criterion],
    expected: int,
    lost: Mapping[str, int] | None = None,
    overlap: int | None = None,
) -> LeaderboardRow:
    """A model's row, `expected` images of which should be rated, each by `overlap` annotators (None: any).

    `lost` counts, by reason, expected images that there are none of.
    """
    return LeaderboardRow(
        model=scores.model,
        status=Status.MEASURED,
        criteria=scores.criteria,
        total=scores.total,
        images=scores.images,
        images_expected=expected,
        ratings=scores.values,
        annotators=scores.annotators,
        withheld=scores.withheld,
        gaps=tuple(_gaps(scores, criteria, expected, lost or {}, overlap)),
    )


def total_cautions(ratings: RatingsArray) -> tuple[str, ...]:
    """How many ratings have no total where each has one of its own, in words; nothing where all have it."""
    without = int(np.isnan(ratings.values[:, -1]).sum()) if ratings.total == Total.GEOMETRIC else 0
    if not without:
        return ()
    return (
        f"{without} of {len(ratings.model)} ratings of an image lack a criterion's value and have no "
        "geometric total",
    )


def finished(board: Leaderboard, table: pd.DataFrame, sort: str | None) -> Leaderboard:
    """Count the annotators of the ratings, mark the rows that simulated ones had a part in, and rank."""
    names = [str(name) for name in table["annotator"].unique()]
    simulated = [name for name in names if name.startswith(SIMULATED_PREFIX)]
    touched = set(table.loc[table["annotator"].isin(simulated), "model"].unique())
    latest = table["created_at"].max()
    board = replace(
        board,
        rows=tuple(replace(r, status=Status.SIMULATED) if r.model in touched else r for r in board.rows),
        annotators=len(names),
        simulated_annotators=len(simulated),
        latest_rating=None if pd.isna(latest) else latest.to_pydatetime(),
    )
    column = find_column(board, sort)
    if column is None:
        return board
    return replace(board, rows=ranked(board.rows, column.merit), ranked_by=column.key)


def _gaps(
    scores: ModelScores,
    criteria: Sequence[Criterion],
    expected: int,
    lost: Mapping[str, int],
    overlap: int | None,
) -> Iterator[str]:
    if scores.images < expected:
        reasons = {**lost, "not rated": expected - scores.images - sum(lost.values())}
        named = ", ".join(f"{count} {reason}" for reason, count in reasons.items() if count)
        yield f"{scores.images} of {expected} images rated ({named})"
    if overlap is not None and 0 < scores.least_annotators < overlap:
        yield f"some images have only {scores.least_annotators} of {overlap} annotators"
    if scores.absent:
        yield f"{scores.absent} ratings lack: annotators rated some criteria of an image and not the others"
    without = [c.name for c in criteria if c.weight > 0 and scores.criteria[c.name] is None]
    if without and scores.images:
        yield f"no value for {', '.join(without)}, so no total"
