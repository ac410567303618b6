"""Counts a property on days that were released before it was declared, as a release of its own beside the day's (rule
N6).

In: released days of which raw rows are left, the properties of the settings. Out: rows in `late_properties`, of a grain
that names the property, then one entry of the manifest for each property and day. Promises: nothing that was released
changes; a property is looked at once for each day, whatever comes of it; its rows are those of one that was there from
the start, by the stricter of the day's rules and those of now, of events of which they tell of nobody alone beside what
is told already (rollup/added/property_sets.py); killed anywhere, the next run does the same.

Visits keep no property that was not asked for, so they are made of the raw rows once more. Where these are not what the
day was released from, because somebody was erased since, there are no rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import structlog
from msgspec import Struct

from schema.site import Site
from schema.store import Store

from ..manifest import RELEASING, Entry
from ..rollup.added import page_sets
from ..rollup.added.property_sets import Told, refused
from ..rollup.added.recounted import unlike
from ..rollup.batch import RAW, Batch, SiteDay
from ..rollup.stages import stage_raw_again
from ..settings import SiteRules
from .as_counted import as_counted, events_of_steps, is_comparable, stricter
from .release import add_to_day, days_left, each_in_time, entry_beside, into_late

log = structlog.get_logger("added_properties")

_FAMILY = "properties"
# An event or a page that is not what it was is named by values, and told by itself.
_NAMED = ("", "event", "page")


class Due(Struct, frozen=True):
    """A released day and the properties that it was not counted with. added: entries that have added something to
    it."""

    entry: Entry
    added: tuple[Entry, ...]
    properties: tuple[str, ...]


def add_properties(
    store: Store, site: Site, rules: SiteRules, now: float, longest_s: float = 2.0, source: str = RAW
) -> bool:
    """Count what is due, the newest days first; whether that is all. longest_s: begin no other day after so long,
    because other work waits. source: the table of the raw rows."""
    if not site.properties:
        return True
    return each_in_time(_due(store, site), lambda due: _add(store, site, rules, due, now, source), longest_s)


def _due(store: Store, site: Site) -> Iterator[Due]:
    for entry, added in days_left(store, site.key):
        if not entry.knows_properties:
            continue
        known = {name for one in (entry, *added) for name in one.properties}
        missing = tuple(name for name in site.properties if name not in known)
        if missing:
            yield Due(entry, added, missing)


def _add(store: Store, site: Site, rules: SiteRules, due: Due, now: float, source: str) -> None:
    """Release the properties of a day one after the other: each is held against those before it."""
    counted = as_counted(site, due.entry, due.added, properties=due.properties)
    steps = events_of_steps(counted.site.funnels, {goal.name: goal for goal in counted.site.goals})

    def release(of: Batch, same: bool) -> None:
        gone = not same or not unlike(of).dimensions.isdisjoint(_NAMED)
        comparable = not gone and is_comparable(rules, due.entry, due.added)
        known = dict(counted.properties)
        if counted.sections:
            page_sets.fill(of, counted.sections)
        for name in due.properties:
            without = refused(of, name, known, steps) if comparable else None
            known[name] = _release(of, due.entry, name, without, gone, now)

    with RELEASING:
        stage_raw_again(store, SiteDay(counted.site, due.entry.day, stricter(rules, due.entry)), release, source)


def _release(of: Batch, day: Entry, name: str, without: frozenset[Told] | None, gone: bool, now: float) -> str:
    """Release one property: its rows first, then its entry, which is there also where there are no rows. The grain of
    the rows. without: what is not told; None: nothing is."""
    rules = of.days[0].rules
    # Where rows of the day are gone it is not known who sent it, nor whether anybody did.
    entry = entry_beside(day, rules, now, gone, properties=[name])
    untold = sorted(without or ())
    given: dict[str, Any] = {
        "name": name,
        "events": [event for event, layer in untold if not layer],
        "unpaid_events": [event for event, _ in untold],
        "unpaid_in": [layer for _, layer in untold],
    }
    sql, bound = ("", {}) if without is None else (_COPYING, given)
    rows = add_to_day(of.store, _FAMILY, entry, sql, bound)
    log.info("property_added", site=day.site, day=day.day.isoformat(), property=name, rows=rows, untold=len(untold))
    return entry.grain


_COPYING = f"""
    {into_late(_FAMILY)}
    WHERE site = {{site:String}} AND day = {{day:Date}} AND s.grain = 'day' AND by_dimension = ''
        AND property = {{name:String}} AND NOT has({{events:Array(String)}}, event)
        AND (toString(event), toString(in_currency)) NOT IN
            arrayZip({{unpaid_events:Array(String)}}, {{unpaid_in:Array(String)}})"""
