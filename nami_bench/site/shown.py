"""Numbers as people read them on the site's pages: the same words as `static/numbers.js`."""

from nami_bench.site.views import Cell, Place


def value_text(cell: Cell | None, decimals: int) -> str:
    """A cell's number; a dash for none."""
    return "–" if cell is None or cell.value is None else f"{cell.value:z.{decimals}f}"


def interval_text(cell: Cell | None, decimals: int) -> str:
    """Its interval, or bound, in words; "" for none."""
    if cell is None:
        return ""
    if cell.low is not None and cell.high is not None:
        return f"{cell.low:z.{decimals}f} to {cell.high:z.{decimals}f}"
    if cell.low is not None:
        return f"{cell.low:z.{decimals}f} or more"
    return "" if cell.high is None else f"{cell.high:z.{decimals}f} or less"


def place_text(place: Place | None) -> str:
    """The places that a model may have: "2", "1–3"."""
    if place is None:
        return ""
    return str(place.low) if place.low == place.high else f"{place.low}–{place.high}"


def size_text(parameters: int | None) -> str:
    """ "2.6 B"; "" where it is not known."""
    if not parameters:
        return ""
    for unit, name in ((1e9, "B"), (1e6, "M")):
        if parameters >= unit:
            return f"{parameters / unit:.1f}".removesuffix(".0") + f" {name}"
    return str(parameters)
