"""What is released of segments (Q2): the whole of one, its days, and its values of a dimension.

In: `Query`s with a segment. Out: what is read for them, and how sure it is; segments side by side. Promises: days that
counted another definition under the same name are not read; what is not there on some days says so.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping
from typing import Any

from msgspec.structs import replace

from schema.measures import Measures
from schema.metrics import METRICS
from schema.pairs import TOLD
from schema.site import Site

from .certainty import Certainty
from .figures import Coverage
from .goal_days import Counted
from .query import Query
from .refused import BadQuery, Code
from .released import Released
from .source import Span

DEFINITION = "Every segment of the site, beside the whole site in `totals`."
COLUMNS = ("value", *TOLD, "certainty", "flags", "not_shown_days", "of_days", "counted_since")


def refuse_unknown_segment(name: str, site: Site) -> None:
    """Raise BadQuery for a segment that the site does not have; "" is none."""
    if name and name not in site.segment_definitions:
        known = ", ".join(map(repr, site.segment_definitions)) or "none"
        raise BadQuery(
            f"the site {site.key} has no segment {name!r}: it has {known}; declare it in the site's settings",
            Code.UNKNOWN_SEGMENT,
        )


def counted_days(name: str, released: Released) -> list[dt.date]:
    """The days of the period that counted it as it is defined now, or to which it was added."""
    day_of = released.segment_days.keys()
    return sorted(day for day in days_of(name, released) if day in day_of)


def days_of(name: str, released: Released) -> frozenset[dt.date]:
    """The same of all days that are read."""
    return _released_with(name, released) | {day for day, _ in _added(name, released)}


def _released_with(name: str, released: Released) -> frozenset[dt.date]:
    definition = released.segments.get(name)
    told = {**released.segment_days_before, **released.segment_days}
    return frozenset(day for day, counted in told.items() if definition and counted.get(name) == definition)


def _added(name: str, released: Released) -> list[tuple[dt.date, str]]:
    """The days to which it was added, as it is defined now, with the grain of its rows."""
    definition = released.segments.get(name)
    return [
        (day, grain)
        for day, grain, counted in released.segment_grains
        if definition and counted.get(name) == definition
    ]


def span_of(name: str, within: Span, released: Released) -> Span:
    """Those of some days that have it. Of open days, blocks and months there is nothing of it."""
    days = within.released & _released_with(name, released)
    added = tuple((day, grain) for day, grain in _added(name, released) if within.first <= day <= within.last)
    return Span(within.site, within.first, within.last, days, include_open=False, added=added)


def with_goals_of(name: str, released: Released) -> Released:
    """The same with the days that counted goals within it as those that counted these."""
    goals = released.goals
    every = {goal: _with_goal(name, goal, released) for goal in released.goal_names}
    days = _every_day(released)
    not_counted = {
        goal: goals.not_counted.get(goal, frozenset()).union(day for day in days if day not in counted)
        for goal, counted in every.items()
    }
    return replace(released, goals=replace(goals, not_counted=not_counted))


def _with_goal(name: str, goal: str, released: Released) -> frozenset[dt.date]:
    """The days that counted a goal within a segment; whether they counted the goal itself is told elsewhere."""
    added = (one for one in _added(name, released) if goal in released.segment_goals_added.get(one, ()))
    return (_released_with(name, released) & released.segment_goals_on).union(day for day, _ in added)


def _every_day(released: Released) -> list[dt.date]:
    first = max(filter(None, (released.span.first, released.since)), default=released.span.first)
    return [first + dt.timedelta(nth) for nth in range((released.span.last - first).days + 1)]


def coverage_of_segment(name: str, released: Released, days: int, values: Collection[str] = ()) -> Coverage:
    """How it is shown. days: how many have data. values: those that are told."""
    counted = counted_days(name, released)
    not_on = max(0, days - len(counted))
    first = min(released.segment_days, default=None)
    began = counted[0] if counted and not_on and first and counted[0] > first else None
    return Coverage(days, not_on, released.k > 1, released.sure, dict.fromkeys(("", *values), Counted(began, not_on)))


def side_by_side(query: Query, site: Site, answer: Callable[[Query], Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows of a question by segment, in the order in which they are declared. answer: of a question about one."""
    each = [*site.segment_definitions][query.rows]
    return [{"value": name, **answer(replace(query, dimensions=("day",), offset=0, segment=name))} for name in each]


def row_of(
    totals: Measures, coverage: Coverage, shown: int, certainty: Certainty, flags: Collection[str]
) -> dict[str, Any]:
    """One of these. shown: on how many days it is."""
    since = coverage.counted[""].since
    return {
        **{name: METRICS[name].of(totals) for name in TOLD},
        "certainty": certainty,
        "flags": list(flags),
        "not_shown_days": max(0, coverage.days - shown),
        "of_days": coverage.days,
        "counted_since": since and since.isoformat(),
    }
