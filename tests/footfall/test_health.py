"""What follows from what the processes and the store tell: dead, frozen and failing are not well."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import time
from pathlib import Path

import pytest
from msgspec import structs

from collector.outcome import Reason
from footfall.control.checkup import look
from footfall.health import machine, processes
from footfall.health.finding import BAD, NOTE, OK, WARNING, Finding, as_one_line, worst
from footfall.health.refusals import Refusals
from footfall.health.stored import of_days
from footfall.settings import Settings
from footfall.supervisor.heartbeat import STALE_S, Child, Heartbeat, HeartbeatFile, place_of, read_heartbeats
from footfall.supervisor.locks import take
from footfall.supervisor.parent_heartbeat import parent_of
from pipeline.jobs import Jobs, JobState
from pipeline.open_days import OpenDay
from schema.site import Site

NOW = 10_000.0
DAY = dt.date(2024, 3, 1)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return structs.replace(Settings(), data=str(tmp_path))


def heartbeat(name: str, pid: int = 7, beat: float = NOW, problem: str = "") -> Heartbeat:
    return Heartbeat(name, pid, processes.described(), beat, 1.0, 50_000_000, problem)


def house(*children: Child, beat: float = NOW) -> dict[str, Heartbeat]:
    return {parent_of("up"): structs.replace(heartbeat(parent_of("up"), beat=beat), children=list(children))}


def test_the_worst_of_all_is_told_and_a_note_is_well() -> None:
    found = [Finding("a", OK, ""), Finding("b", NOTE, "")]
    assert (worst(found), as_one_line(found)) == (OK, "ok 2 checks")
    found += [Finding("c", WARNING, ""), Finding("d", BAD, ""), Finding("d", BAD, "")]
    assert (worst(found), as_one_line(found)) == (BAD, "bad d; warning c")


def test_a_house_that_is_stopped_frozen_or_killed_is_bad(settings: Settings) -> None:
    def states(heartbeats: dict[str, Heartbeat]) -> list[str]:
        return [one.state for one in processes.of_parts(settings, heartbeats, NOW)]

    assert states({}) == [BAD]
    assert states(house()) == [BAD]
    descriptor = take(settings.directory, "up", place_of(settings))
    assert descriptor > 0
    assert states(house()) == [OK]
    assert states(house(beat=NOW - STALE_S)) == [BAD]
    assert states({}) == [BAD]


def test_a_service_of_keys_alone_is_asked_for_no_store(settings: Settings) -> None:
    assert take(settings.directory, "keys", place_of(settings)) > 0
    found = {one.check: one.state for one in look(settings).findings}
    assert "store" not in found
    assert found["running"] == BAD  # it holds its lock, and gives no sign of life


@pytest.mark.parametrize(
    ("alive", "told", "state"),
    [
        (True, heartbeat("collector-0"), OK),
        (True, heartbeat("collector-0", beat=NOW - STALE_S), BAD),
        (True, heartbeat("collector-0", problem="less than spool.keep_free_bytes = 1 of disk is free"), BAD),
        (False, heartbeat("collector-0"), BAD),
        (True, heartbeat("collector-0", pid=8), BAD),
        (True, None, BAD),
    ],
    ids=["well", "frozen", "refusing", "dead", "another's heartbeat", "no heartbeat"],
)
def test_a_worker_is_well_only_if_it_lives_and_takes_beacons(alive: bool, told: Heartbeat | None, state: str) -> None:
    heartbeats = house(Child("collector-0", 7, 1.0, alive))
    found = list(processes.of_children(heartbeats | ({told.name: told} if told else {}), NOW))
    assert [one.state for one in found if one.check == "worker"] == [state]


def test_an_engine_that_is_started_again_is_told() -> None:
    for times, state in ((1, WARNING), (3, BAD)):
        found = processes.of_children(house(Child("engine", 7, NOW, True, [NOW - 9] * times)), NOW)
        assert [one.state for one in found if one.check == "restarts"] == [state]


@pytest.mark.parametrize(
    ("job", "state"),
    [
        (JobState("roll_up", 1.0, succeeded=NOW - 5), OK),
        (JobState("roll_up", 1.0, succeeded=NOW - 700), BAD),
        (
            JobState("roll_up", 1.0, succeeded=NOW - 5, failures=1, failing_since=NOW - 1, failed=NOW, problem="x"),
            WARNING,
        ),
        (
            JobState("roll_up", 1.0, succeeded=NOW - 99, failures=9, failing_since=NOW - 90, failed=NOW, problem="x"),
            BAD,
        ),
        (JobState("expire", 1.0, succeeded=NOW - 3700), OK),
    ],
)
def test_a_job_that_fails_or_is_overdue_is_told(job: JobState, state: str) -> None:
    (found,) = processes.of_jobs({"engine": structs.replace(heartbeat("engine"), jobs=[job])}, NOW)
    assert (found.check, found.state) == (f"job {job.name}", state)


def test_what_a_killed_process_has_left_is_not_told() -> None:
    left = structs.replace(heartbeat("engine", pid=8), jobs=[JobState("roll_up", 1.0)])
    assert {*processes.without_the_dead({"engine": left})} == set()
    heartbeats = house(Child("engine", 7, 1.0, True)) | {"engine": left}
    assert "engine" not in processes.without_the_dead(heartbeats)
    assert "engine" in processes.without_the_dead(heartbeats | {"engine": structs.replace(left, pid=7)})


def test_a_failure_tells_its_kind_and_place_and_nothing_of_its_text() -> None:
    jobs = Jobs()
    with pytest.raises(ValueError, match="secret"), jobs.run("x"):
        raise ValueError("secret")
    (state,) = jobs.states()
    assert state.failures == 1
    assert state.problem.startswith("ValueError at test_health.py:")
    assert "secret" not in state.problem


def test_a_sign_is_read_as_it_was_told(settings: Settings) -> None:
    HeartbeatFile(settings, "engine", lambda one: one.jobs.append(JobState("close", 1.0))).turn()
    assert [job.name for job in read_heartbeats(settings)["engine"].jobs] == ["close"]


def test_refused_beacons_are_told_by_tens_and_once_a_minute() -> None:
    now = [86_400.0 * 100]
    refusals = Refusals({}, lambda: now[0])
    for _ in range(17):
        refusals(Reason.SPOOL)
    refusals(Reason.HOST)
    assert refusals.told() == {}
    now[0] += 60
    assert refusals.told() == {"spool": 10}
    now[0] += 86_400
    assert refusals.told() == {}


def test_a_day_that_should_be_released_names_the_spool_it_waits_for() -> None:
    site, end = Site("a"), dt.datetime(2024, 3, 2, tzinfo=dt.UTC).timestamp()
    late = [OpenDay("a", DAY, 1, 0)]
    marks = {"live": int(end) + 9000, "dead/0": int(end) - 60}
    (found,) = of_days([site], late, marks, 300, end + 7200)
    assert found.state == BAD
    assert found.finding.endswith("a 2024-03-01; they wait for dead/0")
    (found,) = of_days([site], late, marks, 300, end + 600)
    assert found.state == OK


def test_a_spool_file_that_waits_is_told(settings: Settings) -> None:
    spool = settings.directory / "spool" / "worker-0"
    spool.mkdir(parents=True)
    (spool / f"{int(time.time()) - 400:010d}-00.sealed").write_bytes(b"")
    (found,) = machine.of_spools(settings, time.time())
    assert found.state == BAD


def test_a_full_disk_is_bad(settings: Settings) -> None:
    full = structs.replace(settings, spool=structs.replace(settings.spool, keep_free_bytes=2**60))
    (found,) = machine.of_disk(full, {})
    assert found.state == BAD


def test_keys_that_are_gone_are_bad(settings: Settings) -> None:
    heartbeats = {parent_of("up"): structs.replace(heartbeat(parent_of("up")), keys=str(settings.directory / "gone"))}
    assert [one.state for one in machine.of_keys(settings, heartbeats, time.time(), NOW)] == [BAD]


@pytest.mark.process
def test_a_worker_does_not_load_the_store() -> None:
    code = (
        "import sys, footfall.roles.__main__, footfall.roles.collector; sys.exit('clickhouse_connect' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(("mebibytes", "warned"), [(0, False), (512, True), (640, False), (1024, False)])
def test_less_memory_than_a_day_of_a_million_events_needs_is_told(
    monkeypatch: pytest.MonkeyPatch, mebibytes: int, warned: bool
) -> None:
    """640 MiB are measured to be enough (docs/decisions/0085-little-memory.md); nobody knows: nothing is said."""
    monkeypatch.setattr(machine, "memory", lambda: mebibytes * 1024 * 1024)
    found = [*machine.of_little_memory()]
    assert [one.state for one in found] == [WARNING] * warned
    assert all(one.finding.startswith("536 MB for Footfall: a day of") and "1 GB" in one.remedy for one in found)
