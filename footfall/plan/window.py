"""The raw window of a site, out of the store: what `footfall plan` lays into RAM.

In: a store whose user may read raw rows. Out: text of rows, in parts small enough for memory. Promises: nothing is
written, and no lock is held that the pipeline waits for; rows come under another name than their site's.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from pipeline.copying import columns_of, table_of
from pipeline.manifest import COLUMNS as OF_MANIFEST
from pipeline.writer import COLUMNS as OF_EVENTS
from schema.families import FAMILIES, LATE
from schema.manifest import RELEASED_DAYS
from schema.store import Store
from schema.visits import VISIT

from ..errors import CannotDo

EVENTS = "events"
_BOUNDS = ("site", "day", "expires", "pageviews", "events", "currencies", "amounts")
# By table its columns, the site first. What a goal that is added to a released day is held against is in the others.
TABLES: dict[str, tuple[str, ...]] = {
    EVENTS: tuple(OF_EVENTS),
    "visits": ("site", "day", "version", "deleted", *VISIT),
    "bounds": _BOUNDS,
    "manifest": tuple(OF_MANIFEST),
    **{table_of(family, late=False): tuple(FAMILIES[family].columns) for family in FAMILIES},
    **{table_of(family, late=True): columns_of(family, late=True) for family in LATE},
}
# So many rows of text are some megabytes.
_ROWS_A_PART = 50_000


def days_of(store: Store, key: str, first: dt.date) -> dict[str, Any]:
    """rows: by day, from the first one on, how many raw rows are left of it; open: those of them that are not
    released."""
    given = {"site": key, "first": first}
    mine = "site = {site:String} AND day >= {first:Date}"
    rows = store.rows(f"SELECT day, count() FROM events WHERE {mine} GROUP BY day ORDER BY day", given)
    released = {day for (day,) in store.rows(f"SELECT day FROM {RELEASED_DAYS} WHERE {mine}", given)}
    return {
        "rows": {day.isoformat(): count for day, count in rows},
        "open": [day.isoformat() for day, _ in rows if day not in released],
    }


def parts_of(rows: int) -> int:
    """In how many parts a day of so many raw rows is read."""
    return 1 + rows // _ROWS_A_PART


def text_of(store: Store, key: str, named: str, table: str, day: dt.date, part: tuple[int, int]) -> bytes:
    """Rows of a table and day as tab-separated text, of a site that is called otherwise. part: which of how many parts,
    by visitor where there are visitors. Raises CannotDo for a table that is none of these."""
    if table not in TABLES:
        raise CannotDo(f"plan: {table!r} is no table of this version")
    _, *others = (f"`{name}`" for name in TABLES[table])
    nth, parts = part
    apart = "AND cityHash64(visitor) % {parts:UInt32} = {nth:UInt32}" if table in (EVENTS, "visits") else ""
    if not apart and nth:
        return b""
    final = "FINAL" if table == "visits" else ""
    return store.text(
        f"""SELECT {{named:String}}, {", ".join(others)} FROM {table} {final}
        WHERE site = {{site:String}} AND day = {{day:Date}} {apart} FORMAT TSV""",
        {"named": named, "site": key, "day": day, "parts": parts, "nth": nth},
    )
