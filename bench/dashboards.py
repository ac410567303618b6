"""The overview of a site over two years of released days, on the embedded engine.

In: a plan. Out: milliseconds of the server for periods of every length, and bytes of a rolled-up year on disk.
The rows are made up by SQL, straight into the tables: what is in them does not matter to how long reading takes, but
how many there are, and of how many values, does. Sums of months are made of them by the pipeline's own job.
"""

from __future__ import annotations

import datetime as dt
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from dashboards.stats.overview import Overview
from dashboards.stats.period import Period, between
from dashboards.stats.report import Reports
from pipeline.months import sum_months
from schema.dimensions import OTHER
from schema.event import PAGEVIEW
from schema.families import FAMILIES, KEY
from schema.measures import OF_CELLS
from schema.migrate import migrate
from schema.months import TABLES
from schema.site import Goal, Site
from schema.store import Store
from schema.vitals import PEOPLE_BUCKET, VITALS

from .disk import merge, rows_and_bytes
from .figures import Figure, quantile
from .machine import tell
from .plan import Plan

PART = "dashboards"
SITE = Site("example.com", goals=(Goal("Signup", event="signup"), Goal("Purchase", event="purchase")))
TODAY = dt.datetime.now(dt.UTC).date()
P95_MS = 50
_DAY = dt.timedelta(days=1)
_OF_GOALS = FAMILIES["conversions"]
# Of a hundred values of a day so many belong to each dimension. Two years see four times the values of a day.
SHARES = dict(
    **dict.fromkeys(("entry_page", "exit_page"), 16),
    **dict.fromkeys(("source", "country", "region"), 6),
    **dict.fromkeys(("browser", "os"), 2),
    **dict.fromkeys(("screen", "device", "channel", "utm_source", "event"), 1),
    page=26,
    referrer=8,
    utm_campaign=4,
    language=3,
)
_VALUES_OF_ALL = 4
_BUCKETS = 30
_GOALS = 5
# The days before today that an engine of this month would hold in parts of their own.
_RECENT_DAYS = 10
# Released before the longest period, so that it begins within a month: its first days are read one by one.
_EARLIER_DAYS = 20


def measure(plan: Plan) -> list[Figure]:
    """Everything about the overview, and what released days take on disk."""
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as directory:
        store = filled(directory, plan)
        reports = Reports(store, [SITE])
        reports.warm_up()  # as the house does at its start
        figures = []
        for days in (days for days in (1, 7, 30, 365, 730) if days <= plan.days):
            figures.append(_timed(reports, until(TODAY - _DAY, days), plan, f"{_days(days)}, all released"))
            if days <= 365:
                figures.append(_timed(reports, until(TODAY, days), plan, f"{_days(days)}, today among them"))
        figures += _disk(store, plan)
        store.close()
    return figures


def up_to_today(plan: Plan, periods: Sequence[int]) -> list[Figure]:
    """Periods of so many days: what growth compares."""
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as directory:
        store = filled(directory, plan)
        reports = Reports(store, [SITE])
        reports.warm_up()  # as the house does at its start
        figures = [_timed(reports, until(TODAY, min(days, plan.days)), plan, _days(days)) for days in periods]
        store.close()
    return figures


def until(last: dt.date, days: int) -> Period:
    first = last - (days - 1) * _DAY
    return Period(first, last, between(first, last))


def _days(number: int) -> str:
    return "1 day" if number == 1 else f"{number} days"


def _timed(reports: Reports, period: Period, plan: Plan, name: str) -> Figure:
    return timed(partial(reports.overview, SITE, period), plan, Figure(PART, name, None, "ms", f"<= {P95_MS}"))


def timed(ask: Callable[[], Overview], plan: Plan, like: Figure) -> Figure:
    """How long an overview takes. The first question reads what the others find remembered. like: the figure without
    its value."""
    took, used = [], time.process_time()
    for _ in range(plan.repeats):
        started = time.perf_counter()
        overview = ask()
        took.append((time.perf_counter() - started) * 1e3)
        if not overview.totals.visitors:
            raise SystemExit(f"bench: the overview of {overview.period.label} is empty")
    used = (time.process_time() - used) * 1e3 / plan.repeats
    return Figure(
        like.part, f"{like.name}: p95", quantile(took, 0.95), like.unit, like.goal,
        f"median {statistics.median(took):.0f}, the first {took[0]:.0f}, processor {used:.0f}; {plan.repeats} times",
    )  # fmt: skip


