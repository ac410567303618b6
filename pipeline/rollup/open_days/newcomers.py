"""Who is new in which value of an open day: what rule N7 counts before a value is shown anew.

In: the raw rows, and the scratch tables `visits`, `hits` and `reached`. Out: `arrived`, when each visitor of a day that
goes on in steps first came; `newcomers`, of every value of every family its visitors by that time. Promises: whoever is
counted as new since a quarter of an hour was on the site for the first time that day after it, so he is in nothing that
was counted before; of who only goes on, or comes back, nobody is counted.

Visitors are told as lists, because two values may have the same ones. No list is longer than is asked for, so what is
counted of them is exact up to k people and as many networks.
"""

from __future__ import annotations

from collections.abc import Iterator

from schema.event import ENGAGEMENT
from schema.families import DECLARED
from schema.visits import OF_VISITS

from ...insert import insert
from ...parallel import at_once
from ..batch import Batch
from ..cells import declared
from ..cells.aggregate import is_counted
from ..shape import METRICS, VISIT_VALUES, by_each
from ..visits.goals_reached import OF_REACHED
from ..visits.measurements import OF_SAMPLES

# Snapshots are taken at these.
QUARTER_S = 900
_WHO = "d, visitor, network_number"
# By dimension of an event the column of `hits`, and which of them count somebody.
_OF_HITS = {
    "page": ("page", "seen"),
    "section": ("section", "seen"),
    "hostname": ("hostname", "true"),
    "event": ("name", f"name != '{ENGAGEMENT}'"),
}


def find_newcomers(of: Batch) -> None:
    """Fill `arrived` and `newcomers`."""
    arrived = {"d": of.which, "visitor": "visitor", "slot": f"intDiv(toUnixTimestamp(min(received)), {QUARTER_S})"}
    arrived["slot"] += f" * {QUARTER_S}"
    of.store.command(
        of.naming(
            f"""{insert("{arrived}", arrived)} FROM {of.source}
            WHERE {of.mine} AND {of.which} IN {{stepping:Array(UInt16)}} GROUP BY site, day, visitor"""
        ),
        of.named | {"stepping": [place for place, site_day in enumerate(of.days) if site_day in of.stepping]},
    )
    people = max(site_day.rules.k for site_day in of.stepping)
    networks = max(site_day.rules.least_networks for site_day in of.stepping)
    lists = {"people": f"groupUniqArray({people})(visitor)", "networks": f"groupUniqArray({networks})(network_number)"}
    at_once(
        of.store,
        [
            (of.naming(f"{insert('{newcomers}', columns | lists)} {rows} SETTINGS max_threads = 1"), of.named)
            for columns, rows in _selects(of)
        ],
    )


def _selects(of: Batch) -> Iterator[tuple[dict[str, str], str]]:
    """Of each family what tells its values apart, and SQL from FROM on."""
    keys = {"d": "d", "slot": "slot", "name": "''", "currency": "''"}
    dimensions = {value: value for value in OF_VISITS}
    if of.has_goals:
        by, each = by_each(dimensions, "d", "slot", "goal", "currency")
        yield (
            keys | by | {"family": "'conversions'", "name": "goal", "currency": "currency"},
            f"FROM (SELECT {_WHO}, slot, goal, {_CURRENCY}, {VISIT_VALUES} FROM {_ARRIVING.format('{reached}')} "
            f"WHERE came) GROUP BY {each}",
        )
        of_hits = {column: one for one, column in OF_REACHED.items()}
        by, each = by_each(of_hits, "d", "slot", "goal", "currency", whole=True)
        columns = f"{_WHO}, slot, goal, {_CURRENCY}, {', '.join(of_hits)}"
        yield (
            keys | by | {"family": "'conversions'", "name": "goal", "currency": "currency"},
            f"FROM (SELECT {columns} FROM {_ARRIVING.format('{reached}')}) GROUP BY {each}",
        )
    by, each = by_each(dimensions, "d", "slot")
    yield (
        keys | by | {"family": "'cells'"},
        f"FROM (SELECT {_WHO}, slot, {VISIT_VALUES} FROM {_ARRIVING.format('{visits}')} WHERE came) GROUP BY {each}",
    )
    whole = {"family": "'cells'", "dimension": "''", "value": "''"}
    yield keys | whole, f"FROM {_ARRIVING.format('{visits}')} WHERE came GROUP BY d, slot"
    for dimension, (column, which) in _OF_HITS.items():
        yield (
            keys | {"family": "'cells'", "dimension": f"'{dimension}'", "value": f"toString({column})"},
            f"FROM {_ARRIVING.format('{hits}')} WHERE came AND {which} GROUP BY d, slot, {column}",
        )
    by, each = by_each({name: name for name in OF_SAMPLES}, "d", "slot", "metric", whole=True)
    measured = f"arrayJoin(arrayFilter((one, v) -> v >= 0, [{METRICS}], vitals)) AS metric"
    yield (
        keys | by | {"family": "'vitals'", "name": "metric"},
        f"FROM (SELECT {_WHO}, slot, {', '.join(OF_SAMPLES)}, {measured} FROM {_ARRIVING.format('{samples}')}) "
        f"GROUP BY {each}",
    )
    for family in DECLARED.values():
        if not is_counted(of, family):
            continue
        named = {name: name for name in ("dimension", "value", "name", "currency")}
        for rows in declared.everybody(family, family.dimensions):
            yield (
                keys | named | {"family": f"'{family.name}'"},
                f"FROM ({rows}) AS counted INNER JOIN {{arrived}} USING (d, visitor) "
                "GROUP BY d, slot, dimension, value, name, currency",
            )


_ARRIVING = "{} INNER JOIN {{arrived}} USING (d, visitor)"
# Who paid has reached the goal, too.
_CURRENCY = "arrayJoin(if(currency = '', [''], ['', toString(currency)])) AS currency"
