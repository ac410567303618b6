"""A day through everything, in a process and a store of its own: spool file → writer → rollup → release → months, and
an import beside it. Prints every row of every kept table as JSON, by the names of the columns.

    python -m tests.pipeline.one_day DIRECTORY [PLACE]

PLACE: "front" or "behind": every table gets one column more, before the first or the last of its own.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import sys
import time
from pathlib import Path
from typing import Any

from msgspec import structs

from pipeline.close_days import close_days
from pipeline.imports import Import
from pipeline.months import sum_months
from pipeline.rollup.stages import roll_up
from pipeline.settings import SiteRules
from pipeline.spool.file import Header, OpenFile, make_directory, seal
from pipeline.spool.quarantine import Quarantine
from pipeline.writer import Writer
from schema import migrate as migrating
from schema.event import ENGAGEMENT, Count, Erasure, Event
from schema.families import FAMILIES, LIVE
from schema.funnel import Funnel, Step
from schema.migrate import migrate, migrations
from schema.segment import Segment
from schema.site import Goal, Site, day_bounds, day_number
from schema.store import Store
from tests.conftest import make_event

ADDED = "added_meanwhile"
_COLUMN = f"    {ADDED} String DEFAULT 'added',\n"
# Far ahead, so that no TTL takes the rows while they are looked at.
DAY = dt.date(2041, 5, 6)
START = day_bounds("UTC", day_number(DAY)).start
SITE = Site(
    "day.example",
    goals=(Goal("buy", event="buy"), Goal("Page 1", page="/1")),
    properties=("plan",),
    funnels=(Funnel("Bought", (Step(page="/0"), Step(event="buy"))),),
    segments=(Segment("Everybody", {"page": "/**"}),),
    journeys=True,
)
RULES = SiteRules(2, 30, "balanced")
_TEXTS = tuple(
    name for name, kind in Event.__annotations__.items() if kind == "str" and name not in ("site", "name", "currency")
)
# Not the same in two runs.
_OF_THE_RUN = {"made"}
_TABLES = (
    # Of an open day journeys are told with a k of 1 only.
    *(f"open_{family}" for family in LIVE if family != "journeys"),
    *(f"released_{family}" for family in FAMILIES),
    *("months", "months_cells", "months_vitals", "manifest", "events", "ingest", "watermarks", "erasures"),
)


def widened(source: str, place: str) -> str:
    """A migration with one column more in each table that it makes."""

    def widen(found: re.Match[str]) -> str:
        head, body = found[1], found[2]
        if place == "front":
            return f"{head}{_COLUMN}{body})\nENGINE"
        last = [each.start() for each in re.finditer(r"^    \w.*\n", body, re.M)][-1]
        # What a loop writes, is written more than once.
        if "{% for" in body:
            last = body.index("{% for")
        return f"{head}{body[:last]}{_COLUMN}{body[last:]})\nENGINE"

    return re.sub(r"(CREATE TABLE [^\n]*\n\(\n)(.*?)^\)\nENGINE", widen, source, flags=re.S | re.M)


def _events(day: dt.date) -> list[Event]:
    """Eight people on three pages, each dimension with values of its own; who buys, what is measured: of those for whom
    pages were fast as many buy as k asks for, and as many do not, and so do the others."""
    start = day_bounds("UTC", day_number(day)).start
    found = []
    for visitor in range(8):
        many = {name: f"{name}-{visitor % 2}" for name in _TEXTS} | {"visitor": visitor + 1, "props": {"plan": "a"}}
        for step in range(1 + visitor % 3):
            page = {"path": f"/{step}"}
            found.append(make_event(SITE.key, start + 60 * step + visitor, day, **(many | page)))
        bought = {"name": ("buy", "look")[visitor % 4 // 2], "currency": "EUR", "amount": 100 + visitor, "path": "/0"}
        found.append(make_event(SITE.key, start + 300, day, **(many | bought)))
        left = {"name": ENGAGEMENT, "engaged_ms": 1000 + visitor, "scroll": 50, "path": "/0"}
        vitals = {"lcp": (900.0, 5000.0)[visitor // 4], "inp": 80.0, "cls": 0.05, "fcp": 700.0, "ttfb": 200.0 + visitor}
        found.append(make_event(SITE.key, start + 400, day, **(many | left | vitals)))
    return found


def _write(spool: Path, serial: int, events: list[Event], erasures: list[Erasure]) -> None:
    # The time that its name tells: a file's events would be past their lifetime years after it.
    header = Header(f"{serial:032x}", int(time.time()), serial, 0, 10)
    file = OpenFile(spool / f"{header.created:010d}-{serial:02d}.open", header)
    file.commit(events, [Count(SITE.key, START, "accepted", len(events))], erasures)
    file.close()
    seal(file.path)


def tables(store: Store) -> dict[str, list[Any]]:
    """Every row of the kept tables, without the column that was added."""
    found = {}
    for table in _TABLES:
        columns = [
            name
            for (name,) in store.rows(
                "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = {t:String}",
                {"t": table},
            )
            if name != ADDED
            and name not in _OF_THE_RUN
            and not (table == "watermarks" and name != "spool")
            and not (table == "events" and name == "sequence")
        ]
        rows = store.rows(f"SELECT {', '.join(columns)} FROM {table}")
        found[table] = sorted((dict(zip(columns, map(str, row), strict=True)) for row in rows), key=str)
    return found


def main(directory: Path, place: str = "") -> None:
    sources = migrations()
    if place:
        sources = {name: widened(source, place) for name, source in sources.items()}
    migrating.migrations = lambda: sources
    store = Store(f"chdb://{directory / 'store'}")
    migrate(store)
    if place:
        lacking = store.rows(
            "SELECT table FROM system.columns WHERE database = currentDatabase() AND table != 'migrations' "
            f"GROUP BY table HAVING countIf(name = '{ADDED}') != 1"
        )
        assert not lacking, f"no column was added to {lacking}"
    spool = directory / "spool" / "0"
    make_directory(spool)
    writer = Writer(store, directory / "spool", Quarantine(directory / "quarantine"))
    before = DAY - dt.timedelta(days=1)
    live, earlier = _events(DAY), _events(before)
    for serial, events in enumerate((earlier, live[:-9], live[-9:])):
        _write(spool, serial, events, [Erasure(SITE.key, START + 900, day_number(DAY), 99)] * (serial == 2))
        writer.drain()
        roll_up(store, SITE, DAY, RULES)
    assert writer.events == len(live) + len(earlier)
    writer.publish_watermarks()
    # Only the first of the two days is over.
    now = START + 7300
    store.insert("watermarks", ("spool", "received_through"), (["0"], [START + 7200]))
    assert close_days(store, [(SITE, RULES)], now, 3600, frozenset()) == [(SITE.key, before)]
    run = Import(store)
    run.begin()
    imported = before - dt.timedelta(days=3)
    run.add([list(structs.astuple(event)) for event in _events(imported)])
    report = run.finish([(SITE, RULES)], now, "import")
    assert report.released == [imported.isoformat()]
    sum_months(store)
    print(json.dumps(tables(store)))
    store.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
