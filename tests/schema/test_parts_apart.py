"""The parts apart, all at once, each as its own user of one server: beacons in, figures out, and nobody refused."""

from __future__ import annotations

import contextlib
import http.cookiejar
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from schema.migrate import USERS
from tests.faults.conftest import Server
from tests.house import AGENT, eventually
from tests.schema.conftest import PASSWORDS, commanded

pytestmark = [pytest.mark.process, pytest.mark.clickhouse]

SITE = "apart.example"


@contextlib.contextmanager
def part(server: Server, name: str, data: Path, *arguments: str) -> Iterator[tuple[list[str], Path]]:
    """A running part: the lines that it said when it was ready, and its log."""
    user = {"collector": "writer"}.get(name, name)
    dsn = server.dsn_of(f"footfall_{user}", PASSWORDS[f"footfall_{user}"])
    command = [sys.executable, "-m", "footfall", name, "--data", str(data), "--site", SITE, "--set", "release.k=1"]
    log = data.parent / f"{name}.log"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [*command, *arguments],
            env={**os.environ, "FOOTFALL_STORE_DSN": dsn},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline().strip()]
            assert lines[0], log.read_text()[-2000:]
            if name == "dashboards":
                lines.append(process.stdout.readline().strip())
            yield lines, log
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(120)


def beacon(url: str, who: int, name: str, **more: object) -> None:
    body = {"n": name, "u": f"https://{SITE}/p{who}", "d": SITE, **more}
    headers = {"User-Agent": AGENT.format(100 + who), "Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/api/event", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.status == 202


def asked(server: Server, data: Path, *arguments: str) -> Any:
    """What a command answers, beside the running pipeline."""
    dsn = server.dsn_of("footfall_pipeline", PASSWORDS["footfall_pipeline"])
    done = commanded(dsn, *arguments, "--json", "--data", str(data))
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def log_lines(day: str, people: Sequence[int]) -> str:
    agent = AGENT.format(142)
    return "".join(
        f'198.51.{n}.7 - - [{day}:10:00:0{n} +0000] "GET /old HTTP/1.1" 200 512 "-" "{agent}"\n' for n in people
    )


def test_the_parts_apart_are_refused_nothing_by_the_grants_of_their_users(with_users: Server, tmp_path: Path) -> None:
    data, logs = tmp_path / "data", []
    with_users.refused()
    with contextlib.ExitStack() as parts:
        collector, log = parts.enter_context(part(with_users, "collector", data, "--port", "0"))
        logs.append(log)
        _, log = parts.enter_context(part(with_users, "pipeline", data))
        logs.append(log)
        dashboards, log = parts.enter_context(part(with_users, "dashboards", tmp_path / "accounts", "--port", "0"))
        logs.append(log)
        url = collector[0].removeprefix("collector: ")
        for who in range(6):
            beacon(url, who, "pageview")
        beacon(url, 5, "bought", **{"$": {"currency": "EUR", "amount": "9.90"}})

        def visitors() -> int:
            return int(asked(with_users, data, "stats", SITE)["totals"]["visitors"])

        eventually(lambda: visitors() == 6)
        old = tmp_path / "old.log"
        old.write_text(log_lines("14/Oct/2025", range(1, 7)))
        imported = asked(with_users, data, "import", "access-log", str(old), "--site", SITE)
        assert imported["days_released"] == ["2025-10-14"]
        assert imported["run"] in [run["run"] for run in asked(with_users, data, "import", "list")]
        asked(with_users, data, "import", "undo", imported["run"])
        asked(with_users, data, "check")

        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        browser = urllib.request.build_opener(cookies)
        found = re.search(r"http\S+", dashboards[1])
        assert found
        with browser.open(found[0], timeout=60) as page:
            page.read()
        base = dashboards[0].removeprefix("dashboards: ")
        with browser.open(f"{base}/sites/{SITE}", timeout=60) as page:
            assert SITE in page.read().decode()
    assert with_users.refused() == []
    for log in logs:
        assert "ACCESS_DENIED" not in log.read_text()
        assert "job_failed" not in log.read_text()
    assert len(USERS) == len(logs)
