"""Rolls one site-day up: visits → tall, folded, additive rows in the `staging_*` tables, then into place.

In: raw rows of one site-day. Out: its rows in `staging_*`, and for an open day in `open_*`, swapped whole.
Promises: recomputing gives the same rows; no cell below k visitors is written under its own name, and what is
folded together is never one value nor fewer than k people (rule R3); no visitor number leaves `work_visits`.
"""

from __future__ import annotations

import datetime as dt
import math
import threading
from collections.abc import Callable

from schema.event import ENGAGEMENT, PAGEVIEW
from schema.metrics import GAMMA, OTHER, PEOPLE_BUCKET, VITALS, Vital
from schema.site import Site, day_bounds, day_number
from schema.store import Store

from .settings import SiteRules
from .visits import HOUR, fill_visits

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
            hidden = store.rows(
                """SELECT count() FROM work_cells WHERE people > 0 AND
                (dimension, value) NOT IN (SELECT dimension, value FROM work_kept)"""
            )[0][0]
            others = (_OTHERS,) if hidden else ()
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
        f"INSERT INTO work_cells SELECT dimension, value, {_MEASURES} FROM ({_FACTS}) GROUP BY dimension, value"
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
    small = "SELECT dimension, value FROM work_cells WHERE people < {k:UInt32} AND people > 0"
    if not store.rows(f"SELECT count() FROM ({small})", {"k": k})[0][0]:
        return []
    facts = _facts(lambda _, value: value, lambda dimension, value: f"({dimension}, {value}) IN ({small})")
    rows = store.rows(
        f"""SELECT dimension, uniqExact(value), uniqExactIf(visitor, visits > 0) FROM ({facts})
        WHERE dimension != '' GROUP BY dimension""",
        {"k": k},
    )
    return [(dimension, hidden, people) for dimension, hidden, people in rows]


def _facts(name_of: Callable[[str, str], str], if_: Callable[[str, str], str] = lambda *_: "1") -> str:
    """One row per visit, dimension and value that the visit touched.

    name_of, if_: SQL, from a dimension's and a value's, for the name to group by and for the values to take. Grouping
    by a folded name counts a visit to two folded pages once.
    """

    def touched(dimension: str, part: str, having: str, entry: str = "", exit_: str = "") -> str:
        enters = f"any({name_of(_text(dimension), entry)} = value AND pageviews > 0)" if entry else "0"
        leaves = f"any({name_of(_text(dimension), exit_)} = value AND pageviews > 0)" if exit_ else "0"
        return f"""
        SELECT '{dimension}' AS dimension, {name_of(_text(dimension), f"toString(hit.{part})")} AS value, visitor,
            any(visits), countIf(hit.name = '{PAGEVIEW}'), countIf(hit.name != '{ENGAGEMENT}'),
            {enters} AS enters, {leaves}, enters * any(bounces), enters * any(seconds), sum(hit.engaged_ms)
        FROM work_visits ARRAY JOIN hits AS hit WHERE {if_(_text(dimension), f"toString(hit.{part})")}
        GROUP BY visitor, visit, value HAVING {having}"""

    acted = f"any(visits) AND countIf(hit.name != '{ENGAGEMENT}') > 0"
    seen = f"any(visits) = 0 OR countIf(hit.name = '{PAGEVIEW}') > 0"
    return f"""
        SELECT d.1 AS dimension, {name_of("d.1", "d.2")} AS value, visitor, visits, toUInt64(pageviews) AS pageviews,
            toUInt64(events) AS events, visits AS entries, visits AS exits, bounces,
            toUInt64(seconds) AS visit_seconds, engaged_ms
        FROM work_visits ARRAY JOIN dimensions AS d WHERE {if_("d.1", "d.2")}
        UNION ALL {touched("page", "path", seen, "entry_page", "exit_page")}
        UNION ALL {touched("hostname", "hostname", "any(visits)", "toString(entry_host)", "toString(exit_host)")}
        UNION ALL {touched("event", "name", acted)}"""


def _text(word: str) -> str:
    return f"'{word}'"


def _kept(dimension: str, value: str) -> str:
    return f"if(({dimension}, {value}) IN (SELECT dimension, value FROM work_kept), {value}, '{OTHER}')"


# Rule H4: in `strict` the counts of an open day are multiples of k, and its times of k minutes, because a visit that
# goes on for a minute longer tells as much as one visitor more. Elsewhere every step is 1.
_STEPS = {"step": 1, "step_s": 60, "step_ms": 60_000}


