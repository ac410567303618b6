"""What waits of the days of a block is folded as if they were one day (rule N2).

In: rows of `waiting_*`. Out: rows in `staging_*`, of the block's first day. Promises: a value is among them only if it
waits on several days and has `k_late` visitor-days, and, one network taken away from each day, `late_others`; what
another block has released before is not in it. Which of these stay with what is hidden still, fold.py tells: whoever
takes the released values from a day's total, or from their parent's, learns of no fewer than k people.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import secrets
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from typing import Any

from msgspec import structs

from schema.dimensions import ELEMENT
from schema.event import PAGEVIEW
from schema.families import DECLARED, FAMILIES, OWN, WAITING
from schema.manifest import WEEK
from schema.measures import KINDS
from schema.pairs import PAIRS
from schema.site import Site
from schema.store import Store, StoreError

from ..insert import insert
from ..settings import SiteRules
from . import ends
from .batch import Batch, SiteDay
from .contributors import networks_of
from .declared import NAMED, named_by
from .fold import Candidate, WaitingSum, fold
from .parents import CHILDREN, EXCLUSIVE, PARENTS, depth, name_and_currency
from .publish import clear_staging
from .rule import Rule
from .scratch import TABLES, scratch
from .staging import stage
from .untold import fill_of_block

# What tells items apart that add up to a total: the dimension, and of goals, currencies and web vitals their name. The
# items are its values; where keys exclude one another, these: then the value stands in the group, behind the dimension.
Group = tuple[str, ...]
# A value of a dimension.
Value = tuple[str, str]
# At least so many days: what waits on one only would be released as that day's.
_LEAST_DAYS = 2


class Block(Batch, frozen=True, dict=True):
    """A batch of one site and the first day of the block. dates: the days that wait. week: the grain of rows of weeks
    within it. late: by which rules. changed: goals that were not the same on all of its days;
    changed_sections: the same of sections."""

    dates: tuple[dt.date, ...] = ()
    week: str = ""
    late: SiteRules = SiteRules(1, 0, "")
    changed: tuple[str, ...] = ()
    changed_sections: frozenset[str] = frozenset()

    @cached_property
    def waiting(self) -> tuple[str, ...]:
        """The families of which something waits: that tells what there is to release, not what is declared now."""
        mine = "site = {site:String} AND day IN {waits:Array(Date)}"
        each = (f"(SELECT '{family}' FROM waiting_{family} WHERE {mine} LIMIT 1)" for family in WAITING)
        given = {"site": self.days[0].site.key, "waits": list(self.dates)}
        found = {family for (family,) in self.store.rows(" UNION ALL ".join(each), given)}
        return tuple(family for family in WAITING if family in found)

    @property
    def has_goals(self) -> bool:
        return "conversions" in self.waiting

    def has(self, setting: str) -> bool:
        of_setting = (name for name, one in DECLARED.items() if one.counting and one.counting.setting == setting)
        return not {*of_setting}.isdisjoint(self.waiting)

    def has_rows(self, name: str) -> bool:
        """What would have been counted of days does not matter."""
        return True

    def binding(self) -> dict[str, Any]:
        # What is released is enough already; which of it has been chosen (`shown`) is asked all the same: with a k of 1
        # that would be everything.
        enough = {"ks": [2], "least_networks": [0]}
        waits = {"waits": list(self.dates), "week": self.week, "changed": list(self.changed)}
        return super().binding() | enough | waits


@contextlib.contextmanager
def staged_block(
    store: Store,
    site: Site,
    dates: Sequence[dt.date],
    first: dt.date,
    week: str,
    rules: SiteRules,
    changed: Sequence[str] = (),
    changed_sections: frozenset[str] = frozenset(),
) -> Iterator[Block]:
    """What a block may release, in `staging_*`, for as long as the context lasts. dates: its days that wait. week: the
    grain of weeks within it. rules: the strictest of its days. changed,
    changed_sections: goals and sections that were not the same on all of them."""
    of = Block(
        store,
        (SiteDay(site, first, structs.replace(rules, k=2, networks=1)),),
        secrets.token_hex(8),
        dates=tuple(dates),
        week=week,
        late=rules,
        changed=tuple(changed),
        changed_sections=changed_sections,
    )
    clear_staging(of)
    try:
        with scratch(of):
            _choose(of)
            stage(of)
        yield of
    finally:
        with contextlib.suppress(StoreError):
            clear_staging(of)


def _choose(of: Block) -> None:
    """Fill the scratch tables with what may be released."""
    cells = _released(of, "cells")
    # Of a section that was changed what the days have does not add up; left out, it is beside what stays hidden.
    values = {
        (group[0], value)
        for group, released in cells.items()
        for value in released
        if group[0] != "section" or value not in of.changed_sections
    }
    _fill(of, "cells", [(dimension, value, "", "") for dimension, value in sorted(values)])
    # Of a value that days show as a cell goals and web vitals may wait alone; one that stays hidden has none.
    waiting = set(of.store.rows(of.naming(f"SELECT DISTINCT dimension, value {_remaining('cells')}"), of.named))
    shown, told = set(values), list[tuple[str, ...]]()
    of_days = set() if NAMED.isdisjoint(of.waiting) else _shown_by_days(of)
    if not OWN.isdisjoint(of.waiting):
        fill_of_block(of, Rule(of.late.k_late, of.late.late_others))
    for family in [name for name in of.waiting if name not in ("cells", PAIRS.name, *OWN)]:
        # A key that names a value which stays hidden would tell of it; one that is told goes along with nobody.
        hidden, known = (waiting - values, values | of_days) if family in NAMED else (set(), set())
        released_of = _released(of, family, hidden=hidden, told=known)
        found = (_cell(family, group, item) for group, released in released_of.items() for item in released)
        rows = [cell for cell in found if cell[:2] in values or cell[:2] not in waiting]
        shown |= {(dimension, value) for dimension, value, *_ in rows}
        told += [(family, dimension, value, *keys) for dimension, value, *keys in rows]
        _fill(of, family, sorted(rows))
    told += [
        ("contributors", dimension, value, kind, "")
        for kind in KINDS
        for (dimension,), released in _released(of, "cells", kind, f"{kind}_others", always=True).items()
        for value in released
        if (dimension, value) in values and not ends.is_of_ends(kind, dimension)
    ]
    told += ends.told_of_block(of, values)
    _insert(of, "shown", ("family", "dimension", "value", "name", "currency"), sorted(told))
    _insert(of, "kept", ("dimension", "value"), sorted(shown))


def _insert(of: Block, table: str, columns: Sequence[str], rows: Sequence[tuple[str, ...]]) -> None:
    if rows:
        of.store.insert(of.scratch(table), ("d", *columns), [[0] * len(rows), *map(list, zip(*rows, strict=True))])


# -- which values --------------------------------------------------------------------------------------------------


def _group_and_item(family: str) -> tuple[tuple[str, ...], str]:
    """SQL for a row's group and item."""
    name, currency = name_and_currency(FAMILIES[family])
    apart, item = (("value", name), currency) if family in EXCLUSIVE else ((name, currency), "value")
    return ("dimension", *(sql for sql in apart if sql != "''")), item


