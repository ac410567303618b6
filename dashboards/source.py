"""Where the numbers of a day come from: the released rows if the day is released, else the open ones.

In: a family of rollups, its columns, a condition and a span of days. Out: a subquery that holds every day once.
Promises: raw rows are never named here, and every read is bound to a site and to days.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal

from msgspec import Struct

Family = Literal["cells", "conversions", "vitals"]

MEASURES: dict[Family, str] = {
    "cells": "visitors, visits, pageviews, events, entries, exits, bounces, visit_seconds, engaged_ms",
    "conversions": "goal, currency, converters, conversions, amount, payers",
    "vitals": "metric, bucket, samples, good, poor, people",
}


class Span(Struct, frozen=True):
    """Days of one site, both ends included, and which of them are released."""

    site: str
    first: dt.date
    last: dt.date
    released: frozenset[dt.date]

    def part(self, first: dt.date, last: dt.date) -> Span:
        """Some of the days."""
        return Span(self.site, first, last, frozenset(day for day in self.released if first <= day <= last))

    @property
    def parameters(self) -> dict[str, Any]:
        """What the statements over `rows_of` are bound to."""
        return {"site": self.site, "first": self.first, "last": self.last, "released": sorted(self.released)}


def rows_of(family: Family, grain: Literal["day", "hour"], condition: str, span: Span) -> str:
    """The rows of one grain as a subquery over the span's parameters. by_dimension: no crossed rows.

    A table that can hold nothing of the span is not named: planning the statement costs more than reading the rows."""
    columns = f"day, period, dimension, value, {MEASURES[family]}"
    where = (
        "site = {site:String} AND day BETWEEN {first:Date} AND {last:Date} "
        f"AND grain = '{grain}' AND by_dimension = '' AND ({condition})"
    )
    released = f"SELECT {columns} FROM released_{family} WHERE {where}"
    open_ = f"SELECT {columns} FROM open_{family} WHERE {where}"
    if not span.released:
        return f"({open_})"
    if len(span.released) == (span.last - span.first).days + 1:
        return f"({released})"
    listed = "{released:Array(Date)}"
    return f"({released} AND day IN {listed} UNION ALL {open_} AND day NOT IN {listed})"
