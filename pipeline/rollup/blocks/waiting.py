"""What a day hides waits for its week and its four weeks (rule N2).

In: the scratch tables of days that are being released, and what is staged of them. Out: rows of `waiting_*`, read by
the pipeline only. Promises: sums without visitor numbers, of every value that has no row of its own; each tells how
many visitors are left when the network is taken away that most of them came from, and which values of its parent it
belongs to (rule N3).
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from functools import partial

from schema.families import DECLARED, FAMILIES, OWN, WAITING
from schema.measures import KINDS
from schema.pairs import PAIRS
from schema.store import StoreDown
from schema.visits import HOUR

from ...insert import insert
from ..batch import DAY, SITE, Batch
from ..cells import declared, waiting_rates
from ..cells.aggregate import families
from ..cells.value_visitors import converted, measured, together, touched
from ..suppression.parents import name_and_currency
from ..visits.snapshot import Key

_HIDDEN = {name: name for name in ("family", "d", "dimension", "value", "name", "currency")}
# Of a family of its own only that waits.
_WHOLE = "''"
# Of a day of which nothing waits.
_NEVER = dt.date(1970, 1, 1)
_OF_DAY = {"site": SITE, "day": DAY, "expires": "{expires:Array(Date)}[d + 1]"}


def wait(of: Batch, expires: Mapping[Key, dt.date]) -> None:
    """Fill `waiting_*` of those days that are among these. expires: when their rows die at the latest."""
    waits = [of_day.key in expires for of_day in of.days]
    given = of.named | {"waits": [*map(int, waits)], "expires": [expires.get(of_day.key, _NEVER) for of_day in of.days]}
    for family in WAITING:
        if family in families(of):
            if family in OWN:
                waiting_rates.fill_untold(of, given)
            of.store.command(of.naming(_hidden(of, family)), given)
    if of.has("pairs"):
        of.store.command(of.naming(_HIDDEN_PAIRS), given)
        of.store.command(of.naming(_WAITING_PAIRS), given, **of.store.foreground)
    for family, which in of.store.rows(
        f"SELECT family, groupUniqArray(dimension) FROM {of.scratch('hidden')} WHERE family != '{PAIRS.name}' "
        "GROUP BY family"
    ):
        of.store.command(of.naming(_waiting(of, family, frozenset(which))), given, **of.store.foreground)
    hidden: Counter[int] = Counter(dict(of.store.rows(f"SELECT d, count() FROM {of.scratch('hidden')} GROUP BY d")))
    kept = " UNION ALL ".join(f"SELECT site, day FROM waiting_{family} WHERE {of.mine}" for family in WAITING)
    there = of.store.rows(f"SELECT {of.which} AS d, count() FROM ({kept}) GROUP BY d", of.named)
    # A statement may be sent twice over HTTP.
    if dict(there) != hidden:
        raise StoreDown("what a day hides was kept twice; the next run keeps it again")
    # Last: where it is missing, nobody knows what is.
    told = [(*of_day.key, expires[of_day.key], hidden[d]) for d, of_day in enumerate(of.days) if waits[d]]
    of.store.insert("waiting_days", ("site", "day", "expires", "rows"), [*map(list, zip(*told, strict=True))])


# Which cells of pairs these are is told already (pairs/waiting.py).
_OF_PAIRS = "FROM {withheld} WHERE {waits:Array(UInt8)}[d + 1]"
_HIDDEN_PAIRS = (
    f"{insert('{hidden}', _HIDDEN | {'family': repr(PAIRS.name), 'name': 'cell', 'currency': _WHOLE})} {_OF_PAIRS}"
)
_NAMED_PAIRS = {one.name: one.name for one in WAITING[PAIRS.name] if one.name not in _OF_DAY}
_WAITING_PAIRS = f"{insert(f'waiting_{PAIRS.name}', _OF_DAY | _NAMED_PAIRS)} {_OF_PAIRS}"


def _hidden(of: Batch, family: str) -> str:
    """The statement that finds what has no row of its own. Hours are of the whole site only, and wait for nothing."""
    keys = ("dimension", "value", *FAMILIES[family].cell_keys)
    name, currency = name_and_currency(FAMILIES[family])
    selected = _HIDDEN | {"family": f"'{family}'", "name": name, "currency": currency}
    if family in OWN:
        return f"{insert('{hidden}', selected | {'dimension': _WHOLE, 'value': _WHOLE})} FROM {{untold}}"
    return f"""{insert("{hidden}", selected)}
        FROM {{{family}}}
        WHERE {{waits:Array(UInt8)}}[d + 1] AND dimension != '{HOUR}' AND (d, {", ".join(keys)}) NOT IN
            (SELECT {of.which}, {", ".join(keys)} FROM staging_{family} WHERE {of.mine} AND grain = 'day')
        GROUP BY d, {", ".join(keys)} HAVING sum(people) > 0"""


def _among(family: str, dimension: str) -> str:
    return f"(SELECT value FROM {{hidden}} WHERE family = '{family}' AND dimension = '{dimension}')"


def _waiting(of: Batch, family: str, dimensions: frozenset[str]) -> str:
    """The statement that keeps what is hidden of a family."""
    keys = ("dimension", "value", *FAMILIES[family].cell_keys)
    if family in OWN:
        told = {name: name for name in waiting_rates.COLUMNS if name != "d"}
        return f"{insert(f'waiting_{family}', _OF_DAY | {'dimension': _WHOLE, 'value': _WHOLE} | told)} FROM {{untold}}"
    name, currency = name_and_currency(FAMILIES[family])
    counted_there = [one.name for one in WAITING[family] if one.type == "Int64" and one.name not in keys]
    others = [one for one in counted_there if one == "others" or one.endswith("_others")]
    numbers = {one: f"sum({one})" for one in counted_there if one not in others}
    # In an order that tells nothing of who came when, nor of how the rows were made.
    histogram = {"histogram": "arraySort(groupArrayArray(histogram))"} if family == "vitals" else {}
    counted = ", ".join(f"{sql} AS {name}" for name, sql in (numbers | histogram).items())
    hidden = f"SELECT d, dimension, value, name, currency FROM {{hidden}} WHERE family = '{family}'"
    besides = _besides_of_cells(of, dimensions) if family == "cells" else _besides(of, family, dimensions)
    columns = _OF_DAY | {key: key for key in keys} | {name: name for name in numbers | histogram}
    columns |= {name: f"toInt64({name})" for name in others} | {"parents": "parents"}
    return f"""{insert(f"waiting_{family}", columns)}
        FROM
        (
            SELECT d, {", ".join(keys)}, {name} AS name, {currency} AS currency, {counted} FROM {{{family}}}
            WHERE (d, dimension, value, {name}, {currency}) IN ({hidden})
            GROUP BY d, {", ".join(keys)}
        ) AS s
        LEFT JOIN ({besides}) AS o USING (d, dimension, value, name, currency)
        LEFT JOIN
        (
            SELECT d, dimension, value, arraySort(groupArray(parent)) AS parents
            FROM {{parents}} GROUP BY d, dimension, value
        ) AS p USING (d, dimension, value)"""


def _besides_of_cells(of: Batch, dimensions: frozenset[str]) -> str:
    """SQL for how many visitors are beside the largest network of each hidden value, also of each kind."""
    return _beside_largest(
        touched(dimensions, None if of.is_small else partial(_among, "cells")),
        {"others": "bitTest(bits, 0)"} | {f"{kind}_others": f"bitTest(bits, {1 + n})" for n, kind in enumerate(KINDS)},
        "network_number, '' AS name, '' AS currency",
    )


def _besides(of: Batch, family: str, dimensions: frozenset[str]) -> str:
    """The same of who reached goals, paid, was measured, or is counted in a declared family."""
    among = partial(_among, family)
    of_family = {"conversions": converted, "vitals": measured}
    if family in DECLARED:
        rows = declared.touched(DECLARED[family], dimensions, among)
    else:
        rows = of_family[family](dimensions, None if of.is_small else among)
    return _beside_largest(together(rows), {"others": "true"}, "its_network AS network_number, name, currency")


def _beside_largest(rows: str, counted: Mapping[str, str], columns: str) -> str:
    """counted: by name of whom. columns: of the rows the network, the name and the currency."""
    keys, bits = "d, dimension, value, name, currency", "bits, " if len(counted) > 1 else ""
    each = ", ".join(f"uniqExactIf(visitor, {which}) AS n_{name}" for name, which in counted.items())
    beside = ", ".join(f"sum(n_{name}) - max(n_{name}) AS {name}" for name in counted)
    return f"""
        SELECT {keys}, {beside} FROM
        (
            SELECT {keys}, network_number, {each}
            FROM (SELECT d, visitor, dimension, value, {bits}{columns} FROM ({rows}))
            GROUP BY {keys}, network_number
        )
        GROUP BY {keys}"""
