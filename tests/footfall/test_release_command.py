"""`footfall release`: the chain of a site, its check, a day; of open days never a number."""

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
from footfall.cli import release as command
from footfall.control.engine import Engine
from footfall.settings import Settings, SiteSettings
from pipeline.closing import Waiting, waiting
from pipeline.imports import Import
from pipeline.manifest import read_entries
from pipeline.release import release
from pipeline.rollup.stages import roll_up
from pipeline.settings import SiteRules
from pipeline.undo import undo
from pipeline.verify import head
from schema.site import day_bounds, day_number, local_day
from schema.store import Store
from tests.conftest import insert, make_event
from tests.house import running

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]

Run = Callable[..., Result]
RULES = SiteRules(2, 30, "balanced")
# One in which it is about noon now: no day ends while the tests are run.
ZONE = f"Etc/GMT{time.gmtime().tm_hour - 12:+d}"
SITE = SiteSettings("logged.example", domains=("www.logged.example",), timezone=ZONE)
TODAY = local_day(ZONE, time.time()).date
OVER, FIRST = TODAY - dt.timedelta(days=1), TODAY - dt.timedelta(days=9)
SECOND = FIRST + dt.timedelta(days=1)


def come(store: Store, day: dt.date, people: int) -> None:
    start = day_bounds(ZONE, day_number(day)).start
    insert(store, [make_event(SITE.key, start + n, day, visitor=n + 1, path=f"/{n % 3}") for n in range(people)])


@pytest.fixture(scope="module")
def filled(store: Store) -> Iterator[Store]:
    """A day of seven visitors, one of a single visitor, an import that was taken back; two days open."""
    for table in ("watermarks", "events"):
        store.command(f"TRUNCATE TABLE {table}")
    for day, people in ((FIRST, 7), (SECOND, 1), (OVER, 4), (TODAY, 4)):
        come(store, day, people)
    release(store, "events", SITE, [FIRST], RULES, 1_000, "live")
    release(store, "events", SITE, [SECOND], RULES, 2_000, "live", complete=False, over_counted=True)
    run = Import(store)
    run.begin()
    undone = FIRST - dt.timedelta(days=400)
    received = day_bounds(ZONE, day_number(undone)).start
    events = [make_event(SITE.key, received + n, undone, visitor=n + 1) for n in range(6)]
    insert(store, events, run.table)
    assert run.finish([(SITE, RULES)], int(time.time()), "import").released == [undone.isoformat()]
    undo(store, run.run, int(time.time()))
    roll_up(store, SITE, TODAY, RULES)
    store.insert("watermarks", ("spool", "received_through"), (["a/worker-0"], [received]))
    yield store
    store.command("TRUNCATE TABLE watermarks")


