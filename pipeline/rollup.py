"""Rolls one site-day up: visits → tall, folded, additive rows in the `staging_*` tables, then into place.

In: raw rows of one site-day. Out: its rows in `staging_*`, and for an open day in `open_*`, swapped whole.
Promises: recomputing gives the same rows; no cell below k visitors is written under its own name, and what is
folded together is never one value nor fewer than k people (rule R3); no visitor number leaves `work_visits`.
"""

from __future__ import annotations

import datetime as dt
import math
import threading
from collections.abc import Callable, Collection

from schema.event import ENGAGEMENT, PAGEVIEW
from schema.metrics import GAMMA, OTHER, PEOPLE_BUCKET, VITALS, Vital
from schema.site import Site, day_bounds, day_number
from schema.store import Store

from .settings import SiteRules
from .visits import HOUR, OF_VISITS, fill_visits

FAMILIES = ("cells", "conversions", "vitals")
# `work_*` and `staging_*` serve one site-day at a time.
ROLLING = threading.Lock()


def roll_up(store: Store, site: Site, day: dt.date, rules: SiteRules) -> None:
    """Recompute an open day and put it in place."""
    with ROLLING:
        build(store, "events", site, day, rules, live=True)
        for family in FAMILIES:
            _replace(store, family, site, day)
        clear_staging(store, site, day)


def build(store: Store, source: str, site: Site, day: dt.date, rules: SiteRules, live: bool = False) -> None:
    """Fill `staging_*` with the folded rows of a site-day. The caller holds ROLLING. live: the day is still open."""
    clear_staging(store, site, day)
    try:
        fill_visits(store, source, site, day)
        _keep(store, rules.k)
        parameters = {
            "site": site.key,
            "day": day,
            "start": day_bounds(site.timezone, day_number(day)).start,
            "k": rules.k,
            "least_converters": rules.k if rules.strict else 1,
        }
        rounded = live and rules.strict
        parameters |= {unit: rules.k * size if rounded else 1 for unit, size in _STEPS.items()}
        # A histogram has few samples in each bucket: rounded down it would tell lies, so it waits for the release.
        vitals = () if rounded else (_VITAL_PEOPLE, _VITAL_SAMPLES)
        # A day with fewer than k visitors has no total to fold into: nothing of it is published.
        if store.rows("SELECT count() FROM work_kept WHERE dimension = ''")[0][0]:
            hiding = store.rows(f"SELECT DISTINCT dimension FROM work_cells WHERE people > 0 AND {_not_kept()}")
            others = (_others([dimension for (dimension,) in hiding]),) if hiding else ()
            for statement in (_CELLS, *others, _CONVERSIONS, _REVENUE, *vitals):
                store.command(statement, parameters)
    finally:
        for table in ("work_visits", "work_cells", "work_kept"):
            store.command(f"TRUNCATE TABLE {table}")


def clear_staging(store: Store, site: Site, day: dt.date) -> None:
    for family in FAMILIES:
        _drop_partition(store, f"staging_{family}", site, day)


def drop_open(store: Store, site: Site, day: dt.date) -> None:
    """Remove a day's open rows, once its released ones are readable."""
    for family in FAMILIES:
        _drop_partition(store, store.local(f"open_{family}"), site, day)


def _replace(store: Store, family: str, site: Site, day: dt.date) -> None:
    count = store.rows(
        f"SELECT count() FROM staging_{family} WHERE site = {{site:String}} AND day = {{day:Date}}",
        {"site": site.key, "day": day},
    )[0][0]
    if not count:
        _drop_partition(store, store.local(f"open_{family}"), site, day)
        return
    store.command(
        f"ALTER TABLE {store.local(f'open_{family}')} REPLACE PARTITION {_partition(site, day)} FROM staging_{family}"
    )


def _drop_partition(store: Store, table: str, site: Site, day: dt.date) -> None:
    store.command(f"ALTER TABLE {table} DROP PARTITION {_partition(site, day)}")


