"""What answers tell besides their rows, ready for JSON: days that are special, and moments by the site's clock.

In: what is released, a row. Out: plain values.
"""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

from schema.dimensions import OTHER
from schema.site import Site

from .released import Released


def special_days(released: Released) -> dict[str, tuple[dt.date, ...]]:
    """The days of which there is more to know than their numbers."""
    return {
        "suppressed_days": released.suppressed,
        "incomplete_days": released.partial,
        "over_counted_days": released.over_counted,
        "bounded_days": released.bounded,
        "imported_days": released.imported,
    }


def at_local_hour(row: dict[str, Any], site: Site) -> dict[str, Any]:
    """A row of an hour, which Unix seconds name, with its local time."""
    if row["value"] == OTHER:
        return row
    moment = dt.datetime.fromtimestamp(int(row["value"]), ZoneInfo(site.timezone))
    return row | {"value": moment.isoformat(timespec="minutes")}
