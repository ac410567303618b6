"""Each part asks of a server no more than its user may (rule A2): the product's own code, as the users that
`footfall migrate --users` made. What an engine refuses is written down by it, so nothing is hidden by a second try.
"""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import structs

from dashboards.stats.period import Period
from dashboards.stats.report import Reports
from footfall.control.engine import Engine
from footfall.control.instance import StatsRequest
from footfall.health.missing import teller
from footfall.settings import Settings, SiteSettings
from pipeline.imports import Batch, Import, abandon_all
from pipeline.months import sum_months
from pipeline.retention import expire
from pipeline.rollup.stages import roll_up
from pipeline.schedule import Pipeline
from pipeline.settings import RollupSettings, SiteRules
from schema.event import Count, Erasure, Event
from schema.migrate import migrate
from schema.site import Goal, day_number, local_day
from schema.store import Store, StoreDown
from tests.conftest import insert, make_event
from tests.faults.conftest import Server
from tests.faults.spooled import Spooled, numbered
from tests.schema.conftest import ADMIN, PASSWORDS

pytestmark = [pytest.mark.process, pytest.mark.clickhouse]

AsUser = Callable[[str], Store]
RULES = SiteRules(2, 30, "balanced", bound=0.999)
DAY_S = 86_400


def site_of(name: str) -> SiteSettings:
    return SiteSettings(name, goals=(Goal("Home", page="/"), Goal("Bought", event="bought")))


def put(admin: Store, site: SiteSettings, days_ago: int, people: range, at: int = 0, **given: object) -> dt.date:
    """One visit each of so many people, that long ago, so many seconds after midnight, in every family of rollups."""
    today = local_day("UTC", time.time())
    day, received = today.date - dt.timedelta(days=days_ago), today.start - days_ago * DAY_S + at
    events = []
    for visitor in people:
        common = {"visitor": visitor, "country": "DE"} | given
        events.append(make_event(site.key, received, day, lcp=900.0, **common))
        events.append(make_event(site.key, received + 9, day, name="bought", currency="EUR", amount=5, **common))
    # To insert takes some ten milliseconds, of however few rows.
    insert(admin, events)
    return day


def counted(admin: Store, site: SiteSettings) -> None:
    """Outcomes of yesterday, and of four weeks that are over."""
    midnight = local_day("UTC", time.time()).start
    rows = ((40 * DAY_S, "count_only", 1000), (40 * DAY_S, "accepted", 3), (DAY_S, "host", 13))
    for ago, reason, times in rows:
        admin.insert("ingest", Count.__struct_fields__, ((site.key,), (midnight - ago,), (reason,), (times,)))


def count(store: Store, table: str, site: SiteSettings) -> int:
    found: int = store.rows(f"SELECT count() FROM {table} WHERE site = {{s:String}}", {"s": site.key})[0][0]
    return found


def test_the_pipeline_may_do_all_it_does_with_open_days(as_user: AsUser) -> None:
    admin, store, site = as_user(ADMIN), as_user("footfall_pipeline"), site_of("open.example")
    assert migrate(store) == []
    day = put(admin, site, 0, range(20))
    now = [local_day("UTC", time.time()).start + 961.0]
    pipeline = Pipeline(store, [(site, RULES)], RollupSettings(), clock=lambda: now[0])
    assert pipeline.roll_up() == [(site.key, day)]
    assert store.rows("SELECT count() > 0 FROM visits")[0][0]
    put(admin, site, 0, range(20, 22), at=901)
    now[0] += 900
    pipeline.rolling.due = 0.0
    assert pipeline.roll_up() == [(site.key, day)]
    for family in ("cells", "conversions", "vitals"):
        assert count(store, f"next_{family}", site)
        assert count(store, f"open_{family}", site)