def _partition(site: Site, day: dt.date) -> str:
    # A partition cannot be bound as a parameter; a key holds only [a-z0-9._-] (schema/site.py), a date only digits.
    return f"('{site.key}', '{day.isoformat()}')"


# -- folding -------------------------------------------------------------------------------------------------------


def _keep(store: Store, k: int) -> None:
    """Fill `work_cells` with every value's own numbers, and `work_kept` with the values that may be shown: those of at
    least k people, less what R3 folds to keep the folded ones company."""
    store.command("TRUNCATE TABLE work_cells")
    store.command("TRUNCATE TABLE work_kept")
    store.command(
        f"INSERT INTO work_cells SELECT dimension, value, {_MEASURES} FROM ({_facts()}) GROUP BY dimension, value"
    )
    lonely = [dimension for dimension, hidden, people in _folded(store, k) if hidden == 1 or people < k]
    store.command(
        """INSERT INTO work_kept SELECT dimension, value FROM work_cells WHERE people >= {k:UInt32} AND
        (dimension, value) NOT IN (
            SELECT dimension, argMin(value, (people, value)) FROM work_cells
            WHERE people >= {k:UInt32} AND dimension IN {lonely:Array(String)} GROUP BY dimension)""",
        {"k": k, "lonely": lonely},
    )


def _folded(store: Store, k: int) -> list[tuple[str, int, int]]:
    """Per dimension the number of values under k people and of the people behind them all, counted distinctly: one
    person on six rare pages is not six people."""
    small = "FROM work_cells WHERE people < {k:UInt32} AND people > 0 AND dimension != ''"
    hiding = [dimension for (dimension,) in store.rows(f"SELECT DISTINCT dimension {small}", {"k": k})]
    if not hiding:
        return []
    return [
        (dimension, hidden, people)
        for dimension, hidden, people in store.rows(
            f"""SELECT dimension, uniqExact(value), uniqExact(visitor) FROM ({_facts(hiding)})
            WHERE visits AND (dimension, value) IN (SELECT dimension, value {small}) GROUP BY dimension""",
            {"k": k},
        )
    ]


def _facts(of: Collection[str] = (*OF_VISITS, "page", "hostname", "event")) -> str:
    """SQL for what every visit adds to every value that it touched, in these dimensions: one row for a value of the
    visit's own; one row of each hit for pages, host names and events, the first of which counts the visit.

    visits: 0 where nothing but engagement reports came."""
    parts = {
        "page": _touched("page", "path", "seen OR NOT came", "entry_page", "exit_page"),
        "hostname": _touched("hostname", "hostname", "came", "entry_host", "exit_host"),
        "event": _touched("event", "name", f"came AND hit.name != '{ENGAGEMENT}'"),
    }
    parts = {dimension: part for dimension, part in parts.items() if dimension in of}
    places = [str(place) for place, dimension in enumerate(OF_VISITS, 1) if dimension in of]
    if places:
        some = f"arrayMap(place -> dimensions[place], [{', '.join(places)}]) AS d WHERE came"
        parts["visit"] = f"""
        SELECT d.1 AS dimension, d.2 AS value, visitor, visit, again, came AS visits, toUInt64(viewed) AS pageviews,
            toUInt64(acted) AS events, came AS entries, came AS exits, bounced AS bounces,
            toUInt64(seconds) AS visit_seconds, engaged_ms
        FROM ({_VISITS}) ARRAY JOIN {some if len(places) < len(OF_VISITS) else "dimensions AS d"}"""
    return " UNION ALL ".join(parts.values())


