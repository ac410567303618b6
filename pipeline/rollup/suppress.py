"""What is counted of a day → its rows with rare values suppressed, in `staging_*`.

In: the scratch tables `cells`, `conversions`, `vitals`; which values are rare and who is behind them
(others.py). Out: rows.
Promises: no cell below k visitors is written under its own name, and what is suppressed together is never one value nor
fewer than k people, counted distinctly (rule R3). Conversions, revenue and vitals follow the cells, and below k people
there is no row of them. A measure to which fewer than k people contributed is not among a cell's (rule N1).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

from schema.column import TEXT
from schema.dimensions import OTHER
from schema.event import PAGEVIEW
from schema.experience import EXPERIENCE
from schema.families import APART, CROSSED, DECLARED, FAMILIES, NESTED, OWN
from schema.family import Family
from schema.measures import OF_CELLS, Contributor, Measure
from schema.visits import HOUR

from ..insert import insert
from ..parallel import at_once
from . import declared, ends
from .aggregate import COUNTED, families
from .batch import DAY, ENOUGH, SITE, START, Batch, K
from .company import Cell, Part, Whole, going
from .contributors import CONTRIBUTORS
from .declared import NAMED, named_by
from .drops import show_steps
from .experience import fill_experience
from .hits import OF_HITS
from .moves import show_ways
from .others import PUBLISHED, find_covered
from .parents import CELL, CHILDREN, EXCLUSIVE, PARENTS, name_and_currency


def keep(of: Batch) -> None:
    """Fill `kept` and `folded`: the values of at least k people, less those that go along with others, and the rest."""
    if of.hides:
        _judge_values(of)
    at_once(of.store, [(of.naming(statement), of.named) for statement in (_FILL_KEPT, _FILL_FOLDED)])


def show(of: Batch) -> None:
    """Fill `kept` with the suppressed rows that are shown, and `shown`: what is shown of goals, revenue and web vitals,
    and which measures of cells."""
    of.store.command(of.naming(_KEEP_OTHER), of.named)
    if of.hides:
        _judge_rows(of)
        of.store.command(of.naming(_fill_shown()), of.named)
        show_steps(of)
    show_ways(of)
    if EXPERIENCE.name in families(of):
        fill_experience(of)


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

# The last to go along with rare values: how many page views there were is known, and who has no campaign or came
# directly is no rare campaign or source.
_KNOWN = f"(value = '' OR dimension = 'event' AND value = '{PAGEVIEW}')"
_CELL = ", ".join(CELL)
_SMALLEST = "arraySlice(arraySort(groupArrayIf((known, toInt64(people), value, name, currency), goes)), 1, 2)"
_PARTS = f"""
    SELECT 'cells', d, dimension, '', '', '', parent, countIf(people > 0), countIf(few), {_SMALLEST}, countIf(few)
    FROM
    (
        SELECT *, {_KNOWN} AS known, '' AS name, '' AS currency, people > 0 AND NOT enough AS few,
            enough AND (alone OR dimension NOT IN {[*PARENTS]}) AS goes
        FROM {{values}} LEFT JOIN {{parents}} USING (d, dimension, value)
    )
    GROUP BY d, dimension, parent"""
_ABOVE = f"dimension IN {[*PARENTS.values()]}"
_TOLD = "(d, dimension) NOT IN (SELECT d, dimension FROM {nothing})"
_FILL_KEPT = f"""
    INSERT INTO {{kept}} (d, dimension, value)
    SELECT d, dimension, value FROM {{values}}
    WHERE enough AND (d, dimension, value) NOT IN (SELECT d, dimension, value FROM {{held}})
        AND {_TOLD} AND {PUBLISHED}"""
_FILL_FOLDED = f"""
    INSERT INTO {{folded}} (d, dimension, value, alone, parent)
    SELECT d, dimension, value, alone, parent
    FROM
    (
        SELECT d, dimension, value FROM {{values}}
        WHERE (NOT enough OR (d, dimension, value) IN (SELECT d, dimension, value FROM {{held}}))
            AND {_TOLD} AND {PUBLISHED}
    ) AS v
    LEFT JOIN (SELECT * FROM {{parents}} WHERE alone) AS p USING (d, dimension, value)"""
_KEEP_OTHER = f"""
    INSERT INTO {{kept}} (d, dimension, value)
    SELECT d, dimension, '{OTHER}' FROM {{others}} WHERE family = 'cells' AND whole AND {ENOUGH}"""


def _parts(of: Batch, sql: str) -> dict[Whole, dict[str, Part]]:
    """What there is of each parent. sql: for what tells a whole, the parent, and the fields of a part."""
    found: dict[Whole, dict[str, Part]] = defaultdict(dict)
    for *whole, parent, many, few, smallest, of_whole in of.store.rows(of.naming(sql), of.named):
        part = Part(many, few, tuple(map(tuple, smallest)), of_whole=of_whole)
        found[tuple(whole)][parent] = part
    return found


def _judge_values(of: Batch) -> None:
    """Fill `held` and `nothing`."""
    parts = _parts(of, _PARTS)
    enough = of.store.rows(of.naming(f"SELECT d, dimension, value FROM {{values}} WHERE enough AND {_ABOVE}"))
    covered = set()
    for d, dimension, whole, alone, parent in find_covered(of):
        if whole:
            covered.add(("cells", d, dimension, "", "", ""))
        if whole == (dimension not in PARENTS) and (whole or alone):
            parts["cells", d, dimension, "", "", ""][parent].covered = True
    cells = [("cells", d, dimension, "", "", value) for d, dimension, value in enough]
    gone, nothing = going(parts, cells, lambda family, one: (family, one) in CHILDREN, covered.__contains__, bare=True)
    _insert(of, "held", [*CELL], gone)
    _insert(of, "nothing", ("family", "d", "dimension", "name", "currency"), {whole[:5] for whole in nothing})


def _insert(of: Batch, table: str, columns: Sequence[str], rows: Collection[tuple[Any, ...]]) -> None:
    if rows:
        of.store.insert(of.scratch(table), columns, [list(column) for column in zip(*sorted(rows), strict=True)])


def _suppressed(family: str, keys: tuple[str, ...], numbers: tuple[str, ...], list_: str = "", source: str = "") -> str:
    """SQL for a family's numbers with what is not kept under `(other)`. keys: the first is the name in `others`. list_:
    a column that is joined, not added up. source: of what, if not of the family's scratch table."""
    distinct = ("people", "networks", "visits") if family == "cells" else ("people", "networks")
    own = (f"if(is_kept, s.{name}, 0)" if name in distinct else f"s.{name}" for name in numbers)
    other = (name if name in distinct else "0" for name in numbers)
    listed = "".join(f", {key}" for key in keys)
    named = "".join(f", {name}" for name in _keys_of_others(family, keys))
    joined, own_list, no_list = (f", groupArrayArray({list_}) AS {list_}", f", {list_}", ", []") if list_ else ("",) * 3
    added = ", ".join(f"{_adding(name)}(f.{name}) AS {name}" for name in numbers)
    return f"""
    SELECT d, dimension, named AS value{listed}, {added}{joined}
    FROM
    (
        SELECT d, dimension, if(is_kept, value, '{OTHER}') AS named{listed},
            {", ".join(f"{sql} AS {name}" for sql, name in zip(own, numbers, strict=True))}{own_list}
        FROM (SELECT *, {_KEPT} AS is_kept FROM {source or f"{{{family}}}"}) AS s
        UNION ALL
        SELECT d, dimension, '{OTHER}'{named}, {", ".join(other)}{no_list} FROM {{others}}
        WHERE family = '{family}' AND whole
    ) AS f
    GROUP BY d, dimension, named{listed} HAVING people > 0"""


