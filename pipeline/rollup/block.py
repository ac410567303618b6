"""A block as a batch: the days of it that wait, and of which families something does.

In: a site, days, rules. Out: a `Block`, and SQL for what waits of it. Promises: what a week within the block has
released is not among it.
"""

from __future__ import annotations

import datetime as dt
from functools import cached_property
from typing import Any

from schema.families import DECLARED, FAMILIES, WAITING
from schema.manifest import WEEK

from ..settings import SiteRules
from .batch import Batch


class Block(Batch, frozen=True, dict=True):
    """A batch of one site and the first day of the block. dates: the days that wait. week: the grain of rows of weeks
    within it. late: by which rules. changed: goals that were not the same on all of its days;
    changed_sections: the same of sections."""

    dates: tuple[dt.date, ...] = ()
    week: str = ""
    late: SiteRules = SiteRules(1, 0, "")
    changed: tuple[str, ...] = ()
    changed_sections: frozenset[str] = frozenset()

    @cached_property
    def waiting(self) -> tuple[str, ...]:
        """The families of which something waits: that tells what there is to release, not what is declared now."""
        mine = "site = {site:String} AND day IN {waits:Array(Date)}"
        each = (f"(SELECT '{family}' FROM waiting_{family} WHERE {mine} LIMIT 1)" for family in WAITING)
        given = {"site": self.days[0].site.key, "waits": list(self.dates)}
        found = {family for (family,) in self.store.rows(" UNION ALL ".join(each), given)}
        return tuple(family for family in WAITING if family in found)

    @property
    def has_goals(self) -> bool:
        return "conversions" in self.waiting

    def has(self, setting: str) -> bool:
        of_setting = (name for name, one in DECLARED.items() if one.counting and one.counting.setting == setting)
        return not {*of_setting}.isdisjoint(self.waiting)

    def has_rows(self, name: str) -> bool:
        """What would have been counted of days does not matter."""
        return True

    def binding(self) -> dict[str, Any]:
        # What is released is enough already; which of it has been chosen (`shown`) is asked all the same: with a k of 1
        # that would be everything.
        enough = {"ks": [2], "least_networks": [0]}
        waits = {"waits": list(self.dates), "week": self.week, "changed": list(self.changed)}
        return super().binding() | enough | waits


def remaining(family: str) -> str:
    """SQL from FROM on for what waits and no week within the block has released."""
    keys = ", ".join(("dimension", "value", *FAMILIES[family].cell_keys))
    first = "{dates:Array(Date)}[1]"
    unchanged = "AND NOT has({changed:Array(String)}, toString(goal))" if family == "conversions" else ""
    return f"""
        FROM waiting_{family}
        WHERE site = {{sites:Array(String)}}[1] AND day IN {{waits:Array(Date)}} {unchanged}
            AND (toDate({first} + intDiv(day - {first}, {WEEK}) * {WEEK}), {keys}) NOT IN
            (
                SELECT day, {keys} FROM late_{family}
                WHERE site = {{sites:Array(String)}}[1] AND grain = {{week:String}}
            )"""
