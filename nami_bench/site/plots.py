"""The site's plots: Vega-Lite, drawn to SVG when the site is built, in the page's own colors.

They stand in the page itself, so that its colors, light, dark or printed, are theirs too.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from nami_bench.site.views import Cell

_COLORS = {
    "ink": ("#010203", "currentColor"),
    "quiet": ("#020304", "var(--quiet)"),
    "line": ("#030405", "var(--line)"),
    "accent": ("#040506", "var(--accent)"),
    "interval": ("#050607", "var(--interval)"),
    "edge": ("#060708", "var(--edge)"),
}
"""What is drawn with, and what stands in the page instead."""
INK, QUIET, LINE, ACCENT, INTERVAL, EDGE = (color for color, _ in _COLORS.values())

_CONFIG: Mapping[str, Any] = {
    "aria": False,  # the plot is one picture, which its text describes
    "background": None,
    "font": "system-ui, sans-serif",
    "axis": {
        "labelColor": INK,
        "titleColor": QUIET,
        "titleFontWeight": "normal",
        "titleFontSize": 12,
        "labelFontSize": 12,
        "labelLimit": 220,
        "gridColor": LINE,
        "domainColor": LINE,
        "tickColor": LINE,
    },
    "view": {"stroke": None},
    "legend": {"labelColor": INK, "titleColor": QUIET, "labelFontSize": 12},
}
_UNNEEDED = re.compile(r' (?:role="graphics-[^"]*"|aria-[a-z]+="[^"]*"|pointer-events="none")')
"""What a picture that its text describes does not need."""
_HEAD = re.compile(r'<svg [^>]*?width="(?P<width>[\d.]+)"[^>]*?viewBox')
_WIDTH = 460
_LINE = 26


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot in the page; `text` says what it shows, also to who cannot see it."""

    title: str
    text: str
    svg: Markup


@dataclass(frozen=True, slots=True)
class ProfileLine:
    """One line of a profile: a model's cell, and what the others have on average."""

    name: str
    cell: Cell
    others: float | None


def profile_plot(lines: Sequence[ProfileLine], column: str, model: str) -> Plot:
    """A model's scores with their intervals, each beside the mean of the other models."""
    rows = [
        {
            "part": line.name,
            "value": line.cell.value,
            "low": line.cell.low,
            "high": line.cell.high,
            "others": line.others,
        }
        for line in lines
        if line.cell.value is not None
    ]
    y = {
        "field": "part",
        "type": "nominal",
        "sort": None,
        "axis": {"title": None, "grid": False, "ticks": False, "domain": False, "labelPadding": 8},
    }
    x = {"type": "quantitative", "scale": {"zero": False, "nice": True}, "title": column}
    layers = [
        {
            "mark": {"type": "bar", "height": 9, "color": INTERVAL},
            "encoding": {"x": {"field": "low", **x}, "x2": {"field": "high"}},
        },
        {
            "mark": {"type": "point", "shape": "diamond", "size": 60, "color": EDGE, "opacity": 1},
            "encoding": {"x": {"field": "others", **x}},
        },
        {
            "mark": {"type": "circle", "size": 75, "color": ACCENT, "opacity": 1},
            "encoding": {"x": {"field": "value", **x}},
        },
    ]
    spec = {
        "width": _WIDTH,
        "height": {"step": _LINE},
        "data": {"values": rows},
        "encoding": {"y": y},
        "layer": layers,
    }
    text = f"{column} of {model} on parts of the prompts (●, with its interval); the others' mean (◇)."
    return Plot(f"Profile: {column}", text, _drawn(spec, text))


