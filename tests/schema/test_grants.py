"""Each part asks of a server no more than its user may (rule A2): the statements it really runs, against its grants.

The embedded engine has no users, so it runs the statements and this test reads them.
"""

from __future__ import annotations

import datetime as dt
import re
import time
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from dashboards.period import Period
from dashboards.report import Reports
from footfall.engine import Engine, StatsRequest
from footfall.settings import Settings, SiteSettings
from pipeline.imports import Import, abandon_all
from pipeline.months import sum_months
from pipeline.quarantine import Quarantine
from pipeline.release import close_days
from pipeline.retention import expire
from pipeline.rollup import roll_up
from pipeline.settings import SiteRules
from pipeline.spool_file import created_at
from pipeline.writer import Writer
from schema.migrate import USERS, migrate, user_statements
from schema.site import Goal, local_day
from schema.store import Store
from tests.conftest import insert, make_event

pytestmark = pytest.mark.clickhouse

SITE = SiteSettings("grants.example", goals=(Goal("Home", page="/"),))
RULES = SiteRules(1, 30, "balanced")
# What a statement needs, by what it says: (pattern, rights); the pattern's group is the table.
NEEDS = (
    (r"\bINSERT INTO (\w+)", {"INSERT"}),
    (r"\b(?:FROM|JOIN) ((?:system\.)?\w+)", {"SELECT"}),
    (r"\bALTER TABLE (\w+) REPLACE PARTITION", {"INSERT", "ALTER DELETE"}),
    (r"\bALTER TABLE (\w+) DROP PARTITION", {"ALTER DELETE"}),
    (r"\bALTER TABLE (\w+) DELETE", {"ALTER DELETE"}),
    (r"\bALTER TABLE (\w+) MODIFY SETTING", {"ALTER SETTINGS"}),
    (r"\bTRUNCATE TABLE (\w+)", {"TRUNCATE"}),
    (r"\bCREATE TABLE (?:IF NOT EXISTS )?(\w+)", {"CREATE TABLE"}),
    (r"\bDROP TABLE (?:IF EXISTS )?(\w+)", {"DROP TABLE"}),
)


class Witness:
    """A store that remembers what each table was used for."""

    def __init__(self, store: Store) -> None:
        self._store = store
        tables = store.rows("SELECT name FROM system.tables WHERE database = currentDatabase()")
        self._tables = {name for (name,) in tables}
        self.used: dict[str, set[str]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def rows(self, sql: str, *given: Any, **more: Any) -> Any:
        self._read(sql)
        return self._store.rows(sql, *given, **more)

    def command(self, sql: str, *given: Any, **more: Any) -> None:
        self._read(sql)
        self._store.command(sql, *given, **more)

    def text(self, sql: str, *given: Any, **more: Any) -> bytes:
        self._read(sql)
        return self._store.text(sql, *given, **more)

    def insert(self, table: str, *given: Any, **more: Any) -> None:
        self._use(table, {"INSERT"})
        self._store.insert(table, *given, **more)

    def _read(self, sql: str) -> None:
        for pattern, rights in NEEDS:
            for table in re.findall(pattern, sql):
                if table in self._tables or table.startswith(("system.", "import_")):
                    self._use(table, rights)

    def _use(self, table: str, rights: set[str]) -> None:
        self.used.setdefault("import_*" if table.startswith("import_") else table, set()).update(rights)


@pytest.fixture
def witness(store: Store) -> Any:
    return Witness(store)


def granted(user: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for statement in user_statements("footfall", dict.fromkeys(USERS, "secret")):
        match = re.fullmatch(rf"GRANT (.+) ON (?:`footfall`\.)?(\S+) TO {user}", statement)
        if match:
            found.setdefault(match[2], set()).update(match[1].split(", "))
    return found


def assert_allowed(witness: Witness, user: str) -> None:
    may = granted(user)
    lacking = {table: rights - may.get(table, set()) for table, rights in witness.used.items()}
    assert not {table: rights for table, rights in lacking.items() if rights}, f"{user} lacks these rights"


def test_the_pipeline_may_do_all_it_does(witness: Any, store: Store) -> None:
    now = time.time()
    today = local_day("UTC", now)
    insert(store, [make_event(SITE.key, today.start, today.date, visitor=n) for n in range(3)])
    insert(store, [make_event(SITE.key, today.start - 1, today.date - dt.timedelta(days=1))])
    insert(store, [make_event(SITE.key, today.start - 9 * 86_400, today.date - dt.timedelta(days=9), lifetime=2)])
    migrate(witness)
    roll_up(witness, SITE, today.date, RULES)
    # So late that the days close without the spools' say, which other tests of this process are about.
    close_days(witness, [(SITE, RULES)], now + 40 * 86_400, 300, frozenset())
    sum_months(witness)
    assert "INSERT" in witness.used["months_cells"]
    expire(witness, [(SITE, RULES)], now)
    imported = Import(witness)
    imported.begin()
    imported.add([list(_plain_event(today.date - dt.timedelta(days=400)))])
    imported.finish([(SITE, RULES)], now, "import")
    for _ in range(2):  # made anew with the imported day, then the old sums are deleted
        sum_months(witness)
    abandon_all(witness, older_than_s=86_400)
    engine = Engine(Settings(sites=(SITE,)), witness)
    engine.status()
    for by in ("", "page", "goal", "vital", "hour"):
        engine.stats(StatsRequest(SITE.key, today.date.isoformat(), today.date.isoformat(), by))
    assert {"INSERT", "SELECT"} <= witness.used["released_cells"]
    assert "ALTER DELETE" in witness.used["open_cells"]
    assert_allowed(witness, "footfall_pipeline")


def test_the_dashboards_may_do_all_they_do_and_read_rollups_only(witness: Any) -> None:
    reports = Reports(witness, [SITE])
    today = local_day("UTC", time.time()).date
    for first in (today, today - dt.timedelta(days=29)):
        reports.overview(SITE, Period(first, today, ""))
    assert {"released_cells", "months"} <= witness.used.keys()
    assert_allowed(witness, "footfall_dashboards")


def test_the_writer_may_do_all_it_does(witness: Any, store: Store, tmp_path: Path) -> None:
    golden = Path(__file__).parents[1] / "pipeline" / "golden.sealed"
    spool = tmp_path / "spool" / "worker-0"
    spool.mkdir(parents=True)
    sealed = spool / "1750000000-00.sealed"
    sealed.write_bytes(golden.read_bytes())
    assert created_at(sealed) == 1_750_000_000
    writer = Writer(witness, tmp_path / "spool", Quarantine(tmp_path / "quarantine"))
    writer.drain()
    writer.publish_watermarks()
    store.command("TRUNCATE TABLE watermarks")
    assert not sealed.exists()
    assert_allowed(witness, "footfall_writer")


def test_what_is_changed_by_settings_alone_is_granted_too() -> None:
    """A part of the expiry that runs only where ClickHouse's own TTL left something behind."""
    source = (Path(__file__).parents[2] / "pipeline" / "retention.py").read_text(encoding="utf-8")
    assert "MODIFY SETTING" in source
    assert "ALTER SETTINGS" in granted("footfall_pipeline")["events"]


def _plain_event(day: dt.date) -> tuple[Any, ...]:
    received = int(dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC).timestamp())
    return structs.astuple(make_event(SITE.key, received, day))
