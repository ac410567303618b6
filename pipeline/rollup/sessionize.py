"""Raw events → visits: those of whoever has new events are made anew.

In: raw rows of a batch. Out: the scratch table `visits`, all visits of the batch; and `visits`, but of imports and of
days that are released already, where they stay as long as their raw rows. Promises: the definitions of visit, bounce
and duration in docs/metrics.md; done again after a crash it changes nothing.
"""

from __future__ import annotations

import time

from schema.event import ENGAGEMENT, PAGEVIEW
from schema.visits import OF_FIRST_EVENT, OF_FIRST_OF_ALL, RAW_OF_FIRST_EVENT, VISIT
from schema.vitals import VITALS

from ..insert import insert
from ..parallel import at_once
from . import sent as texts
from . import told
from .batch import DAY, NETWORK, RAW, SITE, Batch, zones
from .snapshot import Seen, new, note, there
from .visit import READ, VISIT_GAP_S, escaped

# Where a visit begins and ends, beside the columns of visits that are kept: what a section is may be set anew.
SECTIONS = {"entry_section": "entry_page", "exit_section": "exit_page"}
_VISITORS = 2**64
_RANGE = "visitor BETWEEN {first:UInt64} AND {last:UInt64}"
# Of 1 M events at once the engine takes 1.5 GB, of a fifth at a time 0.9 GB, in the same time.
_EVENTS_AT_A_TIME = 200_000
# What a visit has of each of its events, not in their order: `place` tells that.
_OF_HITS = tuple(name.removeprefix("hits.") for name in VISIT if name.startswith("hits."))
_VIEWED, _ACTED = f"name = '{PAGEVIEW}'", f"name != '{ENGAGEMENT}'"


def sessionize(of: Batch, seen: Seen, keep: bool = True) -> None:
    """Fill the scratch table `visits`. keep: put those of raw rows in place of what was stored."""
    everybody = {site_day.key for site_day in of.days} <= seen.whole
    if not everybody:
        _choose(of, seen)
    _find_repeated(of, seen, everybody)
    made = of.scratch("visits" if everybody else "fresh")
    if everybody:
        _make(
            of,
            seen,
            made,
            f"{of.source} WHERE {_counted(of)}",
            f"{of.source} WHERE {of.mine} AND {_RANGE} AND {_ACTED}",
        )
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
        _make(of, seen, made, of.scratch("events"), f"{of.scratch('events')} WHERE {_ACTED}", parts=1)
    if keep and of.source == RAW:  # those of an import go with its table
        _store(of, seen, made, everybody)
        if not everybody:
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


