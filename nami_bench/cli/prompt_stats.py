"""What `nami-bench prompts stats` prints: text bars of a set, beside two well-known ones."""

from collections.abc import Mapping
from typing import Any

from nami_bench.cli.common import print_table

# Both tables fit eighty columns.
_BAR = 16
_NARROW_BAR = 6


def print_stats(name: str, summary: Mapping[str, Any], beside: Mapping[str, Any]) -> None:
    """`summary` and `beside` are those of `nami_bench.prompts.summary`."""
    parts = {**summary["strata"], **beside}
    title = f"{name}: {summary['count']} prompts; below, lengths in words beside {' and '.join(beside)}"
    rows = [row for part in parts for row in _counted(part, parts[part], with_sources=part not in beside)]
    print_table(("in", "of", "value", "prompts", "share"), rows, title)
    print_table(("words", *parts), _lengths(parts), whole=("words", *parts))


def _counted(name: str, part: Mapping[str, Any], with_sources: bool) -> list[tuple[str, str, str, int, str]]:
    counted = {"source": part["sources"]} if with_sources else {}
    counted |= part["tags"]
    if part["quoted"]:
        counted |= {"to read": {"in quotation marks": part["quoted"]}}
    rows = [(name, "", "", part["count"], "")]
    for of, counts in counted.items():
        most = max(counts.values())
        for value, count in counts.items():
            share = f"{count / part['count']:6.1%} {_bar(count / most, _BAR)}"
            rows.append((name, of, value, count, share))
    return rows


def _lengths(parts: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Shares of every ten words, a column for each part, then the figures of its lengths."""
    lengths = [part["words"] for part in parts.values()]
    bins = sorted(
        {label for words in lengths for label in words["histogram"]}, key=lambda s: int(s.split("-")[0])
    )
    rows = [(label, *(_share(label, part) for part in parts.values())) for label in bins]
    figures = [(key, *(str(words[key]) for words in lengths)) for key in ("min", "median", "mean", "max")]
    return [*rows, *figures]


def _share(label: str, part: Mapping[str, Any]) -> str:
    histogram = part["words"]["histogram"]
    count = histogram.get(label, 0)
    if not count:
        return ""
    share = count / part["count"]
    percent = f"{share:4.0%}" if share >= 0.005 else " <1%"
    return f"{percent} {_bar(count / max(histogram.values()), _NARROW_BAR)}"


def _bar(share: float, width: int) -> str:
    """At least one block, so that a small count is told from none."""
    return "█" * max(1, round(share * width))