def _disk(store: Store, plan: Plan) -> list[Figure]:
    tables = [f"released_{family}" for family in FAMILIES]
    merge(store, [*tables, *TABLES])
    figures = []
    for name, of in (
        ("a rolled-up site-year", tables),
        *((f"  of that, {table}", [table]) for table in tables),
        ("its sums by month", list(TABLES)),
    ):
        rows, size = rows_and_bytes(store, of)
        note = f"{rows / released_days(plan):,.0f} rows a day"
        figures.append(Figure("disk", name, size / released_days(plan) * 365 / 1e6, "MB", note=note))
    return figures


# -- the rows ------------------------------------------------------------------------------------------------------


def filled(directory: str, plan: Plan, site: Site = SITE) -> Store:
    """A store with released days up to yesterday, and today, open."""
    tell(f"{released_days(plan)} released days of {plan.cells:,} cells and {plan.vitals:,} buckets")
    store = Store(f"chdb://{directory}")
    migrate(store)
    recent = [TODAY - n * _DAY for n in range(1, min(_RECENT_DAYS, plan.days) + 1)]
    _insert(store, plan, "released", TODAY - released_days(plan) * _DAY, released_days(plan) - len(recent))
    for day in reversed(recent):
        _insert(store, plan, "released", day, 1)
    _insert(store, plan, "open", TODAY, 1)
    _write_manifest(store, plan, site)
    started = time.perf_counter()
    months = len(sum_months(store, longest_s=600))
    tell(f"{months} months summed up in {time.perf_counter() - started:.1f} s")
    return store


def released_days(plan: Plan) -> int:
    return plan.days + _EARLIER_DAYS


def _insert(store: Store, plan: Plan, state: str, first: dt.date, days: int) -> None:
    if days < 1:
        return
    given = {"site": SITE.key, "first": first, "days": days, "seed": plan.seed}
    vitals = _vitals(plan) if state == "released" else _histograms(plan)
    # One thread, so that a month is one part: what merges make of it.
    of_buckets = "bucket" if state == "released" else "buckets, counts"
    for family, own, select in (
        ("cells", ", ".join(_MEASURES), _cells(plan)),
        ("conversions", ", ".join((*_OF_GOALS.key_names, *_OF_GOALS.measure_names)), _CONVERSIONS),
        ("vitals", f"metric, {of_buckets}, samples, good, poor, people", vitals),
    ):
        columns = f"{', '.join(KEY)}, {own}"
        store.command(f"INSERT INTO {state}_{family} ({columns}) {select}", given, max_threads=1, max_insert_threads=1)


EACH_DAY = "(SELECT {first:Date} + toIntervalDay(number) AS day FROM numbers({days:UInt32})) AS days"
_KEY = "{site:String}, 'day', day, toDateTime(day, 'UTC') AS period, dimension, value, '', ''"


def value_of(dimension: str, place: str, many: int) -> str:
    """SQL for the value in that place of a day: the same ones come again, each on one day in four."""
    return f"concat('/', {dimension}, '/', toString({place} + {many} * (cityHash64({place}, day) % {_VALUES_OF_ALL})))"


# By measure of a cell; those that are not here have their defaults.
_MEASURES = {
    "visitors": "visitors",
    "visits": "visitors + intDiv(visitors, 5) AS visits",
    "pageviews": "visits * 3 AS pageviews",
    "events": "pageviews + visits",
    "entries": "visits AS entries",
    "exits": "visits",
    "bounces": "intDiv(visits, 2)",
    **{one.name: f"visits * {'95' if one.unit == 's' else '41000'}" for one in OF_CELLS if one.unit},
}


def _measures(place: str) -> str:
    """SQL for the measures of a cell; values in front places have more of everything."""
    visitors = f"5 + intDiv(2000 + cityHash64({place}, day, {{seed:UInt32}}, 'v') % 400, 1 + {place}) AS visitors"
    return ", ".join((_MEASURES | {"visitors": visitors}).values())


