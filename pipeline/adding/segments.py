"""Counts segments on days that were released before they were declared, as a release of their own beside the day's
(rule N6).

In: released days of which visits are left, the segments of the settings. Out: rows in `late_segments`,
`late_segment_vitals` and `late_segment_goals`, of a grain that names the segments and their definitions, then one entry
of the manifest for them. Promises: nothing that was released changes; a segment is looked at once for each day,
whatever comes of it; rows are of values that the day shows, by the stricter of its rules and those of now; there are
none where what is left of the day is not what it showed; killed anywhere, the next run does the same.

A segment is its name and its definition: one that is changed is another one. Within it those goals are told that the
day has counted by then as they are defined now. Of a name that had several definitions on the day it is the last one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import structlog
from msgspec import structs

from schema.segment import Sent, condition_of, conditions_in
from schema.segments import SEGMENT_GOALS, SEGMENT_VITALS, SEGMENTS
from schema.site import Site
from schema.store import Store

from ..manifest import RELEASING, Entry
from ..rollup.added.recounted import unlike
from ..rollup.added.segment_goals import differ
from ..rollup.added.segments import MOST_TOLD, OfDay, count_later, told_before
from ..rollup.batch import RAW, Batch, SiteDay
from ..rollup.pairs.goals import goals_told, mute, with_goals
from ..rollup.pairs.parts import parts
from ..rollup.stages import stage_again, stage_raw_again
from ..rollup.visits.hits import OF_HITS
from ..settings import SiteRules
from .as_counted import AsCounted, as_counted, asks_for_raw, segments_of, stricter
from .release import Due, add_to_day, due_days, each_in_time, entry_beside, into_late

log = structlog.get_logger("added_segments")

_FAMILY, *_ = _FAMILIES = (SEGMENTS.name, SEGMENT_VITALS.name, SEGMENT_GOALS.name)


def add_segments(
    store: Store,
    site: Site,
    rules: SiteRules,
    now: float,
    longest_s: float = 2.0,
    source: str = RAW,
    but: frozenset[str] = frozenset(),
) -> bool:
    """Count what is due, the newest days first; whether that is all. longest_s: begin no other day after so long,
    because other work waits. source: the table of the raw rows. but: the names of those that have no past."""
    if not site.segments:
        return True
    declared = {name: what for name, what in site.segment_definitions.items() if name not in but}
    # What goals, sections and properties it has told, nobody knows of an older one.
    days = due_days(store, site.key, declared, lambda one: one.segments, lambda one: one.knows_properties)
    return each_in_time(days, lambda due: _add(store, site, rules, due, now, source), longest_s)


def _add(store: Store, site: Site, rules: SiteRules, due: Due, now: float, source: str) -> None:
    entry, told = due.entry, segments_of(due.entry, due.added)
    strictest = stricter(rules, entry)
    counted = _counted(site, due, [definition for *_, definition in told])
    called = _called(counted, site)

    def release(of: Batch, same: bool) -> None:
        then = unlike(of)
        differing = then.dimensions | then.folded
        # What a page or an event that is not what it was tells beside a segment nobody can look up.
        pairs = [name for one in (entry, *due.added) for name in one.pairs]
        of_day = OfDay(
            *(counted.goals, told, sorted({*pairs}), counted.sections, differing), _within(due), [*called.values()]
        )
        before = told_before(of, of_day)
        gone = not same or then.whole or (strictest.k > 1 and len(before) > MOST_TOLD)
        gone = gone or (strictest.k > 1 and not differing.isdisjoint(OF_HITS))
        gone = gone or (strictest.k > 1 and differ(of, counted.goals))
        # Nor what they tell beside who reached goals in cells of pairs, which was told without them.
        gone = gone or (strictest.k > 1 and _is_beside(of, [*due.new.values()], of_day))
        if not gone:
            count_later(of, due.new, of_day, before if strictest.k > 1 else {})
        _release(of, entry, due.new, sorted(differing), called, gone, now)

    with RELEASING:
        # Of what was added before visits may not have kept what it asks for, either.
        looked_up = [*due.new.values(), *(definition for _, grain, definition in told if grain)]
        _staging(store, SiteDay(counted.site, entry.day, strictest), looked_up, source)(release)


def _called(counted: AsCounted, site: Site) -> dict[str, str]:
    """By name the goals that the day has counted as they are defined now, as the staged day calls them."""
    last = {one.name: one.staged for one in counted.goals}
    then, now = counted.site.goal_definitions, site.goal_definitions
    return {name: staged for name, staged in last.items() if then[staged] == now.get(name)}


def _within(due: Due) -> dict[str, dict[str, str]]:
    """By grain of segments what the goals were by their names when these were counted."""
    goals = {**due.entry.goals}
    found = {"": {**goals}}
    for one in sorted(due.added, key=lambda one: one.number):
        goals |= one.goals
        if one.segments:
            found[one.grain] = {**goals}
    return found


def _is_beside(of: Batch, segments: list[str], day: OfDay) -> bool:
    """Whether the day tells who of cells of pairs reached goals which it would not have told beside these segments."""
    staged = {one.name: one.staged for one in day.goals if not one.grain}
    told, definitions = goals_told(of), of.days[0].site.goal_definitions
    if not told.issubset(staged) or mute(segments, with_goals(of)):
        return True
    return bool(parts(of, [segments], [[definitions[staged[name]] for name in sorted(told)]])[0])


def _counted(site: Site, due: Due, told: list[str]) -> AsCounted:
    """The day as it was counted, with the properties that segments ask for."""
    counted = as_counted(site, due.entry, due.added)
    asked = {
        part.name
        for definition in (*told, *due.new.values())
        for part in conditions_in(condition_of(definition))
        if isinstance(part, Sent)
    }
    return structs.replace(counted, site=structs.replace(counted.site, funnels=(), properties=(*sorted(asked),)))


def _staging(
    store: Store, of: SiteDay, segments: Sequence[str], source: str
) -> Callable[[Callable[[Batch, bool], None]], None]:
    """What stages the day again: from its raw rows, if a segment of these asks for what visits may not have kept."""
    if asks_for_raw(segments):
        return lambda then: stage_raw_again(store, of, then, source)
    return lambda then: stage_again(store, of, lambda batch: then(batch, True))


def _release(
    of: Batch,
    day: Entry,
    segments: Mapping[str, str],
    without: list[str],
    called: Mapping[str, str],
    gone: bool,
    now: float,
) -> None:
    """Release segments together: their rows, then their entry. gone: there are no rows, because it is not known who was
    in them. without: the dimensions by which they are not told. called: by name of a goal how the staged day calls
    it."""
    rules = of.days[0].rules
    entry = entry_beside(day, rules, now, gone, segments={**segments})
    given = {} if gone else {"without": without, "staged": [*called.values()], "names": [*called]}
    copying, *others = ("" if gone else _copying(family) for family in _FAMILIES)
    rows = add_to_day(of.store, _FAMILY, entry, copying, given, dict(zip(_FAMILIES[1:], others, strict=True)))
    log.info("segments_added", site=day.site, day=day.day.isoformat(), segments=len(segments), told=not gone, rows=rows)


def _copying(family: str) -> str:
    goal = "transform(toString(s.goal), {staged:Array(String)}, {names:Array(String)}, '')"
    named = {"goal": goal} if family == SEGMENT_GOALS.name else {}
    return f"""
    {into_late(family, **named)}
    WHERE site = {{site:String}} AND day = {{day:Date}} AND NOT has({{without:Array(String)}}, dimension)"""