def _cell(family: str, group: Group, item: str) -> tuple[str, str, str, str]:
    """The dimension, value, name and currency of an item."""
    dimension, *rest = group
    if family in EXCLUSIVE:
        value, name = (*rest, "")[:2]
        return dimension, value, name, item
    name, currency = (*rest, "", "")[:2]
    return dimension, item, name, currency


def _remaining(family: str) -> str:
    """SQL from FROM on for what waits and no week within the block has released."""
    keys = ", ".join(("dimension", "value", *FAMILIES[family].cell_keys))
    first = "{dates:Array(Date)}[1]"
    unchanged = "AND NOT has({changed:Array(String)}, toString(goal))" if family == "conversions" else ""
    return f"""
        FROM waiting_{family}
        WHERE site = {{sites:Array(String)}}[1] AND day IN {{waits:Array(Date)}} {unchanged}
            AND (toDate({first} + intDiv(day - {first}, {WEEK}) * {WEEK}), {keys}) NOT IN
            (
                SELECT day, {keys} FROM late_{family}
                WHERE site = {{sites:Array(String)}}[1] AND grain = {{week:String}}
            )"""


def _shown_by_days(of: Block) -> set[Value]:
    """The values that days of the block show, of dimensions that keys may be values of."""
    dimensions = {dimension for family in NAMED for dimension in named_by(family).values()}
    return set(
        of.store.rows(
            """SELECT DISTINCT dimension, value FROM released_cells
            WHERE site = {sites:Array(String)}[1] AND day IN {waits:Array(Date)} AND grain = 'day'
                AND dimension IN {named:Array(String)}""",
            of.named | {"named": sorted(dimensions)},
        )
    )


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
                    FROM (SELECT {its}, groupUniqArray(day) AS there {_remaining(family)} GROUP BY ALL) AS rows
                    INNER JOIN
                    (
                        SELECT toString(value) AS its_{key}, groupUniqArray(day) AS days {_remaining("cells")}
                            AND dimension = '{dimension}' GROUP BY its_{key}
                    ) AS wholes USING (its_{key})
                    WHERE NOT hasAll(there, days)
                )"""
            )
    return " AND ".join(found)


def _released(
    of: Block,
    family: str,
    people: str = "people",
    others: str = "others",
    always: bool = False,
    hidden: Collection[Value] = (),
    told: Collection[Value] = (),
) -> dict[Group, set[str]]:
    """The values that may be released, by what adds up to a total. people, others: the columns that are counted.
    always: as if something else was hidden, because not all that is waits. hidden, told: values of dimensions that keys
    of the family may be; which stay hidden, and which do not."""
    named = named_by(family)
    names = f"[{', '.join(f'any(toString({key}))' for key in named)}]" if named else "emptyArrayString()"
    columns, item = _group_and_item(family)
    group = ", ".join(columns)
    waits = f"{_remaining(family)} AND {people} > 0"
    late = {"least": of.late.k_late, "least_others": of.late.late_others, "least_days": _LEAST_DAYS}
    rows = of.store.rows(
        f"""SELECT {group}, {item}, {names}, groupArray(day), groupArray({people}), groupArray(parents) {waits}
        GROUP BY {group}, {item}
        HAVING sum({people}) >= {{least:UInt32}} AND sum({others}) >= {{least_others:UInt32}}
            AND count() >= {{least_days:UInt8}} AND {_whole(family)}""",
        of.named | late,
    )
    candidates: dict[Group, list[Candidate]] = defaultdict(list)
    for *key, value, names_of, days, counts, parents in rows:
        may_be = list(zip(named.values(), names_of, strict=True))
        if not {*may_be}.isdisjoint(hidden):
            continue
        known = family not in EXCLUSIVE and (not value or (key[0] == "event" and value == PAGEVIEW))
        known |= bool(may_be) and may_be[-1] in told and may_be[-1][1] == value
        if (family, key[0]) not in CHILDREN:
            parents = [()] * len(days)
        by_day = (dict(zip(days, each, strict=True)) for each in (counts, map(tuple, parents)))
        candidates[tuple(key)].append(Candidate(value, known, *by_day))
    parents_of = {PARENTS[dimension] for dimension, *_ in candidates if (family, dimension) in CHILDREN}
    waiting, above = _waiting(of, family, group, people, waits), _above(of, group, waits, parents_of)
    released: dict[Group, set[str]] = {}
    for group_of in sorted(candidates, key=lambda key: (depth(key[0]), key)):
        dimension, *rest = group_of
        pooled, untold = set(), set()
        if (family, dimension) in CHILDREN:
            parent, whole = (PARENTS[dimension], *rest), ("", *rest)
            found = released.get(parent, ())
            pooled = {(day, value) for day, value in above[parent] if value not in found}
            untold = set() if released.get(whole) else {day for day, _ in above[whole]}
        if dimension == ELEMENT.name:
            # What is told of a page that is not would tell the most of what its section hides.
            candidates[group_of] = [one for one in candidates[group_of] if not one.is_below(pooled)]
        among = candidates[group_of], waiting[group_of]
        released[group_of] = fold(*among, of.late.k, pooled, untold, always and dimension != "")
    return released


def _waiting(
    of: Block, family: str, group: str, people: str, waits: str
) -> dict[Group, dict[tuple[dt.date, str | None], WaitingSum]]:
    """What waits of each day, and of each parent on it."""
    found: dict[Group, dict[tuple[dt.date, str | None], WaitingSum]] = defaultdict(dict)
    for *key, day, values, visitors in of.store.rows(
        f"SELECT {group}, day, count(), sum({people}) {waits} GROUP BY {group}, day", of.named
    ):
        found[tuple(key)][day, None] = WaitingSum(values, visitors)
    children = of.store.rows(
        f"""SELECT {group}, day, parent, count(), sumIf({people}, value != '' AND length(parents) = 1)
        FROM (SELECT * {waits}) ARRAY JOIN parents AS parent GROUP BY {group}, day, parent""",
        of.named,
    )
    for *key, day, parent, values, visitors in children:
        if (family, key[0]) in CHILDREN:
            found[tuple(key)][day, parent] = WaitingSum(values, visitors)
    return found


def _above(of: Block, group: str, waits: str, dimensions: Collection[str]) -> dict[Group, set[tuple[dt.date, str]]]:
    """The values that wait of the whole site and of dimensions that others belong to, with their days."""
    found: dict[Group, set[tuple[dt.date, str]]] = defaultdict(set)
    above = {"above": ["", *dimensions]}
    for *key, day, value in of.store.rows(
        f"SELECT {group}, day, value {waits} AND dimension IN {{above:Array(String)}}", of.named | above
    ):
        found[tuple(key)].add((day, value))
    return found


# -- their numbers -------------------------------------------------------------------------------------------------

# Where a day has networks, a block has the visitors who are of another one than most.
_OTHERS_OF = {networks_of(""): "others"} | {networks_of(kind): f"{kind}_others" for kind in KINDS}


def _fill(of: Block, family: str, rows: Sequence[tuple[str, ...]]) -> None:
    """Add up what waits of these: dimension, value, and two keys, "" where the family has fewer."""
    if not rows:
        return
    columns = ("dimension", "value", "name", "currency")
    families = [[family] * len(rows), *map(list, zip(*rows, strict=True))]
    of.store.insert(of.scratch("hidden"), ("family", *columns), families)
    of.store.command(of.naming(_loading(family)), of.named)


def _loading(family: str) -> str:
    keys = ("dimension", "value", *FAMILIES[family].cell_keys)
    columns = {"d": "0"} | {key: key for key in keys}
    waiting = {column.name for column in WAITING[family]}
    for name, kind in TABLES[family].items():
        if kind == "Int64" and name not in keys:
            columns[name] = f"sum({name if name in waiting else _OTHERS_OF[name]})"
    if family == "vitals":
        columns["histogram"] = "groupArrayArray(histogram)"
    named = ", ".join(("dimension", "value", *name_and_currency(FAMILIES[family])))
    chosen = f"SELECT dimension, value, name, currency FROM {{hidden}} WHERE family = '{family}'"
    return f"""{insert(f"{{{family}}}", columns)} {_remaining(family)} AND ({named}) IN ({chosen})
        GROUP BY {", ".join(keys)}"""
