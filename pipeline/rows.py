"""Which raw rows of a site-day are counted: those there were at one moment, and of an id the first.

In: a table of raw rows, and for an open day what its kept sums have of it (`sums_files`, `sums_repeated`). Out:
`work_files`, what is there and what is new; `work_repeated`, what is not counted. Promises: everything that a run reads
after `look` is of the same moment, however many rows arrive meanwhile; a row that arrives later is new to the next run.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from msgspec import Struct

from schema.site import Site

from .insert import insert
from .scratch import Scratch
from .spool_file import PLACE_BITS, SPOOL_BITS

MINE = "site = {site:String} AND day = {day:Date}"
RANGE = "visitor BETWEEN {first:UInt64} AND {last:UInt64}"
_FILE = f"bitShiftRight(sequence, {PLACE_BITS})"
# Which spool a raw row came by; of one spool the places only grow.
SPOOL = f"toUInt8(bitAnd({_FILE}, {2**SPOOL_BITS - 1}))"
_SPOOL_OF_FILE = f"toUInt8(bitAnd(file, {2**SPOOL_BITS - 1}))"
_FILES = "(SELECT (groupArray(file), groupArray(known), groupArray(last)) FROM work_files)"
# Of the raw row at hand, bound to nothing: whether it was there when the run began, and whether it is not in the sums.
THERE = f"sequence <= transform({_FILE}, {_FILES}.1, {_FILES}.3, toUInt64(0))"
NEW = f"sequence > transform({_FILE}, {_FILES}.1, {_FILES}.2, toUInt64(0))"
_NOT_COUNTED = "SELECT id, sequence FROM sums_repeated WHERE run = {run:UInt64}"

_OF_FILE = {
    "file": "file",
    "known": "any(before)",
    "last": "max(sequence)",
    "known_rows": "countIf(sequence <= before)",
    "new_rows": "countIf(sequence > before)",
    "known_mark": "groupBitXorIf(hash, sequence <= before)",
    "new_mark": "groupBitXorIf(hash, sequence > before)",
    "ids": "countIf(id != 0)",
}


class SiteDay(Struct, frozen=True):
    """One local day of a site in a table of raw rows. store: where its runs work. source: a table name of ours. run:
    whose the sums are, 0 where nothing is kept of them. key: makes of a visitor's number what is kept of it."""

    store: Scratch
    source: str
    site: Site
    day: dt.date
    run: int = 0
    key: int = 0

    @property
    def named(self) -> dict[str, Any]:
        """What MINE, {run} and {key} are bound to."""
        return {"site": self.site.key, "day": self.day, "run": self.run, "key": self.key}

    @property
    def sums(self) -> str:
        """How the tables of its sums are called."""
        return "sums" if self.run else "work"

    @property
    def within(self) -> str:
        """IN, for what is compared with the tables where the rollup works: only the server it talks to has them."""
        return "GLOBAL IN" if self.store.cluster else "IN"


class Some(Struct, frozen=True):
    """A set of raw rows: how many, and a mark that no other set has (all their places, hashed, by exclusive or)."""

    rows: int
    mark: int


class Found(Struct, frozen=True):
    """known: those that the sums should have, as they are now. all: with what is new. replaced: a row that the sums
    count was sent again with an earlier place. through: of each spool the last place among all."""

    known: Some
    all: Some
    replaced: bool
    through: dict[int, int]

    @property
    def new(self) -> int:
        """How many rows are new."""
        return self.all.rows - self.known.rows


def look(of: SiteDay) -> Found:
    """See what is there, and fill `work_files` and `work_repeated`."""
    store = of.store
    sums = "SELECT file, max(last) AS last FROM sums_files WHERE run = {run:UInt64} GROUP BY file"
    if not of.run:
        sums = "SELECT toUInt64(0) AS file, toUInt64(0) AS last WHERE false"
    store.command(
        f"""{insert("work_files", _OF_FILE)}
        FROM (
            WITH (SELECT (groupArray(file), groupArray(last)) FROM ({sums})) AS sums
            SELECT sequence, id, {_FILE} AS file, transform(file, sums.1, sums.2, toUInt64(0)) AS before,
                cityHash64(sequence) AS hash FROM {of.source} WHERE {MINE})
        GROUP BY file""",
        of.named,
    )
    ((known, mark, new, new_mark, ids, (spools, places)),) = store.rows(
        "SELECT sum(known_rows), groupBitXor(known_mark), sum(new_rows), groupBitXor(new_mark), sum(ids), "
        f"maxMap([{_SPOOL_OF_FILE}], [last]) FROM work_files"
    )
    replaced = bool(ids) and _repeated(of)
    through = dict(zip(spools, places, strict=True))
    return Found(Some(known, mark), Some(known + new, mark ^ new_mark), replaced, through)


def _repeated(of: SiteDay) -> bool:
    """Fill `work_repeated`. Whether one of them is counted in the sums."""
    store, rows = of.store, f"SELECT id, sequence FROM {of.source} WHERE {MINE} AND id != 0 AND {THERE}"
    if of.run:
        # Among all rows, because an id may come back after hours.
        rows = f"{rows} AND id {of.within} (SELECT id FROM ({rows} AND {NEW}))"
    store.command(
        f"""INSERT INTO work_repeated (id, sequence) SELECT id, sequence FROM ({rows}) AS every
        INNER JOIN (SELECT id, min(sequence) AS first FROM ({rows}) GROUP BY id HAVING count() > 1) AS earliest
        USING id WHERE sequence > first""",
        of.named,
    )
    if not of.run:
        return False
    counted = f"NOT ({NEW}) AND (id, sequence) NOT IN ({_NOT_COUNTED})"
    replaced = store.rows(f"SELECT count() FROM work_repeated WHERE {counted}", of.named)[0][0]
    store.command(f"INSERT INTO work_repeated (id, sequence) {_NOT_COUNTED}", of.named)
    return bool(replaced)


def counted(of: SiteDay) -> str:
    """SQL that holds for the rows that are counted. Bound to MINE and RANGE."""
    repeated = f"(id, sequence) {of.within} (SELECT id, sequence FROM work_repeated)"
    return f"{MINE} AND {RANGE} AND {THERE} AND (id = 0 OR NOT ({repeated}))"


def choose(of: SiteDay, whose: str) -> None:
    """Fill `work_whose` with the visitors who have a row for which that SQL holds."""
    of.store.command(
        f"""INSERT INTO work_whose (visitor)
        SELECT DISTINCT visitor FROM {of.source} WHERE {MINE} AND {THERE} AND ({whose})""",
        of.named | {"zone": of.site.timezone},
    )
