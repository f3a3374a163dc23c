"""Names of annotators that may be published."""

import hashlib
from collections.abc import Iterable, Mapping

import pandas as pd

from nami_bench.domain import SIMULATED_PREFIX


def pseudonymized(table: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """The tidy table with other names of the annotators, such as those of `pseudonyms`."""
    return table.assign(annotator=table["annotator"].astype(object).map(names).astype("category"))


def pseudonyms(annotators: Iterable[str], study: str) -> dict[str, str]:
    """The published name of each annotator: `annotator-01`, `annotator-02` ... for people.

    The same people in the same study get the same numbers; their order says nothing about the names'.
    Simulated annotators keep their names: nobody may take them for people.
    """
    annotators = list(annotators)
    people = [name for name in annotators if not name.startswith(SIMULATED_PREFIX)]
    people.sort(key=lambda name: hashlib.sha256(f"{study}\n{name}".encode()).digest())
    width = max(2, len(str(len(people))))
    hidden = {name: f"annotator-{number:0{width}d}" for number, name in enumerate(people, start=1)}
    return {name: hidden.get(name, name) for name in annotators}
