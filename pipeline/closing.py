"""What a day that is open, or a block that is not closed yet, waits for before it is released.

In: a site, days, how far spools have arrived, the time. Out: what holds them back. Promises: by the rules of
`close_days.may_close` and `blocks.close_blocks`, and nothing of what waits.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from typing import Literal

from msgspec import Struct

from schema.manifest import LIVE, is_import
from schema.site import Site, day_bounds, day_number

from .blocks import PATIENCE_S
from .copying import blocks_of, holding
from .manifest import Entry
from .settings import SiteRules
from .waiting_days import Due, expires_of, first_of, spans_of

# end: it is not over; grace: late events may come; spools: not all have arrived; days: one of its days is open; run:
# nothing but the next run.
What = Literal["end", "grace", "spools", "days", "run"]


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


def waiting_block(
    site: Site, block: Due, now: float, marks: Mapping[str, int], grace_s: int, still_open: Collection[dt.date]
) -> Waiting:
    """The same of a block. still_open: the site's open days."""
    of_last = waiting(site, block.last, now, marks, grace_s)
    end = day_bounds(site.timezone, day_number(block.last)).end
    if of_last.what == "spools" and now >= end + PATIENCE_S:
        of_last = Waiting("run")
    return Waiting("days") if of_last.what == "run" and any(map(block.has, still_open)) else of_last


def waiting_blocks(site: Site, rules: SiteRules, entries: Iterable[Entry], today: dt.date) -> list[Due]:
    """The blocks that some of a site's released days wait for, by their first day."""
    entries = list(entries)
    closed = {(entry.day, entry.span) for entry in entries if entry.origin == LIVE}
    days = [
        entry.day
        for entry in holding(entries)
        if entry.origin == LIVE and entry.k_late and expires_of(entry.day, rules) > today
    ]
    found = {Due(site.key, LIVE, first_of(day, span), span) for day in days for span in spans_of(rules)}
    waits = [one for one in found if (one.first, one.span) not in closed]
    return sorted(waits, key=lambda one: (one.first, one.span))


def in_no_block(entries: Iterable[Entry]) -> set[int]:
    """The numbers of an import's days of which something was hidden and which fill no week of it: nothing of that is
    ever released."""
    entries = [*entries]
    weeks = [Due(entry.site, entry.origin, entry.day, entry.span) for entry in blocks_of(entries)]
    return {
        entry.number
        for entry in holding(entries)
        if is_import(entry.origin) and entry.k_late
        if not any(week.origin == entry.origin and week.has(entry.day) for week in weeks)
    }


def not_arrived(marks: Mapping[str, int], end: int) -> tuple[str, ...]:
    """The spools that a day that ended then waits for."""
    return tuple(sorted(spool for spool, second in marks.items() if second < end))
