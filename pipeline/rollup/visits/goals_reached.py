"""Which goals the events of visits reached.

In: the scratch table `visits`. Out: `reached`, a row for each goal of an event. Goals are looked up anew in every run,
so one that is added counts for the open day from its beginning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from schema.dimensions import OTHER
from schema.event import ENGAGEMENT, PAGEVIEW
from schema.goal import Goal, SectionGoal
from schema.pattern import pattern_regex
from schema.visits import OF_VISITS

from ...insert import insert
from ...parallel import Statement
from ..batch import Batch
from ..sections import folder_of
from . import property_text
from .visit import OUTSIDE_OTHER

# The dimensions of an event that reached a goal: of each the column.
OF_REACHED = {"page": "path", "section": "section", "hostname": "hostname", "event": "name"}
_PARTS = ("name", "path", "hostname", "currency", "amount")
# What is of a visit and of its visitor; and all columns.
_OF_VISIT = ("d", "visitor", "network_number", "visit", "again", "came", *OF_VISITS)
COLUMNS = (*_OF_VISIT, "goal", "nth", *_PARTS, "section")
# What else goals may ask of an event: of each the array. place: among the events of the visit.
_ASKED = {"place": "arrayEnumerate(hits.name)", "sent": "hits.props"}
# How far a page was scrolled is said again by each report of it, and counts once for each page and host of a visit.
_READ = ("name", "path", "hostname", "''", "toInt64(0)")
_SCROLLED = "hits.name, hits.path, hits.hostname, hits.scroll"
# A visit as a whole reaches a goal once, with the last event that is no engagement report: the place of that one.
# Each event is one number for it: whether it is none, its place in the day, its index (of visits that have no places).
_CODED = f"if(n = '{ENGAGEMENT}', 0, bitShiftLeft(toUInt64(1), 63)) + bitShiftLeft(toUInt64(at), 32) + one"
_ENDS = f"""bitAnd(
    arrayMax(arrayMap((n, at, one) -> {_CODED}, hits.name, hits.place, arrayEnumerate(hits.name))), {2**32 - 1})"""


def filling_reached(of: Batch, sets: tuple[str, dict[str, Any]] | None = None) -> Statement:
    """The statement that fills `reached`. sets: what else than goals: SQL for the names of those that an event is in,
    and what it is bound to."""
    goals, read, named, asked = (sets[0], "", sets[1], []) if sets else _goals(of)
    lists = ", ".join((*(f"hits.{part}" for part in _PARTS), *(_ASKED[one] for one in asked)))
    found = f"arrayFlatten(arrayMap(({', '.join((*_PARTS, *asked))}) -> {_tuples(_PARTS, goals)}, {lists}))"
    if read:
        those = f"arrayMap((name, path, hostname, scroll) -> {_tuples(_READ, read)}, {_SCROLLED})"
        found = f"arrayConcat({found}, if(came, arrayDistinct(arrayFlatten({those})), []))"
    name = "one.1" if sets else "{goals:Array(String)}[one.1]"
    selected = {name: name for name in _OF_VISIT} | {"goal": name, "nth": "nth"}
    selected |= {part: f"one.{place}" for place, part in enumerate(_PARTS, start=2)}
    selected["section"] = of.section_of(selected["path"])
    visits = of.scratch("visits")
    if "place" in asked:
        visits = f"(SELECT *, {_ENDS} AS ends FROM {visits})"
    return (
        f"""{insert(of.scratch("reached"), selected)}
        FROM
        (
            SELECT {", ".join(_OF_VISIT)}, {found} AS reached
            FROM {visits}
        )
        ARRAY JOIN reached AS one, arrayEnumerateUniq(reached.1) AS nth""",
        of.named | named,
    )


def _tuples(parts: Sequence[str], goals: str) -> str:
    return f"arrayMap(g -> (g, {', '.join(parts)}), {goals})"


def _goals(of: Batch) -> tuple[str, str, dict[str, Any], list[str]]:
    """SQL for the places of the goals that an event reaches, from 1 on, for those that a depth does ("": there are
    none), the parameters, and what else is asked of the event."""
    # A year of one site has its goals once: the statement would be too long, and each event held against each of them.
    places: dict[Goal, list[int]] = {}
    for place, site_day in enumerate(of.days):
        for goal in site_day.site.counted_goals:
            places.setdefault(goal, []).append(place)
    named: dict[str, Any] = {"goals": [goal.name for goal in places]}
    tests: list[str] = []
    depths: list[str] = []
    for index, (goal, mine) in enumerate(places.items()):
        reached, bound = reaching(goal, f"goal_{index}")
        named |= bound
        which = f"has({mine}, d) AND " if len(mine) < len(of.days) else ""
        (depths if goal.scroll else tests).append(f"{index + 1} * ({which}{reached})")
    asked = [name for name, some in _ASKING.items() if any(map(some, places))]
    return _filtered(tests or ["0"]), _filtered(depths) if depths else "", named, asked


_ASKING: dict[str, Callable[[Goal], bool]] = {
    "place": lambda goal: bool(goal.duration),
    "sent": lambda goal: bool(goal.properties),
}


def _filtered(tests: Sequence[str]) -> str:
    return f"arrayFilter(g -> g > 0, [{', '.join(tests)}])"


def reaching(goal: Goal, prefix: str) -> tuple[str, dict[str, Any]]:
    """SQL for whether an event reaches a goal, and what it is bound to. It is over `name`, `path`, `currency`, and
    where the goal asks for it `sent`, `scroll`, or `place` and, of the visit, `seconds` and
    `ends`. prefix: of the parameters."""
    bound = {"is": goal.event}
    match goal.kind:
        case "event":
            bound["is"] = OUTSIDE_OTHER if goal.event == OTHER else goal.event
            tests = [f"name = {{{prefix}_is:String}}"]
        case "page":
            bound["is"] = goal.page_regex()
            tests = [f"name = '{PAGEVIEW}'", f"match(path, {{{prefix}_is:String}})"]
        case "scroll":
            bound = {"is": goal.page_regex()} if goal.page else {}
            tests = [f"name = '{ENGAGEMENT}'", f"scroll BETWEEN {goal.scroll} AND 100"]
            tests += [f"match(path, {{{prefix}_is:String}})"] if goal.page else []
        case "duration":
            return f"seconds >= {goal.duration} AND place = ends", {}
        case "revenue":
            return "currency != ''", {}
        case _:
            tests, bound = _in_section(goal, prefix)
    for nth, (name, value) in enumerate(sorted(goal.properties.items())):
        bound |= {f"property_{nth}": name}
        its_name = f"{{{prefix}_property_{nth}:String}}"
        if value == "*":
            tests.append(property_text.has("sent", its_name))
        else:
            bound |= {f"value_{nth}": value}
            tests.append(property_text.equals("sent", its_name, f"{{{prefix}_value_{nth}:String}}"))
    return " AND ".join(tests), {f"{prefix}_{name}": value for name, value in bound.items()}


def _in_section(goal: Goal, prefix: str) -> tuple[list[str], dict[str, str]]:
    # Those of a site say which pages their section has.
    assert isinstance(goal, SectionGoal)
    is_it = f"match(path, {{{prefix}_is:String}})" if goal.like else f"{folder_of('path')} = {{{prefix}_is:String}}"
    bound = {"is": pattern_regex(goal.like) if goal.like else goal.section}
    unlike = {f"not_{nth}": pattern_regex(pattern) for nth, pattern in enumerate(goal.unlike)}
    tests = [f"name = '{PAGEVIEW}'", is_it, *(f"NOT match(path, {{{prefix}_{name}:String}})" for name in unlike)]
    return tests, bound | unlike
