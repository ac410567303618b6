"""The columns of the rollup tables, by family: the one list that pipeline, dashboards and tests name columns from.

In: the measures. Out: `KEY`, `FAMILIES`. A test holds them against the tables of `schema/0002_rollups.sql`.
"""

from __future__ import annotations

from msgspec import Struct

from .metrics import MEASURES

# What every row of a rollup has: whose it is, of when, and of which value.
KEY = ("site", "grain", "day", "period", "dimension", "value", "by_dimension", "by_value")


class Family(Struct, frozen=True):
    """Rows of one kind. keys: what tells them apart beside KEY; measures: what is added up."""

    name: str
    keys: tuple[str, ...]
    measures: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Of a released row."""
        return (*KEY, *self.keys, *self.measures)

    def digested(self, version: str) -> tuple[str, ...]:
        """Those that the digest of a release of that version is made of, in their order."""
        return tuple(column for column in self.columns if version != "1" or column not in _SINCE_VERSION_2)


_SINCE_VERSION_2 = ("exit_views", "timed_visits")


_FAMILIES = (
    Family("cells", (), MEASURES),
    Family("conversions", ("goal", "currency"), ("converters", "conversions", "amount", "payers")),
    Family("vitals", ("metric", "bucket"), ("samples", "good", "poor", "people")),
)
FAMILIES: dict[str, Family] = {family.name: family for family in _FAMILIES}
