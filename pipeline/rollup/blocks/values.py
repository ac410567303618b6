"""Which values of a block are released (rule N2).

In: rows of `waiting_*`. Out: values, by what adds up to a total. Promises: a value is among them only if it waits on
several days and has `k_late` visitor-days, and, one network taken away from each day, `late_others`; what another block
has released before is not among them. Which of these stay with what is hidden still, fold.py tells: whoever takes the
released values from a day's total, or from their parent's, learns of no fewer than k people.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from msgspec import Struct

from schema.dimensions import ELEMENT
from schema.event import PAGEVIEW
from schema.families import FAMILIES
from schema.store import Row

from ..block import Blocks, remaining
from ..cells.declared import named_by
from ..suppression.parents import CHILDREN, EXCLUSIVE, PARENTS, depth, name_and_currency
from .fold import Candidate, WaitingSum, fold

# What tells items apart that add up to a total: the dimension, and of goals, currencies and web vitals their name. The
# items are its values; where keys exclude one another, these: then the value stands in the group, behind the dimension.
Group = tuple[str, ...]
# A value of a dimension.
Value = tuple[str, str]
# By block values that are known of beforehand.
Known = Mapping[int, Collection[Value]]
_NOTHING: Known = MappingProxyType({})
# At least so many days: what waits on one only would be released as that day's.
_LEAST_DAYS = 2


# By block, which is called by its `d`.
Released = dict[int, dict[Group, set[str]]]
_ByGroup = defaultdict[int, defaultdict[Group, dict[tuple[dt.date, str | None], WaitingSum]]]


class Waiting(Struct, frozen=True):
    """What waits of a family. people, others: the columns that are counted."""

    of: Blocks
    family: str
    people: str = "people"
    others: str = "others"

    @property
    def group(self) -> str:
        """SQL for the block, and for what tells items of it apart."""
        return ", ".join(("d", *_group_and_item(self.family)[0]))

    @property
    def rows(self) -> str:
        """SQL from FROM on."""
        return f"{remaining(self.of, self.family)} AND {self.people} > 0"

    def candidates(self, hidden: Known, told: Known) -> dict[int, dict[Group, list[Candidate]]]:
        """The items that have enough. hidden, told: see `released_values`."""
        named = named_by(self.family)
        found: dict[int, dict[Group, list[Candidate]]] = defaultdict(lambda: defaultdict(list))
        for d, *key, value, names, days, counts, parents in self._enough([*named]):
            may_be = list(zip(named.values(), names, strict=True))
            if not {*may_be}.isdisjoint(hidden.get(d, ())):
                continue
            known = self.family not in EXCLUSIVE and (not value or (key[0] == "event" and value == PAGEVIEW))
            known |= bool(may_be) and may_be[-1] in told.get(d, ()) and may_be[-1][1] == value
            if (self.family, key[0]) not in CHILDREN:
                parents = [()] * len(days)
            by_day = (dict(zip(days, each, strict=True)) for each in (counts, map(tuple, parents)))
            found[d][tuple(key)].append(Candidate(value, known, *by_day))
        return found

    def _enough(self, named: Sequence[str]) -> list[Row]:
        """Items that wait on several days and have enough of them. named: keys whose values are wanted."""
        names = f"[{', '.join(f'any(toString({key}))' for key in named)}]" if named else "emptyArrayString()"
        item, rules = _group_and_item(self.family)[1], [block.rules for block in self.of.each]
        given = {"least": [one.k_late for one in rules], "least_others": [one.late_others for one in rules]}
        return self._ask(
            f"""SELECT {self.group}, {item}, {names}, groupArray(day), groupArray({self.people}), groupArray(parents)
            {self.rows}
            GROUP BY {self.group}, {item}
            HAVING sum({self.people}) >= {{least:Array(UInt32)}}[d + 1]
                AND sum({self.others}) >= {{least_others:Array(UInt32)}}[d + 1]
                AND count() >= {_LEAST_DAYS} AND {_whole(self.of, self.family)}""",
            given,
        )

    def sums(self) -> _ByGroup:
        """What waits of each day."""
        found: _ByGroup = defaultdict(lambda: defaultdict(dict))
        rows = f"SELECT {self.group}, day, count(), sum({self.people}) {self.rows} GROUP BY {self.group}, day"
        for d, *key, day, values, visitors in self._ask(rows):
            found[d][tuple(key)][day, None] = WaitingSum(values, visitors)
        return found

    def add_parents(self, found: _ByGroup) -> None:
        """The same of each parent on it."""
        children = self._ask(
            f"""SELECT {self.group}, day, parent, count(), sumIf({self.people}, value != '' AND length(parents) = 1)
            FROM (SELECT * {self.rows}) ARRAY JOIN parents AS parent GROUP BY {self.group}, day, parent"""
        )
        for d, *key, day, parent, values, visitors in children:
            if (self.family, key[0]) in CHILDREN:
                found[d][tuple(key)][day, parent] = WaitingSum(values, visitors)

    def above(self, dimensions: Collection[str]) -> dict[int, dict[Group, set[tuple[dt.date, str]]]]:
        """The values that wait of the whole site and of dimensions that others belong to, with their days."""
        found: dict[int, dict[Group, set[tuple[dt.date, str]]]] = defaultdict(lambda: defaultdict(set))
        for d, *key, day, value in self._ask(
            f"SELECT {self.group}, day, value {self.rows} AND dimension IN {{above:Array(String)}}",
            {"above": ["", *dimensions]},
        ):
            found[d][tuple(key)].add((day, value))
        return found

    def _ask(self, sql: str, more: Mapping[str, object] = MappingProxyType({})) -> list[Row]:
        return self.of.store.rows(self.of.naming(sql), {**self.of.named, **more})


def released_values(what: Waiting, always: bool = False, hidden: Known = _NOTHING, told: Known = _NOTHING) -> Released:
    """The values that may be released, of each block by what adds up to a total. always: as if something else was
    hidden, because not all that is waits. hidden, told: by block values of dimensions that keys of the family may be;
    which stay hidden, and which do not."""
    candidates = what.candidates(hidden, told)
    if not candidates:
        return {}
    with_parent = {group[0] for its in candidates.values() for group in its if (what.family, group[0]) in CHILDREN}
    waiting, above = what.sums(), what.above({PARENTS[name] for name in with_parent}) if with_parent else {}
    if with_parent:
        what.add_parents(waiting)
    return {
        d: _released(what.family, its, _Beside(waiting[d], above.get(d, {}), what.of.each[d].rules.k, always))
        for d, its in candidates.items()
    }


class _Beside(Struct, frozen=True):
    """What waits of a block beside candidates. above: what of the whole site, and of parents, by day."""

    waiting: Mapping[Group, Mapping[tuple[dt.date, str | None], WaitingSum]]
    above: Mapping[Group, Collection[tuple[dt.date, str]]]
    k: int
    always: bool


def _released(family: str, candidates: Mapping[Group, list[Candidate]], beside: _Beside) -> dict[Group, set[str]]:
    """Those of one block."""
    released: dict[Group, set[str]] = {}
    for group in sorted(candidates, key=lambda key: (depth(key[0]), key)):
        dimension, *rest = group
        pooled, untold = set[tuple[dt.date, str]](), set[dt.date]()
        if (family, dimension) in CHILDREN:
            parent, whole = (PARENTS[dimension], *rest), ("", *rest)
            found = released.get(parent, ())
            pooled = {(day, value) for day, value in beside.above.get(parent, ()) if value not in found}
            untold = set() if released.get(whole) else {day for day, _ in beside.above.get(whole, ())}
        among = candidates[group]
        if dimension == ELEMENT.name:
            # What is told of a page that is not would tell the most of what its section hides.
            among = [one for one in among if not one.is_below(pooled)]
        always = beside.always and dimension != ""
        released[group] = fold(among, beside.waiting[group], beside.k, pooled, untold, always)
    return released


def _group_and_item(family: str) -> tuple[tuple[str, ...], str]:
    """SQL for a row's group and item."""
    name, currency = name_and_currency(FAMILIES[family])
    apart, item = (("value", name), currency) if family in EXCLUSIVE else ((name, currency), "value")
    return ("dimension", *(sql for sql in apart if sql != "''")), item


