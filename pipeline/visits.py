"""Raw events of one site-day → visits, in the in-memory table `work_visits`.

In: the raw rows that are counted (pipeline/rows.py). Out: one row per visit.
Promises: the definitions of visit, bounce and duration in docs/metrics.md.
"""

from __future__ import annotations

from typing import Any

from schema.dimensions import OTHER
from schema.event import ENGAGEMENT, PAGEVIEW
from schema.site import Goal
from schema.vitals import VITALS

from .insert import insert
from .parallel import at_once
from .rows import MINE, NEW, RANGE, THERE, SiteDay, counted

# A longer silence ends a visit. A report's engaged time is none, as far back as this: older rows may tell of days.
VISIT_GAP_S = 30 * 60
_VISITORS = 2**64
# Of 1 M events at once the engine takes 1.5 GB, of a fifth at a time 0.9 GB, in the same time.
_EVENTS_AT_A_TIME = 200_000
# The hour a visit starts in is counted like the value of a dimension of this name.
HOUR = "hour"
# What becomes of the fold's own name where a page sends it: beside the folded row, it would be a second one of its key.
OUTSIDE_OTHER = f"“{OTHER}”"

# Dimensions of a visit that are plain columns of its first event.
_COLUMNS = (
    *("source", "referrer", "channel", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"),
    *("country", "region", "device", "browser", "os", "screen", "language"),
)

# The dimensions of which a visit has one value, each a column of `work_visits`.
OF_VISITS = (HOUR, "entry_page", "exit_page", *_COLUMNS)
# What is read of a raw row.
_READ = (
    *("visitor", "received", "sequence", "name", "interactive", "path", "hostname", "engaged_ms", "currency", "amount"),
    *VITALS,
    *_COLUMNS,
)
# The columns of `work_visits`, and what they are called where they are made: where two differ, the column's own name is
# that of something in the raw rows.
_VISIT = {
    name: f"v.{name}"
    for name in (
        *("visitor", "visit", "came", "hour", "seconds", "viewed", "acted", "bounced", "first_device", "first_country"),
        *("entry_page", "exit_page", "entry_host", "exit_host"),
    )
} | {
    "sign": "v.signed",
    "again": "v.others",
    "engaged_ms": "v.engaged",
    "hits.name": "v.names",
    "hits.path": "v.paths",
    "hits.hostname": "v.hostnames",
    "hits.engaged_ms": "v.engagements",
    "reached": "v.conversions",
    "measured": "v.measurements",
}
_VIEWED, _ACTED = f"name = '{PAGEVIEW}'", f"name != '{ENGAGEMENT}'"


def fill_visits(of: SiteDay, rows: int) -> None:
    """Fill `work_visits`. rows: about how many there are to read."""
    goals, parameters = _goals(of.site.goals)
    parameters |= of.named | {"zone": of.site.timezone, "gap": VISIT_GAP_S}
    statement = _insert(goals, f"{of.source} WHERE {counted(of)}", f"{of.source} WHERE {MINE} AND {RANGE} AND {_ACTED}")
    # Visitor numbers are hashes, and raw rows are stored by them: an equal part of the visitors is read, and is in
    # memory, at a time.
    size = -(-_VISITORS // (1 + rows // _EVENTS_AT_A_TIME))
    at_once(
        of.store,
        [
            (statement, parameters | {"first": first, "last": min(first + size, _VISITORS) - 1})
            for first in range(0, _VISITORS, size)
        ],
    )


def fill_changed(of: SiteDay) -> None:
    """Fill `work_visits` with the visits of those who have rows that are new to the day's sums: as they are and as they
    were."""
    # Nearly every granule has some of their rows, so all are read, and once is enough. Looking for each in the index
    # first would cost more than it spares.
    columns = ", ".join(_READ)
    of.store.command(
        f"""INSERT INTO work_events (new, {columns}) SELECT {NEW}, {columns} FROM {of.source}
        WHERE {counted(of)} AND visitor {of.within} (SELECT visitor FROM {of.source} WHERE {MINE} AND {THERE} AND {NEW})
        SETTINGS use_index_for_in_with_subqueries = 0""",
        of.named | {"first": 0, "last": _VISITORS - 1},
    )
    goals, parameters = _goals(of.site.goals)
    parameters |= of.named | {"zone": of.site.timezone, "gap": VISIT_GAP_S}
    signed = "arrayJoin(if(new, [1], [-1, 1]))"
    of.store.command(_insert(goals, "work_events", f"work_events WHERE {_ACTED}", signed), parameters)


def raw_value(dimension: str) -> str:
    """SQL for the value of a dimension that a raw row alone may give to its visit."""
    if dimension == HOUR:
        return "toString(toUnixTimestamp(toStartOfHour(toTimeZone(received, {zone:String}))))"
    return _told({"page": "path", "entry_page": "path", "exit_page": "path", "event": "name"}.get(dimension, dimension))


def _insert(goals: str, rows: str, opening: str, sign: str = "") -> str:
    """SQL that makes visits. rows: of which events; opening: those of them that a visit may begin with. sign: of each
    row, once or twice; 1 where none is given."""
    parts = ", ".join(map(_told, ("name", "path", "hostname")))
    reached = f"arrayMap(goal -> (goal, {parts}, currency, amount), goals)"
    columns = ", ".join(_COLUMNS)
    by = "sign, visitor" if sign else "visitor"
    # What a visit has of its first event is looked up once for each: to carry fifteen columns of every event through
    # windows and groups takes as long as all the rest. Its place does not tell it: two hosts may give it twice.
    # `events` is stored in the order of the windows, so both are read, not sorted: 1 M events are numbered in 0.4 s.
    return f"""
    {insert("work_visits", _VISIT | {column: _told(f"o.{column}") for column in _COLUMNS})}
    FROM
    (
        SELECT
            {"sign" if sign else "1"} AS signed,
            visitor,
            visit,
            any(again) AS others,
            countIf({_ACTED}) > 0 AS came,
            toUnixTimestamp(toStartOfHour(toTimeZone(min(received), {{zone:String}}))) AS hour,
            if(came, dateDiff('second', min(received), max(received)), 0) AS seconds,
            countIf({_VIEWED}) AS viewed,
            countIf({_ACTED}) AS acted,
            viewed = 1 AND countIf({_ACTED} AND NOT ({_VIEWED}) AND interactive) = 0 AS bounced,
            sum(engaged_ms) AS engaged,
            {_told("argMin(device, place)")} AS first_device,
            {_told("argMin(country, place)")} AS first_country,
            {_told(f"argMinIf(path, place, {_VIEWED})")} AS entry_page,
            {_told(f"argMaxIf(path, place, {_VIEWED})")} AS exit_page,
            {_told(f"argMinIf(hostname, place, {_VIEWED})")} AS entry_host,
            {_told(f"argMaxIf(hostname, place, {_VIEWED})")} AS exit_host,
            groupArray({_told("name")}) AS names,
            groupArray({_told("path")}) AS paths,
            groupArray({_told("hostname")}) AS hostnames,
            groupArray(engaged_ms) AS engagements,
            groupArrayArray({reached}) AS conversions,
            groupArrayIf(({_told("path")}, vitals), arrayExists(v -> v >= 0, vitals)) AS measurements,
            argMinIf(sequence, place, {_ACTED}) AS opened
        FROM
        (
            SELECT *, sum(pause) OVER (PARTITION BY {by} ORDER BY received, sequence) AS visit,
                max(pause) OVER (PARTITION BY {by}) AS again
            FROM
            (
                SELECT
                    {f"{sign} AS sign, " if sign else ""}visitor, received, sequence, name, interactive, path, hostname,
                    engaged_ms, {goals} AS goals, currency, amount, device, country,
                    [{", ".join(VITALS)}] AS vitals,
                    row_number() OVER visitor_events AS place,
                    received - lagInFrame(received, 1, received) OVER visitor_events
                        > {{gap:UInt32}} + least(intDiv(engaged_ms, 1000), {{gap:UInt32}}) AS pause
                FROM {rows}
                WINDOW visitor_events AS (PARTITION BY {by} ORDER BY received, sequence)
            )
        )
        GROUP BY {by}, visit
    ) AS v
    ANY LEFT JOIN (SELECT visitor, sequence AS opened, {columns} FROM {opening}) AS o USING (visitor, opened)"""


def _told(value: str) -> str:
    """SQL for a value that a page sent, as the fold may take it."""
    # Unlike `if`, it looks at a value of a dictionary once, and leaves it one.
    return f"transform({value}, ['{OTHER}'], ['{OUTSIDE_OTHER}'])"


def _goals(goals: tuple[Goal, ...]) -> tuple[str, dict[str, Any]]:
    """SQL for the names of the goals an event reaches, and its parameters."""
    if not goals:
        return "emptyArrayString()", {}
    parameters: dict[str, Any] = {}
    tests = []
    for index, goal in enumerate(goals):
        parameters[f"goal_{index}"] = goal.name
        parameters[f"goal_{index}_is"] = goal.event or goal.page_regex()
        reached = (
            f"name = {{goal_{index}_is:String}}"
            if goal.event
            else f"(name = '{PAGEVIEW}' AND match(path, {{goal_{index}_is:String}}))"
        )
        tests.append(f"if({reached}, {{goal_{index}:String}}, '')")
    return f"arrayFilter(goal -> goal != '', [{', '.join(tests)}])", parameters
