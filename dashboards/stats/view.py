"""How a period is looked at: by which grain, compared with what, and which number its chart draws.

In: query arguments. Out: a `View`, and what it comes to for a `Period`. Promises: what cannot be drawn is refused with
what can; the arguments of a view ask for it again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from msgspec import Struct

from schema.metrics import METRICS

from .grains import GRAINS
from .period import Period, between, date_of
from .refused import BadQuery, Code

# What a period may be compared with, in words.
AGAINST = {
    "previous": "The days before, same weekdays",
    "year": "A year before",
    "custom": "Dates",
    "none": "Nothing",
}
OF_COMPARISON = ("compare", "compare_from", "compare_to")
OF_VIEW = ("metric", "grain", *OF_COMPARISON)
# The numbers that a chart may draw.
DRAWN = tuple(name for name, metric in METRICS.items() if metric.tile)
HOUR = "hour"
MOST_DAYS_BY_HOUR = 14
# More points than these tell nothing in a chart.
_MOST_DAYS_BY_DAY, _MOST_DAYS_BY_WEEK = 1100, 3660
_BY_DAY, _BY_WEEK = 183, 1100


class View(Struct, frozen=True):
    """metric: what the chart draws. grain: "" is the one that suits. against: of AGAINST; dates: of "custom"."""

    metric: str = "visitors"
    grain: str = ""
    against: str = "previous"
    dates: Period | None = None

    def arguments(self) -> dict[str, str]:
        """The query arguments that ask for this view again; what goes without saying is left out."""
        told = {"metric": self.metric} if self.metric != "visitors" else {}
        told |= {"grain": self.grain} if self.grain else {}
        told |= {"compare": self.against} if self.against != "previous" else {}
        if self.dates:
            told |= {"compare_from": self.dates.first.isoformat(), "compare_to": self.dates.last.isoformat()}
        return told

    def earlier(self, period: Period, today: dt.date) -> Period | None:
        """What the period is compared with; None: nothing. Raises ValueError where there can be no such days."""
        match self.against:
            case "custom":
                return self.dates
            case "year":
                return period.of_last_year(today)
            case "previous" if period.name != "all":
                return period.previous(today)
        return None


class Look(Struct, frozen=True):
    """A view of one period. before: what it is compared with. grain: by which it is drawn."""

    view: View = View()
    before: Period | None = None
    grain: str = "day"


def grains_of(period: Period, in_part: bool) -> tuple[str, ...]:
    """The grains by which a period may be drawn. in_part: of some visits only, of which there are no hours."""
    days = period.days
    fits = {
        HOUR: days <= MOST_DAYS_BY_HOUR and not in_part,
        "day": (days > 1 or in_part) and days <= _MOST_DAYS_BY_DAY,
        "week": 7 < days <= _MOST_DAYS_BY_WEEK,
        "month": days > 31,
    }
    return tuple(grain for grain in (HOUR, *GRAINS) if fits[grain])


def grain_of(view: View, period: Period, in_part: bool) -> str:
    """The grain by which it is drawn. Raises BadQuery where the view asks for one that does not fit."""
    allowed = grains_of(period, in_part)
    if not view.grain:
        suits = "day" if period.days <= _BY_DAY else "week" if period.days <= _BY_WEEK else "month"
        return suits if suits in allowed else HOUR
    if view.grain not in allowed:
        known = ", ".join(allowed)
        what = f"{period.days} days" if period.days > 1 else "one day"
        raise BadQuery(f"grain={view.grain[:100]!r} does not fit {what}: allowed are {known}", Code.BAD_ARGUMENT)
    return view.grain


def view_of(arguments: Mapping[str, str], period: Period, today: dt.date) -> View:
    """The view that the arguments ask for. Raises BadQuery where they cannot be read."""
    metric, against = arguments.get("metric") or "visitors", against_of(arguments, "previous")
    if metric not in DRAWN:
        raise BadQuery(f"metric={metric[:100]!r} is not drawn: allowed are {', '.join(DRAWN)}", Code.UNKNOWN_METRIC)
    if _has_dates(arguments) and against != "custom":
        raise BadQuery(f"compare={against} has its own days: leave out compare_from and compare_to")
    dates = _dates_of(arguments, period, today) if against == "custom" else None
    return View(metric, arguments.get("grain") or "", against, dates)


def against_of(arguments: Mapping[str, str], usual: str) -> str:
    """With what the arguments compare; usual: where they do not say. Raises BadQuery where that is nothing known."""
    against = arguments.get("compare") or ("custom" if "compare" not in arguments and _has_dates(arguments) else usual)
    if against not in AGAINST:
        raise BadQuery(f"compare={against[:100]!r} is not known: allowed are {', '.join(AGAINST)}")
    return against


def _has_dates(arguments: Mapping[str, str]) -> bool:
    return any(arguments.get(name) for name in OF_COMPARISON[1:])


def _dates_of(arguments: Mapping[str, str], period: Period, today: dt.date) -> Period:
    if not (arguments.get("compare_from") and arguments.get("compare_to")):
        raise BadQuery("compare=custom needs compare_from and compare_to, as YYYY-MM-DD", Code.BAD_PERIOD)
    try:
        first, last = (date_of(arguments, name, today) for name in ("compare_from", "compare_to"))
        found = Period(first, last, between(first, last))
    except ValueError as error:
        raise BadQuery(f"compare=custom: {error}", Code.BAD_PERIOD) from None
    if found.last > period.last:
        raise BadQuery(
            f"compare_to={found.last} is after the last day, {period.last}: a period is compared with earlier days, so "
            "ask for the later ones and compare them with these",
            Code.BAD_PERIOD,
        )
    return found
