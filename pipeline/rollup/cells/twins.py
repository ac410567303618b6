"""Which conditions are met by nearly the same people as have one value of a dimension: twins.

In: visits, and which conditions each visitor meets: goals that he reached, segments that he is in. Out: conditions and
values that are twins. Promises: those who are in only one of the two are k people or more, from enough networks, or the
two are twins; so are a condition and a value if those are fewer who are in both, or in neither.

Two tables of twins, each by another dimension, tell the same row, and each would hide a companion of its own: whoever
reads both subtracts. So one of the two is told by what the other one is. Everybody who saw a page began there, and the
goal on it is the row of that page. This module alone says where that is so. Goals are told first; pairs are told beside
them (pairs/cells.py), and ways from entry to exit (moves.py); segments beside pairs and ways (segments/marks.py); what
is added to a released day beside all that it tells.

People are compared on the whole site, by whatever they did in the day: where few are in only one of the two there, few
are so by any dimension.
"""

from __future__ import annotations

import functools
import operator
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from ..batch import LEAST_NETWORKS, Batch, K
from ..rule import Rule
from .aggregate import EVERYBODY

# The bits of a mask.
BITS = 64
Value = Hashable
# A site-day and the name of a goal, or of a segment.
Condition = tuple[int, str]
# Of each its twins: dimensions and values.
Twins = Mapping[Condition, Sequence[tuple[str, Value]]]
# By dimension the values that it is told by; "" is the whole site.
ToldBy = Mapping[Condition, Mapping[str, Collection[str]]]


class Twin(Struct, frozen=True):
    """d: the place of the site-day. bit: of the condition."""

    d: int
    bit: int
    dimension: str
    value: Value


class Side(Struct):
    """How many people, and from which networks, as far as is asked for."""

    people: int = 0
    networks: set[int] = field(default_factory=set)

    def add(self, people: int, networks: Iterable[int]) -> None:
        self.people += people
        self.networks.update(networks)


class Values:
    """The people of one dimension on a day, by value, and by whether they meet a condition."""

    def __init__(self, bit: int) -> None:
        self._bit = bit
        # By value: all who have it, and those who have no other one, who may be fewer.
        self._all: defaultdict[tuple[Value, bool], Side] = defaultdict(Side)
        self._only: defaultdict[tuple[Value, bool], Side] = defaultdict(Side)

    def add(self, value: Value, mask: int, many: bool, people: int, networks: Collection[int]) -> None:
        """many: they have several visits."""
        key = value, bool(mask >> self._bit & 1)
        self._all[key].add(people, networks)
        if not many:
            self._only[key].add(people, networks)

    def twins(self, rule: Rule) -> list[Value]:
        each, only = (sorted(some, key=lambda key: -some[key].people) for some in (self._all, self._only))
        return [
            value
            for value in dict.fromkeys(value for value, _ in each)
            if self._is_part(value, each, rule)
            and any(not self._differ(value, meets, only, rule) for meets in (False, True))
        ]

    def _is_part(self, value: Value, largest: Sequence[tuple[Value, bool]], rule: Rule) -> bool:
        """Whether enough people have it, and enough another one. Of a value that all but few have pairs tell only what
        is of all visitors, too: of these goals are not twins."""
        mine, others = Side(), Side()
        for key in ((value, False), (value, True)):
            if key in self._all:
                mine.add(self._all[key].people, self._all[key].networks)
        for key in largest:
            if rule.enough(others.people, len(others.networks)):
                break
            if key[0] != value:
                others.add(self._all[key].people, self._all[key].networks)
        return all(rule.enough(side.people, len(side.networks)) for side in (mine, others))

    def _differ(self, value: Value, meets: bool, largest: Sequence[tuple[Value, bool]], rule: Rule) -> bool:
        """Whether those are enough who have the value and do not meet the condition, or the other way round. meets:
        the same of those who do not meet it."""
        differing = Side()
        if (value, meets) in self._all:
            mine = self._all[value, meets]
            differing.add(mine.people, mine.networks)
        for key in largest:
            if rule.enough(differing.people, len(differing.networks)):
                return True
            if key[0] != value and key[1] != meets:
                differing.add(self._only[key].people, self._only[key].networks)
        return rule.enough(differing.people, len(differing.networks))


def twins(
    of: Batch, bits: Sequence[int], visits: str, columns: Mapping[str, str], masks: str, given: Mapping[str, Any]
) -> list[Twin]:
    """Those of a batch. bits: of each site-day the conditions that are asked for. visits: SQL for a table or a
    subquery. columns: by dimension the SQL for its value. masks: SQL for (d, visitor, mask), of whom a condition holds;
    given: what that is bound to."""
    bits = [mine if of.days[d].rules.k > 1 else 0 for d, mine in enumerate(bits)]
    if not any(bits):
        return []
    left = _open(bits, columns, _rows(of, bits, _sampling(of, visits, columns, masks), given))
    bits = [_together(mine for (one, _), mine in left.items() if one == d) for d in range(len(of.days))]
    columns = {
        name: sql for name, sql in columns.items() if any(mine for (_, one), mine in left.items() if one == name)
    }
    found: defaultdict[tuple[int, str], list[tuple[Any, ...]]] = defaultdict(list)
    for d, dimension, *row in _rows(of, bits, _counting(visits, columns, masks), given) if any(bits) else ():
        found[d, dimension].append((*row,))
    return [
        Twin(d, bit, dimension, value)
        for (d, dimension), rows in found.items()
        for bit in _set(left[d, dimension])
        for value in _values(rows, bit).twins(Rule.of(of.days[d].rules))
    ]


