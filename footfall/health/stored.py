"""What the store tells of the instance: days that wait, rows that should be gone, weeks that are lost, strange sites.

In: a store of which the pipeline's rights are had, the sites, the time. Out: findings. Promises: only SELECTs, and
nothing of a number of rows or of people.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence

from pipeline.closing import not_arrived
from pipeline.erase import OVERDUE_S
from pipeline.open_days import OpenDay, ahead_of_time, open_days, received_by_spool
from pipeline.retention import overdue
from pipeline.settings import SiteRules
from schema.manifest import FOUR_WEEKS, LIVE, WEEK
from schema.site import Site, day_bounds, day_number
from schema.store import Store
from schema.undeclared import Undeclared, undeclared

from .finding import BAD, NOTE, OK, WARNING, Finding

# A spool reports every other second; its store may be away for a while.
_BEHIND_S = 15 * 60
# Days are looked at every half minute, and a busy machine takes its time.
_RELEASED_WITHIN_S = 15 * 60
_SHOWN = 5
# How long a block that was lost is told of.
_TOLD_S = 28 * 86_400

SiteAndRules = tuple[Site, SiteRules]


def of_store(
    store: Store, sites: Sequence[SiteAndRules], former: Callable[[str], SiteAndRules], grace_s: int, now: float
) -> list[Finding]:
    """Everything the store tells. former: a site that is not in the settings, and by which rules it goes.
    Raises StoreError."""
    marks = received_by_spool(store)
    others = undeclared(store, [site.key for site, _ in sites])
    everyone = [*sites, *(former(one.site) for one in others)]
    return [
        of_server(store),
        *of_watermarks(marks, now),
        *of_days([site for site, _ in everyone], open_days(store), marks, grace_s, now),
        *of_expiry(store, everyone, now),
        *of_erasures(store, now),
        *of_blocks(store, now),
        *of_sites(others),
    ]


def of_server(store: Store) -> Finding:
    """That it answers, which every part's user may ask. Raises StoreError."""
    return Finding("store", OK, f"{store.name} answers, ClickHouse {store.rows('SELECT version()')[0][0]}")


def of_watermarks(marks: Mapping[str, int], now: float) -> list[Finding]:
    """What keeps days from closing, or makes them look complete before they are."""
    if not marks:
        return []
    ahead = ahead_of_time(marks, now)
    if ahead:
        remedy = "keep clocks in step (NTP): until the time has caught up, a withdrawal may be carried out too early"
        found = [Finding("clock", BAD, f"ahead when {', '.join(ahead)} reported", remedy)]
    else:
        found = [Finding("clock", OK, "agrees with the spools")]
    latest = max(marks.values())
    behind = [spool for spool, second in marks.items() if second < latest - _BEHIND_S]
    if behind:
        text = f"{', '.join(behind[:_SHOWN])} held back for long: no day closes before they report"
        found.append(Finding("spools", BAD, text, "bring the host back, or `footfall spools forget HOST`"))
    elif latest < now - _BEHIND_S:
        text = f"none has reported since {_clock(latest)} UTC: no day closes"
        found.append(Finding("spools", BAD, text, "no writer reaches the store: look at the hosts of the collectors"))
    return found


def of_days(
    sites: Sequence[Site], still_open: Sequence[OpenDay], marks: Mapping[str, int], grace_s: int, now: float
) -> Iterator[Finding]:
    """Which days should be released and are not, and why."""
    zones = {site.key: site.timezone for site in sites}
    late, waits = [], set()
    for one in still_open:
        if one.site not in zones:
            continue
        end = day_bounds(zones[one.site], day_number(one.day)).end
        if now < end + grace_s + _RELEASED_WITHIN_S:
            continue
        late.append(f"{one.site} {one.day}")
        waits |= set(not_arrived(marks, end))
        waits |= set() if marks else {"any spool"}
    if not late:
        yield Finding("days", OK, "every day that is over is released")
        return
    found = f"should be released and are not: {_first(late)}"
    if waits:
        remedy = "bring the host back, or `footfall spools forget HOST`; else they are released incomplete"
        yield Finding("days", BAD, f"{found}; they wait for {', '.join(sorted(waits)[:_SHOWN])}", remedy)
    else:
        yield Finding("days", BAD, found, "nothing holds them back: see what is said of the job that releases them")


def of_expiry(store: Store, sites: Sequence[SiteAndRules], now: float) -> Iterator[Finding]:
    """Whether raw rows live longer than was promised."""
    found = overdue(store, sites, now)
    if found:
        text = f"raw rows have outlived their lifetime: {_first(found)}"
        yield Finding("expiry", BAD, text, "see what is said of the job that removes them; a restart runs it at once")
    else:
        yield Finding("expiry", OK, "no raw row has outlived its lifetime")


def of_erasures(store: Store, now: float) -> Iterator[Finding]:
    """Whether somebody who took the consent back waits for longer than promised. How many is told to nobody."""
    # An hour later, because it is looked at again after what was carried out in time.
    late = {"before": int(now) - 2 * OVERDUE_S}
    if store.rows("SELECT count() > 0 FROM erasures WHERE at < toDateTime({before:UInt32}, 'UTC')", late)[0][0]:
        remedy = "a spool has not reported for that long: bring its host back or `footfall spools forget HOST`"
        yield Finding("erasures", WARNING, "withdrawals of consent wait for spools for more than a day", remedy)
    else:
        yield Finding("erasures", OK, "none waits for longer than promised")


def of_blocks(store: Store, now: float) -> Iterator[Finding]:
    """Which weeks and four weeks have lately released nothing because not all that their days hide was there."""
    blocks = store.rows(
        f"""SELECT site, day, span FROM manifest
        WHERE span IN ({WEEK}, {FOUR_WEEKS}) AND origin = '{LIVE}' AND k_late > 0 AND NOT complete AND rows = 0
            AND released_at > toDateTime({{since:UInt32}}, 'UTC')
        ORDER BY day, span, site""",
        {"since": int(now) - _TOLD_S},
    )
    if blocks:
        lost = _first([f"{site} {span} days from {day}" for site, day, span in blocks])
        remedy = "as after a restore: what waits is in no backup. Nothing is to be done, and it is said for four weeks"
        yield Finding("weeks", NOTE, f"released nothing, for not all of them was there: {lost}", remedy)
    else:
        yield Finding("weeks", OK, "of none has anything been lost lately")


def of_sites(others: Sequence[Undeclared]) -> Iterator[Finding]:
    """Sites of which there is something, and which are in no settings."""
    for one in others[:_SHOWN]:
        if one.open:
            # Somebody counted there until lately, and nobody sees what comes of it.
            yield Finding("sites", BAD, f"{one.site} has open days and is in no settings", one.remedy)
        else:
            found = f"{one.site} has released days up to {one.last}, shown to nobody: it is in no settings"
            yield Finding("sites", WARNING, found, one.remedy)
    if len(others) > _SHOWN:
        yield Finding("sites", WARNING, f"{len(others) - _SHOWN} more are in no settings", "`footfall site list`")
    if not others:
        yield Finding("sites", OK, "all that have data are in the settings")


def _first(names: Sequence[str]) -> str:
    """Some of them, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"


def _clock(second: int) -> str:
    return f"{dt.datetime.fromtimestamp(second, dt.UTC):%Y-%m-%d %H:%M}"
