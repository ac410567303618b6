"""How much is measured: the plan of a whole run, of a quick one, and of the sites of growth.

In: nothing. Out: frozen values, printed with the figures.
"""

from __future__ import annotations

from msgspec import Struct, structs


class Plan(Struct, frozen=True):
    """seconds: of each load. turns: how often each server has it; rounds: how often all else is done. connections: that
    send at once; crowd: the same where more do. addresses, agents, paths: how many different ones the load has.
    backlog: events drained. events, new_events: raw events rolled up, and those that come before the next run. days,
    cells, vitals: the released days that dashboards read, and the rows of each. repeats: how often a question is asked.
    sites, sites_s: how many are busy at once, and for how long. house_s: for how long a house is looked at that nobody
    looks at. log_lines: of an access log. installs: whether everything is downloaded once more."""

    seed: int = 1
    seconds: float = 3
    turns: int = 9
    rounds: int = 3
    connections: int = 64
    crowd: int = 256
    addresses: int = 5_000
    agents: int = 200
    paths: int = 500
    backlog: int = 150_000
    events: int = 1_000_000
    new_events: int = 10_000
    days: int = 730
    cells: int = 800
    vitals: int = 3_000
    repeats: int = 40
    sites: int = 200
    sites_s: float = 60
    house_s: float = 60
    log_lines: int = 1_000_000
    installs: bool = True


QUICK = Plan(
    seconds=0.5, turns=1, rounds=1, crowd=128, addresses=5_000, backlog=4_000, events=4_000, new_events=400, days=40,
    cells=100, vitals=300, repeats=3, sites=3, sites_s=2, house_s=1, log_lines=5_000, installs=False,
)  # fmt: skip
# Ten thousand events a day is a small site; ten times that is what the plan's own rows a day belong to.
FACTORS = (1, 10, 100)
QUICK_FACTORS = (1,)
_SMALL_EVENTS = 10_000
# Enough to see a slope; more would only take longer.
_LONGEST_BACKLOG, _GROWN_DAYS = 300_000, 365


def grown(plan: Plan, factor: int, quick: bool) -> Plan:
    """The plan for a site with that many times 10,000 events a day: more people, more pages, more values that enough
    people share. Loads are shorter: there are several."""
    events = (1_000 if quick else _SMALL_EVENTS) * factor
    return structs.replace(
        plan,
        seconds=min(plan.seconds, 3),
        turns=1,
        rounds=1,
        addresses=5_000 * factor,
        paths=500 * factor,
        backlog=min(events, _LONGEST_BACKLOG),
        events=events,
        days=min(plan.days, _GROWN_DAYS),
        cells=80 * factor,
        vitals=300 * factor,
    )
