"""What a day that is open waits for before it is released.

In: a site, a day, how far spools have arrived, the time. Out: what holds the day back. Promises: by the rule of
`release.may_close`, and nothing of what the day holds.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from schema.site import Site, day_bounds, day_number

# end: the day is not over; grace: late events may come; spools: not all have arrived; run: nothing but the next run.
What = Literal["end", "grace", "spools", "run"]


class Waiting(Struct, frozen=True):
    """until: Unix seconds; 0 where nobody knows. spools: those that have not arrived; none where none ever reported."""

    what: What
    until: int = 0
    spools: tuple[str, ...] = ()


def waiting(site: Site, day: dt.date, now: float, marks: Mapping[str, int], grace_s: int) -> Waiting:
    """What an open day of the site waits for. marks: of each spool the second through which it has arrived."""
    end = day_bounds(site.timezone, day_number(day)).end
    if now < end:
        return Waiting("end", end)
    if now < end + grace_s:
        return Waiting("grace", end + grace_s)
    late = not_arrived(marks, end)
    if late or not marks:
        return Waiting("spools", 0, late)
    return Waiting("run")


def not_arrived(marks: Mapping[str, int], end: int) -> tuple[str, ...]:
    """The spools that a day that ended then waits for."""
    return tuple(sorted(spool for spool, second in marks.items() if second < end))
