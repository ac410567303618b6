"""Who reached which goal by which value, of a day that is staged.

In: the scratch tables of a day. Out: a table of people, values and goals. Promises: it is gone once nobody compares any
more; with k = 1, where nothing is compared, it is empty.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from schema.dimensions import OTHER

from ...insert import insert
from ..batch import Batch
from ..cells.value_visitors import converted
from ..suppression.parents import PARENTS
from .counted_before import OF_DAY

_ACTS = {
    "of_dimension": "within.1",
    "of_value": "within.2",
    "dimension": "dimension",
    "value": "value_named",
    "goal": "goal",
    "currency": "currency",
    "visitor": "visitor",
    "network": "any(network_number)",
    "number": "if(currency = '', toInt64(count()), sum(amount))",
}


@contextlib.contextmanager
def acts(of: Batch, new: Sequence[str]) -> Iterator[None]:
    """Who reached which goal by which value, how often, or what he paid in a currency, in a table for as long as the
    context lasts. new: the names of goals by whose dimensions it is. of_dimension, of_value: within what: the whole
    site, "" both, and once more the value's parent."""
    kinds = "of_dimension String, of_value String, dimension String, value String, goal String, currency String, "
    kinds += "visitor UInt64, network UInt64, number Int64"
    staged = f"SELECT DISTINCT dimension FROM staging_conversions WHERE {of.mine} AND {OF_DAY}"
    rows = of.store.rows(f"{staged} AND has({{new:Array(String)}}, goal)", of.named | {"new": [*new]})
    near = frozenset(dimension for (dimension,) in rows)
    try:
        of.create("acts", kinds)
        if near and of.days[0].rules.k > 1:
            of.store.command(of.naming(_filling_acts(near)), of.named)
        yield
    finally:
        of.store.command(f"DROP TABLE IF EXISTS {of.scratch('acts')} SYNC")


def _filling_acts(near: frozenset[str]) -> str:
    rows = " UNION ALL ".join(
        f"SELECT visitor, network_number, toString(name) AS goal, toString(currency) AS currency, amount, dimension, "
        f"toString(value) AS counted FROM ({select})"
        for select in converted(
            near, lambda dimension: f"(SELECT value FROM {{conversions}} WHERE dimension = '{dimension}')"
        )
    )
    above = f"transform(dimension, {list(PARENTS)}, {list(PARENTS.values())}, '')"
    alone = "SELECT toString(dimension) AS dimension, value AS counted, parent, alone FROM {parents} WHERE alone"
    return f"""{insert("{acts}", _ACTS)}
        FROM
        (
            SELECT *, {_named("dimension", "counted")} AS value_named,
                arrayJoin(arrayConcat([('', '')], if(alone, [({above}, {_named(above, "parent")})], []))) AS within
            FROM ({rows}) AS rows LEFT JOIN ({alone}) AS parents USING (dimension, counted)
        )
        GROUP BY within, dimension, value_named, goal, currency, visitor"""


def _named(dimension: str, value: str) -> str:
    """SQL for what a value is called that may be folded."""
    return f"if(({dimension}, {value}) IN (SELECT dimension, value FROM {{kept}}), {value}, '{OTHER}')"
