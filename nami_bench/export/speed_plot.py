"""Quality against seconds, as one drawing that stands in a page: its colours are the page's."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from markupsafe import Markup, escape

from nami_bench.evaluation.leaderboard.columns import ScoreColumn, find_column
from nami_bench.evaluation.leaderboard.rows import Leaderboard
from nami_bench.evaluation.leaderboard.speed import not_comparable
from nami_bench.evaluation.speed import Percentile, seconds_in_words

_WIDTH, _HEIGHT = 720, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 24, 16, 52
_RATIO_FOR_LOGARITHM = 8
_LETTER, _LINE = 7.2, 15
"""About what a letter of a label, and a line, take."""


@dataclass(frozen=True, slots=True)
class SpeedPlot:
    """`svg` is an element of a page whose style sheet is scores.css; `front`: models on the Pareto front."""

    svg: Markup
    caption: str
    front: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Point:
    """A model: median seconds and quality, each with its interval where there is one."""

    model: str
    seconds: Percentile
    quality: float
    low: float
    high: float
    comparable: bool


@dataclass(frozen=True, slots=True)
class _Axis:
    """From values to places; `start` and `end` in the drawing's units."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def at(self, value: float) -> float:
        low, high, value = (
            (log10(self.low), log10(self.high), log10(value))
            if self.logarithmic
            else (self.low, self.high, value)
        )
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        if self.logarithmic:
            decades = range(floor(log10(self.low)), ceil(log10(self.high)) + 1)
            marks = [digit * 10.0**decade for decade in decades for digit in (1, 2, 5)]
        else:
            step = _step((self.high - self.low) / 5)
            marks = [step * number for number in range(ceil(self.low / step), floor(self.high / step) + 1)]
        return [mark for mark in marks if self.low <= mark <= self.high]


def speed_plot(board: Leaderboard) -> SpeedPlot | None:
    """Models by median seconds for an image and by the score that the board is ranked by.

    None for fewer than two that have both. The front joins those that none beats in both, among the models
    that were timed under the conditions of most.
    """
    column = find_column(board, board.ranked_by)
    points = [] if column is None else list(_points(board, column))
    if column is None or len(points) < 2:
        return None
    front = pareto_front(points, lower_is_better=column.lower_is_better)
    across, up = _axes(points)
    names = ", ".join(point.model for point in front)
    caption = (
        f"{column.title} against the median seconds for an image, with intervals where there are any. "
        f"Filled: no model is both faster and better ({names}). "
        + ("Dashed: timed under other conditions, not on the front. " if _any_unlike(points) else "")
    ).strip()
    shapes = Markup("\n").join(
        [
            *_frame(across, up, column.title),
            *_front_line(front, across, up),
            *_marks(points, front, across, up),
        ]
    )
    svg = Markup(
        '<svg viewBox="0 0 {} {}" role="img" aria-label="{}" xmlns="http://www.w3.org/2000/svg">\n{}\n</svg>'
    ).format(_WIDTH, _HEIGHT, caption, shapes)
    return SpeedPlot(svg, caption, tuple(point.model for point in front))


def pareto_front(points: Sequence[_Point], *, lower_is_better: bool) -> list[_Point]:
    """The comparable ones that no other beats in seconds and quality both, the fastest first."""
    sign = 1 if lower_is_better else -1
    front: list[_Point] = []
    for point in sorted(points, key=lambda one: (one.seconds.value, sign * one.quality)):
        if point.comparable and (not front or sign * point.quality < sign * front[-1].quality):
            front.append(point)
    return front


def _points(board: Leaderboard, column: ScoreColumn) -> Iterator[_Point]:
    unlike = not_comparable(board.speeds)
    for row in board.measured:
        speed, quality = board.speeds.get(row.model), column.value(row)
        if speed is None or speed.latency.p50 is None or quality is None or speed.latency.p50.value <= 0:
            continue
        interval = column.interval(row)
        low, high = (interval.low, interval.high) if interval else (quality, quality)
        yield _Point(row.model, speed.latency.p50, quality, low, high, row.model not in unlike)


def _any_unlike(points: Sequence[_Point]) -> bool:
    return any(not point.comparable for point in points)