def _touched(dimension: str, part: str, if_: str, entry: str = "''", exit_: str = "''") -> str:
    """part: of a hit. if_: which hits are taken. entry, exit_: the columns of `work_visits` that say where it began and
    ended."""
    first = "came AND nth = 1"
    enters, leaves = (f"({first} AND viewed > 0 AND hit.{part} = {page})" for page in (entry, exit_))
    return f"""
        SELECT '{dimension}' AS dimension, toString(hit.{part}) AS value, visitor, visit, again, {first} AS visits,
            toUInt64(hit.name = '{PAGEVIEW}') AS pageviews, toUInt64(hit.name != '{ENGAGEMENT}') AS events,
            {enters} AS entries, {leaves} AS exits, {enters} * bounced AS bounces,
            {enters} * toUInt64(seconds) AS visit_seconds, toUInt64(hit.engaged_ms) AS engaged_ms
        FROM ({_VISITS}) ARRAY JOIN hits AS hit, arrayEnumerateUniq(hits.{part}) AS nth, {_SEEN} AS seen WHERE {if_}"""


def _kept(dimension: str, value: str) -> str:
    return f"if(({dimension}, {value}) IN (SELECT dimension, value FROM work_kept), {value}, '{OTHER}')"


def _not_kept(of: str = "") -> str:
    return f"({of}dimension, {of}value) NOT IN (SELECT dimension, value FROM work_kept)"


# Rule H4: in `strict` the counts of an open day are multiples of k, and its times of k minutes, because a visit that
# goes on for a minute longer tells as much as one visitor more. Elsewhere every step is 1.
_STEPS = {"step": 1, "step_s": 60, "step_ms": 60_000}


def _down(number: str, step: str = "step") -> str:
    """SQL for the number, rounded down to a multiple of the step."""
    return f"intDiv({number}, {{{step}:UInt32}}) * {{{step}:UInt32}}"


# What can be added up over visits; people cannot.
_ADDED = ("visits", "pageviews", "events", "entries", "exits", "bounces", "visit_seconds", "engaged_ms")
_STEP_OF = {"visit_seconds": "step_s", "engaged_ms": "step_ms"}
# Whoever came only once is one person and need not be compared with the others, which is what counting people costs.
_PEOPLE = "countIf(visits AND NOT again) + uniqExactIf(visitor, visits AND again) AS people"
# once: surely the visitor's only row of this key.
_ONCE = "countIf(once) + uniqExactIf(visitor, NOT once)"
_MEASURES = ", ".join((_PEOPLE, *(f"sum({name})" for name in _ADDED)))
# The numbers of a visit under names of their own. again: the visitor has other visits, too.
_VISITS = """
    SELECT *, visits AS came, pageviews AS viewed, events AS acted, bounces AS bounced,
        visitor IN (SELECT visitor FROM work_visits WHERE visit > 0) AS again FROM work_visits"""
# Of each hit, whether its page was viewed in the visit.
_SEEN = f"arrayMap(path -> has(arrayFilter((p, n) -> n = '{PAGEVIEW}', hits.path, hits.name), path), hits.path)"


# -- the rows ------------------------------------------------------------------------------------------------------

# The key of a row, from a fact's dimension and (folded) value.
_KEY = f"""
    {{site:String}}, if(dimension = '{HOUR}', 'hour', 'day') AS grain, {{day:Date}},
    if(dimension = '{HOUR}' AND value != '{OTHER}', toDateTime(toUInt32OrZero(value), 'UTC'),
       toDateTime({{start:UInt32}}, 'UTC')) AS period,
    if(dimension = '{HOUR}', '', dimension) AS shown,
    if(dimension = '{HOUR}' AND value != '{OTHER}', '', value) AS named,
    '', ''"""

_CELLS = f"""
    INSERT INTO staging_cells
    SELECT {_KEY}, {", ".join(_down(name, _STEP_OF.get(name, "step")) for name in ("people", *_ADDED))}
    FROM work_cells
    WHERE (dimension, value) IN (SELECT dimension, value FROM work_kept)"""


