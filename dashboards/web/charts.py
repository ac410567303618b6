"""Draws the time chart as SVG on the server.

In: the points of an `Overview`. Out: a `Chart` of plain numbers and text for the template.
Promises: no script and no inline style are needed; every number drawn is also in the table beside it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from msgspec import Struct

from ..stats.comparison import Comparison
from ..stats.overview import Overview
from ..stats.timeline import Point
from . import format as names

HEIGHT = 220
# The path is drawn on a grid this wide and stretched to the page; labels are placed by percent and keep their size.
WIDTH = 1000
_GRID_LINES = 4
_LABELS = 8


class Mark(Struct, frozen=True):
    """One point: where it is (x in percent, y in pixels), the column that a pointer meets, and what is said of it."""

    x: float
    y: float
    left: float
    width: float
    label: str
    text: str
    state: str


class Tick(Struct, frozen=True):
    """A label of an axis. minor ones are left out on narrow screens."""

    at: float
    text: str
    anchor: str = "middle"
    minor: bool = False


class Row(Struct, frozen=True):
    """One line of the table alternative; None where there is no number, and then gap says why."""

    label: str
    visitors: int | None
    pageviews: int | None
    previous: int | None
    gap: str


class Chart(Struct, frozen=True):
    """Everything the template draws. Paths are in grid units (WIDTH × HEIGHT). dots: (x in percent, y in pixels) of
    points that have no neighbour to draw a line to. notes: x in percent and number of what was noted of a day."""

    line: str
    unfinished: str
    area: str
    previous: str
    dots: tuple[tuple[float, float], ...]
    marks: tuple[Mark, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    notes: tuple[tuple[float, str], ...]
    rows: tuple[Row, ...]
    summary: str


def draw(overview: Overview) -> Chart:
    """The visitors of the period, the period before in a lighter line."""
    points, before = overview.series, overview.previous_series[: len(overview.series)]
    if overview.comparison.previous is None:
        before = ()
    hourly = overview.grain == "hour"
    shown = [p.visitors for p in (*points, *before) if p.state == "measured"]
    top = _round_up(max(shown, default=0))
    xs = [_x(n, len(points)) for n in range(len(points))]
    known = [n for n, point in enumerate(points) if point.state != "future"]
    # The open day or hour is still counting: its end of the line is drawn dashed.
    last = known[-1] if known and overview.ongoing else -1
    finished = [p if n != last else Point(p.at, "future") for n, p in enumerate(points)]
    tail = [n for n in (last - 1, last) if n >= 0 and points[n].state == "measured"] if last >= 0 else []
    return Chart(
        line=_line(finished, xs, top),
        unfinished=_path([(xs[n], _y(points[n].visitors, top)) for n in tail]) if len(tail) == 2 else "",
        area=_area(points, xs, top),
        previous=_line(before, xs, top),
        dots=tuple((xs[run[0]], _y(points[run[0]].visitors, top)) for run in _runs(points) if len(run) == 1),
        marks=tuple(_mark(n, points, before, xs, top, overview) for n in range(len(points))),
        across=_across(points, hourly),
        up=tuple(Tick(_y(v, top), f"{v:,}") for v in (top * n // _GRID_LINES for n in range(_GRID_LINES + 1))),
        notes=_notes(overview, points, xs),
        rows=tuple(_row(n, points, before, overview) for n in range(len(points))),
        summary=_summary(overview, hourly),
    )


def label_of(at: dt.datetime, hourly: bool) -> str:
    return f"{at:%H:%M}" if hourly else f"{at:%a} {at.day} {at:%b %Y}"


def _x(number: int, count: int) -> float:
    return 50.0 if count == 1 else round(100 * number / (count - 1), 3)


def _y(visitors: int, top: int) -> float:
    return round(HEIGHT * (1 - visitors / top), 1)


def _round_up(value: int) -> int:
    """The next number that divides into four even grid lines."""
    step = 1
    while True:
        for factor in (4, 8, 12, 16, 20, 24, 32):
            if factor * step >= value:
                return factor * step
        step *= 10


def _runs(points: Sequence[Point]) -> list[list[int]]:
    """Neighbouring measured points; a hidden day breaks the line."""
    runs: list[list[int]] = [[]]
    for number, point in enumerate(points):
        if point.state == "measured":
            runs[-1].append(number)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _path(places: Sequence[tuple[float, float]]) -> str:
    # A single point is a path of no length, which round line caps draw as a dot.
    doubled = places if len(places) > 1 else [*places, *places]
    return "M" + "L".join(f"{x * WIDTH / 100:g} {y:g}" for x, y in doubled) if places else ""


def _line(points: Sequence[Point], xs: Sequence[float], top: int) -> str:
    return "".join(_path([(xs[n], _y(points[n].visitors, top)) for n in run]) for run in _runs(points))


def _area(points: Sequence[Point], xs: Sequence[float], top: int) -> str:
    paths = []
    for run in _runs(points):
        places = [(xs[n], _y(points[n].visitors, top)) for n in run]
        paths.append(_path([(xs[run[0]], float(HEIGHT)), *places, (xs[run[-1]], float(HEIGHT))]) + "Z")
    return "".join(paths)


def _gap(point: Point, overview: Overview) -> str:
    """Why there is no number."""
    k, one = overview.released.k, "hour" if overview.grain == "hour" else "day"
    few = "few or none" if overview.filters else f"fewer than {overview.released.enough}" if k > 1 else "no visitors"
    return {
        "measured": "",
        "hidden": f"not shown: {few}" if k > 1 else few,
        "open": f"not counted yet, or {few}",
        "absent": "no data: nobody came, or nothing was collected",
        "before": "before the first day of data",
        "future": f"this {one} is yet to come",
    }[point.state]


def _mark(
    n: int, points: Sequence[Point], before: Sequence[Point], xs: Sequence[float], top: int, overview: Overview
) -> Mark:
    point, hourly = points[n], overview.grain == "hour"
    step = 100 / max(1, len(points) - 1)
    left = max(0.0, xs[n] - step / 2)
    text = _gap(point, overview) or names.counted(point.visitors, "visitor")
    if n < len(before) and before[n].state == "measured":
        text += f" · {before[n].visitors:,} {'on' if hourly else 'before, on'} {label_of(before[n].at, False)}"
    return Mark(
        x=xs[n],
        y=_y(point.visitors, top),
        left=round(left, 3),
        width=round(min(100.0, xs[n] + step / 2) - left, 3),
        label=label_of(point.at, hourly),
        text=text,
        state=point.state,
    )


def _notes(overview: Overview, points: Sequence[Point], xs: Sequence[float]) -> tuple[tuple[float, str], ...]:
    """Those of a day are numbered together: "2–3"; a day of hours has no place for them."""
    of_day: dict[dt.date, list[int]] = {}
    for number, note in enumerate(overview.annotations, 1):
        of_day.setdefault(note.day, []).append(number)
    places = {} if overview.grain == "hour" else {point.at.date(): x for point, x in zip(points, xs, strict=True)}
    found = ((places[day], numbers) for day, numbers in of_day.items() if day in places)
    return tuple((x, "–".join(map(str, dict.fromkeys((numbers[0], numbers[-1]))))) for x, numbers in found)


def _across(points: Sequence[Point], hourly: bool) -> tuple[Tick, ...]:
    step = max(1, -(-len(points) // _LABELS))
    ticks = []
    for count, number in enumerate(range(0, len(points), step)):
        at = points[number].at
        text = f"{at:%H:%M}" if hourly else f"{at.day} {at:%b}"
        x = _x(number, len(points))
        anchor = "start" if x < 4 else "end" if x > 96 else "middle"
        ticks.append(Tick(x, text, anchor, minor=count % 2 == 1))
    return tuple(ticks)


def _row(n: int, points: Sequence[Point], before: Sequence[Point], overview: Overview) -> Row:
    point = points[n]
    measured = point.state == "measured"
    earlier = before[n].visitors if n < len(before) and before[n].state == "measured" else None
    return Row(
        label_of(point.at, overview.grain == "hour"),
        point.visitors if measured else None,
        point.pageviews if measured else None,
        earlier,
        _gap(point, overview),
    )


def _summary(overview: Overview, hourly: bool) -> str:
    """The chart in one sentence."""
    measured = [point for point in overview.series if point.state == "measured"]
    if not measured or overview.empty:
        return f"No visitors to show for {overview.period.label}."
    peak = max(measured, key=lambda point: point.visitors)
    comparison = overview.comparison
    change = comparison.change["visitors"]
    trend = ""
    if change is not None:
        amount = f"{names.change(change)}%" if change else "no change"
        trend = f", {amount} against {compared_with(comparison)}"
    where = f"{'in the hour from' if hourly else 'on'} {label_of(peak.at, hourly)}"
    most = "" if len(measured) == 1 else f"; most {where} with {peak.visitors:,}"
    return f"{names.counted(overview.totals.visitors, 'visitor')}{trend}{most}."


def compared_with(comparison: Comparison) -> str:
    """The earlier days in words."""
    days = comparison.period
    if comparison.until:
        return f"{days.first:%A}, {days.label}, until {comparison.until}"
    return f"{days.first:%A}, {days.label}" if days.days == 1 else days.label
