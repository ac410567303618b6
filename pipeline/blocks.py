"""Closes blocks: what days of a calendar week hid is released with the week, and what weeks hid with four of them,
where enough visitor-days are behind it (rule N2).

In: released days and what waits of them. Out: rows in `late_*`, then one row in `manifest`. Promises: a block closes
only after its last day; it is readable only once its manifest row exists, which names the entries of its days; a value
is released with its block, never with days, and in one block only; what four weeks hide is deleted.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

import structlog
from msgspec import Struct, structs

from schema.dimensions import OTHER
from schema.families import FAMILIES, KEY, OWN, WAITING, WAITING_TABLES
from schema.manifest import FOUR_WEEKS, LIVE, WEEK, grain_of, is_undo
from schema.measures import OF_CELLS
from schema.pairs import PAIRS
from schema.site import Site, day_bounds, day_number
from schema.store import Store, StoreDown, StoreError

from .copying import columns_of, holding, table_of
from .each import for_each
from .insert import insert
from .manifest import RELEASING, Entry, append, digest_input, manifest_digest, read_entries, the_same
from .release import as_released, expires_of, open_dates, received_through, waits_since
from .rollup.block import Block, staged_block
from .rollup.contributors import CONTRIBUTED
from .rollup.pair_block import release_pairs
from .settings import SiteRules

log = structlog.get_logger("blocks")

# With raw rows that live for fewer days there are weeks only.
_LEAST_RAW_DAYS_FOR_FOUR_WEEKS = 30
# Four weeks are counted from here: a Monday.
EPOCH = dt.date(2000, 1, 3)
_DAY = dt.timedelta(days=1)
# So long after its end a week waits for a spool that does not report.
PATIENCE_S = 7 * 86_400
# In place of how many rows wait of a day.
_LOST = -1
_MINE = "site = {site:String} AND grain = {grain:String} AND day = {day:Date}"


class Due(Struct, frozen=True):
    """A block that may close. origin: whose days it is of, `live` or those of an import. span: how many they are, from
    `first` on."""

    site: str
    origin: str
    first: dt.date
    span: int

    @property
    def last(self) -> dt.date:
        return self.first + (self.span - 1) * _DAY

    @property
    def grain(self) -> str:
        return grain_of(self.origin, self.span)

    def has(self, day: dt.date) -> bool:
        """Whether a day is of it."""
        return self.first <= day <= self.last


class WaitingDays(Struct, frozen=True):
    """Days of a site of which something waits, all of one origin, and how many rows of each. first, last: of an import
    the days from which and up to which it goes: its blocks begin with it."""

    site: Site
    rules: SiteRules
    origin: str
    rows: dict[dt.date, int]
    first: dt.date
    last: dt.date

    def blocks(self) -> set[Due]:
        """Those that the days are in, as far as their rules and the import go."""
        since = EPOCH if self.origin == LIVE else self.first
        found = {
            Due(self.site.key, self.origin, first_of(day, span, since), span)
            for day in self.rows
            for span in spans_of(self.rules)
        }
        return {one for one in found if self.origin == LIVE or one.last <= self.last}


def spans_of(rules: SiteRules) -> tuple[int, ...]:
    """How many days the blocks of a site are of."""
    return (WEEK, FOUR_WEEKS) if rules.retention_days >= _LEAST_RAW_DAYS_FOR_FOUR_WEEKS else (WEEK,)


def first_of(day: dt.date, span: int, since: dt.date = EPOCH) -> dt.date:
    """The first day of the block that a day is in. since: the day with which the first of all blocks begins."""
    return since + (day - since).days // span * span * _DAY


def close_blocks(
    store: Store,
    sites: Sequence[tuple[Site, SiteRules]],
    now: float,
    grace_s: int,
    origin: str = "",
    restored: bool = False,
) -> list[tuple[str, dt.date, int]]:
    """Release every block that may close; which: site, first day, how many days. Raises what one failed with, once the
    others are done. origin: only those of that. restored: of days that came out of a backup nothing waits, though
    something should; their blocks close, too, and have released nothing."""
    known = {site.key: (site, rules) for site, rules in sites}
    found = _waiting(store, known, waits_since(now) if restored else None)
    found = [waiting for waiting in found if origin in ("", waiting.origin)]
    if not found:
        return []
    rows = store.rows("SELECT site, origin, day, span FROM manifest WHERE span > 1")
    closed = {Due(*row) for row in rows}
    due = [
        (one, waiting)
        for waiting in found
        for one in waiting.blocks() - closed
        if one.origin != LIVE or now >= end_of(waiting.site, one) + grace_s
    ]
    done: list[tuple[str, dt.date, int]] = []
    failed = None
    if due:
        still_open = open_dates(store)
        arrived = received_through(store)

        def close(of: tuple[Due, WaitingDays]) -> None:
            one, waiting = of
            if one.origin == LIVE and is_late(one, end_of(waiting.site, one), still_open[one.site], arrived, now):
                return
            weeks = {
                Due(one.site, one.origin, first_of(day, WEEK, one.first), WEEK) for day in waiting.rows if one.has(day)
            }
            if one.span == FOUR_WEEKS and not weeks <= closed:
                return
            release_block(store, waiting, one, now)
            closed.add(one)
            done.append((one.site, one.first, one.span))

        # Weeks before the four weeks that they are of.
        failed = for_each(close, sorted(due, key=lambda of: (of[0].site, of[0].origin, of[0].last, of[0].span)))
    for waiting in found:
        _delete_waiting(store, waiting, closed)
    if failed:
        raise failed
    return done


def is_late(block: Due, end: int, still_open: Collection[dt.date], arrived: int, now: float) -> bool:
    """Whether days of it may still be released."""
    return any(map(block.has, still_open)) or (arrived < end and now < end + PATIENCE_S)


def _waiting(
    store: Store, known: Mapping[str, tuple[Site, SiteRules]], lost_since: dt.date | None
) -> list[WaitingDays]:
    """What waits of released days. lost_since: with those from then on of which nothing does, though it should."""
    rows = store.rows("SELECT site, day, max(rows) FROM waiting_days GROUP BY site, day")
    if not rows and not lost_since:
        return []
    origins = {
        (key, day): origin
        for key, day, origin in store.rows(
            """SELECT site, day, argMax(origin, number) FROM manifest
            WHERE span = 1 AND (site, day) IN (SELECT site, day FROM waiting_days) GROUP BY site, day"""
        )
    }
    extents = {
        (key, origin): (first, last)
        for key, origin, first, last in store.rows(
            "SELECT site, origin, min(day), max(day) FROM manifest "
            "WHERE span = 1 AND position(origin, ':') > 0 GROUP BY site, origin"
        )
    }
    found: dict[tuple[str, str], dict[dt.date, int]] = defaultdict(dict)
    for key, day, many in rows:
        if key in known and (key, day) in origins:
            found[key, origins[key, day]][day] = many
    if lost_since:
        for key, day in store.rows(
            f"""SELECT site, day FROM manifest WHERE span = 1 AND day >= {{since:Date}} GROUP BY site, day
            HAVING argMax(origin, number) = '{LIVE}' AND argMax(k_late, number) > 0""",
            {"since": lost_since},
        ):
            if key in known:
                found[key, LIVE].setdefault(day, _LOST)
    return [
        WaitingDays(*known[key], origin, days, *extents.get((key, origin), (min(days), max(days))))
        for (key, origin), days in sorted(found.items())
        if not is_undo(origin)
    ]


def end_of(site: Site, block: Due) -> int:
    return day_bounds(site.timezone, day_number(block.last)).end


def release_block(store: Store, waiting: WaitingDays, block: Due, now: float) -> None:
    """Release a block, unless it is: its rows first, then its entry. Where what waits is not all there, or a day was
    released by rules that let nothing wait, the block has none."""
    site = waiting.site
    with RELEASING:
        entries = [entry for entry in _standing(store, site.key, block) if entry.origin == block.origin]
        # An import closes its own blocks: what is due was read before the lock was had.
        if not entries or _is_closed(store, block):
            return
        rows, digest, is_whole = 0, "", _is_whole(store, entries, waiting.rows, block)
        rules = strictest(entries)
        goals, sections = the_same(entry.goals for entry in entries), the_same(entry.sections for entry in entries)
        changed = sorted({name for entry in entries for name in entry.goals} - goals.keys())
        others = frozenset(name for entry in entries for name in entry.sections) - sections.keys()
        _forget(store, block)
        try:
            if is_whole and rules.k_late:
                dates = sorted(entry.day for entry in entries)
                week = grain_of(block.origin, WEEK)
                with staged_block(store, site, dates, block.first, week, rules, changed, others) as of:
                    rows, digest = _publish(store, block, week, entries, of)
        except Exception:
            with contextlib.suppress(StoreError):
                _forget(store, block)
            raise
        if not is_whole:
            log.warning("block_lost", site=site.key, day=block.first.isoformat(), days=block.span)
        append(
            store,
            [
                Entry(
                    *(site.key, 0, block.first, int(now), block.origin, rules.preset, rules.k),
                    complete=is_whole and all(entry.complete for entry in entries),
                    over_counted=any(entry.over_counted for entry in entries),
                    rows=rows,
                    digest=digest,
                    columns={name: list(columns_of(name, late=True)) for name in WAITING},
                    networks=rules.networks,
                    k_late=rules.k_late,
                    late_others=rules.late_others,
                    span=block.span,
                    days=[manifest_digest(structs.asdict(entry)) for entry in entries],
                    goals=goals,
                    sections=sections,
                )
            ],
        )


def strictest(entries: Sequence[Entry]) -> SiteRules:
    """By which rules days release something together: of each the strictest that any of them was released by; where
    one let nothing wait, none is (k_late 0)."""
    return SiteRules(
        max(entry.k for entry in entries),
        0,
        entries[-1].preset,
        networks=max(entry.networks for entry in entries),
        k_late=max(entry.k_late for entry in entries) if all(entry.k_late for entry in entries) else 0,
        late_others=max(entry.late_others for entry in entries),
    )


def _is_closed(store: Store, block: Due) -> bool:
    """Whether it has an entry, be it of a block that released nothing."""
    given = {"site": block.site, "origin": block.origin, "day": block.first, "span": block.span}
    mine = "site = {site:String} AND origin = {origin:String} AND day = {day:Date} AND span = {span:UInt8}"
    return bool(store.rows(f"SELECT 1 FROM manifest WHERE {mine} LIMIT 1", given))


def _standing(store: Store, site: str, block: Due) -> list[Entry]:
    """The entries of its days that hold, by day."""
    rest = f"AND span = 1 AND day BETWEEN '{block.first}' AND '{block.last}' ORDER BY number"
    return holding(read_entries(store, site, rest))


def _is_whole(store: Store, entries: Sequence[Entry], waiting: Mapping[dt.date, int], block: Due) -> bool:
    """Whether all is there that waited: nothing of it is in a backup."""
    given = {"site": block.site, "first": block.first, "last": block.last}
    counts = " UNION ALL ".join(f"SELECT site, day FROM waiting_{family}" for family in WAITING)
    found = store.rows(
        f"""SELECT day, count() FROM ({counts})
        WHERE site = {{site:String}} AND day BETWEEN {{first:Date}} AND {{last:Date}} GROUP BY day""",
        given,
    )
    there: dict[dt.date, int] = dict(found)
    return all(waiting.get(entry.day, _LOST) == there.get(entry.day, 0) for entry in entries if entry.k_late)


def _publish(store: Store, block: Due, week: str, entries: Sequence[Entry], of: Block) -> tuple[int, str]:
    """Copy the staged rows to `late_*`; their number and SHA-256 over all of them in the order of their columns. week:
    the grain of weeks within it. entries: of its days. of: what waited."""
    given: dict[str, object] = {"site": block.site, "day": block.first, "grain": block.grain, "week": week}
    digest, rows = hashlib.sha256(), 0
    for family in of.waiting:
        # A day that is older than a family has no row for it to speak for.
        given["dates"] = sorted(one.day for one in entries if not one.columns or family in one.columns)
        if family == PAIRS.name:
            release_pairs(of, block.grain)
        else:
            store.command(_copying(family), given, **store.foreground)
        if family == "cells":
            store.command(_MOVED, given, **store.foreground)
        table, names = table_of(family, late=True), columns_of(family, late=True)
        keys = ", ".join((*KEY, *FAMILIES[family].key_names))
        # A statement may be sent twice over HTTP.
        if not store.rows(f"SELECT count() = uniqExact({keys}) FROM {table} WHERE {_MINE}", given)[0][0]:
            raise StoreDown(f"a block of {block.site} was inserted twice; the next run makes it again")
        text = store.text(f"SELECT {', '.join(names)} FROM {table} WHERE {_MINE} ORDER BY ALL FORMAT TSV", given)
        if text:
            digest.update(digest_input(family, text))
            rows += text.count(b"\n")
    return rows, digest.hexdigest()


def _copying(family: str) -> str:
    """The statement that releases staged rows, and says for how many days each of them speaks. What stays hidden is in
    the rows of the days."""
    keys = ("dimension", "value", *FAMILIES[family].cell_keys)
    columns = {name: name for name in FAMILIES[family].columns} | {"grain": "{grain:String}"}
    rows = f"{as_released(family, f'staging_{family}')} WHERE site = {{site:String}} AND day = {{day:Date}}"
    if FAMILIES[family].histogram:  # one value has several rows
        source, days = f"({rows})", "0"
    elif family in OWN:  # all that waits of a goal is told, or nothing
        source, days = f"({rows}) AS r LEFT JOIN ({_WAITED}) AS o USING (vital, goal)", "o.waited"
    else:
        source = f"({rows}) AS r LEFT JOIN ({_own_days(family, keys)}) AS o USING ({', '.join(keys)})"
        spoken = "length({dates:Array(Date)})"
        counting = FAMILIES[family].counting
        if counting and counting.setting:
            # Since when a site asks for a key nobody noted: only days that show something of the same are spoken for.
            alike = ("dimension", *(key for key in counting.within if key != counting.part))
            source += f" LEFT JOIN ({_days_of(family, alike)}) AS c USING ({', '.join(alike)})"
            spoken = "c.counted"
        days = f"greatest(0, toInt64({spoken}) - toInt64(o.own))"
    return f"{insert(f'late_{family}', columns | {'days': days})} FROM {source} WHERE value != '{OTHER}'"


# On how many days goals waited that no week within the block tells.
_WAITED = f"""
    SELECT vital, goal, uniqExact(day) AS waited FROM waiting_experience
    WHERE site = {{site:String}} AND day IN {{dates:Array(Date)}}
        AND (toDate({{day:Date}} + intDiv(day - {{day:Date}}, {WEEK}) * {WEEK}), vital, goal) NOT IN
        (
            SELECT day, vital, goal FROM late_experience
            WHERE site = {{site:String}} AND grain = {{week:String}} AND grain != {{grain:String}}
        )
    GROUP BY vital, goal"""


def _own_days(family: str, keys: Sequence[str]) -> str:
    """SQL for how many of the days each value has rows of its own, or of a week."""
    listed = ", ".join(keys)
    return f"""
        SELECT {listed}, sum(n) AS own FROM
        (
            SELECT {listed}, 1 AS n FROM released_{family}
            WHERE site = {{site:String}} AND day IN {{dates:Array(Date)}} AND grain = 'day' AND by_dimension = ''
            UNION ALL
            SELECT {listed}, days AS n FROM late_{family}
            WHERE site = {{site:String}} AND grain = {{week:String}} AND {{grain:String}} != {{week:String}}
                AND day BETWEEN {{day:Date}} AND {{day:Date}} + {FOUR_WEEKS - 1} AND by_dimension = ''
        )
        GROUP BY {listed}"""


def _days_of(family: str, keys: Sequence[str]) -> str:
    """SQL for on how many of the days there are rows of these keys."""
    listed = ", ".join(keys)
    return f"""
        SELECT {listed}, uniqExact(day) AS counted FROM released_{family}
        WHERE site = {{site:String}} AND day IN {{dates:Array(Date)}} AND grain = 'day' AND by_dimension = ''
        GROUP BY {listed}"""


# What has left the folded rows of the days, as a row of its own: who adds up both takes it from theirs. Days that
# folded nothing, or showed nothing, have none. A measure that the row of a value does not tell has not left them.
_MEASURED = {
    one.name: "people" if one.aggregate == "distinct" else one.name if one.visit else one.default for one in OF_CELLS
}
_LEFT = {
    one.name: f"if(told_{one.contributor}, {_MEASURED[one.name]}, {one.less})"
    if one.contributor in CONTRIBUTED
    else _MEASURED[one.name]
    for one in OF_CELLS
}
_OF_LATE = ", ".join(f"{told} AS told_{kind}" for kind, told in CONTRIBUTED.items())
_MOVED = f"""
    {
    insert(
        "late_cells",
        {name: name for name in KEY}
        | {"site": "any(site)", "grain": "{grain:String}", "day": "{day:Date}", "value": f"'{OTHER}'"}
        | {"period": f"(SELECT any(period) FROM late_cells WHERE {_MINE})", "by_dimension": "''", "by_value": "''"}
        | {name: f"toUInt64(sum({sql}))" for name, sql in _LEFT.items()}
        | {"days": "0"},
    )
}
    FROM waiting_cells
    INNER JOIN (SELECT dimension, value, {_OF_LATE} FROM late_cells WHERE {_MINE}) AS late USING (dimension, value)
    WHERE site = {{site:String}} AND day IN {{dates:Array(Date)}} AND dimension != ''
        AND (toDate({{day:Date}} + intDiv(day - {{day:Date}}, {WEEK}) * {WEEK}), dimension, value) NOT IN
        (
            SELECT day, dimension, value FROM late_cells
            WHERE site = {{site:String}} AND grain = {{week:String}} AND grain != {{grain:String}}
        )
        AND (day, dimension) IN
        (
            SELECT day, dimension FROM released_cells
            WHERE site = {{site:String}} AND day IN {{dates:Array(Date)}} AND grain = 'day' AND value = '{OTHER}'
        )
    GROUP BY dimension"""


def _forget(store: Store, block: Due) -> None:
    """A release that was cut off left rows that nobody can read."""
    given = {"site": block.site, "grain": block.grain, "day": block.first}
    for family in WAITING:
        table = f"late_{family}"
        if store.rows(f"SELECT count() FROM {table} WHERE {_MINE}", given)[0][0]:
            store.command(f"ALTER TABLE {store.local(table)} DELETE WHERE {_MINE}", given, mutations_sync=2)


def _delete_waiting(store: Store, waiting: WaitingDays, closed: Collection[Due]) -> None:
    """What is hidden still after the last of its blocks stays so. Of an import that is all, once its blocks are
    closed: those that it does not fill never will."""
    ends = {one for one in waiting.blocks() if one not in closed}
    left = {day for day in waiting.rows if any(one.has(day) for one in ends)}
    if over := sorted(waiting.rows.keys() - left):
        forget_waiting(store, waiting.site.key, over)


def forget_waiting(store: Store, site: str, days: Sequence[dt.date]) -> None:
    """Delete what waits of days."""
    mine, given = "site = {site:String} AND day IN {days:Array(Date)}", {"site": site, "days": list(days)}
    for table in WAITING_TABLES:
        if store.rows(f"SELECT 1 FROM {table} WHERE {mine} LIMIT 1", given):
            store.command(f"ALTER TABLE {store.local(table)} DELETE WHERE {mine}", given, mutations_sync=2)


def expire_waiting(store: Store, sites: Sequence[tuple[Site, SiteRules]], today: dt.date) -> None:
    """Delete what waits longer than its raw rows live, also where these live shorter by now than when it began to."""
    for table in WAITING_TABLES:
        if store.rows(f"SELECT 1 FROM {table} WHERE expires <= {{today:Date}} LIMIT 1", {"today": today}):
            store.command(
                f"ALTER TABLE {store.local(table)} DELETE WHERE expires <= {{today:Date}}",
                {"today": today},
                mutations_sync=2,
            )
    # Of days that were imported there are no raw rows, and a few days at most.
    live = f"(SELECT site, day FROM manifest WHERE span = 1 AND origin = '{LIVE}')"
    rules, over = {site.key: rules for site, rules in sites}, defaultdict(list)
    for key, day in store.rows(f"SELECT DISTINCT site, day FROM waiting_days WHERE (site, day) IN {live}"):
        if key in rules and expires_of(day, rules[key]) <= today:
            over[key].append(day)
    for key, days in over.items():
        forget_waiting(store, key, days)
