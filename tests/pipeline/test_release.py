"""Rule R1: a closed day is released once, under a manifest, and nothing that happens later changes it."""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec import structs

from pipeline import release as released
from pipeline.close_days import LAST_CALL_S, close_days, may_close
from pipeline.copying import ManifestBroken, put_back, rows_of
from pipeline.manifest import Entry, manifest_digest, read_entries
from pipeline.open_days import OpenDay, open_days, received_through
from pipeline.release import ReleasedAlready, _publish, as_released, release
from pipeline.rollup.batch import SiteDay
from pipeline.rollup.stages import roll_up
from pipeline.settings import SiteRules
from pipeline.verify import check_chain, check_rows
from schema.families import FAMILIES as REGISTERED
from schema.measures import Measure
from schema.site import Goal, Site, day_bounds, day_number
from schema.store import Store, StoreDown
from tests.conftest import insert, make_event

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse, pytest.mark.usefixtures("no_spool_is_enrolled")]

DAY = dt.date(2042, 5, 7)
GRACE_S = 300
RULES = SiteRules(2, 30, "balanced")
FAMILIES = ("cells", "conversions", "vitals")
_NUMBER = itertools.count(1)


@pytest.fixture
def site() -> Site:
    return Site(f"release-{next(_NUMBER)}", goals=(Goal("buy", event="buy"),), pairs=())


def fill(store: Store, site: Site, day: dt.date = DAY, people: int = 6, **given: Any) -> int:
    """Some visits; when the day ends."""
    bounds = day_bounds(site.timezone, day_number(day))
    common: dict[str, Any] = {"country": "DE", "lcp": 1200.0} | given
    events = [
        make_event(site.key, bounds.start + 60 * i, day, visitor=i, path=f"/{i % 2}", **common) for i in range(people)
    ]
    events += [
        make_event(site.key, bounds.start + 60 * i + 5, day, visitor=i, name="buy", currency="EUR", amount=9, **common)
        for i in range(people)
    ]
    insert(store, events)
    return bounds.end


def arrive(store: Store, **through: int) -> None:
    """Spools report how far they have come."""
    store.insert("watermarks", ("spool", "received_through"), (list(through), list(through.values())))


def rows(store: Store, site: Site, state: str = "released", day: dt.date = DAY) -> list[Any]:
    """The rows of a day, the open ones as they would be released."""
    found = []
    for family in FAMILIES:
        table = f"{state}_{family}"
        select = as_released(family, table) if state == "open" else f"SELECT * FROM {table}"
        mine = f"{select} WHERE site = {{s:String}} AND day = {{d:Date}} ORDER BY ALL"
        found.append(store.rows(mine, {"s": site.key, "d": day}))
    return found


def manifests(store: Store, site: Site) -> list[dict[str, Any]]:
    names = Entry.__struct_fields__
    others = names[names.index("released_at") + 1 :]
    found = store.rows(
        f"SELECT site, number, day, toUnixTimestamp(released_at), {', '.join(others)} FROM manifest "
        "WHERE site = {s:String} ORDER BY number",
        {"s": site.key},
    )
    return [dict(zip(names, row, strict=True)) for row in found]


def test_a_released_day_can_be_read_and_is_what_was_open(store: Store, site: Site) -> None:
    fill(store, site)
    roll_up(store, site, DAY, RULES)
    before = rows(store, site, "open")
    release(store, "events", site, [DAY], RULES, 1_000, "live")
    assert all(before)
    assert rows(store, site) == before
    (manifest,) = manifests(store, site)
    assert manifest["rows"] == sum(len(family) for family in before)
    expected = {"origin": "live", "k": 2, "preset": "balanced", "complete": True, "over_counted": False}
    assert {name: manifest[name] for name in expected} == expected
    assert manifest["released_at"] == 1_000


