"""Released days as text, out of a store and into another one, checked against their manifest.

In: a store. Out: entries of the manifest and rows of the released days, in parts small enough for memory; or a store
that holds them again. Promises: only days whose entry stands are copied, each whole; while a copy is under way no
import is taken back and no site deleted; what does not match its manifest is refused.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct, structs

from schema.families import FAMILIES, KEY
from schema.manifest import standing
from schema.store import Store

from .manifest import COLUMNS, RELEASING, Entry, digest_input, manifest_digest, read_entries

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


def check_chain(entries: Sequence[Entry]) -> None:
    """Raise ManifestBroken where one site's entries do not follow one another."""
    previous = ""
    for number, entry in enumerate(entries, start=1):
        if entry.site != entries[0].site or entry.number != number or entry.previous != previous:
            raise ManifestBroken(f"{entry.site}: entry {number} of the manifest does not follow the one before it")
        previous = manifest_digest(structs.asdict(entry))


def check_rows(store: Store, site: str, entries: Sequence[Entry]) -> None:
    """Raise ManifestBroken where the rows of a month's days are not those of their entries."""
    alike: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        try:
            alike[repr(entry.digested())].append(entry)
        except KeyError:
            raise ManifestBroken(f"{site}, {entry.day}: nobody knows what its digest is of") from None
    for mine in alike.values():
        digests, counts = _digests(store, site, [entry.day for entry in mine], mine[0].digested())
        for entry in mine:
            if (digests[entry.day].hexdigest(), counts[entry.day]) != (entry.digest, entry.rows):
                raise ManifestBroken(f"{site}, {entry.day}: its rows are not those that were released")


def _digests(
    store: Store, site: str, days: Sequence[dt.date], digested: Mapping[str, Sequence[str]]
) -> tuple[Mapping[dt.date, hashlib._Hash], Mapping[dt.date, int]]:
    """By day what pipeline/release.py makes of the rows it publishes, and how many these are."""
    digests = {day: hashlib.sha256() for day in days}
    counts = dict.fromkeys(days, 0)
    for family, names in digested.items():
        known = set(FAMILIES[family].columns) if family in FAMILIES else set()
        if not known.issuperset(names):
            raise ManifestBroken(f"{site}: its digests are of columns of {family} that nobody knows")
        columns = ", ".join(names)
        text = store.text(
            f"SELECT day AS of, {columns} FROM released_{family} WHERE site = {{site:String}} "
            f"AND day IN {{days:Array(Date)}} ORDER BY of, {columns} FORMAT TSV",
            {"site": site, "days": list(days)},
        )
        lines: dict[dt.date, list[bytes]] = defaultdict(list)
        for line in text.splitlines(keepends=True):
            date, _, row = line.partition(b"\t")
            lines[dt.date.fromisoformat(date.decode())].append(row)
        for of, rows in lines.items():
            digests[of].update(digest_input(family, b"".join(rows)))
            counts[of] += len(rows)
    return digests, counts
