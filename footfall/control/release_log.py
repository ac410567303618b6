"""What a command may ask of releases: the manifest, its chain, a day, a block.

In: a site, a day. Out: plain values (releases.py makes them). Promises: nothing of a day that is not released.
"""

from __future__ import annotations

import time
from typing import Any

from . import releases
from .instance import iso_date
from .known import Known


class ReleaseLog(Known):
    def release_log(self, site: str, first: str, last: str) -> dict[str, Any]:
        """The manifest's entries of days from first to last, and what is not closed. Raises CannotDo."""
        days = iso_date(first), iso_date(last)
        return releases.log_of(self.store, *self._known(site), *days, time.time(), self._settings.rollup.grace_s)

    def release_sites(self) -> list[str]:
        """The sites that have entries in the manifest, or released rows."""
        return releases.released_sites(self.store)

    def release_chain(self, key: str) -> dict[str, Any]:
        """What a site's chain is, and what of it does not hold."""
        return releases.chain_of(self.store, key)

    def release_faults(self, key: str, month: str) -> list[dict[str, Any]]:
        """What rows of a month are not those that were released."""
        return releases.faults_of_month(self.store, key, iso_date(month))

    def release_day(self, site: str, day: str) -> dict[str, Any]:
        """What is released of a day, or what it waits for. Raises CannotDo."""
        asked = iso_date(day)
        return releases.day_of(self.store, *self._known(site), asked, time.time(), self._settings.rollup.grace_s)

    def release_block(self, site: str, day: str, span: int) -> dict[str, Any]:
        """The same of the block of so many days that the day is in. Raises CannotDo."""
        asked = iso_date(day), span
        return releases.block_of(self.store, *self._known(site), *asked, time.time(), self._settings.rollup.grace_s)