def cell_of(family: str, group: Group, item: str) -> tuple[str, str, str, str]:
    """The dimension, value, name and currency of an item."""
    dimension, *rest = group
    if family in EXCLUSIVE:
        value, name = (*rest, "")[:2]
        return dimension, value, name, item
    name, currency = (*rest, "", "")[:2]
    return dimension, item, name, currency


def _whole(of: Blocks, family: str) -> str:
    """SQL for whether rows of keys that exclude one another are there on all days that wait of the value that they add
    up to: else that value would tell, less these, of the days without them."""
    counting = FAMILIES[family].counting
    if not counting:
        return "true"
    within = [key for key in counting.within if key != counting.part]
    found = ["true"]
    for key, dimension in counting.named.items():
        if key in within:
            its = ", ".join(f"toString({one}) AS its_{one}" for one in within)
            rows = f"SELECT d, {its}, groupUniqArray(day) AS there {remaining(of, family)} GROUP BY ALL"
            found.append(
                f"""(d, {", ".join(f"toString(any({one}))" for one in within)}) NOT IN
                (
                    SELECT d, {", ".join(f"its_{one}" for one in within)}
                    FROM ({rows}) AS rows
                    INNER JOIN
                    (
                        SELECT d, toString(value) AS its_{key}, groupUniqArray(day) AS days {remaining(of, "cells")}
                            AND dimension = '{dimension}' GROUP BY d, its_{key}
                    ) AS wholes USING (d, its_{key})
                    WHERE NOT hasAll(there, days)
                )"""
            )
    return " AND ".join(found)
