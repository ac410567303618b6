"""Rolling up one big day: seconds, processor time and memory of the whole, and what a run costs after some new events.

In: a plan. Out: figures. Every value of an event follows from its place, so that two runs measure the same.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.rollup.stages import roll_up
from pipeline.settings import SiteRules
from schema.families import LIVE
from schema.migrate import migrate
from schema.site import Goal, Site
from schema.store import Store

from .figures import Figure
from .machine import processor_s, tell
from .plan import Plan

PART = "rollup"
# Yesterday: older rows would have outlived their lifetime.
DAY = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
SITE = Site(
    "example.com",
    goals=(Goal("Signup", event="signup"), Goal("Purchase", event="purchase"), Goal("Docs", page="/docs/**")),
)
RULES = SiteRules(5, 30, "balanced", bound=0.999)
EVENTS_A_VISITOR = 4
_COUNTRIES = ("DE", "US", "FR", "GB", "AT", "CH", "NL", "ES", "IT", "PL", "SE", "NO", "DK", "FI", "CZ", "PT", "BE")
_LANGUAGES = ("de", "en", "fr", "es", "it", "pl", "nl", "sv", "pt", "da", "fi", "cs")


class _Timed(Store):
    """A store that adds up the seconds of each kind of statement by what it writes."""

    took: defaultdict[str, float]

    def command(self, sql: str, parameters: Mapping[str, Any] | None = None, **settings: Any) -> None:
        started = time.monotonic()
        super().command(sql, parameters, **settings)
        if written := re.search(r"INSERT INTO (?:scratch\.)?(\w+)", sql):
            self.took[re.sub(r"_[0-9a-f]{16}$", "", written[1])] += time.monotonic() - started


def measure(plan: Plan) -> list[Figure]:
    """In a process of its own, because memory is told at its peak since the start. The fastest of the runs: what others
    do meanwhile only ever adds."""
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as name:
        store = _Timed(f"chdb://{name}")
        store.took = defaultdict(float)
        migrate(store)
        visitors = plan.events // EVENTS_A_VISITOR
        generate(store, SITE.key, DAY, visitors)
        stored = store.rows("SELECT count() FROM events")[0][0]
        whole, processor, statements = _fastest(store, plan, plan.rounds)
        after, after_processor, after_statements = _fastest(store, plan, plan.rounds, visitors)
        peak, incremental = peak_mb(), _rows(store)
        forget_visits(store)
        roll_up(store, SITE, DAY, RULES)
        if incremental != _rows(store):
            raise RuntimeError("the day brought up to date has other rows than the day computed whole")
        store.close()
    note = f"{stored:,} events of a day, fastest of {plan.rounds} runs"
    return [
        Figure(PART, "a whole day", whole, "s", "<= 2.5", note),
        Figure(PART, "a whole day, processor time", processor, "s"),
        *(Figure(PART, f"of it: into {table}", took, "s") for table, took in statements.items()),
        Figure(PART, "resident at its peak", peak, "MB", "<= 1200", "the engine and Python included"),
        Figure(
            PART,
            "after some new events",
            after,
            "s",
            "<= 1.5",
            f"{plan.new_events:,} more events in the same day, fastest of {plan.rounds} runs",
        ),
        Figure(PART, "after some new events, processor time", after_processor, "s"),
        *(Figure(PART, f"of it: into {table}", took, "s") for table, took in after_statements.items()),
    ]


def _fastest(store: _Timed, plan: Plan, rounds: int, visitors: int = 0) -> tuple[float, float, dict[str, float]]:
    """(seconds, processor seconds, seconds by table) of the fastest of several runs. visitors: how many there are; new
    events come before a run, half of them of some who are among these, half of others. 0: of the day whole."""
    runs = []
    for number in range(rounds):
        half = plan.new_events // EVENTS_A_VISITOR // 2
        for which, first in enumerate((0, visitors) if visitors else ()):
            sequence = plan.events * (2 + number * 2 + which) * 9
            generate(store, SITE.key, DAY, half, first + number * half, sequence)
        tell(f"rolling up, run {number + 1} of {rounds}")
        if not visitors:
            forget_visits(store)
        store.took.clear()
        used, started = processor_s(os.getpid()), time.monotonic()
        roll_up(store, SITE, DAY, RULES)
        runs.append((time.monotonic() - started, processor_s(os.getpid()) - used, dict(store.took)))
    return min(runs, key=lambda run: run[0])


def forget_visits(store: Store) -> None:
    for table in ("visits", "sessionized"):
        store.command(f"TRUNCATE TABLE {table}")


def _rows(store: Store) -> list[bytes]:
    return [store.text(f"SELECT * FROM open_{family} ORDER BY ALL FORMAT TSV") for family in LIVE]


def peak_mb() -> float:
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def _of(what: str, *among: str) -> str:
    """SQL for one of these, the first ones more often, the same for the same visit."""
    listed = ", ".join(f"'{one}'" for one in among)
    return f"[{listed}][toUInt32(ceil(pow({_chance(what)}, 2) * {len(among)} + 1e-9))]"


def _chance(what: str, whose: str = "v, visit") -> str:
    """SQL for a number from 0 to 1, the same for the same visit."""
    return f"(cityHash64({whose}, '{what}') % 1000003 / 1000003)"


def _hit(what: str) -> str:
    return _chance(what, "v, i")


# Four events a visitor on average, most of them in one visit; popular pages and many rare ones. A view in six is left
# without a report.
_GENERATED = f"""
INSERT INTO events (site, received, day, lifetime, visitor, name, interactive, hostname, path, referrer, source,
    channel, utm_source, utm_medium, utm_campaign, country, region, city, device, browser, browser_version, os,
    os_version, screen, language, props, currency, amount, engaged_ms, scroll, lcp, inp, cls, fcp, ttfb, sequence)
