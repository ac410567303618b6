"""An enrolled collector's side of the keys: it makes none, it is handed those of the day by the collector that does.

In: the holder's URL, its certificate's fingerprint, a token. Out: the same key file, for the same workers.
Promises: the token is sent only to the pinned certificate; when the holder is away today goes on and tomorrow does not
begin; a key is destroyed at its time whether the holder can be reached or not.
"""

from __future__ import annotations

import hmac
import http.client
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import structlog
from msgspec import Struct

from schema.lasting import Lasting
from schema.site import Site, day_bounds

from .keeper import KeyDirectory
from .key import KEY_BYTES, SiteDay, wipe

log = structlog.get_logger("keys")

# The holder has tomorrow's key ten minutes before midnight: enough for many tries.
_FETCH_EVERY_S = 20.0
_AGAIN_AFTER_S = 5.0
_TIMEOUT_S = 5.0
_LARGEST_ANSWER = 4 * 1024 * 1024
# Days around today that a holder may name; beyond them dates overflow.
_NEAR_DAYS = 3
_DAY_S = 86_400


class CannotFetch(Exception):
    """The holder gave no keys; the text says why, without token or key."""


class Handed(Struct, array_like=True):
    """One key on the wire. end: when the holder thinks that the day ends, so that two time zones are noticed."""

    site: str
    day: int
    end: int
    key: bytearray

    def __repr__(self) -> str:
        return "Handed(…)"


class KeyFollower(KeyDirectory):
    """Keeps the keys it is handed. fetch: asks the holder; raises CannotFetch."""

    def __init__(
        self,
        directory: Path,
        journal: Path,
        sites: Sequence[Site],
        fetch: Callable[[], Sequence[Handed]],
        allow_disk: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(directory, journal, sites, allow_disk, clock)
        self._fetch = fetch
        self._arrived: Sequence[Handed] = ()
        self._arriving = threading.Lock()
        self._closing = threading.Event()
        # Apart from the turns: a holder that does not answer must not hold up a destruction.
        self._thread = threading.Thread(target=self._run, name="keys", daemon=True)
        self._silent = Lasting(log, "keys_not_fetched", "keys_fetched_again")
        self._other_zone: set[str] = set()

    def turn(self) -> None:
        """Take in what arrived, destroy what is over. Called every second; does not raise."""
        if self._thread.ident is None:
            self.ask()  # the first turn waits, so that workers find keys
            self._thread.start()
        self.settle()

    def settle(self) -> None:
        """The turn without the asking."""
        with self._arriving:
            arrived, self._arrived = self._arrived, ()
        fresh: dict[SiteDay, bytearray] = {}
        for handed in arrived:
            site_day = (handed.site, handed.day)
            held = self._keys.get(site_day)
            if self._is_ours(handed) and (held is None or not hmac.compare_digest(held.key, handed.key)):
                fresh[site_day] = bytearray(handed.key)
            wipe(handed.key)
        self._settle(fresh, "received")

    def ask(self) -> bool:
        """Ask the holder once. Whether it answered."""
        try:
            arrived = self._fetch()
        except CannotFetch as problem:
            self._silent.is_so(str(problem), problem=str(problem))
            return False
        self._silent.is_over()
        with self._arriving:
            self._arrived = arrived
        return True

    def close(self) -> None:
        self._closing.set()
        super().close()

    def _run(self) -> None:
        wait = _FETCH_EVERY_S
        while not self._closing.wait(wait):
            wait = _FETCH_EVERY_S if self.ask() else _AGAIN_AFTER_S

    def _is_ours(self, handed: Handed) -> bool:
        zone = self._zones.get(handed.site)
        if zone is None or len(handed.key) != KEY_BYTES or not any(handed.key):
            return False
        if abs(handed.day - self._clock() // _DAY_S) > _NEAR_DAYS:
            return False
        day = day_bounds(zone, handed.day)
        if day.end != handed.end:
            # Two zones would cut the same visitors into different days.
            if handed.site not in self._other_zone:
                self._other_zone.add(handed.site)
                log.error("key_of_another_time_zone", site=handed.site, ours=zone)
            return False
        return self._clock() < day.end


def fetch_keys(url: str, token: str, fingerprint: str) -> list[Handed]:
    """The keys that the holder hands out now. Raises CannotFetch."""
    connection = None
    try:
        parts = urlsplit(url)
        connection = _Pinned(parts.hostname or "", parts.port or 443, fingerprint)
        connection.request("GET", parts.path.rstrip("/") + "/keys", headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        body = answer.read(_LARGEST_ANSWER)
        if answer.status == 200:
            return msgspec.msgpack.decode(body, type=list[Handed])
    except (OSError, ValueError, http.client.HTTPException, msgspec.MsgspecError) as problem:
        raise CannotFetch(f"keys.from_url = {url!r}: {type(problem).__name__}") from None
    finally:
        if connection is not None:
            connection.close()
    if answer.status == 401:
        raise CannotFetch("keys.token: the holder does not know it, or no longer; `footfall keys enrol` makes one")
    raise CannotFetch(f"keys.from_url = {url!r}: answered {answer.status}")


def bare_fingerprint(text: str) -> str:
    """A SHA-256 fingerprint as 64 lower-case digits; raises ValueError."""
    digits = text.strip().lower().removeprefix("sha256:").replace(":", "")
    if len(digits) != 64 or not set(digits) <= set("0123456789abcdef"):
        raise ValueError("is not a SHA-256 fingerprint: 64 hexadecimal digits")
    return digits


class _Pinned(http.client.HTTPSConnection):
    """HTTPS to one certificate, known by its fingerprint: no authority could vouch for another."""

    def __init__(self, host: str, port: int, fingerprint: str) -> None:
        # Before 1.3 whoever gets hold of the certificate's key could read recorded keys.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        super().__init__(host, port, timeout=_TIMEOUT_S, context=context)
        self._fingerprint = bare_fingerprint(fingerprint)

    def connect(self) -> None:
        super().connect()
        certificate = self.sock.getpeercert(True) or b""
        if not hmac.compare_digest(sha256(certificate).hexdigest(), self._fingerprint):
            self.close()
            raise CannotFetch("keys.fingerprint: the holder shows another certificate; nothing was sent to it")