@pytest.fixture
def run(filled: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command, on the one store of this process."""
    settings = Settings(data=str(tmp_path), demo=False, sites=(SITE,))

    @contextlib.contextmanager
    def opened(_: Settings) -> Iterator[Engine]:
        yield Engine(settings, filled, live=False)

    monkeypatch.setattr(command, "opened", opened)

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["release", *arguments, "--data", str(tmp_path)])

    return call


def test_the_log_has_every_entry_and_what_open_days_wait_for(run: Run) -> None:
    told = json.loads(run("log", SITE.key, "--json").stdout)
    assert [(one["number"], one["origin"].partition(":")[0], one["holds"]) for one in told["entries"]] == [
        (1, "live", True),
        (2, "live", True),
        (3, "import", False),
        (4, "undo", False),
    ]
    assert [(one["day"], one["what"], one["spools"]) for one in told["open"]] == [
        (OVER.isoformat(), told["open"][0]["what"], told["open"][0]["spools"]),
        (TODAY.isoformat(), "end", []),
    ]
    assert told["open"][1].keys() == {"day", "what", "until", "spools"}
    text = run("log", "www.logged.example").stdout
    assert [line.split()[0] for line in text.splitlines()] == ["entry", "1", "2", "3", "4", str(OVER), str(TODAY)]
    assert "incomplete, over-counted" in text
    assert "taken back" in text
    assert f"open, ends {TODAY + dt.timedelta(days=1)} 00:00 {ZONE}" in text


def test_the_log_of_some_days_has_their_entries_alone(run: Run) -> None:
    told = json.loads(run("log", SITE.key, "--from", str(SECOND), "--to", str(OVER), "--json").stdout)
    assert [one["number"] for one in told["entries"]] == [2]
    assert [one["day"] for one in told["open"]] == [OVER.isoformat()]
    assert "no day of these is released" in run("log", SITE.key, "--from", "2001-01-01", "--to", "2001-01-02").stdout
    assert "YYYY-MM-DD" in run("log", SITE.key, "--from", "yesterday").output
    unknown = run("log", "nobody.example")
    assert (unknown.exit_code, "is not known" in unknown.output) == (1, True)


def test_a_released_day_is_told_with_its_rules_and_what_is_folded(run: Run) -> None:
    [told] = json.loads(run("show", SITE.key, str(FIRST), "--json").stdout)
    assert (told["state"], told["entry"]["k"], told["entry"]["preset"]) == ("released", 2, "balanced")
    of_pages = next(one for one in told["published"] if (one["family"], one["dimension"]) == ("cells", "page"))
    assert (of_pages["values"], of_pages["other"], of_pages["folded"]) == (3, False, None)
    hours = next(one for one in told["published"] if (one["family"], one["grain"]) == ("cells", "hour"))
    assert (hours["values"], hours["rows"]) == (1, 1)
    text = run("show", SITE.key, str(FIRST)).stdout
    assert "rules: preset balanced, k = 2" in text
    assert ["cells", "page", "3", "3", "no", "–"] in [line.split() for line in text.splitlines()]
    assert "nothing is published" in run("show", SITE.key, str(SECOND)).stdout


def test_an_open_day_is_told_without_a_number_of_anything(run: Run) -> None:
    [told] = json.loads(run("show", SITE.key, str(TODAY), "--json").stdout)
    assert (told["state"], told["since"]) == ("open", day_bounds(ZONE, day_number(TODAY)).start)
    assert told.keys() == {
        *("site", "day", "span", "timezone", "state", "since", "shown_as_of", "shown_from", "preset", "k", "networks"),
        "waits_for",
    }
    assert told["shown_as_of"][-9:-6] in (":00", ":15", ":30", ":45")
    [before] = json.loads(run("show", SITE.key, str(OVER), "--json").stdout)
    assert before["shown_as_of"] is None
    text = run("show", SITE.key, str(OVER)).stdout
    assert f"since {OVER} 00:00 {ZONE}" in text
    assert (
        "shown: not yet; a day is shown from 2 visitors from 2 networks on, while it goes on from twice as many" in text
    )


def test_a_week_is_told_day_by_day(run: Run) -> None:
    year, week, _ = FIRST.isocalendar()
    name = f"{year}-W{week:02}"
    told = json.loads(run("show", SITE.key, name, "--json").stdout)
    assert [one["day"] for one in told[:7]] == [dt.date.fromisocalendar(year, week, n).isoformat() for n in range(1, 8)]
    assert [(one["span"], one["state"]) for one in told[7:]] == [(7, "none"), (28, "none")]
    assert f"{FIRST}  released, " in run("show", SITE.key, name).stdout
    assert "no such week" in run("show", SITE.key, "2026-W54").output
    assert "nothing" in run("show", SITE.key, "2001-01-01").stdout


def test_what_holds_is_told_with_the_digest_of_the_chain_and_what_does_not_ends_with_1(run: Run, filled: Store) -> None:
    done = run("verify", SITE.key, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["faults"] == []
    expected = {"site": SITE.key, "entries": 4, "days": 2, "last": 4, "head": head(read_entries(filled, SITE.key))}
    assert told["sites"][0] | expected == told["sites"][0]
    assert f"{SITE.key}: ok: 2 released days" in run("verify").stdout
    nobody = run("verify", "nobody.example")
    assert (nobody.exit_code, "nothing of it is released" in nobody.output) == (1, True)
    changed = f"ALTER TABLE released_cells UPDATE visits = bitXor(visits, 1) WHERE site = '{SITE.key}'"
    filled.command(changed, mutations_sync=2)
    try:
        done = run("verify", SITE.key, "--json")
        assert done.exit_code == 1
        assert [(one["what"], one["day"]) for one in json.loads(done.stdout)["faults"]] == [
            ("rows changed", FIRST.isoformat())
        ]
        text = run("verify")
        assert text.exit_code == 1
        assert f"{SITE.key}: 1 fault" in text.stdout
        assert f"{FIRST}, entry 1: rows changed: its rows are not those" in text.stdout
    finally:
        filled.command(changed, mutations_sync=2)
    assert run("verify", SITE.key).exit_code == 0


def test_what_an_open_day_waits_for_follows_its_end_and_the_spools() -> None:
    end = day_bounds(ZONE, day_number(TODAY)).end
    marks = {"b": end - 1, "a": end - 9, "c": end}
    assert waiting(SITE, TODAY, end - 1, marks, 300) == Waiting("end", end)
    assert waiting(SITE, TODAY, end, marks, 300) == Waiting("grace", end + 300)
    assert waiting(SITE, TODAY, end + 300, marks, 300) == Waiting("spools", 0, ("a", "b"))
    assert waiting(SITE, TODAY, end + 300, {}, 300) == Waiting("spools", 0, ())
    assert waiting(SITE, TODAY, end + 300, {"c": end}, 300) == Waiting("run")


@pytest.mark.process
def test_a_house_that_runs_and_one_that_is_stopped_tell_the_same(data: Path) -> None:
    with running(data, "--set", "release.networks=1") as house:
        assert house.command("demo", "--days", "3").returncode == 0
        asked = [("verify",), ("verify", "demo", "--json"), ("log", "demo", "--json")]
        told = [house.command("release", *each) for each in asked]
        house.stop()
        after = [house.command("release", *each) for each in asked]
    assert [done.returncode for done in told] == [0, 0, 0], [done.stderr for done in told]
    assert [done.stdout for done in told] == [done.stdout for done in after]
    assert json.loads(told[1].stdout)["sites"][0]["days"] == 3