def test_releasing_a_day_again_fails_and_changes_nothing(store: Store, site: Site) -> None:
    fill(store, site)
    release(store, "events", site, [DAY], RULES, 1_000, "live")
    before, manifest = rows(store, site), manifests(store, site)
    fill(store, site, people=9)
    with pytest.raises(ReleasedAlready, match=f"{site.key}: {DAY}"):
        release(store, "events", site, [DAY], RULES, 2_000, "live")
    assert (rows(store, site), manifests(store, site)) == (before, manifest)


def test_one_released_day_among_several_stops_them_all(store: Store, site: Site) -> None:
    days = [DAY, DAY + dt.timedelta(days=1)]
    for day in days:
        fill(store, site, day)
    release(store, "events", site, days[:1], RULES, 1_000, "live")
    with pytest.raises(ReleasedAlready):
        release(store, "events", site, days, RULES, 2_000, "import")
    assert len(manifests(store, site)) == 1
    assert not any(rows(store, site, day=days[1]))


def test_each_manifest_carries_the_digest_of_the_one_before(store: Store, site: Site) -> None:
    days = [DAY + dt.timedelta(days=i) for i in range(3)]
    for day in days:
        fill(store, site, day)
    release(store, "events", site, days[:2], RULES, 1_000, "import")
    release(store, "events", site, days[2:], RULES, 2_000, "live", complete=False, over_counted=True)
    chain = manifests(store, site)
    assert [m["previous"] for m in chain] == ["", *(manifest_digest(m) for m in chain[:-1])]
    assert (chain[2]["complete"], chain[2]["over_counted"]) == (False, True)


def test_the_same_events_give_the_same_digest_whatever_their_order(store: Store, site: Site) -> None:
    def published() -> Any:
        days = [SiteDay(site, DAY, RULES)]
        with released.staged(store, "events", days):
            told = released._publish(store, days)
        released._forget_unfinished(store, days)
        return told

    fill(store, site)
    first = published()
    store.command(f"OPTIMIZE TABLE events PARTITION (30, '{DAY}') FINAL")
    assert published() == first


def test_the_digest_of_a_day_is_what_it_always_was(store: Store) -> None:
    """Whatever the tables look like that a day is staged in. Its samples lie on both sides of every threshold, within a
    bucket, too."""
    site = Site("release-always", pairs=())
    values = [0.0, 900.0, 2490.0, 2500.0, 2501.0, 2530.0, 3999.0, 4000.0, 4001.0, 4001.0, 60_000.0]
    events = []
    for visitor, value in enumerate(values * 3):
        given: dict[str, Any] = {
            "visitor": visitor,
            "path": f"/{visitor % 4}",
            "country": "DE" if visitor % 9 else "FR",
        }
        events.append(make_event(site.key, day_bounds("UTC", day_number(DAY)).start + visitor, DAY, **given))
        given |= {"lcp": value, "cls": round(value / 16_000, 3), "name": "engagement"}
        events.append(make_event(site.key, day_bounds("UTC", day_number(DAY)).start + 60 + visitor, DAY, **given))
    insert(store, events)
    release(store, "events", site, [DAY], SiteRules(5, 30, "balanced"), 1_000, "live")
    (manifest,) = manifests(store, site)
    assert manifest["rows"] == 138
    assert manifest["version"] == "6"
    assert manifest["digest"] == digest(store, site, "2")
    # What days were released under before there were these dimensions and more columns, and is still found of what they
    # have.
    later = ("section", "browser_version", "os_version", "city", "served_language", "vitals by browser")
    assert digest(store, site, "1", later) == "cc6ed0d822b6efe8e044f1082d9d35de84f6e76e812d9da8b24344184e093b6e"
    assert digest(store, site, "2", later).startswith("681f3ba0dba250da7c39d28bf7415241")


