"""Draws a number by day as a small line chart.

In: days with their numbers, None where there is none. Out: a `Trend` for the template. Promises: no script and no
inline style are needed; a day without a number is a gap, never zero; every number drawn is in the rows beside it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

from msgspec import Struct

from schema.annotations import Annotation

WIDTH, HEIGHT = 1000, 96
_LABELS = 4
# So much of the height stays free above the highest number.
_HEADROOM = 1.08


class Day(Struct, frozen=True):
    """number: None where the day tells nothing. sign: what marks it, "" for a dot."""

    day: dt.date
    number: float | None
    text: str
    sign: str = ""


class Strip(Struct, frozen=True):
    """A part of the height in pixels, of which the numbers are good, fair or poor."""

    kind: str
    top: float
    height: float


class Label(Struct, frozen=True):
    at: float
    text: str
    anchor: str = "middle"


class Trend(Struct, frozen=True):
    """line: a path on a grid of WIDTH × HEIGHT. dots: x in percent, y in pixels and the day of each number. notes: x in
    percent and number of what was noted of a day. highest: what is written at the top."""

    line: str
    dots: tuple[tuple[float, float, Day], ...]
    strips: tuple[Strip, ...]
    across: tuple[Label, ...]
    notes: tuple[tuple[float, str], ...]
    highest: tuple[float, str]
    days: tuple[Day, ...]
    summary: str

    @property
    def few(self) -> bool:
        """Whether there is room to mark each day."""
        return len(self.days) <= 92


def draw(
    what: str,
    days: Sequence[Day],
    worded: Callable[[float], str],
    limits: Sequence[tuple[str, float]] = (),
    notes: Sequence[Annotation] = (),
) -> Trend:
    """what: it is. worded: a number in words. limits: kinds of numbers, each with the end of its strip."""
    known = [one.number for one in days if one.number is not None]
    top = max([*known, *(end for _, end in limits[:1])], default=0) * _HEADROOM or 1
    xs = [50.0 if len(days) == 1 else round(100 * n / (len(days) - 1), 2) for n in range(len(days))]
    places = {one.day: x for one, x in zip(days, xs, strict=True)}
    return Trend(
        line="".join(_path(run, xs, days, top) for run in _runs(days)),
        dots=tuple((xs[n], _y(one.number, top), one) for n, one in enumerate(days) if one.number is not None),
        strips=tuple(_strips(limits, top)),
        across=tuple(_across(days, xs)),
        notes=tuple((places[note.day], str(n)) for n, note in enumerate(notes, 1) if note.day in places),
        highest=(_y(max(known), top), worded(max(known))) if known else (HEIGHT, ""),
        days=tuple(days),
        summary=_summary(what, days),
    )


def anchor_at(x: float) -> str:
    """How a label at x percent is aligned, so that it stays in the picture."""
    return "start" if x < 4 else "end" if x > 96 else "middle"


def _y(number: float, top: float) -> float:
    return round(HEIGHT * (1 - min(1.0, number / top)), 1)


def _runs(days: Sequence[Day]) -> list[list[int]]:
    """Neighbours that have a number."""
    runs: list[list[int]] = [[]]
    for place, one in enumerate(days):
        if one.number is not None:
            runs[-1].append(place)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if len(run) > 1]


def _path(run: Sequence[int], xs: Sequence[float], days: Sequence[Day], top: float) -> str:
    points = (f"{xs[n] * WIDTH / 100:g} {_y(days[n].number or 0, top):g}" for n in run)
    return "M" + "L".join(points)


def _strips(limits: Sequence[tuple[str, float]], top: float) -> list[Strip]:
    found, below = [], 0.0
    for kind, end in limits:
        upper, lower = _y(min(end, top), top), _y(below, top)
        if lower > upper:
            found.append(Strip(kind, upper, round(lower - upper, 1)))
        below = end
    return found


def _across(days: Sequence[Day], xs: Sequence[float]) -> list[Label]:
    """The first day, the last one and some between."""
    parts = min(_LABELS, len(days)) - 1
    chosen = {round(n * (len(days) - 1) / parts) for n in range(parts + 1)} if parts > 0 else {0} & {*range(len(days))}
    return [Label(xs[n], f"{days[n].day.day} {days[n].day:%b}", anchor_at(xs[n])) for n in sorted(chosen)]


def _summary(what: str, days: Sequence[Day]) -> str:
    known = [one for one in days if one.number is not None]
    if not known:
        return f"{what}: no day of the period tells it."
    last = known[-1]
    highest = max(known, key=lambda one: one.number or 0)
    gaps = f"; {len(days) - len(known)} of {len(days)} days tell nothing" if len(known) < len(days) else ""
    return (
        f"{what}: {last.text} on {_date(last.day)}, the highest {highest.text} on {_date(highest.day)}{gaps}."
        if len(known) > 1
        else f"{what}: {last.text} on {_date(last.day)}{gaps}."
    )


def _date(day: dt.date) -> str:
    return f"{day.day} {day:%b}"
