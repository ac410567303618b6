"""What is published of a released day or block, in outline.

In: a site, and a day or block whose entry holds. Out: by family and dimension how many values have rows of their own,
and what is folded. Promises: only of rows that are published.
"""

from __future__ import annotations

import datetime as dt

from msgspec import Struct

from schema.dimensions import OTHER
from schema.families import FAMILIES, LATE
from schema.store import Store

from .copying import table_of


class Published(Struct, frozen=True):
    """dimension: "" is the whole site; by_dimension: the second one of crossed rows. values: that have a name, or
    hours; rows: of all of it. other: whether there is a folded row; folded: its visitors, None where there is none or
    its rows are no count of them."""

    family: str
    grain: str
    dimension: str
    by_dimension: str
    values: int
    rows: int
    other: bool
    folded: int | None = None


def published(store: Store, site: str, day: dt.date, grain: str = "") -> list[Published]:
    """By family and dimension. grain: of the rows of a block that begins on the day."""
    found = []
    of_block = "AND grain = {grain:String}" if grain else ""
    for name in LATE if grain else FAMILIES:
        family = FAMILIES[name]
        rows = store.rows(
            f"""SELECT grain, dimension, by_dimension,
                uniqExactIf((period, value, by_value), value != {{other:String}}), count(),
                countIf(value = {{other:String}}), sumIf({family.people.name}, value = {{other:String}})
            FROM {table_of(name, bool(grain))} WHERE site = {{site:String}} AND day = {{day:Date}} {of_block}
            GROUP BY grain, dimension, by_dimension ORDER BY grain, dimension, by_dimension""",
            {"site": site, "day": day, "other": OTHER, "grain": grain},
        )
        for of_grain, dimension, by, values, count, others, people in rows:
            # Of several rows, such as those of goals, the same visitor may be in each.
            folded = people if others == 1 else None
            found.append(Published(name, of_grain, dimension, by, values, count, others > 0, folded))
    return found
