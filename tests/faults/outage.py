"""A long outage: the store is away, events go on coming, the disk holds them, and all of them are stored afterwards.

In: `python -m tests.faults.outage --hours 4 --rate 1000`. Out: what was held, how fast it drained while events went on
coming, and whether any is missing or there twice; exit code 1 if one is. The outage's events are sent as fast as they
are taken: what is proved is that so many are held, not that hours pass.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from footfall.canary.scratch import AGENT
from schema.migrate import migrate
from schema.store import Store
from tests.faults.conftest import Server
from tests.faults.oracle import CollectorHouse, held_bytes
from tests.faults.raw import memory_of
from tests.house import eventually

# As many as a request may hold.
_BATCH = 50
_CONNECTIONS = 16
# A longer number might be somebody's telephone to the scrubber.
_SPLIT = 10_000
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


class Sender:
    """Mints numbered events, and knows how many were acknowledged and the sum of their numbers."""

    def __init__(self, port: int) -> None:
        self.acknowledged = 0
        self.sum = 0
        self.refused = 0
        self._port = port
        self._next = 0

    def send(self, events: int, per_second: float = 0.0) -> None:
        """So many, as fast as they are taken or so many a second."""
        asyncio.run(self._send_all(self._next + events, per_second))

    async def _send_all(self, end: int, per_second: float) -> None:
        began, first = time.monotonic(), self._next

        async def connection() -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            while self._next < end:
                numbers = range(self._next, min(self._next + _BATCH, end))
                self._next = numbers.stop
                if per_second:
                    due = began + (numbers.start - first) / per_second
                    await asyncio.sleep(max(0.0, due - time.monotonic()))
                writer.write(_request(numbers))
                head = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                await reader.readexactly(int(length[1]) if length else 0)
                if head.startswith(b"HTTP/1.1 202"):
                    self.acknowledged += len(numbers)
                    self.sum += sum(numbers)
                else:
                    self.refused += len(numbers)
            writer.close()
            await writer.wait_closed()

        await asyncio.gather(*(connection() for _ in range(_CONNECTIONS)))


def _path(number: int) -> str:
    return f"/outage/{number // _SPLIT}/{number % _SPLIT}"


def _request(numbers: range) -> bytes:
    body = json.dumps(
        [{"n": "pageview", "u": f"https://example.com{_path(number)}", "d": "example.com"} for number in numbers]
    )
    head = (
        "POST /api/event HTTP/1.1",
        "Host: example.com",
        f"User-Agent: {AGENT.format(60 + numbers.start // _BATCH % 200)}",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join((*head, "", body)).encode()


def outage(directory: Path, events: int, rate: float, workers: int = 1) -> dict[str, Any]:
    """Hold so many events while the store refuses connections, then drain them while `rate` more come every second."""
    server = Server(directory / "server")
    store = Store(server.dsn)
    migrate(store)
    server.fail("refuse")
    house = CollectorHouse(directory / "data", server.dsn, "--workers", str(workers)).start()
    try:
        sender, began = Sender(house.port), time.monotonic()
        sender.send(events // 4)
        before = {pid: memory_of(pid) for pid in house.processes()}
        sender.send(events - events // 4)
        sending_s = time.monotonic() - began
        eventually(lambda: not list((directory / "data").glob("spool/*/*.open")))
        held = held_bytes(directory / "data")
        # A writer that finds no store at its start ends after five minutes, and is started again.
        growth = max(memory_of(pid) - before[pid] for pid in before.keys() & {*house.processes()})
        server.calm()
        began = time.monotonic()
        while (left := events - _count(store)) > 0:
            sender.send(max(_BATCH, int(rate)), rate)
            assert time.monotonic() - began < 4 * 3600, f"{left} events are not drained"
        drained_s = time.monotonic() - began
        eventually(lambda: _count(store) >= sender.acknowledged, 120)
        count, distinct, total = _stored(store)
        code = house.stop()
        return {
            "ok": (count, distinct, total) == (sender.acknowledged, sender.acknowledged, sender.sum)
            and not sender.refused and code == 0,
            "acknowledged": sender.acknowledged, "refused": sender.refused,
            "stored": count, "stored_once": distinct, "sent_per_s": round(events / sending_s),
            "held_mb": round(held / 1e6), "bytes_an_event": round(held / events), "growth_kib": growth // 1024,
            "drained_in_s": round(drained_s), "drained_per_s": round(sender.acknowledged / drained_s),
        }  # fmt: skip
    finally:
        house.kill()
        store.close()
        server.stop()


def _count(store: Store) -> int:
    return int(store.rows("SELECT count() FROM events")[0][0])


def _stored(store: Store) -> tuple[int, int, int]:
    """(events, different ones, sum of their numbers): all three are right only if each is there once."""
    number = f"toUInt64(splitByChar('/', path)[3]) * {_SPLIT} + toUInt64(splitByChar('/', path)[4])"
    [row] = store.rows(f"SELECT count(), uniqExact({number}), sum({number}) FROM events")
    return int(row[0]), int(row[1]), int(row[2])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.outage")
    parser.add_argument("--hours", type=float, default=4.0)
    parser.add_argument("--rate", type=float, default=1000.0, help="events a second (default: 1000)")
    parser.add_argument("--workers", type=int, default=1, help="that take events (default: 1)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        told = outage(Path(directory), int(options.hours * 3600 * options.rate), options.rate, options.workers)
    print(json.dumps({"hours": options.hours, "rate": options.rate, **told}, indent=1))
    sys.exit(not told["ok"])


if __name__ == "__main__":
    main()
