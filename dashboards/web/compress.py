"""Compresses answers, but none in which a reader on the wire could learn a secret from its length.

Why: a page of 80 kB is one of 10. But where text of somebody else's choice is compressed beside a secret, the length
tells how much the two have in common (BREACH, 2013). So: (1) no page carries a secret that stays the same, the token
of its forms is masked anew each time (`forms`); (2) an answer that gives back text of its request is sent as it is:
those to anything but GET, every refusal, and those whose address has an argument of free text (`arguments`).
In: any ASGI app. Out: the same app by gzip. Promises: an entity tag is weak, as the same one names both forms.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .arguments import FREE_TEXT

# Nine takes twice the time of six, for a hundredth of the bytes.
_LEVEL = 6
_GZIP_REFUSED = re.compile(r"gzip\s*;\s*q=0(\.0*)?\s*(,|\Z)", re.IGNORECASE)


class Compress:
    """Middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _may_compress(scope):
            await self._app(scope, receive, send)
            return

        async def answer(scope: Scope, receive: Receive, send_compressed: Send) -> None:
            chosen = send

            async def choose(message: Message) -> None:
                nonlocal chosen
                if message["type"] == "http.response.start":
                    headers = MutableHeaders(scope=message)
                    if "etag" in headers and not headers["etag"].startswith("W/"):
                        headers["etag"] = f"W/{headers['etag']}"
                    if message["status"] == 304:
                        headers.add_vary_header("Accept-Encoding")  # as the answer in full had
                    if message["status"] == 200:
                        chosen = send_compressed
                await chosen(message)

            await self._app(scope, receive, choose)

        await GZipMiddleware(answer, compresslevel=_LEVEL)(scope, receive, send)


def _may_compress(scope: Scope) -> bool:
    asked = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    accepted = Headers(scope=scope).get("accept-encoding", "")
    return scope["method"] == "GET" and not FREE_TEXT & asked.keys() and not _GZIP_REFUSED.search(accepted)