def _keys_of_others(family: str, keys: tuple[str, ...]) -> list[str]:
    """SQL for the keys of a family, of a row of `others`. Of a family whose keys exclude one another there is none, as
    it is of the whole site only: any will do."""
    kinds = {one.name: one.type for one in FAMILIES[family].keys} if family in FAMILIES else {}
    columns = ("''",) * len(keys) if family in EXCLUSIVE else ("name", "currency")
    plain = (TEXT, "String")
    return [
        column if kinds.get(key, TEXT) in plain else f"accurateCastOrDefault({column}, '{kinds[key]}')"
        for key, column in zip(keys, columns, strict=False)
    ]


def _adding(name: str) -> str:
    # Of a value the networks are in one row; of the suppressed one those of all together, which are the most.
    return "max" if name == "networks" else "sum"


# Of a value as it came whether it keeps its name; of a suppressed one whether it is shown, because `(other)` is there.
_KEPT = "(d, dimension, value) IN (SELECT d, dimension, value FROM {kept})"


# -- what is shown of values that are ---------------------------------------------------------------------------------

# By family what tells its rows apart within a value, and of which rows they are counted.
_WITHIN: dict[str, tuple[tuple[str, ...], str]] = {
    "contributors": (("kind",), CONTRIBUTORS),
    "conversions": (("goal", "currency"), ""),
    "vitals": (("metric",), ""),
    **{name: (family.key_names, "") for name, family in DECLARED.items()},
}
# Of a family whose keys exclude one another these add up to a value; of all others the values do, to the whole.
_OF_KEYS = f"family IN {EXCLUSIVE}" if EXCLUSIVE else "false"
_CHILD = f"(family, dimension) IN {[*CHILDREN]}"