def speed_quality_plot(points: Sequence[tuple[str, Cell, Cell]], column: str) -> Plot:
    """Of each model its median seconds for an image and its score, both with their intervals."""
    rows = [
        {
            "model": model,
            "seconds": seconds.value,
            "fast": seconds.low if seconds.low is not None else seconds.value,
            "slow": seconds.high if seconds.high is not None else seconds.value,
            "score": score.value,
            "low": score.low if score.low is not None else score.value,
            "high": score.high if score.high is not None else score.value,
        }
        for model, seconds, score in points
    ]
    x = {
        "type": "quantitative",
        "scale": {"type": "log", "nice": True},
        "title": "median seconds for an image",
    }
    y = {"type": "quantitative", "scale": {"zero": False, "nice": True}, "title": column}
    rule = {"type": "rule", "color": INTERVAL, "strokeWidth": 5}
    layers = [
        {
            "mark": rule,
            "encoding": {
                "x": {"field": "fast", **x},
                "x2": {"field": "slow"},
                "y": {"field": "score", **y},
            },
        },
        {
            "mark": rule,
            "encoding": {
                "x": {"field": "seconds", **x},
                "y": {"field": "low", **y},
                "y2": {"field": "high"},
            },
        },
        {
            "mark": {"type": "circle", "size": 75, "color": ACCENT, "opacity": 1},
            "encoding": {"x": {"field": "seconds", **x}, "y": {"field": "score", **y}},
        },
        {
            "mark": {"type": "text", "align": "left", "dx": 8, "dy": -7, "color": INK, "fontSize": 12},
            "encoding": {
                "x": {"field": "seconds", **x},
                "y": {"field": "score", **y},
                "text": {"field": "model"},
            },
        },
    ]
    spec = {"width": _WIDTH + 100, "height": 300, "data": {"values": rows}, "layer": layers}
    text = f"{column} against the median seconds for an image, on a logarithmic scale, with intervals."
    return Plot("Speed and quality", text, _drawn(spec, text))


def agreement_plot(bins: Sequence[tuple[float, float, float, float, int]], metric: str, people: str) -> Plot:
    """How images fall by a metric and by people: (x from, x to, y from, y to, images) of each cell of a
    grid."""
    rows = [
        {"left": left, "right": right, "low": low, "high": high, "images": images}
        for left, right, low, high, images in bins
    ]
    scale = {"zero": False, "nice": False}
    spec = {
        "width": 320,
        "height": 240,
        "data": {"values": rows},
        "mark": {"type": "rect", "color": ACCENT},
        "encoding": {
            "x": {"field": "left", "type": "quantitative", "scale": scale, "title": metric},
            "x2": {"field": "right"},
            "y": {"field": "low", "type": "quantitative", "scale": scale, "title": people},
            "y2": {"field": "high"},
            "opacity": {
                "field": "images",
                "type": "quantitative",
                "scale": {"type": "sqrt", "range": [0.12, 1]},
                "legend": None,
            },
        },
    }
    most = max((images for *_, images in bins), default=0)
    text = f"Images by {metric} and by {people}: the darker, the more; up to {most} in one field."
    return Plot(f"{metric} beside people", text, _drawn(spec, text))


def calibration_plot(
    points: Sequence[tuple[float, float | None, tuple[float, float] | None, float]], metric: str
) -> Plot:
    """How often people prefer the image with the higher score: (difference of scores, share, its interval,
    what softmax of the scores says) of each bin."""
    rows = [
        {
            "difference": difference,
            "share": share,
            "low": interval[0] if interval else share,
            "high": interval[1] if interval else share,
            "expected": expected,
        }
        for difference, share, interval, expected in points
    ]
    x = {"field": "difference", "type": "quantitative", "title": f"difference of {metric}"}
    scale = {"domain": [0, 1]}
    y = {"type": "quantitative", "scale": scale, "title": "people prefer the higher"}
    layers = [
        {
            "mark": {"type": "line", "color": EDGE, "strokeDash": [4, 3]},
            "encoding": {"x": x, "y": {"field": "expected", **y}},
        },
        {
            "mark": {"type": "rule", "color": INTERVAL, "strokeWidth": 6},
            "encoding": {"x": x, "y": {"field": "low", **y}, "y2": {"field": "high"}},
        },
        {
            "mark": {"type": "line", "color": ACCENT, "point": {"color": ACCENT, "size": 50}},
            "encoding": {"x": x, "y": {"field": "share", **y}},
        },
    ]
    spec = {"width": 320, "height": 240, "data": {"values": rows}, "layer": layers}
    text = f"How often people prefer the image with the higher {metric} (●), and what softmax says (dashed)."
    return Plot(f"How large a difference of {metric} must be", text, _drawn(spec, text))


def _drawn(spec: Mapping[str, Any], text: str) -> Markup:
    import vl_convert  # starts a JavaScript engine: only where something is drawn

    document = {"$schema": "https://vega.github.io/schema/vega-lite/v6.json", "config": _CONFIG, **spec}
    svg = vl_convert.vegalite_to_svg(document, vl_version="6.1")
    for color, named in _COLORS.values():
        svg = svg.replace(color, named)
    svg = _UNNEEDED.sub("", svg)
    name = f'<svg class="vega" role="img" aria-label="{Markup.escape(text)}" '
    return Markup(_HEAD.sub(lambda head: f'{name}width="{head["width"]}" viewBox', svg, count=1))
