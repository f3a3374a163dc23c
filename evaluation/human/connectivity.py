"""Which models comparisons can tell apart: who is reached from whom by wins and ties."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse.csgraph import connected_components

from evaluation.human.ratings_array import Integers


@dataclass(frozen=True, slots=True, eq=False)
class Connectivity:
    """Groups of models.

    `component`: by model, the number of its group in which all can be compared with finite strengths.
    `largest`: codes of the models of the largest group. `notes`: what stands in the way of the others.
    """

    component: Integers
    largest: Integers
    notes: tuple[str, ...]


def connectivity(models: tuple[str, ...], left: Integers, right: Integers, outcome: Integers) -> Connectivity:
    """Groups within which there is a chain of wins or ties from each model to each (Ford 1957)."""
    k = len(models)
    counts = np.bincount((left * k + right) * 3 + outcome, minlength=3 * k * k).reshape(k, k, 3)
    wins = counts[:, :, 0] + counts[:, :, 1] + (counts[:, :, 1] + counts[:, :, 2]).T
    groups, component = _components(wins, "strong")
    if groups == 1:
        return Connectivity(component, np.arange(k), ())
    islands, island = _components(wins, "weak")
    largest = np.flatnonzero(component == np.bincount(component).argmax())
    notes = []
    if islands > 1:
        lists = ["(" + _listed(models, np.flatnonzero(island == i)) + ")" for i in range(islands)]
        notes.append(f"no comparisons join the groups {', '.join(lists)}: their strengths cannot be compared")
    undefeated = np.flatnonzero((wins.sum(axis=1) > 0) & (wins.sum(axis=0) == 0))
    winless = np.flatnonzero((wins.sum(axis=0) > 0) & (wins.sum(axis=1) == 0))
    if len(undefeated):
        notes.append(f"{_listed(models, undefeated)} never lost or tied, so no finite strength fits")
    if len(winless):
        notes.append(f"{_listed(models, winless)} never won or tied, so no finite strength fits")
    rest = np.setdiff1d(np.arange(k), np.concatenate((largest, undefeated, winless)))
    rest = rest[island[rest] == island[largest[0]]]
    if len(rest):
        notes.append(f"{_listed(models, rest)} only won against, or only lost to, the models that are left")
    return Connectivity(component, largest, tuple(notes))


def _components(wins: Integers, connection: Any) -> tuple[int, Integers]:
    found = connected_components((wins > 0).astype(np.int64), directed=True, connection=connection)
    return int(found[0]), np.asarray(found[1], dtype=np.int64)


def _listed(models: tuple[str, ...], codes: Integers) -> str:
    names = [models[int(i)] for i in codes[:5]]
    return ", ".join(names) + (f" and {len(codes) - 5} more" if len(codes) > 5 else "")