def _cells(plan: Plan) -> str:
    many = {name: max(2, plan.cells * share // 100) for name, share in SHARES.items()}
    listed = ", ".join(f"('{name}', {number})" for name, number in many.items())
    branches = [f"dimension = '{name}', {value_of('dimension', 'place', number)}" for name, number in many.items()]
    value = f"multiIf(place = 0 AND dimension = 'event', '{PAGEVIEW}', place = 0, '{OTHER}', {', '.join(branches)}, '')"
    return f"""
    SELECT {_KEY}, {_measures("place")}
    FROM (SELECT day, one.1 AS dimension, place, {value} AS value FROM {EACH_DAY}
          ARRAY JOIN [{listed}] AS one ARRAY JOIN range(one.2) AS place)
    UNION ALL
    SELECT {_KEY}, {_measures("0")} FROM (SELECT day, '' AS dimension, '' AS value FROM {EACH_DAY})
    UNION ALL
    SELECT {{site:String}}, 'hour', day, toDateTime(day, 'UTC') + toIntervalHour(hour), '', '', '', '',
        {_measures("10 + hour")}
    FROM {EACH_DAY} ARRAY JOIN range(24) AS hour"""


_CONVERSIONS = f"""
    SELECT {_KEY}, concat('Goal ', toString(goal)), if(paid, 'EUR', ''), if(paid, 0, 40), if(paid, 0, 55),
        if(paid, 120000, 0), if(paid, 30, 0)
    FROM (SELECT day, goal, place, goal = 0 AND place % 2 AS paid, if(place < 2, '', 'page') AS dimension,
              if(place < 2, '', {value_of("dimension", "intDiv(place, 2)", 10)}) AS value
          FROM {EACH_DAY} ARRAY JOIN range({_GOALS}) AS goal ARRAY JOIN range(20) AS place
          WHERE goal = 0 OR place % 2 = 0)"""


def _vitals(plan: Plan) -> str:
    values = max(2, plan.vitals // len(VITALS) // (_BUCKETS + 1))
    metrics = ", ".join(f"'{name}'" for name in VITALS)
    return f"""
    SELECT {_KEY}, metric, if(step = 0, {PEOPLE_BUCKET}, 140 + step) AS bucket, if(step = 0, 0, many) AS samples,
        if(step < 20, many, 0) * (step > 0) AS good, if(step > 25, many, 0) AS poor, if(step = 0, 150, 0) AS people
    FROM (SELECT day, place, metric, step,
              1 + cityHash64(day, place, metric, step, {{seed:UInt32}}) % 20 AS many,
              multiIf(place = 0, '', place % 5 = 1, 'country', place % 5 = 2, 'device', 'page') AS dimension,
              if(place = 0, '', {value_of("dimension", "place", values)}) AS value
          FROM {EACH_DAY} ARRAY JOIN range({values}) AS place ARRAY JOIN [{metrics}] AS metric
          ARRAY JOIN range({_BUCKETS + 1}) AS step)"""


def _histograms(plan: Plan) -> str:
    """The same as an open day has them: whole."""
    return f"""
    SELECT {_KEY}, metric, (arraySort(groupArrayIf((bucket, samples), samples > 0)) AS each).1, each.2,
        sum(samples), sum(good), sum(poor), sum(people)
    FROM ({_vitals(plan)}) GROUP BY day, dimension, value, metric"""


def _write_manifest(store: Store, plan: Plan, site: Site) -> None:
    days = [TODAY - n * _DAY for n in range(released_days(plan), 0, -1)]
    many = len(days)
    columns: dict[str, list[Any]] = {
        "site": [SITE.key] * many,
        "number": list(range(1, many + 1)),
        "day": days,
        "released_at": [int(time.time())] * many,
        "origin": ["live"] * many,
        "version": ["1"] * many,
        "preset": ["balanced"] * many,
        "k": [5] * many,
        "complete": [True] * many,
        "over_counted": [False] * many,
        "rows": [plan.cells + plan.vitals] * many,
        "digest": ["0" * 64] * many,
        "previous": ["0" * 64] * many,
        "pairs": [list(site.pairs)] * many,
        "segments": [site.segment_definitions] * many,
    }
    store.insert("manifest", list(columns), list(columns.values()))
