"""Which cells appear and which vanish when a window is released by other settings: sums of released rows.

In: a store in which both are released. Out: `Dimension`s and `Counted`s. Promises: what is hidden is counted nowhere,
so no figure is of rows that neither of the two would publish.
"""

from __future__ import annotations

from msgspec import Struct

from schema.dimensions import DIMENSIONS, OTHER
from schema.families import DECLARED
from schema.store import Store

from .changes import FUNNEL, PROPERTY


class Dimension(Struct, frozen=True):
    """Named cells, each a value of a day, and visitor-days in them, each value with its own: now, and as they would be.
    appear, vanish: how many there would be only then, and how many no more. later: visitor-days in rows of weeks and
    four weeks, now and then. share: visitor-days that would be named, days and weeks, of those that are; None: none
    are."""

    dimension: str
    cells: tuple[int, int]
    visitor_days: tuple[int, int]
    appear: int
    vanish: int
    later: tuple[int, int]
    share: float | None


class Counted(Struct, frozen=True):
    """A funnel or a property as it would be released of the days. days: on which it has rows. rows: how many. most: of
    each step, or of the property, the visitor-days in rows of the whole site."""

    what: str
    name: str
    days: int
    rows: int
    people: list[int]


_BOTH = "site IN ({before:String}, {after:String})"
_NAMED = f"by_dimension = '' AND dimension != '' AND value NOT IN ('', '{OTHER}')"
_CELLS = f"""
    SELECT dimension, countIf(b > 0), countIf(a > 0), sum(b), sum(a), countIf(a > 0 AND b = 0), countIf(b > 0 AND a = 0)
    FROM
    (
        SELECT dimension, day, value,
            sumIf(visitors, site = {{before:String}}) AS b, sumIf(visitors, site = {{after:String}}) AS a
        FROM released_cells WHERE {_BOTH} AND grain = 'day' AND {_NAMED} GROUP BY dimension, day, value
    )
    GROUP BY dimension"""
_LATER = f"""
    SELECT dimension, sumIf(visitors, site = {{before:String}}), sumIf(visitors, site = {{after:String}})
    FROM late_cells WHERE {_BOTH} AND {_NAMED} GROUP BY dimension"""


def dimensions_of(store: Store, before: str, after: str) -> list[Dimension]:
    """Both are released under these names. Dimensions that both name alike are told, too."""
    given = {"before": before, "after": after}
    days = {dimension: rest for dimension, *rest in store.rows(_CELLS, given)}
    late = {dimension: rest for dimension, *rest in store.rows(_LATER, given)}
    found = []
    for name in DIMENSIONS:
        if name in days or name in late:
            b_cells, a_cells, b, a, appear, vanish = days.get(name, [0] * 6)
            b_late, a_late = late.get(name, [0, 0])
            share = (a + a_late) / (b + b_late) if b + b_late else None
            found.append(Dimension(name, (b_cells, a_cells), (b, a), appear, vanish, (b_late, a_late), share))
    return found


def whole_of(store: Store, key: str) -> tuple[int, int]:
    """(days that show the whole site, visitor-days of these)."""
    [[days, visitors]] = store.rows(
        """SELECT count(), sum(visitors) FROM released_cells
        WHERE site = {site:String} AND grain = 'day' AND dimension = '' AND by_dimension = ''""",
        {"site": key},
    )
    return days, visitors


def counted_of(store: Store, key: str, what: str, name: str) -> Counted:
    """A funnel or a property, of the site that is released under that name."""
    mine = f"site = {{site:String}} AND grain = 'day' AND dimension = '' AND {what} = {{name:String}}"
    given = {"site": key, "name": name}
    [[days, rows]] = store.rows(f"SELECT uniqExact(day), count() FROM {_TABLES[what]} WHERE {mine}", given)
    people = _PEOPLE[what].format(mine=mine)
    return Counted(what, name, days, rows, [count for (count,) in store.rows(people, given)])


_TABLES = {FUNNEL: f"released_{DECLARED['funnels'].name}", PROPERTY: f"released_{DECLARED['properties'].name}"}
_PEOPLE = {
    FUNNEL: "SELECT sum(people) FROM released_funnels WHERE {mine} GROUP BY step ORDER BY step",
    PROPERTY: "SELECT sum(visitors) FROM released_properties WHERE {mine} AND in_currency = ''",
}
