"""Which weights lie on this machine."""

from collections.abc import Iterable

from nami_bench.doctor.finding import Finding, Status, ok
from nami_bench.neural.needed_weights import Needed


def weights(needed: Iterable[Needed]) -> Finding:
    """Of every metric, detector and judge that loads some: here whole, in part, or not."""
    names: dict[str, list[str]] = {"here": [], "in part": [], "missing": []}
    for one in needed:
        if one.weights:
            found = sum(bool(part.files()) for part in one.weights)
            where = "here" if found == len(one.weights) else "in part" if found else "missing"
            names[where].append(one.name)
    text = "; ".join(f"{where}: {', '.join(several)}" for where, several in names.items() if several)
    if not names["in part"] and not names["missing"]:
        return ok(text or "no plugin declares any")
    return Finding(Status.OK, text, "fetched on first use, or beforehand: nami-bench weights fetch NAME")
