"""The process that hands the day's keys to enrolled collectors, and the files it goes by.

In: the key file of this machine's keeper, the enrolments. Out: HTTPS on `keys.serve`.
Promises: it stands apart from the parent that makes the keys, so that whoever reaches its port reaches nothing else.
"""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import uvicorn

from collector.edge.http import LimitedProtocol
from collector.keys.certificate import certificate
from collector.keys.enrolments import Enrolments, Fetches
from collector.keys.files import KeyFile
from collector.keys.server import KeyService
from schema.host import listening_host

from ..errors import CannotStart
from ..settings import Settings
from ..supervisor.channel import settings_followers
from ..supervisor.heartbeat import HeartbeatFile
from ..supervisor.listening import listen
from ..supervisor.parent import Supervisor
from ..supervisor.paths import key_directory

# A collector needs one request in 20 s.
_CONNECTIONS = 200


def hand_out_keys(parent: Supervisor) -> socket.socket | None:
    """Add the process to a parent, if `keys.serve` says so; where it listens."""
    if not parent.settings.keys.serve:
        return None
    host, port = listen_address(parent.settings)
    certificate(certificate_file(parent.settings))
    try:
        sock = listen(host, port, "keys")
    except CannotStart:
        raise CannotStart(
            f"keys.serve = {parent.settings.keys.serve!r}: cannot listen there; choose another address or port"
        ) from None
    parent.add("keys", sockets=[sock], plain=False)
    return sock


def listen_address(settings: Settings) -> tuple[str, int]:
    """`keys.serve` in two. Raises CannotStart."""
    host, _, port = settings.keys.serve.rpartition(":")
    if not port or int(port) > 65_535:
        raise CannotStart(f"keys.serve = {settings.keys.serve!r}: write HOST:PORT, with a port up to 65535")
    try:
        return listening_host(host), int(port)
    except ValueError as problem:
        raise CannotStart(f"keys.serve = {settings.keys.serve!r}: {problem}") from None


def certificate_file(settings: Settings) -> Path:
    """The certificate of `keys.serve`, and its key."""
    return settings.directory / "keys-tls.pem"


def enrolments(settings: Settings) -> Enrolments:
    """Who may fetch keys here."""
    return Enrolments(settings.directory / "keys-enrolled.json")


def fetches_file(settings: Settings) -> Path:
    """When each of them fetched last."""
    return settings.directory / "keys-fetched.json"


def run_key_service(settings: Settings, sock: socket.socket) -> None:
    """The process itself."""
    keys = KeyFile(key_directory(settings) / "keys")
    HeartbeatFile(settings, "keys").start()
    service = KeyService(keys, settings.all_sites, enrolments(settings), Fetches(fetches_file(settings)))
    settings_followers.append(lambda given: service.follow(given.all_sites))
    key_server(service, certificate_file(settings)).run(sockets=[sock])


def key_server(service: KeyService, certificate_and_key: Path) -> uvicorn.Server:
    """The service behind TLS."""
    config = uvicorn.Config(
        service,
        http=LimitedProtocol,
        ssl_certfile=certificate_and_key,
        ssl_keyfile=str(certificate_and_key),
        lifespan="off",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        log_config=None,
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=1,
    )
    config.load()
    assert config.ssl is not None
    # Before 1.3 whoever gets hold of the certificate's key could read recorded keys; tickets would be such a key, too.
    config.ssl.minimum_version = ssl.TLSVersion.TLSv1_3
    config.ssl.num_tickets = 0
    return uvicorn.Server(config)
