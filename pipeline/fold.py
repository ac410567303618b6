"""The sums of a day → its folded rows in `staging_*`.

In: `work_cells`, `work_conversions`, `work_vitals`; which values are rare and who is behind them (pipeline/others.py).
Out: rows.
Promises: no cell below k visitors is written under its own name, and what is folded together is never one value nor
fewer than k people, counted distinctly (rule R3). Conversions, revenue and vitals follow the cells, and below k people
there is no row of them. A measure to which fewer than k people contributed is not among a cell's (rule N1).
"""

from __future__ import annotations

from schema.dimensions import OTHER
from schema.site import day_bounds, day_number

from .insert import insert
from .parallel import at_once
from .rows import SiteDay
from .scratch import ADDED
from .settings import SiteRules
from .sums import RUN, UNIT, families
from .visits import HOUR


def fold(of: SiteDay, rules: SiteRules, live: bool) -> None:
    """Fill `staging_*`. live: the day is still open."""
    store = of.store
    # A day with fewer than k visitors has no total to fold into: nothing of it is published.
    if not store.rows("SELECT count() FROM work_values WHERE dimension = '' AND kind != 'rare'")[0][0]:
        return
    parameters = of.named | {
        "start": day_bounds(of.site.timezone, day_number(of.day)).start,
        "k": rules.k,
        "lonely": _keep(of, rules.k),
    }
    store.command(_CONTRIBUTED.replace("{sums}", of.sums), parameters)
    rounded = live and rules.strict
    parameters["rounded"] = rounded
    parameters |= {unit: rules.k * size if rounded else 1 for unit, size in _STEPS.items()}
    # The longest first. A histogram has few samples in each bucket: rounded down it would tell lies, so it waits for
    # the release. So does revenue: where everybody pays the same, it tells how many they are.
    of_family = {"vitals": _VITALS, "conversions": _CONVERSIONS, "cells": _CELLS}
    shown = [family for family in of_family if family in families(of) and not (rounded and family == "vitals")]
    at_once(store, [(of_family[family].replace("{sums}", of.sums), parameters) for family in shown])


# -- what is shown ---------------------------------------------------------------------------------------------------


def _keep(of: SiteDay, k: int) -> list[str]:
    """Fill `work_kept`: the values of at least k people, less what R3 folds to keep the rare ones company, and the
    folded row where it has as many. The dimensions where R3 does. Where only the empty value could keep them company
    the dimension shows nothing: "no campaign" is not among the rare campaigns, and alone it would tell of them."""
    lonely = of.store.rows(
        """SELECT dimension FROM work_values AS v
        LEFT JOIN (SELECT dimension, people FROM work_others WHERE family = 'cells') AS o USING dimension
        WHERE kind = 'rare' AND v.people > 0
        GROUP BY dimension HAVING count() = 1 OR any(o.people) < {k:UInt32}""",
        {"k": k},
    )
    dimensions = [dimension for (dimension,) in lonely]
    nothing = (
        "(SELECT dimension FROM work_values "
        "WHERE kind = 'smallest' AND value = '' AND dimension IN {lonely:Array(String)})"
    )
    of.store.command(
        f"""INSERT INTO work_kept (dimension, value)
        SELECT dimension, if(kind = 'smallest' AND dimension IN {{lonely:Array(String)}}, '{OTHER}', value)
        FROM work_values WHERE kind != 'rare' AND dimension NOT IN {nothing}
        UNION ALL
        SELECT dimension, '{OTHER}' FROM work_others
        WHERE family = 'cells' AND people >= {{k:UInt32}} AND dimension NOT IN {nothing}""",
        {"lonely": dimensions, "k": k},
    )
    return dimensions


