"""Sites that have data and stand in no settings: removed ones, and those that only a flag or an import ever named.

In: a store, the keys of the sites that are set up. Out: what there is of the others. Promises: no number of people or
of what they did; with `raw` False it reads only what the dashboards may read.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

from msgspec import Struct

from .manifest import RELEASED_DAYS
from .store import Store


class Undeclared(Struct, frozen=True):
    """released, open: days of each kind. first, last: among them all."""

    site: str
    released: int
    open: int
    first: dt.date
    last: dt.date

    @property
    def remedy(self) -> str:
        """What to do about it, in one line."""
        return (
            f"add it to footfall.toml ([[sites]] key = {self.site!r}), or `footfall site remove {self.site}` deletes "
            "what there is of it"
        )


def undeclared(store: Store, declared: Collection[str], raw: bool = True) -> list[Undeclared]:
    """The sites with data beside the declared ones, by key. raw: look at the raw rows, too."""
    sources = [
        f"SELECT site, day, 1 AS released FROM {RELEASED_DAYS}",
        f"SELECT DISTINCT site, day, 0 FROM open_cells WHERE (site, day) NOT IN {RELEASED_DAYS}",
    ]
    if raw:
        sources.append(f"SELECT DISTINCT site, day, 0 FROM events WHERE (site, day) NOT IN {RELEASED_DAYS}")
    rows = store.rows(
        f"""SELECT site, uniqExactIf(day, released = 1), uniqExactIf(day, released = 0), min(day), max(day)
        FROM ({" UNION ALL ".join(sources)}) WHERE site NOT IN {{declared:Array(String)}}
        GROUP BY site ORDER BY site""",
        {"declared": sorted(declared)},
    )
    return [Undeclared(*row) for row in rows]
