"""Visits → the numbers of every value, not folded yet. They can be added up, people too: a visitor is in one part only.

In: `work_visits`. Out: rows to be added up in `work_cells`, `work_conversions`, `work_vitals`, of a day that is kept in
`sums_*`; a visit of sign -1 takes away what it once added.
Promises: the sums of a day are those of its visits, in however many runs they came.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from schema.event import ENGAGEMENT, PAGEVIEW
from schema.metrics import GAMMA, PEOPLE_BUCKET, VITALS, Vital

from .parallel import at_once
from .rows import SiteDay

RUN = "run = {run:UInt64}"
# What can be added up over visits; people only over visitors.
ADDED = ("visits", "pageviews", "events", "entries", "exits", "bounces", "visit_seconds", "engaged_ms")
# The keys and the numbers of each family's sums.
KEYS = {"cells": (), "conversions": ("goal", "currency"), "vitals": ("metric", "bucket")}
NUMBERS = {
    "cells": ("people", *ADDED),
    "conversions": ("people", "times", "paid"),
    "vitals": ("people", "samples", "good", "poor"),
}


def add_visits(of: SiteDay) -> None:
    """Add what is in `work_visits` to the day's sums."""
    at_once(of.store, [(f"INSERT INTO {of.sums}_{family} {select}", of.named) for family, select in _SELECTS])


def summed(of: SiteDay, family: str) -> str:
    """SQL for the sums of the day: (dimension, value, keys …, numbers …), what is gone not among them."""
    keys = ", ".join(("dimension", "value", *KEYS[family]))
    numbers = ", ".join(f"sum(w.{name}) AS {name}" for name in NUMBERS[family])
    some = " OR ".join(f"{name} != 0" for name in NUMBERS[family])
    return f"(SELECT {keys}, {numbers} FROM {of.sums}_{family} AS w WHERE {RUN} GROUP BY {keys} HAVING {some})"


# -- what visits add: some are given the visits as SQL ---------------------------------------------------------------

# Of each hit, whether its page was viewed in the visit: behind all viewed pages it comes once more than among the hits
# alone. Looking each up among the viewed ones takes the square of a visit's hits, in memory too.
_VIEWED = f"arrayDistinct(arrayFilter((p, n) -> n = '{PAGEVIEW}', hits.path, hits.name))"
_BEHIND = f"arraySlice(arrayEnumerateUniq(arrayConcat({_VIEWED}, hits.path)), 1 + length({_VIEWED}))"
_SEEN = f"arrayMap((behind, alone) -> behind > alone, {_BEHIND}, arrayEnumerateUniq(hits.path))"
_OF_HIT = "[('page', hit.path), ('hostname', hit.hostname), ('event', hit.name)]"
_MEASURED_BY = "('', ''), ('device', device), ('country', country)"
_METRICS_OF = "arrayDistinct(arrayMap(v -> v.1, {}))"


def _facts() -> str:
    """SQL for what every visit adds to every value that it touched: one row for a value of the visit's own; one row of
    each hit for pages, host names and events, the first of which counts the visit.

    visits: 0 where nothing but engagement reports came."""
    parts = (
        """
        SELECT sign, d.1 AS dimension, d.2 AS value, visitor, again, came AS visits, toUInt64(viewed) AS pageviews,
            toUInt64(acted) AS events, came AS entries, came AS exits, bounced AS bounces,
            toUInt64(seconds) AS visit_seconds, engaged_ms
        FROM work_visits ARRAY JOIN dimensions AS d""",
        _of_hits("page", "path", "seen OR NOT came", "entry_page", "exit_page"),
        _of_hits("hostname", "hostname", "came", "entry_host", "exit_host"),
        _of_hits("event", "name", f"came AND hit.name != '{ENGAGEMENT}'"),
    )
    return " UNION ALL ".join(parts)