def _folded(family: str, keys: tuple[str, ...], numbers: tuple[str, ...], list_: str = "") -> str:
    """SQL for a family's sums with what is not kept folded. keys: the first is the name in `work_others`. list_: a
    column that is joined, not added up."""
    enough = "(dimension, value) IN (SELECT dimension, value FROM work_values WHERE kind != 'rare')"
    distinct = ("people", "visits") if family == "cells" else ("people",)
    own = (f"if({enough}, s.{name}, 0)" if name in distinct else f"s.{name}" for name in numbers)
    other = (
        f"if(dimension IN {{lonely:Array(String)}}, {name}_beside, {name})" if name in distinct else "0"
        for name in numbers
    )
    listed = "".join(f", {key}" for key in keys)
    named = "".join(f", {name}" for name in ("name", "currency")[: len(keys)])
    joined, own_list, no_list = (f", groupArrayArray({list_}) AS {list_}", f", {list_}", ", []") if list_ else ("",) * 3
    return f"""
    SELECT dimension, named AS value{listed}, {", ".join(f"sum(f.{name}) AS {name}" for name in numbers)}{joined}
    FROM
    (
        SELECT dimension, {_NAMED} AS named{listed},
            {", ".join(f"{sql} AS {name}" for sql, name in zip(own, numbers, strict=True))}{own_list}
        FROM {{sums}}_{family} AS s WHERE {RUN}
        UNION ALL
        SELECT dimension, '{OTHER}'{named}, {", ".join(other)}{no_list} FROM work_others WHERE family = '{family}'
    ) AS f
    GROUP BY dimension, named{listed} HAVING people > 0"""


# Of a value as it came whether it keeps its name; of a folded one whether it is shown, because the folded row is there.
_KEPT = "(dimension, value) IN (SELECT dimension, value FROM work_kept)"
_NAMED = f"if({_KEPT}, value, '{OTHER}')"


# -- the rows --------------------------------------------------------------------------------------------------------

# Rule H4: in `strict` the counts of an open day are multiples of k, and its times of k minutes, because a visit that
# goes on for a minute longer tells as much as one visitor more. Elsewhere every step is 1.
_STEPS = {"step": 1, "step_s": 60, "step_ms": 60_000}
_STEP_OF = {"visit_seconds": "step_s", "engaged_ms": "step_ms"}


def _down(number: str, step: str = "step") -> str:
    """SQL for the number, rounded down to a multiple of the step."""
    return f"intDiv({number}, {{{step}:UInt32}}) * {{{step}:UInt32}}"


# The key of a row, from a sum's dimension and (folded) value.
_KEY = {
    "site": "{site:String}",
    "grain": f"if(dimension = '{HOUR}', 'hour', 'day')",
    "day": "{day:Date}",
    "period": f"""if(dimension = '{HOUR}' AND value != '{OTHER}', toDateTime(toUInt32OrZero(value), 'UTC'),
       toDateTime({{start:UInt32}}, 'UTC'))""",
    "dimension": f"if(dimension = '{HOUR}', '', dimension)",
    "value": f"if(dimension = '{HOUR}' AND value != '{OTHER}', '', value)",
    "by_dimension": "''",
    "by_value": "''",
}

_MEASURES = ("people", *ADDED)


def _if_by(kind: str, number: str, less: str = "0", of: str = "true") -> str:
    """SQL for the number where at least k people contributed to it, else for a lesser one (rule N1). of: the dimensions
    in which not everybody does."""
    enough = f"(dimension, value, '{kind}') IN (SELECT dimension, value, kind FROM work_contributed)"
    return f"if({{k:UInt32}} = 1 OR NOT ({of}) OR {enough}, {number}, {less})"


