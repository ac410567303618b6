"""What keeps a house from starting is said once, in its own words; what passes is waited for; the log stays short."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.house import AGENT, Running, eventually, footfall, rows, running

pytestmark = [pytest.mark.process, pytest.mark.clickhouse, pytest.mark.timeout(600)]

UP = ("up", "--port", "0", "--dashboard-port", "0")
_PUT = """
import sys
from schema.store import Store
store = Store(sys.argv[1])
store.command(sys.argv[2])
store.close()
"""


def put(data: Path, statement: str) -> None:
    """Change a store that nobody has open."""
    footfall("migrate", "--data", str(data))
    subprocess.run([sys.executable, "-c", _PUT, f"chdb://{data / 'clickhouse'}", statement], check=True)


def changed_migration(data: Path) -> None:
    put(data, "ALTER TABLE migrations UPDATE sha256 = 'x' WHERE name = '0018_baseline.sql' SETTINGS mutations_sync = 2")


def migration_of_a_newer_one(data: Path) -> None:
    put(data, "INSERT INTO migrations (name, sha256, applied_at) VALUES ('9999_later.sql', 'x', 0)")


def file_in_place_of_a_spool(data: Path) -> None:
    (data / "spool").mkdir(parents=True)
    (data / "spool" / "worker-0").touch()


def file_in_place_of_the_store(data: Path) -> None:
    data.mkdir()
    (data / "clickhouse").touch()


def accounts_that_are_no_database(data: Path) -> None:
    data.mkdir()
    (data / "accounts.sqlite").write_text("no database, whatever else it may be")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (changed_migration, r"0018_baseline\.sql: applied as sha256 x….*restore the file"),
        (migration_of_a_newer_one, r"written by a newer Footfall \(it has 9999_later\.sql"),
        (file_in_place_of_a_spool, r"spool/worker-0: File exists; a file is where a directory should be"),
        (file_in_place_of_the_store, r"clickhouse: File exists; a file is where a directory should be"),
        (accounts_that_are_no_database, r"accounts\.sqlite: cannot be read: file is not a database; restore it"),
    ],
)
def test_what_a_process_meets_at_its_start_is_said_once_by_the_parent_who_stops_at_once(
    spoil: Callable[[Path], None], told: str, data: Path
) -> None:
    spoil(data)
    started = time.monotonic()
    done = footfall(*UP, "--data", str(data))
    assert time.monotonic() - started < 60, "it does not wait for what cannot come"
    assert done.returncode == 1
    # What libraries say whose process is stopped while it starts is no matter of the user's.
    lines = [line for line in done.stderr.splitlines() if "event='library'" not in line]
    assert re.search(rf"^Error: .*{told}", lines[-1])
    assert len(re.findall(told, done.stderr)) == 1
    assert "Traceback" not in done.stderr
    # The start, perhaps another process that was still on its way, and the error.
    assert len(lines) <= 3, done.stderr


def test_a_store_that_is_away_is_waited_for_with_one_line_and_no_library_speaks(data: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        dsn = f"http://writer:secret@127.0.0.1:{nobody.getsockname()[1]}/footfall"
        log = data.parent / "log"
        with log.open("w") as stderr:
            house = subprocess.Popen(
                [sys.executable, "-m", "footfall", *UP, "--data", str(data), "--set", f"store.dsn={dsn}"], stderr=stderr
            )
            try:
                eventually(lambda: "store_is_down" in log.read_text())
                time.sleep(6)
                assert house.poll() is None
            finally:
                house.terminate()
                assert house.wait(60) == 0
    lines = log.read_text().splitlines()
    assert [re.search(r"event='(\w+)'", line)[1] for line in lines] == ["starts", "store_is_down", "stops"]  # type: ignore[index]
    assert "Connection refused" in lines[1]
    assert "secret" not in log.read_text()


def words_of(house: Running) -> list[str]:
    return re.findall(r"event='(\w+)'", house.log.read_text())


def test_a_house_that_starts_and_stops_says_so_in_two_lines(data: Path) -> None:
    with running(data) as house:
        time.sleep(3)
        assert house.stop() == 0
    lines = house.log.read_text().splitlines()
    assert words_of(house) == ["starts", "stops"]
    for told in ("version='", "commit='", "sites=2", f"store='chdb://{data}/clickhouse'"):
        assert told in lines[0]


def test_an_engine_that_is_killed_is_told_once_and_runs_again(data: Path) -> None:
    with running(data, "--set", "rollup.nice=3") as house:
        (engine,), (worker,) = house.children("engine"), house.children("collector")
        assert _niceness(engine) == min(19, _niceness(worker) + 3), "it gives way to beacons"
        os.kill(engine, signal.SIGKILL)
        eventually(lambda: house.children("engine") not in ([], [engine]))
        time.sleep(3)
        assert house.stop() == 0
    assert words_of(house) == ["starts", "process_ended", "stops"]


def _niceness(pid: int) -> int:
    """Of most of its threads."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return Counter(os.getpriority(os.PRIO_PROCESS, int(task.name)) for task in tasks).most_common(1)[0][0]


