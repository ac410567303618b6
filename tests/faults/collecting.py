"""A collector in this process, real but for its clock: keeper, key file, endpoint, spool."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from collector.edge.endpoint import Endpoint
from collector.enrich.geo import GeoDatabase
from collector.keys.files import KeyFile
from collector.keys.keeper import KeyKeeper
from collector.model import KeySource
from collector.privacy.address import Proxies
from collector.service import Collector
from collector.wire.plausible import Plausible
from footfall.settings import load
from pipeline.settings import SpoolSettings
from pipeline.spool.file import Header, read_sealed, spool_files
from pipeline.spool.spool import Spool
from schema.event import Event
from schema.site import Site
from tests.house import AGENT

_FIELDS = Event.__struct_fields__


class Clock:
    """One time for everybody."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Collecting:
    """The collector of some sites. Used within one event loop: start(), post() …, stop()."""

    def __init__(self, ram: Path, disk: Path, clock: Clock, *zones: str) -> None:
        self.clock, self.ram, self.disk = clock, ram, disk
        sites = ", ".join(f'{{key="{site_of(zone)}", timezone="{zone}"}}' for zone in zones)
        settings = load(sets=(f"sites=[{sites}]", "demo=false"), environment={})
        self.sites: tuple[Site, ...] = settings.all_sites
        self.keeper = KeyKeeper(ram, disk / "keys.jsonl", self.sites, clock=clock)
        self.keeper.turn()
        self.keys = KeyFile(ram / "keys", clock)
        self.spools = disk / "spool"
        self.spool = Spool(self.spools / "worker-0", 0, SpoolSettings(seal_after_s=0.05), clock=clock)
        self.collector = Collector(
            settings.collector_rules(), self.spool, self.keys, GeoDatabase(None), Proxies(()), clock
        )
        self.endpoint = Endpoint(self.collector, Plausible())

    def start(self) -> Collecting:
        self.spool.start()
        return self

    def stop(self) -> None:
        self.spool.stop()
        self.keeper.close()

    def turn(self) -> None:
        """What happens once a second, in the parent and in the worker."""
        self.keeper.turn()
        self.keys.refresh()

    def read_keys_from(self, keys: KeySource) -> None:
        self.collector.keys = keys

    async def post(
        self, zone: str, address: str = "203.0.113.9", path: str = "/", gate: asyncio.Event | None = None
    ) -> int:
        """The status of one beacon. gate: the body comes only once it is open."""
        beacon = {"n": "pageview", "u": f"https://{site_of(zone)}{path}", "d": site_of(zone)}
        answers: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if gate is not None:
                await gate.wait()
            return {"type": "http.request", "body": json.dumps(beacon).encode(), "more_body": False}

        async def send(message: Any) -> None:
            answers.append(message)

        headers = [(b"user-agent", AGENT.format(120).encode())]
        scope = {"type": "http", "method": "POST", "headers": headers, "client": (address, 1)}
        await self.endpoint(scope, receive, send)
        status: int = answers[0]["status"]
        return status

    def stored(self) -> Iterator[tuple[Header, int, dict[str, Any]]]:
        """File header, sequence and fields of every event in the spool, oldest file first."""
        for path in spool_files(self.spool.directory):
            header, rows, *_ = read_sealed(path)
            for place, row in enumerate(rows):
                yield header, header.sequence(place), dict(zip(_FIELDS, row, strict=True))


def site_of(zone: str) -> str:
    """What the site of a time zone is called."""
    return zone.rpartition("/")[2].lower().replace("_", "-") + ".example"
