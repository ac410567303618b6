"""Raw events → visits: those of whoever has new events are made anew.

In: raw rows of a batch. Out: the scratch table `visits`, all visits of the batch; and `visits`, but of imports and of
days that are released already, where they stay as long as their raw rows. Promises: the definitions of visit, bounce
and duration in docs/metrics.md; done again after a crash it changes nothing.
"""

from __future__ import annotations

import time

from schema.visits import VISIT

from ...insert import insert
from ...parallel import at_once
from ..batch import DAY, NETWORK, RAW, SITE, Batch
from . import property_text
from .changes import note_before
from .cut import visits_of
from .snapshot import Seen, new, note, there
from .visit import READ, SECTIONS, VISIT_GAP_S
from .warm import take_out

_VISITORS = 2**64
_RANGE = "visitor BETWEEN {first:UInt64} AND {last:UInt64}"
# Of 1 M events at once the engine takes 1.5 GB, of a fifth at a time 0.9 GB, in the same time.
_EVENTS_AT_A_TIME = 200_000
# Where there is little memory.
_FEW_AT_A_TIME = 50_000


def sessionize(of: Batch, seen: Seen, keep: bool = True) -> None:
    """Fill the scratch table `visits`. keep: put those of raw rows in place of what was stored."""
    everybody = {site_day.key for site_day in of.days} <= seen.whole
    if not everybody:
        _choose(of, seen)
    _find_repeated(of, seen, everybody)
    made = of.scratch("visits" if everybody else "fresh")
    if everybody:
        _make(of, seen, made, f"{of.source} WHERE {_counted(of)}")
    else:
        columns = {name: name for name in ("site", "day", *READ)}
        # Nearly every granule has some of their rows, so all are read, and once is enough: by the visitor first, then
        # what is left by all the rest. Looking for each in the index first would cost more than it spares.
        of.store.command(
            f"""{insert(of.scratch("events"), columns)} FROM {of.source}
            PREWHERE visitor {of.within} (SELECT visitor FROM {of.scratch("changed")})
            WHERE {_counted(of)} AND (site, day, visitor) {of.within} {_changed(of)}
            SETTINGS use_index_for_in_with_subqueries = 0""",
            of.named | seen.named | {"first": 0, "last": _VISITORS - 1},
        )
        _make(of, seen, made, of.scratch("events"), parts=1)
    if keep and of.source == RAW:  # those of an import go with its table
        _store(of, seen, made, everybody)
        if of.goes_on:
            _renew(of)
        elif not everybody:
            load(of)


def _choose(of: Batch, seen: Seen) -> None:
    """Fill `changed`: who has new rows, or a row of an id that a new row has."""
    rows = f"FROM {of.source} WHERE {of.mine} AND {there(of)}"
    into = f"INSERT INTO {of.scratch('changed')} (site, day, visitor)"
    of.store.command(f"{into} SELECT DISTINCT site, day, visitor {rows} AND {new(of)}", of.named | seen.named)
    if seen.ids:
        ids = f"SELECT site, day, id {rows} AND id != 0 AND {new(of)}"
        of.store.command(
            f"{into} SELECT DISTINCT site, day, visitor {rows} AND id != 0 AND (site, day, id) {of.within} ({ids})",
            of.named | seen.named,
        )


def _changed(of: Batch) -> str:
    return f"(SELECT site, day, visitor FROM {of.scratch('changed')})"


def _find_repeated(of: Batch, seen: Seen, everybody: bool) -> None:
    """Fill `repeated`. An id may come back after hours, so it is looked for among all rows."""
    if not seen.ids:
        return
    rows = f"SELECT site, day, id, sequence FROM {of.source} WHERE {of.mine} AND id != 0 AND {there(of)}"
    if not everybody:
        theirs = f"SELECT site, day, id FROM {of.source} WHERE {of.mine} AND id != 0 AND (site, day, visitor)"
        rows += f" AND (site, day, id) {of.within} ({theirs} {of.within} {_changed(of)})"
    of.store.command(
        f"""INSERT INTO {of.scratch("repeated")} (site, day, id, sequence)
        SELECT site, day, id, sequence FROM ({rows}) AS every
        INNER JOIN
            (SELECT site, day, id, min(sequence) AS first FROM ({rows}) GROUP BY site, day, id HAVING count() > 1)
            AS earliest USING (site, day, id)
        WHERE sequence > first""",
        of.named | seen.named,
    )


def _counted(of: Batch) -> str:
    """SQL that holds for the raw rows that are counted."""
    repeated = f"(site, day, id, sequence) {of.within} (SELECT site, day, id, sequence FROM {of.scratch('repeated')})"
    return f"{of.mine} AND {_RANGE} AND {there(of)} AND (id = 0 OR NOT ({repeated}))"