def test_the_pipeline_may_do_all_it_does_to_release_sum_and_erase(as_user: AsUser) -> None:
    admin, store, site = as_user(ADMIN), as_user("footfall_pipeline"), site_of("closed.example")
    day, today = put(admin, site, 3, range(9)), put(admin, site, 0, range(9))
    now = time.time()
    erasure = (site.key,), (int(now) - DAY_S,), (day_number(today),), (3,)
    admin.insert("erasures", Erasure.__struct_fields__, erasure)
    admin.insert("watermarks", ("spool", "received_through"), (("host/worker-0",), (int(now),)))
    # Whose visits are cut.
    start = local_day("UTC", now).start - 3 * DAY_S
    insert(admin, [make_event(site.key, start + n, day, visitor=1) for n in range(60)])
    # A release that was cut off before: its rows go first.
    admin.command(
        "INSERT INTO released_cells (site, grain, day, period, dimension, value, by_dimension, by_value, visitors) "
        f"VALUES ('{site.key}', 'day', '{day}', 0, '', '', '', '', 1)"
    )
    pipeline = Pipeline(store, [(site, RULES)], RollupSettings())
    pipeline.roll_up()
    assert (site.key, today) in pipeline.erase()
    assert count(store, "erasures", site) == 0
    assert store.rows("SELECT count() FROM events WHERE site = {s:String} AND visitor = 3", {"s": site.key})[0][0] == 2
    assert pipeline.close() == [(site.key, day)]
    assert store.rows("SELECT bounded FROM manifest WHERE site = {s:String}", {"s": site.key})[0][0]
    sum_months(store)
    for table in ("released_cells", "released_conversions", "released_vitals", "manifest", "months_cells"):
        assert count(store, table, site)
    # A goal and a section that are declared now are counted for the day, too.
    declared = structs.replace(site, goals=(*site.goals, Goal("Page", page="/**")), sections={"All": "/**"})
    pipeline.follow([(declared, RULES)])
    # Some days at a time: on a busy machine the goal is of another turn than the section.
    assert any(pipeline.add_goals() for _ in range(5))
    assert store.rows("SELECT count() FROM manifest WHERE span = 0 AND site = {s:String}", {"s": site.key}) == [(2,)]
    pipeline.expire()


def test_the_pipeline_may_remove_what_has_expired_and_what_was_tightened(as_user: AsUser) -> None:
    admin, store, site = as_user(ADMIN), as_user("footfall_pipeline"), site_of("expired.example")
    admin.command("SYSTEM STOP TTL MERGES events")
    put(admin, site, 9, range(2), lifetime=2)
    put(admin, site, 20, range(2))
    put(admin, site, 0, range(2))
    assert expire(store, [(site, RULES)], time.time()) >= 4
    assert count(store, "events", site) == 8
    # Rewritten parts are cleared at once, for which a setting of the table is changed.
    assert expire(store, [(site, SiteRules(2, 7, "balanced"))], time.time()) == 0
    assert count(store, "events", site) == 4
    assert store.rows("SELECT count() FROM expiries")[0][0]


def test_the_pipeline_may_import_look_before_and_take_back(as_user: AsUser) -> None:
    store, site = as_user("footfall_pipeline"), site_of("imported.example")
    engine, now = Engine(Settings(sites=(site,)), store), time.time()
    day = local_day("UTC", now).date - dt.timedelta(days=400)
    received = int(dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC).timestamp())
    events = [list(structs.astuple(make_event(site.key, received, day, visitor=n))) for n in range(9)]
    looked = engine.import_begin(site.key)
    engine.import_add(Batch(looked, Event.__struct_fields__, events))
    assert engine.import_preview(looked)
    run = engine.import_begin(site.key)
    engine.import_add(Batch(run, Event.__struct_fields__, events))
    assert engine.import_finish(run, "import")["released"] == [day.isoformat()]
    for _ in range(2):  # made anew with the imported day, then the old sums are deleted
        sum_months(store)
    assert count(store, "months_cells", site)
    assert [one["run"] for one in engine.import_runs()] == [run]
    engine.import_undo(run)
    assert count(store, "released_cells", site) == 0
    cut_off = Import(store)
    cut_off.begin()
    assert abandon_all(store) == [cut_off.table]


def test_the_pipeline_may_answer_what_commands_ask(as_user: AsUser) -> None:
    site = site_of("asked.example")
    put(as_user(ADMIN), site, 0, range(9))
    store, today = as_user("footfall_pipeline"), local_day("UTC", time.time()).date.isoformat()
    Pipeline(store, [(site, RULES)], RollupSettings()).roll_up()
    engine = Engine(Settings(sites=(site,)), store)
    assert site.key in [raw["site"] for raw in engine.status()["raw"]]
    for by in ("", "page", "goal", "vital", "hour", "day", "country"):
        assert engine.stats(StatsRequest(site.key, today, today, by))
    assert site.key in [one["site"] for one in engine.sites()]
    assert [one["day"] for one in engine.release_log(site.key, today, today)["open"]] == [today]
    assert engine.release_day(site.key, today)["state"] == "open"


