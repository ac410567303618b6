"""The table of periodic work: it recomputes what changed, survives its own failures, and tells them by kind only."""

from __future__ import annotations

import datetime as dt
import itertools
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from pipeline import imports, rolling, schedule
from pipeline.imports import Import, abandon_all
from pipeline.jobs import Jobs
from pipeline.schedule import Pipeline
from pipeline.settings import RollupSettings, SiteRules
from pipeline.spool.quarantine import Quarantine
from schema.site import Site, day_bounds, day_number
from schema.store import Store, StoreDown
from tests.conftest import insert, make_event
from tests.house import eventually

pytestmark = [pytest.mark.clickhouse, pytest.mark.usefixtures("no_spool_is_enrolled")]

DAY = dt.date(2043, 7, 8)
NOON = day_bounds("UTC", day_number(DAY)).start + 43_200
RULES = SiteRules(1, 30, "balanced")
_NUMBER = itertools.count(1)


@pytest.fixture
def sites() -> list[tuple[Site, SiteRules]]:
    number = next(_NUMBER)
    return [(Site(f"schedule-{number}-{name}"), RULES) for name in "ab"]


def pipeline(
    store: Store, sites: list[tuple[Site, SiteRules]], now: float = NOON, quarantine: Quarantine | None = None
) -> Pipeline:
    # every_s above the cost of a run, so that a run right after another is not put off.
    return Pipeline(store, sites, RollupSettings(every_s=60), quarantine, clock=lambda: now)


def visitors(store: Store, site: Site) -> int:
    rows = store.rows(
        "SELECT sum(visitors) FROM open_cells WHERE site = {s:String} AND dimension = '' AND grain = 'day'",
        {"s": site.key},
    )
    return int(rows[0][0])


@pytest.mark.slow
def test_only_days_with_new_rows_are_recomputed(store: Store, sites: list[tuple[Site, SiteRules]]) -> None:
    (a, _), (b, _) = sites
    worker = pipeline(store, sites)
    insert(store, [make_event(site.key, NOON, DAY) for site in (a, b)])
    assert sorted(worker.roll_up()) == [(a.key, DAY), (b.key, DAY)]
    assert worker.roll_up() == []
    insert(store, [make_event(b.key, NOON + 5, DAY, visitor=2)])
    assert worker.roll_up() == [(b.key, DAY)]
    assert (visitors(store, a), visitors(store, b)) == (1, 2)
    assert worker.rolling.rolled_up == 3


def test_an_old_open_day_is_found_by_the_first_look_back(store: Store, sites: list[tuple[Site, SiteRules]]) -> None:
    old = DAY - dt.timedelta(days=9)
    insert(store, [make_event(sites[0][0].key, NOON - 9 * 86_400, old)])
    worker = pipeline(store, sites)
    assert worker.roll_up() == [(sites[0][0].key, old)]


def test_rows_of_unknown_sites_are_left_alone(store: Store, sites: list[tuple[Site, SiteRules]]) -> None:
    insert(store, [make_event(sites[1][0].key, NOON, DAY)])
    assert pipeline(store, sites[:1]).roll_up() == []


def test_a_costly_rollup_waits_before_the_next(
    store: Store, sites: list[tuple[Site, SiteRules]], monkeypatch: pytest.MonkeyPatch
) -> None:
    insert(store, [make_event(sites[0][0].key, NOON, DAY)])
    monkeypatch.setattr("pipeline.rollup.together.roll_up_together", lambda *_: time.sleep(0.05))
    worker = Pipeline(store, sites, RollupSettings(every_s=0.5), clock=lambda: NOON)
    monkeypatch.setattr(rolling, "_COST_FACTOR", 1000)
    assert worker.roll_up()
    insert(store, [make_event(sites[0][0].key, NOON, DAY)])
    assert worker.roll_up() == []


def test_a_site_that_somebody_looks_at_does_not_wait_for_all_others(
    store: Store, sites: list[tuple[Site, SiteRules]], monkeypatch: pytest.MonkeyPatch
) -> None:
    (a, _), (b, _) = sites
    took = [0.2]
    monkeypatch.setattr("pipeline.rollup.together.roll_up_together", lambda *_: time.sleep(took[0]))
    worker = Pipeline(store, sites, RollupSettings(every_s=0.5), clock=lambda: NOON)
    monkeypatch.setattr(rolling, "_COST_FACTOR", 1000)
    monkeypatch.setattr(rolling, "WATCHED_WAIT_S", 1000.0)
    monkeypatch.setattr(rolling, "_SHOWN_WITHIN_S", 0.0)
    worker.rolling.watched = lambda: {b.key}

    def come() -> None:
        insert(store, [make_event(site.key, NOON, DAY) for site in (a, b)])

    come()
    assert sorted(worker.roll_up()) == [(a.key, DAY), (b.key, DAY)]
    come()
    assert worker.roll_up() == [(b.key, DAY)], "at once, because it was not what took so long"
    come()
    assert worker.roll_up() == [], "now it was"
    monkeypatch.setattr(rolling, "WATCHED_WAIT_S", 0.0)
    started, worker.rolling.watched_due = time.monotonic(), 0.0
    assert worker.roll_up() == [(b.key, DAY)]
    ended = time.monotonic()
    assert worker.rolling.watched_due <= ended + (ended - started) / 2, "half as long as it took"
    come()
    worker.rolling.due = 0.0
    assert sorted(worker.roll_up()) == [(a.key, DAY), (b.key, DAY)]