def _of_hits(dimension: str, part: str, if_: str, entry: str = "''", exit_: str = "''") -> str:
    """part: of a hit. if_: which hits are taken. entry, exit_: the columns of `work_visits` that say where it began and
    ended."""
    first = "came AND nth = 1"
    enters, leaves = (f"({first} AND viewed > 0 AND hit.{part} = {page})" for page in (entry, exit_))
    return f"""
        SELECT sign, '{dimension}' AS dimension, toString(hit.{part}) AS value, visitor, again, {first} AS visits,
            toUInt64(hit.name = '{PAGEVIEW}') AS pageviews, toUInt64(hit.name != '{ENGAGEMENT}') AS events,
            {enters} AS entries, {leaves} AS exits, {enters} * bounced AS bounces,
            {enters} * toUInt64(seconds) AS visit_seconds, toUInt64(hit.engaged_ms) AS engaged_ms
        FROM work_visits ARRAY JOIN hits AS hit, arrayEnumerateUniq(hits.{part}) AS nth, {_SEEN} AS seen WHERE {if_}"""


def touched(visits: str) -> str:
    """SQL for what every visit that counts as one touched, once each: (visitor, visit, dimension, value)."""
    return f"""
    SELECT visitor, visit, d.1 AS dimension, d.2 AS value
    FROM {visits}
    ARRAY JOIN arrayConcat(
        dimensions,
        arrayMap(p -> ('page', p), {_VIEWED}),
        arrayMap(h -> ('hostname', toString(h)), arrayDistinct(hits.hostname)),
        arrayMap(n -> ('event', toString(n)), arrayDistinct(arrayFilter(n -> n != '{ENGAGEMENT}', hits.name)))) AS d
    WHERE came"""


def converted(visits: str = "work_visits") -> str:
    """SQL for who reached which goal how often. once: surely the visitor's only row of this value and goal; in a
    dimension of visits a visit has one value, so it is one row however often it reached the goal."""
    return f"""
    SELECT sign, visitor, NOT again AS once, d.1 AS dimension, d.2 AS value, goal, countEqual(goals, goal) AS times
    FROM (SELECT sign, visitor, again, dimensions, arrayFlatten(hits.goals) AS goals
        FROM {visits} WHERE notEmpty(goals))
    ARRAY JOIN arrayDistinct(goals) AS goal
    ARRAY JOIN dimensions AS d
    UNION ALL
    SELECT sign, visitor, false, d.1, d.2, goal, 1
    FROM (SELECT sign, visitor, hit FROM {visits} ARRAY JOIN hits AS hit WHERE notEmpty(hit.goals))
    ARRAY JOIN hit.goals AS goal
    ARRAY JOIN {_OF_HIT} AS d"""


def paid(visits: str = "work_visits") -> str:
    """SQL for who paid what."""
    return f"""
    SELECT sign, visitor, d.1 AS dimension, d.2 AS value, goal, hit.currency AS currency, hit.amount AS amount
    FROM (SELECT sign, visitor, hit, dimensions FROM {visits} ARRAY JOIN hits AS hit
        WHERE notEmpty(hit.goals) AND hit.currency != '')
    ARRAY JOIN hit.goals AS goal
    ARRAY JOIN arrayConcat(dimensions, {_OF_HIT}) AS d"""


def measured(visits: str = "work_visits") -> str:
    """SQL for who measured what: in the visit's own dimensions one row per visit and metric."""
    return f"""
    SELECT sign, visitor, once, dimension, value, metric
    FROM
    (
        SELECT sign, visitor, NOT again AS once, d.1 AS dimension, d.2 AS value, metrics
        FROM (SELECT *, {_METRICS_OF.format("arrayFlatten(hits.vitals)")} AS metrics
            FROM {visits} WHERE notEmpty(metrics))
        ARRAY JOIN [{_MEASURED_BY}] AS d
        UNION ALL
        SELECT sign, visitor, false, 'page', hit.path, {_METRICS_OF.format("hit.vitals")}
        FROM {visits} ARRAY JOIN hits AS hit WHERE notEmpty(hit.vitals)
    )
    ARRAY JOIN metrics AS metric"""


