"""The collector's web application: the endpoint, the tracker, visitors' rights, the demo pages, health.

In: HTTP requests. Out: answers. Promises: pages and scripts come from the package, read once at start.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib import resources

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from pipeline.spool import Spool

from . import rights
from .endpoint import Collector, Endpoint, refresh_forever
from .formats.plausible import Plausible
from .keys import KeyFile

# Pages keep the tracker for an hour: long enough to cost nothing, short enough that an update arrives.
_SCRIPT_CACHE = "public, max-age=3600"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_DEMO_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; "
    "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",
}


def create_app(collector: Collector, keys: KeyFile, spool: Spool, ready: Callable[[], str], demo: bool) -> Starlette:
    """The application. ready: "" or why no beacon can be taken now."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        spool.start()
        beat = refresh_forever(keys.refresh, spool.flush_counts)
        yield
        beat.cancel()
        spool.stop()

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        problem = ready()
        return JSONResponse({"ready": not problem, "problem": problem}, status_code=503 if problem else 200)

    routes = [
        Route("/api/event", Endpoint(collector, Plausible())),
        *rights.routes(collector),
        Route("/js/script.js", _file(tracker_script(), ".js", cache=_SCRIPT_CACHE)),
        Route("/healthz", healthz),
        Route("/readyz", readyz),
    ]
    if demo:
        folder = resources.files("collector").joinpath("demo")
        for entry in folder.iterdir():
            suffix = "." + entry.name.rpartition(".")[2]
            if suffix in _TYPES:
                page = _file(entry.read_bytes(), suffix, _DEMO_HEADERS)
                routes.append(Route(f"/demo/{entry.name}", page))
                if entry.name == "index.html":
                    routes.append(Route("/demo/", page))
    return Starlette(routes=routes, lifespan=lifespan)


def tracker_script() -> bytes:
    """The tracker with Google's web-vitals library, in a function of its own so that no global name is taken."""
    folder = resources.files("collector").joinpath("tracker")
    parts = (folder.joinpath(name).read_text(encoding="utf-8") for name in ("web-vitals.iife.js", "script.js"))
    return ("(() => {\n" + "\n".join(parts) + "\n})();\n").encode()


def _file(
    content: bytes, suffix: str, headers: dict[str, str] | None = None, cache: str = ""
) -> Callable[[Request], Response]:
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    fixed = {"etag": tag, **(headers or {})}
    if cache:  # meant for other people's pages
        fixed |= {
            "cache-control": cache,
            "access-control-allow-origin": "*",
            "cross-origin-resource-policy": "cross-origin",
            "x-content-type-options": "nosniff",
        }

    async def answer(request: Request) -> Response:
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=fixed)
        return Response(content, media_type=_TYPES[suffix], headers=fixed)

    return answer  # type: ignore[return-value]
