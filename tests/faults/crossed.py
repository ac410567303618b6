"""Pairs that are released with a block, and pairs and segments that are added to its days, killed at the first
statement, STEP later and so on.

In: `python -m tests.faults.crossed DIR STEP`. Out: a JSON line of each life (doomed.py): what the life before, which
was cut off, had made readable, and what that is after a rerun. Then the block of another site is closed, and killed
before the nth statement.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from functools import partial
from typing import Any

import structlog
from msgspec import structs

from pipeline.adding.pairs import add_pairs
from pipeline.adding.segments import add_segments
from pipeline.blocks import close_blocks
from pipeline.close_days import close_days
from pipeline.manifest import read_entries
from pipeline.settings import SiteRules
from schema.migrate import migrate
from schema.segment import Segment
from schema.site import Site
from schema.store import Store
from tests.conftest import insert, make_event
from tests.faults.blocked import NOON, NOW, SUNDAY
from tests.faults.doomed import doom, lives

RULES = SiteRules(5, 20, "balanced", networks=1, k_late=6, late_others=3)
_CELLS = {("AT", "mobile"): 8, ("AT", "desktop"): 3, ("CH", "mobile"): 4, ("CH", "desktop"): 8}


def site_of(number: int, later: bool = False) -> Site:
    """later: what is declared when its days are released."""
    site = Site(f"crossed-{number}", pairs=("country x device",))
    if not later:
        return site
    return structs.replace(
        site, pairs=(*site.pairs, "device x language"), segments=(Segment("Phones", {"device": "mobile"}),)
    )


def fill(store: Store, site: Site) -> None:
    """Two days of two countries by two devices, two cells of few: a week tells what both hide."""
    for day, noon in ((SUNDAY - dt.timedelta(days=1), NOON - 86_400), (SUNDAY, NOON)):
        common: dict[str, Any] = {"lifetime": 20, "language": "de"}
        who = [cell for cell, people in _CELLS.items() for _ in range(people)]
        events = [
            make_event(site.key, noon + n, day, visitor=n, network_number=n, country=country, device=device, **common)
            for n, (country, device) in enumerate(who, start=1)
        ]
        insert(store, events)
    store.insert("watermarks", ("spool", "received_through"), (("1",), (NOW,)))


def told(store: Store, site: Site) -> dict[str, Any]:
    """What entries of the manifest make readable beside days, and how many rows these say that it is."""
    found = {}
    for entry in read_entries(store, site.key):
        if entry.grain:
            given = {"s": site.key, "g": entry.grain, "d": entry.day}
            where = "WHERE site = {s:String} AND grain = {g:String} AND day = {d:Date} ORDER BY ALL"
            tables = [
                store.rows(f"SELECT * EXCEPT site FROM late_{name} {where}", given) for name in ("pairs", "segments")
            ]
            found[f"{entry.grain} {entry.day}"] = [entry.rows, sum(map(len, tables)) if entry.span == 0 else -1, tables]
    return found


def close(store: Store, number: int) -> None:
    close_blocks(store, [(site_of(number), RULES)], NOW, 300)
    for add in (add_pairs, add_segments):
        add(store, site_of(number, later=True), RULES, NOW, float("inf"))


def live(directory: str, step: int, number: int) -> None:
    store = Store(f"chdb://{directory}")
    migrate(store)
    if number > 1:
        readable = told(store, site_of(number - step))
        close(store, number - step)
        again = told(store, site_of(number - step))
        print(json.dumps({"before": readable, "after": again}, default=str), flush=True)
    else:
        print(json.dumps(None), flush=True)
    fill(store, site_of(number))
    close_days(store, [(site_of(number), RULES)], NOW, 300, frozenset())
    doom(store, number)
    close(store, number)


if __name__ == "__main__":
    directory, step = sys.argv[1:]
    # What is logged would be the last line.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    lives(partial(live, directory, int(step)), int(step))
