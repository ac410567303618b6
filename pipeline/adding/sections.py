"""Counts a section on days that were released before it was declared, as a release of its own beside the day's (rule
N6).

In: released days of which visits are left, the sections of the settings. Out: a row in `late_cells`, of a grain that
names the section and its definition, then one entry of the manifest for each section and day. Promises: nothing that
was released changes; a section is looked at once for each day, whatever comes of it; its row has the visitors, visits
and page views of a section that was there from the start, by the stricter of the day's rules and those of now; there is
none where it would tell of fewer than k people beside what is told already (rollup/added/page_sets.py).

A section is its name and its definition: its pattern, and those before it that may take some of its pages.
"""

from __future__ import annotations

from collections.abc import Iterable

import structlog
from msgspec import structs

from schema.families import FAMILIES, KEY
from schema.goal import JSON
from schema.manifest import ADDED
from schema.site import Site, goal_of
from schema.store import Store

from ..copying import table_of
from ..insert import insert
from ..manifest import RELEASING, Entry
from ..rollup.added import page_sets
from ..rollup.added.counted_before import CountedBefore
from ..rollup.added.recounted import unlike
from ..rollup.batch import Batch, SiteDay
from ..rollup.stages import stage_again
from ..settings import SiteRules
from .as_counted import is_comparable, steps_of, stricter
from .goals import known_sections
from .release import Due, add_to_day, due_days, each_in_time, entry_beside

log = structlog.get_logger("added_sections")

_FAMILY = "cells"
# To be in a section is to have seen a page of it, so to these everybody in it contributes; of other measures there is
# nothing, which is what is told of them where few contributed.
_TOLD = {"visitors": "people", "visits": "visits", "pageviews": "views", "events": "views"}


def add_sections(
    store: Store,
    site: Site,
    rules: SiteRules,
    now: float,
    longest_s: float = 2.0,
    but: frozenset[str] = frozenset(),
) -> bool:
    """Count what is due, the newest days first; whether that is all. longest_s: begin no other day after so long,
    because other work waits. but: the names of those that have no past."""
    if not site.sections:
        return True
    declared = {name: what for name, what in site.section_definitions.items() if name not in but}
    days = due_days(store, site.key, declared, lambda one: one.sections, lambda one: one.knows_sections)
    return each_in_time(days, lambda due: _add(store, site, rules, due, now), longest_s)


def _add(store: Store, site: Site, rules: SiteRules, due: Due, now: float) -> None:
    """Release the sections of a day one after the other: each is held against those before it."""
    entry = due.entry
    before = [
        (one, adding.grain if adding.span == ADDED else "")
        for adding in (entry, *due.added)
        for one in adding.goals.items()
    ]
    goals = {str(place): one for place, one in enumerate(before) if goal_of("", one[0][1]).of_pages}
    staged = tuple(goal_of(name, definition) for name, ((_, definition), _) in goals.items())
    known = [CountedBefore(name, goal, grain) for name, ((goal, _), grain) in goals.items()]
    sections, definitions = known_sections(one for one in due.added if one.sections)
    known += sections
    new = {f"new {place}": one for place, one in enumerate(due.new.items())}
    strictest = stricter(rules, entry)
    comparable = is_comparable(rules, entry, due.added)

    def release(of: Batch) -> None:
        then = unlike(of)
        # Where rows of the day are gone it is not known who was there.
        gone = then.whole or not then.dimensions.isdisjoint(("section", "page"))
        page_sets.fill(
            of, definitions | {staged: definition for staged, (_, definition) in new.items()}, _steps(entry, due.added)
        )
        with page_sets.views(of):
            for name, (section, definition) in new.items():
                _release(of, entry, (section, definition), name, known, gone, comparable, now)

    with RELEASING:
        # By the sections that the day was released with; what else is declared is not asked for.
        declared = structs.replace(site, goals=staged, funnels=(), segments=(), journeys=False, sections=entry.patterns)
        stage_again(store, SiteDay(declared, entry.day, strictest), release)


def _release(
    of: Batch,
    day: Entry,
    section: tuple[str, str],
    staged: str,
    known: list[CountedBefore],
    gone: bool,
    comparable: bool,
    now: float,
) -> None:
    """Release one section: its row first, then its entry, which is there also where there is no row. gone: rows of the
    day are; comparable: it can be held against all that the day tells."""
    rules = of.days[0].rules
    name, definition = section
    seen = page_sets.seen(of, staged)
    shown = not gone and seen.people >= rules.k and seen.networks >= rules.least_networks
    shown = shown and comparable and not page_sets.tells_too_much(of, staged, known)
    entry = entry_beside(day, rules, now, gone, sections={name: definition})
    rows = add_to_day(
        of.store, _FAMILY, entry, _COPYING if shown else "", {"name": name} | structs.asdict(seen) if shown else {}
    )
    known.append(CountedBefore(staged, name, entry.grain, is_section=True))
    log.info("section_added", site=day.site, day=day.day.isoformat(), section=name, rows=rows)


def _steps(day: Entry, added: Iterable[Entry]) -> list[tuple[str, str]]:
    """The steps of the day's funnels that are of pages: each a kind and what it names."""
    return [
        (kind, wanted)
        for kind, wanted in steps_of(day, added)
        if kind in ("page", "section") or (kind == JSON and goal_of("", f"{JSON}:{wanted}").of_pages)
    ]


_COLUMNS = {name: name for name in KEY} | {
    "grain": "{grain:String}",
    "dimension": "'section'",
    "value": "{name:String}",
}
_COLUMNS |= {"days": "1"} | dict.fromkeys(FAMILIES[_FAMILY].measure_names, "0")
_COLUMNS |= {name: f"{{{number}:UInt64}}" for name, number in _TOLD.items()}
_COPYING = f"""
    {insert(table_of(_FAMILY, late=True), _COLUMNS)} FROM released_cells
    WHERE site = {{site:String}} AND day = {{day:Date}} AND grain = 'day' AND dimension = '' AND by_dimension = ''"""
