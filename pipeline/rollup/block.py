"""What waits of the days of a block is folded as if they were one day (rule N2).

In: rows of `waiting_*`. Out: rows in `staging_*`, of the block's first day. Promises: a value is among them only if it
has `k_late` visitor-days, and, one network taken away from each day, `late_others`; what stays hidden is never one
value nor fewer visitor-days than that; what another block has released before is not in it.

The rules are those of a day with other numbers: of people their sum, of networks the sum of people who are not of the
largest one. Who is behind several values nobody knows any more. So where a visit may touch several, and for all that
contributors are asked for, what stays hidden counts as nobody: the smallest of the others always stays with it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import secrets
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from msgspec import structs

from schema.families import WAITING
from schema.manifest import WEEK
from schema.measures import KINDS
from schema.site import Site
from schema.store import Store, StoreError
from schema.visits import OF_VISITS

from ..insert import insert
from ..settings import SiteRules
from .batch import Batch, SiteDay
from .contributors import networks_of
from .others import find_rare
from .publish import clear_staging
from .scratch import TABLES, scratch
from .suppress import stage, suppress
from .waiting import KEYS


class Block(Batch, frozen=True, dict=True):
    """A batch of one site and the first day of the block. dates: the days that wait. week: the grain of rows of weeks
    within it. k_late, late_others: by which rules."""

    dates: tuple[dt.date, ...] = ()
    week: str = ""
    k_late: int = 0
    late_others: int = 0

    @property
    def block(self) -> bool:
        return True

    @property
    def has_goals(self) -> bool:
        """What waits tells, not what is declared now."""
        return True

    @cached_property
    def named(self) -> dict[str, Any]:
        rules = {"ks": [self.k_late], "least_networks": [self.late_others]}
        return {**Batch.named.func(self), **rules, "waits": list(self.dates), "week": self.week}  # type: ignore[attr-defined]


@contextlib.contextmanager
def staged_block(
    store: Store, site: Site, dates: Sequence[dt.date], first: dt.date, week: str, rules: SiteRules
) -> Iterator[Block]:
    """What a block may release, in `staging_*`, for as long as the context lasts. dates: its days that wait. week: the
    grain of weeks within it. rules: the strictest of its days."""
    of_first = SiteDay(site, first, structs.replace(rules, k=rules.k_late))
    of = Block(
        store,
        (of_first,),
        secrets.token_hex(8),
        dates=tuple(dates),
        week=week,
        k_late=rules.k_late,
        late_others=rules.late_others,
    )
    clear_staging(of)
    try:
        with scratch(of):
            for family in WAITING:
                of.store.command(of.naming(_loading(family)), of.named)
            find_rare(of)
            for statement in _OTHERS:
                of.store.command(of.naming(statement), of.named)
            suppress(of)
            stage(of)
        yield of
    finally:
        with contextlib.suppress(StoreError):
            clear_staging(of)


def _loading(family: str) -> str:
    """The statement that adds up what waits, less what weeks within the block have released."""
    keys = ("dimension", "value", *KEYS[family])
    columns = {"d": "0"} | {key: key for key in keys}
    waiting = {column.name for column in WAITING[family]}
    for name, kind in TABLES[family].items():
        if kind == "Int64":
            source = name if name in waiting else _OTHERS_OF[name]
            columns[name] = f"sum({source})"
    if family == "vitals":
        columns["histogram"] = "groupArrayArray(histogram)"
    return f"""{insert(f"{{{family}}}", columns)}
        FROM waiting_{family}
        WHERE site = {{sites:Array(String)}}[1] AND day IN {{waits:Array(Date)}}
            AND (toDate({{dates:Array(Date)}}[1] + intDiv(day - {{dates:Array(Date)}}[1], {WEEK}) * {WEEK}),
                {", ".join(keys)}) NOT IN
            (
                SELECT day, {", ".join(keys)} FROM late_{family}
                WHERE site = {{sites:Array(String)}}[1] AND grain = {{week:String}}
            )
        GROUP BY {", ".join(keys)}"""


# Where a day has networks, a block has the visitors who are of another one than most.
_OTHERS_OF = {networks_of(""): "others"} | {networks_of(kind): f"{kind}_others" for kind in KINDS}
_COUNTED = ("people", "networks", "visits", "people_beside", "networks_together", "visits_beside")
_APART = ", ".join(f"'{name}'" for name in ("", *OF_VISITS))
# How many a hidden row stands for: of values that exclude one another in a visit all of them.
_STANDS_FOR = f"if(dimension IN ({_APART}), sum(people), 1)"
_RARE = "(dimension, value) IN (SELECT dimension, value FROM {values} WHERE state = 'rare')"


def _others(family: str, name: str, currency: str, number: str, rows: str) -> str:
    selected = {"family": f"'{family}'", "d": "0", "dimension": "dimension", "name": name, "currency": currency}
    numbers = {column: "0" if column.startswith("visits") else number for column in _COUNTED}
    return f"{insert('{others}', selected | numbers)} {rows}"


_OTHERS = (
    _others("cells", "''", "''", _STANDS_FOR, f"FROM {{cells}} WHERE {_RARE} GROUP BY dimension"),
    # Also of values that are shown, days may have hidden contributors, which wait for nothing.
    _others(
        *("contributors", "kind", "''", "1"),
        f"FROM (SELECT DISTINCT dimension FROM {{cells}} WHERE dimension != '') ARRAY JOIN {list(KINDS)} AS kind",
    ),
    *(
        _others(
            family,
            KEYS[family][0],
            KEYS[family][1] if len(KEYS[family]) > 1 else "''",
            _STANDS_FOR,
            f"FROM {{{family}}} WHERE {_RARE} GROUP BY dimension, {', '.join(KEYS[family])}",
        )
        for family in ("conversions", "vitals")
    ),
)
