"""How many visitors came from the day of a note on, against what the same weekdays of the eight weeks before lead to
expect.

In: a `Timeline`, notes, and the days that are shown. Out: an `Effect` by note. Promises: it is a difference, not a
cause: what else happened in these days is in it, too; a day without data is no zero, so there is none then.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from msgspec import Struct

from schema.annotations import Annotation

from .period import Period
from .timeline import Timeline
from .usual import usual_of, weeks_seen

# A note that has done something has done it within a week.
DAYS = 7


class Effect(Struct, frozen=True):
    """In percent of what was to be expected: the difference, and between what it is with 95 % certainty. days: of how
    many days from the note on, weeks: by how many before."""

    change: float
    low: float
    high: float
    days: int
    weeks: int

    @property
    def is_usual(self) -> bool:
        """Whether it may be nothing."""
        return self.low <= 0 <= self.high


def effects(known: Timeline, notes: Iterable[Annotation], period: Period) -> dict[str, Effect]:
    """By the id of a note, of those of which something can be said."""
    found = {note.id: _effect(known, note.day, period) for note in notes}
    return {id_: effect for id_, effect in found.items() if effect}


def _effect(known: Timeline, day: dt.date, period: Period) -> Effect | None:
    full = period.full_days(known.now.date())
    days = [day + dt.timedelta(n) for n in range(DAYS) if full and day + dt.timedelta(n) <= full.last]
    if not days or not all(known.has(one) and not known.is_hidden(one) for one in days):
        return None
    usual = usual_of(known, days, ("visitors",)).get("visitors")
    weeks = weeks_seen(known, day, range(len(days)))
    expected = sum(known.of(one).visitors for week in weeks for one in week) / max(1, len(weeks))
    if usual is None or not expected:
        return None
    visitors = sum(known.of(one).visitors for one in days)
    # Highest where the lowest was to be expected.
    change, high, low = (round(100 * (visitors - one) / expected, 1) for one in (expected, *usual))
    return Effect(change, low, high, len(days), len(weeks))
