"""Ingest against a bare baseline, and rolling up, measured with the real parts: `python -m bench [--seconds N]`.

In: this machine. Out: a table, and bench/results/latest.json. What it does not measure is in issue 5's list: the full
suite (drain, dashboards, growth) is not in this version.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .rollup import rollup

HERE = Path(__file__).parent
CONNECTIONS = 64
ROUNDS = 3
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:{0}.0) Gecko/20100101 Firefox/{0}.0"


async def _decode_only(request: Request) -> Response:
    json.loads(await request.body())
    return Response(b"ok", 202)


bare = Starlette(routes=[Route("/api/event", _decode_only, methods=["POST"])])


def main() -> None:
    seconds = int(sys.argv[sys.argv.index("--seconds") + 1]) if "--seconds" in sys.argv else 5
    result: dict[str, object] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}",
        "at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "client": "wrk" if shutil.which("wrk") else "asyncio",
    }
    rates: dict[str, list[float]] = {"footfall": [], "bare": []}
    for _ in range(ROUNDS):  # alternating, so that a busy moment of the machine meets both
        for name, server in (("footfall", _footfall), ("bare", _bare)):
            with server() as port:
                rates[name].append(_load(port, seconds))
    ours, theirs = (statistics.median(rates[name]) for name in ("footfall", "bare"))
    result |= {"ingest_per_s": round(ours), "bare_per_s": round(theirs), "ingest_ratio": round(ours / theirs, 2)}
    result |= rollup()
    for name, value in result.items():
        print(f"{name:24} {value}")
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / "latest.json").write_text(json.dumps(result, indent=1) + "\n")


@contextlib.contextmanager
def _footfall() -> Iterator[int]:
    """The real thing, one worker: every 202 is an event on disk. The engine beside it drains and rolls up."""
    with tempfile.TemporaryDirectory() as data:
        command = [sys.executable, "-m", "footfall", "up", "--data", data, "--port", "0", "--dashboard-port", "0"]
        with _running([*command, "--workers", "1", "--site", "example.com", "--json"]) as process:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            yield int(told["collector"].rpartition(":")[2])


@contextlib.contextmanager
def _bare() -> Iterator[int]:
    """Starlette that decodes the same JSON and answers: no checks, no disk."""
    command = [sys.executable, "-m", "uvicorn", "bench.__main__:bare", "--port", "8799", "--no-access-log"]
    with _running([*command, "--http", "httptools", "--loop", "uvloop", "--log-level", "error"]):
        time.sleep(1.5)
        yield 8799


@contextlib.contextmanager
def _running(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, cwd=HERE.parent)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(20)
            assert process.stdout is not None
            process.stdout.close()


def _beacon(number: int) -> tuple[bytes, str]:
    body = {"n": "pageview", "u": f"https://example.com/page/{number % 500}", "d": "example.com", "w": 1440}
    return json.dumps(body).encode(), AGENT.format(100 + number % 200)


def _load(port: int, seconds: int) -> float:
    """Accepted requests per second."""
    if not shutil.which("wrk"):
        return asyncio.run(_asyncio_load(port, seconds))
    url = f"http://127.0.0.1:{port}/api/event"
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(HERE / "beacons.lua"), url]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in output or "Socket errors" in output:
        raise SystemExit(f"bench: requests failed:\n{output}")
    found = re.search(r"Requests/sec:\s+([\d.]+)", output)
    assert found
    return float(found[1])


async def _asyncio_load(port: int, seconds: int) -> float:
    """A poor man's wrk: it takes about as much processor as the server, so only the ratio says something."""
    end, accepted = time.monotonic() + seconds, 0

    async def connection(number: int) -> None:
        nonlocal accepted
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.monotonic() < end:
            body, agent = _beacon(number)
            head = f"POST /api/event HTTP/1.1\r\nHost: x\r\nUser-Agent: {agent}\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(re.findall(rb"content-length: (\d+)", answer.lower())[0]))
            accepted += answer.startswith(b"HTTP/1.1 202")
            number += CONNECTIONS
        writer.close()

    await asyncio.gather(*(connection(number) for number in range(CONNECTIONS)))
    return accepted / seconds


if __name__ == "__main__":
    main()
