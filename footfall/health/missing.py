"""Why an event is missing: what the workers tell, and how often it was so.

In: settings, and a store for the numbers. Out: plain values for commands and dashboards.
Promises: nothing of a visitor's signal, not even that there was one: a number that grows tells the second. What the
dashboards show has no time and no number but a coarse one, and nothing of what people did.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import structs

from collector.diagnostics.unnamed_proxies import ProxiedEvents, case_of, finding_of, read_proxied, remedy_of
from collector.diagnostics.why import CHANGED, Entry, read_why
from collector.outcome import Reason
from dashboards.web.engineers import Missing, Told, Why
from schema.event import COARSE
from schema.store import Store

from ..settings import Settings
from ..supervisor.paths import key_directory
from .outcomes import outcomes_of_last_day

# Beside a `Reason`: what is not missing, but counted as one visitor.
ONE_ADDRESS = "one_address"
# Dropped or changed for no fault of the page's or the settings': somebody's visit, and nothing to mend.
_OF_PEOPLE = frozenset((CHANGED, ONE_ADDRESS, Reason.PREFETCH, Reason.PAGE, Reason.REFERRER_SPAM, Reason.THROTTLED))
_MOST = 200


def entries(settings: Settings, site: str = "", clock: Callable[[], float] = time.time) -> list[Entry]:
    """The last refusals and changes, the newest first; of one site, and of what did not get as far as a site."""
    found = [one for one in read_why(key_directory(settings), clock()) if not site or one.site in (site, "")]
    shared = [
        Entry(one.last, one.site, "", ONE_ADDRESS, f"{finding}: {remedy}")
        for one, finding, remedy in unnamed_proxies(settings, clock)
        if one.is_certain and (not site or one.site == site)
    ]
    return sorted([*shared, *found], key=lambda one: one.time, reverse=True)


def unnamed_proxies(settings: Settings, clock: Callable[[], float] = time.time) -> list[tuple[ProxiedEvents, str, str]]:
    """Behind which proxies all are one visitor, by site: with what is the case, and what to do."""
    header = settings.collector.address_header
    found = read_proxied(key_directory(settings), clock())
    return [(one, finding_of(one, header), remedy_of(one, header)) for one in found]


def teller(settings: Settings, store: Store) -> Why:
    """What the engineers' page shows."""

    def told() -> Told:
        dropped = [one for one in outcomes_of_last_day(store) if one[1] != Reason.ACCEPTED]
        dropped.sort(key=lambda one: (-one[2], one[0], one[1]))
        alike = Counter(structs.replace(one, time=0) for one in entries(settings) if one.reason not in _OF_PEOPLE)
        header = settings.collector.address_header
        shared = [one for one, _, _ in unnamed_proxies(settings) if one.is_certain]
        return Told(
            tuple((site, reason, coarsely(times)) for site, reason, times in dropped[:_MOST]),
            tuple(
                Missing(
                    *(coarsely(one.count), one.site, "", ONE_ADDRESS),
                    *(f"events {case_of(one, header)}: {remedy_of(one, header)}", ""),
                )
                for one in shared
            )
            + tuple(
                Missing(coarsely(times), one.site, one.wire, one.reason, one.message, one.hostname + one.path)
                for one, times in sorted(alike.items(), key=lambda pair: structs.astuple(pair[0]))
            ),
        )

    return told


def coarsely(times: int) -> str:
    """A number that one more does not change, but for one in ten."""
    return f"{times // COARSE * COARSE:,} or more" if times >= COARSE else f"fewer than {COARSE}"


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
