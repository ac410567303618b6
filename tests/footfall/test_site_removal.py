"""A site that stands in the settings no more is removed for good: its rows, and what processes have in memory of it."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from msgspec import structs

from collector.tokens import Tokens
from dashboards.sharing.shares import Share, Shares
from footfall.cli import main
from footfall.cli import site as command
from footfall.control.engine import Engine
from footfall.settings import Settings, SiteSettings
from pipeline.annotations import annotate
from pipeline.former import with_former
from pipeline.manifest import read_entries
from pipeline.months import sum_months
from pipeline.release import Flaws, release_together
from pipeline.rollup.batch import SiteDay
from pipeline.schedule import Pipeline
from pipeline.settings import RollupSettings, SiteRules
from pipeline.site_data import _TABLES, stored_sites
from schema.event import Event
from schema.families import LATE, WAITING
from schema.funnel import Funnel, Step
from schema.site import Goal, day_bounds, day_number
from schema.store import Store, StoreDown
from tests.conftest import insert, make_event

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]

Run = Callable[..., Result]
RULES = SiteRules(2, 30, "balanced")
_NUMBER = itertools.count(1)


def site_of(key: str) -> SiteSettings:
    return SiteSettings(
        f"{key}-{next(_NUMBER)}.example",
        domains=(f"{key}.test",),
        goals=(Goal("Bought", event="bought"),),
        funnels=(Funnel("Bought", (Step(page="/"), Step(event="bought"))),),
        journeys=True,
    )


def released(store: Store, *sites: SiteSettings) -> list[dt.date]:
    """Two released days of each site, and an open one."""
    today = dt.datetime.now(dt.UTC).date()
    days = [today - dt.timedelta(days=ago) for ago in (5, 4, 0)]
    insert(store, [event for site in sites for day in days for event in _came(site, day)])
    of_sites = [SiteDay(site, day, RULES) for site in sites for day in days[:2]]
    release_together(store, "events", of_sites, time.time(), "live", [Flaws()] * len(of_sites))
    return days


def _came(site: SiteSettings, day: dt.date) -> list[Event]:
    start = day_bounds("UTC", day_number(day)).start
    common: dict[str, Any] = {"path": "/", "country": "DE"}
    events = [make_event(site.key, start + 9, day, visitor=n, lcp=900.0, scroll=50, **common) for n in range(1, 5)]
    bought = {"name": "bought", "props": {"url": "/"}, "currency": "EUR", "amount": -5, **common}
    events += [make_event(site.key, start + 20, day, visitor=n, **bought) for n in range(1, 5)]
    events += [make_event(site.key, start + 30, day, visitor=n, **common | {"path": "/next"}) for n in range(1, 5)]
    # In the next quarter of an hour as many.
    late = [structs.replace(event, received=event.received + 900, visitor=event.visitor + 10) for event in events]
    return [*events, *late]


def fill(store: Store, *sites: SiteSettings) -> list[dt.date]:
    """The same, with rows of each in every table that names sites."""
    days = released(store, *sites)
    sum_months(store)

    def put(table: str, **values: Any) -> None:
        rows = zip(*((site.key, *values.values()) for site in sites), strict=True)
        store.insert(table, ("site", *values), tuple(rows))

    day, expires = days[0], dt.date(2099, 1, 1)
    for family in LATE:
        put(f"late_{family}", grain="week", day=day)
    for family in WAITING:
        put(f"waiting_{family}", day=day, expires=expires)
    # Of an open day journeys are told with k = 1 only; segments, and what is added later, are not of this site.
    of_segments = (f"released_{name}" for name in ("segments", "segment_goals", "segment_vitals"))
    for table in ("open_journeys", "next_journeys", *of_segments, "late_funnels"):
        put(table, day=day)
    put("waiting_days", day=day, expires=expires)
    # Too few are in a band of web vitals.
    put("released_experience", grain="day", day=day)
    put("ingest", minute=int(time.time()), reason="ok", count=3)
    put("bare_totals", day=day, pageviews=30)
    put("bounds", day=day, expires=expires)
    put("outcomes", day=day, reason="ok", count=0)
    for site in sites:
        annotate(store, site.key, day, "Launch")
    for table in ("crawler_views", "crawlers"):
        put(table, day=day, crawler="GPTBot", section="/", views=3)
    return days


def rows_in(store: Store, site: SiteSettings) -> dict[str, int]:
    return {
        table: store.rows(f"SELECT count() FROM {table} WHERE site = {{s:String}}", {"s": site.key})[0][0]
        for table in _TABLES
    }


class House:
    """A house on the one store of this process: `gone` and `cut` were set up, `stays` is. All have all there can be."""

    def __init__(self, store: Store, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.gone, self.stays = site_of("gone"), site_of("stays")
        # By where its removal is cut off.
        self.cut = {at: site_of(f"cut-{at}") for at in (1, 6)}
        self.directory = directory
        settings = Settings(data=str(directory), demo=False, sites=(self.stays,))
        served = [(site, RULES) for site in (self.gone, *self.cut.values(), self.stays)]
        with_former(directory / "sites.json", served)
        self.started_without()
        self.engine = Engine(settings, store)
        self.pipeline = self.engine.pipeline = Pipeline(
            store, served, RollupSettings(), clock=lambda: self._now or time.time()
        )
        self._now = 0.0
        self.tokens = Tokens(directory / "tokens.json")

        @contextlib.contextmanager
        def opened(_: Settings) -> Iterator[Engine]:
            yield self.engine

        monkeypatch.setattr(command, "opened_for_changes", opened)
        self.days = fill(store, self.gone, *self.cut.values(), self.stays)
        self.roll_up()

    def started_without(self) -> None:
        """As a start does whose settings name `stays` alone."""
        with_former(self.directory / "sites.json", [(self.stays, RULES)])

    def roll_up(self) -> None:
        """Have the open days shown, and a snapshot of them beside it."""
        today = dt.datetime.now(dt.UTC).date()
        for quarter in (1, 2):
            self._now = day_bounds("UTC", day_number(today)).start + 900.0 * quarter + 61
            self.pipeline._due = 0.0
            self.pipeline.roll_up()
        self._now = 0.0

    def run(self, *arguments: str) -> Result:
        given = ("--data", str(self.directory), "--set", "demo=false", "--set", f"sites=[{{key='{self.stays.key}'}}]")
        return CliRunner().invoke(main, ["site", *arguments, *given])

    def listed(self) -> dict[str, dict[str, Any]]:
        done = self.run("list", "--json")
        assert done.exit_code == 0, done.output
        return {one["site"]: one for one in json.loads(done.stdout)}


@pytest.fixture(scope="module")
def house(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with pytest.MonkeyPatch.context() as patch:
        yield House(store, tmp_path_factory.mktemp("house"), patch)


def test_a_site_is_removed_with_all_there_is_of_it_and_no_other_is_touched(store: Store, house: House) -> None:
    gone, stays = house.gone, house.stays
    days = house.days
    for key in (gone.key, gone.key, stays.key):
        house.tokens.create(key, "shop")
    with contextlib.closing(Shares(house.directory / "shares.sqlite")) as links:
        links.make(Share("x", (gone.key, stays.key)))
    before = rows_in(store, stays)
    assert all(rows_in(store, gone).values())
    assert house.listed()[gone.key] == {
        "site": gone.key,
        "domains": ["gone.test"],
        "state": "in no settings",
        "released": 2,
        "open": 1,
        "first": days[0].isoformat(),
        "last": days[-1].isoformat(),
    }
    assert house.listed()[stays.key]["state"] == "in the settings"
    assert gone.key in house.run("list").stdout

    refused = house.run("remove", stays.key, "--yes")
    assert refused.exit_code == 1
    assert "take it out of the settings" in refused.output
    asked = house.run("remove", gone.key)
    assert asked.exit_code == 1
    assert "2 released days" in asked.output
    assert "Say --yes" in asked.output
    assert all(rows_in(store, gone).values())

    done = house.run("remove", gone.key, "--yes", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["released"], told["had_raw_rows"], told["tokens"]) == (2, True, 2)
    assert not any(rows_in(store, gone).values())
    hidden = "SELECT sum(rows) FROM system.parts WHERE table = 'events' AND NOT active"
    assert store.rows(hidden)[0][0] == 0
    assert rows_in(store, stays) == before
    assert [token.site for token in house.tokens.all().values()] == [stays.key]
    with contextlib.closing(Shares(house.directory / "shares.sqlite")) as links:
        assert [link.sites for link in links.all()] == [(stays.key,)]
    assert gone.key not in (house.directory / "sites.json").read_text()
    assert gone.key not in house.listed()
    assert "there is nothing of it" in house.run("remove", gone.key, "--yes").output
    # The pipeline has forgotten it, and its name may be used again: with a chain of its own.
    house.pipeline._due = 0.0
    assert house.pipeline.roll_up() == []
    assert sum_months(store) == []
    released(store, gone)
    assert [entry.number for entry in read_entries(store, gone.key)] == [1, 2]
    assert read_entries(store, gone.key)[0].previous == ""


@pytest.mark.parametrize("at", [pytest.param(1, marks=pytest.mark.long), 6])
def test_a_removal_that_is_cut_off_is_ended_by_the_same_again(
    store: Store, house: House, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    gone = house.cut[at].key
    plain, deletes = store.command, itertools.count(1)

    def breaking(sql: str, *arguments: Any, **settings: Any) -> None:
        if "DELETE WHERE site" in sql and next(deletes) > at:
            raise StoreDown("gone")
        plain(sql, *arguments, **settings)

    with monkeypatch.context() as broken:
        broken.setattr(store, "command", breaking)
        assert house.run("remove", gone, "--yes").exit_code == 1
    assert any(rows_in(store, house.cut[at]).values())
    assert gone in house.listed()
    assert house.run("remove", gone, "--yes").exit_code == 0
    assert gone not in stored_sites(store)
    assert gone not in house.listed()
