"""What is said of each point of the time chart, and where a click on it leads.

In: the points of an `Overview`. Out: `Mark`s and `Row`s. Promises: every number that is drawn is also in the table
beside; a gap says why it is one.
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Sequence

from msgspec import Struct

from schema.metrics import METRICS

from ..stats.overview import Overview
from ..stats.period import between
from ..stats.timeline import Point
from ..stats.view import HOUR
from . import format as names
from .wording import worded

# So many columns of a wide screen are 24 px wide (WCAG 2.2, 2.5.8); narrower ones are no stop of the Tab key.
ROOMY = 42
# How far the first and the last column reach out of the chart, in percent: else they were half as wide as others.
_BEYOND = 1.5
GAPS = ("hidden", "open", "absent")


class Mark(Struct, frozen=True):
    """One point: where it is (x in percent, y in pixels), the column that a pointer meets, and what is said of it.
    stop: whether the Tab key stops there."""

    x: float
    y: float
    left: float
    width: float
    label: str
    text: str
    state: str
    stop: bool = False


class Row(Struct, frozen=True):
    """One line of the table alternative; None where there is no number, and then gap says why. value, previous: in
    words, of the metric that is drawn."""

    label: str
    visitors: int | None
    pageviews: int | None
    value: str
    previous: str
    gap: str


def is_drawn(point: Point) -> bool:
    """Whether there is a number to draw."""
    return point.state == "measured" and point.value is not None


def is_cut(point: Point, grain: str) -> bool:
    """Whether it is of a part of a week or a month."""
    day = point.at.date()
    return point.days < {"week": 7, "month": calendar.monthrange(day.year, day.month)[1]}.get(grain, 1)


def label_of(point: Point, overview: Overview) -> str:
    """When it was."""
    at = point.at
    match overview.grain:
        case "hour" if overview.period.days > 1:
            return f"{at:%a} {at.day} {at:%b %Y}, {at:%H:%M}"
        case "hour":
            return f"{at:%H:%M}"
        case "month" if not is_cut(point, "month"):
            return f"{at:%B %Y}"
        case "week" | "month":
            return between(at.date(), _last_day(point))
    return f"{at:%a} {at.day} {at:%b %Y}"


def mark_of(
    n: int, points: Sequence[Point], before: Point | None, place: tuple[float, float], overview: Overview, so_far: bool
) -> Mark:
    """The mark of the nth point. before: the earlier one that it is compared with. place: x and y."""
    x, y = place
    step = 100 / max(1, len(points) - 1)
    left, right = max(-_BEYOND, x - step / 2), min(100 + _BEYOND, x + step / 2)
    return Mark(
        x=x,
        y=y,
        left=round(left, 3),
        width=round(right - left, 3),
        label=label_of(points[n], overview),
        text=_text(points[n], before, overview, so_far),
        state=points[n].state if is_drawn(points[n]) or points[n].state != "measured" else "hidden",
        stop=len(points) <= ROOMY,
    )


def row_of(point: Point, before: Point | None, overview: Overview) -> Row:
    """before: the earlier one that it is compared with."""
    measured, metric = point.state == "measured", overview.view.metric
    return Row(
        label_of(point, overview),
        point.visitors if measured else None,
        point.pageviews if measured else None,
        worded(metric, point.value),
        worded(metric, before.value if before and is_drawn(before) else None),
        "" if measured else gap(point, overview),
    )


def gap(point: Point, overview: Overview) -> str:
    """Why there is no number; "" where there is one."""
    k, one = overview.released.k, overview.grain
    few = "few or none" if overview.filters else f"fewer than {overview.released.enough}" if k > 1 else "no visitors"
    return {
        "measured": "" if is_drawn(point) else "not shown: too few people behind this number",
        "hidden": f"not shown: {few}" if k > 1 else few,
        "open": f"not counted yet, or {few}",
        "absent": "no data: nobody came, or nothing was collected",
        "before": "before the first day of data",
        "future": f"this {one} is yet to come",
    }[point.state]


def told(metric: str, value: float | None) -> str:
    """A number with what it is of: 12 visitors, 45% bounce rate."""
    label = METRICS[metric].label.lower()
    if METRICS[metric].is_count:
        return names.counted(int(value or 0), label.removesuffix("s"))
    return f"{worded(metric, value)} {label}"


def _text(point: Point, before: Point | None, overview: Overview, so_far: bool) -> str:
    metric, grain = overview.view.metric, overview.grain
    text = gap(point, overview) or told(metric, point.value) + (" so far" if so_far else "")
    if grain in ("week", "month") and point.state == "measured" and point.with_data < point.days:
        text += f" · data of {point.with_data} of {names.counted(point.days, 'day')}"
    if before and is_drawn(before):
        when = (
            between(before.at.date(), _last_day(before))
            if before.days > 1
            else f"{before.at:%a} {names.date(before.at.date())}"
        )
        text += f" · {worded(metric, before.value)} {'on' if grain == HOUR else 'before, on'} {when}"
    return text


def _last_day(point: Point) -> dt.date:
    return point.at.date() + dt.timedelta(point.days - 1)


def days_behind(point: Point, overview: Overview) -> tuple[dt.date, dt.date] | None:
    """The days whose page a point leads to; of the hours of one day, and of what is yet to come, there is none."""
    if point.state in ("future", "before") or overview.period.days == 1:
        return None
    return point.at.date(), _last_day(point)
