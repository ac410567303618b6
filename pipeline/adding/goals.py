"""Counts a goal on days that were released before it was declared, as a release of its own beside the day's (rule N6).

In: released days of which visits are left, the goals of the settings. Out: rows in `late_conversions`, of a grain that
names the goal and its definition, then one entry of the manifest for each goal and day. Promises: nothing that was
released changes; a goal is looked at once for each day, whatever comes of it; rows are those of a goal that was there
from the start, by the stricter of the day's rules and those of now, of values that the day shows, and none where they
would tell of fewer than k people beside another goal (rollup/added/goal_differences.py); killed anywhere, the next run
does the same.

A goal is its name and its definition: one that is changed is another one, and one that was taken out and comes back the
same goes on.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections.abc import Iterable, Iterator
from typing import Any, Literal

import structlog
from msgspec import Struct, structs

from schema.dimensions import OTHER
from schema.funnels import FUNNELS
from schema.manifest import ADDED, grain_of_goal
from schema.site import Goal, Site, goal_of
from schema.store import Store

from ..manifest import RELEASING, Entry
from ..rollup.added import page_sets
from ..rollup.added.counted_before import CountedBefore
from ..rollup.added.goal_differences import refused
from ..rollup.added.goal_values import acts
from ..rollup.added.recounted import Unlike, unlike
from ..rollup.added.small_differences import ALL, Refused
from ..rollup.added.twins import crossed_with_twins
from ..rollup.batch import Batch, SiteDay
from ..rollup.stages import stage_again
from ..settings import SiteRules
from .as_counted import segments_of
from .release import OF_DAY, add_to_day, days_left, each_in_time, entry_beside, into_late

log = structlog.get_logger("added_goals")

What = Literal["goals", "sections", "properties", "funnels", "segments", "pairs"]
_FAMILY = "conversions"


class Due(Struct, frozen=True):
    """A released day and the goals that it was not counted with. entry: of the day; added: those that have added
    a goal to it; sections, funnels: that have added a section, or a funnel; segments: whether it tells of any."""

    entry: Entry
    added: tuple[Entry, ...]
    goals: tuple[Goal, ...]
    sections: tuple[Entry, ...] = ()
    funnels: tuple[Entry, ...] = ()
    segments: bool = False


def add_goals(
    store: Store,
    site: Site,
    rules: SiteRules,
    now: float,
    longest_s: float = 2.0,
    but: frozenset[str] = frozenset(),
) -> bool:
    """Count what is due, the newest days first; whether that is all. longest_s: begin no other day after so long,
    because other work waits. but: the names of those that have no past."""
    if not site.goals:
        return True
    return each_in_time(_due(store, site, but), lambda due: _add(store, site, rules, due, now), longest_s)


def counted_since(store: Store, what: What = "goals", site: str = "") -> list[tuple[str, str, str, dt.date]]:
    """The first released day of each goal, or whatever else, that was ever counted: site, name, definition, day.
    site: of one site alone."""
    # A property and a pair have their names, and no definition.
    named = what in ("properties", "pairs")
    names, definitions = (what, what) if named else (f"mapKeys({what})", f"mapValues({what})")
    only = "AND site = {site:String}" if site else ""
    rows = store.rows(
        f"""SELECT site, name, definition, min(day) FROM manifest
        ARRAY JOIN {names} AS name, {definitions} AS definition
        WHERE (span = 1 OR span = {ADDED} AND (complete OR rows > 0)) {only}
        GROUP BY site, name, definition ORDER BY site, name, min(day), definition""",
        {"site": site} if site else {},
    )
    return [(site, name, definition, day) for site, name, definition, day in rows]


def _due(store: Store, site: Site, but: frozenset[str]) -> Iterator[Due]:
    for entry, added in days_left(store, site.key):
        if not entry.knows_goals:
            continue
        mine = tuple(one for one in added if one.goals)
        others = (tuple(one for one in added if one.sections), tuple(one for one in added if one.funnels))
        known = {*entry.goals.items(), *(one for adding in mine for one in adding.goals.items())}
        goals = tuple(
            goal
            for goal in site.counted_goals
            if goal.has_past and goal.name not in but and (goal.name, goal.definition) not in known
        )
        if goals:
            yield Due(entry, mine, goals, *others, segments=bool(segments_of(entry, added)))


def _add(store: Store, site: Site, rules: SiteRules, due: Due, now: float) -> None:
    """Release the goals of a day one after the other: each is held against those before it."""
    entry = due.entry
    before = [*entry.goals.items(), *(one for adding in due.added for one in adding.goals.items())]
    grains = [*("" for _ in entry.goals), *(adding.grain for adding in due.added)]
    definitions = [*before, *((goal.name, goal.definition) for goal in due.goals)]
    # Two goals may have had one name, so in the staged day each is called by its place.
    staged = tuple(goal_of(str(place), definition) for place, (_, definition) in enumerate(definitions))
    known = [
        CountedBefore(goal.name, name, grain) for goal, (name, _), grain in zip(staged, before, grains, strict=False)
    ]
    strictest = structs.replace(rules, k=max(rules.k, entry.k), networks=max(rules.least_networks, entry.networks))

    def release(of: Batch) -> None:
        now_and_then = unlike(of)
        names = [goal.name for goal in staged[len(before) :]]
        crossed = crossed_with_twins(of)
        pages = {one.name for one in staged if one.of_pages}
        with acts(of, names), _beside_sections(of, due) as sections:
            for new, goal in zip(names, due.goals, strict=True):
                sets = [*sections, *(one for one in known if one.staged in pages)]
                # What a segment of the day tells was decided while nobody knew of the goal (rollup/segments/lines.py).
                beside_segments = due.segments and strictest.k > 1
                if now_and_then.whole or beside_segments or (goal.of_pages and page_sets.tells_too_much(of, new, sets)):
                    held = ALL
                else:
                    held = refused(of, new, known) | {(name, "") for name in crossed.get(new, ())}
                _release(of, due, goal, new, now_and_then, held, now)
                known.append(CountedBefore(new, goal.name, grain_of_goal(goal.name, goal.definition)))

    with RELEASING:
        # What else is declared is not asked for, and funnels name goals.
        declared = structs.replace(
            site,
            goals=staged,
            funnels=(),
            journeys=False,
            segments=(),
            sections=entry.patterns if entry.knows_sections else site.sections,
        )
        stage_again(store, SiteDay(declared, entry.day, strictest), release)


def _release(of: Batch, due: Due, goal: Goal, staged: str, now_and_then: Unlike, held: Refused, now: float) -> None:
    """Release one goal: its rows first, then its entry, which is there also where there are no rows."""
    day, funnels = due.entry, [one for entry in (due.entry, *due.funnels) for one in entry.funnels.values()]
    rules = of.days[0].rules
    given: dict[str, Any] = {}
    if not held >= ALL:
        without = now_and_then.dimensions | by_which_steps_are_told(funnels, goal)
        given = {
            "goal": goal.name,
            "staged": staged,
            "without": sorted(without | {dimension for dimension, currency in held if not currency}),
            "unpaid": sorted(currency for dimension, currency in held if not dimension),
            "folded": sorted(now_and_then.folded),
            "held_dimensions": [one[0] for one in sorted(held)],
            "held_currencies": [one[1] for one in sorted(held)],
        }
    rows = add_to_day(
        of.store,
        _FAMILY,
        # Where rows of the day are gone it is not known who reached it, nor whether anybody did.
        entry_beside(day, rules, now, now_and_then.whole, goals={goal.name: goal.definition}),
        _COPYING if given else "",
        given,
    )
    changed = goal.name in day.goals
    log.info("goal_added", site=day.site, day=day.day.isoformat(), goal=goal.name, rows=rows, changed=changed)


@contextlib.contextmanager
def _beside_sections(of: Batch, due: Due) -> Iterator[list[CountedBefore]]:
    """Sections that were added to a day, ready to be compared with goals on pages; those of the day are, too."""
    known, definitions = known_sections(due.sections)
    if of.days[0].rules.k == 1 or not any(goal.of_pages for goal in due.goals):
        yield []
        return
    page_sets.fill(of, definitions)
    with page_sets.views(of):
        yield known


def known_sections(entries: Iterable[Entry]) -> tuple[list[CountedBefore], dict[str, str]]:
    """What is known of sections that entries have added, and by their name in the staged day what they count."""
    known, definitions = [], {}
    for place, entry in enumerate(entries):
        [(name, definition)] = entry.sections.items()
        known.append(CountedBefore(f"section {place}", name, entry.grain, is_section=True))
        definitions[known[-1].staged] = definition
    return known, definitions


def by_which_steps_are_told(funnels: Iterable[str], goal: Goal) -> frozenset[str]:
    """The dimensions by which the day tells how many reached a step that is what the goal counts. That was told because
    nobody knew of a value how many did it at all (rollup/suppression/funnel_drops.py), which the goal would tell.
    funnels: of the day, by their definition."""
    for definition in funnels:
        _, _, steps = json.loads(definition)
        # What a section was that day nobody knows any more.
        same = goal.section and any(kind == "section" for kind, _ in steps)
        if same or goal.definition in {f"{kind}:{wanted}" for kind, wanted in steps}:
            return frozenset(FUNNELS.dimensions) - {""}
    return frozenset()


# Hours are of the whole site only, and nobody is asked for goals by hour.
_COPYING = f"""
    {into_late(_FAMILY, goal="{goal:String}")}
    WHERE {OF_DAY} AND s.goal = {{staged:String}}
        AND (dimension, value) IN (SELECT dimension, value FROM released_cells WHERE {OF_DAY})
        AND NOT (value = '{OTHER}' AND has({{folded:Array(String)}}, dimension))
        AND NOT has({{without:Array(String)}}, dimension) AND NOT has({{unpaid:Array(String)}}, currency)
        AND (dimension, currency) NOT IN
            arrayZip({{held_dimensions:Array(String)}}, {{held_currencies:Array(String)}})"""
