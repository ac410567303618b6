"""Releases days: a site-day is released once, and never changes again (rule R1).

In: days, of raw rows or of an import, and what is to be said of how they were collected. Out: rows in `released_*`,
then one row in `manifest`. Promises: a day is readable as released only once its manifest row exists; releasing it
again fails.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import io
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence

import structlog
from msgspec import Struct

from schema.families import FAMILIES, KEY, WAITING_TABLES
from schema.manifest import LIVE, RELEASED_DAYS
from schema.site import Site
from schema.store import Store, StoreDown, StoreError

from .insert import insert
from .manifest import RELEASING, Entry, append, digest_input
from .rollup.batch import ROWS_AT_MOST, Batch, SiteDay, batches
from .rollup.open_days import publish
from .rollup.shape import by_bucket
from .rollup.stages import staged
from .rollup.visits.snapshot import Key
from .settings import SiteRules
from .waiting_days import waiting_until

log = structlog.get_logger("release")

# Where a released row has them.
_SITE, _DAY = KEY.index("site"), KEY.index("day")
# Rows of an import that are released at once: it may have years of them, and runs beside what collects.
_IMPORTED_AT_MOST = 50_000


class ReleasedAlready(Exception):
    """The day has a manifest."""


class Flaws(Struct, frozen=True):
    """What an entry says of how its day was collected. incomplete: not all had arrived. over_counted: a key was lost,
    so that some visitors have two numbers."""

    incomplete: bool = False
    over_counted: bool = False


def release(
    store: Store,
    source: str,
    site: Site,
    days: Sequence[dt.date],
    rules: SiteRules,
    now: float,
    origin: str,
    complete: bool = True,
    over_counted: bool = False,
) -> None:
    """Release days of one site, all or none of them."""
    flaws = Flaws(not complete, over_counted)
    release_together(
        store, source, [SiteDay(site, day, rules) for day in sorted(days)], now, origin, [flaws] * len(days)
    )


def release_together(
    store: Store, source: str, days: Sequence[SiteDay], now: float, origin: str, flaws: Sequence[Flaws]
) -> None:
    """Release days, all or none: their rows first, then their manifests in one insert. days: each site's in their
    order. flaws: of each day."""
    with RELEASING:
        known = store.rows(
            f"SELECT site, day FROM {RELEASED_DAYS} WHERE (site, day) IN "
            "arrayZip({sites:Array(String)}, {days:Array(Date)}) ORDER BY site, day",
            {"sites": [of.site.key for of in days], "days": [of.day for of in days]},
        )
        if known:
            site, day = known[0]
            raise ReleasedAlready(f"{site}: {day} is released already; a released day never changes")
        written: dict[Key, tuple[int, str]] = {}
        lowered: dict[Key, list[str]] = {}
        try:
            _forget_unfinished(store, days)
            for batch in batches(
                days, sizes(store, source, days), ROWS_AT_MOST if origin == LIVE else _IMPORTED_AT_MOST
            ):
                with staged(store, source, batch, waiting_until(batch, now, origin)) as (_, bounded):
                    written |= _publish(store, batch)
                    lowered |= bounded
        except Exception:
            # Nobody can read these rows, and nobody may ask for the days again.
            with contextlib.suppress(StoreError):
                _forget_unfinished(store, days)
            raise
        # Of an insert that failed nobody knows whether the entries are there: from now on the rows stay.
        append(
            store,
            [
                _entry(of, flaw, now, origin, *written[of.key], lowered.get(of.key, []))
                for of, flaw in zip(days, flaws, strict=True)
            ],
        )


def _entry(of: SiteDay, flaws: Flaws, now: float, origin: str, rows: int, digest: str, bounded: list[str]) -> Entry:
    rules = of.rules
    return Entry(
        *(of.site.key, 0, of.day, int(now), origin, rules.preset, rules.k),
        complete=not flaws.incomplete,
        over_counted=flaws.over_counted,
        rows=rows,
        digest=digest,
        columns={name: list(family.columns) for name, family in FAMILIES.items()},
        networks=rules.least_networks,
        k_late=rules.k_late,
        late_others=rules.late_others if rules.k_late else 0,
        goals=of.site.goal_definitions,
        funnels=of.site.funnel_definitions,
        sections=of.site.section_definitions,
        pairs=[pair.name for pair in of.site.crossed],
        segments=of.site.segment_definitions,
        properties=list(of.site.properties),
        bounded=bounded,
    )


def sizes(store: Store, source: str, days: Sequence[SiteDay]) -> dict[Key, int]:
    """How many raw rows each has."""
    of = Batch(store, tuple(days), "")
    found = store.rows(f"SELECT site, day, count() FROM {source} WHERE {of.mine} GROUP BY site, day", of.named)
    return dict.fromkeys((one.key for one in days), 0) | {(site, day): rows for site, day, rows in found}


def _publish(store: Store, days: Sequence[SiteDay]) -> dict[Key, tuple[int, str]]:
    """Copy the staged rows to `released_*`; of each day their number, and SHA-256 over all of them in the order of
    their keys."""
    of = Batch(store, tuple(days), "")
    digests, rows = {one.key: hashlib.sha256() for one in days}, Counter[Key]()
    for family, some in publish.staged(of, tuple(FAMILIES)).items():
        if not some:
            continue
        mine = f"({as_released(family, f'staging_{family}')} WHERE {of.mine})"
        columns = {column: column for column in FAMILIES[family].columns}
        listed = ", ".join(columns)
        sql = f"SELECT {listed} FROM {mine} ORDER BY site, day, {listed} FORMAT TSV"
        for key, lines in _by_day(family, store.text(sql, of.named)):
            digests[key].update(digest_input(family, b"".join(lines)))
            rows[key] += len(lines)
        # A partition for each month.
        inserted = insert(f"released_{family}", columns)
        store.command(f"{inserted} FROM {mine} SETTINGS max_partitions_per_insert_block = 0", of.named)
    return {key: (rows[key], digest.hexdigest()) for key, digest in digests.items()}


def _by_day(family: str, text: bytes) -> Iterator[tuple[Key, list[bytes]]]:
    """The rows of each site-day. text: sorted TSV, with the keys in front. Raises StoreDown where one is there twice: a
    statement may be sent twice over HTTP, and a day that is staged by two runs at once is there twice."""
    keys = len(KEY) + len(FAMILIES[family].key_names)
    for (site, day), each in itertools.groupby(io.BytesIO(text), _day_of):
        lines = [*each]
        if any(one == other for one, other in itertools.pairwise(line.split(b"\t", keys)[:keys] for line in lines)):
            raise StoreDown(f"the {family} of {site} {day} were staged twice; the next run stages them again")
        yield (site, day), lines


def _day_of(line: bytes) -> Key:
    columns = line.split(b"\t", _DAY + 1)
    return columns[_SITE].decode(), dt.date.fromisoformat(columns[_DAY].decode())


def as_released(family: str, table: str) -> str:
    """SQL, up to WHERE, for the rows that are released of staged ones. A histogram of open days, too, is staged in a
    row and released bucket by bucket."""
    is_whole = FAMILIES[family].histogram and FAMILIES[family].live
    return by_bucket(table) if is_whole else f"SELECT * FROM {table}"


def _forget_unfinished(store: Store, days: Sequence[SiteDay]) -> None:
    """A release that was cut off left rows nobody can read yet: they go before the days are released anew."""
    if not days:
        return
    of = Batch(store, tuple(days), "")
    tables = (*(f"released_{family}" for family in FAMILIES), *WAITING_TABLES)
    there = " UNION ALL ".join(f"(SELECT '{table}' FROM {table} WHERE {of.mine} LIMIT 1)" for table in tables)
    for (table,) in store.rows(there, of.named):
        store.command(f"ALTER TABLE {store.local(table)} DELETE WHERE {of.mine}", of.named, mutations_sync=2)