def _others(hiding: Collection[str]) -> str:
    """The statement for the row of everything hidden in each of these dimensions. A visit that touched two hidden
    pages is one."""
    added = ", ".join(f"{'max' if name == 'visits' else 'sum'}(f.{name}) AS {name}" for name in _ADDED)
    return f"""
    INSERT INTO staging_cells
    SELECT {_KEY}, {_down(_PEOPLE)}, {", ".join(_down(f"sum({name})", _STEP_OF.get(name, "step")) for name in _ADDED)}
    FROM
    (
        SELECT dimension, '{OTHER}' AS value, visitor, any(f.again) AS again, {added}
        FROM ({_facts(hiding)}) AS f WHERE {_not_kept("f.")} GROUP BY dimension, visitor, visit
    )
    GROUP BY dimension, value
    HAVING people >= {{k:UInt32}}"""


# Conversions, revenue and vitals follow the cells: where there is no cell, there is none of them.
_HAS_CELL = """(grain, period, shown, named) IN (
        SELECT grain, period, dimension, value FROM staging_cells WHERE site = {site:String} AND day = {day:Date})"""

_OF_HIT = "[('page', hit.path), ('hostname', hit.hostname), ('event', hit.name)]"


def _in_company(counted: str, within: str, least: str) -> str:
    """Of counted rows (dimension, value, {within}, people …) those with at least that many people. Where any has fewer,
    the smallest of the others is left out, too (R3): the total less what is shown would tell the hidden one."""
    return f"""
    SELECT * FROM
    (
        SELECT *, max(people < {least}) OVER (PARTITION BY dimension, {within}) AS lonely,
            row_number() OVER (PARTITION BY dimension, {within}, people >= {least} ORDER BY people, value) AS place
        FROM ({counted})
    )
    WHERE people >= {least} AND NOT (lonely AND place = 1)"""


# In a dimension of visits a visit has one value, so it is one row however often it reached the goal.
_CONVERTED = f"""
    SELECT visitor, NOT again AS once, d.1 AS dimension, {_kept("d.1", "d.2")} AS value, goal,
        countEqual(goals, goal) AS times
    FROM (SELECT visitor, again, dimensions, arrayFlatten(hits.goals) AS goals FROM ({_VISITS}) WHERE notEmpty(goals))
    ARRAY JOIN arrayDistinct(goals) AS goal
    ARRAY JOIN dimensions AS d
    UNION ALL
    SELECT visitor, false, d.1 AS dimension, {_kept("d.1", "d.2")} AS value, goal, 1
    FROM (SELECT visitor, hit FROM work_visits ARRAY JOIN hits AS hit WHERE notEmpty(hit.goals))
    ARRAY JOIN hit.goals AS goal
    ARRAY JOIN {_OF_HIT} AS d"""

_CONVERTERS = f"""
    SELECT dimension, value, goal, {_ONCE} AS people, sum(times) AS times
    FROM ({_CONVERTED}) GROUP BY dimension, value, goal"""

_CONVERSIONS = f"""
    INSERT INTO staging_conversions
    SELECT {_KEY}, goal, '', {_down("people")}, {_down("times")}, 0, 0
    FROM ({_in_company(_CONVERTERS, "goal", "{least_converters:UInt32}")})
    WHERE {_HAS_CELL}"""

_PAYERS = f"""
    SELECT dimension, value, goal, currency, uniqExact(visitor) AS people, sum(amount) AS paid
    FROM
    (
        SELECT visitor, d.1 AS dimension, {_kept("d.1", "d.2")} AS value, goal, hit.currency AS currency,
            hit.amount AS amount
        FROM (SELECT visitor, hit, dimensions FROM work_visits ARRAY JOIN hits AS hit
            WHERE notEmpty(hit.goals) AND hit.currency != '')
        ARRAY JOIN hit.goals AS goal
        ARRAY JOIN arrayConcat(dimensions, {_OF_HIT}) AS d
    )
    GROUP BY dimension, value, goal, currency"""

_REVENUE = f"""
    INSERT INTO staging_conversions
    SELECT {_KEY}, goal, currency, 0, 0, paid, {_down("people")}
    FROM ({_in_company(_PAYERS, "goal, currency", "{k:UInt32}")})
    WHERE {_HAS_CELL}"""


