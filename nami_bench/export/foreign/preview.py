"""What was understood of a file of others, in lines for people, before anything is done with it."""

import re
from collections.abc import Iterator
from typing import Any

import pandas as pd

from nami_bench.domain.english import counted, tally
from nami_bench.evaluation.leaderboard.scales import Scales
from nami_bench.export.foreign.source import Judged

_MOST = 6
_UNKNOWN = re.compile(r"voter-\d{6,}(-\d+)?")
_FIRST_ROWS = 3


def preview(judged: Judged, scales: Scales) -> Iterator[str]:
    """The form, the columns, who judged what by which criteria, what does not count, and the first rows."""
    table = judged.table
    yield (
        f"{judged.file}: {'; '.join(judged.forms)}; profile {judged.profile.name}; {judged.entries} "
        f"entr{'y' if judged.entries == 1 else 'ies'}, {len(table)} {judged.kind}"
    )
    if judged.columns:
        yield "columns: " + ", ".join(f"{field} = {column}" for field, column in judged.columns.items())
    if judged.unused:
        yield f"columns that are not used: {_some(list(judged.unused))}"
    people = list(table["annotator"].cat.categories)
    known = [name for name in people if not _UNKNOWN.fullmatch(str(name))]
    if known:
        yield _listed("annotator", known)
    if len(known) < len(people):
        yield f"{len(people) - len(known)} votes or raters without a name"
    yield _listed("model", _models(judged))
    images = table[["prompt_id", "sample"]].drop_duplicates()
    more = "" if len(images) == table["prompt_id"].nunique() else f", {len(images)} with their samples"
    yield f"{counted(table['prompt_id'].nunique(), 'prompt')}{more}"
    yield from _criteria(judged, scales)
    yield from _not_counted(judged)
    yield from judged.notes
    yield "first rows:"
    for row in table.head(_FIRST_ROWS).to_dict("records"):
        yield f"  {_row(judged, row)}"


def _models(judged: Judged) -> list[str]:
    sides = ("model",) if judged.kind == "ratings" else ("left", "right")
    return sorted({str(name) for side in sides for name in judged.table[side].cat.categories})


def _listed(what: str, names: list[str]) -> str:
    return f"{counted(len(names), what)}: {_some(names)}"


def _some(names: list[str]) -> str:
    more = len(names) - _MOST
    return ", ".join(map(str, names[:_MOST])) + (f" and {more} more" if more > 0 else "")


def _criteria(judged: Judged, scales: Scales) -> Iterator[str]:
    for name, rows in judged.table.groupby("criterion", observed=True):
        if judged.kind == "comparisons":
            counts = {str(key): int(n) for key, n in rows["outcome"].value_counts().items() if n}
            yield f"criterion {name}: {tally(counts)}"
            continue
        values = rows["value"].dropna()
        scale = scales.of(str(name)) or judged.profile.scales.get(str(name))
        said = (
            "a scale that nobody said (--scale)"
            if scale is None
            else f"a scale of {scale[0]:g} to {scale[1]:g}"
        )
        span = f"{values.min():g} to {values.max():g}" if len(values) else "none"
        withheld = f", {len(rows) - len(values)} withheld" if len(rows) > len(values) else ""
        yield f"criterion {name}: {len(values)} values, {span}, on {said}{withheld}"


def _not_counted(judged: Judged) -> Iterator[str]:
    if judged.left_out:
        yield "left out: " + ", ".join(f"{count} {why}" for why, count in judged.left_out.items())
    if judged.twice:
        yield f"{counted(judged.twice, 'line')} that another one repeats to the letter: they count once"
    if judged.again:
        yield f"{counted(judged.again, 'answer')} given again to the same thing: they count once"
    if judged.repeated:
        repeats = judged.profile.applied(judged.file.reading).repeats
        which = "counted each" if repeats == "each" else f"the {repeats} of which counts"
        yield f"{judged.repeated} further answers of a person to one thing, {which}"


def _row(judged: Judged, row: dict[Any, Any]) -> str:
    what, answer = row.get("model"), row.get("value")
    if judged.kind == "comparisons":
        what, answer = f"{row['left']} | {row['right']}", row["outcome"]
    said = f"not judged ({row['reason']})" if pd.isna(answer) else answer
    where = f"{what}, prompt {row['prompt_id']}, sample {row['sample']}"
    return f"{row['annotator']}: {row['criterion']} of {where}: {said}"
