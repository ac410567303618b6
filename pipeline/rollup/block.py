"""What waits of the days of a block is folded as if they were one day (rule N2).

In: rows of `waiting_*`. Out: rows in `staging_*`, of the block's first day. Promises: a value is among them only if it
waits on several days and has `k_late` visitor-days, and, one network taken away from each day, `late_others`; what
another block has released before is not in it. What stays hidden is, on each day, nothing, or two values or more and
together k people or more: so whoever takes the released values from a day's total learns of no fewer.

Who is behind several values nobody knows any more. So where anything stays hidden, the smallest value that could be
released stays with it, whatever the others add up to.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import secrets
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from msgspec import Struct, structs

from schema.event import PAGEVIEW
from schema.families import WAITING
from schema.manifest import WEEK
from schema.measures import KINDS
from schema.site import Site
from schema.store import Store, StoreError

from ..insert import insert
from ..settings import SiteRules
from .batch import Batch, SiteDay
from .contributors import networks_of
from .publish import clear_staging
from .scratch import TABLES, scratch
from .suppress import stage
from .waiting import KEYS

# What tells values apart that add up to a total: the dimension, and of goals, currencies and web vitals their name.
Group = tuple[str, ...]
# At least so many days: what waits on one only would be released as that day's.
_LEAST_DAYS = 2


class Block(Batch, frozen=True, dict=True):
    """A batch of one site and the first day of the block. dates: the days that wait. week: the grain of rows of weeks
    within it. late: by which rules. changed: goals that were not the same on all of its days."""

    dates: tuple[dt.date, ...] = ()
    week: str = ""
    late: SiteRules = SiteRules(1, 0, "")
    changed: tuple[str, ...] = ()

    @property
    def has_goals(self) -> bool:
        """What waits tells, not what is declared now."""
        return True

    @cached_property
    def named(self) -> dict[str, Any]:
        # What is released is enough already: the statements that stage it need not ask again.
        enough = {"ks": [1], "least_networks": [0]}
        waits = {"waits": list(self.dates), "week": self.week, "changed": list(self.changed)}
        return {**Batch.named.func(self), **enough, **waits}  # type: ignore[attr-defined]


class Candidate(Struct, frozen=True):
    """A value that has enough. known: that it has somebody is no secret, such as the page views, or those of no
    campaign. people: by day."""

    value: str
    known: bool
    people: dict[dt.date, int]

    @property
    def size(self) -> tuple[bool, int, str]:
        """The smallest comes first; what is known last."""
        return self.known, sum(self.people.values()), self.value


@contextlib.contextmanager
def staged_block(
    store: Store,
    site: Site,
    dates: Sequence[dt.date],
    first: dt.date,
    week: str,
    rules: SiteRules,
    changed: Sequence[str] = (),
) -> Iterator[Block]:
    """What a block may release, in `staging_*`, for as long as the context lasts. dates: its days that wait. week: the
    grain of weeks within it. rules: the strictest of its days. changed: goals that were not the same on all of them."""
    of = Block(
        store,
        (SiteDay(site, first, structs.replace(rules, k=2, networks=1)),),
        secrets.token_hex(8),
        dates=tuple(dates),
        week=week,
        late=rules,
        changed=tuple(changed),
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
    cells = _released(of, "cells", "people", "others")
    values = {(group[0], value) for group, released in cells.items() for value in released}
    _fill(of, "cells", [(dimension, value, "", "") for dimension, value in sorted(values)])
    # Of a value that days show as a cell goals and web vitals may wait alone; one that stays hidden has none.
    waiting = set(of.store.rows(of.naming(f"SELECT DISTINCT dimension, value {_remaining('cells')}"), of.named))
    shown = set(values)
    for family in ("conversions", "vitals"):
        found = _released(of, family, "people", "others")
        rows = [
            (group[0], value, *(*group[1:], "")[:2])
            for group, released in found.items()
            for value in released
            if (group[0], value) in values or (group[0], value) not in waiting
        ]
        shown |= {(dimension, value) for dimension, value, *_ in rows}
        _fill(of, family, sorted(rows))
    kinds = [
        (dimension, value, kind)
        for kind in KINDS
        for (dimension,), released in _released(of, "cells", kind, f"{kind}_others", always=True).items()
        for value in released
        if (dimension, value) in values
    ]
    _insert(of, "contributed", ("dimension", "value", "kind"), sorted(kinds))
    _insert(of, "kept", ("dimension", "value"), sorted(shown))
    _insert(of, "values", ("dimension", "value", "state"), [(*one, "enough") for one in sorted(shown)])


def _insert(of: Block, table: str, columns: Sequence[str], rows: Sequence[tuple[str, ...]]) -> None:
    if rows:
        of.store.insert(of.scratch(table), ("d", *columns), [[0] * len(rows), *map(list, zip(*rows, strict=True))])


# -- which values --------------------------------------------------------------------------------------------------


def _remaining(family: str) -> str:
    """SQL from FROM on for what waits and no week within the block has released."""
    keys = ", ".join(("dimension", "value", *KEYS[family]))
    first = "{dates:Array(Date)}[1]"
    unchanged = "AND NOT has({changed:Array(String)}, toString(goal))" if "goal" in KEYS[family] else ""
    return f"""
        FROM waiting_{family}
        WHERE site = {{sites:Array(String)}}[1] AND day IN {{waits:Array(Date)}} {unchanged}
            AND (toDate({first} + intDiv(day - {first}, {WEEK}) * {WEEK}), {keys}) NOT IN
            (
                SELECT day, {keys} FROM late_{family}
                WHERE site = {{sites:Array(String)}}[1] AND grain = {{week:String}}
            )"""


def _released(of: Block, family: str, people: str, others: str, always: bool = False) -> dict[Group, set[str]]:
    """The values that may be released, by what adds up to a total. people, others: the columns that are counted.
    always: as if something else was hidden, because not all that is waits."""
    group = ", ".join(("dimension", *KEYS[family]))
    waits = f"{_remaining(family)} AND {people} > 0"
    late = {"least": of.late.k_late, "least_others": of.late.late_others, "least_days": _LEAST_DAYS}
    rows = of.store.rows(
        f"""SELECT {group}, value, groupArray(day), groupArray({people}) {waits} GROUP BY {group}, value
        HAVING sum({people}) >= {{least:UInt32}} AND sum({others}) >= {{least_others:UInt32}}
            AND count() >= {{least_days:UInt8}}""",
        of.named | late,
    )
    candidates: dict[Group, list[Candidate]] = defaultdict(list)
    for *key, value, days, counts in rows:
        known = not value or (key[0] == "event" and value == PAGEVIEW)
        candidates[tuple(key)].append(Candidate(value, known, dict(zip(days, counts, strict=True))))
    totals: dict[Group, dict[dt.date, tuple[int, int]]] = defaultdict(dict)
    for *key, day, values, visitors in of.store.rows(
        f"SELECT {group}, day, count(), sum({people}) {waits} GROUP BY {group}, day", of.named
    ):
        totals[tuple(key)][day] = values, visitors
    return {
        key: fold(found, totals[key], of.late.k, always and key[0] != "") for key, found in sorted(candidates.items())
    }


def fold(
    candidates: Sequence[Candidate], totals: dict[dt.date, tuple[int, int]], k: int, always: bool = False
) -> set[str]:
    """Of values that have enough those that are released. totals: how many values wait of each day, and their visitors
    added up. Where anything stays hidden, the smallest stays with it; and of a day on which what stays hidden would be
    one value, or fewer than k people, the smallest that waits on it. always: the first also where nothing is."""
    released = {one.value: one for one in sorted(candidates, key=lambda one: one.size)}
    values, people = Counter[dt.date](), Counter[dt.date]()
    for day, (many, visitors) in totals.items():
        values[day], people[day] = many, visitors
    for one in candidates:
        values.subtract(one.people.keys())
        people.subtract(one.people)

    def hold_back(one: Candidate) -> bool:
        """Whether that is enough: with the known ones alone it would tell of those that are rare."""
        del released[one.value]
        values.update(one.people.keys())
        people.update(one.people)
        return not one.known

    if (always or any(values.values())) and released and not hold_back(next(iter(released.values()))):
        return set()
    while True:
        bad = [day for day, many in values.items() if many and (many < 2 or people[day] < k)]
        smallest = next((one for one in released.values() if any(day in one.people for day in bad)), None)
        if smallest is None:
            return set(released)
        if not hold_back(smallest):
            return set()


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
    keys = ("dimension", "value", *KEYS[family])
    columns = {"d": "0"} | {key: key for key in keys}
    waiting = {column.name for column in WAITING[family]}
    for name, kind in TABLES[family].items():
        if kind == "Int64":
            columns[name] = f"sum({name if name in waiting else _OTHERS_OF[name]})"
    if family == "vitals":
        columns["histogram"] = "groupArrayArray(histogram)"
    named = ", ".join((*keys, *["''"] * (2 - len(KEYS[family]))))
    chosen = f"SELECT dimension, value, name, currency FROM {{hidden}} WHERE family = '{family}'"
    return f"""{insert(f"{{{family}}}", columns)} {_remaining(family)} AND ({named}) IN ({chosen})
        GROUP BY {", ".join(keys)}"""
