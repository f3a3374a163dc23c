"""Intervals drawn in a table's rows, as inline SVG: the same picture as `static/rails.js` draws."""

from collections.abc import Sequence

from markupsafe import Markup

from nami_bench.site.views import Cell

WIDTH = 200
Range = tuple[float, float]


def rail_range(cells: Sequence[Cell | None], limits: Range | None) -> Range | None:
    """From where to where the rails of a column go: all values and intervals, within what is possible."""
    known = [cell for cell in cells if cell is not None]
    numbers = [n for cell in known for n in (cell.value, cell.low, cell.high) if n is not None]
    if not numbers:
        return None
    low, high = min(numbers), max(numbers)
    room = (high - low) * 0.05 or abs(high) * 0.05 or 1.0
    low, high = low - room, high + room
    if limits is not None:
        low, high = max(low, limits[0]), min(high, limits[1])
    return (low, high) if high > low else None


def rail(cell: Cell | None, shown: Range | None) -> Markup:
    """The drawing of a cell; a bound without a value has an open end."""
    marks = [f'<line class="rail-base" x1="0" x2="{WIDTH}" y1="8" y2="8"/>']
    if cell is not None and shown is not None:
        if cell.low is not None or cell.high is not None:
            low = 0.0 if cell.low is None else _on_rail(cell.low, shown)
            high = float(WIDTH) if cell.high is None else _on_rail(cell.high, shown)
            width = max(high - low, 1.0)
            marks.append(f'<rect class="rail-interval" x="{low:g}" y="4" width="{width:.1f}" height="8"/>')
        if cell.value is not None:
            at = _on_rail(cell.value, shown)
            marks.append(f'<circle class="rail-value" cx="{at:g}" cy="8" r="4.5"/>')
    drawing = f'<svg class="rail" viewBox="0 0 {WIDTH} 16" aria-hidden="true">{"".join(marks)}</svg>'
    return Markup(drawing)  # of numbers alone


def _on_rail(value: float, shown: Range) -> float:
    low, high = shown
    at = (value - low) / (high - low) * WIDTH
    return round(min(max(at, 0.0), float(WIDTH)), 1)
