"""The holder's side of the keys: hands those of the day to enrolled collectors, and to nobody else.

In: `GET /keys` with a token, over TLS. Out: the keys of days that are not over.
Promises: of a token only the SHA-256 is stored; it is compared in constant time and can be revoked at any moment;
no key is written, logged or handed out after its day's end.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

import msgspec
import structlog
from starlette.types import Receive, Scope, Send

from schema.site import Site, day_bounds

from ..tokens import bearer
from .client import Handed
from .enrolments import Enrolments, Fetches
from .files import KeyFile

log = structlog.get_logger("keys")

# Requests that one address may make at once, and how many it earns back in a second. A collector needs one in 20 s.
_BURST = 30.0
_PER_S = 0.5
# Addresses remembered for that; the longest unseen is forgotten first.
_ADDRESSES = 4096
_LOGGED_EVERY_S = 60.0


class KeyService:
    """The service as an ASGI application. keys: the file that the keeper of this machine writes."""

    def __init__(
        self,
        keys: KeyFile,
        sites: Sequence[Site],
        enrolments: Enrolments,
        fetches: Fetches,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self.follow(sites)
        self._enrolments = enrolments
        self._fetches = fetches
        self._clock = clock
        self._budget = _Budget()
        self._logged_at = 0.0

    def follow(self, sites: Sequence[Site]) -> None:
        """Hand out the keys of these sites."""
        self._zones = {site.key: site.timezone for site in sites}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        peer = scope["client"][0] if scope["client"] else ""
        if not self._budget.spend(peer, time.monotonic()):
            await _answer(send, 429, b"slowly\n", (b"retry-after", b"10"))
        elif (scope["method"], scope["path"]) != ("GET", "/keys"):
            await _answer(send, 404, b"nothing here\n")
        elif not (name := self._enrolments.whose(bearer(scope["headers"]))):
            self._log_refused()
            await _answer(send, 401, b"not enrolled\n", (b"www-authenticate", b"Bearer"))
        else:
            self._fetches.note(name)
            await _answer(send, 200, msgspec.msgpack.encode(self.handed_out()))

    def handed_out(self) -> list[Handed]:
        """The keys of days that are not over: what still lives for requests in flight is nobody else's business."""
        now = self._clock()
        handed = []
        for (site, day), held in self._keys.current().items():
            if site in self._zones:
                end = day_bounds(self._zones[site], day).end
                if now < end:
                    handed.append(Handed(site, day, end, held.key))
        return handed

    def _log_refused(self) -> None:
        # Without the address: a log holds none.
        if time.monotonic() - self._logged_at >= _LOGGED_EVERY_S:
            self._logged_at = time.monotonic()
            log.warning("keys_refused", why="unknown token")


class _Budget:
    """How often an address may ask."""

    def __init__(self) -> None:
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def spend(self, address: str, now: float) -> bool:
        left, at = self._left.pop(address, (_BURST, now))
        left = min(_BURST, left + (now - at) * _PER_S)
        may = left >= 1
        self._left[address] = (left - 1 if may else left, now)
        if len(self._left) > _ADDRESSES:
            self._left.popitem(last=False)
        return may


async def _answer(send: Send, status: int, body: bytes, *more: tuple[bytes, bytes]) -> None:
    kind = b"application/msgpack" if status == 200 else b"text/plain"
    headers = [(b"content-type", kind), (b"cache-control", b"no-store"), *more]
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
