"""What is counted of a released day now, beside what was released: by which dimensions it is not the same.

In: a day that is staged again. Out: `Unlike`. Promises: a dimension is like what was released where each of its values
has the same people and visits.
"""

from __future__ import annotations

from msgspec import Struct

from schema.dimensions import OTHER

from ..batch import Batch
from .counted_before import OF_DAY


class Unlike(Struct, frozen=True):
    """What is counted of the day now, beside what was released. whole: the whole site is not what it was, because rows
    are gone. dimensions: those that are not. folded: those of which more is folded now, by stricter rules."""

    whole: bool
    dimensions: frozenset[str]
    folded: frozenset[str]


def unlike(of: Batch) -> Unlike:
    """Compare the visits that are left with the cells that were released."""
    released = f"FROM released_cells WHERE {of.mine} AND {OF_DAY} AND value != '{OTHER}'"
    staged = f"FROM staging_cells WHERE {of.mine} AND {OF_DAY} AND value != '{OTHER}'"
    counted = (
        "SELECT dimension, value, sum(people) AS people, sum(visits) AS many FROM {cells} GROUP BY dimension, value"
    )
    # People and visits: of other measures some are left out where few contributed.
    differ = f"""
        SELECT DISTINCT r.dimension FROM (SELECT dimension, value, visitors, visits {released}) AS r
        LEFT JOIN ({counted}) AS s ON r.dimension = s.dimension AND r.value = s.value
        WHERE s.people != r.visitors OR s.many != r.visits"""
    only = f"SELECT DISTINCT dimension {{}} AND NOT ((dimension, value) {of.within} (SELECT dimension, value {{}}))"
    found = _dimensions(of, differ) | _dimensions(of, only.format(staged, released))
    folded = _dimensions(of, only.format(released, staged))
    return Unlike("" in found or "" in folded, found, folded)


def _dimensions(of: Batch, sql: str) -> frozenset[str]:
    return frozenset(dimension for (dimension,) in of.store.rows(of.naming(sql), of.named))
