"""The dashboards beneath a path of another host, as `dashboards.public_url` says.

In: any ASGI app, and the path. Out: the same app, reached with and without it: a proxy may hand the path on or take it
away; where links to it begin. Promises: a slash at the end changes nothing, so nothing is ever redirected to an address
that only we know.
"""

from __future__ import annotations

from urllib.parse import unquote

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send


def reached_at(request: Request, public_url: str) -> str:
    """Where links for others than who asks begin: as the setting says, else as this request came."""
    return public_url or f"{request.url.scheme}://{request.url.netloc}"


class BasePath:
    """Middleware. base: "" or the path as it stands in addresses, without a slash at the end."""

    def __init__(self, app: ASGIApp, base: str) -> None:
        self._app = app
        self._base = unquote(base)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path: str = scope["path"]
            if self._base and f"{path}/".startswith(f"{self._base}/"):
                path = path[len(self._base) :]
            scope = {**scope, "path": path.rstrip("/") or "/"}
        await self._app(scope, receive, send)