# -- SIGHUP --------------------------------------------------------------------------------------------------------


def write(file: Path, *sites: str, more: str = "") -> None:
    file.write_text(more + "".join(f'[[sites]]\nkey = "{site}"\n' for site in sites))


def hang_up(house: Running) -> None:
    assert house._process is not None
    before = len(words_of(house))
    house._process.send_signal(signal.SIGHUP)
    eventually(lambda: any(word.startswith("settings_") for word in words_of(house)[before:]))
    eventually(lambda: {"settings_taken", "settings_not_taken"} & set(words_of(house)[before:]))


def reason(house: Running, site: str) -> str:
    status, headers = house.post({"n": "pageview", "u": f"https://{site}/", "d": site})
    assert status == 202
    return headers.get("x-footfall-reason", "")


def test_after_sighup_the_sites_of_the_file_count_and_a_bad_file_changes_nothing(data: Path) -> None:
    file = data.parent / "footfall.toml"
    write(file, "a.example")
    with running(data, "--config", str(file), "--workers", "2", "--set", "release.k=1", sites=()) as house:
        processes = house.processes()
        assert (reason(house, "a.example"), reason(house, "b.example")) == ("", "unknown_site")
        write(file, "a.example", "b.example")
        hang_up(house)
        for _ in range(8):  # whichever worker takes it
            assert (reason(house, "a.example"), reason(house, "b.example")) == ("", "")
        eventually(lambda: house.stats("b.example")["totals"]["pageviews"] == 8)
        file.write_text("[[sites]]\nkey = 'c.example'\nnonsense = 1\n")
        hang_up(house)
        assert f"{file}:3: sites[0].nonsense = 1: is not a setting" in house.log.read_text()
        assert (reason(house, "b.example"), reason(house, "c.example")) == ("", "unknown_site")
        write(file, "b.example", more="[collector]\nrate_limit = 77\n")
        hang_up(house)
        assert (reason(house, "a.example"), reason(house, "b.example")) == ("unknown_site", "")
        assert "settings=['collector.rate_limit']" in house.log.read_text()
        assert house.processes() == processes, "no process was started anew"
        assert house.stop() == 0
    taken = [line for line in house.log.read_text().splitlines() if "settings_taken" in line]
    assert "added=['b.example'] removed=[]" in taken[0]
    assert "added=[] removed=['a.example']" in taken[1]


def test_no_event_and_no_connection_is_lost_while_settings_are_taken(data: Path) -> None:
    file = data.parent / "footfall.toml"
    write(file, "a.example")
    with running(data, "--config", str(file), "--set", "release.k=1", sites=()) as house:
        assert house._process is not None
        body = b'{"n":"pageview","u":"https://a.example/","d":"a.example"}'
        head = f"POST /api/event HTTP/1.1\r\nHost: x\r\nUser-Agent: {AGENT.format(120)}\r\nContent-Length: {len(body)}"
        with socket.create_connection(("127.0.0.1", house.port), timeout=60) as connection:
            for number in range(300):
                if number % 100 == 50:
                    write(file, "a.example", *(["b.example"] if number % 200 == 50 else []))
                    house._process.send_signal(signal.SIGHUP)
                connection.sendall(head.encode() + b"\r\n\r\n" + body)
                assert connection.recv(4096).startswith(b"HTTP/1.1 202"), number
                time.sleep(0.01)
        eventually(lambda: not list((data / "spool").glob("*/*.sealed")))
        assert house.stop() == 0
    assert rows(data, "SELECT count() FROM events WHERE site = 'a.example'") == [[[300]]]


def test_a_lost_terminal_does_not_end_the_house(data: Path) -> None:
    mine, terminal = os.openpty()
    house = subprocess.Popen(
        [sys.executable, "-m", "footfall", *UP, "--data", str(data), "--site", "a.example"],
        stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, 0x540E, 0) and None,  # TIOCSCTTY: it is the session's own terminal
    )  # fmt: skip
    os.close(terminal)
    try:
        said = b""
        while b"dashboards" not in said:
            said += os.read(mine, 4096)
        port = int(re.search(rb"collector +http://localhost:(\d+)", said)[1])  # type: ignore[index]
        time.sleep(0.5)
        os.close(mine)  # the kernel sends SIGHUP; what is written from now on is EIO
        time.sleep(3)
        assert house.poll() is None
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(64).startswith(b"HTTP/1.1 200")
    finally:
        house.terminate()
        assert house.wait(60) == 0
