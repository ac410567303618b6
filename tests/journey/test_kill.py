"""kill -9 of every process under load: every beacon answered 202 is in `events` exactly once."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import times
from tests.house import AGENT, Running, eventually, rows

pytestmark = pytest.mark.process

# Of those who send them half of what this test takes is; `make test-all` sends 20,000.
BEACONS = max(8_000, min(20_000, times(16_000)))
CLIENTS = 8
KILLS = 3


class Oracle:
    """Posts numbered beacons and remembers which were answered 202."""

    def __init__(self, house: Running) -> None:
        self.house = house
        self.acknowledged: list[str] = []
        self.sent = 0
        self._lock = threading.Lock()
        self._next = iter(range(BEACONS))

    def run(self) -> None:
        connection: http.client.HTTPConnection | None = None
        while True:
            with self._lock:
                number = next(self._next, None)
                if number is None:
                    break
                self.sent += 1
            # A beacon that got no answer may or may not have been stored; it is not sent again, so that a second
            # copy can only be the house's own doing.
            mark = f"/oracle/{number}"
            body = json.dumps({"n": "pageview", "u": f"https://example.com{mark}", "d": "example.com"}).encode()
            try:
                if connection is None:
                    connection = http.client.HTTPConnection("127.0.0.1", self.house.port, timeout=60)
                connection.request("POST", "/api/event", body, {"User-Agent": AGENT.format(100 + number % 40)})
                answer = connection.getresponse()
                answer.read()
                if answer.status == 202:
                    with self._lock:
                        self.acknowledged.append(mark)
            except (OSError, http.client.HTTPException):
                if connection is not None:
                    connection.close()
                connection = None
                time.sleep(0.02)
        if connection is not None:
            connection.close()


@pytest.mark.timeout(600)
def test_every_acknowledged_beacon_is_stored_exactly_once_across_kill_9_of_every_process(data: Path) -> None:
    house = Running(data, "--workers", "2", "--set", "collector.rate_limit=0").start()
    oracle = Oracle(house)
    clients = [threading.Thread(target=oracle.run) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    for kill in range(1, KILLS + 1):
        eventually(lambda kill=kill: oracle.sent >= BEACONS * kill // (KILLS + 1), 120)
        house.kill()
        house.start()
    for client in clients:
        client.join()
    assert len(oracle.acknowledged) > BEACONS // 2
    eventually(
        lambda: not list((data / "spool").glob("*/*.sealed")) and not list((data / "spool").glob("*/*.open")), 60
    )
    assert house.stop() == 0
    [found] = rows(data, "SELECT path FROM events WHERE startsWith(path, '/oracle/')")
    stored = Counter(path for (path,) in found)
    twice = [path for path, times in stored.items() if times > 1]
    lost = set(oracle.acknowledged) - stored.keys()
    assert not twice
    assert not lost
