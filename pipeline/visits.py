"""Raw events of one site-day → visits, in the in-memory table `work_visits`.

In: a table of raw events (`events`, or an import's own), a site and a day. Out: one row per visit.
Promises: the definitions of visit, bounce and duration in docs/metrics.md; an id is counted once per site and day.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from schema.event import ENGAGEMENT, PAGEVIEW
from schema.metrics import OTHER
from schema.site import Goal, Site
from schema.store import Store

# A longer silence ends a visit.
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

# Where each stands in a visit's `dimensions`; a visit of nothing but engagement reports has the first only.
OF_VISITS = ("", HOUR, "entry_page", "exit_page", *_COLUMNS)


def fill_visits(store: Store, source: str, site: Site, day: dt.date) -> None:
    """Replace the content of `work_visits` by the visits of that site-day. source: a table name of ours."""
    goals, parameters = _goals(site.goals)
    parameters |= {"site": site.key, "day": day, "zone": site.timezone, "gap": VISIT_GAP_S}
    store.command("TRUNCATE TABLE work_visits")
    events = store.rows(f"SELECT count() FROM {source} WHERE site = {{site:String}} AND day = {{day:Date}}", parameters)
    # Visitor numbers are hashes, and raw rows are stored by them: an equal part of the visitors is read, and is in
    # memory, at a time.
    size = -(-_VISITORS // (1 + events[0][0] // _EVENTS_AT_A_TIME))
    for first in range(0, _VISITORS, size):
        parameters |= {"first": first, "last": min(first + size, _VISITORS) - 1}
        store.command(_insert(source, goals), parameters)


def _insert(source: str, goals: str) -> str:
    columns = ", ".join(_COLUMNS)
    viewed, acted = f"name = '{PAGEVIEW}'", f"name != '{ENGAGEMENT}'"
    opening = ", ".join(f"('{column}', {_told(f'argMinIf({column}, place, {acted})')})" for column in _COLUMNS)
    # `events` is stored in the order of the windows, so both are read, not sorted: 1 M events are numbered in 0.4 s.
    return f"""
    INSERT INTO work_visits
    SELECT
        visitor,
        visit,
        countIf({acted}) > 0 AS visits,
        toUnixTimestamp(toStartOfHour(toTimeZone(min(received), {{zone:String}}))) AS hour,
        if(visits, dateDiff('second', min(received), max(received)), 0),
        countIf({viewed}) AS pageviews,
        countIf({acted}),
        pageviews = 1 AND countIf({acted} AND NOT ({viewed}) AND interactive) = 0,
        sum(engaged_ms),
        {_told("argMin(device, place)")} AS first_device,
        {_told("argMin(country, place)")} AS first_country,
        {_told(f"argMinIf(path, place, {viewed})")} AS entry_page,
        {_told(f"argMaxIf(path, place, {viewed})")} AS exit_page,
        {_told(f"argMinIf(hostname, place, {viewed})")},
        {_told(f"argMaxIf(hostname, place, {viewed})")},
        if(visits,
            [('', ''), ('{HOUR}', toString(hour)), ('entry_page', entry_page), ('exit_page', exit_page), {opening}],
            [('', '')]),
        groupArray(({_told("name")}, {_told("path")}, {_told("hostname")}, engaged_ms, goals, currency, amount, vitals))
    FROM
    (
        SELECT *, sum(pause) OVER (PARTITION BY visitor ORDER BY received, sequence) AS visit
        FROM
        (
            SELECT
                visitor, received, sequence, name, interactive, path, hostname, engaged_ms, {goals} AS goals,
                currency, amount,
                arrayFilter(v -> v.2 >= 0,
                    [('lcp', lcp), ('inp', inp), ('cls', cls), ('fcp', fcp), ('ttfb', ttfb)]) AS vitals,
                {columns},
                row_number() OVER visitor_events AS place,
                received - lagInFrame(received, 1, received) OVER visitor_events > {{gap:UInt32}} AS pause
            FROM {source}
            WHERE site = {{site:String}} AND day = {{day:Date}}
            AND visitor BETWEEN {{first:UInt64}} AND {{last:UInt64}} AND (id = 0 OR (id, sequence) IN (
                SELECT id, min(sequence) FROM {source}
                WHERE site = {{site:String}} AND day = {{day:Date}} AND id != 0 GROUP BY id))
            WINDOW visitor_events AS (PARTITION BY visitor ORDER BY received, sequence)
        )
    )
    GROUP BY visitor, visit"""


def _told(value: str) -> str:
    """SQL for a value that a page sent, as the fold may take it."""
    return f"if({value} = '{OTHER}', '{OUTSIDE_OTHER}', {value})"


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
