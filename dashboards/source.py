"""Where the numbers of a day come from: the released rows if the day is released, else the open ones.

In: a family of rollups, its columns and a condition. Out: a subquery that holds every day once.
Promises: raw rows are never named here, and every read is bound to a site and to days.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal

Family = Literal["cells", "conversions", "vitals"]

_SCOPE = "site = {site:String} AND day BETWEEN {first:Date} AND {last:Date}"
RELEASED_DAYS = f"SELECT day FROM manifest WHERE {_SCOPE}"

MEASURES: dict[Family, str] = {
    "cells": "visitors, visits, pageviews, events, entries, exits, bounces, visit_seconds, engaged_ms",
    "conversions": "goal, currency, converters, conversions, amount, payers",
    "vitals": "metric, bucket, samples, good, poor, people",
}


def rows_of(family: Family, grain: Literal["day", "hour"], condition: str) -> str:
    """The rows of one grain as a subquery over parameters site, first and last. by_dimension: no crossed rows."""
    columns = f"day, period, dimension, value, {MEASURES[family]}"
    where = f"{_SCOPE} AND grain = '{grain}' AND by_dimension = '' AND ({condition})"
    # GLOBAL: on a cluster the list of days is made once and sent along; without one it changes nothing.
    return (
        f"(SELECT {columns} FROM released_{family} WHERE {where} AND day GLOBAL IN ({RELEASED_DAYS}) UNION ALL "
        f"SELECT {columns} FROM open_{family} WHERE {where} AND day GLOBAL NOT IN ({RELEASED_DAYS}))"
    )


def scope(site: str, first: dt.date, last: dt.date) -> dict[str, Any]:
    """The parameters that `rows_of` needs."""
    return {"site": site, "first": first, "last": last}
