"""What a released day tells already, so that what is added to it can be held against it (rule N6).

In: the day's entry, those that added something to it, a site. Out: the site by which the day is staged again, in which
each goal and funnel has its place as its name, because two may have had one; and what each of them is called in rows
that are released. Promises: what is counted again is what the entries name, whatever the settings say by now.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct, structs

from schema.event import PAGEVIEW
from schema.funnel import Funnel, Step
from schema.goal import JSON, Goal
from schema.manifest import ADDED
from schema.segment import Did, Sent, condition_of, conditions_in
from schema.site import Site, goal_of

from ..manifest import Entry
from ..rollup.added.counted_before import CountedBefore
from ..settings import SiteRules

# Of goals that are steps and nothing else.
_STEP = "step "


class AsCounted(Struct, frozen=True):
    """site: of the staged day. goals, funnels: those that were counted. properties: by name their grain, "" where they
    were released with the day. sections: those that were added to it, by their name in the staged day."""

    site: Site
    goals: tuple[CountedBefore, ...]
    funnels: tuple[CountedBefore, ...]
    properties: dict[str, str]
    sections: dict[str, str]


def as_counted(
    site: Site,
    day: Entry,
    added: Sequence[Entry],
    funnels: Mapping[str, str] | None = None,
    properties: Sequence[str] = (),
) -> AsCounted:
    """funnels: new ones, by the name that they have in the staged day their definition. properties: new ones."""
    told = (day, *added)
    goals = [(str(place), *one) for place, one in enumerate(_named((entry, entry.goals) for entry in told))]
    steps = [(f"old {place}", *one) for place, one in enumerate(_named((entry, entry.funnels) for entry in told))]
    known = {name: grain for entry in told for name, grain in zip(entry.properties, _grains(entry), strict=False)}
    counted = {staged: definition for staged, _, definition, _ in steps} | dict(funnels or {})
    staged_goals = {staged: definition for staged, _, definition, _ in goals}
    staged_goals |= {
        f"{_STEP}{place}": one for place, one in enumerate(_only_steps(counted.values(), staged_goals.values()))
    }
    called = {definition: staged for staged, definition in staged_goals.items()}
    return AsCounted(
        structs.replace(
            site,
            goals=tuple(goal_of(staged, definition) for staged, definition in staged_goals.items()),
            funnels=tuple(_funnel_of(staged, definition, called) for staged, definition in counted.items()),
            segments=(),
            journeys=False,
            sections=day.patterns if day.knows_sections else site.sections,
            properties=(*known, *(name for name in properties if name not in known)),
        ),
        tuple(CountedBefore(staged, name, grain) for staged, name, _, grain in goals),
        tuple(CountedBefore(staged, name, grain) for staged, name, _, grain in steps),
        known,
        {
            f"section {place}": definition
            for place, (_, definition, _) in enumerate(_named((one, one.sections) for one in added))
        },
    )


def is_comparable(rules: SiteRules, day: Entry, added: Iterable[Entry]) -> bool:
    """Whether what is new can be held against all that the day tells: not against segments, which are any people."""
    return stricter(rules, day).k == 1 or not segments_of(day, added)


def segments_of(day: Entry, added: Iterable[Entry]) -> list[tuple[str, str, str]]:
    """The segments of which the day may tell, each its name, the grain of its rows, "" where it was released with the
    day, and its definition."""
    told = (day, *(one for one in added if one.rows))
    return [(name, grain, definition) for name, definition, grain in _named((one, one.segments) for one in told)]


def asks_for_raw(definitions: Iterable[str]) -> bool:
    """Whether a segment of these asks for what visits may not have kept."""
    parts = (part for definition in definitions for part in conditions_in(condition_of(definition)))
    return any(
        isinstance(one, Sent) or (isinstance(one, Did) and not goal_of("", one.definition).has_past) for one in parts
    )


def stricter(rules: SiteRules, day: Entry) -> SiteRules:
    """The stricter of the day's rules and those of now."""
    return structs.replace(rules, k=max(rules.k, day.k), networks=max(rules.least_networks, day.networks))


def steps_of(day: Entry, added: Iterable[Entry] = ()) -> list[tuple[str, str]]:
    """The steps of all funnels of a day: each a kind and what it names."""
    definitions = (definition for entry in (day, *added) for definition in entry.funnels.values())
    return [(kind, wanted) for definition in definitions for kind, wanted in json.loads(definition)[2]]


def events_of_steps(funnels: Iterable[Funnel], goals: Mapping[str, Goal]) -> list[tuple[str, str]]:
    """Each funnel with the names of events that are steps of it, "" where a step is of any. goals: by name."""
    found: dict[tuple[str, str], None] = {}
    for funnel in funnels:
        for step in funnel.steps:
            goal = goals.get(step.goal)
            pages = step.page or step.section or (goal and goal.of_pages)
            found[funnel.name, PAGEVIEW if pages else step.event or (goal.event if goal else "")] = None
    return [*found]


def _named(each: Iterable[tuple[Entry, Mapping[str, str]]]) -> Iterator[tuple[str, str, str]]:
    """The name, definition and grain of each, "" where it was released with the day."""
    for entry, named in each:
        for name, definition in named.items():
            yield name, definition, _grains(entry)[0]


def _grains(entry: Entry) -> list[str]:
    return [entry.grain if entry.span == ADDED else ""] * max(1, len(entry.properties))


def _only_steps(funnels: Iterable[str], goals: Iterable[str]) -> list[str]:
    """The definitions of goals that are steps of funnels, and are not counted by themselves."""
    steps = (step for definition in funnels for step in json.loads(definition)[2])
    known = {*goals}
    return [
        one for one in dict.fromkeys(f"{JSON}:{wanted}" for kind, wanted in steps if kind == JSON) if one not in known
    ]


def _funnel_of(name: str, definition: str, goals: Mapping[str, str]) -> Funnel:
    """goals: by definition what a goal is called."""
    order, within, steps = json.loads(definition)
    of_steps: list[dict[str, Any]] = [
        {"goal": goals[f"{JSON}:{wanted}"]} if kind == JSON else {kind: wanted} for kind, wanted in steps
    ]
    return Funnel(name, tuple(Step(**one) for one in of_steps), order, within)