# Here not everybody who is counted enters or leaves.
_IN_PART = "dimension IN ('page', 'hostname', 'event')"
# Of an event all have done it who are counted. Folded with page views it would be what the row has more than these.
_AND_VIEWED = f"dimension != 'event' OR (value = '{OTHER}' AND pageviews > 0)"
# A measure that is left out is left out of the day, and so is what it is divided by: sums of days stay sums.
_SHOWN = {
    "visitors": "people",
    "visits": "visits",
    "pageviews": "pageviews",
    "events": _if_by("actor", "events", "pageviews", _AND_VIEWED),
    "entries": _if_by("entrant", "entries", of=_IN_PART),
    "exits": _if_by("leaver", "exits", of=_IN_PART),
    "bounces": _if_by("entrant", "bounces", of=_IN_PART),
    "visit_seconds": _if_by("entrant", "visit_seconds", of=_IN_PART),
    "engaged_ms": _if_by("reporter", "engaged_ms"),
    "exit_views": _if_by("leaver", "pageviews", of=_IN_PART),
    "timed_visits": _if_by("reporter", "visits"),
}
_ROUNDED = {name: _down(sql, _STEP_OF.get(name, "step")) for name, sql in _SHOWN.items()}
_CELLS = f"""
    {insert("staging_cells", _KEY | _ROUNDED)}
    FROM ({_folded("cells", (), _MEASURES)})
    WHERE people >= {{k:UInt32}} AND {_KEPT}"""

# Conversions, revenue and vitals follow the cells: where there is no cell, there is none of them.
_HAS_CELL = _KEPT


def _in_company(counted: str, within: str) -> str:
    """Of counted rows (dimension, value, {within}, people …) those with at least k people. Where any has fewer, the
    smallest of the others is left out, too (R3): the total less what is shown would tell the hidden one."""
    least = "{k:UInt32}"
    return f"""
    SELECT * FROM
    (
        SELECT *, max(people < {least}) OVER (PARTITION BY dimension, {within}) AS lonely,
            row_number() OVER (PARTITION BY dimension, {within}, people >= {least} ORDER BY people, value) AS place
        FROM ({counted})
    )
    WHERE people >= {least} AND NOT (lonely AND place = 1)"""


_CONTRIBUTORS = _folded("contributors", ("kind",), ("people",))
_CONTRIBUTED = f"""
    {insert("work_contributed", {name: name for name in ("dimension", "value", "kind")})}
    FROM ({_in_company(_CONTRIBUTORS, "kind")})"""

# Who reached a goal has no currency, who paid has one.
_REACHED = "currency = ''"
_CONVERTERS = _folded("conversions", ("goal", "currency"), ("people", "times", "paid"))
_REACHING = {
    "goal": "goal",
    "currency": "currency",
    "converters": f"if({_REACHED}, {_down('people')}, 0)",
    "conversions": _down("times"),
    "amount": "paid",
    "payers": f"if({_REACHED}, 0, people)",
}
_CONVERSIONS = f"""
    {insert("staging_conversions", _KEY | _REACHING)}
    FROM ({_in_company(_CONVERTERS, "goal, currency")})
    WHERE {_HAS_CELL} AND ({_REACHED} OR NOT {{rounded:Bool}})"""

_MEASURED = _folded("vitals", ("metric",), ("people", "samples", "good", "poor"), "histogram")
# Several parts of a bucket, because what is folded is of several values: next to each other once they are in order. Of
# 3 and 1 samples in bucket 5 and 2 in bucket 7, `alike` is [[5 u + 1, 5 u + 3], [7 u + 2]], `filled` [(5, 4), (7, 2)].
_BUCKET = f"toInt16(bitShiftRight(one + {UNIT // 2}, {UNIT.bit_length() - 1}))"
_IN_ORDER = f"""
    SELECT *, arraySort(histogram) AS each, arrayMap(one -> {_BUCKET}, each) AS of_each,
        arraySplit((one, b, before) -> b != before, each, of_each, arrayRotateRight(of_each, 1)) AS alike,
        arrayMap((some, b) -> (b, arraySum(some) - length(some) * b * {UNIT}), alike, arrayCompact(of_each)) AS sums,
        arrayFilter(one -> one.2 > 0, sums) AS filled
    FROM ({_in_company(_MEASURED, "metric")})
    WHERE {_HAS_CELL}"""
_HISTOGRAM = {name: name for name in ("metric", "samples", "good", "poor", "people")} | {
    "buckets": "filled.1",
    "counts": "filled.2",
}
_VITALS = f"""
    {insert("staging_vitals", _KEY | _HISTOGRAM)} FROM ({_IN_ORDER})"""
