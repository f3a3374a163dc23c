"""A variant beside its base as tables of text and as CSV."""

from collections.abc import Iterator
from textwrap import shorten
from typing import Any

from nami_bench.evaluation.paired_prompts import Interval
from nami_bench.evaluation.variant.results import PairedDifference, Saving, VariantComparison
from nami_bench.export.sections import percent
from nami_bench.export.spreadsheet import csv_table
from nami_bench.export.text import TextTable

_LONGEST_PROMPT = 100
_SHOWN = {True: "yes", False: "not shown", None: None}
_COLUMNS = (
    "kind", "name", "measured_by", "base", "variant", "difference", "low", "high", "p_value", "most_lost",
    "margin", "shown", "images", "prompts", "reason",
)  # fmt: skip


def variant_tables(found: VariantComparison) -> Iterator[TextTable]:
    """What the variant saves, and what it costs."""
    yield _savings_table(found)
    if found.differences:
        yield _differences_table(found)


def changes_table(found: VariantComparison) -> TextTable:
    """The pairs of pictures that changed most."""
    rows = tuple(
        (
            pair.prompt_id,
            str(pair.sample),
            pair.reason if pair.change is None else f"{pair.change:.1f}",
            shorten(found.texts[pair.prompt_id], _LONGEST_PROMPT, placeholder=" ..."),
        )
        for pair in found.changes.pairs
    )
    columns = ("prompt id", "sample", "mean grey change", "prompt")
    title = "Pictures that changed most"
    return TextTable(title, columns, rows, frozenset(columns[1:3]), frozenset(columns[:1]))


def variant_notes(found: VariantComparison) -> Iterator[str]:
    """What the numbers rest on, and what must be said about them."""
    yield (
        f"{found.pairs} pairs of images of one prompt, sample and seed, of {found.prompts} prompts of "
        f"{found.prompt_set}"
    )
    lost = found.unpaired
    if lost.count:
        yield (
            f"{lost.count} images have no twin: {lost.base_only} only {found.base} has, {lost.variant_only} "
            f"only {found.variant} has, {lost.other_seed} were made with other seeds"
        )
    for name, saving in (("time", found.seconds), ("memory", found.memory)):
        if saving.reason:
            yield f"no comparison of {name}: {saving.reason}"
    if found.changes.compared:
        changes = found.changes
        yield (
            f"mean grey change of {changes.compared} pairs, 0-255: median {changes.median:.1f}, largest "
            f"{changes.largest:.1f}; {changes.same} did not change"
        )
    if found.differences:
        yield from _how_to_read(found)
    yield from (
        f"{one.name} by {one.instrument}: no test: {one.reason}" for one in found.differences if one.reason
    )
    yield from found.cautions


def variant_csv(found: VariantComparison) -> bytes:
    """One line for each difference, and for time (seconds) and memory (bytes), whose difference is none."""
    rows = [list(row.values()) for row in variant_rows(found)]
    return csv_table(_COLUMNS, rows, decimals=6)


def variant_rows(found: VariantComparison) -> list[dict[str, Any]]:
    """The rows of the CSV file."""
    rows = [_saving_row("seconds", found.seconds), _saving_row("peak memory, bytes", found.memory)]
    return [*rows, *map(_difference_row, found.differences)]


def _saving_row(name: str, saving: Saving) -> dict[str, Any]:
    low, high = saving.interval or (None, None)
    values: tuple[Any, ...] = (
        "saving", name, None, saving.base, saving.variant, saving.factor, low, high, None, None, None, None,
        saving.images, None, saving.reason,
    )  # fmt: skip
    return dict(zip(_COLUMNS, values, strict=True))


def _difference_row(one: PairedDifference) -> dict[str, Any]:
    low, high = one.interval or (None, None)
    values: tuple[Any, ...] = (
        one.kind.value, one.name, one.instrument, one.base, one.variant, one.difference, low, high,
        one.p_value, one.most_lost, one.margin, one.is_shown, one.images, one.prompts, one.reason,
    )  # fmt: skip
    return dict(zip(_COLUMNS, values, strict=True))


def _savings_table(found: VariantComparison) -> TextTable:
    columns = (
        "of an image",
        found.base,
        found.variant,
        "factor",
        f"{percent(found.level)} interval",
        "pairs",
    )
    memory = found.memory
    rows = (
        ("seconds, median", *_saving(found.seconds, 1.0), str(found.seconds.images)),
        ("peak memory, GB", *_saving(memory, 1e9), str(memory.images)),
    )
    return TextTable("What it saves", columns, rows, frozenset(columns[1:]), frozenset(columns[:1]))


def _saving(saving: Saving, unit: float) -> tuple[str | None, ...]:
    if saving.base is None or saving.variant is None or saving.factor is None:
        return None, None, None, None
    sides = (f"{value / unit:.3g}" for value in (saving.base, saving.variant))
    return *sides, f"{saving.factor:.3g}", _interval(saving.interval, ".3g")


def _differences_table(found: VariantComparison) -> TextTable:
    columns = (
        "by", found.base, found.variant, "difference", f"{percent(found.level)} interval", "p",
        "not worse by more than", "margin", "shown", "images", "prompts", "measured by",
    )  # fmt: skip
    rows = tuple(_difference_cells(one) for one in found.differences)
    texts = {"by", "shown", "measured by"}
    return TextTable("What it costs", columns, rows, frozenset(columns) - texts, frozenset({"by"}))


def _difference_cells(one: PairedDifference) -> tuple[str | None, ...]:
    return (
        one.name,
        _number(one.base),
        _number(one.variant),
        None if one.difference is None else f"{one.difference:+z.4g}",
        _interval(one.interval, "+z.3g"),
        None if one.p_value is None else "<0.0001" if one.p_value < 0.0001 else f"{one.p_value:.4f}",
        None if one.most_lost is None else f"{max(one.most_lost, 0.0):.3g}",
        None if one.margin is None else f"{one.margin:g}",
        _SHOWN[one.is_shown],
        str(one.images),
        str(one.prompts),
        one.instrument,
    )


def _how_to_read(found: VariantComparison) -> Iterator[str]:
    half = percent((1 - found.level) / 2)
    yield (
        "differences are variant less base, above 0 is better; prompts are a sample of many, and ratings' "
        "annotators, too; each interval and each verdict is of one comparison, not corrected for the others"
    )
    yield (
        f"'not worse by more than' is meant to be wrong in {half} of cases at most, and takes into account "
        "losses that were not seen because they are rare; 'not shown' is not to be worse"
    )


def _interval(interval: Interval | None, form: str) -> str | None:
    return None if interval is None else " to ".join(f"{edge:{form}}" for edge in interval)


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.4g}"
