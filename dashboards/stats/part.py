"""The days of what filters keep, or of a segment, against those of the whole site: which are known, and comparable.

In: a `Timeline` of the whole site, and what its part adds up to. Out: a `Timeline` of the part. Promises: a day on
which a value is hidden, or was not counted, is never taken for zero.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from msgspec import structs

from schema.measures import Measures

from .filter import Filter, is_of_one
from .inside import section_kept
from .released import Released
from .segmented import days_of
from .timeline import Timeline
from .times import Times

SEVERAL = "some of several values may be hidden on any day"


def part_of(whole: Timeline, part: Times, filters: Sequence[Filter], segment: str) -> Timeline:
    """What is kept, where the whole site is known: a day that has data and none of it is one of few or none; of none,
    where everything is shown."""
    released = whole.released
    uncounted = _uncounted(released, filters, segment)
    others = {day for day in whole.times.days.keys() - part.days.keys() if day not in uncounted}
    since = whole.since
    if uncounted or segment:
        since = min((day for day in released.span.released if day not in uncounted), default=None)
    if segment:  # there is nothing of it of days that are open
        others &= released.span.released
    if released.k == 1:
        part.days.update((day, Measures()) for day in others if day >= released.span.first)
        others = set()
    small = {day for day in released.small if day not in uncounted}
    released = structs.replace(released, since=since, small=frozenset(small | others))
    return Timeline(part, released, whole.now, whole.zone, in_part=True)


def why_not_compared(released: Released, filters: Sequence[Filter], is_folded: bool) -> str:
    """Why days of it tell nothing that can be compared; "" where they do. is_folded: whether a value may be hidden."""
    return SEVERAL if released.k > 1 and is_folded and not is_of_one(filters) else ""


def _uncounted(released: Released, filters: Sequence[Filter], segment: str) -> frozenset[dt.date]:
    """The released days that did not count the segment, or the section, as it is defined now."""
    if segment:
        return released.span.released - days_of(segment, released)
    section = section_kept(filters)
    return released.sections.not_counted.get(section, frozenset()) if section else frozenset()
