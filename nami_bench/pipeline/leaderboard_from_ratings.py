"""The leaderboard of a table of ratings, without a workspace."""

from collections.abc import Mapping, Sequence

import pandas as pd

from nami_bench.domain import Criteria, Criterion, Prompt, PromptSet
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.evaluation.human.ratings_array import RatingsArray
from nami_bench.evaluation.human.scores import model_scores
from nami_bench.evaluation.leaderboard.human import (
    finished,
    human_row,
    in_stratum,
    of_prompts,
    of_samples,
    total_cautions,
    with_fewer_samples,
)
from nami_bench.evaluation.leaderboard.left_out import LeftOut
from nami_bench.evaluation.leaderboard.rows import DEFAULT_PRECISION, Leaderboard, Precision
from nami_bench.evaluation.leaderboard.uncertainty import with_uncertainty
from nami_bench.pipeline.prompt_origins import prompt_origin


def leaderboard_from_ratings(
    table: pd.DataFrame,
    criteria: Sequence[Criterion],
    *,
    study: str | None = None,
    prompt_set: PromptSet | None = None,
    stratum: str | None = None,
    sort: str | None = None,
    precision: Precision | None = DEFAULT_PRECISION,
    by: Sequence[str] = (),
    without: Sequence[str] = (),
    samples: int | None = None,
) -> Leaderboard:
    """The leaderboard of a tidy table of ratings (see `nami_bench.evaluation.human.table`), ranked by `sort`.

    `study` chooses among the table's studies. With `prompt_set` every prompt of it is expected to be
    rated, and `stratum` can choose among them; without, every image that any model was rated on.
    `precision` is that of the intervals (None: without), `by` divides the prompts: see `with_uncertainty`.
    `without` names annotators whose ratings do not count; only the first `samples` of each prompt do (None:
    all).

    Raises InputError where the table is empty, holds several studies and none is chosen, or has prompts
    that are not in the set; UnknownNameError for an unknown study, stratum or column.
    """
    study, table = _one_study(table, study)
    table, cautions = LeftOut(tuple(without)).ratings(table)
    most = _most_samples(table)
    table, limited = of_samples(table, samples, max(most.values(), default=0))
    if not len(table):
        raise InputError("no ratings are left: fewer of them may be left out")
    models = sorted(map(str, table["model"].unique()))
    images = table[["prompt_id", "sample"]].drop_duplicates()
    expected = len(images)
    prompts: Mapping[str, Prompt] = {}
    if prompt_set is not None:
        _check_prompts(table, prompt_set)
        prompts = in_stratum([prompt_set], stratum)[prompt_set.name]
        expected = len(prompts) * images["sample"].nunique()
        table = of_prompts(table, prompts)
    elif stratum is not None:
        raise InputError("ratings do not say to which stratum a prompt belongs: name their prompt set too")
    elif by:
        raise InputError("ratings do not say of what kind a prompt is: name their prompt set too")
    ratings = RatingsArray.from_table(table, criteria, models)
    board = Leaderboard(
        rows=tuple(
            with_fewer_samples(human_row(scores, criteria, expected), samples, most[scores.model])
            for scores in model_scores(ratings)
        ),
        criteria=Criteria.of(criteria),
        study=study,
        stratum=stratum,
        prompt_sets={} if prompt_set is None else {prompt_set.name: prompt_set.sha256},
        prompt_origins={} if prompt_set is None else {prompt_set.name: prompt_origin(prompt_set)},
        cautions=(*cautions, *limited, *total_cautions(ratings)),
        samples=samples,
        rated_prompts=None if prompt_set is None else prompt_set.name,
    )
    ranked = finished(board, table, sort)
    return ranked if precision is None else with_uncertainty(ranked, ratings, precision, prompts.values(), by)


def _one_study(table: pd.DataFrame, name: str | None) -> tuple[str, pd.DataFrame]:
    names = sorted(map(str, table["study"].unique()))
    if not names:
        raise InputError("there are no ratings to make a leaderboard of")
    if name is None and len(names) > 1:
        raise InputError(
            f"the ratings are of {len(names)} studies ({', '.join(names)}): choose one with --study"
        )
    if name is not None and name not in names:
        raise UnknownNameError("study", name, names)
    chosen = name or names[0]
    return chosen, table[table["study"] == chosen]


def _most_samples(table: pd.DataFrame) -> dict[str, int]:
    """By model, the number of samples of a prompt."""
    last = table.groupby("model", observed=True)["sample"].max()
    return {str(model): int(sample) + 1 for model, sample in last.items()}


def _check_prompts(table: pd.DataFrame, prompt_set: PromptSet) -> None:
    unknown = sorted(set(table["prompt_id"].unique()) - set(prompt_set.by_id))
    if unknown:
        raise InputError(
            f"prompt set {prompt_set.name!r} does not hold {len(unknown)} of the rated prompts "
            f"({', '.join(unknown[:3])}{', ...' if len(unknown) > 3 else ''}): "
            "name the set that the images were made from"
        )