# Rows of one key beside those that they exclude one another within, which may be a value of a dimension.
_KNOWN_ROW = " OR ".join(
    ["false"]
    + [
        f"family = '{name}' AND (d, currency) IN (SELECT d, value FROM {{kept}} WHERE dimension = '{dimension}')"
        for name in NAMED
        for key, dimension in named_by(name).items()
        if DECLARED[name].key_names[-1] == key
    ]
)
_PARTS_OF_ROWS = f"""
    SELECT family, d, dimension, name, if({_OF_KEYS}, '', currency), if({_OF_KEYS}, value, ''),
        if({_CHILD}, parent, '') AS its_parent,
        countIf(value != '{OTHER}'), countIf(NOT enough AND value != '{OTHER}'), {_SMALLEST}, countIf(NOT enough)
    FROM
    (
        SELECT *, {_KNOWN_ROW} AS known, enough AND (alone OR NOT ({_CHILD})) AS goes
        FROM {{counted}} LEFT JOIN {{parents}} USING (d, dimension, value)
    )
    GROUP BY 1, 2, 3, 4, 5, 6, its_parent"""


def _fill_shown() -> str:
    return f"""
    INSERT INTO {{shown}} ({_CELL})
    SELECT {_CELL} FROM {{counted}}
    WHERE enough AND NOT {ends.UNTOLD} AND ({_CELL}) NOT IN (SELECT {_CELL} FROM {{held}})
        AND (family, d, dimension, name, currency) NOT IN
            (SELECT family, d, dimension, name, currency FROM {{nothing}} WHERE family != 'cells')"""


def _judge_rows(of: Batch) -> None:
    """Fill `counted`, and `held` and `nothing` with what is so of all families but cells."""
    at_once(of.store, [(of.naming(statement), of.named) for statement in _counting(of)])
    parts = _parts(of, _PARTS_OF_ROWS)
    rows = f"SELECT {_CELL} FROM {{counted}} WHERE enough AND {_ABOVE}"
    above = [(*row,) for row in of.store.rows(of.naming(rows))]
    beside = f"SELECT family, d, dimension, name, currency, '', parent, {ENOUGH} FROM {{others}} WHERE NOT whole"
    for *whole, parent, enough in of.store.rows(of.naming(beside), of.named):
        # Where nobody is shown of a parent there is nothing to take away from it.
        part = parts.get(tuple(whole), {}).get(parent)
        if part is not None and tuple(whole[:3:2]) in CHILDREN:
            part.covered |= bool(enough)
            part.lacking |= not enough
    for one in declared.covered(of, families(of)) & parts.keys():
        parts[one][""].covered = True
    parts = {whole: part for whole, part in parts.items() if not ends.apart(whole)}
    gone, nothing = going(parts, above, lambda family, one: (family, one) in CHILDREN)
    _insert(of, "held", [*CELL], gone | _told(of, parts) | ends.untold_sections(of))
    _insert(of, "nothing", ("family", "d", "dimension", "name", "currency"), {whole[:5] for whole in nothing})


def _told(of: Batch, parts: Mapping[Whole, Mapping[str, Part]]) -> set[Cell]:
    """Where what would go along is told elsewhere: all that there is of that whole."""
    within = ((whole, part) for whole, each in parts.items() if whole[0] in NAMED for part in each.values())
    found = {whole for whole, one in within if one.of_whole and not one.covered and one.smallest and one.smallest[0][0]}
    if not found:
        return set()
    rows = of.store.rows(of.naming(f"SELECT {_CELL} FROM {{counted}} WHERE enough AND family IN {[*NAMED]}"))
    return {cell for cell in ((*row,) for row in rows) if (*cell[:4], "", "") in found}


def _counting(of: Batch) -> list[str]:
    """The statements that fill `counted`."""
    counted = {"contributors", *families(of)} - APART
    return [_counted(family) for family in _WITHIN if family in counted]


@cache
def _counted(family: str) -> str:
    keys, source = _WITHIN[family]
    name, currency = name_and_currency(FAMILIES[family]) if family in FAMILIES else ("toString(kind)", "''")
    columns = {"family": f"'{family}'", "name": name, "currency": currency}
    hidden = "(d, toString({})) IN (SELECT d, value FROM {{values}} WHERE dimension = '{}' AND {} NOT IN {})".format
    enough = "".join(
        f" AND NOT {hidden(key, dimension, '(d, dimension, value)', '(SELECT d, dimension, value FROM {kept})')}"
        for key, dimension in named_by(family).items()
    )
    columns |= {column: column for column in ("d", "dimension", "value", "people")} | {"enough": ENOUGH + enough}
    rows = _suppressed(family, keys, ("people", "networks"), source=source)
    return f"{insert('{counted}', columns)} FROM ({rows}) WHERE {K} > 1"


