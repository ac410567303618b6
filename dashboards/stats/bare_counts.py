"""Bare counts: of beacons that did not become events, and of what crawlers looked at. Nobody's visits: they are split
by nothing else.

In: a `Query` by one of `BARE`. Out: its rows. Promises: days that are over only, as the pipeline has published them.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from schema.crawlers import CRAWLERS, PURPOSES
from schema.store import Store

from .period import Period


class Bare(Struct, frozen=True):
    """A table of bare counts. columns: by name what they say. note: how exact the counts are."""

    name: str
    label: str
    definition: str
    columns: dict[str, str]
    sql: str
    note: str


_MINE = "site = {site:String} AND day BETWEEN {first:Date} AND {last:Date}"

BARE = {
    one.name: one
    for one in (
        Bare(
            "dropped",
            "Not counted",
            "Beacons that ended otherwise than as an event, by day (UTC) and reason; none of visitors' own signals.",
            {
                "value": "The reason.",
                "day": "The day (UTC), once it is over.",
                "count": "How many, rounded down to tens.",
            },
            f"""SELECT reason, toString(day) AS date, toUInt64(max(count)) AS n FROM outcomes
            WHERE {_MINE} AND reason != 'accepted' GROUP BY reason, day HAVING n > 0
            ORDER BY date DESC, n DESC, reason LIMIT {{most:UInt32}}""",
            "Counts of what was dropped are rounded down to tens, by days (UTC) that are over.",
        ),
        Bare(
            "crawler",
            "Crawlers",
            "Page views of crawlers and AI agents that say their names, by section; never among visitors.",
            {
                "value": "The crawler, as its operator calls it.",
                "section": "The section of the pages; `(other)`: none that people were shown in.",
                "pageviews": "How many pages it asked for, of days that are over.",
                "operator": "Who runs it.",
                "purpose": f"What it comes for: {', '.join(PURPOSES)}.",
            },
            f"""SELECT crawler, section, toUInt64(sum(n)) AS pageviews FROM
            (
                SELECT crawler, section, max(views) AS n FROM crawlers
                WHERE {_MINE} GROUP BY day, run, crawler, section
            )
            GROUP BY crawler, section ORDER BY pageviews DESC, crawler, section LIMIT {{most:UInt32}}""",
            "Crawlers are counted of days that are over; what is fetched for one person is rounded to tens.",
        ),
    )
}


def bare_counts(store: Store, name: str, site: str, period: Period, most: int) -> list[dict[str, Any]]:
    """The rows of one of `BARE`, of some days; at most so many."""
    given = {"site": site, "first": period.first, "last": period.last, "most": most}
    columns = list(BARE[name].columns)
    rows = store.rows(BARE[name].sql, given, **store.brief)
    found = [dict(zip(columns, row, strict=False)) for row in rows]
    return [row | _about(row["value"]) for row in found] if name == "crawler" else found


def _about(crawler: str) -> dict[str, str]:
    known = CRAWLERS.get(crawler)
    return {"operator": known.operator if known else "", "purpose": known.purpose if known else ""}
