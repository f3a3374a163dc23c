"""Names of annotators that may be published."""

import hashlib
from collections.abc import Iterable

import pandas as pd

from nami_bench.domain import SIMULATED_PREFIX


def pseudonymized(table: pd.DataFrame, study: str) -> pd.DataFrame:
    """The tidy table with `annotator-01`, `annotator-02` ... in the place of people's names.

    The same study gives the same numbers; their order says nothing about the names'. Simulated annotators
    keep their names: nobody may take them for people.
    """
    names = pseudonyms(map(str, table["annotator"].unique()), study)
    return table.assign(annotator=table["annotator"].astype(object).map(names).astype("category"))


def pseudonyms(annotators: Iterable[str], study: str) -> dict[str, str]:
    """The published name of each annotator."""
    annotators = list(annotators)
    people = [name for name in annotators if not name.startswith(SIMULATED_PREFIX)]
    people.sort(key=lambda name: hashlib.sha256(f"{study}\n{name}".encode()).digest())
    width = max(2, len(str(len(people))))
    hidden = {name: f"annotator-{number:0{width}d}" for number, name in enumerate(people, start=1)}
    return {name: hidden.get(name, name) for name in annotators}
