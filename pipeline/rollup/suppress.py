"""What is counted of a day → its rows with rare values suppressed, in `staging_*`.

In: the scratch tables `cells`, `conversions`, `vitals`; which values are rare and who is behind them
(others.py). Out: rows.
Promises: no cell below k visitors is written under its own name, and what is suppressed together is never one value nor
fewer than k people, counted distinctly (rule R3). Conversions, revenue and vitals follow the cells, and below k people
there is no row of them. A measure to which fewer than k people contributed is not among a cell's (rule N1).
"""

from __future__ import annotations

from schema.dimensions import OTHER
from schema.families import DECLARED
from schema.family import Family
from schema.measures import OF_CELLS, Contributor, Measure
from schema.visits import HOUR

from ..insert import insert
from ..parallel import at_once
from . import declared
from .aggregate import COUNTED, families
from .batch import DAY, ENOUGH, SITE, START, Batch, K
from .contributors import CONTRIBUTORS


def suppress(of: Batch) -> None:
    """Fill `kept` and `contributed`: what is shown."""
    _keep(of)
    if any(site_day.rules.k > 1 for site_day in of.days):  # one is enough of anything
        of.store.command(of.naming(_CONTRIBUTED), of.named)


def stage(of: Batch) -> None:
    """Fill `staging_*`."""
    # The longest first. A histogram has few samples in each bucket: rounded down it would tell lies, so it waits for
    # the release. So does revenue: where everybody pays the same, it tells how many they are.
    of_family = {"vitals": _VITALS, "conversions": _CONVERSIONS, "cells": _CELLS}
    of_family |= {name: _declared(family) for name, family in DECLARED.items()}
    at_once(
        of.store,
        [
            # A partition for each site-day.
            (f"{of.naming(of_family[family])} SETTINGS max_partitions_per_insert_block = 0", of.named)
            for family in of_family
            if family in families(of)
        ],
    )


# -- what is shown ---------------------------------------------------------------------------------------------------

# A dimension whose rare values are one, or of fewer than k people: the smallest of the others goes with them.
_COMPLEMENTARY = f"""
    INSERT INTO {{complementary}} (d, dimension)
    SELECT d, dimension FROM {{values}} AS v
    LEFT JOIN (SELECT d, dimension, {ENOUGH} AS enough FROM {{others}} WHERE family = 'cells') AS o USING (d, dimension)
    WHERE state = 'rare' AND v.people > 0
    GROUP BY d, dimension HAVING count() = 1 OR NOT any(o.enough)"""
_IN_COMPLEMENTARY = "(d, dimension) IN (SELECT d, dimension FROM {complementary})"
# Where only the empty value could go with them, the dimension shows nothing: "no campaign" is not among the rare
# campaigns, and alone it would tell of them.
_NOTHING = f"""(d, dimension) IN
    (SELECT d, dimension FROM {{values}} WHERE state = 'smallest' AND value = '' AND {_IN_COMPLEMENTARY})"""
# A day with fewer than k visitors has no total to be compared with: nothing of it is published.
_PUBLISHED = "d IN (SELECT d FROM {values} WHERE dimension = '' AND state != 'rare')"
_FILL_KEPT = f"""
    INSERT INTO {{kept}} (d, dimension, value)
    SELECT d, dimension, if(state = 'smallest' AND {_IN_COMPLEMENTARY}, '{OTHER}', value)
    FROM {{values}} WHERE state != 'rare' AND NOT ({_NOTHING}) AND {_PUBLISHED}
    UNION ALL
    SELECT d, dimension, '{OTHER}' FROM {{others}}
    WHERE family = 'cells' AND {ENOUGH} AND NOT ({_NOTHING}) AND {_PUBLISHED}"""


def _keep(of: Batch) -> None:
    """Fill `kept`: the values of at least k people, less those of complementary suppression, and the suppressed row
    where it has as many."""
    for statement in (_COMPLEMENTARY, _FILL_KEPT):
        of.store.command(of.naming(statement), of.named)


