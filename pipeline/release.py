"""Closes days: a site-day whose events have all arrived is released once, and never changes again (rule R1).

In: open days, the watermarks of every spool. Out: rows in `released_*`, then one row in `manifest`.
Promises: a day is readable as released only once its manifest row exists; releasing it again fails.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import io
import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

import structlog
from msgspec import Struct, structs

from schema.families import FAMILIES, KEY, WAITING_TABLES
from schema.manifest import LIVE, RELEASED_DAYS
from schema.site import Site, day_bounds, day_number
from schema.store import Store, StoreDown, StoreError

from .asked import ALWAYS, Asked
from .each import for_each
from .insert import insert
from .manifest import RELEASING, Entry, append, digest_input
from .rollup import publish
from .rollup.batch import ROWS_AT_MOST, Batch, SiteDay, batches
from .rollup.publish import OPEN, drop_open
from .rollup.shape import by_bucket
from .rollup.snapshot import Key
from .rollup.stages import staged
from .rollup.together import in_batches
from .settings import SiteRules

log = structlog.get_logger("release")

DAY_S = 86_400
# Retention outranks completeness (rule X3): so long before its raw rows die, a day is released as it is.
LAST_CALL_S = 6 * 3600
# Days of which something is kept while they are open.
_OPEN_DAYS = f"({' UNION DISTINCT '.join(f'SELECT DISTINCT site, day FROM {table}' for table in OPEN)})"
# Who asks for open rows has his answer by then.
_ASKED_WITHIN_S = 20
# Where a released row has them.
_SITE, _DAY = KEY.index("site"), KEY.index("day")
# Nine weeks: the four of a block, and five for days that close late.
_WAITS_DAYS = 63
_IMPORT_WAITS_DAYS = 3
# Rows of an import that are released at once: it may have years of them, and runs beside what collects.
_IMPORTED_AT_MOST = 50_000
# Clocks of several hosts may differ so much.
AHEAD_S = 60


class ReleasedAlready(Exception):
    """The day has a manifest."""


class OpenDay(Struct, frozen=True):
    """A site-day with raw rows and no manifest. expires: when the first of its rows dies, Unix seconds."""

    site: str
    day: dt.date
    events: int
    expires: int


def open_days(store: Store, since: dt.date | None = None) -> list[OpenDay]:
    """Every open day; with `since` only those whose events were received from that UTC date on (cheap)."""
    bound = "AND received >= toDateTime({since:Date}, 'UTC')" if since else ""
    rows = store.rows(
        f"""SELECT site, day, count(), toUnixTimestamp(min(toDateTime(toDate(received) + lifetime, 'UTC')))
        FROM events WHERE (site, day) NOT IN {RELEASED_DAYS} {bound}
        GROUP BY site, day ORDER BY day, site""",
        {"since": since} if since else {},
    )
    return [OpenDay(*row) for row in rows]


def open_dates(store: Store) -> dict[str, set[dt.date]]:
    """The open days of each site; of one that has none, none."""
    found: dict[str, set[dt.date]] = defaultdict(set)
    for open_day in open_days(store):
        found[open_day.site].add(open_day.day)
    return found


def received_through(store: Store) -> int:
    """The second through which every enrolled spool has arrived; 0 while none has reported."""
    return min(received_by_spool(store).values(), default=0)


def received_by_spool(store: Store) -> dict[str, int]:
    """For every spool that has ever reported the second through which it has arrived."""
    rows = store.rows(
        "SELECT spool, toUnixTimestamp(max(received_through)) FROM watermarks GROUP BY spool ORDER BY spool"
    )
    return {spool: int(second) for spool, second in rows}


def ahead_of_time(marks: Mapping[str, int], now: float) -> list[str]:
    """The spools that claim to have received what is yet to come: a clock ran ahead, there then or here now. Until the
    time has caught up, an erasure may be carried out before all of its events have arrived."""
    return [spool for spool, second in marks.items() if second > now + AHEAD_S]


def may_close(
    site: Site, open_day: OpenDay, now: float, arrived: int, grace_s: int, whole_since: float = 0.0
) -> tuple[bool, bool]:
    """(release it now, it is complete). whole_since: what came before that second may be missing."""
    start, end = structs.astuple(day_bounds(site.timezone, day_number(open_day.day)))[1:]
    if now >= end + grace_s and arrived >= end:
        return True, start >= whole_since
    return now >= max(end, open_day.expires - LAST_CALL_S), False


def close_days(
    store: Store,
    sites: Sequence[tuple[Site, SiteRules]],
    now: float,
    grace_s: int,
    lost_keys: frozenset[tuple[str, str]],
    prepare: Callable[[], object] = lambda: None,
    whole_since: float = 0.0,
    asked: Asked = ALWAYS,
) -> list[tuple[str, dt.date]]:
    """Release every day that may close; which. Raises what a day failed with, once the others are done. lost_keys:
    (site, ISO day) of days that had a key lost. prepare: called before the first of them is released, if there is one.
    whole_since: when the instance was restored from a backup, Unix seconds; days that began before it are released as
    incomplete. asked: what each day is asked for."""
    known = {site.key: (site, rules) for site, rules in sites}
    arrived = received_through(store)
    still_open = open_days(store)
    over = [*_released(store, known, now), *_abandoned(store, known, still_open, now, arrived, grace_s)]
    failed = for_each(lambda key: drop_open(store, key[0], [key[1]]), over)
    closing = [
        (open_day, complete)
        for open_day in still_open
        if open_day.site in known
        for due, complete in (may_close(known[open_day.site][0], open_day, now, arrived, grace_s, whole_since),)
        if due
    ]
    if closing:
        prepare()
    closed: list[tuple[str, dt.date]] = []

    def close(batch: Sequence[SiteDay]) -> None:
        flawed = [Flaws(of.key in incomplete, (of.site.key, of.day.isoformat()) in lost_keys) for of in batch]
        try:
            release_together(store, "events", batch, now, LIVE, flawed)
        except ReleasedAlready:
            # It was open when this began: its entry was written before its batch failed.
            if len(batch) > 1:
                raise
        closed.extend(of.key for of in batch)
        for of in batch:
            if of.key in incomplete:
                log.warning("day_released_incomplete", site=of.site.key, day=of.day.isoformat())

    incomplete = {(open_day.site, open_day.day) for open_day, complete in closing if not complete}
    due = [
        SiteDay(asked.on(site, open_day.day), open_day.day, rules)
        for open_day, _ in closing
        for site, rules in (known[open_day.site],)
    ]
    rows = {(open_day.site, open_day.day): open_day.events for open_day, _ in closing}
    failed = next(iter(in_batches(close, due, rows).values()), failed)
    if failed:
        raise failed
    return closed


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
                with staged(store, source, batch, _waiting_until(batch, now, origin)) as (_, bounded):
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


def _waiting_until(days: Sequence[SiteDay], now: float, origin: str) -> dict[Key, dt.date]:
    """How long what is hidden of each waits, at the latest; without those of which nothing does."""
    # What an import hides waits for its blocks no longer than that takes.
    imported = _date(now) + dt.timedelta(_IMPORT_WAITS_DAYS)
    return {of.key: expires_of(of.day, of.rules) if origin == LIVE else imported for of in days if of.rules.k_late}


def _date(now: float) -> dt.date:
    return dt.datetime.fromtimestamp(now, dt.UTC).date()


def waits_since(now: float) -> dt.date:
    """The first day of which something may wait still."""
    return _date(now) - dt.timedelta(_WAITS_DAYS)


def expires_of(day: dt.date, rules: SiteRules) -> dt.date:
    """When what waits of a day dies: with its raw rows, or when its four weeks are long over."""
    return day + dt.timedelta(days=min(rules.retention_days, _WAITS_DAYS))


def _released(store: Store, known: Mapping[str, tuple[Site, SiteRules]], now: float) -> list[Key]:
    """Days with open rows that were released so long ago that a question which was under way then has ended."""
    late = "SELECT site, day FROM manifest WHERE released_at > toDateTime({since:UInt32}, 'UTC')"
    rows = store.rows(
        f"SELECT site, day FROM {_OPEN_DAYS} WHERE (site, day) IN {RELEASED_DAYS} AND (site, day) NOT IN ({late})",
        {"since": int(now) - _ASKED_WITHIN_S},
    )
    return [(key, day) for key, day in rows if key in known]


def _abandoned(
    store: Store,
    known: Mapping[str, tuple[Site, SiteRules]],
    still_open: Sequence[OpenDay],
    now: float,
    arrived: int,
    grace_s: int,
) -> list[Key]:
    """Days with open rows that are over and of which everybody was erased: nobody will ever release them."""
    there = {(open_day.site, open_day.day) for open_day in still_open}
    found = []
    for key, day in store.rows(f"SELECT site, day FROM {_OPEN_DAYS} WHERE (site, day) NOT IN {RELEASED_DAYS}"):
        if (key, day) in there or key not in known:
            continue
        end = day_bounds(known[key][0].timezone, day_number(day)).end
        if now >= end + grace_s and arrived >= end:
            found.append((key, day))
    return found


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
