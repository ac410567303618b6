"""What a day of a site is asked for, where that changes from day to day: what editors declare holds for days that begin
later.

In: a site, a day. Out: the site as that day is counted, and what days before are not asked for. Promises: whoever
changes a question sees no second table of the same day (docs/decisions/0070-edits.md).
"""

from __future__ import annotations

import datetime as dt
from typing import Protocol

from schema.site import Site


class Asked(Protocol):
    """Of each day what it is asked for."""

    def on(self, site: Site, day: dt.date) -> Site:
        """The site as that day is counted, while it is open and when it closes."""
        ...

    def without_past(self, site: Site, what: str) -> frozenset[str]:
        """The names of what (goals, sections, funnels, segments) is not added to days that are released."""
        ...


class Always:
    """Every day is asked for the same, and all of it has its past (rule N6)."""

    def on(self, site: Site, day: dt.date) -> Site:
        return site

    def without_past(self, site: Site, what: str) -> frozenset[str]:
        return frozenset()


ALWAYS = Always()
