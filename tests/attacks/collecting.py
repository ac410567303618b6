"""A collector for attackers: what they can do is send requests; what they have done is what is on its disk."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import StarletteDeprecationWarning
from starlette.routing import Route

from collector.edge.endpoint import Endpoint
from collector.edge.visitor_rights import routes
from collector.enrich.geo import GeoDatabase
from collector.keys.key import EphemeralKeys
from collector.limits.new_visitors import NewVisitors
from collector.limits.rate_limit import RateLimiter
from collector.outcome import Reason
from collector.privacy.address import Proxies
from collector.service import Collector
from collector.wire.pixel import Pixel
from collector.wire.plausible import Plausible
from footfall.settings import load
from pipeline.settings import SpoolSettings
from pipeline.spool.file import read_sealed, spool_files
from pipeline.spool.spool import Spool
from schema.event import Event

with warnings.catch_warnings():
    warnings.simplefilter("ignore", StarletteDeprecationWarning)
    from starlette.testclient import TestClient

NOW = 1_900_000_000.0
ATTACKER, EVIL = "203.0.113.66", "https://evil.example"
HERE = "http://stats.example"
# What a browser says for a page of somebody else's, which that page cannot change.
FOREIGN = {"origin": EVIL, "referer": f"{EVIL}/", "sec-fetch-site": "cross-site"}


class Attacked:
    """A collector of the sites shop.example, which names its hosts, and blog.example, which does not.

    limits: those that hold by default; without them anybody may send and object as often as he likes."""

    def __init__(self, directory: Path, limits: bool = True) -> None:
        sites = 'sites=[{key="shop.example", hosts=["shop.example"]}, {key="blog.example"}]'
        settings = load(sets=(sites, "demo=false"), environment={})
        self._directory = directory
        self.spool = Spool(directory, 0, SpoolSettings(seal_after_s=60), clock=lambda: NOW)
        proxies, usual = Proxies(()), settings.collector
        self.collector = Collector(
            settings.collector_rules(),
            self.spool,
            EphemeralKeys(),
            GeoDatabase(None),
            proxies,
            clock=lambda: NOW,
            limit=RateLimiter(usual.rate_limit, lambda: NOW),
            new_visitors=NewVisitors(usual.new_visitors_limit, proxies.hold, lambda: NOW) if limits else None,
            objections=RateLimiter(usual.objections_limit, lambda: NOW) if limits else None,
        )

    @contextmanager
    def open(self, address: str = ATTACKER) -> Iterator[TestClient]:
        """A connection from that address."""

        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            self.spool.start()
            yield
            self.spool.stop()

        formats = {"/api/event": Plausible(), "/pixel.gif": Pixel()}
        found = [Route(path, Endpoint(self.collector, format_)) for path, format_ in formats.items()]
        app = Starlette(routes=[*found, *routes(self.collector)], lifespan=lifespan)
        with TestClient(app, base_url=HERE, client=(address, 1), headers={"accept-language": "en"}) as client:
            yield client

    @property
    def stored(self) -> list[Event]:
        """The events on the disk."""
        return [Event(*row) for path in spool_files(self._directory) for row in read_sealed(path)[1]]

    @property
    def signals(self) -> int:
        """How many signals of visitors were counted, on the disk."""
        counts = (one for path in spool_files(self._directory) for one in read_sealed(path).counts)
        return sum(one.count for one in counts if Reason(one.reason).is_signal)

    @property
    def erased(self) -> set[tuple[str, int]]:
        """Whose day will be deleted: site and visitor."""
        wishes = (wish for path in spool_files(self._directory) for wish in read_sealed(path).erasures)
        return {(wish.site, wish.visitor) for wish in wishes}


def browser(number: int) -> dict[str, str]:
    """One of many browsers."""
    version = f"{100 + number % 40}.0.{1000 + number}.{number % 200}"
    system = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
    return {"user-agent": f"{system} Chrome/{version} Safari/537.36"}


def visit(client: TestClient, site: str, who: dict[str, str], page: dict[str, str] | None = None) -> Any:
    """A page view as the tracker tells it. page: what the browser adds of the page that it is on."""
    beacon = {"n": "pageview", "u": f"https://{site}/", "d": site}
    return client.post(
        "/api/event", json=beacon, headers=who | (page if page is not None else {"origin": f"https://{site}"})
    )
