"""Which days have something that waits for a block, which blocks these are in, and when what waits is deleted (N2).

In: `waiting_*` and the manifest. Out: `WaitingDays`, the `Due` blocks that they are in, or nothing that waits any more.
Promises: what waits dies with its raw rows, and once its blocks are closed.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct

from schema.families import WAITING_TABLES
from schema.manifest import FOUR_WEEKS, LIVE, WEEK, grain_of, is_undo
from schema.site import Site, day_bounds, day_number
from schema.store import Store

from .rollup.batch import SiteDay
from .rollup.visits.snapshot import Key
from .settings import SiteRules

# With raw rows that live for fewer days there are weeks only.
_LEAST_RAW_DAYS_FOR_FOUR_WEEKS = 30
# Four weeks are counted from here: a Monday.
EPOCH = dt.date(2000, 1, 3)
_DAY = dt.timedelta(days=1)
# In place of how many rows wait of a day.
LOST = -1

# Nine weeks: the four of a block, and five for days that close late.
_WAITS_DAYS = 63
_IMPORT_WAITS_DAYS = 3
# A mutation is kept with all that it names.
_FORGOTTEN_AT_ONCE = 1000


class Due(Struct, frozen=True):
    """A block that may close. origin: whose days it is of, `live` or those of an import. span: how many they are, from
    `first` on."""

    site: str
    origin: str
    first: dt.date
    span: int

    @property
    def last(self) -> dt.date:
        return self.first + (self.span - 1) * _DAY

    @property
    def grain(self) -> str:
        return grain_of(self.origin, self.span)

    def has(self, day: dt.date) -> bool:
        """Whether a day is of it."""
        return self.first <= day <= self.last


class WaitingDays(Struct, frozen=True):
    """Days of a site of which something waits, all of one origin, and how many rows of each. first, last: of an import
    the days from which and up to which it goes: its blocks begin with it."""

    site: Site
    rules: SiteRules
    origin: str
    rows: dict[dt.date, int]
    first: dt.date
    last: dt.date

    def blocks(self) -> set[Due]:
        """Those that the days are in, as far as their rules and the import go."""
        since = EPOCH if self.origin == LIVE else self.first
        found = {
            Due(self.site.key, self.origin, first_of(day, span, since), span)
            for day in self.rows
            for span in spans_of(self.rules)
        }
        return {one for one in found if self.origin == LIVE or one.last <= self.last}

    def waits_in(self, block: Due) -> int:
        """How many rows wait of its days."""
        return sum(rows for day, rows in self.rows.items() if rows != LOST and block.has(day))


def spans_of(rules: SiteRules) -> tuple[int, ...]:
    """How many days the blocks of a site are of."""
    return (WEEK, FOUR_WEEKS) if rules.retention_days >= _LEAST_RAW_DAYS_FOR_FOUR_WEEKS else (WEEK,)


def first_of(day: dt.date, span: int, since: dt.date = EPOCH) -> dt.date:
    """The first day of the block that a day is in. since: the day with which the first of all blocks begins."""
    return since + (day - since).days // span * span * _DAY


def end_of(site: Site, block: Due) -> int:
    return day_bounds(site.timezone, day_number(block.last)).end


def waiting_days(
    store: Store, known: Mapping[str, tuple[Site, SiteRules]], lost_since: dt.date | None
) -> list[WaitingDays]:
    """What waits of released days. lost_since: with those from then on of which nothing does, though it should."""
    rows = store.rows("SELECT site, day, max(rows) FROM waiting_days GROUP BY site, day")
    if not rows and not lost_since:
        return []
    origins = {
        (key, day): origin
        for key, day, origin in store.rows(
            """SELECT site, day, argMax(origin, number) FROM manifest
            WHERE span = 1 AND (site, day) IN (SELECT site, day FROM waiting_days) GROUP BY site, day"""
        )
    }
    extents = {
        (key, origin): (first, last)
        for key, origin, first, last in store.rows(
            "SELECT site, origin, min(day), max(day) FROM manifest "
            "WHERE span = 1 AND position(origin, ':') > 0 GROUP BY site, origin"
        )
    }
    found: dict[tuple[str, str], dict[dt.date, int]] = defaultdict(dict)
    for key, day, many in rows:
        if key in known and (key, day) in origins:
            found[key, origins[key, day]][day] = many
    if lost_since:
        for key, day in store.rows(
            f"""SELECT site, day FROM manifest WHERE span = 1 AND day >= {{since:Date}} GROUP BY site, day
            HAVING argMax(origin, number) = '{LIVE}' AND argMax(k_late, number) > 0""",
            {"since": lost_since},
        ):
            if key in known:
                found[key, LIVE].setdefault(day, LOST)
    return [
        WaitingDays(*known[key], origin, days, *extents.get((key, origin), (min(days), max(days))))
        for (key, origin), days in sorted(found.items())
        if not is_undo(origin)
    ]


def forget_closed(store: Store, found: Sequence[WaitingDays], closed: Collection[Due]) -> None:
    """What is hidden still after the last of its blocks stays so. Of an import that is all, once its blocks are
    closed: those that it does not fill never will."""
    over: list[Key] = []
    for waiting in found:
        ends = {one for one in waiting.blocks() if one not in closed}
        left = {day for day in waiting.rows if any(one.has(day) for one in ends)}
        over += [(waiting.site.key, day) for day in sorted(waiting.rows.keys() - left)]
    forget_waiting(store, over)


def forget_waiting(store: Store, keys: Sequence[Key]) -> None:
    """Delete what waits of site-days."""
    mine = "(site, day) IN arrayZip({sites:Array(String)}, {days:Array(Date)})"
    there = " UNION ALL ".join(f"(SELECT '{table}' FROM {table} WHERE {mine} LIMIT 1)" for table in WAITING_TABLES)
    for begin in range(0, len(keys), _FORGOTTEN_AT_ONCE):
        some = keys[begin : begin + _FORGOTTEN_AT_ONCE]
        given = {"sites": [site for site, _ in some], "days": [day for _, day in some]}
        found = {table for (table,) in store.rows(there, given)}
        # How many rows wait of a day goes last: where it is missing, nobody knows what is.
        for table in [table for table in WAITING_TABLES if table in found]:
            store.command(f"ALTER TABLE {store.local(table)} DELETE WHERE {mine}", given, mutations_sync=2)


def expire_waiting(store: Store, sites: Sequence[tuple[Site, SiteRules]], today: dt.date) -> None:
    """Delete what waits longer than its raw rows live, also where these live shorter by now than when it began to."""
    for table in WAITING_TABLES:
        if store.rows(f"SELECT 1 FROM {table} WHERE expires <= {{today:Date}} LIMIT 1", {"today": today}):
            store.command(
                f"ALTER TABLE {store.local(table)} DELETE WHERE expires <= {{today:Date}}",
                {"today": today},
                mutations_sync=2,
            )
    # Of days that were imported there are no raw rows, and a few days at most.
    live = f"(SELECT site, day FROM manifest WHERE span = 1 AND origin = '{LIVE}')"
    rules = {site.key: rules for site, rules in sites}
    rows = store.rows(f"SELECT DISTINCT site, day FROM waiting_days WHERE (site, day) IN {live}")
    forget_waiting(store, [(key, day) for key, day in rows if key in rules and expires_of(day, rules[key]) <= today])


def waiting_until(days: Sequence[SiteDay], now: float, origin: str) -> dict[Key, dt.date]:
    """How long what is hidden of each waits, at the latest; without those of which nothing does."""
    # What an import hides waits for its blocks no longer than that takes.
    imported = _date(now) + dt.timedelta(_IMPORT_WAITS_DAYS)
    return {of.key: expires_of(of.day, of.rules) if origin == LIVE else imported for of in days if of.rules.k_late}


def waits_since(now: float) -> dt.date:
    """The first day of which something may wait still."""
    return _date(now) - dt.timedelta(_WAITS_DAYS)


def expires_of(day: dt.date, rules: SiteRules) -> dt.date:
    """When what waits of a day dies: with its raw rows, or when its four weeks are long over."""
    return day + dt.timedelta(days=min(rules.retention_days, _WAITS_DAYS))


def _date(now: float) -> dt.date:
    return dt.datetime.fromtimestamp(now, dt.UTC).date()
