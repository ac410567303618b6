"""Segments that are nearly the visitors of one page, section, host or event: whoever reads both learns of the rest.

In: the scratch tables `marked` and `hits`. Out: the segments that are not shown. Promises: a segment is shown only if
of visits that touched a value and are not in it, that are in it and did not touch, that did both or neither, there are
enough people, or too few of which none follow.

What a visit touches are several values, which do not add up: of those by one value lines.py tells.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from schema.dimensions import OTHER

from ..batch import Batch
from ..sections import section_sql
from ..visits.hits import OF_HITS
from .marks import Marks

# A segment of a site-day: the place of the day, and its bit.
Bit = tuple[int, int]
# What both tell of, and nobody is in the one of: then the other one follows.
_OPPOSITE = (("touched", "inside"), ("both", "neither"))


class Count(Struct, frozen=True):
    """visits, and of how many people and networks they are at least."""

    visits: int
    people: int
    networks: int

    def less(self, *others: Count) -> Count:
        """What is left at least."""
        each = ((mine, *theirs) for mine, *theirs in zip(self._all(), *(one._all() for one in others), strict=True))
        return Count(*(max(0, first - sum(rest)) for first, *rest in each))

    def _all(self) -> tuple[int, int, int]:
        return self.visits, self.people, self.networks


def told_by_pages(
    of: Batch,
    marks: Sequence[Marks],
    told: Mapping[tuple[int, str], Collection[str]],
    sections: Mapping[str, str],
) -> set[Bit]:
    """The segments that are not shown. sections: such that are told beside those of the site, by name what they are."""
    found: set[Bit] = set()
    every = _everybody(of, marks)
    for dimension, touched, given in (*_dimensions(), *_sections(sections)):
        for d, bit, value, parts in _near(of, marks, touched, every, given):
            rules = of.days[d].rules
            few = {name for name, one in parts.items() if one.people < rules.k or one.networks < rules.least_networks}
            nobody = {name for name, one in parts.items() if not one.visits}
            if _tells(few - nobody, nobody, dimension in sections or value in told.get((d, dimension), ())):
                found.add((d, bit))
    return found


_TOUCHED = "SELECT DISTINCT d, visitor, visit, {} AS value FROM {{hits}} WHERE {}"


def _dimensions() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Of each kind of values a name, SQL for the visits that touched one, and what it is bound to."""
    for dimension, (column, which) in OF_HITS.items():
        yield dimension, _TOUCHED.format(f"toString({column})", which), {}


def _sections(sections: Mapping[str, str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for name, definition in sections.items():
        test, given = section_sql(definition, "page", "touched")
        _, which = OF_HITS["section"]
        sql = _TOUCHED.format("{touched_name:String}", f"{which} AND {test}")
        yield name, sql, given | {"touched_name": name}


def _tells(few: set[str], nobody: set[str], told: bool) -> bool:
    """Whether too few follow. told: whether there is a number of the value."""
    if told:
        pairs = (pair for one, other in _OPPOSITE for pair in ((one, other), (other, one)))
        return any(one in few and other in nobody for one, other in pairs)
    return any({*opposite} <= few | nobody for opposite in _OPPOSITE)


def _everybody(of: Batch, marks: Sequence[Marks]) -> dict[tuple[int, int], Count]:
    """Of each site-day and segment, -1 for all of it."""
    counted = "count(), uniqExact(visitor), uniqExact(network_number)"
    bits = f"arrayFilter(bit -> bit = -1 OR bitTest(mask, greatest(bit, 0)), range(-1, {_most(marks)}))"
    rows = of.store.rows(of.naming(f"SELECT d, arrayJoin({bits}) AS bit, {counted} FROM {{marked}} GROUP BY d, bit"))
    return {(d, bit): Count(*numbers) for d, bit, *numbers in rows}


def _near(
    of: Batch, marks: Sequence[Marks], touched: str, every: Mapping[tuple[int, int], Count], given: Mapping[str, Any]
) -> Iterator[tuple[int, int, str, dict[str, Count]]]:
    """Of values that may differ too little from a segment, or from the rest, the parts that visits fall into."""
    bits = f"arrayMap(bit -> bitTest(mask, bit), range({_most(marks)}))"
    joined = f"({touched}) AS t INNER JOIN {{marked}} AS m USING (d, visitor, visit) WHERE value != '{OTHER}'"
    # Nobody and no network has more visits than so many.
    [[most]] = of.store.rows(
        of.naming("SELECT max(visits) FROM (SELECT count() AS visits FROM {marked} GROUP BY d, network_number)")
    )
    near: list[tuple[int, str, int]] = []
    counting = f"SELECT d, value, count(), sumForEach({bits}) FROM {joined} GROUP BY d, value"
    rows = of.store.rows(of.naming(counting), {**given})
    for d, value, visits, among in rows:
        limit = of.days[d].rules.k * most
        for bit in range(marks[d].segments):
            inside = every[d, bit].visits if (d, bit) in every else 0
            rest = every[d, -1].visits - inside - visits + among[bit]
            if (visits - among[bit] < limit and inside - among[bit] < limit) or (among[bit] < limit and rest < limit):
                near.append((d, value, bit))
    for d, bit, value, both, alone in _counted(of, near, joined, given):
        if mine := every.get((d, bit)):
            neither = every[d, -1].less(mine, alone)
            yield d, bit, value, {"both": both, "touched": alone, "inside": mine.less(both), "neither": neither}


def _counted(
    of: Batch, near: Sequence[tuple[int, str, int]], joined: str, given: Mapping[str, Any]
) -> Iterator[tuple[int, int, str, Count, Count]]:
    """Of values and segments who touched and is in it, and who touched and is not."""
    if not near:
        return
    most = 1 + max(bit for *_, bit in near)
    numbers = ("countIf({})", "uniqExactIf(visitor, {})", "uniqExactIf(network_number, {})")
    counted = ", ".join(one.format(which) for which in ("among", "NOT among") for one in numbers)
    columns = dict(zip(("near_d", "near_value", "near_bit"), map(list, zip(*near, strict=True)), strict=True))
    asked = "arrayZip({near_d:Array(UInt16)}, {near_value:Array(String)}, {near_bit:Array(UInt8)})"
    values = "(d, value) IN arrayZip({near_d:Array(UInt16)}, {near_value:Array(String)})"
    for d, bit, value, *rest in of.store.rows(
        of.naming(
            f"""SELECT d, bit, value, {counted} FROM
            (
                SELECT d, value, visitor, network_number, mask, arrayJoin(range({most})) AS bit,
                    bitTest(mask, bit) AS among
                FROM {joined} AND {values}
            )
            WHERE (d, value, toUInt8(bit)) IN {asked} GROUP BY d, bit, value"""
        ),
        {**columns, **given},
    ):
        yield d, bit, value, Count(*rest[:3]), Count(*rest[3:])


def _most(marks: Sequence[Marks]) -> int:
    return max(one.segments for one in marks)
