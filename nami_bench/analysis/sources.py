"""Where judgements come from: a data frame, a file, or a study of a workspace."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import TypeAlias

import pandas as pd

from nami_bench.config import Workspace, find_workspace, open_workspace
from nami_bench.domain import Criterion
from nami_bench.errors import InputError
from nami_bench.evaluation.leaderboard.scales import parse_scales
from nami_bench.export.foreign import ForeignFile
from nami_bench.export.ratings_source import SaidCriteria, Source, load_ratings
from nami_bench.pipeline.leaderboard_from_store import choose_study
from nami_bench.store import Store

Judgements: TypeAlias = pd.DataFrame | str | PathLike[str] | ForeignFile
"""A data frame with the columns of a file, or the path of one: CSV, Parquet, or a dataset folder; or a file
in another form."""
CriteriaLike: TypeAlias = str | PathLike[str] | Mapping[str, float] | Sequence[Criterion]
"""A study file's path, weights by criterion, or criteria."""
Names: TypeAlias = str | Sequence[str]
"""One, or several."""
Place: TypeAlias = Workspace | str | PathLike[str]
"""A workspace, or its folder."""


def workspace_of(place: Place | None) -> Workspace:
    """The workspace; None: the one that a command in this folder would take."""
    if isinstance(place, Workspace):
        return place
    return open_workspace(find_workspace(None if place is None else Path(place)))


@contextmanager
def opened(workspace: Place | None) -> Iterator[Store]:
    """The store of a workspace, as `workspace_of` finds it."""
    with Store.open(workspace_of(workspace).database_url) as store:
        yield store


def source_of(judgements: Judgements, workspace: Place | None = None) -> Source:
    """A data frame as it is, a path as one; raises InputError for anything else, and beside a workspace."""
    if workspace is not None:
        raise InputError("a workspace and judgements from elsewhere contradict each other: give one of them")
    if isinstance(judgements, pd.DataFrame | ForeignFile):
        return judgements
    if isinstance(judgements, str | PathLike):
        return Path(judgements)
    raise InputError(
        f"judgements come from a pandas data frame or a file's path, not from {type(judgements).__name__}"
    )


def ratings_of(
    ratings: Judgements | None,
    study: str | None = None,
    criteria: CriteriaLike | None = None,
    scale: Names = (),
    workspace: Place | None = None,
) -> tuple[pd.DataFrame, tuple[Criterion, ...]]:
    """The tidy table (see `nami_bench.evaluation.human.table`) and criteria of `ratings`, else of a study of
    the workspace."""
    if ratings is not None:
        source = source_of(ratings, workspace)
        return load_ratings(source, said_criteria(criteria), parse_scales(named(scale)), study)
    refuse_file_options(criteria, scale)
    with opened(workspace) as store:
        found = choose_study(store, study)
        if found is None:
            raise InputError("there is no study yet: make one with `nami-bench study create`")
        if found.images_shown > 1:
            raise InputError(
                f"study {found.name!r} compares images and has no ratings: see `nami-bench strengths --study "
                f"{found.name}`"
            )
        table = store.ratings.table(found.name)
        if not len(table):
            raise InputError(f"study {found.name!r} has no ratings yet")
        return table, found.criteria


def refuse_file_options(criteria: CriteriaLike | None, scale: Names) -> None:
    """Raise InputError where what belongs to ratings from elsewhere was given without them."""
    if criteria is not None or scale:
        option = "--scale" if criteria is None else "--criteria"
        raise InputError(f"{option} belongs to --ratings: a study of the workspace has its own criteria")


def refuse_raters(raters: Mapping[str, str] | None) -> None:
    """Raise InputError where raters are chosen by what they said, of ratings from elsewhere."""
    if raters:
        raise InputError("--raters belongs to a study of the workspace: a file does not say who rated")


def said_criteria(criteria: CriteriaLike | None) -> SaidCriteria:
    """Criteria as `load_ratings` takes them; raises InputError for what are none."""
    if isinstance(criteria, str | PathLike):
        return Path(criteria)
    if criteria is None or isinstance(criteria, Mapping):
        return _weights(criteria)
    if any(not isinstance(one, Criterion) for one in criteria):
        raise InputError("criteria must be a study file's path, weights by name, or Criterion values")
    return criteria


def _weights(weights: Mapping[str, float] | None) -> Mapping[str, float] | None:
    for name, weight in (weights or {}).items():
        if not isinstance(weight, int | float):
            raise InputError(f"criterion {name!r}: the weight {weight!r} is no number")
    return weights


def named(names: Names) -> tuple[str, ...]:
    """One name, or several, as several."""
    return (names,) if isinstance(names, str) else tuple(names)


def check_least(name: str, value: float | None, least: float) -> None:
    """Raise InputError for an option below `least`; None is not given."""
    if value is not None and not value >= least:
        raise InputError(f"{name} is {value:g}, but must be at least {least:g}")
