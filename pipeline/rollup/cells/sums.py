"""Sums of a big open day go on: less those of whose visits are made anew as they were, and with them as they are.

In: a batch that adds to sums, its changes. Out: `cells` and `conversions` as if they were counted anew. Promises: of
how many networks the people of a value are is never told too high; where it is not certain, it is counted.

No visitor is counted with another, so people add up. Networks do not: one has many visitors. But a value needs only so
many of them (rule N4), and whoever goes takes one along at most. So of most values it is certain that enough are left:
there were more by far, or there are more people left than so few networks have. Of the others all who have the value
are counted once more, by the same statements.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from schema.column import TEXT
from schema.measures import KINDS, OF_CELLS

from ...insert import insert
from ..batch import Batch
from ..contributors import networks_of
from ..visits.changes import BEFORE, CHANGED, NOW, beside, changes, copy, make_like
from .value_visitors import converted, touched

# What is counted of visits; what rates are divided by is known in the end only.
COUNTED = tuple(one for one in OF_CELLS if one.visit)
# Of the families whose sums go on, the keys beside the value, and what is added up.
KEYS: dict[str, tuple[str, ...]] = {"cells": (), "conversions": ("goal", "currency")}
ADDED: dict[str, tuple[str, ...]] = {
    "cells": ("people", "networks", *(one.name for one in COUNTED), *KINDS, *map(networks_of, KINDS)),
    "conversions": ("people", "networks", "times", "paid"),
}
# Of people the column that has their networks.
_NETWORKS: dict[str, dict[str, str]] = {
    "cells": {"people": "networks"} | {kind: networks_of(kind) for kind in KINDS},
    "conversions": {"people": "networks"},
}
# How far networks are counted beside what is asked for: so many may go before it is uncertain that enough are left.
FAR = 16
# Where more people had to be counted again, all are.
_MOST_NEAR = 20_000
# Of a row which sums it is of, beside NOW and BEFORE: those so far.
_SO_FAR = 2
Count = Callable[[Batch, Collection[str]], None]


def go_on(of: Batch, names: Collection[str], count: Count) -> bool:
    """Bring sums up to date; whether that was done: it is not where too many would be counted again. count: fills the
    tables of these names of a batch."""
    copy(of, changes(of), CHANGED, NOW)
    count(changes(of), names)
    most = 0 if of.plain else _most_of_a_network(of)
    for name in names:
        _fill_next(of, name, most)
    doubtful = [name for name in names if of.store.rows(f"SELECT 1 FROM {_next(of, name)} WHERE doubt LIMIT 1")]
    if doubtful and not _count_near(of, doubtful, count):
        return False
    for name in names:
        _put_in_place(of, name, name in doubtful)
    return True


def _next(of: Batch, name: str) -> str:
    return changes(of).scratch(f"next{name}")


def _fill_next(of: Batch, name: str, most: int) -> None:
    keys = {key: "String" if key == "value" else TEXT for key in _keys(name)}
    columns = keys | dict.fromkeys(ADDED[name], "Int64") | {"doubt": "UInt8"}
    changes(of).create(f"next{name}", ", ".join(f"{column} {kind}" for column, kind in columns.items()))
    of.store.command(f"{insert(_next(of, name), {one: one for one in columns})} FROM ({_sums(of, name, most)})")


def _most_of_a_network(of: Batch) -> int:
    """No network has more visitors than that."""
    # Each has one first visit.
    people = f"SELECT count() AS people FROM {of.scratch('visits')} WHERE visit = 0 GROUP BY network_number"
    [[most]] = of.store.rows(f"SELECT max(people) FROM ({people})")
    return max(1, int(most))


def _put_in_place(of: Batch, name: str, doubtful: bool) -> None:
    sums, new, columns = of.scratch(name), _next(of, name), (*_keys(name), *ADDED[name])
    inserted, keys = insert(sums, {"d": "0"} | {column: column for column in columns}), ", ".join(_keys(name))
    something = " OR ".join(f"{column} != 0" for column in ADDED[name])
    of.store.command(f"TRUNCATE TABLE {sums}")
    of.store.command(f"{inserted} FROM {new} WHERE NOT doubt AND ({something})")
    if doubtful:
        again = f"({keys}) IN (SELECT {keys} FROM {new} WHERE doubt)"
        of.store.command(f"{inserted} FROM {beside(of).scratch(name)} WHERE {again}")


# -- who is counted again --------------------------------------------------------------------------------------------


def _count_near(of: Batch, names: Collection[str], count: Count) -> bool:
    """Count all who have a value of which it is not certain of how many networks its people are."""
    into = beside(of)
    into.create("near", "visitor UInt64")
    near = into.scratch("near")
    who = " UNION ALL ".join(f"SELECT visitor FROM ({select})" for name in names for select in _who(of, name))
    of.store.command(of.naming(f"{insert(near, {'visitor': 'visitor'})} FROM (SELECT DISTINCT visitor FROM ({who}))"))
    if of.store.rows(f"SELECT count() > {_MOST_NEAR} FROM {near}")[0][0]:
        return False
    make_like(of, into)
    copy(of, into, f"SELECT visitor FROM {near}")
    count(into, names)
    return True


def _who(of: Batch, name: str) -> list[str]:
    """SQL for who has such a value. Others may be among them."""
    rows = f"FROM {_next(of, name)} WHERE doubt"
    near = [dimension for (dimension,) in of.store.rows(f"SELECT DISTINCT dimension {rows}")]
    among = f"(SELECT value {rows} AND dimension = '%s')"
    if name == "cells":
        return [touched(near, lambda dimension: among % dimension)]
    of_goal = f"(dimension, value, name) IN (SELECT dimension, value, goal {rows})"
    return [f"SELECT * FROM ({one}) WHERE {of_goal}" for one in converted(near, lambda dimension: among % dimension)]


# -- what is certain -------------------------------------------------------------------------------------------------


def _keys(name: str) -> tuple[str, ...]:
    return "dimension", "value", *KEYS[name]


def _sums(of: Batch, name: str, most: int) -> str:
    """SQL for the sums as they are now, a row for each value, and whether it is in doubt how many networks it has.
    most: no network has more people."""
    keys, networks = ", ".join(_keys(name)), {} if of.plain else _NETWORKS[name]
    parts = {of.scratch(name): str(_SO_FAR), changes(of).scratch(name): "d"}
    rows = " UNION ALL ".join(
        f"SELECT {keys}, toUInt8({part}) AS part, {', '.join(ADDED[name])} FROM {table}"
        for table, part in parts.items()
    )
    told = {
        one: f"if({_untouched(people)}, {one}_so_far, {_least(people, one, most)})" for people, one in networks.items()
    }
    told |= {one: f"{one}_so_far + {one}_now - {one}_before" for one in ADDED[name] if one not in told}
    doubt = " OR ".join(_doubtful(of, *both) for both in networks.items()) or "false"
    columns = ", ".join(
        f"sumIf({one}, part = {part}) AS {one}_{when}"
        for one in ADDED[name]
        for when, part in (("so_far", _SO_FAR), ("now", NOW), ("before", BEFORE))
    )
    added = ", ".join(f"{told[one]} AS {one}" for one in ADDED[name])
    return f"SELECT {keys}, {added}, {doubt} AS doubt FROM (SELECT {keys}, {columns} FROM ({rows}) GROUP BY {keys})"


def _untouched(people: str) -> str:
    return f"({people}_before + {people}_now = 0)"


def _least(people: str, networks: str, most: int) -> str:
    """SQL for a number of networks that is not too high; where all people are made anew, the number."""
    left = f"({people}_so_far - {people}_before)"
    least = f"greatest({networks}_so_far - {people}_before, intDiv({left} + {most - 1}, {most}))"
    return f"greatest({networks}_now, if({left} = 0, 0, {least}))"


def _doubtful(of: Batch, people: str, networks: str) -> str:
    """SQL for whether that may be too low for a value that has enough people."""
    enough = f"{people}_so_far + {people}_now - {people}_before >= {of.most.k}"
    some_left = f"NOT {_untouched(people)} AND {people}_so_far != {people}_before"
    return f"({enough} AND {networks} < {of.most.networks} AND {some_left})"
