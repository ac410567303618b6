"""Sections that are added to a released day, as sets of pages: who saw one, and with what else it has pages in common.

In: a day that is staged again by the sections it was released with, definitions of others. Out: their page views in
`reached`, as if they were goals; whether one may be released beside what is told already. Promises: whoever compares it
with sections and goals on pages of the day, those that were added among them, learns of nobody, or of k people of as
many networks as rule N4 asks for: of people, visits and page views (rollup/added/goal_differences.py). Sets that have
no page in common, nor any that is in between, are not compared: the day tells of sections that do not meet, too.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct, structs

from schema.event import PAGEVIEW
from schema.goal import JSON, goal_of
from schema.site import pattern_regex

from ...insert import insert
from ..batch import Batch
from ..sections import section_sql
from ..visits.goals_reached import filling_reached, reaching
from .counted_before import CountedBefore, released
from .goal_differences import splits_hidden
from .small_differences import differing, few_beside

# What sections of the day are called in `reached`, and steps of funnels: before their value or place.
_OF_DAY, _STEP = "day ", "step "
_VIEWED = f"name = '{PAGEVIEW}'"
_VIEWS = dict.fromkeys(("of_dimension", "of_value", "dimension", "value", "currency"), "''")
_VIEWS |= {"goal": "goal", "visitor": "visitor", "network": "any(network_number)"}
_VIEWS |= {"number": "count()", "visits": "countIf(nth = 1)"}


class Seen(Struct, frozen=True):
    """Of how many people and networks a section is, in how many visits and page views."""

    people: int
    networks: int
    visits: int
    views: int


def fill(of: Batch, definitions: Mapping[str, str], steps: Sequence[tuple[str, str]] = ()) -> None:
    """Add page views to `reached`: of every section of the day, of others by name their definition, and of steps of
    funnels, each a kind and what it names."""
    given: dict[str, Any] = {}
    tests = [f"concat('{_OF_DAY}', {of.section_of('path')})"]
    for index, (name, definition) in enumerate(definitions.items()):
        sql, bound = section_sql(definition, "path", f"set_{index}")
        given |= bound | {f"set_{index}_name": name}
        tests.append(f"if({sql}, {{set_{index}_name:String}}, '')")
    for index, (kind, wanted) in enumerate(steps):
        if kind == JSON:
            # What else it asks for makes it no other pages.
            goal = structs.replace(goal_of("", f"{JSON}:{wanted}"), properties={})
            is_of, bound = reaching(goal, f"step_{index}")
        else:
            bound = {f"step_{index}_is": wanted if kind == "section" else pattern_regex(wanted)}
            column = f"{{step_{index}_is:String}}"
            is_of = f"{of.section_of('path')} = {column}" if kind == "section" else f"match(path, {column})"
        given |= bound
        tests.append(f"if({is_of}, '{_STEP}{index}', '')")
    sets = f"if(name = '{PAGEVIEW}', arrayFilter(one -> one != '', [{', '.join(tests)}]), [])"
    of.store.command(*filling_reached(of, (sets, of.named | given)))


@contextlib.contextmanager
def views(of: Batch) -> Iterator[None]:
    """Who saw which set, how often and in how many visits, in a table for as long as the context lasts."""
    kinds = "of_dimension String, of_value String, dimension String, value String, goal String, currency String, "
    kinds += "visitor UInt64, network UInt64, number Int64, visits Int64"
    try:
        of.create("views", kinds)
        of.store.command(
            of.naming(f"{insert('{views}', _VIEWS)} FROM {{reached}} WHERE {_VIEWED} GROUP BY goal, visitor"), of.named
        )
        yield
    finally:
        of.store.command(f"DROP TABLE IF EXISTS {of.scratch('views')} SYNC")


def seen(of: Batch, name: str) -> Seen:
    """The numbers of a set."""
    counted = "uniqExact(visitor), uniqExact(network_number), countIf(nth = 1), count()"
    rows = of.store.rows(of.naming(f"SELECT {counted} FROM {{reached}} WHERE goal = {{name:String}}"), {"name": name})
    return Seen(*rows[0])


def tells_too_much(of: Batch, new: str, known: Sequence[CountedBefore]) -> bool:
    """Whether a set may not be released, beside the sections of the day, its pages and all visitors. known: goals on
    pages, and sections that were added, that were there before."""
    if of.days[0].rules.k == 1:
        return False
    near = _meeting(of, new)
    if any(name.startswith(_STEP) for name in near):
        # Of whom funnels tell was decided while nobody knew of the set (rollup/suppression/funnel_drops.py).
        return True
    mine = [one for one in known if one.staged in near]
    days = sorted(name for name in near if name.startswith(_OF_DAY))
    mine += [CountedBefore(name, name.removeprefix(_OF_DAY), is_section=True) for name in days]
    with released(of, mine):
        if few_beside(of, new) or splits_hidden(of, new):
            return True
        return any(differing(of, new, mine, "{views}", "", number) for number in ("number", "visits"))


def _meeting(of: Batch, new: str) -> set[str]:
    """What a set has pages in common with, and what these have some with, and so on."""
    each = "SELECT arraySort(groupUniqArray(toString(goal))) AS sets FROM {reached} WHERE " + _VIEWED + " GROUP BY path"
    together = [set(sets) for (sets,) in of.store.rows(of.naming(f"SELECT DISTINCT sets FROM ({each})"))]
    near, before = {new}, set[str]()
    while near != before:
        before = set(near)
        near = near.union(*(sets for sets in together if sets & near))
    return near - {new}
