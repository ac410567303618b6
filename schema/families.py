"""The families of rollups and the columns of their tables: the one list that pipeline, dashboards and tests name them
from.

In: the measures. Out: `KEY`, `FAMILIES`, `TABLES`. Promises: the tables of the migrations are these (a test prints the
migration that is missing).
"""

from __future__ import annotations

from collections.abc import Iterable

from .column import TEXT, Column
from .dimensions import ELEMENT
from .engagement import ENGAGED
from .experience import EXPERIENCE
from .family import KEY, KEY_COLUMNS, MONTH_COLUMNS, Family, named
from .funnels import FUNNELS
from .journeys import JOURNEYS
from .measures import KINDS, OF_CELLS, OF_CONVERSIONS, OF_GROUPS, OF_VITALS
from .pairs import PAIR_GOALS, PAIRS
from .properties import PROPERTIES
from .segments import SEGMENT_GOALS, SEGMENT_VITALS, SEGMENTS
from .visits import DEFAULTS, OF_FIRST_OF_ALL, VISIT

__all__ = [
    "APART",
    "CROSSED",
    "DECLARED",
    "FAMILIES",
    "KEY",
    "LATE",
    "LIVE",
    "NESTED",
    "OF_DAYS",
    "OWN",
    "TABLES",
    "WAITING",
    "WAITING_TABLES",
    "migration",
]


def _nested(name: str, columns: Iterable[Column]) -> tuple[Column, ...]:
    """As arrays of a row; a dictionary for each would be larger than what it spares."""
    kinds = ((column.name, "String" if column.type == TEXT else column.type) for column in columns)
    return tuple(Column(f"{name}.{column}", f"Array({kind})") for column, kind in kinds)


_CELLS = Family("cells", (), OF_CELLS)
_CONVERSIONS = Family(
    "conversions",
    (
        Column("goal", TEXT, "Name of the goal."),
        Column("currency", TEXT, "ISO 4217 code of `amount`, empty where there is none."),
    ),
    OF_CONVERSIONS,
)
_VITALS = Family(
    "vitals",
    (
        Column("metric", TEXT, "Name of the web vital."),
        Column(
            "bucket",
            "Int16",
            "Bucket of the histogram: i holds values in (g^(i-1), g^i] with g = 1.02/0.98, 0 all up to 1; -1 is no "
            "bucket, but tells the people.",
        ),
    ),
    OF_VITALS,
    histogram=True,
    dimensions=("", "page", "section", *OF_FIRST_OF_ALL, ELEMENT.name),
    label="web vitals",
)
# Every family; one with a file of its own is added here.
FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        *(_CELLS, _CONVERSIONS, _VITALS),
        FUNNELS,
        PROPERTIES,
        ENGAGED,
        PAIRS,
        PAIR_GOALS,
        JOURNEYS,
        SEGMENTS,
        SEGMENT_GOALS,
        SEGMENT_VITALS,
        EXPERIENCE,
    )
}
# Those of which open days have rows.
LIVE: dict[str, Family] = {name: family for name, family in FAMILIES.items() if family.live}
# Those that are counted by what their entry says.
DECLARED: dict[str, Family] = {name: family for name, family in FAMILIES.items() if family.counting}
NESTED = frozenset(name for name, family in DECLARED.items() if family.counting and family.counting.nested)
CROSSED = frozenset(name for name, family in DECLARED.items() if family.counting and family.counting.crossed)
# Those of which nothing waits for a block: what is shown of them is told by code of their own.
OF_DAYS = NESTED | CROSSED
# Those of which a module of their own tells all.
OWN = frozenset(name for name, family in DECLARED.items() if family.counting and family.counting.own)
# Those whose rows are not suppressed as those of others.
APART = OF_DAYS | OWN