def _by_vital(of: Callable[[Vital], object]) -> str:
    """SQL that picks a constant by the metric's name."""
    return "transform(metric, [{}], [{}], toFloat64(0))".format(
        ", ".join(f"'{vital.name}'" for vital in VITALS.values()),
        ", ".join(f"toFloat64({of(vital)})" for vital in VITALS.values()),
    )


_OF_MEASURED = "('', ''), ('device', device), ('country', country)"
_METRICS_OF = "arrayDistinct(arrayMap(v -> v.1, {}))"

# Who measured what: in the visit's own dimensions one row per visit and metric.
_MEASURED = f"""
    SELECT visitor, NOT again AS once, dimension, value, metric
    FROM
    (
        SELECT visitor, again, d.1 AS dimension, {_kept("d.1", "d.2")} AS value, metrics
        FROM (SELECT visitor, again, device, country, {_METRICS_OF.format("arrayFlatten(hits.vitals)")} AS metrics
            FROM ({_VISITS}) WHERE notEmpty(metrics))
        ARRAY JOIN [{_OF_MEASURED}] AS d
    )
    ARRAY JOIN metrics AS metric
    UNION ALL
    SELECT visitor, false, 'page', value, metric
    FROM
    (
        SELECT visitor, {_kept("'page'", "hit.path")} AS value, {_METRICS_OF.format("hit.vitals")} AS metrics
        FROM work_visits ARRAY JOIN hits AS hit WHERE notEmpty(hit.vitals)
    )
    ARRAY JOIN metrics AS metric"""

_MEASURERS = f"""
    SELECT dimension, value, metric, {_ONCE} AS people
    FROM ({_MEASURED}) GROUP BY dimension, value, metric"""

_VITAL_PEOPLE = f"""
    INSERT INTO staging_vitals
    SELECT {_KEY}, metric, {PEOPLE_BUCKET}, 0, 0, 0, people
    FROM ({_in_company(_MEASURERS, "metric", "{k:UInt32}")})
    WHERE {_HAS_CELL}"""

# A sample's bucket is worked out once. Devices and countries are few: their samples are counted together, then split.
_BUCKETS = f"""
    SELECT hit.path AS path, device, country, s.1 AS metric, s.2 AS sample,
        sample * {_by_vital(lambda vital: vital.scale)} AS scaled,
        toInt16(if(scaled <= 1, 0, ceil(log(scaled) / {math.log(GAMMA)!r}))) AS bucket,
        sample <= toFloat32({_by_vital(lambda vital: vital.good)}) AS good,
        sample > toFloat32({_by_vital(lambda vital: vital.poor)}) AS poor
    FROM (SELECT hit, device, country FROM work_visits ARRAY JOIN hits AS hit WHERE notEmpty(hit.vitals))
    ARRAY JOIN hit.vitals AS s"""


def _sampled(by: str, dimensions: str) -> str:
    return f"""
    SELECT d.1 AS dimension, {_kept("d.1", "d.2")} AS value, metric, bucket, n, g, p
    FROM (SELECT {by}, metric, bucket, count() AS n, sum(good) AS g, sum(poor) AS p
        FROM ({_BUCKETS}) GROUP BY {by}, metric, bucket)
    ARRAY JOIN [{dimensions}] AS d"""


_SAMPLES = f"""
    SELECT dimension, value, metric, bucket, sum(n) AS samples, sum(g) AS good, sum(p) AS poor
    FROM ({_sampled("device, country", _OF_MEASURED)} UNION ALL {_sampled("path", "('page', path)")})
    GROUP BY dimension, value, metric, bucket"""

_VITAL_SAMPLES = f"""
    INSERT INTO staging_vitals
    SELECT {_KEY}, metric, bucket, samples, good, poor, 0
    FROM ({_SAMPLES})
    WHERE (dimension, value, metric) IN (
        SELECT dimension, value, metric FROM staging_vitals
        WHERE site = {{site:String}} AND day = {{day:Date}} AND bucket = {PEOPLE_BUCKET})"""