def _suppressed(family: str, keys: tuple[str, ...], numbers: tuple[str, ...], list_: str = "", source: str = "") -> str:
    """SQL for a family's numbers with what is not kept under `(other)`. keys: the first is the name in `others`. list_:
    a column that is joined, not added up. source: of what, if not of the family's scratch table."""
    enough = "(d, dimension, value) IN (SELECT d, dimension, value FROM {values} WHERE state != 'rare')"
    distinct = ("people", "networks", "visits") if family == "cells" else ("people", "networks")
    own = (f"if({enough}, s.{name}, 0)" if name in distinct else f"s.{name}" for name in numbers)
    other = (f"if({_IN_COMPLEMENTARY}, {_WITH[name]}, {name})" if name in distinct else "0" for name in numbers)
    listed = "".join(f", {key}" for key in keys)
    named = "".join(f", {name}" for name in ("name", "currency")[: len(keys)])
    joined, own_list, no_list = (f", groupArrayArray({list_}) AS {list_}", f", {list_}", ", []") if list_ else ("",) * 3
    added = ", ".join(f"{_adding(name)}(f.{name}) AS {name}" for name in numbers)
    return f"""
    SELECT d, dimension, named AS value{listed}, {added}{joined}
    FROM
    (
        SELECT d, dimension, {_NAMED} AS named{listed},
            {", ".join(f"{sql} AS {name}" for sql, name in zip(own, numbers, strict=True))}{own_list}
        FROM {source or f"{{{family}}}"} AS s
        UNION ALL
        SELECT d, dimension, '{OTHER}'{named}, {", ".join(other)}{no_list} FROM {{others}} WHERE family = '{family}'
    ) AS f
    GROUP BY d, dimension, named{listed} HAVING people > 0"""


# What is counted distinctly of the suppressed row where the smallest other value is in it, too.
_WITH = {"people": "people_beside", "visits": "visits_beside", "networks": "networks_together"}


def _adding(name: str) -> str:
    # Of a value the networks are in one row; of the suppressed one those of all together, which are the most.
    return "max" if name == "networks" else "sum"


# Of a value as it came whether it keeps its name; of a suppressed one whether it is shown, because `(other)` is there.
_KEPT = "(d, dimension, value) IN (SELECT d, dimension, value FROM {kept})"
_NAMED = f"if({_KEPT}, value, '{OTHER}')"


# -- the rows --------------------------------------------------------------------------------------------------------

# Rule H4: in `strict` the counts of an open day are multiples of k, and its times of k minutes, because a visit that
# goes on for a minute longer tells as much as one visitor more. Elsewhere every step is 1.
_ROUNDED = "{rounded:Array(UInt8)}[d + 1]"
_STEP_OF: dict[str, int] = {"s": 60, "ms": 60_000}


def _down(number: str, step: int = 1) -> str:
    """SQL for the number, rounded down to a multiple of the step."""
    size = f"if({_ROUNDED}, {K} * {step}, 1)"
    return f"intDiv({number}, {size}) * {size}"


# The key of a row, from a number's dimension and value.
_KEY = {
    "site": SITE,
    "grain": f"if(dimension = '{HOUR}', 'hour', 'day')",
    "day": DAY,
    "period": f"""if(dimension = '{HOUR}' AND value != '{OTHER}', toDateTime(toUInt32OrZero(value), 'UTC'),
       toDateTime({START}, 'UTC'))""",
    "dimension": f"if(dimension = '{HOUR}', '', dimension)",
    "value": f"if(dimension = '{HOUR}' AND value != '{OTHER}', '', value)",
    "by_dimension": "''",
    "by_value": "''",
}


# Not everybody who is counted enters or leaves in a row of these dimensions.
_IN_PART = "dimension IN ('page', 'hostname', 'event')"
# By who contributes to a measure: the rows in which these may be fewer than those who are counted. Of an event all have
# done it who are counted; suppressed with page views it would be what the row has more than these.
_FEWER: dict[Contributor, str] = {
    "entrant": _IN_PART,
    "leaver": _IN_PART,
    "reporter": "true",
    "actor": f"dimension != 'event' OR (value = '{OTHER}' AND pageviews > 0)",
}


def _shown(one: Measure) -> str:
    """SQL for a measure of a row where at least k people contributed to it, else for a lesser number (rule N1). One
    that is left out is left out of the day, and so is what it is divided by: sums of days stay sums."""
    number = "people" if one.aggregate == "distinct" else one.name if one.visit else one.default
    if one.contributor in _FEWER:
        kind = f"(d, dimension, value, '{one.contributor}')"
        enough = f"{kind} IN (SELECT d, dimension, value, kind FROM {{contributed}})"
        number = f"if({K} = 1 OR NOT ({_FEWER[one.contributor]}) OR {enough}, {number}, {one.less})"
    return _down(number, _STEP_OF.get(one.unit, 1))


