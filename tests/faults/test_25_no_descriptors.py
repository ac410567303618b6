"""Fault 25: a worker without file descriptors answers 503 or not at all, loses nothing, and recovers by itself."""

from __future__ import annotations

import contextlib
import http.client
import json
import resource
from pathlib import Path

import pytest

from footfall.canary.scratch import AGENT
from tests.faults.oracle import Oracle, spooled
from tests.house import eventually, rows, running

pytestmark = [pytest.mark.process, pytest.mark.clickhouse]


def test_a_worker_without_descriptors_refuses_and_recovers_and_loses_nothing(data: Path) -> None:
    with running(data) as house:
        [worker] = house.children("collector")
        oracle = Oracle(house.port, clients=2)
        assert oracle.post(200) == {202: 200}
        kept = http.client.HTTPConnection("127.0.0.1", house.port, timeout=60)
        acknowledged: list[str] = []

        def post(number: int) -> int:
            path = f"/kept/{number}"
            body = json.dumps({"n": "pageview", "u": f"https://example.com{path}", "d": "example.com"})
            kept.request("POST", "/api/event", body, {"User-Agent": AGENT.format(120)})
            answer = kept.getresponse()
            answer.read()
            if answer.status == 202:
                acknowledged.append(path)
            else:
                assert answer.getheader("Retry-After")
            return answer.status

        assert post(0) == 202
        before = resource.prlimit(
            worker, resource.RLIMIT_NOFILE, (3, resource.prlimit(worker, resource.RLIMIT_NOFILE)[1])
        )
        # The file that was open takes events until it has to be sealed; a new one cannot be opened.
        statuses: list[int] = []

        def refuses() -> bool:
            statuses.append(post(len(statuses) + 1))
            return statuses[-1] == 503

        eventually(refuses)
        assert set(statuses) <= {202, 503}
        assert [post(1000 + number) for number in range(20)] == [503] * 20
        # A new connection is refused or waits; no answer is made up.
        stranger = http.client.HTTPConnection("127.0.0.1", house.port, timeout=0.5)
        with contextlib.closing(stranger), contextlib.suppress(OSError, http.client.HTTPException):
            stranger.request("GET", "/healthz")
            assert stranger.getresponse().status == 503
        assert worker in house.processes()
        resource.prlimit(worker, resource.RLIMIT_NOFILE, before)
        eventually(lambda: post(10_000 + len(acknowledged)) == 202)
        assert oracle.post(200) == {202: 200}
        kept.close()
        assert house.processes().count(worker) == 1
        assert house.stop() == 0
    [found] = rows(data, "SELECT path FROM events")
    paths = [path for (path,) in found] + spooled(data)
    assert not set(acknowledged) - set(paths)
    assert len(set(paths)) == len(paths)
    oracle.judge([path for path in paths if path.startswith("/oracle/")])
