"""Consent is withdrawn, end to end: today's rows of that visitor go and stay gone, and nobody else's do (rule D6)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.house import AGENT, Running, eventually, rows

pytestmark = pytest.mark.process

SITE = "example.com"


def send(house: Running, who: int, page: str, **more: Any) -> tuple[int, dict[str, str]]:
    body = {"n": "pageview", "u": f"https://{SITE}{page}", "d": SITE} | more
    status, headers = house.post(body, {"User-Agent": AGENT.format(who)})
    # Two answers may fall into two seconds.
    return status, {name: value for name, value in headers.items() if name != "date"}


def pages(house: Running) -> dict[str, int]:
    return {row["value"]: row["pageviews"] for row in house.stats(SITE, "--by", "page")["rows"]}


@pytest.mark.timeout(600)
def test_withdrawal_deletes_today_s_rows_of_that_visitor_across_workers_and_kill_9(data: Path) -> None:
    # Files stay open for a while, so that the withdrawal overtakes events of the other worker in the writer's queue.
    house = Running(data, "--workers", "2", "--set", "release.k=1", "--set", "spool.seal_after_s=3").start()
    leaving, staying = 120, 121
    for number in range(8):
        assert send(house, leaving, f"/left/{number}")[0] == 202
        assert send(house, staying, f"/stayed/{number}")[0] == 202
    eventually(lambda: len(pages(house)) == 16)
    # More that is still in open files when the withdrawal comes, and when everything is killed.
    for number in range(8):
        send(house, leaving, f"/late/{number}")
        send(house, staying, f"/later/{number}")
    told = send(house, leaving, "/left/0", n="consent", consent="withdrawn")
    assert told == send(house, staying, "/stayed/0")
    house.kill()
    house.start()
    kept = {f"/stayed/{n}" for n in range(8)} | {f"/later/{n}" for n in range(8)}
    eventually(lambda: pages(house).keys() == kept, 60)
    # Whoever comes back is counted anew; what was erased is not brought back by that.
    assert send(house, leaving, "/back")[0] == 202
    eventually(lambda: pages(house).keys() == kept | {"/back"})
    assert house.stop() == 0
    [paths, waiting, mutations] = rows(
        data,
        "SELECT DISTINCT path FROM events ORDER BY path",
        "SELECT count() FROM erasures",
        "SELECT command FROM system.mutations WHERE table = 'events'",
    )
    assert {path for (path,) in paths} == kept | {"/back"}
    assert waiting == [[0]]
    assert all("erasures" in command for (command,) in mutations)
