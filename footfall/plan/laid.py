"""A site's raw window in the store in RAM, and what is released of it there by other settings.

In: a store of nobody else's, text of rows. Out: `Laid`. Promises: days are rolled up, suppressed and released by the
pipeline alone; nothing of it outlives `clear`.
"""

from __future__ import annotations

import datetime as dt
import secrets
import time
from collections.abc import Mapping

from pipeline.blocks import close_blocks
from pipeline.imports import Import
from pipeline.insert import insert
from pipeline.release import Flaws, release_together
from pipeline.rollup.batch import SiteDay
from pipeline.settings import SiteRules
from schema.manifest import origin_of
from schema.site import Site, day_bounds, day_number
from schema.store import Store

from .changes import Held
from .window import EVENTS, TABLES


def new_key() -> str:
    """A name that no site has."""
    return f"{secrets.token_hex(8)}.invalid"


def called(site: Site, key: str) -> Site:
    """The same site under another key, without what is only of the collector's."""
    fields = {name: getattr(site, name) for name in Site.__struct_fields__}
    return Site(**fields | {"key": key, "domains": (), "ids": ()})


class Laid:
    """One site's window. key: what the site is called there, a `new_key`."""

    def __init__(self, store: Store, key: str) -> None:
        self.store, self.key = store, key
        self._import = Import(store)
        self._import.begin()
        self._days: set[dt.date] = set()

    def add(self, table: str, day: dt.date, text: bytes) -> None:
        """Lay down some rows of a day, as `window.text_of` gives them."""
        if not text:
            return
        if table == EVENTS:
            self._days.add(day)
        self.store.insert_text(self._import.table if table == EVENTS else table, TABLES[table], text)

    @property
    def events(self) -> str:
        """The table of the raw rows."""
        return self._import.table

    def released(self, held: Held, without: Mapping[str, str]) -> str:
        """Release the raw rows of all days by what holds; what the site is called whose rows that are. without: by raw
        column the SQL that says what would be stored of it."""
        key = new_key()
        columns = {name: f"`{name}`" for name in TABLES[EVENTS]} | {"site": "{to:String}", **without}
        self.store.command(
            f"{insert(self.events, columns)} FROM {self.events} WHERE site = {{of:String}}",
            {"of": self.key, "to": key},
        )
        self._release(called(held.site, key), held.rules)
        return key

    def _release(self, site: Site, rules: SiteRules) -> None:
        due = [SiteDay(site, day, rules) for day in sorted(self._days)]
        if not due:
            return
        now = max(time.time(), *(day_bounds(site.timezone, day_number(of.day)).end for of in due))
        origin = origin_of("plan", self._import.run)
        release_together(self.store, self.events, due, now, origin, [Flaws()] * len(due))
        close_blocks(self.store, [(site, rules)], now, 0, origin)

    def clear(self) -> None:
        """Drop the raw rows."""
        self._import.abandon()
