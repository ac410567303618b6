"""What goals, funnels and properties add to rolling up one big day: the same events, with and without each of them.

In: a plan. Out: figures. A site that declares nothing has the same events with the same properties, so what it takes
less is what is declared.
"""

from __future__ import annotations

import os
import tempfile
import time

from msgspec import structs

from pipeline.rolling import watched_wait_s
from pipeline.rollup.stages import roll_up
from schema.funnel import Funnel, Step
from schema.migrate import migrate
from schema.site import Goal, Site
from schema.store import Store

from .figures import Figure
from .machine import processor_s, tell
from .plan import Plan
from .rollup import DAY, EVENTS_A_VISITOR, RULES, SITE, forget_visits, generate, peak_mb

PART = "declared"
# Every event has these; of `article` there are thousands, of `author` a few dozen.
PROPERTIES = ("plan", "author", "category", "experiment", "article")
GOALS = (
    Goal("Signup", event="signup"),
    Goal("Purchase", event="purchase"),
    Goal("Docs", page="/docs/**"),
    Goal("Blog", page="/blog/**"),
    Goal("Shop", section="/shop/"),
    Goal("Read", scroll=75),
    Goal("Stayed", duration=120),
    Goal("Paid", revenue=True),
    Goal("Pro", event="signup", properties={"plan": "pro"}),
    Goal("Categorised", event="purchase", properties={"category": "*"}),
)
FUNNELS = (
    Funnel("Buy", (Step(page="/shop/**"), Step(event="signup"), Step(event="purchase"))),
    Funnel("Learn", (Step(page="/blog/**"), Step(page="/docs/**"), Step(event="signup")), order="strict", within="day"),
)
_BARE = structs.replace(SITE, goals=(), properties=())
SITES: dict[str, Site] = {
    "nothing": _BARE,
    "10 goals": structs.replace(_BARE, goals=GOALS),
    "2 funnels": structs.replace(_BARE, funnels=FUNNELS),
    "5 properties": structs.replace(_BARE, properties=PROPERTIES),
    "all of them": structs.replace(_BARE, goals=GOALS, funnels=FUNNELS, properties=PROPERTIES),
}


def measure(plan: Plan) -> list[Figure]:
    """By turns, so that a slow hour is nobody's alone."""
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as name:
        store = Store(f"chdb://{name}")
        migrate(store)
        visitors = plan.events // EVENTS_A_VISITOR
        generate(store, SITE.key, DAY, visitors, properties=True)
        whole: dict[str, list[tuple[float, float]]] = {what: [] for what in SITES}
        after: dict[str, list[tuple[float, float]]] = {what: [] for what in SITES}
        at_once: list[tuple[float, float]] = []
        for turn in range(plan.rounds):
            for place, (what, site) in enumerate(SITES.items()):
                tell(f"{what}, run {turn + 1} of {plan.rounds}")
                forget_visits(store)
                whole[what].append(_took(store, site))
                _arrive(store, plan, visitors, turn * len(SITES) + place)
                after[what].append(_took(store, site))
            _took(store, SITES["all of them"], k=1)
            _arrive(store, plan, visitors, (plan.rounds + turn) * len(SITES))
            at_once.append(_took(store, SITES["all of them"], k=1))
        peak = peak_mb()
        store.close()
    return [
        *_figures("a whole day", whole, "<= 8"),
        *_figures("after some new events", after, ""),
        _figure("after some new events, k = 1: all of them", at_once),
        Figure(PART, "shown after, k = 1, at worst", _lag_s(at_once), "s", "<= 10", "of such runs in a row"),
        Figure(PART, "resident at its peak", peak, "MB", "<= 1500", "of all these"),
    ]


def _figures(what: str, runs: dict[str, list[tuple[float, float]]], goal: str) -> list[Figure]:
    return [_figure(f"{what}: {one}", took, goal if one == "all of them" else "") for one, took in runs.items()]


def _figure(name: str, took: list[tuple[float, float]], goal: str = "") -> Figure:
    """Of a machine that others use, too, the fastest run says most by either clock."""
    processor = min(used for _, used in took)
    return Figure(PART, name, min(s for s, _ in took), "s", goal, f"{processor:.2f} s of processor time")


def _lag_s(runs: list[tuple[float, float]]) -> float:
    """Of an event that comes just behind the beginning of a run and is looked for: the rest of that one, the pause, the
    run that counts it, and a second until it is stored."""
    run = min(s for s, _ in runs)
    return 2 * run + watched_wait_s(run) + 1


def _arrive(store: Store, plan: Plan, visitors: int, number: int) -> None:
    """New events of the day, half of them of some who were there before."""
    half = max(1, plan.new_events // EVENTS_A_VISITOR // 2)
    for which, first in enumerate((0, visitors)):
        sequence = plan.events * (2 + number * 2 + which) * 9
        generate(store, SITE.key, DAY, half, first + number * half, sequence, properties=True)


def _took(store: Store, site: Site, k: int = RULES.k) -> tuple[float, float]:
    """(seconds, processor seconds) of a run."""
    used, started = processor_s(os.getpid()), time.monotonic()
    roll_up(store, site, DAY, structs.replace(RULES, k=k))
    return time.monotonic() - started, processor_s(os.getpid()) - used
