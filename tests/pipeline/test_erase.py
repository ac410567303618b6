"""Rule D6: on withdrawal today's rows of that visitor go, for good, and nothing that was under way brings them back."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs

from pipeline.erase import OVERDUE_S, SPAN_S, erase
from pipeline.release import release
from pipeline.rollup.stages import roll_up
from pipeline.schedule import Pipeline
from pipeline.settings import RollupSettings, SiteRules, SpoolSettings
from pipeline.spool.file import read_sealed, spool_files
from pipeline.spool.quarantine import Quarantine
from pipeline.spool.spool import Spool
from pipeline.writer import Writer
from schema.event import Erasure
from schema.site import Site, day_bounds, day_number
from schema.store import Store
from tests.conftest import insert, make_event

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]

DAY = dt.date(2044, 9, 10)
NOON = day_bounds("UTC", day_number(DAY)).start + 43_200
RULES = SiteRules(1, 30, "balanced")
_NUMBER = itertools.count(1)


@pytest.fixture(autouse=True)
def _nothing_is_waiting(store: Store) -> Iterator[None]:
    for table in ("watermarks", "erasures"):
        store.command(f"TRUNCATE TABLE {table}")
    yield
    for table in ("watermarks", "erasures"):
        store.command(f"TRUNCATE TABLE {table}")


@pytest.fixture
def site(store: Store) -> Site:
    made = Site(f"erase-{next(_NUMBER)}")
    insert(store, [make_event(made.key, NOON, DAY, visitor=visitor) for visitor in (1, 1, 2, 2**64 - 1)])
    return made


def withdraw(store: Store, site: Site, *visitors: int, at: int = NOON + 5, day: dt.date = DAY) -> None:
    columns = ([site.key] * len(visitors), [at] * len(visitors), [day_number(day)] * len(visitors), visitors)
    store.insert("erasures", ("site", "at", "day", "visitor"), columns)


def arrive(store: Store, **through: int) -> None:
    store.insert("watermarks", ("spool", "received_through"), (list(through), list(through.values())))


def left(store: Store, site: Site) -> list[int]:
    rows = store.rows("SELECT visitor FROM events WHERE site = {s:String} ORDER BY ALL", {"s": site.key})
    return [visitor for (visitor,) in rows]


def shown(store: Store, site: Site) -> list[tuple[int]]:
    """How many visitors the open day tells of."""
    sums = "SELECT sum(visitors) FROM open_cells WHERE site = {s:String} AND dimension = '' AND grain = 'day'"
    return [(visitors,) for (visitors,) in store.rows(sums, {"s": site.key})]


def waiting(store: Store) -> int:
    return int(store.rows("SELECT count() FROM erasures")[0][0])


def test_d6_the_rows_of_that_visitor_go_and_no_others(store: Store, site: Site) -> None:
    other = Site(f"{site.key}-other")
    insert(store, [make_event(other.key, NOON, DAY, visitor=1)])
    yesterday = DAY - dt.timedelta(days=1)
    insert(store, [make_event(site.key, NOON - 86_400, yesterday, visitor=1)])
    withdraw(store, site, 1, 2**64 - 1)
    arrive(store, a=NOON + 60)
    assert erase(store, {site.key: (site, RULES)}, NOON) == [(site.key, DAY)]
    assert left(store, site) == [1, 2]
    assert left(store, other) == [1]
    assert waiting(store) == 0


def test_d6_an_erasure_waits_until_the_slowest_spool_has_passed_it(store: Store, site: Site) -> None:
    withdraw(store, site, 1)
    sites = {site.key: (site, RULES)}
    assert erase(store, sites, NOON) == []
    due = (NOON + 5) // SPAN_S * SPAN_S + SPAN_S
    arrive(store, a=due + 100, b=due - 1)
    assert erase(store, sites, NOON) == []
    assert left(store, site) == [1, 1, 2, 2**64 - 1]
    arrive(store, b=due)
    assert erase(store, sites, NOON) == [(site.key, DAY)]
    assert left(store, site) == [2, 2**64 - 1]


def test_d6_an_erasure_is_not_held_up_for_ever_by_a_spool_that_lags(store: Store, site: Site) -> None:
    """A host that is gone for good holds every watermark back; rows have to be gone within a day all the same."""
    withdraw(store, site, 1)
    sites = {site.key: (site, RULES)}
    arrive(store, a=NOON + 900, gone=NOON - 900)
    assert erase(store, sites, NOON + 5 + OVERDUE_S) == []
    assert erase(store, sites, NOON + 6 + OVERDUE_S) == [(site.key, DAY)]
    assert left(store, site) == [2, 2**64 - 1]
    assert erase(store, sites, NOON + 60 + OVERDUE_S) == [], "nothing is left to do"
    # It was not gone for good: what it still had is erased, too, as soon as it is there.
    insert(store, [make_event(site.key, NOON - 1, DAY, visitor=1)])
    assert erase(store, sites, NOON + 90 + OVERDUE_S) == [(site.key, DAY)]
    assert left(store, site) == [2, 2**64 - 1]
    assert waiting(store) == 1
    arrive(store, gone=NOON + 900)
    erase(store, sites, NOON + 99 + OVERDUE_S)
    assert waiting(store) == 0


def test_who_withdrew_before_the_day_closed_is_not_in_its_release(store: Store, site: Site) -> None:
    """However much erasing has cost before: the day's release is made once."""
    end = day_bounds("UTC", day_number(DAY)).end
    worker = Pipeline(store, [(site, RULES)], RollupSettings(), clock=lambda: end + 300)
    withdraw(store, site, 1, at=end - 60)
    arrive(store, a=end + 290)
    worker._erase_due = float("inf")
    assert worker.erase() == [], "a twentieth of the time goes into it"
    assert worker.close() == [(site.key, DAY)]
    released = "SELECT sum(visitors) FROM released_cells WHERE site = {s:String} AND dimension = '' AND grain = 'day'"
    assert store.rows(released, {"s": site.key}) == [(2,)]