# -- the statements --------------------------------------------------------------------------------------------------

# Whoever came only once is one person and need not be compared with the others, which is what counting people costs.
_CELLS = f"""
    SELECT {{run:UInt64}}, dimension, value,
        sign * toInt64(countIf(visits AND NOT again) + uniqExactIf(visitor, visits AND again)),
        {", ".join(f"sign * toInt64(sum(f.{name}))" for name in ADDED)}
    FROM ({_facts()}) AS f WHERE sign != 0 GROUP BY sign, dimension, value"""

_ONCE = "sign * toInt64(countIf(once) + uniqExactIf(visitor, NOT once))"

_CONVERSIONS = f"""
    SELECT {{run:UInt64}}, dimension, value, goal, '', {_ONCE}, sign * toInt64(sum(times)), 0
    FROM ({converted()}) WHERE sign != 0 GROUP BY sign, dimension, value, goal"""

_REVENUE = f"""
    SELECT {{run:UInt64}}, dimension, value, goal, currency, sign * toInt64(uniqExact(visitor)), 0, sign * sum(amount)
    FROM ({paid()}) WHERE sign != 0 GROUP BY sign, dimension, value, goal, currency"""

_VITAL_PEOPLE = f"""
    SELECT {{run:UInt64}}, dimension, value, metric, {PEOPLE_BUCKET}, {_ONCE}, 0, 0, 0
    FROM ({measured()}) WHERE sign != 0 GROUP BY sign, dimension, value, metric"""


def _by_vital(of: Callable[[Vital], object]) -> str:
    """SQL that picks a constant by the metric's name."""
    return "transform(metric, [{}], [{}], toFloat64(0))".format(
        ", ".join(f"'{vital.name}'" for vital in VITALS.values()),
        ", ".join(f"toFloat64({of(vital)})" for vital in VITALS.values()),
    )


# A sample's bucket is worked out once. Devices and countries are few: their samples are counted together, then split.
_BUCKETS = f"""
    SELECT sign, hit.path AS path, device, country, s.1 AS metric, s.2 AS sample,
        sample * {_by_vital(lambda vital: vital.scale)} AS scaled,
        toInt16(if(scaled <= 1, 0, ceil(log(scaled) / {math.log(GAMMA)!r}))) AS bucket,
        sample <= toFloat32({_by_vital(lambda vital: vital.good)}) AS good,
        sample > toFloat32({_by_vital(lambda vital: vital.poor)}) AS poor
    FROM (SELECT sign, hit, device, country FROM work_visits ARRAY JOIN hits AS hit
        WHERE sign != 0 AND notEmpty(hit.vitals))
    ARRAY JOIN hit.vitals AS s"""


def _sampled(by: str, dimensions: str) -> str:
    return f"""
    SELECT d.1 AS dimension, d.2 AS value, metric, bucket, n, g, p
    FROM (SELECT {by}, metric, bucket, sum(sign) AS n, sum(sign * good) AS g, sum(sign * poor) AS p
        FROM ({_BUCKETS}) GROUP BY {by}, metric, bucket)
    ARRAY JOIN [{dimensions}] AS d"""


_SAMPLES = f"""
    SELECT {{run:UInt64}}, dimension, value, metric, bucket, 0, sum(n), sum(g), sum(p)
    FROM ({_sampled("device, country", _MEASURED_BY)} UNION ALL {_sampled("path", "('page', path)")})
    GROUP BY dimension, value, metric, bucket"""

_SELECTS = (
    ("cells", _CELLS),
    ("conversions", _CONVERSIONS),
    ("vitals", _SAMPLES),
    ("conversions", _REVENUE),
    ("vitals", _VITAL_PEOPLE),
)
