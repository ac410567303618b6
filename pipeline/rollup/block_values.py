"""Which values of a block are released (rule N2).

In: rows of `waiting_*`. Out: values, by what adds up to a total. Promises: a value is among them only if it waits on
several days and has `k_late` visitor-days, and, one network taken away from each day, `late_others`; what another block
has released before is not among them. Which of these stay with what is hidden still, fold.py tells: whoever takes the
released values from a day's total, or from their parent's, learns of no fewer than k people.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Sequence

from msgspec import Struct

from schema.dimensions import ELEMENT
from schema.event import PAGEVIEW
from schema.families import FAMILIES
from schema.store import Row

from .block import Block, remaining
from .declared import named_by
from .fold import Candidate, WaitingSum, fold
from .parents import CHILDREN, EXCLUSIVE, PARENTS, depth, name_and_currency

# What tells items apart that add up to a total: the dimension, and of goals, currencies and web vitals their name. The
# items are its values; where keys exclude one another, these: then the value stands in the group, behind the dimension.
Group = tuple[str, ...]
# A value of a dimension.
Value = tuple[str, str]
# At least so many days: what waits on one only would be released as that day's.
_LEAST_DAYS = 2


class Waiting(Struct, frozen=True):
    """What waits of a family. people, others: the columns that are counted."""

    of: Block
    family: str
    people: str = "people"
    others: str = "others"

    @property
    def group(self) -> str:
        """SQL for what tells items apart."""
        return ", ".join(_group_and_item(self.family)[0])

    @property
    def rows(self) -> str:
        """SQL from FROM on."""
        return f"{remaining(self.family)} AND {self.people} > 0"

    def candidates(self, hidden: Collection[Value], told: Collection[Value]) -> dict[Group, list[Candidate]]:
        """The items that have enough. hidden, told: see `released_values`."""
        named = named_by(self.family)
        found: dict[Group, list[Candidate]] = defaultdict(list)
        for *key, value, names, days, counts, parents in self._enough([*named]):
            may_be = list(zip(named.values(), names, strict=True))
            if not {*may_be}.isdisjoint(hidden):
                continue
            known = self.family not in EXCLUSIVE and (not value or (key[0] == "event" and value == PAGEVIEW))
            known |= bool(may_be) and may_be[-1] in told and may_be[-1][1] == value
            if (self.family, key[0]) not in CHILDREN:
                parents = [()] * len(days)
            by_day = (dict(zip(days, each, strict=True)) for each in (counts, map(tuple, parents)))
            found[tuple(key)].append(Candidate(value, known, *by_day))
        return found

    def _enough(self, named: Sequence[str]) -> list[Row]:
        """Items that wait on several days and have enough of them. named: keys whose values are wanted."""
        names = f"[{', '.join(f'any(toString({key}))' for key in named)}]" if named else "emptyArrayString()"
        item, late = _group_and_item(self.family)[1], self.of.late
        given = {"least": late.k_late, "least_others": late.late_others, "least_days": _LEAST_DAYS}
        return self.of.store.rows(
            f"""SELECT {self.group}, {item}, {names}, groupArray(day), groupArray({self.people}), groupArray(parents)
            {self.rows}
            GROUP BY {self.group}, {item}
            HAVING sum({self.people}) >= {{least:UInt32}} AND sum({self.others}) >= {{least_others:UInt32}}
                AND count() >= {{least_days:UInt8}} AND {_whole(self.family)}""",
            self.of.named | given,
        )

    def sums(self) -> dict[Group, dict[tuple[dt.date, str | None], WaitingSum]]:
        """What waits of each day, and of each parent on it."""
        store, named, group, people = self.of.store, self.of.named, self.group, self.people
        found: dict[Group, dict[tuple[dt.date, str | None], WaitingSum]] = defaultdict(dict)
        for *key, day, values, visitors in store.rows(
            f"SELECT {group}, day, count(), sum({people}) {self.rows} GROUP BY {group}, day", named
        ):
            found[tuple(key)][day, None] = WaitingSum(values, visitors)
        children = store.rows(
            f"""SELECT {group}, day, parent, count(), sumIf({people}, value != '' AND length(parents) = 1)
            FROM (SELECT * {self.rows}) ARRAY JOIN parents AS parent GROUP BY {group}, day, parent""",
            named,
        )
        for *key, day, parent, values, visitors in children:
            if (self.family, key[0]) in CHILDREN:
                found[tuple(key)][day, parent] = WaitingSum(values, visitors)
        return found

    def above(self, dimensions: Collection[str]) -> dict[Group, set[tuple[dt.date, str]]]:
        """The values that wait of the whole site and of dimensions that others belong to, with their days."""
        found: dict[Group, set[tuple[dt.date, str]]] = defaultdict(set)
        for *key, day, value in self.of.store.rows(
            f"SELECT {self.group}, day, value {self.rows} AND dimension IN {{above:Array(String)}}",
            self.of.named | {"above": ["", *dimensions]},
        ):
            found[tuple(key)].add((day, value))
        return found


def released_values(
    what: Waiting, always: bool = False, hidden: Collection[Value] = (), told: Collection[Value] = ()
) -> dict[Group, set[str]]:
    """The values that may be released, by what adds up to a total. always: as if something else was hidden, because not
    all that is waits. hidden, told: values of dimensions that keys of the family may be; which stay hidden, and which
    do not."""
    candidates = what.candidates(hidden, told)
    with_parent = {dimension for dimension, *_ in candidates if (what.family, dimension) in CHILDREN}
    waiting, above = what.sums(), what.above({PARENTS[dimension] for dimension in with_parent})
    released: dict[Group, set[str]] = {}
    for group in sorted(candidates, key=lambda key: (depth(key[0]), key)):
        dimension, *rest = group
        pooled, untold = set(), set()
        if dimension in with_parent:
            parent, whole = (PARENTS[dimension], *rest), ("", *rest)
            found = released.get(parent, ())
            pooled = {(day, value) for day, value in above[parent] if value not in found}
            untold = set() if released.get(whole) else {day for day, _ in above[whole]}
        among = candidates[group]
        if dimension == ELEMENT.name:
            # What is told of a page that is not would tell the most of what its section hides.
            among = [one for one in among if not one.is_below(pooled)]
        released[group] = fold(among, waiting[group], what.of.late.k, pooled, untold, always and dimension != "")
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


def _whole(family: str) -> str:
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
            found.append(
                f"""({", ".join(f"toString(any({one}))" for one in within)}) NOT IN
                (
                    SELECT {", ".join(f"its_{one}" for one in within)}
                    FROM (SELECT {its}, groupUniqArray(day) AS there {remaining(family)} GROUP BY ALL) AS rows
                    INNER JOIN
                    (
                        SELECT toString(value) AS its_{key}, groupUniqArray(day) AS days {remaining("cells")}
                            AND dimension = '{dimension}' GROUP BY its_{key}
                    ) AS wholes USING (its_{key})
                    WHERE NOT hasAll(there, days)
                )"""
            )
    return " AND ".join(found)