def _down(number: str, step: str = "step") -> str:
    """SQL for the number, rounded down to a multiple of the step."""
    return f"intDiv({number}, {{{step}:UInt32}}) * {{{step}:UInt32}}"


_ADDED = ("visits", "pageviews", "events", "entries", "exits", "bounces", "visit_seconds", "engaged_ms")
_STEP_OF = {"visit_seconds": "step_s", "engaged_ms": "step_ms"}
_PEOPLE = "uniqExactIf(visitor, visits > 0) AS people"
_MEASURES = ", ".join((_PEOPLE, *(f"sum({name})" for name in _ADDED)))
_FACTS = _facts(lambda _, value: value)
_HIDDEN = _facts(
    lambda *_: f"'{OTHER}'",
    lambda dimension, value: f"({dimension}, {value}) NOT IN (SELECT dimension, value FROM work_kept)",
)


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

_OTHERS = f"""
    INSERT INTO staging_cells
    SELECT {_KEY}, {_down(_PEOPLE)}, {", ".join(_down(f"sum({name})", _STEP_OF.get(name, "step")) for name in _ADDED)}
    FROM ({_HIDDEN})
    GROUP BY dimension, value
    HAVING people >= {{k:UInt32}}"""

# Conversions, revenue and vitals follow the cells: where there is no cell, there is none of them.
_HAS_CELL = """(grain, period, shown, named) IN (
        SELECT grain, period, dimension, value FROM staging_cells WHERE site = {site:String} AND day = {day:Date})"""


def _converted(if_: str) -> str:
    return f"""
    SELECT visitor, d.1 AS dimension, {_kept("d.1", "d.2")} AS value, goal, hit.currency AS currency,
        hit.amount AS amount
    FROM (SELECT visitor, hit, dimensions FROM work_visits ARRAY JOIN hits AS hit WHERE notEmpty(hit.goals) AND {if_})
    ARRAY JOIN hit.goals AS goal
    ARRAY JOIN arrayConcat(dimensions, [('page', hit.path), ('hostname', hit.hostname), ('event', hit.name)]) AS d"""


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


_CONVERTERS = f"""
    SELECT dimension, value, goal, uniqExact(visitor) AS people, count() AS times
    FROM ({_converted("1")}) GROUP BY dimension, value, goal"""

_CONVERSIONS = f"""
    INSERT INTO staging_conversions
    SELECT {_KEY}, goal, '', {_down("people")}, {_down("times")}, 0, 0
    FROM ({_in_company(_CONVERTERS, "goal", "{least_converters:UInt32}")})
    WHERE {_HAS_CELL}"""

_PAYERS = f"""
    SELECT dimension, value, goal, currency, uniqExact(visitor) AS people, sum(amount) AS paid
    FROM ({_converted("hit.currency != ''")}) GROUP BY dimension, value, goal, currency"""

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


_MEASURED = f"""
    SELECT visitor, d.1 AS dimension, {_kept("d.1", "d.2")} AS value, v.1 AS metric, v.2 AS sample
    FROM (SELECT visitor, hit, device, country FROM work_visits ARRAY JOIN hits AS hit WHERE notEmpty(hit.vitals))
    ARRAY JOIN hit.vitals AS v
    ARRAY JOIN [('', ''), ('page', hit.path), ('device', device), ('country', country)] AS d"""

_MEASURERS = f"""
    SELECT dimension, value, metric, uniqExact(visitor) AS people
    FROM ({_MEASURED}) GROUP BY dimension, value, metric"""

_VITAL_PEOPLE = f"""
    INSERT INTO staging_vitals
    SELECT {_KEY}, metric, {PEOPLE_BUCKET}, 0, 0, 0, people
    FROM ({_in_company(_MEASURERS, "metric", "{k:UInt32}")})
    WHERE {_HAS_CELL}"""

_VITAL_SAMPLES = f"""
    INSERT INTO staging_vitals
    WITH sample * {_by_vital(lambda vital: vital.scale)} AS scaled
    SELECT {_KEY}, metric, toInt16(if(scaled <= 1, 0, ceil(log(scaled) / {math.log(GAMMA)!r}))) AS bucket, count(),
        countIf(sample <= toFloat32({_by_vital(lambda vital: vital.good)})),
        countIf(sample > toFloat32({_by_vital(lambda vital: vital.poor)})), 0
    FROM ({_MEASURED})
    WHERE (dimension, value, metric) IN (
        SELECT dimension, value, metric FROM staging_vitals
        WHERE site = {{site:String}} AND day = {{day:Date}} AND bucket = {PEOPLE_BUCKET})
    GROUP BY dimension, value, metric, bucket"""
