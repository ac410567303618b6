"""Which segments a visit is in (schema/segment.py).

In: conditions. Out: SQL over the columns of the scratch table `visits`, and what it is bound to. Promises: what the
settings name reaches SQL as bound values only; segments are looked up anew in every run, as goals are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from schema.dimensions import DIMENSIONS, OTHER
from schema.event import ENGAGEMENT
from schema.goal import goal_of
from schema.pattern import pattern_regex
from schema.segment import Condition, Did, Is, Joined, Sent, condition_of

from ..visits import property_text
from ..visits.goals_reached import reaching
from ..visits.visit import OUTSIDE_OTHER

# What a condition is, and what it is bound to.
Bound = tuple[str, dict[str, Any]]
_OF_PAGES = ("entry_page", "exit_page")
# Of an event, what it is asked for: by dimension the array, and which of them count.
_OF_EVENTS = {"hostname": ("hits.hostname", "true"), "event": ("hits.name", f"one != '{ENGAGEMENT}'")}
# So many terms of a sum are not yet too deep for a statement.
_MOST_SUMMED = 300
# As in a goal's test of an event.
_HIT = "(name, path, currency, sent, scroll)"
_HITS = "hits.name, hits.path, hits.currency, hits.props, hits.scroll"


def is_among(condition: Condition, prefix: str) -> Bound:
    """SQL for whether it holds for a visit. prefix: of the parameters."""
    match condition:
        case Joined(how, parts):
            return _joined(how, [is_among(part, f"{prefix}_{nth}") for nth, part in enumerate(parts)])
        case Is():
            return _is(condition, prefix)
        case Did(definition):
            return _did(definition, prefix)
        case Sent():
            return _sent(condition, prefix)


def _joined(how: str, parts: list[Bound]) -> Bound:
    named = {name: value for _, bound in parts for name, value in bound.items()}
    if how == "not":
        return f"NOT ({parts[0][0]})", named
    return f"({(' AND ' if how == 'all' else ' OR ').join(sql for sql, _ in parts)})", named


def _is(condition: Is, prefix: str) -> Bound:
    column, dimension = condition.dimension, DIMENSIONS[condition.dimension]
    if column in _OF_EVENTS:
        array, counts = _OF_EVENTS[column]
        test, named = _alike("one", condition.value, prefix)
        return f"arrayExists(one -> {counts} AND {test}, {array})", named
    if column in _OF_PAGES and condition.value:
        return f"match({column}, {{{prefix}:String}})", {prefix: pattern_regex(condition.value)}
    return _alike(dimension.name, condition.value, prefix)


def _alike(column: str, value: str, prefix: str) -> Bound:
    if "*" in value:
        pattern = f"^{'.*'.join(map(re.escape, value.split('*')))}$"
        return f"match({column}, {{{prefix}:String}})", {prefix: pattern}
    return f"{column} = {{{prefix}:String}}", {prefix: OUTSIDE_OTHER if value == OTHER else value}


def _did(definition: str, prefix: str) -> Bound:
    goal = goal_of("", definition)
    if goal.duration:
        return f"seconds >= {goal.duration}", {}
    test, named = reaching(goal, prefix)
    return f"arrayExists({_HIT} -> {test}, {_HITS})", named


def _sent(condition: Sent, prefix: str) -> Bound:
    name, value = f"{{{prefix}_name:String}}", f"{{{prefix}_is:String}}"
    named = {f"{prefix}_name": condition.name}
    if condition.value == "*":
        return f"arrayExists(sent -> {property_text.has('sent', name)}, hits.props)", named
    test = property_text.equals("sent", name, value)
    return f"arrayExists(sent -> {test}, hits.props)", named | {f"{prefix}_is": condition.value}


def marks(each: Sequence[Sequence[str]]) -> Bound:
    """SQL for a number with a bit for each condition that holds for a visit, of a row with the column `d`. each: of
    every site-day its conditions by their definitions, the first one of the lowest bit."""
    # Many days of one site ask the same: the statement would be too long.
    places: dict[tuple[str, int], list[int]] = {}
    for place, definitions in enumerate(each):
        for bit, definition in enumerate(definitions):
            places.setdefault((definition, bit), []).append(place)
    tests, named = ["toUInt64(0)"], dict[str, Any]()
    for index, ((definition, bit), mine) in enumerate(places.items()):
        test, bound = is_among(condition_of(definition), f"among_{index}")
        named |= bound
        which = f"has({mine}, d) AND " if len(mine) < len(each) else ""
        tests.append(f"bitShiftLeft(toUInt64({which}({test})), {bit})")
    return f"arraySum([{', '.join(tests)}])" if len(tests) > _MOST_SUMMED else " + ".join(tests), named
