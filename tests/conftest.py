"""What every test may use: one real embedded ClickHouse per process, and a way to write events into it; and which
tests are run, in which order, with how many examples: see EXTENTS."""

from __future__ import annotations

import datetime as dt
import gc
import itertools
import logging
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import structlog
from argon2 import PasswordHasher

# Also for itself: pytest's plugin of it imports it at the end of a run that did not need it, and once
# `Reports.warm_up` has frozen what was loaded, it takes trio's source of randomness for garbage and warns.
from hypothesis import settings
from msgspec import structs

from pipeline.writer import COLUMNS
from schema.event import NO_SCROLL, NOT_MEASURED, PAGEVIEW, Event
from schema.migrate import migrate
from schema.site import day_number
from schema.store import Store
from tests.migrated import begin, end, migrated

# What a password costs is no matter of most tests; that of the default is looked at in tests/dashboards/test_access.py.
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
_SEQUENCE = itertools.count(1)
_OPENED = pytest.StashKey[Store]()
_MIGRATED = pytest.StashKey[Path | None]()


class Extent(NamedTuple):
    """markers: which tests, as pytest's -m takes it. examples: of each property, as a multiple of what is written
    there. fixed: the same examples in each run."""

    markers: str
    examples: float
    fixed: bool


# Of `make test-fast`, `make test` and `make test-all`. A test without a marker is in all of them.
EXTENTS = {
    "fast": Extent("not process and not slow and not long", 0.2, True),
    # Being fixed, they guard against what comes back; new ones are for "all" to find.
    "ci": Extent("not long", 0.5, True),
    "all": Extent("", 10.0, False),
}
_EXAMPLES = 100
# What tests write is kept there, if there is room for all of it: no commit waits for a disk. Who needs one asks for
# `on_disk`.
_RAM, _ROOM_BYTES = Path("/dev/shm"), 4 << 30
# Longer than a file takes.
_BEFORE_MIDNIGHT_S = 180
# Files that take longest, the longest first: so nobody comes to one of them when all others are done. Which they are
# changes with what they test; an old list costs some seconds.
LONGEST = (
    *("browser/test_tracker.py", "faults/test_22_rollup_killed.py", "browser/test_accessible.py"),
    *("pipeline/test_blocks.py", "attacks/test_adding_sections.py", "faults/test_journey.py"),
    *("journey/test_canary.py", "footfall/test_plan.py", "attacks/test_blocks.py"),
    *("browser/test_engines.py", "pipeline/test_added_goals.py", "pipeline/test_visits.py"),
    *("faults/test_12_clock_and_zones.py", "attacks/test_adding_goals.py", "browser/test_tracker_people.py"),
    *("pipeline/test_recount_beacons.py", "pipeline/test_recount_segments.py", "pipeline/test_frozen_rows.py"),
    *("footfall/test_site_commands.py", "journey/test_shop.py", "pipeline/test_shown.py"),
    *("attacks/test_steps.py", "browser/test_published_trackers.py", "faults/test_21_retention.py"),
    *("journey/test_withdrawal.py", "attacks/test_polling.py", "attacks/test_twin.py"),
    *("attacks/test_changed_k.py", "footfall/test_small_sites.py", "footfall/test_site_removal.py"),
)
# What a process is started with, as Python's audit events call it.
_STARTS = frozenset(("subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--extent", choices=list(EXTENTS), default="ci", help="which tests, and how many examples")


def pytest_configure(config: pytest.Config) -> None:
    if _RAM.is_dir() and shutil.disk_usage(_RAM).free >= _ROOM_BYTES:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_RAM))
    # Of what is collected, and of modules that are imported, nothing is garbage. Who hands tests out collects none.
    if not config.getoption("numprocesses", None):
        gc.disable()
    config.stash[_MIGRATED] = begin()
    name = config.getoption("--extent")
    extent = EXTENTS[name]
    of_properties = {"max_examples": round(_EXAMPLES * extent.examples), "derandomize": extent.fixed}
    settings.register_profile(name, deadline=None, **of_properties)  # type: ignore[arg-type]
    settings.load_profile(name)
    asked = (config.option.markexpr, extent.markers)
    config.option.markexpr = " and ".join(f"({one})" for one in asked if one)


def pytest_unconfigure(config: pytest.Config) -> None:
    end(config.stash.get(_MIGRATED, None))


def examples(count: int) -> settings:
    """Of a property, as a multiple of what is written there; never fewer than five."""
    return settings(max_examples=max(5, times(count)))


def times(count: int) -> int:
    """What is done again and again at random, as a multiple of what is written there."""
    return count * settings.default.max_examples // _EXAMPLES


