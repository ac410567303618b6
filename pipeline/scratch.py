"""The tables in memory where the rollup works.

In: a store. Out: `Scratch`, the store as one process's runs see it: `work_visits` in a statement is a table that no
other process has. Promises: empty between runs, because some hold visitor numbers; in memory of the server that the
pipeline talks to only; what a killed process left there is dropped by the next start (`drop_left`).

They are made with a process's first run and not with every run: making all of them takes the embedded engine 0.1 s of
processor time (measured 2026-11-29), emptying them 5 ms.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any

from schema.measures import MEASURES
from schema.store import Row, Store, StoreError

_WORK = re.compile(r"\bwork_(?=[a-z])")
_NAMES = re.compile(r"(work_[0-9]+|sums)_[a-z]+")
# What can be added up over visits; people only over visitors, and what rates are divided by is known in the end only.
ADDED = tuple(name for name in MEASURES if name not in ("visitors", "exit_views", "timed_visits"))

# By table its columns, as SQL.
_OF_VISIT = """
    source LowCardinality(String), referrer String, channel LowCardinality(String), utm_source LowCardinality(String),
    utm_medium LowCardinality(String), utm_campaign String, utm_term String, utm_content String,
    country LowCardinality(String), region LowCardinality(String), device LowCardinality(String),
    browser LowCardinality(String), os LowCardinality(String), screen LowCardinality(String),
    language LowCardinality(String)"""
_VALUE = "dimension LowCardinality(String), value String"
# The numbers of every value, not folded yet, in several rows to be added up. run: whose they are.
_SUMS = {
    "cells": f"run UInt64, {_VALUE}, people Int64, {', '.join(f'{name} Int64' for name in ADDED)}",
    "conversions": f"""run UInt64, {_VALUE}, goal LowCardinality(String), currency LowCardinality(String),
        people Int64, times Int64, paid Int64""",
    # histogram: a bucket and how many samples it has in one number (pipeline/sums.py), in any order.
    "vitals": f"""run UInt64, {_VALUE}, metric LowCardinality(String), histogram Array(Int64), people Int64,
        samples Int64, good Int64, poor Int64""",
    # How many people contributed to what of a value. kind: see pipeline/contributors.py.
    "contributors": f"run UInt64, {_VALUE}, kind LowCardinality(String), people Int64",
    # The values that had so many people when the day was computed whole that nobody noted theirs.
    "passed": f"run UInt64, {_VALUE}",
    # What they touched in a dimension who touched a value there that was not passed over. name: a goal or a metric, of
    # revenue with its currency. who: tells two visitors of the day apart and is not a visitor's number: a hash of it,
    # with a key that is not stored. visit: of cells only.
    "touched": f"""run UInt64, family LowCardinality(String), {_VALUE}, name LowCardinality(String),
        currency LowCardinality(String), who UInt64, visit UInt32, times Int64""",
}
_KEPT = _SUMS | {
    "files": "run UInt64, file UInt64, last UInt64",
    # Rows that are there, and not in the sums, because their id was there before.
    "repeated": "run UInt64, id UInt64, sequence UInt64",
}
_WORKED = _SUMS | {
    # The files of a day's rows. known: the last place that is in the sums, 0 where there is none; last: that was there
    # when the run began. How many rows are known and new; a mark of each of these sets; how many have an id.
    "files": """file UInt64, known UInt64, last UInt64, known_rows UInt64, new_rows UInt64, known_mark UInt64,
        new_mark UInt64, ids UInt64""",
    # Rows whose id was there before.
    "repeated": "id UInt64, sequence UInt64",
    # The raw rows of those who have new ones: what visits are made of.
    "events": f"""new Bool, visitor UInt64, received DateTime('UTC'), sequence UInt64, name LowCardinality(String),
        interactive Bool, hostname LowCardinality(String), path String, engaged_ms UInt32,
        currency LowCardinality(String), amount Int64, lcp Float32, inp Float32, cls Float32, fcp Float32, ttfb Float32,
        {_OF_VISIT}""",
    # Who touched what is noted, on a day that is computed whole.
    "whose": "visitor UInt64",
    # sign: 1: is added to the sums; -1: as it was before the new rows, is taken from them. again: the visitor has other
    # visits, too. came: 0: nothing but engagement reports; their time and vitals count, but nobody came. first_device,
    # first_country: of the first event of any kind: vitals are counted by these; the dimensions at the end are of the
    # first that is no report, where anybody came. reached: of every hit and every goal that it reached. measured: of
    # every hit that measured something; vitals in the order of schema/metrics.py, below 0 what was not measured.
    "visits": f"""sign Int8, visitor UInt64, visit UInt32, again UInt8, came UInt8, hour UInt32, seconds UInt32,
        viewed UInt32, acted UInt32, bounced UInt8, engaged_ms UInt64, first_device LowCardinality(String),
        first_country LowCardinality(String), entry_page String, exit_page String, entry_host LowCardinality(String),
        exit_host LowCardinality(String),
        hits Nested(name LowCardinality(String), path String, hostname LowCardinality(String), engaged_ms UInt32),
        reached Array(Tuple(goal LowCardinality(String), name LowCardinality(String), path String,
            hostname LowCardinality(String), currency LowCardinality(String), amount Int64)),
        measured Array(Tuple(path String, vitals Array(Float32))),
        {_OF_VISIT}""",
    # To what of a value, folded or not, enough people contributed.
    "contributed": f"{_VALUE}, kind LowCardinality(String)",
    # The values that are shown or folded. kind: "enough" people; "smallest" of those of its dimension; "rare".
    "values": f"{_VALUE}, people Int64, kind LowCardinality(String)",
    # The values that are shown by name: those of enough people, less what keeps rare ones company.
    "kept": _VALUE,
    # How many touched a rare value of a dimension, and in how many visits; and how many of them are not among those of
    # the smallest other value. name: a goal or a metric.
    "others": """family LowCardinality(String), dimension LowCardinality(String), name LowCardinality(String),
        currency LowCardinality(String), people Int64, visits Int64, people_beside Int64, visits_beside Int64""",
}


class Scratch:
    """A store, and tables of one's own in its memory: what a statement calls `work_…`. One run at a time."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._own = f"work_{secrets.randbits(63)}_"
        for table, columns in _WORKED.items():
            store.command(f"CREATE TABLE {self._own}{table} ({columns}) ENGINE = Memory")

    @property
    def cluster(self) -> str:
        return self.store.cluster

    def name(self, table: str) -> str:
        """What the store calls a table, of which a statement gives the part behind `work_`."""
        return self._own + table

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        return self.store.rows(self._named(sql), parameters)

    def command(self, sql: str, parameters: Mapping[str, Any] | None = None, **settings: Any) -> None:
        self.store.command(self._named(sql), parameters, **settings)

    def clear(self) -> None:
        """Empty every table."""
        try:
            for table in _WORKED:
                self.store.command(f"TRUNCATE TABLE {self._own}{table}")
        except StoreError:
            # Somebody may have dropped them: the next run makes its own.
            _MADE.pop(self.store, None)
            raise

    def _named(self, sql: str) -> str:
        # No text from outside is in a statement: it is bound.
        return _WORK.sub(self._own, sql)


_MADE: dict[Store, Scratch] = {}


def scratch_of(store: Store) -> Scratch:
    """This process's tables in that store, made with the first call. The caller holds ROLLING."""
    made = _MADE.get(store)
    if made is None:
        made = _MADE[store] = Scratch(store)
    return made


def make_sums(store: Store | Scratch) -> None:
    """Make the tables in which the sums of open days are kept from run to run: one set, of one pipeline."""
    for table, columns in _KEPT.items():
        store.command(f"CREATE TABLE IF NOT EXISTS sums_{table} ({columns}) ENGINE = Memory")


def drop_left(store: Store) -> None:
    """Drop what processes before this one left, when nobody else works there."""
    there = "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'Memory'"
    for (name,) in store.rows(there):
        if _NAMES.fullmatch(name):
            store.command(f"DROP TABLE IF EXISTS {name} SYNC")
    _MADE.pop(store, None)
