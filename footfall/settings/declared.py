"""What a site declares, in words: goals, funnels, sections, segments, pairs, properties.

In: a site. Out: of each thing its name, what it counts in words, and its definition as the manifest keeps it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from schema.funnel import Funnel
from schema.goal import Goal
from schema.site import Site

Thing = tuple[str, str, str]
NOT_YET = "the next day that closes"


def things_of(name: str, site: Site) -> Iterator[Thing]:
    """What stands in a field of a site."""
    return DECLARED[name](site)


def _goals(site: Site) -> Iterator[Thing]:
    return ((goal.name, goal_in_words(goal), site.goal_definitions[goal.name]) for goal in site.goals)


def _funnels(site: Site) -> Iterator[Thing]:
    return ((one.name, funnel_in_words(one), site.funnel_definitions[one.name]) for one in site.funnels)


def _sections(site: Site) -> Iterator[Thing]:
    return ((name, f"pages like {pattern}", site.section_definitions[name]) for name, pattern in site.sections.items())


def _segments(site: Site) -> Iterator[Thing]:
    return ((one.name, where_in_words(one.where), site.segment_definitions[one.name]) for one in site.segments)


def _pairs(site: Site) -> Iterator[Thing]:
    return ((pair.name, "", "") for pair in site.crossed)


def _properties(site: Site) -> Iterator[Thing]:
    return ((name, "", "") for name in site.properties)


# By the field of a site.
DECLARED: Mapping[str, Callable[[Site], Iterator[Thing]]] = {
    "goals": _goals,
    "funnels": _funnels,
    "sections": _sections,
    "segments": _segments,
    "pairs": _pairs,
    "properties": _properties,
}


def goal_in_words(goal: Goal) -> str:
    """What reaches it."""
    kinds = {
        "event": f"event {goal.event}",
        "page": f"a page like {goal.page}",
        "section": f"a page of {goal.section}",
        "scroll": f"{goal.scroll} percent of {f'a page like {goal.page}' if goal.page else 'any page'} scrolled",
        "duration": f"a visit of {goal.duration} seconds",
        "revenue": "any event with an amount",
    }
    asked = " and ".join(f"{name} = {value}" for name, value in goal.properties.items())
    return kinds[goal.kind] + (f" where {asked}" if asked else "")


def funnel_in_words(funnel: Funnel) -> str:
    """Its steps, in their order."""
    steps = " → ".join(f"{step.kind} {step.wanted}" for step in funnel.steps)
    return f"{steps} ({funnel.order}, within a {funnel.within})"


def where_in_words(where: Mapping[str, Any]) -> str:
    """The conditions of a segment, joined as they are written."""
    return " and ".join(_condition(key, wanted) for key, wanted in where.items())


def _condition(key: str, wanted: Any) -> str:
    if key == "not":
        return f"not ({where_in_words(wanted)})"
    if key in ("all", "any"):
        joined = " and " if key == "all" else " or "
        return f"({joined.join(where_in_words(one) for one in wanted)})"
    if isinstance(wanted, Mapping):
        return " and ".join(_condition(f"{key}.{name}", one) for name, one in wanted.items())
    values: Sequence[str] = wanted if isinstance(wanted, (list, tuple)) else (wanted,)
    return f"{key} = {' or '.join(one or '(none)' for one in values)}"