WITH
    (i >= 5) + (i >= 9) AS visit,
    intDiv(i, 2) AS view,
    if({_hit("name")} < 0.03, 'signup', if({_hit("name")} < 0.05, 'purchase', if(i % 2, 'engagement', 'pageview')))
        AS event,
    event = 'engagement' AND {_hit("measured")} < 0.53 AS measured,
    {_of("country", *_COUNTRIES)} AS land,
    {_of("source", "", "Google", "Bing", "Reddit", "Hacker News", *(f"Site {n}" for n in range(35)))} AS came_from,
    came_from = 'Google' AND {_chance("paid")} < 0.4 AS paid
SELECT
    {{site:String}}, toDateTime({{day:Date}}, 'UTC') + toUInt32(pow({_chance("start", "v")}, 0.7) * 60000)
        + visit * 7000 + i * 40 + toUInt32({_hit("pause")} * 40),
    {{day:Date}}, 30, cityHash64(v, 'visitor'), event, true,
    if({_chance("host")} < 0.9, 'example.com', 'docs.example.com'),
    if({_chance("rare", "v, view")} < 0.01, '/search/' || toString(cityHash64(v, view) % 5000),
        ['/', '/blog/', '/docs/', '/docs/guide/', '/shop/'][1 + cityHash64(v, view) % 5]
        || toString(toUInt32(pow(160, {_chance("page", "v, view")})))),
    if(came_from = '', '', lower(replaceAll(came_from, ' ', '-')) || '.example'
        || if({_chance("referrer")} < 0.01, toString(cityHash64(v) % 1000), '')), came_from,
    multiIf(paid, 'Paid Search', came_from = '', 'Direct', came_from IN ('Google', 'Bing'), 'Organic Search',
        'Referral'),
    if(paid, 'google', ''), if(paid, 'cpc', ''),
    if(paid, 'Campaign ' || toString(toUInt32(pow(300, {_chance("campaign")}))), ''),
    land, land || '-' || toString(toUInt32(pow(40, {_chance("region")}))),
    'City ' || toString(toUInt32(pow(300, {_chance("region")}))), {_of("device", "desktop", "mobile", "tablet")},
    {_of("browser", "Chrome", "Safari", "Firefox", "Edge", "Opera")}, {_of("version", "143", "142", "141", "128")},
    {_of("os", "Windows", "iOS", "Android", "macOS", "Linux")}, {_of("system", "11", "10", "17", "")},
    {_of("screen", "L", "XL", "XS", "S", "M")}, {_of("language", *_LANGUAGES)}, {{props}},
    if(event = 'purchase', 'EUR', ''), if(event = 'purchase', 500 + cityHash64(v, i) % 20000, 0),
    if(event = 'engagement', toUInt32(500 + {_hit("engaged")} * 60000), 0), 255,
    if(measured, exp(6.5 + 2 * {_hit("lcp")}), -1), if(measured AND i % 3 = 0, exp(3 + 3 * {_hit("inp")}), -1),
    if(measured, pow({_hit("cls")}, 3) / 2, -1), if(measured, exp(6 + 2 * {_hit("fcp")}), -1),
    if(measured, exp(4 + 3 * {_hit("ttfb")}), -1), {{first:UInt64}} + rowNumberInAllBlocks()
FROM (SELECT number AS v, 1 + toUInt32(-log(1 - {_chance("many", "number")}) * 3.5) AS many
      FROM numbers({{from:UInt64}}, {{visitors:UInt64}}))
ARRAY JOIN range(many) AS i
"""


# Five that a site may name, and one that nobody asks for.
_PROPS = f"""map('plan', {_of("plan", "free", "pro", "team")},
    'author', 'Author ' || toString(toUInt32(50 * {_chance("author", "v, view")})),
    'category', 'Category ' || toString(toUInt32(12 * {_chance("category", "v, view")})),
    'experiment', {_of("experiment", "a", "b", "c", "d")},
    'article', 'Article ' || toString(toUInt32(pow(5000, {_chance("article", "v, view")}))),
    'build', toString(cityHash64(v, i) % 100000))"""


def generate(
    store: Store, site: str, day: dt.date, visitors: int, from_: int = 0, first: int = 0, properties: bool = False
) -> None:
    """A day's events of so many visitors, about four each. from_: the first of them; first: the first sequence.
    properties: whether each event has some."""
    sql = _GENERATED.replace("{props}", _PROPS if properties else "map()")
    given = {"site": site, "day": day, "visitors": visitors, "from": from_, "first": first}
    # One thread, or places would be given twice.
    store.command(sql, given, max_threads=1)