def _rows(of: Batch, bits: Sequence[int], sql: str, given: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    return of.store.rows(of.naming(sql), of.named | {**given, "bits": [*bits]})


def _open(bits: Sequence[int], columns: Collection[str], many: Iterable[tuple[Any, ...]]) -> dict[tuple[int, str], int]:
    """By site-day and dimension the conditions of which there may be twins. There are none where of one value enough
    people meet it and enough do not: of any other value these lack the one, or the other. many: rows that are of enough
    people alone."""
    values: defaultdict[tuple[int, str, int, bool], set[Value]] = defaultdict(set)
    for d, dimension, value, mask, *_ in many:
        for bit in _set(bits[d]):
            values[d, dimension, bit, bool(mask >> bit & 1)].add(value)
    none: set[Value] = set()
    return {
        (d, dimension): _together(
            1 << bit
            for bit in _set(mine)
            if values.get((d, dimension, bit, True), none).isdisjoint(values.get((d, dimension, bit, False), none))
        )
        for d, mine in enumerate(bits)
        for dimension in columns
    }


def _set(bits: int) -> list[int]:
    return [bit for bit in range(BITS) if bits >> bit & 1]


def _together(each: Iterable[int]) -> int:
    return functools.reduce(operator.or_, each, 0)


def _values(rows: Sequence[tuple[Any, ...]], bit: int) -> Values:
    found = Values(bit)
    for row in rows:
        found.add(*row)
    return found


def _sampling(of: Batch, visits: str, columns: Mapping[str, str], masks: str) -> str:
    """The statement that finds rows that are of enough people alone, the first ones, among so many as find some."""
    [[many]] = of.store.rows(of.naming(f"SELECT count() FROM {visits}"))
    some = f"WHERE visitor % {1 + many // _SAMPLE} = 0"
    rows = f"(SELECT * FROM {visits} {some} AND NOT again)"
    return _counting(rows, columns, f"SELECT * FROM ({masks}) {some}") + _MANY


def _counting(visits: str, columns: Mapping[str, str], masks: str) -> str:
    """The statement that counts people by each value and by what they did."""
    names = [f"c{nth}" for nth in range(len(columns))]
    which = f"indexOf([{', '.join(f'grouping({name})' for name in names)}], 0)"
    sets = ", ".join(f"(d, mask, again, {name})" for name in names)
    return f"""
        SELECT d, {[*columns]}[{which}] AS dimension, [{", ".join(names)}][{which}] AS value, mask, again,
            {EVERYBODY} AS people, groupUniqArray({{networks}})(network_number) AS those
        FROM
        (
            SELECT d, visitor, network_number, again, bitAnd(m.mask, {_ASKED}) AS mask,
                {", ".join(f"{sql} AS {name}" for sql, name in zip(columns.values(), names, strict=True))}
            FROM {visits} AS v LEFT ANY JOIN ({masks}) AS m USING (d, visitor)
            WHERE came AND {_ASKED} != 0
        )
        GROUP BY GROUPING SETS ({sets})"""


_ASKED = "{bits:Array(UInt64)}[d + 1]"
# So many visits are enough to look at, where most conditions have no twin.
_SAMPLE = 20_000
_MANY = f"""
        HAVING people >= {K} AND length(those) >= {LEAST_NETWORKS}
        ORDER BY people DESC LIMIT 2 BY d, dimension, mask"""


# -- goals -----------------------------------------------------------------------------------------------------------

# Where goals are told of a day that is being released: (d, name, dimension, value).
GOALS = (
    "SELECT d, name, dimension, value FROM {shown} WHERE family = 'conversions' AND currency = '' "
    "AND (d, dimension, value) IN (SELECT d, dimension, value FROM {kept})"
)
_PLACE = "toInt32(indexOf({their_goals:Array(Array(String))}[d + 1], toString(goal))) - 1 - {first_goal:Int32}"
_REACHED = f"""
    SELECT d, visitor, groupBitOr(bitShiftLeft(toUInt64(1), place)) AS mask
    FROM (SELECT DISTINCT d, visitor, {_PLACE} AS place FROM {{reached}} WHERE came)
    WHERE place BETWEEN 0 AND {BITS - 1} GROUP BY d, visitor"""


def twins_of_goals(of: Batch, days: Collection[int], visits: str, columns: Mapping[str, str]) -> Twins:
    """Those of goals. days: the places of the site-days that are asked for."""
    names = [[goal.name for goal in of_day.site.goals] if d in days else [] for d, of_day in enumerate(of.days)]
    found: defaultdict[Condition, list[tuple[str, Value]]] = defaultdict(list)
    for first in range(0, max(map(len, names)), BITS):
        asked = [2 ** len(mine[first : first + BITS]) - 1 for mine in names]
        given = {"their_goals": names, "first_goal": first}
        for twin in twins(of, asked, visits, columns, _REACHED, given):
            found[twin.d, names[twin.d][first + twin.bit]].append((twin.dimension, twin.value))
    return {**found}


def told(of: Batch, sql: str, given: Mapping[str, Any]) -> ToldBy:
    """sql: for (d, name, dimension, value)."""
    found: defaultdict[Condition, defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for d, name, dimension, value in of.store.rows(of.naming(sql), of.named | {**given}):
        found[d, name][dimension].add(value)
    return {key: {**each} for key, each in found.items()}
