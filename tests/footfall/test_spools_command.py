"""A collector that is gone for good is forgotten, and the days that waited for it close."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from footfall.cli import main
from footfall.cli import spools as command
from footfall.control.engine import Engine
from footfall.settings import Settings, SiteSettings
from pipeline.close_days import close_days
from pipeline.settings import SiteRules
from schema.site import day_bounds, day_number
from schema.store import Store
from tests.conftest import insert, make_event

pytestmark = pytest.mark.clickhouse

Run = Callable[..., Result]
SITE = SiteSettings("spools.example")


@pytest.fixture
def day(store: Store) -> Iterator[dt.date]:
    """A day that is over, with visitors; one host has passed it, and one has been silent since before."""
    today = dt.datetime.now(dt.UTC).date()
    day = today - dt.timedelta(days=2)
    for table in ("watermarks", "events"):
        store.command(f"TRUNCATE TABLE {table}")
    start = day_bounds("UTC", day_number(day)).start
    insert(store, [make_event(SITE.key, start + 60 * n, day, visitor=n + 1) for n in range(3)])
    marks = {"new/worker-0": int(time.time()), "old/worker-0": start, "old/worker-1": start, "older/worker-0": start}
    store.insert("watermarks", ("spool", "received_through"), (list(marks), list(marks.values())))
    yield day
    store.command("TRUNCATE TABLE watermarks")


@pytest.fixture
def run(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command, on the one store of this process."""
    settings = Settings(data=str(tmp_path), demo=False, sites=(SITE,))

    @contextlib.contextmanager
    def opened(_: Settings) -> Iterator[Engine]:
        yield Engine(settings, store, live=False)

    monkeypatch.setattr(command, "opened_for_changes", opened)

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["spools", *arguments, "--data", str(tmp_path)])

    return call


@pytest.mark.slow
def test_a_host_that_is_gone_is_forgotten_with_its_spools_and_no_other(store: Store, day: dt.date, run: Run) -> None:
    listed = {one["spool"]: one for one in json.loads(run("list", "--json").stdout)}
    assert [(listed[name]["reports"], listed[name]["waiting"]) for name in ("new/worker-0", "old/worker-1")] == [
        (True, 0),
        (False, 1),
    ]
    asked = run("forget", "old")
    assert asked.exit_code == 1
    assert "2 spool(s) of old" in asked.output
    assert "1 day(s) may close" in asked.output
    assert "lost" in asked.output
    assert "Say --yes" in asked.output
    assert len(json.loads(run("list", "--json").stdout)) == 4
    assert json.loads(run("forget", "old", "--yes", "--json").stdout)["forgotten"] == ["old/worker-0", "old/worker-1"]
    now, rules = time.time(), SiteRules(2, 30, "balanced")
    assert close_days(store, [(SITE, rules)], now, 300, frozenset()) == []  # "older" is another host
    assert run("forget", "older/worker-0", "--yes").exit_code == 0
    assert close_days(store, [(SITE, rules)], now, 300, frozenset()) == [(SITE.key, day)]


def test_a_host_that_reports_or_never_did_is_not_forgotten(day: dt.date, run: Run) -> None:
    told = run("forget", "new", "--yes")
    assert told.exit_code == 1
    assert "stop its collector first" in told.output
    told = run("forget", "ol", "--yes")
    assert told.exit_code == 1
    assert "no spool of it has ever reported; there are new/worker-0, old/worker-0" in told.output
