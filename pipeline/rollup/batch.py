"""Site-days that are rolled up by the same statements.

In: site-days, each with its site and rules. Out: what SQL names them by. Promises: the number of statements of a run
does not depend on how many site-days it has; values reach SQL as bound parameters only.

Within a run a site-day is a number, `d`: its place in the batch. What differs from one to the next (k, the time
zone, goals) is looked up by it.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from msgspec import Struct, structs

from schema.site import Site, day_bounds, day_number
from schema.store import Store

from ..settings import SiteRules
from . import sections
from .rule import Rule

# Of a batch: what one statement reads, how many partitions it writes, how many goals, funnels and sections it names.
ROWS_AT_MOST = 200_000
_DAYS_AT_MOST = 100
_NAMED_AT_MOST = 200
# What is asked of each dimension takes 5 ms to plan, to lay one out 1 µs a visit.
_FEW_VISITS = 20_000
# Scratch tables that have rows for each visit or event. Where there is little memory they are on the disk.
_LAID_OUT = ("events", "fresh", "visits", "bounded", "hits", "samples", "elements", "reached", "sent", "told", "spent")
_OF_EVENTS = frozenset(
    (*_LAID_OUT, "reports", "passed", "touched", "moves", "numbered", "converted", "marked", "gauged")
)
_SCRATCH = re.compile(r"\{([a-z]+)\}")
# The table of raw rows that were collected.
RAW = "events"
# Of a row of a table with the columns site and day: whether it is of the batch (`Batch.mine`), and which of its
# site-days it is of (`Batch.which`).
_MINE = "(site, day) IN arrayZip({sites:Array(String)}, {dates:Array(Date)})"
_MINE_ALONE = "site = {sites:Array(String)}[1] AND day = {dates:Array(Date)}[1]"
_WHICH = (
    "transform(cityHash64(site, day), arrayMap((s, d) -> cityHash64(s, d), {sites:Array(String)}, "
    "{dates:Array(Date)}), CAST(range(length({sites:Array(String)})), 'Array(UInt16)'), toUInt16(65535))"
)
# What a site-day has of its own, where `d` is a column.
_OF_DAY = "[d + 1]"
SITE, DAY = f"{{sites:Array(String)}}{_OF_DAY}", f"{{dates:Array(Date)}}{_OF_DAY}"
START = f"{{starts:Array(UInt32)}}{_OF_DAY}"
K = f"{{ks:Array(UInt32)}}{_OF_DAY}"
LEAST_NETWORKS = f"{{least_networks:Array(UInt32)}}{_OF_DAY}"
# Of a row with the columns people and networks: whether both are enough to be shown (rules R3 and N4).
ENOUGH = f"(people >= {K} AND networks >= {LEAST_NETWORKS})"
# Of a raw row or a visit: its network; where it is older than the column, one of the visitor's own.
NETWORK = "if(network_number = 0, visitor, network_number)"
# Distinct networks, counted no further than any site-day of the batch asks for.
NETWORKS = "uniqUpTo({networks})(network_number)"


class SiteDay(Struct, frozen=True):
    """One local day of a site. rules: by which it is rolled up."""

    site: Site
    day: dt.date
    rules: SiteRules

    @property
    def key(self) -> tuple[str, dt.date]:
        return self.site.key, self.day


class Quarter(Struct, frozen=True):
    """As of when open days are counted. at: the beginning of a quarter of an hour, Unix seconds: only rows that were
    received before it are. at_once: the site-days of which all is counted and shown."""

    at: int
    at_once: frozenset[tuple[str, dt.date]] = frozenset()


class Batch(Struct, frozen=True, dict=True):
    """Site-days of one table of raw rows. source: the table's name, one of ours. run: part of the names of the scratch
    tables. live: open days, which are shown while they go on. quarter: as of when; None: of all there is. goes_on: from
    what an earlier run has left (warm.py); adds: to its sums. anew: of visits, those alone that are made anew."""

    store: Store
    days: tuple[SiteDay, ...]
    run: str
    source: str = RAW
    live: bool = False
    quarter: Quarter | None = None
    goes_on: bool = False
    adds: bool = False
    anew: bool = False

    @cached_property
    def named(self) -> dict[str, Any]:
        """What the SQL of this file is bound to."""
        return self.binding()

    def binding(self) -> dict[str, Any]:
        """The same, made anew: a kind of batch that is bound to more adds it here."""
        return {
            "sites": [of.site.key for of in self.days],
            "dates": [of.day for of in self.days],
            "starts": [day_bounds(of.site.timezone, day_number(of.day)).start for of in self.days],
            "ks": [of.rules.k for of in self.days],
            "least_networks": [of.rules.least_networks for of in self.days],
            "rounded": [int(self.live and of.rules.strict) for of in self.days],
            **sections.bound([of.site for of in self.days]),
            **{
                name: [list(getattr(of.site, name)) for of in self.days]
                for name in ("properties", "kept_properties")
                if self.has(name)
            },
            **{f"zone_{index}": zone for index, zone in enumerate(zones(self.days))},
        }

    @cached_property
    def stepping(self) -> tuple[SiteDay, ...]:
        """The site-days whose values are shown in steps (rule N7)."""
        quarter = self.quarter
        return tuple(of for of in self.days if of.key not in quarter.at_once) if quarter else ()

    @property
    def alone(self) -> bool:
        """One site-day, a big one mostly, needs no site and day to be told from others."""
        return len(self.days) == 1

    @property
    def mine(self) -> str:
        """SQL that holds for the rows of the batch, of a table with the columns site and day."""
        return _MINE_ALONE if self.alone else _MINE

    @property
    def which(self) -> str:
        """SQL for the `d` of a row with the columns site and day."""
        return "toUInt16(0)" if self.alone else _WHICH

    @property
    def apart(self) -> str:
        """The columns that tell the visitors of one site-day from those of another, with a comma behind; of one day
        none, which sorts and groups its rows faster by a quarter."""
        return "" if self.alone else "site, day, "

    @property
    def has_goals(self) -> bool:
        return any(of.site.goals for of in self.days)

    def has(self, setting: str) -> bool:
        """Whether a site has anything in that list of its settings."""
        return any(getattr(of.site, setting) for of in self.days)

    @property
    def hides(self) -> bool:
        """With k = 1 one is enough of anything."""
        return any(of.rules.k > 1 for of in self.days)

    @property
    def plain(self) -> bool:
        """Open days of which everything is shown: of how many networks people are makes no difference."""
        return self.live and not self.hides

    def has_rows(self, name: str) -> bool:
        """Whether a scratch table that is filled already has rows; asked once."""
        if name not in self._filled:
            self._filled[name] = bool(self.store.rows(f"SELECT 1 FROM {self.scratch(name)} LIMIT 1"))
        return self._filled[name]

    @cached_property
    def is_small(self) -> bool:
        """Whether it has so few visits that to plan a statement takes longer than to read them; once they are made."""
        [[visits]] = self.store.rows(f"SELECT count() FROM {self.scratch('visits')}")
        return bool(visits < _FEW_VISITS)

    @cached_property
    def _filled(self) -> dict[str, bool]:
        return {}

    def scratch(self, name: str) -> str:
        """The name of a scratch table of this run, or SQL for those of its rows that are looked at."""
        if self.anew and name == "visits":
            changed = f"SELECT visitor FROM {self.scratch('changed')}"
            return f"(SELECT * FROM {structs.replace(self, anew=False).scratch(name)} WHERE visitor IN ({changed}))"
        return f"{'' if self._is_on_disk(name) else self.store.scratch}run_{name}_{self.run}"

    def create(self, name: str, columns: str, compressed: bool = False) -> None:
        """Make a scratch table."""
        settings = " SETTINGS compress = 1" if compressed or self.store.has_little_memory else ""
        engine = "MergeTree ORDER BY ()" if self._is_on_disk(name) else f"Memory{settings}"
        self.store.command(f"CREATE TABLE {self.scratch(name)} ({columns}) ENGINE = {engine}")

    def _is_on_disk(self, name: str) -> bool:
        return self.store.has_little_memory and name in _OF_EVENTS

    def naming(self, sql: str) -> str:
        """SQL in which each `{name}` is the scratch table of that name, `{networks}` how far these are counted. What is
        bound has its type behind a colon. Of one site-day what it has of its own is constant: that is not planned, nor
        looked up for each row."""
        if self.alone:
            sql = sql.replace(_OF_DAY, "[1]")
        most = str(self.most.networks)
        return _SCRATCH.sub(lambda found: most if found[1] == "networks" else self.scratch(found[1]), sql)

    @cached_property
    def most(self) -> Rule:
        """How many people, of how many networks, are enough on each of its days."""
        return Rule(max(of.rules.k for of in self.days), max(of.rules.least_networks for of in self.days))

    def section_of(self, path: str) -> str:
        """SQL for the section of a path, of a row with the column `d`."""
        return sections.section_of([of.site for of in self.days], path)

    @property
    def within(self) -> str:
        """IN, for what is compared with a scratch table: only the server that the run talks to has it."""
        return "GLOBAL IN" if self.store.cluster else "IN"


def batches(
    days: Sequence[SiteDay], rows: Mapping[tuple[str, dt.date], int], at_most: int = ROWS_AT_MOST
) -> Iterator[list[SiteDay]]:
    """Site-days in few batches: small ones together, a big one alone. rows: how many raw rows each has. at_most: of
    these, in a batch."""
    batch: list[SiteDay] = []
    named: set[object] = set()
    total = 0
    for of in days:
        patterns = (*of.site.sections.items(),)
        its = {*of.site.counted_goals, *of.site.funnels, *((patterns, name) for name in of.site.sections)}
        its |= {*of.site.segment_definitions.values()}
        total += rows[of.key]
        named |= its
        if batch and (total > at_most or len(batch) == _DAYS_AT_MOST or len(named) > _NAMED_AT_MOST):
            yield batch
            batch, named, total = [], its, rows[of.key]
        batch.append(of)
    if batch:
        yield batch


def zones(days: Sequence[SiteDay]) -> dict[str, list[int]]:
    """The places of site-days by their time zone."""
    found: dict[str, list[int]] = {}
    for place, of in enumerate(days):
        found.setdefault(of.site.timezone, []).append(place)
    return found
