"""Many small sites at once: how long after it was stored an event is shown, and what rolling them up takes.

In: a plan. Out: seconds and the share of a core. Each site gets an event a second; the pipeline's own job rolls up.
"""

from __future__ import annotations

import datetime as dt
import os
import tempfile
import threading
import time

from pipeline.schedule import Pipeline
from pipeline.settings import RollupSettings, SiteRules
from schema.migrate import migrate
from schema.site import Site
from schema.store import Store

from .figures import Figure
from .machine import processor_s, tell
from .plan import Plan
from .rollup import generate

PART = "sites"
TODAY = dt.datetime.now(dt.UTC).date()
_SHOWN_WITHIN_S, _CORES = 10, 0.5
# What a site has when it begins: visitors of four events each.
_VISITORS_BEFORE = 250
# One of so many is looked at.
_ONE_IN = 20
# Above every place that was given before.
_FIRST_PLACE = 2**30
_EVENTS = """
INSERT INTO events (site, received, day, lifetime, visitor, name, interactive, hostname, path, country, device, browser,
    lcp, inp, cls, fcp, ttfb, sequence)
SELECT site, now('UTC'), {day:Date}, 30, cityHash64(site, intDiv({second:UInt64}, 4)), 'pageview', true, site,
    concat('/', toString(({second:UInt64} + place) % 50)), 'DE', 'desktop', 'Firefox', -1, -1, -1, -1, -1,
    {first:UInt64} + place
FROM (SELECT arrayJoin(arrayEnumerate({sites:Array(String)})) AS place, {sites:Array(String)}[place] AS site)
"""


def measure(plan: Plan) -> list[Figure]:
    """What it is to have many sites that are busy all the time."""
    sites = [Site(f"site-{number}.example") for number in range(plan.sites)]
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as name:
        store = Store(f"chdb://{name}")
        migrate(store)
        for number, site in enumerate(sites):
            generate(store, site.key, TODAY, _VISITORS_BEFORE, 0, number * _VISITORS_BEFORE * 9)
        pipeline = Pipeline(store, [(site, SiteRules(1, 30, "balanced")) for site in sites], RollupSettings())
        watched = frozenset(site.key for site in sites[::_ONE_IN])
        pipeline.rolling.watched = lambda: watched
        pipeline.roll_up()
        over = threading.Event()
        writing = threading.Thread(target=_write, args=(store, sites, over), name="writing")
        tell(f"{plan.sites} sites, an event a second each, for {plan.sites_s:.0f} s")
        used, started = processor_s(os.getpid()), time.monotonic()
        writing.start()
        delays, of_watched = _rolled_up(pipeline, watched, plan.sites_s)
        cores = (processor_s(os.getpid()) - used) / (time.monotonic() - started)
        over.set()
        writing.join()
        store.close()
    runs = f"{len(of_watched)} runs in {plan.sites_s:.0f} s"
    note = f"{plan.sites} sites with an event a second each, one in {_ONE_IN} looked at, {runs}"
    return [
        Figure(PART, "watched ones shown at the latest after", max(of_watched), "s", f"<= {_SHOWN_WITHIN_S}", note),
        Figure(PART, "others shown at the latest after", max(delays), "s", "", note),
        Figure(PART, "cores", cores, "", f"<= {_CORES}", "storing the events included"),
    ]


def _write(store: Store, sites: list[Site], over: threading.Event) -> None:
    keys = [site.key for site in sites]
    for second in range(1_000_000):
        first = _FIRST_PLACE + second * len(sites)
        store.command(_EVENTS, {"sites": keys, "day": TODAY, "second": second, "first": first})
        if over.wait(1):
            return


def _rolled_up(pipeline: Pipeline, watched: frozenset[str], seconds: float) -> tuple[list[float], list[float]]:
    """By run how long its oldest event waited: what was stored just after the run before had begun to read is shown
    when this one ends. Of runs of all sites, and of all runs: those that are watched are in each."""
    delays: list[float] = []
    of_watched: list[float] = []
    before = before_any = time.monotonic()
    end = before + seconds
    while time.monotonic() < end or not delays:
        started = time.monotonic()
        done = pipeline.roll_up()
        if done:
            of_watched.append(time.monotonic() - before_any)
            before_any = started
        if {site for site, _ in done} - watched:
            delays.append(time.monotonic() - before)
            before = started
        time.sleep(max(0.0, started + pipeline.settings.every_s - time.monotonic()))
    return delays, of_watched