@pytest.mark.parametrize(
    ("cost", "wait"), [(0.5, 2.0), (3.5, 2.0), (3.8, 1.4), (4.0, 1.0), (4.2, 2.1), (9.0, 4.5)], ids=str
)
def test_days_that_are_looked_at_rest_less_where_ten_seconds_are_kept_by_it(cost: float, wait: float) -> None:
    assert rolling.watched_wait_s(cost) == pytest.approx(wait)


def test_while_nobody_looks_days_are_rolled_up_seldom_and_each_quarter_of_an_hour(
    store: Store, sites: list[tuple[Site, SiteRules]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.rollup.together.roll_up_together", lambda *_: None)
    (a, _), _ = sites
    now, lookers = [float(NOON)], set[str]()
    worker = Pipeline(store, sites, RollupSettings(every_s=0.5), clock=lambda: now[0])
    worker.rolling.watched = lambda: lookers

    def rolls_up() -> bool:
        insert(store, [make_event(a.key, NOON, DAY)])
        return worker.roll_up() == [(a.key, DAY)]

    assert [rolls_up(), rolls_up()] == [True, False]
    # As the rollup cost: on a busy machine more than the shortest wait.
    assert 0 < worker.rolling.due - time.monotonic() <= worker.rolling._others_wait(worker.rolling._cost)
    assert worker.rolling._others_wait(0.01) == 60
    now[0] += 960
    assert [rolls_up(), rolls_up()] == [True, False], "a quarter of an hour is over"
    lookers.add(a.key)
    assert rolls_up(), "a look does not wait"
    assert worker.rolling._others_wait(20.0) == 900, "what takes long is done seldom"
    worker.rolling.watched = None
    assert worker.rolling._others_wait(2.0) == 10, "where nobody can tell"


@pytest.mark.slow
def test_closing_releases_a_day_and_forgets_it(store: Store, sites: list[tuple[Site, SiteRules]]) -> None:
    site, now = sites[0][0], [float(NOON)]
    worker = Pipeline(store, sites, RollupSettings(every_s=60), clock=lambda: now[0])
    insert(store, [make_event(site.key, NOON, DAY)])
    worker.roll_up()
    assert worker.close() == []
    now[0] = day_bounds("UTC", day_number(DAY)).end + 300.0
    store.insert("watermarks", ("spool", "received_through"), (("a",), (int(now[0]),)))
    assert worker.close() == [(site.key, DAY)]
    assert worker.close() == []
    assert worker.roll_up() == []


@pytest.mark.slow
def test_how_far_visits_go_is_forgotten_when_their_day_is_released(
    store: Store, sites: list[tuple[Site, SiteRules]]
) -> None:
    site, now = sites[0][0], [float(NOON)]
    worker = Pipeline(store, sites, RollupSettings(every_s=60), clock=lambda: now[0])
    insert(store, [make_event(site.key, NOON, DAY)])
    worker.roll_up()
    mine = {"s": site.key}
    assert store.rows("SELECT count() FROM sessionized FINAL WHERE site = {s:String}", mine) == [(1,)]
    now[0] = day_bounds("UTC", day_number(DAY)).end + 300.0
    store.insert("watermarks", ("spool", "received_through"), (("a",), (int(now[0]),)))
    assert worker.close() == [(site.key, DAY)]
    # Who asked while it was open has his answer by then.
    now[0] += 30
    worker.close()
    assert store.rows("SELECT count() FROM sessionized WHERE site = {s:String}", mine) == [(0,)]
    # The visits live as long as the raw rows.
    assert store.rows("SELECT count() FROM visits FINAL WHERE site = {s:String}", mine) == [(1,)]


@pytest.mark.parametrize(
    ("error", "logged"),
    [
        (
            ValueError("203.0.113.9 said no"),
            {"event": "job_failed", "job": "j", "kind": "ValueError", "log_level": "error"},
        ),
        (
            OSError(28, "No space left on device", "/data/203.0.113.9"),
            {"event": "job_failed", "job": "j", "kind": "OSError", "errno": 28, "log_level": "error"},
        ),
        (KeyError("secret"), {"event": "job_failed", "job": "j", "kind": "KeyError", "log_level": "error"}),
        (
            StoreDown("chdb: away"),
            {"event": "job_postponed", "job": "j", "problem": "chdb: away", "log_level": "warning"},
        ),
    ],
)
def test_a_job_that_fails_is_logged_by_kind_errno_and_place_and_only_once(
    error: Exception, logged: dict[str, Any]
) -> None:
    failing = [True]

    def job() -> None:
        if failing[0]:
            raise error

    run = schedule._named("j", job, Jobs())
    with capture_logs() as logs:
        for _ in range(3):
            run()
    (told,) = logs
    assert told.pop("at", "test_schedule.py:0").startswith("test_schedule.py:")
    assert told == logged
    failing[0] = False
    with capture_logs() as logs:
        run()
        run()
    assert [(entry["event"], entry["job"]) for entry in logs] == [
        ("job_goes_on" if isinstance(error, StoreDown) else "job_works_again", "j")
    ]


def test_a_job_that_failed_runs_again(
    store: Store, sites: list[tuple[Site, SiteRules]], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, ran, calls = Pipeline(store, sites, RollupSettings(every_s=0.5)), threading.Event(), itertools.count(1)

    def roll_up() -> None:
        if next(calls) > 1:
            ran.set()
        raise RuntimeError("content")

    monkeypatch.setattr(worker, "roll_up", roll_up)
    monkeypatch.setattr(worker, "close", list)
    monkeypatch.setattr(worker, "expire", list)
    worker.start()
    try:
        assert ran.wait(30)
    finally:
        worker.stop()


def test_a_watermark_that_is_ahead_of_the_clock_is_told_once_and_so_is_its_end(
    store: Store, sites: list[tuple[Site, SiteRules]]
) -> None:
    now = [float(NOON)]
    worker = Pipeline(store, sites, RollupSettings(), clock=lambda: now[0])
    store.insert("watermarks", ("spool", "received_through"), (("a", "b"), (NOON + 3600, NOON)))
    with capture_logs() as logs:
        for _ in range(2):
            worker.close()
        now[0] += 3600
        worker.close()
    assert [(entry["event"], entry["spools"]) for entry in logs] == [
        ("watermarks_ahead_of_the_clock", ["a"]),
        ("watermarks_in_time", []),
    ]


def test_erasing_has_its_turn_however_long_rolling_up_and_closing_take(
    store: Store, sites: list[tuple[Site, SiteRules]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One thread does it all, first come first served, and a job waits in the queue once at most."""
    worker, turns = Pipeline(store, sites, RollupSettings(every_s=0.05)), list[str]()

    def long(name: str) -> None:
        turns.append(name)
        time.sleep(0.2)

    for every in ("CLOSE_EVERY_S", "ERASE_EVERY_S"):
        monkeypatch.setattr(schedule, every, 0.05)
    for name in ("roll_up", "close"):
        monkeypatch.setattr(worker, name, lambda name=name: long(name))
    monkeypatch.setattr(worker, "erase", lambda: turns.append("erase"))
    monkeypatch.setattr(worker, "expire", list)
    worker.start()
    try:
        eventually(lambda: turns.count("close") >= 5)
    finally:
        worker.stop()
    assert turns.count("erase") >= 4


def test_a_bad_file_in_quarantine_does_not_keep_raw_rows_alive(
    store: Store, sites: list[tuple[Site, SiteRules]], tmp_path: Path
) -> None:
    site = sites[0][0]
    old = int(time.time()) - 5 * 86_400
    insert(store, [make_event(site.key, old, dt.date(2020, 1, 1), lifetime=2)])
    quarantine = Quarantine(tmp_path)
    (quarantine.directory / "x-0.event").write_bytes(b"\xc1 no msgpack")
    quarantine.put("y-0", ["a", "not a time"])
    Pipeline(store, sites, RollupSettings(), quarantine).expire()
    assert store.rows("SELECT count() FROM events WHERE site = {s:String}", {"s": site.key}) == [(0,)]


def test_a_running_import_is_left_alone_and_one_cut_off_is_dropped(store: Store) -> None:
    abandoned = Import(store)
    abandoned.begin()
    try:
        assert abandoned.table not in abandon_all(store, older_than_s=86_400)
        assert abandoned.table in abandon_all(store)
        assert store.rows("SELECT count() FROM system.tables WHERE name = {t:String}", {"t": abandoned.table}) == [(0,)]
    finally:
        abandoned.abandon()


def test_abandoning_takes_only_tables_of_imports(store: Store) -> None:
    store.command("CREATE TABLE IF NOT EXISTS import_of_mine (x UInt8) ENGINE = Memory")
    try:
        assert "import_of_mine" not in abandon_all(store)
        assert store.rows("SELECT count() FROM import_of_mine") == [(0,)]
    finally:
        store.command("DROP TABLE import_of_mine")


@pytest.mark.parametrize("run", ["x", "../events", "0123456789abcdeg", "0123456789abcdef0", "0; DROP TABLE events"])
def test_an_import_has_no_name_but_sixteen_hexadecimal_digits(store: Store, run: str) -> None:
    with pytest.raises(ValueError, match="not the name of an import"):
        imports.Import(store, run)
