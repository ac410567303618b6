"""What has to be said of an answer: why its numbers are not all, or not exact.

In: a `Table`, its rows, and what is released of its days. Out: sentences. Promises: each is said only where it holds.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Any

from schema.dimensions import OTHER
from schema.funnels import FUNNELS

from .bare_counts import BARE
from .filter import ALTERNATIVES, Filter, several_values
from .released import Released
from .splits import declared_of
from .table import Table

SUM_OF_DAYS = "Visitors of several days are the sum of each day's visitors: nobody is recognized on another day."
TOO_FEW = "A day of fewer than {} shows nothing (release.k, release.networks); today may still be one."
ROUNDED = (
    "Days that are still open are rounded down to multiples of {}; their revenue and web vitals come when they close."
)
SUM_OF_VALUES = "One visitor may be counted under several of these values, so the totals are sums over values."
TOO_FEW_BEHIND = "A rate or a time is left out where fewer than {} people contributed to it, and where it would follow."
SINCE = "What was declared or changed later than a day was released is not counted on that day (counted_since)."
STEPS = "A step of a funnel is “at least” where a day does not tell how many fewer than {} people went no further."
CUT = "Rare values of weeks, or of four weeks, that lie only in part in this period are not in it (cuts_blocks)."
INCOMPLETE = "Not all of some days had arrived when they had to be released (incomplete_days): it was at least so many."
OVER_COUNTED = "“About”: visitors may be counted twice on a day on which a key was lost (over_counted_days)."
IMPORTED = "Some days were imported: they are as complete as what they were made of (imported_days)."
BOUNDED = (
    "On some days few visitors did much (bounded_days): what one adds is bounded (release.bound), which lowered {}."
)
AT_LEAST = "“At least”: on days on which a value is not shown few or none came (not_shown_days of of_days)."

NO_CODE = "No visit has a {} that is written like this: write {}."
# Of dimensions whose values are codes how these look, and what to write.
_CODES = {
    "country": (re.compile("[A-Z]{2}"), "two capital letters, such as DE"),
    "language": (re.compile("[a-z]{2,3}(-.*)?"), "its code, such as de"),
    "device": (re.compile("desktop|mobile|tablet|tv"), "desktop, mobile, tablet or tv"),
}


def _hardly_meant(one: Filter) -> str:
    """What to write in place of a value that no visit has; "" where one may have it."""
    code, instead = _CODES.get(one.dimension, (None, ""))
    if code is None or one.operator not in ("==", "!="):
        return ""
    values = {*one.value.split(ALTERNATIVES)} - {"", OTHER}
    return "" if all(map(code.fullmatch, values)) else NO_CODE.format(one.dimension, instead)


def notes_of_answer(
    table: Table, rows: Sequence[Mapping[str, Any]], today: dt.date, released: Released, step: int
) -> list[str]:
    """step: what counts of open days are multiples of."""
    query = table.query
    open_at_end = released.through is None or query.last > released.through
    ends_today = query.last >= today
    flagged = [table.flags, *(row.get("flags", ()) for row in rows)]
    said = {
        **{text: bool(text) for text in map(_hardly_meant, query.filters)},
        SUM_OF_DAYS: query.first != query.last,
        SUM_OF_VALUES: several_values(query.filters),
        TOO_FEW.format(released.enough): released.k > 1
        and ends_today
        and not table.totals.visitors
        and not query.filtered,
        ROUNDED.format(step): open_at_end and step > 1,
        AT_LEAST: any("not_shown" in flags for flags in flagged),
        STEPS.format(released.k): declared_of(query.by) == FUNNELS.name
        and any("not_shown" in row.get("flags", ()) for row in rows),
        CUT: released.cuts_blocks,
        INCOMPLETE: bool(released.partial),
        OVER_COUNTED: bool(released.over_counted),
        IMPORTED: bool(released.imported),
        SINCE: any(row.get("counted_since") for row in rows),
        BOUNDED.format(", ".join(released.lowered)): bool(released.bounded),
        TOO_FEW_BEHIND.format(released.k): released.k > 1
        and any(value is None for row in rows for value in row.values()),
    }
    return [text for text, holds in said.items() if holds] + ([BARE[query.by].note] if query.by in BARE else [])
