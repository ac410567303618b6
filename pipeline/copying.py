"""Released days and blocks as text, out of a store and into another one.

In: a store. Out: entries of the manifest and the rows they make readable, in parts small enough for memory; or a store
that holds them again. Promises: only what has an entry that stands is copied, each whole; while a copy is under way no
import is taken back and no site deleted. Whether what is there matches its manifest is told by verify.py.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct, structs

from schema.families import FAMILIES, KEY, LATE
from schema.manifest import ADDED, standing, standing_blocks
from schema.store import Store

from .manifest import COLUMNS, RELEASING, Entry, read_entries

# Held while rows of released days must not go: by whoever copies them, and by whoever deletes some.
ROWS_STAY = threading.Lock()


class ManifestBroken(Exception):
    """A chain of entries, or rows, are not what they were when they were released."""


class Snapshot(Struct, frozen=True):
    """Every site's entries at one moment."""

    entries: dict[str, list[Entry]]

    @property
    def days(self) -> dict[str, list[Entry]]:
        """Of each site the entries of days that hold, by day."""
        return {site: holding(entries) for site, entries in self.entries.items()}

    @property
    def readable(self) -> dict[str, list[Entry]]:
        """The same, and those of blocks and of goals that were added."""
        return {site: readable(entries) for site, entries in self.entries.items()}


class Part(Struct, frozen=True):
    """Rows of one family, site and month, as tab-separated text. late: of blocks that begin in it, and of goals that
    were added to its days."""

    family: str
    late: bool
    site: str
    month: dt.date
    text: bytes


@contextlib.contextmanager
def snapshot(store: Store) -> Iterator[Snapshot]:
    """What is released now; it stays readable until the end of the context."""
    with ROWS_STAY:
        with RELEASING:
            sites = store.rows("SELECT DISTINCT site FROM manifest ORDER BY site")
            taken = Snapshot({key: read_entries(store, key) for (key,) in sites})
        yield taken


def holding(entries: Iterable[Entry]) -> list[Entry]:
    """Those of one site's entries of days that hold, by day."""
    rows = [(entry.day, entry.number, entry.origin, entry) for entry in entries if entry.span == 1]
    return sorted((row[3] for row in standing(rows, day=0, number=1, origin=2)), key=lambda entry: entry.day)


def blocks_of(entries: Iterable[Entry]) -> list[Entry]:
    """Those of one site's entries of blocks that hold."""
    return [row[2] for row in standing_blocks([(e.origin, e.span, e) for e in entries], origin=0, span=1)]


def added_of(entries: Iterable[Entry]) -> list[Entry]:
    """Those of one site's entries that add a goal to a day."""
    return [entry for entry in entries if entry.span == ADDED]


def readable(entries: Sequence[Entry]) -> list[Entry]:
    """Those of one site's entries that hold: of days, by day, and then of blocks and of goals that were added."""
    return [*holding(entries), *blocks_of(entries), *added_of(entries)]


def months_of(entries: Iterable[Entry]) -> dict[dt.date, list[Entry]]:
    """Entries by the month of their first day."""
    found: dict[dt.date, list[Entry]] = defaultdict(list)
    for entry in entries:
        found[entry.day.replace(day=1)].append(entry)
    return dict(sorted(found.items()))


def rows_in(family: str, late: bool = False) -> str:
    """The statement for the rows of a family: those of the released `days` of one `site`, ordered by all columns. late:
    beside days, each of which begins on one of the days and has in `grains` its grain in the same place. Which days are
    released is the caller's to know: one that has rows may have been taken back."""
    grained = "AND (grain, day) IN arrayZip({grains:Array(String)}, {days:Array(Date)})" if late else ""
    return (
        f"SELECT {', '.join(columns_of(family, late))} FROM {table_of(family, late)} "
        f"WHERE site = {{site:String}} AND day IN {{days:Array(Date)}} {grained} ORDER BY ALL"
    )


def table_of(family: str, late: bool) -> str:
    """Where released rows of a family are; late: those beside days, of blocks and of goals that were added."""
    return f"{'late' if late else 'released'}_{family}"


def columns_of(family: str, late: bool) -> tuple[str, ...]:
    """What such rows have."""
    return tuple(column.name for column in FAMILIES[family].late) if late else FAMILIES[family].columns


def rows_of(store: Store, site: str, month: dt.date, entries: Sequence[Entry]) -> Iterator[Part]:
    """The rows that entries of one site's month make readable, family by family."""
    for late in (False, True):
        mine = [entry for entry in entries if bool(entry.grain) is late]
        given = {"site": site, "days": [entry.day for entry in mine], "grains": [entry.grain for entry in mine]}
        for family in LATE if late else FAMILIES:
            text = store.text(f"{rows_in(family, late)} FORMAT TSV", given) if mine else b""
            if text:
                yield Part(family, late, site, month, text)


def put_back(store: Store, part: Part, entries: Sequence[Entry]) -> None:
    """Insert a part's rows. Raises ManifestBroken where one is of no day that the entries name."""
    mine = {(part.site, *_begins(entry)) for entry in entries}
    site, grain, day = (KEY.index(name) for name in ("site", "grain", "day"))
    width = 0
    for line in part.text.removesuffix(b"\n").split(b"\n"):
        row = line.decode(errors="replace").split("\t")
        if len(row) <= day or (row[site], row[grain] if part.late else "", row[day]) not in mine:
            raise ManifestBroken(
                f"{part.site}, {part.month:%Y-%m}: has rows of something that its manifest does not name"
            )
        width = len(row)
    # Measures are only ever added behind the others: a copy that is older than some of them has the first ones.
    store.insert_text(table_of(part.family, part.late), columns_of(part.family, part.late)[:width], part.text)


def _begins(entry: Entry) -> tuple[str, str]:
    """What the rows of an entry have as their grain, "" where it is of a day, and as their day."""
    return entry.grain, entry.day.isoformat()


def put_back_entries(store: Store, entries: Sequence[Entry]) -> None:
    """Insert one site's entries as they are: from then on the rows are readable."""
    store.insert("manifest", COLUMNS, [list(column) for column in zip(*map(structs.astuple, entries), strict=True)])
