"""A table in full that is told of the values of a dimension, one question for each of them.

In: what is asked of the whole table, a dimension. Out: the answer with the rows of all values, each with its value.
Promises: each row is one that the same question with a filter gives.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from schema.dimensions import DIMENSIONS, OTHER

from ..stats.filter import ALTERNATIVES, Filter
from ..stats.query import Query
from ..stats.refused import BadQuery, Code
from ..stats.report import Reports

# Of so many values, those of most visitors first: each is a statement.
MOST_VALUES = 12


def split(reports: Reports, query: Query, dimension: str) -> dict[str, Any]:
    """The answer to a query, of the values of a dimension. Raises BadQuery beside a filter on another one."""
    other = next((one for one in query.filters if one.dimension in DIMENSIONS and one.dimension != dimension), None)
    if other:
        why = f"of={dimension}: beside {other.text!r} that is not kept, leave one of the two out"
        raise BadQuery(why, Code.NOT_CROSSED)
    rows: list[dict[str, Any]] = []
    notes: dict[str, None] = {}
    answer = reports.stats(query)
    for value in _values(reports, query, dimension):
        one = Filter(dimension, "==", value)
        filters = (*(kept for kept in query.filters if kept != one), one)
        told = reports.stats(replace(query, filters=filters))
        rows += ({dimension: value, **row} for row in told["rows"])
        notes |= dict.fromkeys(told["notes"])
    return {**answer, "by": f"{query.by},{dimension}", "rows": rows, "notes": [*notes]}


def _values(reports: Reports, query: Query, dimension: str) -> list[str]:
    filters = tuple(one for one in query.filters if one.dimension in DIMENSIONS)
    asked = Query(query.sites, query.period, (dimension,), filters, MOST_VALUES + 1, segment=query.segment)
    values = (row["value"] for row in reports.stats(asked)["rows"])
    return [value for value in values if value != OTHER and ALTERNATIVES not in value][:MOST_VALUES]
