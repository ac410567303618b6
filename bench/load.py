"""Puts load on a collector: as much as it takes, with wrk, or so many requests a second, with a client of our own.

In: a plan, a port. Out: a `Load`. The same ready requests are sent to every server that is compared.
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import re
import shutil
import subprocess
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import msgspec
import uvloop
from msgspec import Struct

from .figures import quantile
from .plan import Plan

SITE = "example.com"
_SCRIPT = Path(__file__).with_name("beacons.lua")
_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:{0}.0) Gecko/20100101 Firefox/{0}.0"
# Few addresses see several pages each; of many, one request each fills the client's memory well enough.
_FEWEST_REQUESTS = 20_000
_FIRST_NETWORK = 11 << 24


class Load(Struct, frozen=True):
    """What a client saw. failed: no answer, or none of the 200s. took_ms: of each request, where our own client saw
    it."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    failed: int
    took_ms: list[float] = []

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


def requests_of(plan: Plan, sites: Sequence[str] = (SITE,)) -> list[bytes]:
    """Page views, ready to send: each address with its own agent, on one page after the other, of sites in turn.

    Addresses lie in networks of their own, because a collector sees no more of them than that."""
    draw = random.Random(plan.seed)
    people = [
        (_FIRST_NETWORK + (n << 8) + draw.randrange(1, 255), draw.randrange(plan.agents)) for n in range(plan.addresses)
    ]
    found = []
    for number, (address, agent) in enumerate(people * max(1, _FEWEST_REQUESTS // plan.addresses)):
        site = sites[number % len(sites)]
        url = f"https://{site}/page/{draw.randrange(plan.paths)}"
        body = json.dumps({"n": "pageview", "u": url, "d": site, "w": 1440})
        head = (
            "POST /api/event HTTP/1.1",
            f"Host: {site}",
            f"User-Agent: {_AGENT.format(60 + agent)}",
            "Accept-Language: de-AT,de;q=0.9,en;q=0.8",
            f"Origin: https://{site}",
            "Content-Type: text/plain",
            "X-Forwarded-For: " + ".".join(str(address >> shift & 255) for shift in (24, 16, 8, 0)),
            f"Content-Length: {len(body)}",
        )
        found.append("\r\n".join((*head, "", body)).encode())
    draw.shuffle(found)
    return found


class Client:
    """Ready requests, and two ways to send them."""

    def __init__(self, plan: Plan, directory: Path, sites: Sequence[str] = (SITE,)) -> None:
        self._plan = plan
        self._requests = requests_of(plan, sites)
        self._file = directory / "requests"
        self._file.write_bytes(b"\0".join(self._requests))

    def most(self, port: int, seconds: float, connections: int = 0) -> Load:
        """As much as the server takes: every connection sends again as soon as it is answered. connections: how many,
        the plan's where it is 0."""
        connections = connections or self._plan.connections
        if not shutil.which("wrk"):
            return self._paced(port, seconds, 0, connections)
        command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "-s", str(_SCRIPT)]
        command += [f"http://127.0.0.1:{port}/api/event", "--", str(self._file)]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return msgspec.json.decode(output.splitlines()[-1], type=Load)

    def paced(self, port: int, seconds: float, rate: float) -> Load:
        """So many a second, at moments that do not wait for earlier answers: as visitors do."""
        return self._paced(port, seconds, rate, self._plan.connections)

    def _paced(self, port: int, seconds: float, rate: float, connections: int) -> Load:
        # Looking for garbage would stop the clock for some milliseconds.
        gc.disable()
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                return runner.run(_Paced(self._requests, rate, connections, self._plan.seed).run(port, seconds))
        finally:
            gc.enable()


class _Paced:
    """Requests come due, wait for an idle connection, and are timed from when they were due: a server that stalls
    is charged for everyone it kept waiting. rate 0: a request is due whenever a connection is idle."""

    def __init__(self, requests: list[bytes], rate: float, connections: int, seed: int) -> None:
        self._requests = requests
        self._rate = rate
        self._connections = connections
        self._draw = random.Random(seed)
        self._due: deque[float] = deque()
        self._idle: deque[_Connection] = deque()
        self._port = 0
        self._open_ones: set[_Connection] = set()
        self._opening: list[asyncio.Task[None]] = []
        self._took: list[float] = []
        self._sent = 0
        self._failed = 0
        self._end = 0.0

    async def run(self, port: int, seconds: float) -> Load:
        self._port = port
        for _ in range(self._connections):
            await self._open()
        started = time.perf_counter()
        self._end = started + seconds
        if self._rate:
            await self._come_due(started)
        else:
            self._due.extend([started] * self._connections)
            self._send()
            await asyncio.sleep(seconds)
        while len(self._took) < self._sent and time.perf_counter() < self._end + 2:
            await asyncio.sleep(0.01)
        unanswered = self._sent - len(self._took) + len(self._due)
        for connection in list(self._open_ones):
            connection.close()
        await asyncio.sleep(0)  # until they are
        took = self._took or [0.0]
        return Load(
            requests=len(self._took),
            seconds=time.perf_counter() - started if not self._rate else seconds,
            p50_ms=quantile(took, 0.5) * 1e3,
            p99_ms=quantile(took, 0.99) * 1e3,
            failed=self._failed + unanswered,
            took_ms=[one * 1e3 for one in self._took],
        )

    async def _come_due(self, next_: float) -> None:
        while next_ < self._end:
            now = time.perf_counter()
            while next_ <= now:
                self._due.append(next_)
                next_ += self._draw.expovariate(self._rate)
            self._send()
            await asyncio.sleep(max(0.0, next_ - time.perf_counter()))

    async def _open(self) -> None:
        await asyncio.get_running_loop().create_connection(lambda: _Connection(self), "127.0.0.1", self._port)

    def connected(self, connection: _Connection) -> None:
        self._open_ones.add(connection)
        self._idle.append(connection)
        self._send()

    def lost(self, connection: _Connection) -> None:
        """A server closes what is idle for long."""
        self._open_ones.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if time.perf_counter() < self._end:
            self._opening.append(asyncio.get_running_loop().create_task(self._open()))

    def answered(self, connection: _Connection, well: bool) -> None:
        now = time.perf_counter()
        self._took.append(now - connection.due)
        self._failed += not well
        self._idle.append(connection)
        if not self._rate and now < self._end:
            self._due.append(now)
        self._send()

    def _send(self) -> None:
        while self._due and self._idle:
            connection = self._idle.popleft()
            if connection.is_closing():
                continue  # another one is opened once it is gone
            connection.send(self._requests[self._sent % len(self._requests)], self._due.popleft())
            self._sent += 1


class _Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self, client: _Paced) -> None:
        self.due = 0.0
        self._client = client
        self._answer = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        self._client.connected(self)

    def connection_lost(self, problem: Exception | None) -> None:
        self._client.lost(self)

    def close(self) -> None:
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def send(self, request: bytes, due: float) -> None:
        self.due = due
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, ended, body = self._answer.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        if ended and len(body) >= (int(length[1]) if length else 0):
            self._answer = b""
            self._client.answered(self, head.startswith(b"HTTP/1.1 2"))
