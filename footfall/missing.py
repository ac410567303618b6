"""Why an event is missing: what the workers tell, and how often it was so.

In: settings, and a store for the numbers. Out: plain values for commands and dashboards.
Promises: nothing of a visitor's signal, not even that there was one: a number that grows tells the second.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import structs

from collector.reason import Reason
from collector.why import Entry, read_why
from dashboards.engineers import Missing, Told, Why
from schema.store import Store

from .serve import key_directory
from .settings import Settings

_UNTOLD = tuple(reason for reason in Reason if reason.is_signal or reason is Reason.ACCEPTED)


def entries(settings: Settings, site: str = "", clock: Callable[[], float] = time.time) -> list[Entry]:
    """The last refusals and changes, the newest first; of one site, and of what did not get as far as a site."""
    return [one for one in read_why(key_directory(settings), clock()) if not site or one.site in (site, "")]


def teller(settings: Settings, store: Store) -> Why:
    """What the engineers' page shows."""

    def told() -> Told:
        counts = store.rows(
            """SELECT site, reason, sum(count) AS times FROM ingest
            WHERE minute >= now() - INTERVAL 1 DAY AND reason NOT IN {untold:Array(String)}
            GROUP BY site, reason ORDER BY times DESC, site, reason LIMIT 200""",
            {"untold": [str(reason) for reason in _UNTOLD]},
        )
        return Told(
            tuple((site, reason, int(times)) for site, reason, times in counts),
            tuple(Missing(e.time, e.site, e.wire, e.reason, e.message, e.hostname + e.path) for e in entries(settings)),
        )

    return told


def lines(found: Sequence[Entry]) -> list[str]:
    """Entries as text, one line each; those that tell the same but for the time are one, at the time of the last."""
    alike: dict[Entry, list[int]] = {}
    for one in found:
        alike.setdefault(structs.replace(one, time=0), []).append(one.time)
    told = sorted(((max(times), len(times), one) for one, times in alike.items()), key=lambda line: line[0])
    if found and found[0].time > found[-1].time:
        told.reverse()
    return [
        f"{_clock(second)}  {one.site or '(no site)'}  {one.reason}  {one.hostname}{one.path}".rstrip()
        + (f"  {one.message}" if one.message else "")
        + (f"  [{one.wire}]" if one.wire else "")
        + (f"  x{times}" if times > 1 else "")
        for second, times, one in told
    ]


def plain(one: Entry) -> dict[str, Any]:
    """An entry for scripts."""
    return {name: getattr(one, name) for name in Entry.__struct_fields__}


def _clock(second: int) -> str:
    return time.strftime("%H:%M:%SZ", time.gmtime(second))
