"""Raw events of one site-day → visits, in the in-memory table `work_visits`.

In: a table of raw events (`events`, or an import's own), a site and a day. Out: one row per visit.
Promises: the definitions of visit, bounce and duration in docs/metrics.md; an id is counted once per site and day.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from schema.event import ENGAGEMENT, PAGEVIEW
from schema.site import Goal, Site
from schema.store import Store

# A longer silence ends a visit.
VISIT_GAP_S = 30 * 60

# Dimensions of a visit that are plain columns of its first event.
_COLUMNS = (
    *("source", "referrer", "channel", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"),
    *("country", "region", "device", "browser", "os", "screen", "language"),
)
# The parts of one event, by their place in the tuple that a visitor's events are gathered in.
_PARTS = (
    *("received", "sequence", "name", "acts", "path", "hostname", "engaged_ms", "goals", "currency", "amount"),
    *("vitals", *_COLUMNS),
)
_AT = {part: place for place, part in enumerate(_PARTS, start=1)}


def fill_visits(store: Store, source: str, site: Site, day: dt.date) -> None:
    """Replace the content of `work_visits` by the visits of that site-day. source: a table name of ours."""
    goals, parameters = _goals(site.goals)
    parameters |= {"site": site.key, "day": day, "zone": site.timezone, "gap": VISIT_GAP_S}
    store.command("TRUNCATE TABLE work_visits")
    store.command(_insert(source, goals), parameters)


def _insert(source: str, goals: str) -> str:
    first = f"visit[arrayFirstIndex(e -> NOT ({_passive('e')}), visit)]"
    views = f"arrayFilter(e -> {_part('e', 'name')} = '{PAGEVIEW}', visit)"
    pairs = ", ".join(f"('{column}', {_part('opening', column)})" for column in _COLUMNS)
    return f"""
    INSERT INTO work_visits
    WITH
        arrayEnumerate(visit) AS places,
        {first} AS opening,
        {views} AS views,
        arrayFirstIndex(e -> {_part("e", "name")} = '{PAGEVIEW}', visit) AS entry,
        arrayLastIndex(e -> {_part("e", "name")} = '{PAGEVIEW}', visit) AS exit,
        arrayExists(e -> NOT ({_passive("e")}), visit) AS real,
        visit[1] AS begins
    SELECT
        visitor,
        number,
        real,
        toString(toUnixTimestamp(toStartOfHour(toTimeZone({_part("begins", "received")}, {{zone:String}})))),
        if(real, dateDiff('second', {_part("begins", "received")}, {_part("visit[-1]", "received")}), 0),
        length(views),
        arrayCount(e -> NOT ({_passive("e")}), visit),
        length(views) = 1 AND NOT arrayExists(
            e -> {_part("e", "acts")} AND NOT ({_passive("e")}) AND {_part("e", "name")} != '{PAGEVIEW}', visit),
        arraySum(e -> {_part("e", "engaged_ms")}, visit),
        {_part("begins", "device")},
        {_part("begins", "country")},
        if(real, [
            ('', ''),
            ('entry_page', if(entry = 0, '', {_part("visit[entry]", "path")})),
            ('exit_page', if(exit = 0, '', {_part("visit[exit]", "path")})),
            {pairs}
        ], [('', '')]),
        arrayMap((e, place) -> (
            {_part("e", "name")}, {_part("e", "path")}, {_part("e", "hostname")}, place = entry, place = exit,
            {_part("e", "engaged_ms")}, {_part("e", "goals")}, {_part("e", "currency")}, {_part("e", "amount")},
            {_part("e", "vitals")}), visit, places)
    FROM
    (
        SELECT visitor, visit, number
        FROM
        (
            SELECT
                visitor,
                arraySort(e -> ({_part("e", "received")}, {_part("e", "sequence")}), groupArray(event)) AS sorted,
                arrayMap(e -> toUnixTimestamp({_part("e", "received")}), sorted) AS times,
                arraySplit((e, step) -> step > {{gap:UInt32}}, sorted, arrayDifference(times)) AS split
            FROM
            (
                SELECT
                    visitor,
                    (received, sequence, name, interactive, path, hostname, engaged_ms, {goals}, currency, amount,
                     arrayFilter(v -> v.2 >= 0,
                        [('lcp', lcp), ('inp', inp), ('cls', cls), ('fcp', fcp), ('ttfb', ttfb)]),
                     {", ".join(_COLUMNS)}) AS event
                FROM {source}
                WHERE site = {{site:String}} AND day = {{day:Date}} AND (id = 0 OR (id, sequence) IN (
                    SELECT id, min(sequence) FROM {source}
                    WHERE site = {{site:String}} AND day = {{day:Date}} AND id != 0 GROUP BY id))
            )
            GROUP BY visitor
        )
        ARRAY JOIN split AS visit, arrayEnumerate(split) AS number
    )"""


def _part(event: str, part: str) -> str:
    return f"{event}.{_AT[part]}"


def _passive(event: str) -> str:
    return f"{_part(event, 'name')} = '{ENGAGEMENT}'"


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
