"""What is shown of a day → its rows in `staging_*`.

In: the scratch tables of the families, and what suppress.py has kept and shown. Promises: in `strict` the counts of an
open day are multiples of k (rule H4). A measure to which fewer than k people contributed is a lesser number (rule N1).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cache

from schema.dimensions import OTHER
from schema.families import CROSSED, DECLARED, NESTED, OWN
from schema.family import Family
from schema.measures import OF_CELLS, Contributor, Measure
from schema.visits import HOUR

from ..insert import insert
from ..parallel import at_once
from .batch import DAY, ENOUGH, SITE, START, Batch, K
from .cells import declared
from .cells.aggregate import families
from .cells.sums import COUNTED
from .cells.suppressed import KEPT, is_shown, suppressed
from .shape import IN_BUCKETS, IN_ORDER
from .suppression.parents import name_and_currency
from .visits.hits import OF_HITS


def stage(of: Batch, counted: Collection[str] | None = None) -> None:
    """Fill `staging_*`. counted: the families that have rows, if those are not that the settings of its sites tell."""
    # The longest first. A histogram has few samples in each bucket: rounded down it would tell lies, so it waits for
    # the release. So does revenue: where everybody pays the same, it tells how many they are.
    counted = families(of) if counted is None else counted
    at_once(
        of.store,
        [
            # A partition for each site-day.
            (f"{of.naming(statement)} SETTINGS max_partitions_per_insert_block = 0", of.named)
            for family, statement in _statements(any(of.named["rounded"])).items()
            if family in counted
        ],
    )


@cache
def _statements(rounds: bool) -> dict[str, str]:
    """By family. rounds: whether some day is rounded; to plan that takes a third of a millisecond a number."""
    down = _down if rounds else _exactly
    own = {"vitals": _VITALS, "conversions": _conversions(down), "cells": _cells(down)}
    return own | {name: _declared(family, down) for name, family in DECLARED.items()}


# Rule H4: in `strict` the counts of an open day are multiples of k, and its times of k minutes, because a visit that
# goes on for a minute longer tells as much as one visitor more. Elsewhere every step is 1.
_ROUNDED = "{rounded:Array(UInt8)}[d + 1]"
_STEP_OF: dict[str, int] = {"s": 60, "ms": 60_000}


def _down(number: str, step: int = 1) -> str:
    """SQL for the number, rounded down to a multiple of the step."""
    size = f"if({_ROUNDED}, {K} * {step}, 1)"
    return f"intDiv({number}, {size}) * {size}"


def _exactly(number: str, step: int = 1) -> str:
    """The same where no day is."""
    return number


_Down = Callable[[str, int], str]


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
_IN_PART = f"dimension IN {[*OF_HITS]}"
# By who contributes to a measure: the rows in which these may be fewer than those who are counted. Of an event all have
# done it who are counted; suppressed with page views it would be what the row has more than these.
_FEWER: dict[Contributor, str] = {
    "entrant": _IN_PART,
    "leaver": _IN_PART,
    "reporter": "true",
    "actor": f"dimension != 'event' OR (value = '{OTHER}' AND pageviews > 0)",
}


def _shown(one: Measure, down: _Down) -> str:
    """SQL for a measure of a row where at least k people contributed to it, else for a lesser number (rule N1). One
    that is left out is left out of the day, and so is what it is divided by: sums of days stay sums."""
    number = "people" if one.aggregate == "distinct" else one.name if one.visit else one.default
    if one.contributor in _FEWER:
        number = f"if({one.contributor}_shown, {number}, {one.less})"
    return down(number, _STEP_OF.get(one.unit, 1))


# Whether enough contribute is asked once for all measures of a kind: each time takes milliseconds to plan.
_CONTRIBUTED = ", ".join(
    f"""NOT ({fewer}) OR {is_shown("contributors", f"'{kind}'")} AS {kind}_shown""" for kind, fewer in _FEWER.items()
)


def _cells(down: _Down) -> str:
    return f"""
    {insert("staging_cells", _KEY | {one.name: _shown(one, down) for one in OF_CELLS})}
    FROM
    (
        SELECT *, {_CONTRIBUTED}
        FROM ({suppressed("cells", (), ("people", "networks", *(one.name for one in COUNTED)))})
        WHERE {ENOUGH} AND {KEPT}
    )"""


# Who reached a goal has no currency, who paid has one.
_REACHED = "currency = ''"
_CONVERTERS = suppressed("conversions", ("goal", "currency"), ("people", "networks", "times", "paid"))
# Where it is not shown who reached a goal, it is not shown who paid: these have reached it, too.
_PAYING = f"""
    SELECT *, countIf({_REACHED}) OVER (PARTITION BY d, dimension, value, goal) AS reached
    FROM ({_CONVERTERS}) WHERE {is_shown("conversions", "goal", "currency")}"""


def _conversions(down: _Down) -> str:
    row = _KEY | {
        "goal": "goal",
        "currency": "currency",
        "converters": f"if({_REACHED}, {down('people', 1)}, 0)",
        "conversions": down("times", 1),
        "amount": "paid",
        "payers": f"if({_REACHED}, 0, people)",
    }
    return f"""
    {insert("staging_conversions", row)}
    FROM ({_PAYING})
    WHERE reached > 0 AND {KEPT} AND ({_REACHED} OR NOT {_ROUNDED})"""


_MEASURED = suppressed("vitals", ("metric",), ("people", "networks", "samples", "good", "poor"), "histogram")
_IN_ORDER = f"""
    SELECT *, {IN_ORDER}
    FROM ({_MEASURED})
    WHERE {is_shown("vitals", "metric")} AND {KEPT} AND NOT {_ROUNDED}"""
_HISTOGRAM = {name: name for name in ("metric", "samples", "good", "poor", "people")} | IN_BUCKETS
_VITALS = f"""
    {insert("staging_vitals", _KEY | _HISTOGRAM)} FROM ({_IN_ORDER})"""


def _declared(family: Family, down: _Down) -> str:
    """The statement for a family that is counted by what its entry says."""
    added = [one.name for one in declared.summed(family)]
    row = _KEY | {name: name for name in family.key_names} | {family.people.name: down("people", 1)}
    row |= {one.name: down(one.name, _STEP_OF.get(one.unit, 1)) for one in declared.summed(family)}
    if family.name in OWN:  # what is there is shown
        return f"{insert(f'staging_{family.name}', row)} FROM {{{family.name}}}"
    which = f"{is_shown(family.name, *name_and_currency(family))} AND {KEPT}"
    if family.name in CROSSED:
        return f"{insert(f'staging_{family.name}', row)} FROM {{{family.name}}} WHERE {KEPT}"
    if family.name in NESTED:
        columns = ", ".join(("d", "dimension", "value", *family.key_names, "people", *added))
        rows = f"SELECT {columns} FROM {{{family.name}}} WHERE {which} UNION ALL SELECT {columns} FROM {{least}}"
        return f"{insert(f'staging_{family.name}', row)} FROM ({rows})"
    counted = suppressed(family.name, family.key_names, ("people", "networks", *added))
    if not (part := family.counting and family.counting.part):
        return f"{insert(f'staging_{family.name}', row)} FROM ({counted}) WHERE {which}"
    # Where all are not shown, it is not shown who of them paid, and in `strict` of an open day not at all.
    keys = ", ".join(("d", "dimension", "value", *(name for name in family.key_names if name != part)))
    shown = f"SELECT *, countIf({part} = '') OVER (PARTITION BY {keys}) AS whole FROM ({counted}) WHERE {which}"
    return f"""{insert(f"staging_{family.name}", row)} FROM ({shown})
    WHERE whole > 0 AND ({part} = '' OR NOT {_ROUNDED})"""