def test_a_site_is_removed_and_a_spool_forgotten_by_an_administrator_alone(as_user: AsUser, tmp_path: Path) -> None:
    admin, site = as_user(ADMIN), site_of("removed.example")
    put(admin, site, 3, range(9))
    put(admin, site, 0, range(9))
    admin.insert("watermarks", ("spool", "received_through"), (("host/worker-0",), (int(time.time()),)))
    Pipeline(as_user("footfall_pipeline"), [(site, RULES)], RollupSettings()).close()
    settings = Settings(data=str(tmp_path), demo=False, sites=())
    as_pipeline = Engine(settings, as_user("footfall_pipeline"))
    assert as_pipeline.site_months(site.key)
    removed = Engine(settings, admin).site_remove(site.key)
    assert (removed["released"], removed["had_raw_rows"]) == (1, True)
    for table in ("events", "released_cells", "manifest", "months"):
        assert count(admin, table, site) == 0
    assert site.key not in [one["site"] for one in as_pipeline.sites()]
    Engine(settings, admin).spools_forget(["host/worker-0"])
    assert as_pipeline.spools() == []


def test_the_dashboards_may_do_all_they_do(as_user: AsUser) -> None:
    admin, site = as_user(ADMIN), site_of("shown.example")
    put(admin, site, 0, range(9))
    put(admin, site, 40, range(9), lifetime=60)
    admin.insert("watermarks", ("spool", "received_through"), (("host/worker-0",), (int(time.time()),)))
    rules = SiteRules(2, 60, "balanced")
    roll_up(admin, site, local_day("UTC", time.time()).date, rules)
    Pipeline(admin, [(site, rules)], RollupSettings()).close()
    sum_months(admin)
    counted(admin, site)
    Pipeline(as_user("footfall_pipeline"), [(site, rules)], RollupSettings()).publish_counts()
    assert count(admin, "ingest", site) == 2, "what is counted of signals goes"
    store, settings = as_user("footfall_dashboards"), Settings(sites=(site,))
    reports = Reports(store, [site])
    reports.warm_up()
    today = local_day("UTC", time.time()).date
    for first in (today, today - dt.timedelta(days=29), today - dt.timedelta(days=400)):
        assert reports.overview(site, Period(first, today, "")).as_of
    assert reports.overview(site, Period(today - dt.timedelta(days=90), today, "")).count_only
    assert (site.key, "host", "10 or more") in teller(settings, store)().counts
    engine = Engine(settings, store)
    chain = engine.release_chain(site.key)
    assert (chain["days"], chain["faults"]) == (1, [])
    assert [engine.release_faults(site.key, month) for month in chain["months"]] == [[]]
    assert engine.release_day(site.key, (today - dt.timedelta(days=40)).isoformat())["published"]


def test_the_dashboards_are_not_told_which_days_are_open(as_user: AsUser, with_users: Server) -> None:
    admin, site = as_user(ADMIN), site_of("untold.example")
    put(admin, site, 3, range(9))
    admin.insert("watermarks", ("spool", "received_through"), (("host/worker-0",), (int(time.time()),)))
    Pipeline(admin, [(site, RULES)], RollupSettings()).close()
    told = Engine(Settings(sites=(site,)), as_user("footfall_dashboards")).release_log(
        site.key, "1970-01-01", "2100-01-01"
    )
    assert (len(told["entries"]), told["open"]) == (1, None)
    assert with_users.refused()


def test_the_writer_may_do_all_it_does(as_user: AsUser, tmp_path: Path) -> None:
    admin, store, site = as_user(ADMIN), as_user("footfall_writer"), site_of("written.example")
    house = Spooled(store, tmp_path)
    counts, erasures = [Count(site.key, house.now, "ok", 3)], [Erasure(site.key, house.now, 1, 3)]
    poison = make_event(site.key, house.now, dt.date(2044, 3, 4), amount=2**63)
    path = house.seal([*numbered(site.key, 7), poison], counts, erasures)
    assert house.writer.drain() == 8  # one of them into quarantine
    house.writer.publish_watermarks()
    assert not path.exists()
    assert {table: count(admin, table, site) for table in ("events", "ingest", "erasures")} == {
        "events": 7,
        "ingest": 1,
        "erasures": 1,
    }
    assert admin.rows("SELECT count() FROM watermarks WHERE spool = '0'")[0][0] == 1
    for table in ("watermarks", "erasures"):
        admin.command(f"TRUNCATE TABLE {table}")


