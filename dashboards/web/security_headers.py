"""What every answer of the dashboards carries, and which requests are not let in.

Why: privacy.md A3 and A4. A write must come from our own pages. Browsers say so in Sec-Fetch-Site, but only to
trustworthy addresses (Fetch Metadata, W3C): not by plain HTTP, unless to localhost. There they say it in Origin, and
send `Origin: null` with a form of a page with `Referrer-Policy: no-referrer`, even to itself (Fetch, "append a request
Origin header"); hence `same-origin`, which tells other sites as little. A proxy may still drop the port of Host, or
write a policy of its own: what is of no known origin needs the token of its form (`forms`), what is of another origin
never passes (OWASP, Cross-Site Request Forgery Prevention). In: any ASGI app. Out: the same app, hardened.
"""

from __future__ import annotations

import re
from typing import Literal

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schema.host import authority

from ..accounts.form_token import SESSION_COOKIE, is_proven
from ..stats.refused import BadQuery
from .door import bearer
from .forms import body_of, fields_of
from .problems import Problems

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), gyroscope=(), microphone=(), payment=(), usb=()",
}
# Where a reader of digests takes himself off; what follows it proves who he is.
UNSUBSCRIBE = "/unsubscribe"
# What a route says of a request whose answer pages of these origins may have in a frame.
EMBEDDED_BY = "footfall.embedded_by"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# Whose forms are for those who are not signed in.
_OF_STRANGERS = ("/sign-in", "/invitation/")
_PORT = re.compile(r":\d+\Z", re.ASCII)

Asked = Literal["by us", "by others", "by somebody"]


class Guard:
    """Middleware. problems: how a refusal and a defect are answered. https: whether browsers reach us by TLS, so that
    they may be told to insist on it. public_url: how they reach us, "" where nobody has said."""

    def __init__(self, app: ASGIApp, problems: Problems, https: bool = False, public_url: str = "") -> None:
        self._app = app
        self._problems = problems
        self._https = https
        self._public = f"{public_url.partition('://')[0]}://{authority(public_url)}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse writes from elsewhere; add the headers to whatever is answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                if hosts := scope.get(EMBEDDED_BY):
                    headers["Content-Security-Policy"] = _POLICY.replace(
                        "frame-ancestors 'none'", f"frame-ancestors {' '.join(hosts)}"
                    )
                headers.setdefault("Cache-Control", "no-store")
                if self._https:
                    headers["Strict-Transport-Security"] = "max-age=31536000"
            await send(message)

        if scope["method"] not in _SAFE_METHODS and not _is_of_a_program(scope):
            asked = who_asks(Headers(scope=scope), self._public)
            if asked == "by somebody":
                asked, receive = await _look_for_token(scope, receive)
            if asked != "by us":
                refusal = await run_in_threadpool(self._problems.forbid, Request(scope))
                await refusal(scope, receive, send_guarded)
                return
        try:
            await self._app(scope, receive, send_guarded)
        except Exception:
            # Starlette's own answer to a defect is made outside of every middleware and would lack the headers.
            if not started:
                answer = await run_in_threadpool(self._problems.say_broken, Request(scope))
                await answer(scope, receive, send_guarded)
            raise


def who_asks(headers: Headers, public: str = "") -> Asked:
    """Whose page makes the request, as far as the browser says: ours (or the address bar), another, or any.
    public: the origin of our pages, whatever a proxy makes of Host."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return "by us" if site in ("same-origin", "none") else "by others"
    origin = headers.get("origin") or "null"
    if origin == "null":
        return "by somebody"
    page, host = authority(origin), headers.get("host", "").lower()
    if page and (origin.lower() == public or page == authority(f"{origin.partition(':')[0]}://{host}")):
        return "by us"
    # A proxy that passes on the name alone, as nginx's $host is: of another port's page it looks the same.
    return "by somebody" if page and _PORT.sub("", page) == host else "by others"


def _is_of_a_program(scope: Scope) -> bool:
    """Whether it brings a token, which no page of others can have a browser send; or asks the interface without a
    session, and is told there what it lacks."""
    request = Request(scope)
    if scope["path"].startswith(f"{UNSUBSCRIBE}/"):
        return True  # a mail program asks (RFC 8058), and no session counts there
    to_interface = f"{scope['path']}/".startswith("/api/")
    return bool(bearer(request.headers)) or (to_interface and SESSION_COOKIE not in request.cookies)


async def _look_for_token(scope: Scope, receive: Receive) -> tuple[Asked, Receive]:
    """Whether the form in the request proves that it is ours; and the request to be read once more."""
    if scope["path"].startswith("/share/"):
        return "by us", receive  # no session counts there: who sends the password has it
    request = Request(scope, receive)
    try:
        body = await body_of(request)
        proven = is_proven(fields_of(body), request.cookies, scope["path"].startswith(_OF_STRANGERS))
    except (HTTPException, BadQuery, ClientDisconnect):
        return "by others", receive
    unread = [body]

    async def read_again() -> Message:
        return {"type": "http.request", "body": unread.pop(), "more_body": False} if unread else await receive()

    return "by us" if proven else "by others", read_again
