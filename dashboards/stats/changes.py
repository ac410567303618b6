"""How the values of a table changed against earlier days.

In: a `Query` by a dimension, and who answers. Out: `Changes`. Promises: a change is told of values that both periods
show on all their days, of periods that are whole; else there is none, and the reason.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from schema.dimensions import OTHER

from .comparison import SMALL_PERCENT
from .period import Period
from .query import Query

Answer = Mapping[str, Any]


class Change(Struct, frozen=True):
    """before: visitors of the days before. percent: of averages a day. small: whether it is below a stated bound, or
    what chance alone brings about in one of twenty cases."""

    before: int
    percent: float
    small: bool


class Changes(Struct, frozen=True):
    """full, before: the days that are compared, full ones. of: by value. why: why there are none."""

    full: Period | None
    before: Period | None
    of: Mapping[str, Change] = {}
    why: str = ""


def changes(
    ask: Callable[[Query], Answer], query: Query, answer: Answer, today: dt.date, before: Period | None
) -> Changes:
    """Those of a question's values. answer: to the question itself. before: the earlier days."""
    full = query.period.full_days(today)
    if full is None:
        return Changes(None, None, why="no day of it is over")
    if before is None:
        return Changes(full, None, why="there is nothing to compare with")
    is_full = full.last == query.last
    now, then = (answer if is_full else ask(replace(query, period=full))), ask(replace(query, period=before))
    for told, period in ((now, full), (then, before)):
        if told["of_days"] < period.days:
            why = f"{told['of_days']} of {period.days} days have data ({period.dates})"
            return Changes(full, before, why=why)
        if told["incomplete_days"] or told["over_counted_days"]:
            return Changes(full, before, why=f"days are incomplete, or counted twice ({period.dates})")
    return Changes(full, before, _each(_whole(now), _whole(then), full.days / before.days))


def _whole(answer: Answer) -> dict[str, int]:
    """By value the visitors of those that every day shows."""
    rows = (row for row in answer["rows"] if row["value"] != OTHER and not row["not_shown_days"])
    return {row["value"]: row["visitors"] for row in rows}


def _each(now: Mapping[str, int], then: Mapping[str, int], weight: float) -> dict[str, Change]:
    found = {}
    for value in now.keys() & {value for value, visitors in then.items() if visitors}:
        a, b = now[value], then[value]
        percent = round(100 * (a / (b * weight) - 1), 1)
        by_chance = 200 * math.sqrt(1 / a + 1 / b) if a else math.inf
        found[value] = Change(b, percent, abs(percent) < max(SMALL_PERCENT, by_chance))
    return found
