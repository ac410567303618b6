"""Released days as text, out of a store and into another one.

In: a store. Out: entries of the manifest and rows of the released days, in parts small enough for memory; or a store
that holds them again. Promises: only days whose entry stands are copied, each whole; while a copy is under way no
import is taken back and no site deleted. Whether what is there matches its manifest is told by verify.py.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct, structs

from schema.families import FAMILIES, KEY
from schema.manifest import standing
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
        """Of each site the entries that hold, by day."""
        return {site: holding(entries) for site, entries in self.entries.items()}


class Part(Struct, frozen=True):
    """Rows of one family, site and month, as tab-separated text."""

    family: str
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
    """Those of one site's entries that hold, by day."""
    rows = [(entry.day, entry.number, entry.origin, entry) for entry in entries]
    return sorted((row[3] for row in standing(rows, day=0, number=1, origin=2)), key=lambda entry: entry.day)


def months_of(entries: Iterable[Entry]) -> dict[dt.date, list[Entry]]:
    """Entries by the month of their day."""
    found: dict[dt.date, list[Entry]] = defaultdict(list)
    for entry in entries:
        found[entry.day.replace(day=1)].append(entry)
    return dict(sorted(found.items()))


def released_rows(family: str) -> str:
    """The statement for the rows of a family: those of the released `days` of one `site`, ordered by all columns. Which
    days are released is the caller's to know: one that has rows may have been taken back."""
    return (
        f"SELECT {', '.join(FAMILIES[family].columns)} FROM released_{family} "
        "WHERE site = {site:String} AND day IN {days:Array(Date)} ORDER BY ALL"
    )


def rows_of(store: Store, site: str, month: dt.date, entries: Sequence[Entry]) -> Iterator[Part]:
    """The rows of one site's released days of a month, family by family."""
    days = {"site": site, "days": [entry.day for entry in entries]}
    for family in FAMILIES:
        text = store.text(f"{released_rows(family)} FORMAT TSV", days)
        if text:
            yield Part(family, site, month, text)


def put_back(store: Store, part: Part, entries: Sequence[Entry]) -> None:
    """Insert a part's rows. Raises ManifestBroken where one is of no day that the entries name."""
    mine = {(part.site, entry.day.isoformat()) for entry in entries}
    site, day = KEY.index("site"), KEY.index("day")
    width = 0
    for line in part.text.removesuffix(b"\n").split(b"\n"):
        row = line.decode(errors="replace").split("\t")
        if len(row) <= day or (row[site], row[day]) not in mine:
            raise ManifestBroken(
                f"{part.site}, {part.month:%Y-%m}: has rows of something that its manifest does not name"
            )
        width = len(row)
    # Measures are only ever added behind the others: a copy that is older than some of them has the first ones.
    store.insert_text(f"released_{part.family}", FAMILIES[part.family].columns[:width], part.text)


def put_back_entries(store: Store, entries: Sequence[Entry]) -> None:
    """Insert one site's entries as they are: from then on the rows are readable."""
    store.insert("manifest", COLUMNS, [list(column) for column in zip(*map(structs.astuple, entries), strict=True)])