def _waiting(keys: tuple[Column, ...], *numbers: str) -> tuple[Column, ...]:
    """The columns of what waits of a family (rule N2), beside its values as they were counted.

    parents: of the parent's dimension the values that it belongs to. others: visitors less those of the network that
    most of them came from; `…_others` of a kind of contributors."""
    return (
        *named(KEY_COLUMNS, "site", "day"),
        Column("expires", "Date"),
        *named(KEY_COLUMNS, "dimension", "value"),
        Column("parents", "Array(String)"),
        *keys,
        *(Column(name, "Int64") for name in ("people", "others", *numbers)),
    )


_COUNTED = (one.name for one in OF_CELLS if one.visit and one.aggregate == "sum")
_KINDS = (name for kind in KINDS for name in (kind, f"{kind}_others"))
# By family what is kept of values that a day hides, for its week and its four weeks: no numbers of visitors, and for
# the pipeline only.
WAITING: dict[str, tuple[Column, ...]] = {
    "cells": _waiting((), *_COUNTED, *_KINDS),
    "conversions": _waiting(_CONVERSIONS.keys, "times", "paid"),
    "vitals": _waiting((_VITALS.keys[0], Column("histogram", "Array(Int16)")), "samples", "good", "poor"),
    **{
        name: _waiting(family.keys, *(one for one in family.measure_names if one != family.people.name))
        for name, family in DECLARED.items()
        if name not in APART
    },
    # What tells a cell apart, and of which sums its day has it, are texts that days have in common (pairs/waiting.py).
    PAIRS.name: (
        *named(KEY_COLUMNS, "site", "day"),
        Column("expires", "Date"),
        *named(KEY_COLUMNS, "dimension", "value", "by_dimension", "by_value"),
        *(Column(name, "String") for name in ("cell", "row_line", "column_line")),
        Column("above", "Array(String)"),
        *(Column(name, "UInt8") for name in ("few", "told")),
        *(Column(name, "Int64") for name in ("people", "others", *OF_GROUPS[1:])),
    ),
    # others: of those who did not reach the goal.
    EXPERIENCE.name: _waiting(EXPERIENCE.keys, "converters", "converters_others"),
}
# Those of which something is released beside days: what waited, with blocks, and what is added (rule N6).
LATE = (*WAITING, FUNNELS.name, SEGMENTS.name, SEGMENT_VITALS.name, SEGMENT_GOALS.name)
WAITING_TABLES = (*(f"waiting_{name}" for name in WAITING), "waiting_days")

# Of each kept table its columns in their order. Of a month the whole site is kept by day, good for parts of it, too.
TABLES: dict[str, tuple[Column, ...]] = {
    **{f"open_{name}": family.open for name, family in LIVE.items()},
    **{f"next_{name}": family.next for name, family in LIVE.items()},
    **{f"released_{name}": family.released for name, family in FAMILIES.items()},
    **{f"late_{name}": FAMILIES[name].late for name in LATE},
    **{f"waiting_{name}": columns for name, columns in WAITING.items()},
    "visits": (
        *named(KEY_COLUMNS, "site", "day"),
        Column("version", "UInt64"),
        Column("deleted", "UInt8"),
        *(Column(name, kind, default=DEFAULTS.get(name, "")) for name, kind in VISIT.items()),
    ),
    "months_cells": (*_CELLS.monthly, Column("days", "UInt16")),
    "months_vitals": _VITALS.monthly,
    "months": (
        *MONTH_COLUMNS,
        Column("releases", "UInt64"),
        *_nested("totals", (*named(KEY_COLUMNS, "day"), *_CELLS.added)),
        *_nested("goals", (*named(KEY_COLUMNS, "day"), *_CONVERSIONS.keys, *_CONVERSIONS.added)),
    ),
}


# Those whose tables the first migration makes.
_OF_BASELINE = ("cells", "conversions", "vitals")