def _axes(points: Sequence[_Point]) -> tuple[_Axis, _Axis]:
    """Seconds from left to right, by their logarithm where they lie far apart; quality upwards."""
    times = [time for point in points for time in _bounds(point.seconds)]
    least, most = min(times), max(times)
    if most / least > _RATIO_FOR_LOGARITHM:
        margin = (most / least) ** 0.06
        across = _Axis(least / margin, most * margin, _LEFT, _WIDTH - _RIGHT, logarithmic=True)
    else:
        spread = (most - least) or most
        across = _Axis(max(0.0, least - 0.08 * spread), most + 0.12 * spread, _LEFT, _WIDTH - _RIGHT)
    lowest, highest = min(point.low for point in points), max(point.high for point in points)
    spread = (highest - lowest) or abs(highest) or 1.0
    return across, _Axis(lowest - 0.08 * spread, highest + 0.08 * spread, _HEIGHT - _BOTTOM, _TOP)


def _bounds(seconds: Percentile) -> tuple[float, float]:
    low = seconds.value if seconds.low is None or seconds.low <= 0 else seconds.low
    return low, seconds.value if seconds.high is None else seconds.high


def _step(rough: float) -> float:
    """The next larger of 1, 2 or 5 times a power of ten."""
    power = 10.0 ** floor(log10(rough))
    return next(digit * power for digit in (1, 2, 5, 10) if digit * power >= rough)


def _frame(across: _Axis, up: _Axis, quality: str) -> Iterator[Markup]:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    for tick in up.ticks():
        y = up.at(tick)
        yield _line("grid", _LEFT, y, right, y)
        yield _text(_LEFT - 8, y + 4, f"{tick:.6g}", "axis", "end")
    for tick in across.ticks():
        x = across.at(tick)
        yield _line("grid", x, _TOP, x, bottom)
        yield _text(x, bottom + 18, seconds_in_words(tick), "axis", "middle")
    yield _text((_LEFT + right) / 2, bottom + 40, "median seconds for an image", "axis", "middle")
    place = Markup(
        '<text class="axis" text-anchor="middle" transform="translate(16 {:.1f}) rotate(-90)">{}</text>'
    )
    yield place.format((_TOP + bottom) / 2, quality)


def _front_line(front: Sequence[_Point], across: _Axis, up: _Axis) -> Iterator[Markup]:
    """Steps: at each time, the best quality that there is."""
    if len(front) < 2:
        return
    places = [(across.at(point.seconds.value), up.at(point.quality)) for point in front]
    steps = [f"M{places[0][0]:.1f} {places[0][1]:.1f}", *(f"H{x:.1f}V{y:.1f}" for x, y in places[1:])]
    yield Markup('<path class="front" d="{}"/>').format("".join(steps))


def _marks(points: Sequence[_Point], front: Sequence[_Point], across: _Axis, up: _Axis) -> Iterator[Markup]:
    taken: list[tuple[float, float, float]] = []
    for point in points:
        x, y = across.at(point.seconds.value), up.at(point.quality)
        low, high = (across.at(bound) for bound in _bounds(point.seconds))
        yield _line("error", low, y, high, y)
        yield _line("error", x, up.at(point.low), x, up.at(point.high))
        kind = "point best" if point in front else "point" if point.comparable else "point unlike"
        said = f"{point.model}: {seconds_in_words(point.seconds.value)} s, {point.quality:.6g}"
        circle = Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="5"><title>{}</title></circle>')
        yield circle.format(kind, x, y, said)
    for point in points:
        x, y = across.at(point.seconds.value), up.at(point.quality)
        yield _label(point.model, x, y, taken)


def _label(name: str, x: float, y: float, taken: list[tuple[float, float, float]]) -> Markup:
    """The model's name beside its point, where no other stands; `taken`: left, right and line of each."""
    width = _LETTER * len(name)
    on_the_left = x + 10 + width > _WIDTH - 4
    left = x - 10 - width if on_the_left else x + 10
    line = y - 8
    for _ in range(12):
        if all(abs(line - at) >= _LINE or left > end or left + width < start for start, end, at in taken):
            break
        line += _LINE
    taken.append((left, left + width, line))
    return _text(x - 10 if on_the_left else x + 10, line, name, "name", "end" if on_the_left else "start")


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> Markup:
    line = Markup('<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>')
    return line.format(kind, x1, y1, x2, y2)


def _text(x: float, y: float, text: str, kind: str, anchor: str) -> Markup:
    element = Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>')
    return element.format(kind, x, y, anchor, escape(text))