def _is_shown(family: str, *keys: str) -> str:
    """SQL for whether a row of a family is shown that has these keys, or a measure of a cell."""
    named = ", ".join(("d", "dimension", "value", *("name", "currency")[: len(keys)]))
    rows = f"SELECT {named} FROM {{shown}} WHERE family = '{family}'"
    return f"({K} = 1 OR (d, dimension, value, {', '.join(keys)}) IN ({rows}))"


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
_IN_PART = f"dimension IN {[*OF_HITS]}"
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
        number = f"if({one.contributor}_shown, {number}, {one.less})"
    return _down(number, _STEP_OF.get(one.unit, 1))


# Whether enough contribute is asked once for all measures of a kind: each time takes milliseconds to plan.
_CONTRIBUTED = ", ".join(
    f"""NOT ({fewer}) OR {_is_shown("contributors", f"'{kind}'")} AS {kind}_shown""" for kind, fewer in _FEWER.items()
)
_CELLS = f"""
    {insert("staging_cells", _KEY | {one.name: _shown(one) for one in OF_CELLS})}
    FROM
    (
        SELECT *, {_CONTRIBUTED}
        FROM ({_suppressed("cells", (), ("people", "networks", *(one.name for one in COUNTED)))})
        WHERE {ENOUGH} AND {_KEPT}
    )"""


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
    FROM ({_CONVERTERS}) WHERE {_is_shown("conversions", "goal", "currency")}"""
_CONVERSIONS = f"""
    {insert("staging_conversions", _KEY | _REACHING)}
    FROM ({_PAYING})
    WHERE reached > 0 AND {_KEPT} AND ({_REACHED} OR NOT {_ROUNDED})"""

_MEASURED = _suppressed("vitals", ("metric",), ("people", "networks", "samples", "good", "poor"), "histogram")
# A bucket for each sample: of [5, 7, 5, 5] the buckets are [5, 7], the counts [3, 1].
_IN_ORDER = f"""
    SELECT *, arraySort(histogram) AS each,
        arraySplit((one, before) -> one != before, each, arrayRotateRight(each, 1)) AS alike
    FROM ({_MEASURED})
    WHERE {_is_shown("vitals", "metric")} AND {_KEPT} AND NOT {_ROUNDED}"""
_HISTOGRAM = {name: name for name in ("metric", "samples", "good", "poor", "people")} | {
    "buckets": "arrayCompact(each)",
    "counts": "arrayMap(some -> length(some), alike)",
}
_VITALS = f"""
    {insert("staging_vitals", _KEY | _HISTOGRAM)} FROM ({_IN_ORDER})"""


def _declared(family: Family) -> str:
    """The statement for a family that is counted by what its entry says."""
    added = [one.name for one in declared.summed(family)]
    row = _KEY | {name: name for name in family.key_names} | {family.people.name: _down("people")}
    row |= {one.name: _down(one.name, _STEP_OF.get(one.unit, 1)) for one in declared.summed(family)}
    if family.name in OWN:  # what is there is shown
        return f"{insert(f'staging_{family.name}', row)} FROM {{{family.name}}}"
    which = f"{_is_shown(family.name, *name_and_currency(family))} AND {_KEPT}"
    if family.name in CROSSED:
        return f"{insert(f'staging_{family.name}', row)} FROM {{{family.name}}} WHERE {_KEPT}"
    if family.name in NESTED:
        columns = ", ".join(("d", "dimension", "value", *family.key_names, "people", *added))
        rows = f"SELECT {columns} FROM {{{family.name}}} WHERE {which} UNION ALL SELECT {columns} FROM {{least}}"
        return f"{insert(f'staging_{family.name}', row)} FROM ({rows})"
    counted = _suppressed(family.name, family.key_names, ("people", "networks", *added))
    if not (part := family.counting and family.counting.part):
        return f"{insert(f'staging_{family.name}', row)} FROM ({counted}) WHERE {which}"
    # Where all are not shown, it is not shown who of them paid, and in `strict` of an open day not at all.
    keys = ", ".join(("d", "dimension", "value", *(name for name in family.key_names if name != part)))
    shown = f"SELECT *, countIf({part} = '') OVER (PARTITION BY {keys}) AS whole FROM ({counted}) WHERE {which}"
    return f"""{insert(f"staging_{family.name}", row)} FROM ({shown})
    WHERE whole > 0 AND ({part} = '' OR NOT {_ROUNDED})"""