def test_d6_a_crash_before_the_erasures_are_emptied_only_repeats_them(
    store: Store, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    withdraw(store, site, 1)
    arrive(store, a=NOON + 60)
    with monkeypatch.context() as patch:
        patch.setattr("pipeline.erase.roll_up", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            erase(store, {site.key: (site, RULES)}, NOON)
    assert waiting(store) == 1
    assert erase(store, {site.key: (site, RULES)}, NOON) == [(site.key, DAY)]
    assert left(store, site) == [2, 2**64 - 1]
    assert waiting(store) == 0


def test_d6_a_site_that_cannot_be_rolled_up_keeps_nobody_from_being_erased(
    store: Store, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And shows nobody who is gone."""
    worker = Pipeline(store, [(site, RULES)], RollupSettings(every_s=60), clock=lambda: NOON)
    worker.roll_up()
    assert shown(store, site) == [(3,)]
    withdraw(store, site, 1)
    arrive(store, a=NOON + 60)
    with monkeypatch.context() as patch:
        patch.setattr("pipeline.erase.roll_up", lambda *_: store.rows("SELECT throwIf(1)"))
        assert worker.erase() == [(site.key, DAY)]
    assert (left(store, site), waiting(store)) == ([2, 2**64 - 1], 0)
    assert shown(store, site) == [(0,)]
    worker.rolling.due = 0.0
    worker.roll_up()
    assert shown(store, site) == [(2,)]


def test_d6_no_statement_that_clickhouse_keeps_holds_a_visitor_number(store: Store, site: Site) -> None:
    withdraw(store, site, 2**64 - 1)
    arrive(store, a=NOON + 60)
    erase(store, {site.key: (site, RULES)}, NOON)
    kept = store.rows("SELECT command FROM system.mutations WHERE table = 'events'")
    assert any("erasures" in command for (command,) in kept)
    assert not any(str(2**64 - 1) in command for (command,) in kept)
    assert store.rows("SELECT count() FROM system.parts WHERE table = 'erasures' AND active AND rows > 0") == [(0,)]


def test_d6_the_open_day_is_recomputed_even_when_nobody_is_left(store: Store, site: Site) -> None:
    worker = Pipeline(store, [(site, RULES)], RollupSettings(every_s=60), clock=lambda: NOON)
    worker.roll_up()
    assert shown(store, site) == [(3,)]
    withdraw(store, site, 1)
    arrive(store, a=NOON + 60)
    assert worker.erase() == [(site.key, DAY)]
    assert shown(store, site) == [(2,)]
    withdraw(store, site, 2, 2**64 - 1)
    assert worker.erase() == [], "a twentieth of the time goes into it"
    worker._erase_due = 0.0
    assert worker.erase() == [(site.key, DAY)]
    assert store.rows("SELECT count() FROM open_cells WHERE site = {s:String}", {"s": site.key}) == [(0,)]


def test_r5_an_erasure_changes_no_release(store: Store, site: Site) -> None:
    roll_up(store, site, DAY, RULES)
    release(store, "events", site, [DAY], RULES, NOON, "live")
    query = "SELECT * FROM released_cells WHERE site = {s:String} ORDER BY ALL"
    before = store.rows(query, {"s": site.key})
    withdraw(store, site, 1, 2)
    arrive(store, a=NOON + 60)
    assert erase(store, {site.key: (site, RULES)}, NOON) == []
    assert left(store, site) == [2**64 - 1]
    assert before
    assert store.rows(query, {"s": site.key}) == before


def test_d6_the_quarantine_forgets_them_too(store: Store, site: Site, tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path)
    for visitor in (1, 2):
        event = make_event(site.key, NOON, DAY, visitor=visitor)
        quarantine.put(f"q-{visitor}", list(structs.astuple(event)))
    (tmp_path / "odd.event").write_bytes(b"\xc1")
    withdraw(store, site, 1)
    arrive(store, a=NOON + 60)
    erase(store, {site.key: (site, RULES)}, NOON, quarantine)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["odd.event", "q-2.event"]


def test_a_spool_file_of_format_1_carries_erasures_beside_events_and_counts(store: Store, tmp_path: Path) -> None:
    erasures = [Erasure("erase-spool", NOON, day_number(DAY), 2**64 - 1), Erasure("erase-spool", NOON, 1, 0)]

    async def use() -> None:
        spool = Spool(tmp_path / "spool" / "0", 0, SpoolSettings())
        spool.start()
        await spool.append([make_event("erase-spool", NOON, DAY)], erasures)
        spool.stop()

    asyncio.run(use())
    [path] = spool_files(tmp_path / "spool" / "0")
    assert read_sealed(path).erasures == erasures
    assert [len(part) for part in read_sealed(path)[1:3]] == [1, 0]
    assert read_sealed(Path(__file__).parent / "golden.sealed").erasures == []
    writer = Writer(store, tmp_path / "spool", Quarantine(tmp_path / "quarantine"))
    assert writer.drain() == 1
    assert waiting(store) == 2
    assert not path.exists()
