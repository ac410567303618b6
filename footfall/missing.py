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

from collector.reason import Reason
from collector.why import CHANGED, Entry, read_why
from dashboards.engineers import Missing, Told, Why
from schema.store import Store

from .outcomes import outcomes
from .serve import key_directory
from .settings import Settings

# Dropped or changed for no fault of the page's or the settings': somebody's visit, and nothing to mend.
_OF_PEOPLE = frozenset((CHANGED, Reason.PREFETCH, Reason.PAGE, Reason.REFERRER_SPAM, Reason.THROTTLED))
# Numbers are told to so many.
_COARSE = 10
_MOST = 200


def entries(settings: Settings, site: str = "", clock: Callable[[], float] = time.time) -> list[Entry]:
    """The last refusals and changes, the newest first; of one site, and of what did not get as far as a site."""
    return [one for one in read_why(key_directory(settings), clock()) if not site or one.site in (site, "")]


def teller(settings: Settings, store: Store) -> Why:
    """What the engineers' page shows."""

    def told() -> Told:
        dropped = [one for one in outcomes(store) if one[1] != Reason.ACCEPTED]
        # By the number that is shown: an order by the true one would tell that.
        dropped.sort(key=lambda one: (-(one[2] // _COARSE), one[0], one[1]))
        alike = Counter(structs.replace(one, time=0) for one in entries(settings) if one.reason not in _OF_PEOPLE)
        return Told(
            tuple((site, reason, coarsely(times)) for site, reason, times in dropped[:_MOST]),
            tuple(
                Missing(coarsely(times), one.site, one.wire, one.reason, one.message, one.hostname + one.path)
                for one, times in sorted(alike.items(), key=lambda pair: structs.astuple(pair[0]))
            ),
        )

    return told


def coarsely(times: int) -> str:
    """A number that one more does not change, but for one in ten."""
    return f"{times // _COARSE * _COARSE:,} or more" if times >= _COARSE else f"fewer than {_COARSE}"


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
