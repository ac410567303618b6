"""Publishes what was counted of visitors' own signals: one number for four weeks, of which nobody can take a single
page view (rule N8).

In: counts in `ingest`, the sites. Out: a row in `bare_totals` for each site and four weeks, those of blocks (rule N2),
once their last day is closed; fewer rows in `ingest`. Promises: of four weeks one number is drawn, and never another
one, wherever it is cut off; its offset is stored nowhere; the counts by day go once it is published.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable, Collection, Sequence

from msgspec import Struct

from schema.event import COARSE, COUNT_ONLY, SIGNALS
from schema.manifest import FOUR_WEEKS, LIVE
from schema.site import Site, day_bounds, day_number
from schema.store import Store

from .blocks import is_late
from .each import for_each
from .open_days import open_dates, received_through
from .settings import SiteRules
from .waiting_days import EPOCH, Due, end_of, first_of

_DAY = dt.timedelta(days=1)
# Counts are kept for so long (schema/sql/0018_baseline.sql): of four weeks that began before some may be gone.
_COUNTED_DAYS = 400
# A signal is counted at 00:00 UTC of the site's local date (schema/event.py, Count).
_FIRST = f"toDate('{EPOCH}') + intDiv(toDate(minute) - toDate('{EPOCH}'), {FOUR_WEEKS}) * {FOUR_WEEKS}"


class Counted(Struct, frozen=True):
    """What `ingest` has of a site and the four weeks from `first` on. pageviews: those that were counted without being
    recorded; signals: whether it has rows of any signal; others: whether it has rows of anything else."""

    site: str
    first: dt.date
    pageviews: int
    signals: bool
    others: bool


def published(pageviews: int, offset: int) -> int:
    """What is published of a count, with an offset of 0 to COARSE - 1: right on average, and one page view more changes
    it once in COARSE times. 0 are fewer than COARSE."""
    return (pageviews + offset) // COARSE * COARSE


def publish_bare_totals(
    store: Store,
    sites: Sequence[tuple[Site, SiteRules]],
    now: float,
    grace_s: int,
    whole_since: float = 0.0,
    draw: Callable[[int], int] = secrets.randbelow,
) -> list[tuple[str, dt.date]]:
    """Publish all four weeks that may be; which: site, first day. Raises what one failed with, once the others are
    done. whole_since: what was counted before that second may be missing. draw: a secret number below the given one."""
    known = {site.key: site for site, _ in sites}
    today = dt.datetime.fromtimestamp(now, dt.UTC).date()
    made = set(store.rows("SELECT DISTINCT site, day FROM bare_totals"))
    over = [
        one
        for one in _counted(store, first_of(today + _DAY, FOUR_WEEKS))
        if one.site in known and (one.signals or (one.site, one.first) not in made)
    ]
    due = [one for one in over if (one.site, one.first) not in made]
    gone = {(one.site, one.first) for one in over if (one.site, one.first) in made}
    done: list[tuple[str, dt.date]] = []
    failed = None
    if due:
        still_open = open_dates(store)
        arrived = received_through(store)

        def publish(one: Counted) -> None:
            site, block = known[one.site], Due(one.site, LIVE, one.first, FOUR_WEEKS)
            end = end_of(site, block)
            if now < end + grace_s or is_late(block, end, still_open[one.site], arrived, now):
                return
            total = published(one.pageviews, draw(COARSE))
            # Where nothing else came, a row of few would tell that they did.
            if total or one.others:
                start = day_bounds(site.timezone, day_number(one.first)).start
                complete = start >= whole_since and one.first > today - _COUNTED_DAYS * _DAY
                row = {"site": one.site, "day": one.first, "pageviews": total, "complete": complete}
                # Of several rows of one token the store takes the first, whatever is in the others.
                token = f"bare_totals:{one.site}:{one.first}"
                store.insert("bare_totals", list(row), [[value] for value in row.values()], token=token)
            gone.add((one.site, one.first))
            done.append((one.site, one.first))

        failed = for_each(publish, due)
    _delete(store, gone)
    if failed:
        raise failed
    return done


def _counted(store: Store, before: dt.date) -> list[Counted]:
    """What there is of all four weeks that begin before that day."""
    rows = store.rows(
        f"""SELECT site, toDate({_FIRST}) AS first, sumIf(count, reason = '{COUNT_ONLY}'),
            countIf(reason IN {{signals:Array(String)}}) > 0, countIf(reason NOT IN {{signals:Array(String)}}) > 0
        FROM ingest WHERE minute < toDateTime({{before:Date}}, 'UTC') AND site != ''
        GROUP BY site, first ORDER BY site, first""",
        {"before": before, "signals": sorted(SIGNALS)},
    )
    return [Counted(site, first, int(times), bool(mine), bool(others)) for site, first, times, mine, others in rows]


def _delete(store: Store, blocks: Collection[tuple[str, dt.date]]) -> None:
    """What was counted of signals is needed no longer."""
    if not blocks:
        return
    sites, firsts = zip(*sorted(blocks), strict=True)
    given = {"sites": list(sites), "firsts": list(firsts), "signals": sorted(SIGNALS)}
    mine = f"""reason IN {{signals:Array(String)}}
        AND (site, toDate({_FIRST})) IN arrayZip({{sites:Array(String)}}, {{firsts:Array(Date)}})"""
    if store.rows(f"SELECT 1 FROM ingest WHERE {mine} LIMIT 1", given):
        store.command(f"ALTER TABLE {store.local('ingest')} DELETE WHERE {mine}", given, mutations_sync=2)
