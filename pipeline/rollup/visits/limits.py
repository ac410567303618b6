"""How much one visitor-day adds to a figure at most: the influence bound of a site-day.

In: raw rows of the days before. Out: a `Limit`. Promises: of a day that is collected it is computed once, as soon as
somebody may be over it, and stays as long as the day's raw rows, whatever becomes of those it is of; it tells of no
visitor but by a quantile.

Bounding what one person can add to a sum is what makes sums of heavy-tailed contributions robust, and is a step of
every release with differential privacy (Amin, Kulesza, Muñoz, Vassilvitskii: Bounding User Contributions, ICML 2019,
which also chooses the bound by a quantile).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from msgspec import Struct

from schema.event import ENGAGEMENT, PAGEVIEW
from schema.store import Row, Store

from ..batch import RAW, Batch, SiteDay

# Days before the site-day.
DAYS = 28
# Never fewer page views or events than that: people read.
FLOOR = 50
# The quantile of fewer payers is the largest purchase there was, and a shop's next larger one is none to hide.
_LEAST_PAYERS = 1000
# A quantile of a part of the visitors, who are hashes, is as good; all of them would take a minute on a big site.
_ROWS_READ = 2_000_000
_BEFORE = "site = {site:String} AND day BETWEEN {first:Date} AND {last:Date}"


class Limit(Struct, frozen=True):
    """amounts: by currency in minor units; none where it is not bounded."""

    pageviews: int
    events: int
    amounts: dict[str, int]


def may_be_over(of: Batch) -> dict[int, bool]:
    """Of the visits of the batch: the places of site-days on which somebody may be over a limit; whether by page views
    or events, or else by what was paid alone."""
    if not any(one.rules.bound for one in of.days):
        return {}
    visits = of.scratch("visits")
    rows = of.store.rows(
        f"""SELECT d, max(acts) FROM
        (
            SELECT d, true AS acts FROM {visits} WHERE again OR acted > {FLOOR}
            GROUP BY d, visitor HAVING sum(acted) > {FLOOR}
            UNION ALL
            SELECT d, false FROM {visits} WHERE arrayExists(currency -> currency != '', hits.currency) GROUP BY d
        )
        GROUP BY d"""
    )
    return {int(d): bool(acts) for d, acts in rows}


def limits_of(of: Batch, over: Mapping[int, bool] | None = None) -> list[Limit | None]:
    """By site-day of the batch; None where release.bound is 0, or nobody can be over it. over: what `may_be_over`
    found; None: whoever there is."""
    if not any(one.rules.bound for one in of.days):
        return [None for _ in of.days]
    known = _known(of) if of.source == RAW else {}
    found: list[Limit | None] = []
    for d, one in enumerate(of.days):
        if not one.rules.bound or (over is not None and d not in over):
            found.append(None)
        elif one.key in known:
            found.append(known[one.key])
        else:
            found.append(_of_days_before(of.store, of.source, one, over is None or over[d]))
            if of.source == RAW:
                _keep(of.store, one, found[-1])
    return found


def limits_then(of: Batch) -> list[Limit | None]:
    """Those by which days were released: what is counted of them later is bounded alike, or the difference would tell
    of who was over it."""
    known = _known(of)
    return [known.get(one.key) for one in of.days]


def _known(of: Batch) -> dict[tuple[str, dt.date], Limit]:
    rows = of.store.rows(
        f"SELECT site, day, pageviews, events, currencies, amounts FROM bounds WHERE {of.mine}", of.named
    )
    return {
        (site, day): Limit(views, events, dict(zip(currencies, amounts, strict=True)))
        for site, day, views, events, currencies, amounts in rows
    }


def _keep(store: Store, of: SiteDay, limit: Limit | None) -> None:
    if limit is None:
        return
    row = {"site": of.site.key, "day": of.day, "pageviews": limit.pageviews, "events": limit.events}
    row |= {"currencies": list(limit.amounts), "amounts": list(limit.amounts.values())}
    row |= {"expires": of.day + dt.timedelta(days=of.rules.retention_days)}
    # Whoever computes it at the same time keeps the first one.
    store.insert("bounds", list(row), [[value] for value in row.values()], token=f"bounds:{of.site.key}:{of.day}")


def _of_days_before(store: Store, source: str, of: SiteDay, by_acts: bool) -> Limit | None:
    """by_acts: whether somebody may be over the limit of page views or events; else None where no amount is bounded."""
    given = {
        "site": of.site.key,
        "first": of.day - dt.timedelta(days=DAYS),
        "last": of.day - dt.timedelta(days=1),
        "quantile": of.rules.bound,
    }
    [[rows, orders]] = store.rows(f"SELECT count(), countIf(currency != '') FROM {source} WHERE {_BEFORE}", given)
    mine = f"{_BEFORE} AND visitor % {1 + rows // _ROWS_READ} = 0"
    quantile = f"quantileExact({of.rules.bound!r})"
    paid: list[Row] = []
    if orders >= _LEAST_PAYERS:
        paid = store.rows(
            f"""SELECT currency, {quantile}(paid) FROM
            (SELECT currency, sum(abs(amount)) AS paid FROM {source} WHERE {mine} AND currency != ''
            GROUP BY day, visitor, currency)
            GROUP BY currency HAVING count() >= {_LEAST_PAYERS}""",
            given,
        )
    if not by_acts and not paid:
        return None
    [[views, events]] = store.rows(
        f"""SELECT {quantile}(views), {quantile}(acts) FROM
        (SELECT countIf(name = '{PAGEVIEW}') AS views, countIf(name != '{ENGAGEMENT}') AS acts
        FROM {source} WHERE {mine} GROUP BY day, visitor)""",
        given,
    )
    return Limit(max(FLOOR, int(views)), max(FLOOR, int(events)), {currency: int(amount) for currency, amount in paid})
