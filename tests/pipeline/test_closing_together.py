"""Days that close together (decision 0035) are released as each would be alone: the same rows, what waits of them, and
the same entries, to the byte."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from pipeline.release import Flaws, release, release_together
from pipeline.rollup.batch import Batch, SiteDay, batches
from pipeline.rollup.visits.goals_reached import filling_reached
from pipeline.rollup.visits.hits import filling_hits
from pipeline.settings import SiteRules
from schema.families import FAMILIES, WAITING_TABLES
from schema.site import Goal, Site, day_bounds, day_number
from schema.store import Store
from tests.conftest import insert, make_event

# Far ahead, so that no TTL takes the rows; the days are of two months, and on the first one a clock is put back.
FIRST, SECOND = dt.date(2043, 10, 25), dt.date(2043, 11, 1)
GOALS = (Goal("Buy", event="buy"), Goal("Read", page="/docs/**"))
WAITS = SiteRules(5, 30, "balanced", networks=5, k_late=10, late_others=3)
DAYS = (
    SiteDay(Site("together-berlin", timezone="Europe/Berlin", goals=GOALS), FIRST, WAITS),
    SiteDay(Site("together-berlin", timezone="Europe/Berlin", goals=GOALS), SECOND, WAITS),
    # The same names of goals and sections mean something else, and nobody is asked for his network.
    SiteDay(
        Site(
            *("together-one", (), (), "Asia/Kolkata", (Goal("Read", event="buy"), Goal("Buy", page="/1"))),
            sections={"Docs": "/1", "Blog": "/docs/a"},
        ),
        *(FIRST, SiteRules(1, 30, "accurate", networks=1)),
    ),
    SiteDay(Site("together-strict", sections={"Docs": "/docs/**"}), FIRST, SiteRules(7, 30, "strict", strict=True)),
    SiteDay(Site("together-accurate"), FIRST, SiteRules(3, 9, "accurate", networks=2, k_late=5)),
    # Nobody came.
    SiteDay(Site("together-empty", goals=GOALS), FIRST, WAITS),
)
FLAWS = (Flaws(True, False), Flaws(), Flaws(False, True), Flaws(), Flaws(True, True), Flaws())
FILLING = (filling_hits, filling_reached)
_TABLES = (*(f"released_{family}" for family in FAMILIES), *WAITING_TABLES, "manifest")


def fill(store: Store, place: int, of: SiteDay) -> None:
    """Visitors of the same numbers on every site: on each they are other people. Of some values there are few."""
    start = day_bounds(of.site.timezone, day_number(of.day)).start
    events = []
    for visitor in range(9 + 5 * place):
        about: dict[str, Any] = {"visitor": 1 + visitor, "network_number": 1 + visitor % (7 + place)}
        about |= {"country": ("DE", "DE", "FR", "AT")[visitor % 4], "lcp": 900.0 + 300 * (visitor % 3)}
        for step in range(1 + visitor % 3):
            path = ("/", "/1", "/docs/a", f"/docs/{visitor // 4}")[(visitor + step * place) % 4]
            events.append(make_event(of.site.key, start + 2000 * visitor + 40 * step, of.day, path=path, **about))
        if visitor % 2:
            bought = {"name": "buy", "currency": ("EUR", "USD")[visitor % 5 == 3], "amount": 100 + visitor}
            events.append(make_event(of.site.key, start + 2000 * visitor + 200, of.day, path="/1", **about | bought))
    insert(store, events)


def kept(store: Store) -> dict[tuple[str, str], bytes]:
    """All that is stored of each site, by table."""
    return {
        (table, key): store.text(
            f"SELECT * FROM {table} WHERE site = {{site:String}} ORDER BY ALL FORMAT TSV", {"site": key}
        )
        for table in _TABLES
        for key in {of.site.key for of in DAYS}
    }


@pytest.mark.slow
@pytest.mark.clickhouse
def test_days_that_close_together_are_released_as_each_would_be_alone(store: Store) -> None:
    for place, of in enumerate(DAYS):
        if of.site.key != "together-empty":
            fill(store, place, of)
    now = 1_000_000.0
    release_together(store, "events", DAYS, now, "live", FLAWS)
    together = kept(store)
    for table in _TABLES:
        mine = "site LIKE 'together-%'"
        store.command(f"ALTER TABLE {store.local(table)} DELETE WHERE {mine}", mutations_sync=2)
    assert not any(kept(store).values())
    for of, flaws in zip(DAYS, FLAWS, strict=True):
        complete = not flaws.incomplete
        release(store, "events", of.site, [of.day], of.rules, now, "live", complete, flaws.over_counted)
    assert together == kept(store)
    # Else the same bytes would say little.
    there = {table: {key for (name, key), text in together.items() if name == table and text} for table in _TABLES}
    assert len(there["manifest"]) == 5
    assert len(there["released_cells"]) == len(there["released_vitals"]) == 4
    assert there["released_conversions"] == {"together-berlin", "together-one"}
    assert there["waiting_days"] == {"together-berlin", "together-accurate", "together-empty"}
    assert there["waiting_cells"] == {"together-berlin", "together-accurate"}
    assert there["waiting_conversions"] == {"together-berlin"}


def test_goals_and_sections_of_many_days_are_named_once(store: Store) -> None:
    """The store reads no statement of more than 256 KiB, and holds each event against all that are named."""
    goals = tuple(Goal(f"Goal {number}", page=f"/somewhere/{number}/**") for number in range(150))
    site = Site("together-goals", goals=goals, sections={f"Part {number}": f"/{number}/**" for number in range(40)})
    days = [SiteDay(site, FIRST + dt.timedelta(n), WAITS) for n in range(100)]
    (batch,) = batches(days, dict.fromkeys((of.key for of in days), 1))
    alone, together = (Batch(store, tuple(some), "") for some in (days[:1], batch))
    assert [filling(alone)[0] for filling in FILLING] == [filling(together)[0] for filling in FILLING]
    assert len(filling_reached(together)[1]["goals"]) == len(goals)
    assert len(together.named["sections"]) == 40


def test_sites_that_name_much_close_in_more_batches(store: Store) -> None:
    """Of different goals and sections a statement names so many; of a site that has more, all."""
    pages = {f"Part {number}": f"/{number}/**" for number in range(40)}
    sites = [
        Site(
            f"together-{place}",
            goals=tuple(Goal(f"Goal {place}-{number}", event=f"e{number}") for number in range(goals)),
            sections=pages | {"Last": f"/{place}"},
        )
        for place, goals in enumerate((50, 50, 50, 50, 50, 300))
    ]
    days = [SiteDay(site, FIRST, WAITS) for site in sites]
    found = [*batches(days, dict.fromkeys((of.key for of in days), 1))]
    assert [of for batch in found for of in batch] == days
    assert [len(batch) for batch in found] == [2, 2, 1, 1]
    of_all = [Batch(store, tuple(batch), "") for batch in found]
    assert all(len(filling(of)[0]) < 100_000 for of in of_all for filling in FILLING)
