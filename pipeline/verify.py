"""Holds released days against their manifest: the chain of entries, and the rows of each.

In: a store, entries. Out: nothing, or what is not as it was released. Promises: digests are made of what
pipeline/release.py made them of.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence

from msgspec import structs

from schema.families import FAMILIES
from schema.store import Store

from .copying import ManifestBroken
from .manifest import Entry, digest_input, manifest_digest


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