READ = [
    f"SELECT count() FROM {table}"
    for table in ("events", "ingest", "released_cells", "manifest", "bare_totals", "outcomes")
]
OUTSIDE = [
    "SELECT * FROM url('http://127.0.0.1:1/', CSV, 'a String')",
    "SELECT * FROM file('/etc/hostname', CSV, 'a String')",
    "SELECT * FROM remote('127.0.0.1', system.one)",
    "INSERT INTO FUNCTION file('/tmp/footfall-grants.csv', CSV, 'a String') SELECT 'x'",
]
RULE = [
    "DROP TABLE released_cells",
    "CREATE TABLE mine (a UInt8) ENGINE = MergeTree ORDER BY a",
    "CREATE TABLE import_outside (a String) ENGINE = URL('http://127.0.0.1:1/', CSV)",
    "ALTER TABLE events MODIFY TTL received + INTERVAL 9 YEAR",
    "ALTER TABLE manifest DELETE WHERE 1",
    "ALTER TABLE manifest UPDATE k = 1 WHERE 1",
    "ALTER TABLE bare_totals DELETE WHERE 1",
    "TRUNCATE TABLE released_cells",
    "RENAME TABLE events TO import_events",
    "CREATE USER somebody IDENTIFIED WITH sha256_hash BY '" + 64 * "0" + "'",
    "GRANT SELECT ON footfall.events TO footfall_dashboards",
    "SYSTEM STOP MERGES events",
    "SYSTEM SHUTDOWN",
    "SELECT query FROM system.processes",
    "SELECT * FROM system.users",
]
# What is not shown yet of an open day, and when what is shown was put in place.
FAR = ["SELECT visitors FROM next_cells", "SELECT version FROM open_through", "SELECT * FROM open_through"]
RAW = [
    "SELECT visitor FROM events",
    "SELECT visitor FROM erasures",
    "SELECT visitor FROM visits",
    "SELECT * FROM watermarks",
    "SELECT count FROM ingest",
    "SELECT pageviews FROM bounds",
]
WRITE = [
    "INSERT INTO events (site) VALUES ('x')",
    "INSERT INTO open_cells (site) VALUES ('x')",
    "INSERT INTO released_cells (site) VALUES ('x')",
    "INSERT INTO manifest (site) VALUES ('x')",
    "INSERT INTO bare_totals (site) VALUES ('x')",
    "ALTER TABLE open_cells DROP PARTITION ('x', '2044-01-01')",
    "CREATE TABLE import_0000000000000000 (a UInt8) ENGINE = MergeTree ORDER BY a",
]
FORBIDDEN = {
    "footfall_writer": [*READ, *RAW, *FAR, *OUTSIDE, *RULE, *WRITE[1:], "SELECT count() FROM system.tables"],
    "footfall_pipeline": [*OUTSIDE, *RULE, WRITE[0], "INSERT INTO erasures (site) VALUES ('x')", "DROP TABLE events"],
    "footfall_dashboards": [
        *RAW,
        *FAR,
        *OUTSIDE,
        *RULE,
        *WRITE,
        "SELECT 1 SETTINGS max_memory_usage = 0",
        "SET readonly = 0",
    ],
}


def refuses(store: Store, statement: str) -> bool:
    """Whether it is refused for want of a right, and for nothing else."""
    try:
        store.command(statement)
    except StoreDown as problem:
        return bool(re.search("ACCESS_DENIED|READONLY", str(problem)))
    return False


@pytest.mark.parametrize("user", FORBIDDEN)
def test_what_a_part_has_no_business_with_is_refused(with_users: Server, user: str) -> None:
    store = Store(with_users.dsn_of(user, PASSWORDS[user]))
    with_users.refused()
    others = [statement for statement in FORBIDDEN[user] if not refuses(store, statement)]
    assert others == []
    assert len(with_users.refused()) == len(FORBIDDEN[user])
    store.close()


def test_nobody_signs_in_with_another_s_password(with_users: Server) -> None:
    for user, password in (("footfall_writer", PASSWORDS["footfall_pipeline"]), ("footfall_pipeline", ""), ("x", "")):
        with pytest.raises(StoreDown, match="AUTHENTICATION_FAILED"):
            Store(with_users.dsn_of(user, password))
