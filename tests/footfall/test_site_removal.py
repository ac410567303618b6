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
from pipeline.release import release
from pipeline.schedule import Pipeline
from pipeline.settings import RollupSettings, SiteRules
from pipeline.site_data import _TABLES, stored_sites
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


def fill(store: Store, site: SiteSettings, path: str = "/") -> list[dt.date]:
    """Two released days and an open one, with rows in every table that names sites."""
    today = dt.datetime.now(dt.UTC).date()
    days = [today - dt.timedelta(days=ago) for ago in (5, 4, 0)]
    for day in days:
        start = day_bounds("UTC", day_number(day)).start
        common: dict[str, Any] = {"path": path, "country": "DE"}
        events = [make_event(site.key, start + 9, day, visitor=n, lcp=900.0, scroll=50, **common) for n in range(1, 5)]
        bought = {"name": "bought", "props": {"url": "/"}, "currency": "EUR", "amount": -5, **common}
        events += [make_event(site.key, start + 20, day, visitor=n, **bought) for n in range(1, 5)]
        events += [make_event(site.key, start + 30, day, visitor=n, **common | {"path": "/next"}) for n in range(1, 5)]
        # In the next quarter of an hour as many.
        late = [structs.replace(event, received=event.received + 900, visitor=event.visitor + 10) for event in events]
        insert(store, [*events, *late])
    release(store, "events", site, days[:2], RULES, time.time(), "live")
    sum_months(store)
    for family in LATE:
        store.insert(f"late_{family}", ("site", "grain", "day"), ((site.key,), ("week",), (days[0],)))
    for family in WAITING:
        store.insert(f"waiting_{family}", ("site", "day", "expires"), ((site.key,), (days[0],), (dt.date(2099, 1, 1),)))
    # Of an open day journeys are told with k = 1 only; segments, and what is added later, are not of this site.
    of_segments = (f"released_{name}" for name in ("segments", "segment_goals", "segment_vitals"))
    for table in ("open_journeys", "next_journeys", *of_segments, "late_funnels"):
        store.insert(table, ("site", "day"), ((site.key,), (days[0],)))
    store.insert("waiting_days", ("site", "day", "expires"), ((site.key,), (days[0],), (dt.date(2099, 1, 1),)))
    # Too few are in a band of web vitals.
    store.insert("released_experience", ("site", "grain", "day"), ((site.key,), ("day",), (days[0],)))
    store.insert("ingest", ("site", "minute", "reason", "count"), ((site.key,), (int(time.time()),), ("ok",), (3,)))
    store.insert("bare_totals", ("site", "day", "pageviews"), ((site.key,), (days[0],), (30,)))
    store.insert("bounds", ("site", "day", "expires"), ((site.key,), (days[0],), (dt.date(2099, 1, 1),)))
    store.insert("outcomes", ("site", "day", "reason", "count"), ((site.key,), (days[0],), ("ok",), (0,)))
    annotate(store, site.key, days[0], "Launch")
    for table in ("crawler_views", "crawlers"):
        row = ((site.key,), (days[0],), ("GPTBot",), ("/",), (3,))
        store.insert(table, ("site", "day", "crawler", "section", "views"), row)
    return days


def rows_in(store: Store, site: SiteSettings) -> dict[str, int]:
    return {
        table: store.rows(f"SELECT count() FROM {table} WHERE site = {{s:String}}", {"s": site.key})[0][0]
        for table in _TABLES
    }


class House:
    """A house on the one store of this process: `gone` was set up, `stays` is."""

    def __init__(self, store: Store, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.gone, self.stays = site_of("gone"), site_of("stays")
        self.directory = directory
        settings = Settings(data=str(directory), demo=False, sites=(self.stays,))
        with_former(directory / "sites.json", [(self.gone, RULES), (self.stays, RULES)])
        self.started_without()
        self.engine = Engine(settings, store)
        self.pipeline = self.engine.pipeline = Pipeline(
            store, [(self.gone, RULES), (self.stays, RULES)], RollupSettings(), clock=lambda: self._now or time.time()
        )
        self._now = 0.0
        self.tokens = Tokens(directory / "tokens.json")

        @contextlib.contextmanager
        def opened(_: Settings) -> Iterator[Engine]:
            yield self.engine

        monkeypatch.setattr(command, "opened_for_changes", opened)

    def started_without(self) -> None:
        """As a start does whose settings do not name `gone` any more."""
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


@pytest.fixture
def house(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    return House(store, tmp_path, monkeypatch)


def test_a_site_is_removed_with_all_there_is_of_it_and_no_other_is_touched(store: Store, house: House) -> None:
    gone, stays = house.gone, house.stays
    days = fill(store, gone)
    fill(store, stays)
    house.roll_up()
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
    fill(store, gone)
    assert [entry.number for entry in read_entries(store, gone.key)] == [1, 2]
    assert read_entries(store, gone.key)[0].previous == ""


@pytest.mark.parametrize("at", [pytest.param(1, marks=pytest.mark.long), 6])
def test_a_removal_that_is_cut_off_is_ended_by_the_same_again(
    store: Store, house: House, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    fill(store, house.gone)
    house.roll_up()
    plain, deletes = store.command, itertools.count(1)

    def breaking(sql: str, *arguments: Any, **settings: Any) -> None:
        if "DELETE WHERE site" in sql and next(deletes) > at:
            raise StoreDown("gone")
        plain(sql, *arguments, **settings)

    with monkeypatch.context() as broken:
        broken.setattr(store, "command", breaking)
        assert house.run("remove", house.gone.key, "--yes").exit_code == 1
    assert any(rows_in(store, house.gone).values())
    assert house.gone.key in house.listed()
    assert house.run("remove", house.gone.key, "--yes").exit_code == 0
    assert house.gone.key not in stored_sites(store)
    assert house.gone.key not in house.listed()