def digest(store: Store, site: Site, version: str, without: Sequence[str] = ()) -> str:
    """The digest of a released day by what is stored of it. without: dimensions, of one family or all."""
    found, given = hashlib.sha256(), {"s": site.key, "d": DAY, "w": list(without)}
    which = "site = {s:String} AND day = {d:Date} AND dimension NOT IN {w:Array(String)} "
    which += "AND concat({f:String}, ' by ', dimension) NOT IN {w:Array(String)}"
    for family in FAMILIES:
        columns = ", ".join(Entry(site.key, 0, DAY, 0, "", "", 1, version=version).digested()[family])
        text = store.text(
            f"SELECT {columns} FROM released_{family} WHERE {which} ORDER BY ALL FORMAT TSV", given | {"f": family}
        )
        found.update(family.encode() + b"\n" + text if text else b"")
    return found.hexdigest()


def test_a_measure_that_is_added_later_changes_no_older_digest(
    store: Store, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = [DAY, DAY + dt.timedelta(days=1)]
    for day in days:
        fill(store, site, day)
    release(store, "events", site, days[:1], RULES, 1_000, "live")
    cells = REGISTERED["cells"]
    later = structs.replace(cells, measures=(*cells.measures, Measure("Added later.", name="later")))
    tables = ("staging_cells", "open_cells", "released_cells")
    try:
        for table in tables:
            store.command(f"ALTER TABLE {table} ADD COLUMN later UInt64 DEFAULT visits + 1")
        monkeypatch.setitem(REGISTERED, "cells", later)
        release(store, "events", site, days[1:], RULES, 2_000, "live")
        entries = read_entries(store, site.key)
        assert [entry.columns["cells"][-1] for entry in entries] == [cells.columns[-1], "later"]
        check_chain(entries)
        check_rows(store, site.key, entries)
        # Of the new column, too: where it is another, the rows are not those of the newer release.
        changed = f"ALTER TABLE released_cells UPDATE later = 0 WHERE site = '{site.key}'"
        store.command(changed, mutations_sync=2)
        check_rows(store, site.key, entries[:1])
        with pytest.raises(ManifestBroken, match=str(days[1])):
            check_rows(store, site.key, entries[1:])
    finally:
        monkeypatch.undo()
        for table in tables:
            store.command(f"ALTER TABLE {table} DROP COLUMN IF EXISTS later")


def test_a_copy_of_before_a_measure_was_added_is_put_back(store: Store, site: Site) -> None:
    fill(store, site)
    release(store, "events", site, [DAY], RULES, 1_000, "live")
    entries = read_entries(store, site.key)
    parts = list(rows_of(store, site.key, DAY.replace(day=1), entries))
    before = rows(store, site)
    released._forget_unfinished(store, [SiteDay(site, DAY, RULES)])
    for part in parts:
        if part.family == "cells":  # as it was written before the last one
            lines = part.text.splitlines()
            part = structs.replace(part, text=b"".join(line.rpartition(b"\t")[0] + b"\n" for line in lines))
        put_back(store, part, entries)
    assert [row[:-1] for row in rows(store, site)[0]] == [row[:-1] for row in before[0]]
    assert rows(store, site)[1:] == before[1:]


def test_what_entries_of_earlier_versions_are_digests_of_stays_the_same() -> None:
    key = ["site", "grain", "day", "period", "dimension", "value", "by_dimension", "by_value"]
    cells = [
        *["visitors", "visits", "pageviews", "events", "entries", "exits", "bounces", "visit_seconds", "engaged_ms"]
    ]
    others = {
        "conversions": [*key, "goal", "currency", "converters", "conversions", "amount", "payers"],
        "vitals": [*key, "metric", "bucket", "samples", "good", "poor", "people"],
    }
    for version, more in (("1", []), ("2", ["exit_views", "timed_visits"])):
        digested = Entry("a", 1, DAY, 5, "live", "balanced", 5, version=version).digested()
        assert {name: [*columns] for name, columns in digested.items()} == {"cells": key + cells + more} | others
    with pytest.raises(KeyError):
        Entry("a", 1, DAY, 5, "live", "balanced", 5, version="3").digested()


def test_entries_of_before_the_columns_were_named_are_digested_as_they_were() -> None:
    entry = Entry("a", 1, DAY, 5, "live", "balanced", 5, rows=3, digest="d", version="2")
    assert manifest_digest(structs.asdict(entry)) == (
        hashlib.sha256(
            b'{"complete": true, "day": "2042-05-07", "digest": "d", "k": 5, "number": 1, "origin": "live", '
            b'"over_counted": false, "preset": "balanced", "previous": "", "released_at": 5, "rows": 3, "site": "a", '
            b'"version": "2"}'
        ).hexdigest()
    )


def test_another_row_gives_another_digest(store: Store, site: Site) -> None:
    days = [DAY, DAY + dt.timedelta(days=1)]
    fill(store, site, days[0])
    fill(store, site, days[1], people=7)
    release(store, "events", site, days, RULES, 1_000, "live")
    first, second = manifests(store, site)
    assert first["digest"] != second["digest"]


def test_a_release_that_was_cut_off_is_cleaned_up_and_done_anew(
    store: Store, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, site)
    insert_ = store.insert

    def cut_off(table: str, *given: Any, **more: Any) -> None:
        if table == "manifest":
            raise KeyboardInterrupt
        insert_(table, *given, **more)

    monkeypatch.setattr(store, "insert", cut_off)
    with pytest.raises(KeyboardInterrupt):
        release(store, "events", site, [DAY], RULES, 1_000, "live")
    monkeypatch.undo()
    left = rows(store, site)
    assert any(left)
    assert manifests(store, site) == []
    release(store, "events", site, [DAY], RULES, 2_000, "live")
    assert rows(store, site) == left
    assert len(manifests(store, site)) == 1


@pytest.mark.parametrize(
    ("case", "after_end", "arrived_after_end", "expected"),
    [
        ("before midnight", -1, 0, (False, False)),
        ("within the grace", GRACE_S - 1, 0, (False, False)),
        ("a spool lags", GRACE_S, -1, (False, False)),
        ("all arrived", GRACE_S, 0, (True, True)),
        ("no spool has reported", 10 * GRACE_S, None, (False, False)),
        ("last call", 86_400 - LAST_CALL_S, -1, (True, False)),
        ("just before the last call", 86_400 - LAST_CALL_S - 1, -1, (False, False)),
        ("all arrived at last call", 86_400 - LAST_CALL_S, 5, (True, True)),
    ],
)
def test_a_day_closes_after_midnight_and_grace_once_every_spool_has_passed_it(
    case: str, after_end: int, arrived_after_end: int | None, expected: tuple[bool, bool]
) -> None:
    site = Site("s", timezone="Europe/Berlin")
    end = day_bounds(site.timezone, day_number(DAY)).end
    open_day = OpenDay("s", DAY, 1, end + 86_400)
    arrived = 0 if arrived_after_end is None else end + arrived_after_end
    assert may_close(site, open_day, end + after_end, arrived, GRACE_S) == expected, case


def test_a_day_whose_rows_expire_within_it_is_not_released_before_it_is_over() -> None:
    site = Site("s")
    bounds = day_bounds("UTC", day_number(DAY))
    assert may_close(site, OpenDay("s", DAY, 1, bounds.start + 3600), bounds.end - 1, 0, GRACE_S) == (False, False)


def test_the_slowest_spool_decides(store: Store, site: Site) -> None:
    end = fill(store, site)
    now = end + GRACE_S
    assert close_days(store, [(site, RULES)], now, GRACE_S, frozenset()) == []
    arrive(store, a=end + 100, b=end - 1)
    assert received_through(store) == end - 1
    assert close_days(store, [(site, RULES)], now, GRACE_S, frozenset()) == []
    arrive(store, b=end)
    assert close_days(store, [(site, RULES)], now, GRACE_S, frozenset()) == [(site.key, DAY)]
    assert close_days(store, [(site, RULES)], now, GRACE_S, frozenset()) == []
    assert manifests(store, site)[0]["complete"] is True


def test_a_site_whose_day_fails_keeps_no_other_from_closing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    sites = [Site(f"release-fails-{name}") for name in "abc"]
    (end,) = {fill(store, site) for site in sites}
    arrive(store, a=end)
    both = [(site, RULES) for site in sites]
    with monkeypatch.context() as broken:
        broken.setattr("pipeline.release._publish", _publish_but(store, sites[0]))
        broken.setattr("pipeline.close_days._with_open_rows", lambda *_: ([("gone", DAY)], []))
        broken.setattr("pipeline.close_days.drop_open", lambda *_: store.rows("SELECT throwIf(1)"))
        with pytest.raises(StoreDown, match="throwIf"):
            close_days(store, both, end + GRACE_S, GRACE_S, frozenset())
    assert [bool(manifests(store, site)) for site in sites] == [False, True, True]
    assert close_days(store, both, end + GRACE_S, GRACE_S, frozenset()) == [(sites[0].key, DAY)]


def test_an_entry_whose_answer_was_lost_keeps_its_rows_and_its_batch(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store has written it, and said so to nobody: whether it is there, nobody knows, so its rows stay."""
    sites = [Site(f"release-unanswered-{name}") for name in "ab"]
    (end,) = {fill(store, site) for site in sites}
    arrive(store, a=end)
    inserted, lost = store.insert, []

    def losing(table: str, *given: Any, **more: Any) -> None:
        inserted(table, *given, **more)
        if table == "manifest" and not lost:
            lost.append(table)
            raise StoreDown("no answer came")

    monkeypatch.setattr(store, "insert", losing)
    closed = close_days(store, [(site, RULES) for site in sites], end + GRACE_S, GRACE_S, frozenset())
    assert (lost, sorted(closed)) == (["manifest"], [(site.key, DAY) for site in sites])
    for site in sites:
        entries = read_entries(store, site.key)
        assert len(entries) == 1
        check_chain(entries)
        check_rows(store, site.key, entries)


def _publish_but(store: Store, broken: Site, day: dt.date = DAY) -> Any:
    def publish_(given: Store, days: Sequence[SiteDay]) -> Any:
        if (broken.key, day) in {of.key for of in days}:
            store.rows("SELECT throwIf(1)")
        return _publish(given, days)

    return publish_


def test_of_days_that_are_released_together_nothing_stays_where_one_fails(
    store: Store, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = [DAY, DAY + dt.timedelta(days=1)]
    for day in days:
        fill(store, site, day)
    command = store.command

    def fail_half_way(sql: str, parameters: Any = None, **given: Any) -> None:
        command(sql, parameters, **given)
        if (
            sql.strip().startswith("INSERT")
            and "released_conversions (" in sql
            and days[1] in (parameters or {}).get("dates", ())
        ):
            raise StoreDown("half-way")

    monkeypatch.setattr(store, "command", fail_half_way)
    with pytest.raises(StoreDown, match="half-way"):
        release(store, "events", site, days, RULES, 1_000, "import")
    for day in days:
        assert not any(rows(store, site, day=day))
        assert not any(rows(store, site, "staging", day))
    assert manifests(store, site) == []


def test_a_day_that_is_staged_twice_is_not_released(store: Store, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store, site)

    def twice(given: Store, days: Sequence[SiteDay]) -> Any:
        columns = ", ".join(column.name for column in REGISTERED["cells"].open)
        staging_twice = (
            f"INSERT INTO staging_cells ({columns}) SELECT {columns} FROM staging_cells WHERE site = {{s:String}}"
        )
        store.command(staging_twice, {"s": site.key})
        return _publish(given, days)

    with monkeypatch.context() as patch:
        patch.setattr("pipeline.release._publish", twice)
        with pytest.raises(StoreDown, match=f"the cells of {site.key} 20.* were staged twice"):
            release(store, "events", site, [DAY], RULES, 1_000, "live")
    release(store, "events", site, [DAY], RULES, 1_000, "live")
    assert len(manifests(store, site)) == 1


def test_the_open_rows_of_a_released_day_are_dropped_by_the_next_run(store: Store, site: Site) -> None:
    end = fill(store, site)
    tomorrow = DAY + dt.timedelta(days=1)
    fill(store, site, tomorrow)
    for day in (DAY, tomorrow):
        roll_up(store, site, day, RULES)
    arrive(store, a=end)
    # Once more: who was reading the open rows when the day closed has had the time to finish.
    for later, there in ((0, True), (1, True), (30, False)):
        close_days(store, [(site, RULES)], end + GRACE_S + later, GRACE_S, frozenset())
        assert any(rows(store, site, "open")) is there
    assert not any(rows(store, site, "open"))
    assert all(rows(store, site))
    assert all(rows(store, site, "open", tomorrow))
    assert not any(rows(store, site, "staging"))


def test_at_the_last_call_a_day_is_released_incomplete(store: Store, site: Site) -> None:
    fill(store, site, lifetime=2)
    # Received on DAY, lifetime 2: dies at the start of DAY + 2.
    dies = day_bounds("UTC", day_number(DAY) + 2).start
    arrive(store, a=1)
    mine = [(site, RULES)]
    assert close_days(store, mine, dies - LAST_CALL_S - 1, GRACE_S, frozenset()) == []
    assert close_days(store, mine, dies - LAST_CALL_S, GRACE_S, frozenset()) == [(site.key, DAY)]
    assert manifests(store, site)[0]["complete"] is False


def test_a_day_that_had_a_key_lost_is_marked_over_counted(store: Store, site: Site) -> None:
    end = fill(store, site)
    arrive(store, a=end)
    close_days(store, [(site, RULES)], end + GRACE_S, GRACE_S, frozenset({(site.key, DAY.isoformat())}))
    assert manifests(store, site)[0]["over_counted"] is True


def test_the_midnight_that_counts_is_the_sites_own(store: Store) -> None:
    sites = [Site(f"release-zone-{i}", timezone=zone) for i, zone in enumerate(("Pacific/Apia", "America/St_Johns"))]
    ends = [fill(store, site) for site in sites]
    assert ends[0] < ends[1]
    both = [(site, RULES) for site in sites]
    arrive(store, a=ends[1] + 10)
    assert close_days(store, both, ends[0] + GRACE_S, GRACE_S, frozenset()) == [(sites[0].key, DAY)]
    assert close_days(store, both, ends[1] + GRACE_S, GRACE_S, frozenset()) == [(sites[1].key, DAY)]


def test_days_of_sites_nobody_knows_any_more_stay_as_they_are(store: Store, site: Site) -> None:
    end = fill(store, site)
    arrive(store, a=end)
    assert close_days(store, [], end + GRACE_S, GRACE_S, frozenset()) == []
    assert site.key in {day.site for day in open_days(store)}


def test_erasing_raw_rows_after_the_release_changes_no_release(store: Store, site: Site) -> None:
    end = fill(store, site)
    release(store, "events", site, [DAY], RULES, end, "live")
    before, manifest = rows(store, site), manifests(store, site)
    store.command(
        f"ALTER TABLE events DELETE IN PARTITION (30, '{DAY}') WHERE site = '{site.key}' AND visitor = 1",
        mutations_sync=2,
    )
    arrive(store, a=end)
    assert close_days(store, [(site, RULES)], end + GRACE_S, GRACE_S, frozenset()) == []
    assert (rows(store, site), manifests(store, site)) == (before, manifest)


def test_a_day_under_k_people_is_released_empty(store: Store, site: Site) -> None:
    fill(store, site, people=1)
    release(store, "events", site, [DAY], RULES, 1_000, "live")
    assert not any(rows(store, site))
    assert manifests(store, site)[0]["rows"] == 0
