"""A site at the desk, at one moment: what its file declares, what editors did, which day it is.

In: settings in force, DATA/edits, a moment. Out: `Edited`. Promises: all of it is of the same moment.
"""

from __future__ import annotations

import datetime as dt
from functools import cached_property
from pathlib import PurePath

from msgspec import Struct

from dashboards.editing.desk import EditRefused
from pipeline.settings import SiteRules
from schema.site import local_day

from ..settings import Settings, SiteSettings
from ..settings.edit_file import read
from ..settings.edits import Declared, Edits, Version
from ..settings.in_force import editions_of, holds_after, joined_or_bare, without_edits


class Edited(Struct, frozen=True, dict=True):
    """settings, base: as the settings file says. edits: its own. now: Unix seconds."""

    settings: Settings
    base: SiteSettings
    edits: Edits
    now: float

    @classmethod
    def of(cls, in_force: Settings, key: str, now: float) -> Edited:
        """Raises EditRefused for a site that is none, EditsUnreadable."""
        settings = without_edits(in_force)
        found = next((site for site in settings.sites if site.key == key), None)
        if found is None:
            raise EditRefused(f"{key} is built in, or stands in no settings")
        return cls(settings, found, read(settings.directory, key), now)

    @property
    def number(self) -> int:
        """That of the last version, 0 where there is none."""
        return self.edits.versions[-1].number if self.edits.versions else 0

    @property
    def last(self) -> Declared:
        """What editors declared last."""
        return self.edits.declared

    @property
    def rules(self) -> SiteRules:
        """By which the site is released."""
        return self.settings.rules_of(self.base)

    @cached_property
    def today(self) -> dt.date:
        """The site's day."""
        return self.day_of(self.now)

    def day_of(self, moment: float) -> dt.date:
        """The site's day at a moment."""
        return local_day(self.base.timezone, moment).date

    @property
    def later(self) -> dt.timedelta:
        """How long after the day of a version the first day is that is counted by it."""
        return holds_after(self.settings, self.base)

    @cached_property
    def counted(self) -> Version | None:
        """The version that today is counted by."""
        found = [one for one in editions_of(self.settings, self.base, self.edits) if one.first <= self.today]
        return found[-1].version if found else None

    @cached_property
    def site_today(self) -> SiteSettings:
        """The site as today is counted."""
        return joined_or_bare(self.base, self.counted)

    def made_today(self) -> int:
        """How many versions."""
        return sum(1 for one in self.edits.versions if self.day_of(one.at) == self.today)

    def where(self, what: str) -> str:
        """Where the settings file declares a kind, without the file's path."""
        place, origins = [site.key for site in self.settings.sites].index(self.base.key), self.settings.origins
        file, _, line = origins.get(f"sites[{place}].{what}", origins.get("sites", "")).rpartition(":")
        return f"{PurePath(file).name}, line {line}" if file and line.isdigit() else "the settings of the start"
