"""The holder's side of the keys: hands those of the day to enrolled collectors, and to nobody else.

In: `GET /keys` with a token, over TLS. Out: the keys of days that are not over.
Promises: of a token only the SHA-256 is stored; it is compared in constant time and can be revoked at any moment;
no key is written, logged or handed out after its day's end.
"""

from __future__ import annotations

import datetime as dt
import hmac
import json
import os
import secrets
import ssl
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

import msgspec
import structlog
from msgspec import Struct
from starlette.types import Receive, Scope, Send

from schema.site import Site, day_bounds

from .client import Handed
from .files import KeyFile

log = structlog.get_logger("keys")

_TOKEN_BYTES = 32
# Requests that one address may make at once, and how many it earns back in a second. A collector needs one in 20 s.
_BURST = 30.0
_PER_S = 0.5
# Addresses remembered for that; the longest unseen is forgotten first.
_ADDRESSES = 4096
_TOLD_EVERY_S = 60.0
_VALID_DAYS = 20 * 365


class AlreadyEnrolled(Exception):
    """That name has a token."""


class Enrolled(Struct):
    """A collector that may fetch keys."""

    token_sha256: str
    since: int


class Enrolments:
    """Who may fetch keys, in one small file; another process may change it at any time."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._known: dict[str, Enrolled] = {}
        self._read_at = (0, 0)

    def enrol(self, name: str) -> str:
        """A new token, told this once. Raises AlreadyEnrolled."""
        known = self.all()
        if name in known:
            raise AlreadyEnrolled(name)
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        self._write(known | {name: Enrolled(sha256(token.encode()).hexdigest(), int(self._clock()))})
        return token

    def revoke(self, name: str) -> bool:
        """Whether there was one of that name."""
        known = dict(self.all())
        if known.pop(name, None) is None:
            return False
        self._write(known)
        return True

    def all(self) -> dict[str, Enrolled]:
        """By name."""
        try:
            status = os.stat(self._path)
            if (status.st_ino, status.st_mtime_ns) != self._read_at:
                self._known = msgspec.json.decode(self._path.read_bytes(), type=dict[str, Enrolled])
                self._read_at = (status.st_ino, status.st_mtime_ns)
        except FileNotFoundError:
            self._known = {}
        return self._known

    def whose(self, token: str) -> str:
        """The name of a token's owner; "" if it has none."""
        digest, found = sha256(token.encode("utf-8", "surrogateescape")).hexdigest(), ""
        for name, enrolled in self.all().items():  # to the end, also once found
            if hmac.compare_digest(digest, enrolled.token_sha256):
                found = name
        return found

    def _write(self, known: dict[str, Enrolled]) -> None:
        _replace(self._path, msgspec.json.format(msgspec.json.encode(known)))
        self._known, self._read_at = known, (0, 0)


class Fetches:
    """When each collector fetched last: for `footfall keys status`."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._last = read_fetches(path)

    def note(self, name: str) -> None:
        """It fetched just now. To the minute: more is not worth a write."""
        now = int(self._clock())
        if not 0 <= now - self._last.get(name, 0) < _TOLD_EVERY_S:
            self._last[name] = now
            _replace(self._path, json.dumps(self._last).encode())


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
        self._told = 0.0

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
        elif not (name := self._enrolments.whose(_token(scope))):
            self._tell_refused()
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

    def _tell_refused(self) -> None:
        # Without the address: a log holds none.
        if time.monotonic() - self._told >= _TOLD_EVERY_S:
            self._told = time.monotonic()
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


def _token(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"authorization":
            kind, _, token = value.decode("latin-1").partition(" ")
            return token.strip() if kind.lower() == "bearer" else ""
    return ""


async def _answer(send: Send, status: int, body: bytes, *more: tuple[bytes, bytes]) -> None:
    kind = b"application/msgpack" if status == 200 else b"text/plain"
    headers = [(b"content-type", kind), (b"cache-control", b"no-store"), *more]
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def read_fetches(path: Path) -> dict[str, int]:
    """When each collector fetched last, by name; Unix seconds."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, int])
    except (FileNotFoundError, msgspec.MsgspecError):
        return {}


def certificate(path: Path) -> str:
    """The fingerprint of the certificate in that file, which is made if it is not there."""
    if not path.exists():
        _make_certificate(path)
    text = path.read_text(encoding="ascii")
    first = text.index("-----BEGIN CERTIFICATE-----")
    return sha256(ssl.PEM_cert_to_DER_cert(text[first:])).hexdigest()


def _make_certificate(path: Path) -> None:
    # Imported here: only the machine that serves keys needs it, once.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "footfall keys")])
    # Known by its fingerprint alone, so neither name nor time matter; a day of slack for clocks that are behind.
    begin = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + dt.timedelta(days=_VALID_DAYS))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _replace(path, private + made.public_bytes(serialization.Encoding.PEM))


def _replace(path: Path, content: bytes) -> None:
    """Write a file that only we may read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)