def migration(table: str, there: Iterable[tuple[str, str, str]]) -> list[str]:
    """The statements of a migration that would make a table of this registry out of one with such columns (name, type,
    default); none where it is so."""
    found = {name: (kind, default) for name, kind, default in there}
    family = FAMILIES.get(table.partition("_")[2])
    if family and family.name not in _OF_BASELINE and not found:
        return [_creating(family)]
    wanted = TABLES[table]
    statements = []
    before = ""
    for column in wanted:
        kind = f"{column.name} {column.type}{f' DEFAULT {column.default}' if column.default else ''}"
        if column.name not in found:
            statements.append(f"ADD COLUMN IF NOT EXISTS {kind}{f' AFTER {before}' if before else ' FIRST'}")
        elif found[column.name] != (column.type, column.default):
            statements.append(f"MODIFY COLUMN {kind}")
        before = column.name
    names = {column.name for column in wanted}
    statements += [f"DROP COLUMN IF EXISTS {name}" for name in found if name not in names]
    if not statements and list(found) != [column.name for column in wanted]:
        order = zip(wanted, [None, *wanted], strict=False)
        statements = [
            f"MODIFY COLUMN {column.name} {column.type} {f'AFTER {last.name}' if last else 'FIRST'}"
            for column, last in order
        ]
    return [
        "{% for table in tables('" + table + "') %}\n"
        f"ALTER TABLE {{{{ table }}}}{{{{ on_cluster }}}} {statement};\n"
        "{% endfor %}"
        for statement in statements
    ]


# Of a table that nothing else can be made from again.
_LASTING = "fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000"


def _creating(family: Family) -> str:
    """The migration that makes the tables of a family."""
    columns = _listed(family.released)
    order = ", ".join(
        ("site", "grain", "dimension", "by_dimension", "day", "period", "value", "by_value", *family.key_names)
    )
    name = f"{{{{ 'staging_{family.name}' if state == 'staging' else local(state ~ '_{family.name}') }}}}"
    states = ["staging", *(("open", "next") if family.live else ()), "released"]
    return f"""{{% for state in {states} %}}
CREATE TABLE IF NOT EXISTS {name}{{{{ on_cluster }}}}
(
{columns}{{{{ ", taken DateTime('UTC')" if state == 'next' else '' }}}}
)
ENGINE = {{{{ 'MergeTree' if state == 'staging' else engine('MergeTree') }}}}
PARTITION BY {{{{ 'toYYYYMM(day)' if state == 'released' else '(site, day)' }}}}
ORDER BY ({order})
{{{{ 'SETTINGS fsync_after_insert = 1, fsync_part_directory = 1' if state == 'released' else '' }}}};

{{{{ distributed(state ~ '_{family.name}', 'cityHash64(site)') if state != 'staging' else '' }}}}
{{% endfor %}}
{_creating_late(family, order) if family.name in LATE else ""}
{_creating_waiting(family) if family.name in WAITING else ""}"""


def _creating_late(family: Family, order: str) -> str:
    """The same of what is released beside days. order: of the columns of a released row."""
    late = _listed(family.late)
    return f"""
CREATE TABLE IF NOT EXISTS {{{{ local('late_{family.name}') }}}}{{{{ on_cluster }}}}
(
{late}
)
ENGINE = {{{{ engine('MergeTree') }}}}
PARTITION BY toYear(day)
ORDER BY ({order})
SETTINGS {_LASTING};

{{{{ distributed('late_{family.name}', 'cityHash64(site)') }}}}
"""


def _creating_waiting(family: Family) -> str:
    """The same of what waits for a block."""
    waiting = _listed(WAITING[family.name])
    whose = ", ".join(("site", "day", "dimension", "value", *family.key_names))
    return f"""CREATE TABLE IF NOT EXISTS {{{{ local('waiting_{family.name}') }}}}{{{{ on_cluster }}}}
(
{waiting}
)
ENGINE = {{{{ engine('MergeTree') }}}}
PARTITION BY toStartOfMonth(expires)
ORDER BY ({whose})
TTL expires
SETTINGS {_LASTING};

{{{{ distributed('waiting_{family.name}', 'cityHash64(site)') }}}}
"""


def _listed(columns: Iterable[Column]) -> str:
    return ",\n".join(
        f"    {column.name} {column.type}{f' DEFAULT {column.default}' if column.default else ''}" for column in columns
    )
