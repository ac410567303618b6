"""A rollup in the embedded engine, killed at its first statement, STEP later and so on.

In: `python -m tests.faults.rolled DIR STEP`. Out: a JSON line of each life (doomed.py): the rows that the kill before
left, and those after a rerun. Then it is rolled up again and killed before its nth statement.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from typing import Any

from pipeline.rollup.stages import roll_up
from pipeline.settings import SiteRules
from schema.families import CROSSED, LIVE
from schema.funnel import Funnel, Step
from schema.migrate import migrate
from schema.site import Goal, Site
from schema.store import Store
from tests.conftest import insert, make_event
from tests.faults.doomed import doom, lives
from tests.faults.spooled import DAY, NOON

FUNNEL = Funnel("Buy", (Step(page="/*"), Step(event="buy")))
SITE = Site("rolled", goals=(Goal("buy", event="buy"),), funnels=(FUNNEL,), properties=("plan",))
RULES = SiteRules(2, 30, "balanced")


def fill(store: Store) -> None:
    """A day with something in every family of rollups."""
    events = []
    for i in range(9):
        common: dict[str, Any] = {"visitor": 2**63 + i, "country": ("DE", "AT", "")[i % 3], "props": {"plan": "pro"}}
        events.append(make_event(SITE.key, NOON + i, DAY, path=f"/{i % 4}", lcp=900.5 + i, scroll=50, **common))
        events.append(make_event(SITE.key, NOON + 60 + i, DAY, name="buy", currency="EUR", amount=100 + i, **common))
    insert(store, events)


def told(store: Store) -> dict[str, list[Any]]:
    where = {"s": SITE.key}
    return {
        family: store.rows(f"SELECT * FROM open_{family} WHERE site = {{s:String}} ORDER BY ALL", where)
        # Of an open day journeys are told with k = 1 only.
        for family in LIVE.keys() - CROSSED
    }


def live(directory: str, number: int) -> None:
    store = Store(f"chdb://{directory}")
    migrate(store)
    if not store.rows("SELECT count() FROM events")[0][0]:
        fill(store)
    # Nobody ever sees half a day: what is there before the rerun is what was there before the kill, or the new rows.
    before = told(store)
    roll_up(store, SITE, DAY, RULES)
    print(json.dumps({"before": before, "after": told(store)}, default=str), flush=True)
    doom(store, number)
    roll_up(store, SITE, DAY, RULES)


if __name__ == "__main__":
    lives(partial(live, sys.argv[1]), int(sys.argv[2]))
