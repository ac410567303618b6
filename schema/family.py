"""What a family of rollups is: rows of one kind, and the columns of its tables.

In: measures. Out: `Family`, and how one is counted that needs no code of its own. Promises: whatever names columns of a
family has them from here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

from .column import TEXT, Column
from .dimensions import DIMENSIONS, OTHER
from .measures import Measure
from .visits import HOUR, OF_VISITS, VISIT

KEY_COLUMNS = (
    Column("site", TEXT, "Key of the site."),
    Column("grain", TEXT, "`day` or `hour`. Hours are of the whole site only; never add both up."),
    Column("day", "Date", "The site's local day."),
    Column("period", "DateTime('UTC')", "When the day or hour begins, UTC."),
    Column("dimension", TEXT, "What the row is split by; empty: the whole site."),
    Column("value", "String", f"The value of the dimension; `{OTHER}`: all that are too rare to be told."),
    Column("by_dimension", TEXT, "A second dimension, where there is one."),
    Column("by_value", "String", "The value of the second dimension."),
)
# What every row of a rollup has: whose it is, of when, and of which value.
KEY = tuple(column.name for column in KEY_COLUMNS)
MONTH_COLUMNS = (KEY_COLUMNS[0], Column("month", "Date"), Column("made", "UInt64"))
# What tables of a family have beside its keys and measures, scratch tables among them: none of these is called so.
_TAKEN = {*KEY, "parents", "expires", "days", "taken", "people", "others", "networks", "name", "currency"}
# A histogram: a row for each bucket where it is released, else one row with all of them in ascending order.
_BUCKETS = (Column("buckets", "Array(Int16)"), Column("counts", "Array(UInt64)"))


class Counting(Struct, frozen=True):
    """How the rows of a family are counted, by the same code for every such family (pipeline/rollup/cells/declared.py).

    rows: what is counted, SQL from FROM on over the scratch table `{visits}`, a row a visit (schema/visits.py); an
    ARRAY JOIN makes several of one. keys: SQL for each key of the family, of such a row. The measure that is `distinct`
    is of visitors; of the others `visit` is added up. exclusive: what is under one key is under no other, so that a
    hidden key would follow from the total and those that are shown: the smallest of these is hidden with it (rule R3).
    within: those of the keys under each of which, taken together, the other ones exclude one another: the values of a
    property are those of one event and one property.
    nested: the last key is a step, a number from 1 on, and who is under one is under all before it: what is shown of
    them pipeline/rollup/suppression/funnel_drops.py tells, nothing of it waits for blocks, and none of it is of
    `(other)`. crossed: two of the keys are a table of which both sums are known; the same holds for it, and
    pipeline/rollup/suppression/shown_moves.py tells what is shown. setting: that in a site's settings without which it
    has no rows. named: keys that are, or may be, values of a dimension: what a day hides of that dimension it hides
    here, and what it shows of it is not what goes along with others, because it is told. part: the key that is empty in
    a row of all, and in others names a part of them (a currency those who paid in it), which is not shown without all.
    source: the scratch table that is counted, where one is filled for the family: where it has no rows there are none
    of it. own: what is counted and shown of it a module of its own tells
    (pipeline/rollup/suppression/conversion_by_speed.py), of days that are over, and of what waits of it for blocks;
    none of it is of `(other)`.
    """

    rows: str
    keys: Mapping[str, str]
    exclusive: bool = True
    within: tuple[str, ...] = ()
    nested: bool = False
    crossed: bool = False
    setting: str = ""
    named: Mapping[str, str] = {}
    part: str = ""
    source: str = ""
    own: bool = False


class Family(Struct, frozen=True):
    """Rows of one kind. keys: what tells them apart beside KEY; histogram: whether the last of the keys is a bucket.
    measures: what is added up. dimensions: those it is kept by, "" is the whole site. counting: how it is counted,
    where that needs no code of its own. label: what it is called within a sentence. live: whether it is counted of open
    days, too."""

    name: str
    keys: tuple[Column, ...]
    measures: tuple[Measure, ...]
    histogram: bool = False
    dimensions: tuple[str, ...] = ("", *DIMENSIONS)
    counting: Counting | None = None
    label: str = ""
    live: bool = True

    def __post_init__(self) -> None:
        if self.counting is None or self.counting.own:
            return
        added = [one for one in self.measures if one.aggregate != "distinct"]
        wrong = {
            "its name is letters, and no dimension's": not re.fullmatch("[a-z]+", self.name) or self.name in DIMENSIONS,
            "it has keys, each with SQL, and none is a column of visits": self.key_names != (*self.counting.keys,)
            or not self.keys
            or not VISIT.keys().isdisjoint(self.key_names),
            "no key and no measure is called as what its tables have anyway": not _TAKEN.isdisjoint(
                (*self.key_names, *(one.name for one in added))
            ),
            "one measure is distinct, the others say what of a visit is added up": len(self.measures) != len(added) + 1
            or not all(one.visit for one in added),
            "of whom the distinct measure is, all others are, too": len({one.contributor for one in self.measures}) != 1
            and not self.counting.part,
            "keys that do not exclude one another are one or two": not self.counting.exclusive and len(self.keys) > 2,
            "what keys exclude one another within are other keys": self.counting.within
            and not (self.counting.exclusive and {*self.counting.within} < {*self.key_names}),
            "what is a value of a dimension, or a part, is a key": not {*self.counting.named, self.counting.part}
            <= {*self.key_names, ""}
            or not {*self.counting.named.values()} <= DIMENSIONS.keys(),
            "its dimensions are the whole site and dimensions of visits": not {"", *OF_VISITS} - {HOUR}
            >= {*self.dimensions},
            "keys that exclude one another are of the whole site only": self.counting.exclusive
            and self.dimensions != ("",),
        }
        for rule, broken in wrong.items():
            if broken:
                raise ValueError(f"family {self.name!r}: {rule}")

    @property
    def key_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.keys)

    @property
    def cell_keys(self) -> tuple[str, ...]:
        """The keys that tell its cells apart: all but the bucket of a histogram."""
        return self.key_names[:-1] if self.histogram else self.key_names

    @property
    def measure_names(self) -> tuple[str, ...]:
        return tuple(measure.name for measure in self.measures)

    @property
    def people(self) -> Measure:
        """The distinct visitors behind a row, whom the threshold k is held against."""
        return next(measure for measure in self.measures if measure.aggregate == "distinct")

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
        return (*KEY_COLUMNS, *self.keys, *self.added)

    @property
    def late(self) -> tuple[Column, ...]:
        """Those of a row of a block (rule N2). days: how many released days of the block it speaks for: those on which
        the value has no row of its own."""
        return (*KEY_COLUMNS, Column("days", "UInt16"), *self.keys, *self.added)

    @property
    def open(self) -> tuple[Column, ...]:
        """Those of a row of an open day."""
        return (*KEY_COLUMNS, *(self._whole_keys), *self.added)

    @property
    def next(self) -> tuple[Column, ...]:
        """Those of the last snapshot of a value of an open day."""
        return (*self.open, Column("taken", "DateTime('UTC')", "When it was taken."))

    @property
    def monthly(self) -> tuple[Column, ...]:
        """Those of the sums of a month, of one value. What is made anew has no rows that are older than a column."""
        added = (Column(column.name, column.type) for column in self.added)
        return (*MONTH_COLUMNS, *named(KEY_COLUMNS, "dimension", "value"), *self._whole_keys, *added)

    @property
    def _whole_keys(self) -> tuple[Column, ...]:
        return (*self.keys[:-1], *_BUCKETS) if self.histogram else self.keys


def named(columns: tuple[Column, ...], *names: str) -> tuple[Column, ...]:
    """Those of these names."""
    return tuple(column for column in columns if column.name in names)