def _make(of: Batch, seen: Seen, into: str, rows: str, parts: int = 0) -> None:
    """Make visits of raw rows. rows: of which; parts: 0 for as many as the memory asks for."""
    # Visitor numbers are hashes, and raw rows are stored by them: an equal part of the visitors is read, and is in
    # memory, at a time.
    at_a_time = _FEW_AT_A_TIME if of.store.has_little_memory else _EVENTS_AT_A_TIME
    size = -(-_VISITORS // (parts or 1 + seen.rows // at_a_time))
    columns = {}
    if into == of.scratch("visits"):
        columns = {name: of.section_of(path) for name, path in SECTIONS.items()}
    statement, named = visits_of(of, into, rows, seen.properties, columns), of.named | seen.named | {"gap": VISIT_GAP_S}
    at_once(
        of.store,
        [
            (statement, named | {"first": first, "last": min(first + size, _VISITORS) - 1})
            for first in range(0, _VISITORS, size)
        ],
    )


def _store(of: Batch, seen: Seen, made: str, everybody: bool) -> None:
    """Put visits in place of those that the same people had before."""
    store = of.store
    # No two rows of an insert have one key: to look for them would take longer than to write them. One thread would
    # compress a big day's for half a second while the other core waits.
    settings = "SETTINGS optimize_on_insert = 0, max_insert_threads = 2"
    # Higher than every one before, also where the clock went back.
    [[last]] = store.rows(f"SELECT max(version) FROM visits WHERE {of.mine}", of.named)
    version = max(time.time_ns(), last + 1)
    named = of.named | {"version": version}
    own = {"version": "{version:UInt64}", "deleted": "0"}
    if last and not (of.goes_on and _all_remain(of, made)):
        key = {name: name for name in ("site", "day", "visitor", "visit", "expires", "received")}
        whole = sorted(seen.whole)
        whose = "" if everybody else f"AND ((site, day, visitor) {of.within} {_changed(of)}{_or_whole(seen)})"
        store.command(
            f"""{insert("visits", key | own | {"deleted": "1"})} FROM visits FINAL WHERE {of.mine} {whose}
            AND NOT (({of.which}, visitor, visit) {of.within} (SELECT d, visitor, visit FROM {made})) {settings}""",
            named | {"whole_sites": [site for site, _ in whole], "whole_dates": [day for _, day in whole]},
            **store.foreground,
        )
    columns = {"site": SITE, "day": DAY} | own | {name: f"`{name}`" for name in VISIT}
    store.command(f"{insert('visits', columns)} FROM {made} {settings}", named, **store.foreground)
    if of.live:
        note(of, seen, version)


def _all_remain(of: Batch, made: str) -> bool:
    """Whether of who has new rows each visit of the run before is made again: two become one by a row between them."""
    theirs = f"visitor IN (SELECT visitor FROM {of.scratch('changed')})"
    gone = f"{theirs} AND (visitor, visit) NOT IN (SELECT visitor, visit FROM {made})"
    return not of.store.rows(f"SELECT 1 FROM {of.scratch('visits')} WHERE {gone} LIMIT 1")


def _or_whole(seen: Seen) -> str:
    """SQL for the other visits that are made anew: of site-days that are whole also those of who has no row left."""
    return " OR (site, day) IN arrayZip({whole_sites:Array(String)}, {whole_dates:Array(Date)})" if seen.whole else ""


def load(of: Batch) -> None:
    """Fill the scratch table `visits` from those that are stored."""
    columns = {"d": f"{of.which} AS d"} | {name: f"`{name}`" for name in VISIT}
    columns["network_number"] = NETWORK
    # Those of days that are over may have been made by an earlier version.
    columns |= {} if of.live else {"hits.props": property_text.from_json("`hits.props`")}
    columns |= {name: of.section_of(path) for name, path in SECTIONS.items()}
    of.store.command(f"{insert(of.scratch('visits'), columns)} FROM visits FINAL WHERE {of.mine}", of.named)


def _renew(of: Batch) -> None:
    """Put the visits that were made anew into the scratch table `visits`, in place of those of the run before."""
    if of.adds:
        note_before(of)
    take_out(of, ("visits",))
    columns = {f"`{name}`": f"`{name}`" for name in ("d", *VISIT)}
    columns |= {name: of.section_of(path) for name, path in SECTIONS.items()}
    of.store.command(f"{insert(of.scratch('visits'), columns)} FROM {of.scratch('fresh')}", of.named)


def as_stored(of: Batch) -> bool:
    """Whether the scratch table `visits` has the same visits as are stored, with as many events and the same time."""
    same = "visitor, visit, came, seconds, viewed, acted, length(`hits.name`), arraySum(`hits.amount`)"
    rows = (f"SELECT {same} FROM {of.scratch('visits')}", f"SELECT {same} FROM visits FINAL WHERE {of.mine}")
    apart = (f"(SELECT count() FROM ({one} EXCEPT {other}))" for one, other in (rows, rows[::-1]))
    [[differ]] = of.store.rows(f"SELECT {' + '.join(apart)}", of.named)
    return not differ
