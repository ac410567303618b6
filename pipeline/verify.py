"""Holds released days and blocks against their manifest: the chain of entries, and the rows of each.

In: a store, entries. Out: nothing, or what is not as it was released. Promises: digests are made of what
pipeline/release.py made them of; only what the dashboards may read is read.

The last entry of a chain has none behind it that names its digest: who wants to notice that it was changed, or cut off
with its rows, compares `head` with one that he wrote down.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from msgspec import Struct, structs

from schema.families import FAMILIES, LATE
from schema.manifest import RELEASED_DAYS, span_of
from schema.store import Store

from .copying import ManifestBroken, added_of, blocks_of, columns_of, table_of
from .manifest import RELEASING, Entry, digest_input, manifest_digest, read_entries

What = Literal["entry changed", "entry missing", "rows changed", "rows without an entry"]


class Fault(Struct, frozen=True):
    """What is not as it was released. number: of the entry, 0 where there is none; day: ISO, "" where it is of none;
    span: how many days it is of, from that on."""

    site: str
    what: What
    number: int
    day: str
    how: str
    span: int = 1

    def __str__(self) -> str:
        entry = f"entry {self.number}" if self.number else ""
        place = ", ".join(part for part in (self.site, self.day, entry) if part)
        return f"{place}: {self.what}: {self.how}"


def check_chain(entries: Sequence[Entry]) -> None:
    """Raise ManifestBroken where one site's entries do not follow one another."""
    _refuse(chain_faults(entries))


def check_rows(store: Store, site: str, entries: Sequence[Entry]) -> None:
    """Raise ManifestBroken where the rows of a month's days are not those of their entries."""
    _refuse(row_faults(store, site, entries))


def _refuse(faults: Iterable[Fault]) -> None:
    for fault in faults:
        raise ManifestBroken(str(fault))


def head(entries: Sequence[Entry]) -> str:
    """The digest of the last entry, and by it of all; "" where there is none."""
    return manifest_digest(structs.asdict(entries[-1])) if entries else ""


def chain_faults(entries: Sequence[Entry]) -> Iterator[Fault]:
    """Where one site's entries, in the order of their numbers, are not those that were appended."""
    wanted, before = 1, None
    digests: set[str] = set()
    for entry in entries:
        told: tuple[str, What, int, str] = (entry.site, "entry changed", entry.number, entry.day.isoformat())
        previous = manifest_digest(structs.asdict(before)) if before else ""
        if entry.site != entries[0].site:
            yield Fault(*told, "it is of another site than the first one")
        elif entry.number > wanted:
            named = str(wanted) if entry.number == wanted + 1 else f"{wanted} to {entry.number - 1}"
            how = f"there is no entry {named}: entry {entry.number} does not follow the one before it"
            yield Fault(entry.site, "entry missing", wanted, "", how)
        elif entry.number < wanted:
            yield Fault(*told, f"there are several entries {entry.number}")
        elif entry.previous != previous:
            # What names a digest and what is digested are two entries: either may be the one that was changed.
            changed = before or entry
            how = f"entry {entry.number} names another digest as its previous: it does not follow the one before it"
            yield Fault(entry.site, "entry changed", changed.number, changed.day.isoformat(), how, changed.span)
        if not digests.issuperset(entry.days):
            yield Fault(*told, "its block names entries of days that the chain does not have", entry.span)
        digests.add(manifest_digest(structs.asdict(entry)))
        wanted, before = entry.number + 1, entry


def row_faults(store: Store, site: str, entries: Sequence[Entry]) -> Iterator[Fault]:
    """The entries of a month that hold, whose rows are not those that were released."""
    alike: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        told: tuple[str, What, int, str] = (site, "entry changed", entry.number, entry.day.isoformat())
        try:
            digested = entry.digested()
        except KeyError:
            yield Fault(*told, "nobody knows what its digest is of")
            continue
        strange = [
            family for family, names in digested.items() if not _known(family, bool(entry.grain)).issuperset(names)
        ]
        if strange:
            yield Fault(*told, f"its digest is of columns of {', '.join(strange)} that nobody knows")
        else:
            alike[entry.grain, repr(digested)].append(entry)
    for (grain, _), mine in alike.items():
        digests, counts = _digests(store, site, [entry.day for entry in mine], grain, mine[0].digested())
        for entry in mine:
            there = counts[entry.day]
            if grain and not (entry.digest or entry.rows or there):
                continue  # of what could release nothing there is no digest
            if (digests[entry.day].hexdigest(), there) != (entry.digest, entry.rows):
                how = "its rows are not those that were released"
                how += f": {there} where there were {entry.rows}" if there != entry.rows else ""
                yield Fault(site, "rows changed", entry.number, entry.day.isoformat(), how, entry.span)


def unreadable_rows(store: Store, site: str) -> Iterator[Fault]:
    """Days, blocks and goals that have rows and no entry that holds: nobody is shown them."""
    mine = {"site": site}
    days: set[tuple[dt.date, int]] = set()
    with RELEASING:  # one that is under way has its rows first
        for family in FAMILIES:
            found = store.rows(
                f"SELECT DISTINCT day FROM {table_of(family, late=False)} WHERE site = {{site:String}} "
                f"AND (site, day) NOT IN {RELEASED_DAYS}",
                mine,
            )
            days |= {(day, 1) for (day,) in found}
        entries = read_entries(store, site, "AND (span != 1 OR startsWith(origin, 'undo:')) ORDER BY number")
        closed = {(entry.day, entry.grain) for entry in (*blocks_of(entries), *added_of(entries))}
        for family in LATE:
            table = table_of(family, late=True)
            found = store.rows(f"SELECT DISTINCT day, grain FROM {table} WHERE site = {{site:String}}", mine)
            days |= {(day, span_of(grain)) for day, grain in {*found} - closed}
    for day, span in sorted(days):
        how = (
            "nobody is shown them; a release, or the undoing of an import, was cut off, or somebody has put them there"
        )
        yield Fault(site, "rows without an entry", 0, day.isoformat(), how, span)


def _known(family: str, late: bool) -> frozenset[str]:
    return frozenset(columns_of(family, late) if family in (LATE if late else FAMILIES) else ())


def _digests(
    store: Store, site: str, days: Sequence[dt.date], grain: str, digested: Mapping[str, Sequence[str]]
) -> tuple[Mapping[dt.date, hashlib._Hash], Mapping[dt.date, int]]:
    """By day what pipeline/release.py, of blocks pipeline/blocks.py, or of goals pipeline/adding/goals.py makes of the
    rows it publishes, and how many these are."""
    of_block = "AND grain = {grain:String}" if grain else ""
    given = {"site": site, "days": list(days), "grain": grain}
    digests = {day: hashlib.sha256() for day in days}
    counts = dict.fromkeys(days, 0)
    for family, names in digested.items():
        columns = ", ".join(names)
        text = store.text(
            f"SELECT day AS of, {columns} FROM {table_of(family, bool(grain))} WHERE site = {{site:String}} "
            f"AND day IN {{days:Array(Date)}} {of_block} ORDER BY of, {columns} FORMAT TSV",
            given,
        )
        lines: dict[dt.date, list[bytes]] = defaultdict(list)
        for line in text.splitlines(keepends=True):
            date, _, row = line.partition(b"\t")
            lines[dt.date.fromisoformat(date.decode())].append(row)
        for of, rows in lines.items():
            digests[of].update(digest_input(family, b"".join(rows)))
            counts[of] += len(rows)
    return digests, counts
