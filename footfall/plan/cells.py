"""Which cells appear and which vanish when a window is released by other settings: sums of released rows.

In: a store in which both are released. Out: `Dimension`s and `Counted`s. Promises: what is hidden is counted nowhere,
so no figure is of rows that neither of the two would publish.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import astuple

from schema.dimensions import DIMENSIONS, OTHER
from schema.families import FAMILIES, LATE
from schema.funnels import FUNNELS
from schema.journeys import JOURNEYS as WAYS
from schema.pair import pair_of
from schema.pairs import PAIRS
from schema.properties import PROPERTIES
from schema.segments import SEGMENTS
from schema.store import Store

from .changes import FUNNEL, JOURNEYS, PAIR, PROPERTY, SEGMENT


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


class Rows(Struct, frozen=True):
    """A family beside cells, such as goals or pairs, of which one of the two releases has rows of days. rows: now, and
    as they would be. appear, vanish: how many there would be only then, and how many no more. later: rows of weeks and
    four weeks, now and then."""

    family: str
    rows: tuple[int, int]
    appear: int
    vanish: int
    later: tuple[int, int]


class Counted(Struct, frozen=True):
    """A funnel, a property, a pair, a segment, or journeys as they would be released of the days. days: on which it has
    rows. rows: how many. people: of each step of a funnel, of all visits of a segment, or in all cells together the
    visitor-days."""

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

_BY_KEY = """
    SELECT countIf(site = {{before:String}}) > 0 AS b, countIf(site = {{after:String}}) > 0 AS a
    FROM {table} WHERE site IN ({{before:String}}, {{after:String}}) AND {mine} GROUP BY {keys}"""
_ROWS = "SELECT countIf(b), countIf(a), countIf(a AND NOT b), countIf(b AND NOT a) FROM ({rows})"
_OF_DAYS = f"grain = 'day' AND value != '{OTHER}'"


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


def families_of(store: Store, before: str, after: str) -> list[Rows]:
    """Both are released under these names. Families that both tell alike are told, too."""
    found = []
    for name, family in FAMILIES.items():
        if name == "cells":
            continue
        given = {"before": before, "after": after}
        # The buckets of a histogram are one row.
        keys = ", ".join(("day", "dimension", "value", "by_dimension", "by_value", *family.cell_keys))
        [days] = store.rows(
            _ROWS.format(rows=_BY_KEY.format(keys=keys, table=f"released_{name}", mine=_OF_DAYS)), given
        )
        late = _BY_KEY.format(keys=f"grain, {keys}", table=f"late_{name}", mine="grain IN ('week', 'four_weeks')")
        [weeks] = store.rows(_ROWS.format(rows=late), given) if name in LATE else [(0, 0)]
        if any((*days, *weeks)):
            found.append(Rows(family.label or "goals", (days[0], days[1]), days[2], days[3], (weeks[0], weeks[1])))
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
    """What was declared, of the site that is released under that name."""
    table, mine, people = COUNTED[what]
    given = {"site": key, "name": name, "names": [*astuple(pair_of(name))] if what == PAIR else []}
    rows = f"FROM released_{table.name} WHERE site = {{site:String}} AND grain = 'day' AND {mine}"
    [[days, many]] = store.rows(f"SELECT uniqExact(day), count() {rows}", given)
    return Counted(what, name, days, many, [count for (count,) in store.rows(people.format(rows=rows), given)])


# By what is declared the family, which of its rows are of the whole site, and the visitor-days in these.
COUNTED = {
    FUNNEL: (
        FUNNELS,
        "dimension = '' AND funnel = {name:String}",
        "SELECT sum(people) {rows} GROUP BY step ORDER BY step",
    ),
    PROPERTY: (
        PROPERTIES,
        "dimension = '' AND property = {name:String}",
        "SELECT sum(visitors) {rows} AND in_currency = ''",
    ),
    PAIR: (PAIRS, "[dimension, by_dimension] = {names:Array(String)}", "SELECT sum(visitors) {rows}"),
    SEGMENT: (SEGMENTS, "segment = {name:String}", "SELECT sumIf(visitors, dimension = '') {rows}"),
    JOURNEYS: (WAYS, "true", "SELECT sum(people) {rows}"),
}
