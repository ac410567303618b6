"""`footfall check` on a real house: green while all is well, red in each of ten troubles, by its own name."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboards.web.engineers import HEALTH_PATH
from footfall.health.finding import BAD, EXIT_CODES, OK, WARNING
from footfall.settings import Settings
from footfall.supervisor.paths import key_directory
from tests.house import AGENT, Running, eventually, running

pytestmark = [pytest.mark.process, pytest.mark.clickhouse]

# Run on a stopped house, in a process of its own: a process opens one engine only.
_SEED = """
import datetime as dt, sys, time
from schema.store import Store
from tests.conftest import insert, make_event
store, now = Store(sys.argv[1]), int(time.time())
today = dt.datetime.fromtimestamp(now, dt.UTC).date()
before = lambda days: (now - days * 86_400, today - dt.timedelta(days=days))
# A site that is in no settings any more, and a day that a spool which is gone keeps from closing.
insert(store, [make_event("removed.example", *before(1))])
insert(store, [make_event("example.com", *before(3))])
store.insert("watermarks", ("spool", "received_through"), [["gone/worker-0"], [now - 5 * 86_400]])
# Two days past their lifetime, and nothing that removes more than the first of them.
store.command("ALTER TABLE events REMOVE TTL")
store.command("ALTER TABLE expiries ADD CONSTRAINT no CHECK partition = ''")
insert(store, [make_event("example.com", *before(40 + n)) for n in range(2)])
# Nothing that counts open days.
store.command("ALTER TABLE open_through ADD CONSTRAINT no CHECK site = ''")
store.close()
"""


def checked(house: Running) -> tuple[int, dict[str, list[dict[str, str]]]]:
    """The exit code and the findings by check; both tell the same."""
    done = house.command("check", "--json")
    told = json.loads(done.stdout)
    assert done.returncode == EXIT_CODES[told["state"]], done.stderr
    found: dict[str, list[dict[str, str]]] = {}
    for one in told["checks"]:
        found.setdefault(one["check"], []).append(one)
    return done.returncode, found


def state_of(found: dict[str, list[dict[str, str]]], check: str) -> set[str]:
    return {one["state"] for one in found.get(check, [])}


def is_red(house: Running, check: str, of: tuple[str, ...] = (BAD, WARNING)) -> dict[str, list[dict[str, str]]]:
    """The findings, once that check is not well, or once it is in such a state."""

    def red() -> Any:
        code, found = checked(house)
        return found if code and state_of(found, check) & {*of} else None

    found: dict[str, list[dict[str, str]]] = eventually(red)
    blamed = [one for one in found[check] if one["state"] in (BAD, WARNING)]
    assert all(one["remedy"] for one in blamed), blamed
    return found


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("health") / "data", "--workers", "2") as started:
        yield started


@pytest.fixture(scope="module")
def well(house: Running) -> dict[str, list[dict[str, str]]]:
    """What is told of it while all is well."""
    assert house.post({"n": "pageview", "u": "https://example.com/", "d": "example.com"})[0] == 202

    def green() -> Any:
        code, found = checked(house)
        # A heartbeat may be from before the engine had jobs, or from when it had those of its writer alone.
        return found if code == 0 and any(name.startswith("job ") and name != "job drain" for name in found) else None

    found: dict[str, list[dict[str, str]]] = eventually(green)
    return found


def test_a_house_that_is_well_is_green_in_every_check(house: Running, well: dict[str, list[dict[str, str]]]) -> None:
    assert {one["state"] for found in well.values() for one in found} == {OK}
    assert len(well["worker"]) == 2
    assert {*well} >= {"running", "store", "disk", "spool", "keys", "days", "expiry", "sites", "data", "memory"}
    jobs = {name.removeprefix("job ") for name in well if name.startswith("job ")}
    assert jobs == {"drain", "roll_up", "close", "sum_months", "erase", "expire", "publish_counts", "add_goals"}
    line = house.command("check", "--line")
    assert line.stdout.startswith("ok ")
    assert line.stdout.count("\n") == 1


def test_the_page_for_engineers_tells_the_same(house: Running, well: dict[str, list[dict[str, str]]]) -> None:
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    link = re.search(r"http\S+", house.command("sign-in").stdout)
    assert link
    with browser.open(link[0], timeout=60):
        pass
    with browser.open(f"{house.told['dashboards']}{HEALTH_PATH}", timeout=60) as page:
        text = page.read().decode()
    assert "All is well" in text
    for check in well.keys() - {"settings"}:
        assert f">{check}</th>" in text


def test_data_of_a_newer_version_is_told_beside_a_running_house(
    house: Running, well: dict[str, list[dict[str, str]]]
) -> None:
    stamp = house.data / "stamp.json"
    before = stamp.read_bytes()
    stamp.write_text(json.dumps(json.loads(before) | {"program": "99.0.0"}))
    try:
        is_red(house, "data")
    finally:
        stamp.write_bytes(before)
    assert state_of(checked(house)[1], "data") == {OK}


@pytest.mark.parametrize(("role", "check"), [("collector", "answers"), ("engine", "store"), ("", "running")])
def test_a_frozen_process_is_told_and_not_waited_for(
    house: Running, well: dict[str, list[dict[str, str]]], role: str, check: str
) -> None:
    frozen = house.children(role) if role else house.processes()[:1]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        is_red(house, check)
        assert time.monotonic() - began < 60
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    eventually(lambda: checked(house)[0] == 0)


def test_a_spool_that_waits_is_told(house: Running, well: dict[str, list[dict[str, str]]]) -> None:
    engine = house.children("engine")
    os.kill(engine[0], signal.SIGSTOP)
    try:
        assert house.post({"n": "pageview", "u": "https://example.com/2", "d": "example.com"})[0] == 202
        [sealed] = eventually(lambda: list(house.data.glob("spool/*/*.sealed")))
        begun, rest = sealed.name.split("-", 1)
        # As if that had been six minutes ago.
        waiting = sealed.with_name(f"{int(begun) - 360:0{len(begun)}}-{rest}")
        sealed.rename(waiting)
        assert state_of(is_red(house, "spool"), "spool") == {BAD}
        waiting.rename(sealed)
    finally:
        os.kill(engine[0], signal.SIGCONT)
    eventually(lambda: checked(house)[0] == 0)


def test_a_key_directory_that_somebody_removed_is_told_though_it_is_made_again(
    house: Running, well: dict[str, list[dict[str, str]]]
) -> None:
    shutil.rmtree(key_directory(Settings(data=str(house.data))))
    is_red(house, "keys")
    eventually(lambda: house.post({"n": "pageview", "u": "https://example.com/", "d": "example.com"})[0] == 202)


def test_an_engine_that_is_started_again_and_again_is_told(
    house: Running, well: dict[str, list[dict[str, str]]]
) -> None:
    for _ in range(3):
        engine = eventually(lambda: house.children("engine"))
        os.kill(engine[0], signal.SIGKILL)
        eventually(lambda before=engine: house.children("engine") not in ([], before))
    # The parent tells of a restart with its next heartbeat.
    assert is_red(house, "restarts", of=(BAD,))


def test_a_dead_house_is_told_apart_from_one_that_was_stopped(
    house: Running, well: dict[str, list[dict[str, str]]]
) -> None:
    house.kill()
    assert "without being stopped" in json.dumps(is_red(house, "running")["running"])
    house.start()
    assert house.stop() == 0
    code, found = checked(house)
    assert code == EXIT_CODES[BAD]
    assert "does not run" in json.dumps(found["running"])


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[dict[str, str]]]]:
    """What is told of a house in which many things are wrong at once."""
    data = tmp_path_factory.mktemp("troubled") / "data"
    with running(data, "--set", "release.k=1") as first:
        for who in range(5):
            said = {"n": "pageview", "u": "https://example.com/", "d": "example.com"}
            assert first.post(said, {"User-Agent": AGENT.format(110 + who)})[0] == 202
        assert first.stop() == 0
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", _SEED, f"chdb://{data / 'clickhouse'}"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    usage = shutil.disk_usage(data)
    # More than is free, and less than the disk has.
    keep = (usage.free + usage.total) // 2
    with running(data, "--set", "release.k=1", "--set", f"spool.keep_free_bytes={keep}") as house:
        said = {"n": "pageview", "u": "https://example.com/", "d": "example.com"}
        eventually(lambda: house.post(said)[0] == 503)
        is_red(house, "job roll_up")
        yield is_red(house, "job expire")


@pytest.mark.parametrize(
    ("check", "words"),
    [
        ("disk", "beacons are refused"),
        ("worker", "keep_free_bytes"),
        ("job roll_up", "fails"),
        ("job expire", "fails"),
        ("days", "they wait for gone/worker-0"),
        ("spools", "gone/worker-0"),
        ("expiry", "outlived"),
        ("sites", "removed.example"),
    ],
)
def test_each_trouble_is_red_by_its_own_name(troubled: dict[str, list[dict[str, str]]], check: str, words: str) -> None:
    blamed = [one for one in troubled[check] if one["state"] in (BAD, WARNING)]
    assert blamed
    assert words in json.dumps(blamed)
    assert all(one["remedy"] for one in blamed)
