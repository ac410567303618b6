"""What a command may ask of all that there is of a site: which sites, their released rows, their removal.

In: a site's key. Out: plain values. Promises: a site that the settings name is never removed.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import structs

from pipeline.copying import ROWS_STAY
from pipeline.site_data import Removed, released_months, remove_site, rows_of_month, what_there_is
from schema.store import Store

from ..errors import CannotDo
from ..settings import DEMO_SITE, Settings
from .instance import iso_date
from .known import Known
from .sites import list_sites

if TYPE_CHECKING:
    from pipeline.schedule import Pipeline


class SiteData(Known):
    def __init__(self, settings: Settings, store: Store, live: bool = True) -> None:
        super().__init__(settings, store, live)
        # The one that works in this process.
        self.pipeline: Pipeline | None = None

    def sites(self) -> list[dict[str, Any]]:
        """Every site of the settings, and every other one with data."""
        return list_sites(self._settings, self.store)

    def site_data(self, key: str) -> dict[str, Any]:
        """What a removal would delete. Raises CannotDo where the settings name the site, or there is nothing of it."""
        if key in {site.key for site in self._settings.all_sites}:
            how = "set demo = false" if key == DEMO_SITE.key else "take it out of the settings"
            raise CannotDo(f"site {key!r}: is in the settings; {how}, have Footfall read them again, then remove it")
        if key not in {one["site"] for one in self.sites()}:
            raise CannotDo(f"site {key!r}: there is nothing of it; `footfall site list` lists those there are")
        return structs.asdict(what_there_is(self.store, key))

    def site_remove(self, key: str) -> dict[str, Any]:
        """Delete all of a site that the settings do not name. Raises CannotDo."""
        self.site_data(key)

        def work() -> Removed:
            return remove_site(self.store, key, time.time())

        with ROWS_STAY:
            return structs.asdict(self.pipeline.leave(key, work) if self.pipeline else work())

    def site_months(self, key: str) -> list[str]:
        """The months with released days, as ISO dates. Raises CannotDo where there are none."""
        months = [month.isoformat() for month in released_months(self.store, key)]
        if not months:
            raise CannotDo(f"site {key!r}: no day of it is released; `footfall site list` lists those there are")
        return months

    def site_rows(self, key: str, family: str, late: bool, month: str) -> list[dict[str, Any]]:
        """The released rows of a month in one family; late: of its blocks."""
        rows: list[dict[str, Any]] = msgspec.to_builtins(rows_of_month(self.store, key, family, late, iso_date(month)))
        return rows