def recounted() -> int:
    """How many made-up sites, with k = 1, are held against a recount: 200 in CI, a thousand in "all"."""
    return max(20, min(1000, times(400)))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """File by file: first come those that wait for others, last those that compute, of each the longest outermost
    (tests/both_ends.py)."""
    kinds: dict[Path, int] = {}
    for item in items:
        kind = -1 if item.get_closest_marker("process") else int(item.get_closest_marker("slow") is not None)
        known = kinds.get(item.path, 0)
        kinds[item.path] = min(kind, known) if min(kind, known) < 0 else max(kind, known)

    def place(item: pytest.Item) -> tuple[int, int]:
        file = item.path.relative_to(item.config.rootpath).as_posix().removeprefix("tests/")
        outer = LONGEST.index(file) - len(LONGEST) if file in LONGEST else 0
        kind = kinds[item.path]
        return kind, -outer if kind > 0 else outer

    items.sort(key=place)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from tests.both_ends import BothEnds

    return BothEnds(config, log)


def pytest_collection_finish() -> None:
    """Tests are thousands of objects, which nobody need look through again in each of them."""
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The attackers' report: what each attack came to, with its rule and without (tests/attacks/conftest.py)."""
    reports = [one for some in terminalreporter.stats.values() for one in some if hasattr(one, "user_properties")]
    told = sorted({str(value) for one in reports for name, value in one.user_properties if name == "attack"})
    if told:
        terminalreporter.section("what attackers got")
        for line in told:
            terminalreporter.line(line)


@pytest.fixture(scope="session", autouse=True)
def _no_process_is_started(request: pytest.FixtureRequest) -> None:
    """In `make test-fast` a test that starts one fails."""
    if request.config.getoption("--extent") != "fast":
        return

    # Bound: when Python ends it forgets the names of modules first.
    def refuse(event: str, _: tuple[Any, ...], starts: frozenset[str] = _STARTS) -> None:
        if event in starts:
            pytest.fail(f"it starts a process ({event}): mark it with pytest.mark.process")

    sys.addaudithook(refuse)


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """A command that runs in this process sets up its log for good, on the standard error of its own test."""
    before, root, hooks = structlog.get_config(), logging.getLogger(), (sys.excepthook, sys.unraisablehook)
    handlers, level, in_threads = root.handlers, root.level, threading.excepthook
    yield
    structlog.configure(**before)
    root.handlers, threading.excepthook = handlers, in_threads
    root.setLevel(level)
    sys.excepthook, sys.unraisablehook = hooks


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Store]:
    """The embedded engine, migrated. It opens once per process, so tests keep apart by their site keys."""
    directory = tmp_path_factory.mktemp("clickhouse") / "store"
    # One process alone makes it sooner than it copies it; and in `make test-fast` none may be started that makes it.
    if "PYTEST_XDIST_WORKER" in os.environ and pytestconfig.getoption("--extent") != "fast":
        migrated(directory)
    opened = Store(f"chdb://{directory}")
    migrate(opened)
    pytestconfig.stash[_OPENED] = opened
    yield opened
    del pytestconfig.stash[_OPENED]
    opened.close()


@pytest.fixture(scope="module", autouse=True)
def _within_a_day(pytestconfig: pytest.Config) -> None:
    """Much goes by the machine's clock: what is sent to a house before midnight is not of the day that is asked for
    after. So in CI no file begins in the last minutes of a day."""
    left_s = 86_400 - time.time() % 86_400
    if left_s < _BEFORE_MIDNIGHT_S and pytestconfig.getoption("--extent") != "fast":
        time.sleep(left_s + 1)


@pytest.fixture(scope="module", autouse=True)
def _a_store_of_its_own(pytestconfig: pytest.Config) -> None:
    """A file begins with an empty store: how far spools of another one have come belongs to no site, and a statement
    that deletes rows looks through the parts of all sites."""
    if _OPENED in pytestconfig.stash:
        store = pytestconfig.stash[_OPENED]
        for (table,) in store.rows(
            """SELECT DISTINCT table FROM system.parts
            WHERE database = currentDatabase() AND active AND table != 'migrations'"""
        ):
            store.command(f"TRUNCATE TABLE {table}")


def make_event(site: str, received: int, day: dt.date, **given: Any) -> Event:
    """An event with nothing special about it but what is given."""
    plain = {name: "" for name, kind in Event.__annotations__.items() if kind == "str"}
    plain |= dict.fromkeys(("lcp", "inp", "cls", "fcp", "ttfb"), NOT_MEASURED)
    plain |= {"id": 0, "visitor": 1, "network_number": 0, "interactive": True, "props": {}, "amount": 0}
    plain |= {"engaged_ms": 0, "scroll": NO_SCROLL, "lifetime": 30}
    plain |= {"name": PAGEVIEW, "path": "/", "hostname": "example.com"}
    return Event(**(plain | {"site": site, "received": received, "day": day_number(day)} | given))  # type: ignore[arg-type]


def insert(store: Store, events: Sequence[Event], table: str = "events") -> None:
    """Write events as the writer does, in the order given."""
    rows = [[*structs.astuple(event), next(_SEQUENCE)] for event in events]
    store.insert(table, COLUMNS, [list(column) for column in zip(*rows, strict=True)])


@pytest.fixture
def on_disk() -> Iterator[Path]:
    """An empty directory that is on a disk, wherever others are."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as made:
        yield Path(made)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An empty data directory."""
    return tmp_path / "data"
