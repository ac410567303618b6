"""A site that was taken out of the settings: its open day closes by the rules that held for it, and it is told of."""

from __future__ import annotations

import datetime as dt
import itertools
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from footfall.control.sites import sites_with_data
from footfall.settings import Settings, SiteSettings
from footfall.supervisor.paths import former_sites
from pipeline.close_days import close_days
from pipeline.former import FormerUnreadable, forget, last_declared, once_set_up, with_former
from pipeline.settings import SiteRules
from schema.site import Goal, Site, day_bounds, day_number
from schema.store import Store
from schema.undeclared import undeclared
from tests.conftest import insert, make_event

pytestmark = [pytest.mark.clickhouse, pytest.mark.usefixtures("no_spool_is_enrolled")]

DAY = dt.date(2044, 3, 9)
_NUMBER = itertools.count(1)


@pytest.fixture
def key() -> str:
    # The log names some sites, the first ones by their keys, and other tests leave undeclared ones in this store.
    return f"00-former-{next(_NUMBER):03}.example"


def with_visitors(store: Store, key: str, zone: str, people: int) -> None:
    start = day_bounds(zone, day_number(DAY)).start
    insert(store, [make_event(key, start + 60 * n, DAY, visitor=n + 1) for n in range(people)])


def arrived(store: Store, second: int) -> None:
    store.insert("watermarks", ("spool", "received_through"), (("a",), (second,)))


@pytest.mark.slow
def test_an_open_day_of_a_removed_site_closes_in_its_own_time_zone_and_by_its_own_k(
    store: Store, key: str, tmp_path: Path
) -> None:
    zone = "Asia/Kolkata"
    site = SiteSettings(key, timezone=zone, release_k=3, goals=(Goal("Home", page="/"),))
    house = Settings(data=str(tmp_path), demo=False, sites=(site,))
    sites_with_data(house, store)
    with_visitors(store, key, zone, 4)
    removed = Settings(data=str(tmp_path), demo=False)
    with capture_logs() as lines:
        sites = sites_with_data(removed, store)
    (told,) = [line for line in lines if line["event"] == "sites_undeclared"]
    assert key in told["sites"]
    assert "site remove" in told["remedy"]
    end = day_bounds(zone, day_number(DAY)).end
    arrived(store, end + 1_000)
    mine = [pair for pair in sites if pair[0].key == key]
    assert close_days(store, mine, end - 1, 15, frozenset()) == []
    assert close_days(store, mine, end + 15, 15, frozenset()) == [(key, DAY)]
    assert store.rows("SELECT k, complete FROM manifest WHERE site = {s:String}", {"s": key}) == [(3, True)]
    goals = store.rows("SELECT DISTINCT goal FROM released_conversions WHERE site = {s:String}", {"s": key})
    assert goals == [("Home",)]


def test_a_site_that_is_known_by_its_data_alone_closes_by_the_rules_of_sites_that_set_nothing(
    store: Store, key: str, tmp_path: Path
) -> None:
    with_visitors(store, key, "UTC", 6)
    sites = {site.key: rules for site, rules in sites_with_data(Settings(data=str(tmp_path), demo=False), store)}
    assert sites[key] == Settings(demo=False).rules_of(SiteSettings(key))


@pytest.mark.slow
def test_undeclared_sites_are_told_with_their_days_and_no_number_of_people(store: Store, key: str) -> None:
    with_visitors(store, key, "UTC", 6)
    (mine,) = [one for one in undeclared(store, ()) if one.site == key]
    assert (mine.released, mine.open, mine.first, mine.last) == (0, 1, DAY, DAY)
    assert key not in [one.site for one in undeclared(store, (key,))]
    assert key not in [one.site for one in undeclared(store, (), raw=False)], "what the dashboards may read has none"
    store.insert("open_cells", ("site", "grain", "day", "visitors"), ((key,), ("day",), (DAY,), (6,)))
    assert key in [one.site for one in undeclared(store, (), raw=False)]
    arrived(store, day_bounds("UTC", day_number(DAY)).end)
    close_days(store, [(Site(key), SiteRules(5, 30, "balanced"))], 4_000_000_000, 15, frozenset())
    (mine,) = [one for one in undeclared(store, (), raw=False) if one.site == key]
    assert (mine.released, mine.open) == (1, 0)


def test_what_is_remembered_follows_the_settings_and_who_cannot_read_it_is_told(tmp_path: Path) -> None:
    path, rules = tmp_path / "sites.json", SiteRules(5, 30, "balanced")
    first, second = Site("a.example", timezone="Europe/Paris"), Site("b.example")
    with_former(path, [(first, rules), (second, rules)])
    assert path.stat().st_mode & 0o777 == 0o600
    assert last_declared(path) == {"a.example", "b.example"}
    assert with_former(path, [(second, rules)]) == [(second, rules), (first, rules)]
    assert last_declared(path) == {"b.example"}
    moved = Site("b.example", timezone="Asia/Tokyo")
    with_former(path, [(moved, SiteRules(9, 30, "balanced"))])
    assert once_set_up(path, "b.example") == (moved, SiteRules(9, 30, "balanced"))
    whole = path.read_bytes()
    tree = msgspec.json.decode(whole)
    tree["a.example"]["site"]["timezone"] = "Nowhere/Land"
    for damaged in (b"{", b"", b"[]", msgspec.json.encode(tree)):
        path.write_bytes(damaged)
        # By looser rules its days would tell more than was promised.
        with pytest.raises(FormerUnreadable, match="restore it from a backup"):
            with_former(path, [(second, rules)])
        assert path.read_bytes() == damaged
    path.write_bytes(whole)
    forget(path, "b.example")
    assert once_set_up(path, "b.example") is None


def test_the_file_is_beside_the_data(tmp_path: Path) -> None:
    assert former_sites(Settings(data=str(tmp_path))) == tmp_path / "sites.json"


@pytest.mark.slow
def test_a_day_that_began_before_the_house_was_restored_is_released_as_incomplete(store: Store, key: str) -> None:
    bounds = day_bounds("UTC", day_number(DAY))
    site, rules = Site(key), SiteRules(5, 30, "balanced")
    after = DAY + dt.timedelta(days=1)
    for day in (DAY, after):
        start = day_bounds("UTC", day_number(day)).start
        insert(store, [make_event(key, start + 60 * n, day, visitor=n + 1) for n in range(6)])
    arrived(store, bounds.end + 86_400)
    restored = bounds.start + 3_600.0
    closed = close_days(store, [(site, rules)], bounds.end + 86_415, 15, frozenset(), whole_since=restored)
    assert closed == [(key, DAY), (key, after)]
    found = store.rows("SELECT day, complete FROM manifest WHERE site = {s:String} ORDER BY day", {"s": key})
    assert found == [(DAY, False), (after, True)]
