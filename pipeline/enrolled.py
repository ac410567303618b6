"""Spools that have ever reported: no day closes before each of them has passed it. One whose host is gone is forgotten.

In: a store. Out: how far each has arrived, and which days wait for it; or a spool less. Promises: a spool that still
reports is not forgotten, because it would come back by itself with its next report.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

from msgspec import Struct

from schema.site import Site, day_bounds, day_number
from schema.store import Store

from .open_days import open_days, received_by_spool

# A spool reports every other second.
SILENT_S = 60


class Enrolled(Struct, frozen=True):
    """received_through: Unix seconds. waiting: site-days that are over, and open because it has not reported since."""

    spool: str
    received_through: int
    reports: bool
    waiting: int = 0


def enrolled(store: Store, sites: Iterable[Site], now: float) -> list[Enrolled]:
    """Every spool, by name. sites: whose days may wait."""
    marks, zones = received_by_spool(store), {site.key: site.timezone for site in sites}
    ends = [_end(zones.get(day.site, "UTC"), day.day) for day in open_days(store)]
    over = [end for end in ends if end <= now]
    return [
        Enrolled(spool, mark, mark > now - SILENT_S, sum(end > mark for end in over)) for spool, mark in marks.items()
    ]


def named(found: Sequence[Enrolled], name: str) -> list[Enrolled]:
    """Those of a host, or the one of that name."""
    return [one for one in found if one.spool == name or one.spool.startswith(f"{name}/")]


def forget(store: Store, spools: Sequence[str]) -> None:
    """Wait for these no longer."""
    store.command(
        f"ALTER TABLE {store.local('watermarks')} DELETE WHERE spool IN {{spools:Array(String)}}",
        {"spools": list(spools)},
        mutations_sync=2,
    )


def _end(zone: str, day: dt.date) -> int:
    return day_bounds(zone, day_number(day)).end
