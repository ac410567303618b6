"""The families of rollups and the columns of their tables: the one list that pipeline, dashboards and tests name them
from.

In: the measures. Out: `KEY`, `FAMILIES`, `TABLES`. Promises: the tables of the migrations are these (a test prints the
migration that is missing).
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from .dimensions import DIMENSIONS, OTHER
from .measures import OF_CELLS, OF_CONVERSIONS, OF_VITALS, Measure
from .visits import VISIT


class Column(Struct, frozen=True):
    """A column of a table, as ClickHouse names its type and its default."""

    name: str
    type: str
    definition: str = ""
    default: str = ""


_TEXT = "LowCardinality(String)"
_KEY = (
    Column("site", _TEXT, "Key of the site."),
    Column("grain", _TEXT, "`day` or `hour`. Hours are of the whole site only; never add both up."),
    Column("day", "Date", "The site's local day."),
    Column("period", "DateTime('UTC')", "When the day or hour begins, UTC."),
    Column("dimension", _TEXT, "What the row is split by; empty: the whole site."),
    Column("value", "String", f"The value of the dimension; `{OTHER}`: all that are too rare to be told."),
    Column("by_dimension", _TEXT, "A second dimension, where there is one."),
    Column("by_value", "String", "The value of the second dimension."),
)
# A histogram: a row for each bucket where it is released, else one row with all of them in ascending order.
_BUCKET = (
    Column(
        "bucket",
        "Int16",
        "Bucket of the histogram: i holds values in (g^(i-1), g^i] with g = 1.02/0.98, 0 all up to 1; -1 is no bucket, "
        "but tells the people.",
    ),
)
_BUCKETS = (Column("buckets", "Array(Int16)"), Column("counts", "Array(UInt64)"))
# What every row of a rollup has: whose it is, of when, and of which value.
KEY = tuple(column.name for column in _KEY)


class Family(Struct, frozen=True):
    """Rows of one kind. keys: what tells them apart beside KEY; histogram: whether the last of the keys is a bucket.
    measures: what is added up. dimensions: those it is kept by, "" is the whole site."""

    name: str
    keys: tuple[Column, ...]
    measures: tuple[Measure, ...]
    histogram: bool = False
    dimensions: tuple[str, ...] = ("", *DIMENSIONS)

    @property
    def key_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.keys)

    @property
    def measure_names(self) -> tuple[str, ...]:
        return tuple(measure.name for measure in self.measures)

    @property
    def columns(self) -> tuple[str, ...]:
        """Of a released row."""
        return (*KEY, *self.key_names, *self.measure_names)

    @property
    def added(self) -> tuple[Column, ...]:
        """The measures as columns."""
        return tuple(Column(one.name, one.type, one.definition, one.default) for one in self.measures)

    @property
    def released(self) -> tuple[Column, ...]:
        """The columns of a released row."""
        return (*_KEY, *self.keys, *self.added)

    @property
    def open(self) -> tuple[Column, ...]:
        """Those of a row of an open day."""
        return (*_KEY, *(self._whole_keys), *self.added)

    @property
    def monthly(self) -> tuple[Column, ...]:
        """Those of the sums of a month, of one value."""
        return (*_MONTH, *_named(_KEY, "dimension", "value"), *self._whole_keys, *_undefaulted(self.added))

    @property
    def _whole_keys(self) -> tuple[Column, ...]:
        return (*self.keys[:-1], *_BUCKETS) if self.histogram else self.keys


def _named(columns: Iterable[Column], *names: str) -> tuple[Column, ...]:
    return tuple(column for column in columns if column.name in names)


def _undefaulted(columns: Iterable[Column]) -> tuple[Column, ...]:
    """What is made anew has no rows that are older than a column."""
    return tuple(Column(column.name, column.type) for column in columns)


def _nested(name: str, columns: Iterable[Column]) -> tuple[Column, ...]:
    """As arrays of a row; a dictionary for each would be larger than what it spares."""
    kinds = ((column.name, "String" if column.type == _TEXT else column.type) for column in columns)
    return tuple(Column(f"{name}.{column}", f"Array({kind})") for column, kind in kinds)


_CELLS = Family("cells", (), OF_CELLS)
_CONVERSIONS = Family(
    "conversions",
    (
        Column("goal", _TEXT, "Name of the goal."),
        Column("currency", _TEXT, "ISO 4217 code of `amount`, empty where there is none."),
    ),
    OF_CONVERSIONS,
)
_VITALS = Family(
    "vitals",
    (Column("metric", _TEXT, "Name of the web vital."), *_BUCKET),
    OF_VITALS,
    histogram=True,
    dimensions=("", "page", "device", "country"),
)
FAMILIES: dict[str, Family] = {family.name: family for family in (_CELLS, _CONVERSIONS, _VITALS)}

_MONTH = (*_named(_KEY, "site"), Column("month", "Date"), Column("made", "UInt64"))
# Of each kept table its columns in their order. Of a month the whole site is kept by day, good for parts of it, too.
TABLES: dict[str, tuple[Column, ...]] = {
    **{f"open_{name}": family.open for name, family in FAMILIES.items()},
    **{f"released_{name}": family.released for name, family in FAMILIES.items()},
    "visits": (
        *_named(_KEY, "site", "day"),
        Column("version", "UInt64"),
        Column("deleted", "UInt8"),
        *(Column(name, kind) for name, kind in VISIT.items()),
    ),
    "months_cells": (*_CELLS.monthly, Column("days", "UInt16")),
    "months_vitals": _VITALS.monthly,
    "months": (
        *_MONTH,
        Column("releases", "UInt64"),
        *_nested("totals", (*_named(_KEY, "day"), *_CELLS.added)),
        *_nested("goals", (*_named(_KEY, "day"), *_CONVERSIONS.keys, *_CONVERSIONS.added)),
    ),
}


def migration(table: str, there: Iterable[tuple[str, str, str]]) -> list[str]:
    """The statements of a migration that would make a table of this registry out of one with such columns (name, type,
    default); none where it is so."""
    found = {name: (kind, default) for name, kind, default in there}
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
