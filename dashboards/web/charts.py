"""Draws the time chart as SVG on the server.

In: the points of an `Overview`. Out: a `Chart` of plain numbers and text for the template.
Promises: no script and no inline style are needed; every number drawn is also in the table beside it.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence

from msgspec import Struct

from schema.metrics import METRICS

from ..stats.comparison import Comparison
from ..stats.overview import Overview
from ..stats.timeline import Point
from ..stats.view import HOUR
from . import format as names
from .links import to_days
from .marks import GAPS, Mark, Row, days_behind, is_cut, is_drawn, label_of, mark_of, row_of, told
from .trend import anchor_at
from .wording import worded

HEIGHT = 220
# The path is drawn on a grid this wide and stretched to the page; labels are placed by percent and keep their size.
WIDTH = 1000
_GRID_LINES = 4
_LABELS = 8
# Pixels by which a line falls or rises that a word beside its end does not meet.
_STEEP = 30


class Tick(Struct, frozen=True):
    """A label of an axis. minor ones are left out on narrow screens."""

    at: float
    text: str
    anchor: str = "middle"
    minor: bool = False


class Chart(Struct, frozen=True):
    """Everything the template draws. Paths are in grid units (WIDTH × HEIGHT). title: what is drawn. dots: (x in
    percent, y in pixels) of points that have no neighbour to draw a line to. gaps: where there is no number (left and
    width in percent). links: of each point the arguments of the page of its days; "" where there is none. notes: x in
    percent and number of what was noted of a day. so_far: x and y of what still counts, and whether the line leads
    there flat."""

    title: str
    line: str
    unfinished: str
    area: str
    previous: str
    dots: tuple[tuple[float, float], ...]
    gaps: tuple[tuple[float, float], ...]
    marks: tuple[Mark, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    notes: tuple[tuple[float, str], ...]
    rows: tuple[Row, ...]
    links: tuple[str, ...]
    summary: str
    so_far: tuple[float, float, bool] | None = None


def draw(overview: Overview) -> Chart:
    """The chosen number of the period, that of the earlier days in a lighter line."""
    points, before, grain = overview.series, overview.previous_series[: len(overview.series)], overview.grain
    if overview.comparison.previous is None:
        before = ()
    metric = METRICS[overview.view.metric]
    top = _round_up(max([value_of(p) for p in (*points, *before) if is_drawn(p)], default=0))
    xs = [_x(n, len(points)) for n in range(len(points))]
    ys = [_y(value_of(p), top) for p in points]
    known = [n for n, point in enumerate(points) if point.state != "future"]
    # What still counts, and a part of a week or a month, is less than it will be: its end of the line is dashed.
    last = known[-1] if known and overview.ongoing and is_drawn(points[known[-1]]) else -1
    soft = {n for n, point in enumerate(points) if n == last or is_cut(point, grain)}
    beside = [before[n] if n < len(before) else None for n in range(len(points))]
    places = [*zip(xs, ys, strict=True)]
    marks = tuple(mark_of(n, points, beside[n], places[n], overview, n == last) for n in range(len(points)))
    ticks = (top * n // _GRID_LINES for n in range(_GRID_LINES + 1))
    return Chart(
        title=f"{metric.label} by {grain}",
        line=_line([p if n not in soft else Point(p.at, "future") for n, p in enumerate(points)], xs, top),
        unfinished=_segments(points, xs, ys, soft),
        area=_area(points, xs, ys),
        previous=_line(before, xs, top),
        dots=tuple((xs[run[0]], ys[run[0]]) for run in _runs(points) if len(run) == 1),
        gaps=_gaps(marks),
        marks=marks,
        across=_across(points, overview),
        up=tuple(Tick(_y(value, top), worded(metric.name, value)) for value in ticks),
        notes=_notes(overview, points, xs),
        rows=tuple(row_of(point, other, overview) for point, other in zip(points, beside, strict=True)),
        links=_links(overview),
        summary=_summary(overview),
        so_far=(xs[last], ys[last], abs(ys[last] - ys[last - 1]) < _STEEP) if last > 0 else None,
    )


def value_of(point: Point) -> float:
    return point.value or 0


def _x(number: int, count: int) -> float:
    return 50.0 if count == 1 else round(100 * number / (count - 1), 3)


def _y(value: float, top: int) -> float:
    return round(HEIGHT * (1 - value / top), 1)


def _round_up(value: float) -> int:
    """The next number that divides into four even grid lines."""
    step, least = 1, math.ceil(value)
    while True:
        for factor in (4, 8, 12, 16, 20, 24, 32):
            if factor * step >= least:
                return factor * step
        step *= 10


def _runs(points: Sequence[Point]) -> list[list[int]]:
    """Neighbours that are drawn; a hidden day breaks the line."""
    runs: list[list[int]] = [[]]
    for number, point in enumerate(points):
        if is_drawn(point):
            runs[-1].append(number)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _path(places: Sequence[tuple[float, float]]) -> str:
    # A single point is a path of no length, which round line caps draw as a dot.
    doubled = places if len(places) > 1 else [*places, *places]
    return "M" + "L".join(f"{x * WIDTH / 100:g} {y:g}" for x, y in doubled) if places else ""


def _line(points: Sequence[Point], xs: Sequence[float], top: int) -> str:
    return "".join(_path([(xs[n], _y(value_of(points[n]), top)) for n in run]) for run in _runs(points))


def _segments(points: Sequence[Point], xs: Sequence[float], ys: Sequence[float], soft: set[int]) -> str:
    """The lines that lead to these points and on from them."""
    pairs = sorted({pair for n in soft for pair in ((n - 1, n), (n, n + 1)) if pair[0] >= 0 and pair[1] < len(points)})
    drawn = [pair for pair in pairs if all(is_drawn(points[n]) for n in pair)]
    return "".join(_path([(xs[n], ys[n]) for n in pair]) for pair in drawn)


def _area(points: Sequence[Point], xs: Sequence[float], ys: Sequence[float]) -> str:
    paths = []
    for run in _runs(points):
        places = [(xs[n], ys[n]) for n in run]
        paths.append(_path([(xs[run[0]], float(HEIGHT)), *places, (xs[run[-1]], float(HEIGHT))]) + "Z")
    return "".join(paths)


def _gaps(marks: Sequence[Mark]) -> tuple[tuple[float, float], ...]:
    """Columns without a number, neighbours together."""
    found: list[tuple[float, float]] = []
    for number, mark in enumerate(marks):
        if mark.state not in GAPS:
            continue
        left, right = max(0.0, mark.left), min(100.0, mark.left + mark.width)
        if found and number and marks[number - 1].state in GAPS:
            left = found.pop()[0]
        found.append((left, round(right - left, 3)))
    return tuple(found)


def _notes(overview: Overview, points: Sequence[Point], xs: Sequence[float]) -> tuple[tuple[float, str], ...]:
    """Those of a point are numbered together: "2–3"; hours have no place for them."""
    of_point: dict[float, list[int]] = {}
    for number, note in enumerate(overview.annotations, 1):
        for point, x in zip(points, xs, strict=True) if overview.grain != HOUR else ():
            if 0 <= (note.day - point.at.date()).days < point.days:
                of_point.setdefault(x, []).append(number)
    return tuple(
        (x, "–".join(map(str, dict.fromkeys((numbers[0], numbers[-1]))))) for x, numbers in sorted(of_point.items())
    )


def _links(overview: Overview) -> tuple[str, ...]:
    link = to_days(overview)
    return tuple(link(*days) if (days := days_behind(point, overview)) else "" for point in overview.series)


def _across(points: Sequence[Point], overview: Overview) -> tuple[Tick, ...]:
    of_day = overview.grain == HOUR and overview.period.days == 1
    begins = [n for n, point in enumerate(points) if of_day or point.at.hour == 0]
    step = max(1, -(-len(begins) // _LABELS))
    ticks = []
    for count, number in enumerate(begins[::step]):
        x = _x(number, len(points))
        ticks.append(Tick(x, _short(points[number].at, overview.grain, of_day), anchor_at(x), minor=count % 2 == 1))
    return tuple(ticks)


def _short(at: dt.datetime, grain: str, of_day: bool) -> str:
    if of_day:
        return f"{at:%H:%M}"
    return f"{at:%b %Y}" if grain == "month" else f"{at.day} {at:%b}"


def _summary(overview: Overview) -> str:
    """The chart in one sentence."""
    metric = METRICS[overview.view.metric]
    drawn = [point for point in overview.series if is_drawn(point)]
    if not drawn or overview.empty:
        return f"No {metric.label.lower()} to show for {overview.period.label}."
    peak = max(drawn, key=value_of)
    comparison, trend = overview.comparison, ""
    change = comparison.change[metric.name]
    if change is not None:
        unit = " points" if metric.unit == "%" else "%"
        amount = f"{names.change(change)}{unit}" if change else "no change"
        until = f" until {comparison.until}" if comparison.until else ""
        trend = f", {amount}{until} against {compared_with(comparison)}"
    where = {HOUR: "in the hour from", "day": "on"}.get(overview.grain, "in")
    most = f"; most {where} {label_of(peak, overview)} with {worded(metric.name, peak.value)}"
    total = told(metric.name, getattr(overview.totals, metric.name))
    return f"{total}{trend}{most if len(drawn) > 1 else ''}."


def compared_with(comparison: Comparison) -> str:
    """The earlier days in words."""
    days = comparison.period
    if days is None:
        return ""
    if comparison.until:
        return f"{days.first:%A}, {days.label}, until {comparison.until}"
    return f"{days.first:%A}, {days.label}" if days.days == 1 else days.label