def _make(of: Batch, seen: Seen, into: str, rows: str, opening: str, parts: int = 0) -> None:
    """Make visits of raw rows. rows: of which; opening: those of them that a visit may begin with. parts: 0 for as many
    as the memory asks for."""
    # Visitor numbers are hashes, and raw rows are stored by them: an equal part of the visitors is read, and is in
    # memory, at a time.
    size = -(-_VISITORS // (parts or 1 + seen.rows // _EVENTS_AT_A_TIME))
    statement, named = _visits_of(of, seen, into, rows, opening), of.named | seen.named | {"gap": VISIT_GAP_S}
    at_once(
        of.store,
        [
            (statement, named | {"first": first, "last": min(first + size, _VISITORS) - 1})
            for first in range(0, _VISITORS, size)
        ],
    )


def _visits_of(of: Batch, seen: Seen, into: str, rows: str, opening: str) -> str:
    columns = {name: f"o.{name}" for name in RAW_OF_FIRST_EVENT}
    vitals = f"[{', '.join(VITALS)}]"
    firsts = ", ".join(f"{escaped(f'argMin({name}, place)')} AS first_{name}" for name in OF_FIRST_OF_ALL)
    # Where a column and something in the raw rows have one name, it is made under another.
    made = {name: f"v.{name}" for name in VISIT if "." not in name} | {
        "d": f"{of.which} AS d",
        "again": "v.others",
        "network_number": "v.its_network",
        "received": "v.received_first",
        "engaged_ms": "v.engaged",
        **{f"hits.{name}": f"v.{name}s" for name in _OF_HITS},
        "measured.path": "v.measured_paths",
        "measured.vitals": "v.measurements",
        **{name: escaped(sql.format_map(columns)) for name, sql in OF_FIRST_EVENT.items()},
    }
    if into == of.scratch("visits"):
        made |= {name: of.section_of(f"v.{path}") for name, path in SECTIONS.items()}
    # What a visit has of its first event is looked up once for each: to carry twenty columns of every event through
    # windows and groups takes as long as all the rest. Its place does not tell it: two hosts may give it twice.
    # `events` is stored in the order of the windows, so it is read, not sorted: 1 M events are numbered in 0.4 s.
    return f"""
    {insert(into, made)}
    FROM
    (
        SELECT
            {of.apart}visitor, visit,
            any(again) AS others,
            any({NETWORK}) AS its_network,
            min(toDate(received) + lifetime) AS expires,
            min(toDate(received)) AS received_first,
            countIf({_ACTED}) > 0 AS came,
            {_hour(of)} AS hour,
            if(came, dateDiff('second', min(received), max(received)), 0) AS seconds,
            countIf({_VIEWED}) AS viewed,
            countIf({_ACTED}) AS acted,
            viewed = 1 AND countIf({_ACTED} AND NOT ({_VIEWED}) AND interactive) = 0 AS bounced,
            sum(engaged_ms) AS engaged,
            {firsts},
            {escaped(f"argMinIf(path, place, {_VIEWED})")} AS entry_page,
            {escaped(f"argMaxIf(path, place, {_VIEWED})")} AS exit_page,
            {escaped(f"argMinIf(hostname, place, {_VIEWED})")} AS entry_host,
            {escaped(f"argMaxIf(hostname, place, {_VIEWED})")} AS exit_host,
            groupArray({escaped("name")}) AS names,
            groupArray({escaped("path")}) AS paths,
            groupArray({escaped("hostname")}) AS hostnames,
            groupArray(engaged_ms) AS engaged_mss,
            groupArray(currency) AS currencys,
            groupArray(amount) AS amounts,
            groupArray(toUInt32(place)) AS places,
            groupArray(sent) AS propss,
            groupArray(scroll) AS scrolls,
            groupArrayIf({escaped("path")}, measured) AS measured_paths,
            groupArrayIf(vitals, measured) AS measurements,
            argMinIf(sequence, place, {_ACTED}) AS opened
        FROM
        (
            SELECT *, sum(pause) OVER (PARTITION BY {of.apart}visitor ORDER BY received, sequence) AS visit,
                max(pause) OVER (PARTITION BY {of.apart}visitor) AS again
            FROM
            (
                SELECT
                    {of.apart}visitor, network_number, received, lifetime, sequence, name, interactive, path, hostname,
                    engaged_ms, scroll, currency, amount, {", ".join(OF_FIRST_OF_ALL)}, {vitals} AS vitals,
                    {told.sent(of) if seen.properties else "''"} AS sent, arrayExists(v -> v >= 0, vitals) AS measured,
                    row_number() OVER visitor_events AS place,
                    received - lagInFrame(received, 1, received) OVER visitor_events
                        > {{gap:UInt32}} + least(intDiv(engaged_ms, 1000), {{gap:UInt32}}) AS pause
                FROM {rows}
                WINDOW visitor_events AS (PARTITION BY {of.apart}visitor ORDER BY received, sequence)
            )
        )
        GROUP BY {of.apart}visitor, visit
    ) AS v
    ANY LEFT JOIN (SELECT {of.apart}visitor, sequence AS opened, {", ".join(columns)} FROM {opening}) AS o
    USING ({of.apart}visitor, opened)"""


def _hour(of: Batch) -> str:
    """SQL for the second at which the local hour of a visit's start began."""
    by_zone = zones(of.days)
    hours = [
        f"toUnixTimestamp(toStartOfHour(toTimeZone(min(received), {{zone_{index}:String}})))"
        for index in range(len(by_zone))
    ]
    if len(hours) == 1:
        return hours[0]
    tests = (f"{of.which} IN ({', '.join(map(str, mine))})" for mine in by_zone.values())
    return f"multiIf({', '.join(f'{test}, {hour}' for test, hour in zip(tests, hours, strict=True))}, 0)"


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
    if last:
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


def _or_whole(seen: Seen) -> str:
    """SQL for the other visits that are made anew: of site-days that are whole also those of who has no row left."""
    return " OR (site, day) IN arrayZip({whole_sites:Array(String)}, {whole_dates:Array(Date)})" if seen.whole else ""


def load(of: Batch) -> None:
    """Fill the scratch table `visits` from those that are stored."""
    columns = {"d": f"{of.which} AS d"} | {name: f"`{name}`" for name in VISIT}
    columns["network_number"] = NETWORK
    # Those of days that are over may have been made by an earlier version.
    columns |= {} if of.live else {"hits.props": texts.from_json("`hits.props`")}
    columns |= {name: of.section_of(path) for name, path in SECTIONS.items()}
    of.store.command(f"{insert(of.scratch('visits'), columns)} FROM visits FINAL WHERE {of.mine}", of.named)


def as_stored(of: Batch) -> bool:
    """Whether the scratch table `visits` has the same visits as are stored, with as many events and the same time."""
    same = "visitor, visit, came, seconds, viewed, acted, length(`hits.name`), arraySum(`hits.amount`)"
    rows = (f"SELECT {same} FROM {of.scratch('visits')}", f"SELECT {same} FROM visits FINAL WHERE {of.mine}")
    apart = (f"(SELECT count() FROM ({one} EXCEPT {other}))" for one, other in (rows, rows[::-1]))
    [[differ]] = of.store.rows(f"SELECT {' + '.join(apart)}", of.named)
    return not differ
