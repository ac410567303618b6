"""Whatever is sent, the short way and uvicorn's own answer the same bytes, and the same rows are stored, of visitors
and pages that are known as of others."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
import uvicorn
import uvloop
from msgspec import Raw

from collector.anonymization import PRESETS
from collector.edge import http as limited
from collector.edge import ingest
from collector.edge.app import create_app
from collector.edge.http import LimitedProtocol
from collector.edge.ingest import IngestProtocol
from collector.enrich.device import warm_up
from collector.enrich.geo import GeoDatabase
from collector.enrich.site_filter import Exclusions, site_filter_of
from collector.model import Beacon, Rules
from collector.privacy.address import Proxies
from collector.service import Collector
from collector.tokens import Tokens
from pipeline.settings import SpoolSettings
from pipeline.spool.file import read_sealed, spool_files
from pipeline.spool.spool import Spool
from schema.site import Site

from .talks import Told, told_of

NOW = 1_792_000_033.25
_AT_ONCE = 60
_PATIENCE_S = 60
_DATE = re.compile(rb"date: [^\r]*\r\n")
_LAST = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
# Nothing more is read after these.
_CLOSES = re.compile(rb"\r\nconnection: close\r\n|HTTP/1.1 413")
_LATE = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_ANSWERED = re.compile(rb"HTTP/1\.1 (?!100)\d\d\d .*?\r\n\r\n", re.DOTALL)


def _is_late(first: bytes, second: bytes) -> bool:
    """Whether the deadline came to one of them in the midst of a request, on a machine that is busy."""
    short, long = sorted((text.removesuffix(_LATE) for text in (first, second)), key=len)
    return long.startswith(short)


class Keys:
    def key(self, site: str, day: int) -> bytes:
        return b"k" * 32

    def refresh(self) -> None: ...


class Way:
    """A collector with a spool of its own behind one protocol."""

    def __init__(self, directory: Path, protocol: type[asyncio.Protocol]) -> None:
        directory.mkdir()
        self.directory = directory / "spool"
        self.spool = Spool(self.directory, 0, SpoolSettings())
        rules: dict[str, Rules] = {}
        for site in (Site("a.example", domains=("alias.example",)), Site("b.example", timezone="Pacific/Apia")):
            settings = PRESETS["balanced"]
            site_filter = site_filter_of((), Exclusions(), site.names)
            mine = Rules(site, settings, 30, frozenset(settings.query_parameters), site.names, site_filter=site_filter)
            rules |= dict.fromkeys(site.names, mine)
        self.collector = Collector(
            rules, self.spool, Keys(), GeoDatabase(None), Proxies(("127.0.0.0/8",)), lambda: NOW
        )  # fmt: skip
        self.again = self.heads = 0
        take_again = self.collector.take_again

        def noting(sender: bytes, beacon: Beacon, now: float) -> tuple[str, Raw] | None:
            # All that uvicorn's own way brings goes through the steps, each time.
            found = take_again(sender, beacon, now) if protocol is IngestProtocol else None
            self.again += found is not None
            return found

        self.collector.take_again = noting  # type: ignore[method-assign]
        known_head = self.collector.known_head

        def noting_head(text: bytes, beacon: Beacon) -> tuple[bytes, bytes] | None:
            found = known_head(text, beacon)
            self.heads += found is not None
            return found

        self.collector.known_head = noting_head  # type: ignore[method-assign]
        app = create_app(self.collector, Keys(), Tokens(directory / "tokens.json"), self.spool, lambda: "", False)  # type: ignore[arg-type]
        self.server = uvicorn.Server(
            uvicorn.Config(
                app, http=protocol, lifespan="on", log_config=None, access_log=False, proxy_headers=False,
                server_header=False, timeout_keep_alive=2, timeout_graceful_shutdown=3,
            )
        )  # fmt: skip
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]

    def stored(self) -> tuple[list[Any], Counter[Any], list[Any]]:
        """Events, counts and erasures, in no order."""
        files = [read_sealed(path) for path in spool_files(self.directory)]
        counts = Counter[Any]()
        for file in files:
            for count in file.counts:
                counts[count.site, count.minute, count.reason] += count.count
        rows = sorted(repr(row) for file in files for row in file.rows)
        return rows, counts, sorted(repr(one) for file in files for one in file.erasures)


class Talk:
    """One connection: what is sent is answered before more is. What came back, and whether it was cut off."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.said = b""
        self.is_cut = False

    async def hold(self, told: list[Told]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for one in (*told, Told([_LAST], 1)):
                if not await self._tell(reader, writer, one) or _CLOSES.search(self.said):
                    break
            while await self._hear(reader):
                pass
        except OSError:
            # Closed with something unread, which may take answers on their way with it.
            self.is_cut = _CLOSES.search(self.said) is None
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _tell(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, told: Told) -> bool:
        wanted = len(_ANSWERED.findall(self.said)) + told.answers
        for number, piece in enumerate(told.pieces):
            if number:
                with contextlib.suppress(TimeoutError):
                    # Of what is refused for its beginning, no more is sent.
                    await asyncio.wait_for(self._hear(reader), 0.005)
                if _CLOSES.search(self.said):
                    break
            writer.write(piece)
            await writer.drain()
        while len(_ANSWERED.findall(self.said)) < wanted:
            if not await self._hear(reader):
                return False
        return True

    async def _hear(self, reader: asyncio.StreamReader) -> bool:
        more = await reader.read(65536)
        self.said += more
        return bool(more)


async def _both(ways: list[Way], requests: int, draw: Random) -> tuple[int, int]:
    """Say the same to both; how many talks were cut off, and how many differed. Fails at the first that differs."""
    serving = [asyncio.ensure_future(way.server.serve(sockets=[way.listener])) for way in ways]
    while not all(way.server.started for way in ways):
        await asyncio.sleep(0.01)
    cut = total = 0
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(told: list[Told]) -> None:
        nonlocal cut, total
        async with room:
            talks = [Talk(way.port) for way in ways]
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    await asyncio.gather(*(talk.hold(told) for talk in talks))
            except TimeoutError:
                pytest.fail(f"no end of {told}: {[talk.said for talk in talks]}")
        total += 1
        if any(talk.is_cut for talk in talks):
            cut += 1
            return
        first, second = (_DATE.sub(b"", talk.said) for talk in talks)
        if first != second and _is_late(first, second):
            cut += 1
            return
        assert first == second, (told, first, second)

    try:
        waiting = []
        while requests > 0:
            told = [told_of(draw) for _ in range(draw.randrange(1, 8))]
            requests -= len(told)
            waiting.append(one(told))
        await asyncio.gather(*waiting)
    finally:
        for way in ways:
            way.server.should_exit = True
        await asyncio.gather(*serving)
    return cut, total


@pytest.mark.slow
@pytest.mark.parametrize(("requests", "seed"), [(2_000, 20), pytest.param(100_000, None, marks=pytest.mark.long)])
def test_both_ways_answer_and_store_the_same(
    requests: int, seed: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limited, "RECEIVE_WITHIN_S", 1.0)
    warm_up()
    ways = [Way(tmp_path / "ours", IngestProtocol), Way(tmp_path / "theirs", LimitedProtocol)]
    taken = Counter[bool]()
    take = IngestProtocol._take

    def noting(self: IngestProtocol, data: bytes) -> bool:
        taken[is_taken := take(self, data)] += 1
        return is_taken

    monkeypatch.setattr(ingest.IngestProtocol, "_take", noting)
    cut, total = uvloop.run(_both(ways, requests, Random(seed)))
    assert cut <= total * 0.01
    assert taken[True] > requests / 4
    assert taken[False] > requests / 10
    # Of these the steps had seen the visitor and the page.
    assert ways[0].again > requests / 50
    assert ways[1].again == ways[1].heads == 0
    # Of these the parser had read the head.
    assert ways[0].heads > requests / 200
    ours, theirs = (way.stored() for way in ways)
    if not cut:
        assert ours == theirs
    assert len(ours[0]) > requests / 20