_CELLS = f"""
    {insert("staging_cells", _KEY | {one.name: _shown(one) for one in OF_CELLS})}
    FROM ({_suppressed("cells", (), ("people", "networks", *(one.name for one in COUNTED)))})
    WHERE {ENOUGH} AND {_KEPT}"""


def _in_company(counted: str, within: str, among: str = "value") -> str:
    """Of counted rows (d, dimension, value, {within}, people …) those with at least k people. Where any has fewer, the
    smallest of the others is left out, too (R3): the total less what is shown would tell the hidden one. among: what
    tells those apart that add up to a total."""
    return f"""
    SELECT * FROM
    (
        SELECT *, max(NOT {ENOUGH}) OVER (PARTITION BY d, dimension, {within}) AS complementary,
            row_number() OVER (PARTITION BY d, dimension, {within}, {ENOUGH} ORDER BY people, {among}) AS place
        FROM ({counted})
    )
    WHERE {ENOUGH} AND NOT (complementary AND place = 1)"""


_CONTRIBUTORS = _suppressed("contributors", ("kind",), ("people", "networks"), source=CONTRIBUTORS)
_CONTRIBUTED = f"""
    {insert("{contributed}", {name: name for name in ("d", "dimension", "value", "kind")})}
    FROM ({_in_company(_CONTRIBUTORS, "kind")})"""

# Who reached a goal has no currency, who paid has one.
_REACHED = "currency = ''"
_CONVERTERS = _suppressed("conversions", ("goal", "currency"), ("people", "networks", "times", "paid"))
_REACHING = {
    "goal": "goal",
    "currency": "currency",
    "converters": f"if({_REACHED}, {_down('people')}, 0)",
    "conversions": _down("times"),
    "amount": "paid",
    "payers": f"if({_REACHED}, 0, people)",
}
# Where it is not shown who reached a goal, it is not shown who paid: these have reached it, too.
_PAYING = f"""
    SELECT *, countIf({_REACHED}) OVER (PARTITION BY d, dimension, value, goal) AS reached
    FROM ({_in_company(_CONVERTERS, "goal, currency")})"""
_CONVERSIONS = f"""
    {insert("staging_conversions", _KEY | _REACHING)}
    FROM ({_PAYING})
    WHERE reached > 0 AND {_KEPT} AND ({_REACHED} OR NOT {_ROUNDED})"""

_MEASURED = _suppressed("vitals", ("metric",), ("people", "networks", "samples", "good", "poor"), "histogram")
# A bucket for each sample: of [5, 7, 5, 5] the buckets are [5, 7], the counts [3, 1].
_IN_ORDER = f"""
    SELECT *, arraySort(histogram) AS each,
        arraySplit((one, before) -> one != before, each, arrayRotateRight(each, 1)) AS alike
    FROM ({_in_company(_MEASURED, "metric")})
    WHERE {_KEPT} AND NOT {_ROUNDED}"""
_HISTOGRAM = {name: name for name in ("metric", "samples", "good", "poor", "people")} | {
    "buckets": "arrayCompact(each)",
    "counts": "arrayMap(some -> length(some), alike)",
}
_VITALS = f"""
    {insert("staging_vitals", _KEY | _HISTOGRAM)} FROM ({_IN_ORDER})"""


def _declared(family: Family) -> str:
    """The statement for a family that is counted by what its entry says."""
    keys, added = ", ".join(family.key_names), declared.summed(family)
    counted = _suppressed(family.name, family.key_names, ("people", "networks", *(one.name for one in added)))
    exclusive = family.counting is not None and family.counting.exclusive
    shown = _in_company(counted, "value", keys) if exclusive else _in_company(counted, keys)
    row = _KEY | {name: name for name in family.key_names} | {family.people.name: _down("people")}
    row |= {one.name: _down(one.name, _STEP_OF.get(one.unit, 1)) for one in added}
    return f"{insert(f'staging_{family.name}', row)} FROM ({shown}) WHERE {_KEPT}"
