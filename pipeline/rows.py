"""Which raw rows of a site-day are counted: those there were at one moment, and of an id the first.

In: a table of raw rows, and for an open day what its kept sums have of it (`sums_rows`). Out: `work_rows`, what is new;
`work_repeated`, what is not counted. Promises: everything that a run reads after `look` is of the same moment, however
many rows arrive meanwhile; a row that arrives later is new to the next run.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from msgspec import Struct

from schema.site import Site
from schema.store import Store

MINE = "site = {site:String} AND day = {day:Date}"
RANGE = "visitor BETWEEN {first:UInt64} AND {last:UInt64}"
_KNOWN = "SELECT sequence FROM sums_rows WHERE run = {run:UInt64}"
_COUNTED = f"{_KNOWN} AND counted"


class SiteDay(Struct, frozen=True):
    """One local day of a site in a table of raw rows. source: a table name of ours. run: whose the sums are, 0 where
    nothing is kept of them."""

    store: Store
    source: str
    site: Site
    day: dt.date
    run: int = 0

    @property
    def named(self) -> dict[str, Any]:
        """What MINE and {run} are bound to."""
        return {"site": self.site.key, "day": self.day, "run": self.run}

    @property
    def sums(self) -> str:
        """How the tables of its sums are called."""
        return "sums" if self.run else "work"

    @property
    def within(self) -> str:
        """IN, for what is compared with the tables where the rollup works: only the server it talks to has them."""
        return "GLOBAL IN" if self.store.cluster else "IN"


class Found(Struct, frozen=True):
    """there: raw rows that the sums have and that are still there. new: those that they have not. replaced: a row that
    they count was sent again with an earlier place."""

    there: int
    new: int
    replaced: bool


def look(of: SiteDay, known: bool) -> Found:
    """See what is there, and fill `work_rows` and `work_repeated`. known: there are sums of this day."""
    store = of.store
    every = f"SELECT sequence, visitor, id FROM {of.source} WHERE {MINE}"
    if known:
        # One read: those that the sums have fall together into one line.
        had = f"sequence {of.within} ({_KNOWN})"
        select = "had, if(had, 0, sequence) AS s, if(had, 0, visitor) AS v, if(had, 0, id) AS i, count()"
        every = f"SELECT {select} FROM (SELECT *, {had} AS had FROM ({every})) GROUP BY had, s, v, i"
    else:
        every = f"SELECT 0, sequence, visitor, id, 1 FROM ({every})"
    store.command(f"INSERT INTO work_rows {every}", of.named)
    [(there, new, ids)] = store.rows(
        "SELECT sumIf(rows, known), sumIf(rows, NOT known), countIf(id != 0) FROM work_rows"
    )
    return Found(int(there), int(new), bool(ids) and _repeated(of, known))


def _repeated(of: SiteDay, known: bool) -> bool:
    """Fill `work_repeated`. Whether one of them is counted in the sums."""
    rows = "SELECT id, sequence FROM work_rows WHERE NOT known AND id != 0"
    if known:
        # Among all rows, because an id may come back after hours.
        rows = f"SELECT id, sequence FROM {of.source} WHERE {MINE} AND id {of.within} (SELECT id FROM ({rows}))"
    of.store.command(
        f"""INSERT INTO work_repeated SELECT id, sequence FROM ({rows}) AS every
        INNER JOIN (SELECT id, min(sequence) AS first FROM ({rows}) GROUP BY id HAVING count() > 1) AS earliest
        USING id WHERE sequence > first""",
        of.named,
    )
    if not known:
        return False
    twice = "sequence IN (SELECT sequence FROM work_repeated)"
    return bool(of.store.rows(f"SELECT count() FROM ({_COUNTED}) WHERE {twice}", of.named)[0][0])


def counted(of: SiteDay, known: bool) -> str:
    """SQL that holds for the rows that are counted. Bound to MINE and RANGE."""
    sequences = f"SELECT sequence FROM work_rows WHERE NOT known AND {RANGE}"
    if known:
        sequences += f" UNION ALL {_COUNTED}"
    return (
        f"{MINE} AND {RANGE} AND sequence {of.within} ({sequences}) "
        f"AND (id = 0 OR (id, sequence) NOT {of.within} (SELECT id, sequence FROM work_repeated))"
    )


def choose(of: SiteDay, whose: str, news: bool = False) -> None:
    """Add the visitors of that SELECT to `work_whose`. news: they have new rows."""
    of.store.command(
        f"INSERT INTO work_whose SELECT DISTINCT visitor, {news} FROM {whose}", of.named | {"zone": of.site.timezone}
    )


WITH_NEWS = "work_rows WHERE NOT known AND (id, sequence) NOT IN (SELECT id, sequence FROM work_repeated)"
