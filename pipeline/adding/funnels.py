"""Counts a funnel on days that were released before it was declared, as a release of its own beside the day's (rule
N6).

In: released days of which raw rows are left, the funnels of the settings. Out: rows in `late_funnels`, of a grain that
names the funnel and its definition, then one entry of the manifest for each funnel and day. Promises: nothing that was
released changes; a funnel is looked at once for each day, whatever comes of it; its rows are those of one that was
there from the start, by the stricter of the day's rules and those of now, for values that the day shows, and none where
they tell of few beside what is told already (rollup/added/funnel_sets.py); killed anywhere, the next run does the same.

A funnel is its name and its definition. Its steps may ask for properties that visits did not keep, so visits are made
of the raw rows once more. A day whose sections were others has none of a step that is a section: its name says nothing
of which pages that was.
"""

from __future__ import annotations

import json

import structlog

from schema.site import Site
from schema.store import Store

from ..manifest import RELEASING, Entry
from ..rollup.added import page_sets
from ..rollup.added.funnel_sets import refused
from ..rollup.added.recounted import Unlike, unlike
from ..rollup.batch import RAW, Batch, SiteDay
from ..rollup.stages import stage_raw_again
from ..settings import SiteRules
from .as_counted import AsCounted, as_counted, is_comparable, stricter
from .release import OF_DAY, Due, add_to_day, due_days, each_in_time, entry_beside, into_late

log = structlog.get_logger("added_funnels")

_FAMILY = "funnels"


def add_funnels(
    store: Store,
    site: Site,
    rules: SiteRules,
    now: float,
    longest_s: float = 2.0,
    source: str = RAW,
    but: frozenset[str] = frozenset(),
) -> bool:
    """Count what is due, the newest days first; whether that is all. longest_s: begin no other day after so long,
    because other work waits. source: the table of the raw rows. but: the names of those that have no
    past."""
    if not site.funnels:
        return True
    declared = {name: what for name, what in site.funnel_definitions.items() if name not in but}
    days = due_days(store, site.key, declared, lambda one: one.funnels, lambda one: one.knows_properties)
    return each_in_time(days, lambda due: _add(store, site, rules, due, now, source), longest_s)


def _add(store: Store, site: Site, rules: SiteRules, due: Due, now: float, source: str) -> None:
    """Release the funnels of a day one after the other: each is held against those before it."""
    countable = {name: one for name, one in due.new.items() if _knows_its_sections(site, due.entry, one)}
    new = {f"new {place}": one for place, one in enumerate(countable.items())}
    counted = as_counted(site, due.entry, due.added, {staged: definition for staged, (_, definition) in new.items()})

    def release(of: Batch, same: bool) -> None:
        then = unlike(of)
        comparable = same and is_comparable(rules, due.entry, due.added)
        known = {one.staged for one in counted.funnels}
        if counted.sections:
            page_sets.fill(of, counted.sections)
        for staged, funnel in new.items():
            without = _without(of, staged, known, counted, then) if comparable else frozenset({""})
            gone = then.whole or not same
            _release(of, due.entry, funnel, staged, frozenset({""}) if gone else without, gone, now)
            known.add(staged)
        for name in due.new.keys() - countable.keys():
            _release(of, due.entry, (name, due.new[name]), "", frozenset({""}), True, now)

    with RELEASING:
        stage_raw_again(store, SiteDay(counted.site, due.entry.day, stricter(rules, due.entry)), release, source)


def _knows_its_sections(site: Site, day: Entry, definition: str) -> bool:
    """Whether the sections that are steps of it are what they were that day. A folder is what is in no section."""
    sections = [wanted for kind, wanted in json.loads(definition)[2] if kind == "section"]
    return all(
        day.sections.get(name) == site.section_definitions[name]
        if name in site.sections
        else [*day.patterns.values()] == [*site.sections.values()]
        for name in sections
    )


def _without(of: Batch, staged: str, known: set[str], counted: AsCounted, then: Unlike) -> frozenset[str]:
    """The dimensions by which it is not told."""
    return then.dimensions | refused(of, staged, known, counted.properties)


def _release(
    of: Batch,
    day: Entry,
    funnel: tuple[str, str],
    staged: str,
    without: frozenset[str],
    gone: bool,
    now: float,
) -> None:
    """Release one funnel: its rows first, then its entry, which is there also where there are no rows. without: the
    dimensions by which it is not told, of which "" is all. gone: it is not known who reached it."""
    rules = of.days[0].rules
    name, definition = funnel
    entry = entry_beside(day, rules, now, gone, funnels={name: definition})
    given = {"funnel": name, "staged": staged, "without": sorted(without)}
    rows = add_to_day(of.store, _FAMILY, entry, "" if "" in without else _COPYING, {} if "" in without else given)
    log.info("funnel_added", site=day.site, day=day.day.isoformat(), funnel=name, rows=rows)


_COPYING = f"""
    {into_late(_FAMILY, funnel="{funnel:String}")}
    WHERE {OF_DAY} AND s.funnel = {{staged:String}} AND NOT has({{without:Array(String)}}, dimension)
        AND (dimension, value) IN (SELECT dimension, value FROM released_cells WHERE {OF_DAY})"""
