"""The collector's web application: the endpoint, the tracker, visitors' rights, the demo pages, health.

In: HTTP requests, also those that a proxy hands on with the path of the collector's public address in front. Out:
answers. Promises: pages and scripts come from the package, read once at start; no path that takes beacons is answered
with a redirect, because a browser follows none for a beacon that a page of another origin has sent.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from urllib.parse import urlsplit

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from pipeline.spool.spool import Spool

from ..keys.files import KeyFile
from ..service import Collector
from ..tokens import Tokens
from ..wire.goatcounter import GoatCounter
from ..wire.matomo import Matomo
from ..wire.pixel import Pixel
from ..wire.plausible import Plausible
from ..wire.umami import Umami, UmamiBatch
from . import demo_preview, openapi, tracker_scripts, visitor_rights
from .beat import refresh_forever
from .demo_files import HOME, demo_files
from .endpoint import Endpoint
from .questions import Readiness
from .server_endpoint import ServerEndpoint

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_SLASHES = re.compile("/{2,}")
_DEMO_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; "
    "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",
}


def create_app(
    collector: Collector,
    keys: KeyFile,
    tokens: Tokens,
    spool: Spool,
    ready: Callable[[], str],
    demo: bool,
    public_url: str = "",
    alive: Callable[[], None] = lambda: None,
) -> Starlette:
    """The application. ready: "" or why no beacon can be taken now. public_url: how pages reach it.
    alive: called every second, as long as requests are."""

    def refresh() -> None:
        keys.refresh()
        tokens.refresh()

    def turn() -> None:
        try:
            collector.turn()
        finally:
            alive()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        spool.start()
        beat = refresh_forever(refresh, turn)
        yield
        beat.cancel()
        spool.stop()

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def root(_: Request) -> Response:
        return PlainTextResponse(
            "Pages send their beacons here (Footfall). The dashboards have an address of their own.\n"
        )

    async def readyz(_: Request) -> Response:
        problem = ready()
        body = msgspec.json.encode(Readiness(not problem, problem))
        return Response(body, 503 if problem else 200, media_type="application/json")

    routes = [
        Route("/api/event", Endpoint(collector, Plausible())),
        Route("/api/send", Endpoint(collector, Umami())),
        Route("/api/batch", Endpoint(collector, UmamiBatch())),
        Route("/count", Endpoint(collector, GoatCounter(collector.rules))),
        Route("/count/{site}", Endpoint(collector, GoatCounter(collector.rules))),
        Route("/matomo.php", Endpoint(collector, Matomo())),
        Route("/piwik.php", Endpoint(collector, Matomo())),
        Route("/pixel.gif", Endpoint(collector, Pixel())),
        Route("/api/events", ServerEndpoint(collector, tokens)),
        *visitor_rights.routes(collector, public_url),
        *tracker_scripts.routes(),
        *openapi.routes(),
        # Its addresses are relative.
        Route("/opt-out/", _moved("../opt-out")),
        Route("/", root),
        Route("/healthz", healthz),
        Route("/readyz", readyz),
    ]
    if demo:
        routes += demo_preview.routes(collector, public_url)
        for name, content in demo_files():
            suffix = "." + name.rpartition(".")[2]
            if suffix in _TYPES:
                page = _file(content, suffix, _DEMO_HEADERS)
                routes.append(Route(f"/demo/{name}", page))
                if name == HOME:
                    routes += [Route("/demo/", page), Route("/demo", _moved("demo/"))]
    return _App(routes, lifespan, urlsplit(public_url).path.rstrip("/"))


class _App(Starlette):
    """Starlette, past which a beacon goes straight to its endpoint: that answers every error itself."""

    def __init__(
        self,
        routes: list[BaseRoute],
        lifespan: Callable[[Starlette], AbstractAsyncContextManager[None]],
        prefix: str,
    ) -> None:
        super().__init__(routes=routes, lifespan=lifespan)
        self.router.redirect_slashes = False
        self._prefix = prefix
        # IngestProtocol asks them past ASGI.
        self.endpoints = {
            f"{before}{route.path}{after}".encode(): route.endpoint
            for route in routes
            if isinstance(route, Route) and isinstance(route.endpoint, Endpoint)
            for before in {"", prefix}
            for after in ("", "/")
        }
        self.again = next(endpoint.again for endpoint in self.endpoints.values() if endpoint.is_of_pages)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        path: str = scope["path"]
        if self._prefix and path.startswith(f"{self._prefix}/"):
            path = path.removeprefix(self._prefix)
        # "//api/event" is what an address that ends with a slash makes of it.
        direct = _SLASHES.sub("/", path).rstrip("/")
        endpoint = self.endpoints.get(direct.encode())
        if direct.startswith("/count/"):
            path = direct
        await (endpoint or super().__call__)({**scope, "path": path}, receive, send)


def _moved(to: str) -> Callable[[Request], Awaitable[Response]]:
    """A redirect that holds beneath whatever address the collector is reached by."""

    async def answer(_: Request) -> Response:
        return Response(status_code=308, headers={"location": to})

    return answer


def _file(content: bytes, suffix: str, headers: dict[str, str]) -> Callable[[Request], Response]:
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    fixed = {"etag": tag, **headers}

    async def answer(request: Request) -> Response:
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=fixed)
        return Response(content, media_type=_TYPES[suffix], headers=fixed)

    return answer  # type: ignore[return-value]
