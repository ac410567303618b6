"""Composition root: settings → keys, spools, store → the processes of `footfall up` and of its parts alone.

In: settings. Out: running processes. Promises: one parent makes the visitor keys and watches the children; a child
ends when its parent does; stopping commits and answers what was received, seals, drains, and takes at most 10 s.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import msgspec
import structlog
import uvicorn

from collector.app import create_app as collector_app
from collector.device import warm_up
from collector.key_follower import Handed, KeyFollower, fetch_keys
from collector.keys import KeyFile, KeyKeeper, NoKey, lost_days
from collector.limiter import Limiter
from collector.new_visitors import NewVisitors
from collector.protocol import LimitedProtocol
from collector.service import Collector
from collector.shadow import Shadow
from collector.shadow_publisher import ShadowPublisher
from collector.sharing import Sharing, sharing_path
from collector.tokens import Tokens
from collector.why import Why, why_path
from pipeline.spool import Spool
from schema.site import local_day

from .databases import datacenters_of, places_of
from .listening import answers, url_of
from .paths import with_absolute_paths
from .process import CannotStart, end_with_parent, harden
from .settings import Settings

if TYPE_CHECKING:
    from pipeline.schedule import Pipeline
    from pipeline.writer import Writer
    from schema.store import Store

log = structlog.get_logger("serve")

# The workers commit, answer and seal first; the engine then drains what they left.
_WORKERS_STOP_S = 5.0
_ENGINE_STOP_S = 5.0
_FINISH_S = 1.5
_START_S = 60.0
_RESTART_AFTER_S = (0.2, 1.0, 3.0, 10.0)
# A child that lived so long is not in a restart loop.
_STEADY_S = 60.0


# -- the parent ----------------------------------------------------------------------------------------------------


class House:
    """The parent of the processes: holds the data directory and the keys, starts and stops children."""

    def __init__(self, settings: Settings, name: str, with_keys: bool) -> None:
        # Commands that ask for them may have been given in another directory.
        self.settings = settings = with_absolute_paths(settings)
        self.children: list[_Child] = []
        self._stop = threading.Event()
        settings.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = _lock(settings.directory / f"{name}.lock")
        self._keeper = keeper(settings) if with_keys else None
        self._shadow = shadow_publisher(settings) if with_keys else None
        self._turn()

    def add(
        self,
        role: str,
        *arguments: str,
        sockets: Sequence[socket.socket] = (),
        last: bool = False,
        plain: bool = True,
    ) -> None:
        """A process to run. last: it stops only after all the others have. plain: its sockets speak HTTP, not TLS."""
        self.children.append(_Child(self.settings, role, arguments, sockets, last, plain))

    def run(self, ready: Callable[[], None]) -> None:
        """Run until SIGTERM or SIGINT, then stop in order. ready: called once, when every port answers."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        for child in self.children:
            child.start()
        announced = False
        started = time.monotonic()
        try:
            while not self._stop.wait(0.1 if not announced else 1.0):
                self._turn()
                for child in self.children:
                    child.look_after()
                if not announced and all(child.answers() for child in self.children):
                    announced = True
                    ready()
                elif not announced and time.monotonic() - started > _START_S:
                    raise CannotStart(f"the processes did not answer within {_START_S:.0f} s; the log above says why")
        finally:
            self._stop_children()
            if self._keeper:
                self._keeper.close()
            os.close(self._lock)

    def _turn(self) -> None:
        """Every second: keys made and destroyed; then the sketches that died with one published, or just removed."""
        if self._keeper:
            self._keeper.turn()
        if self._shadow:
            try:
                self._shadow.turn()
            except OSError as problem:
                # A figure for engineers is no reason to stop counting.
                log.error("shadow_not_published", kind=type(problem).__name__)

    def _on_signal(self, _: int, __: FrameType | None) -> None:
        self._stop.set()

    def _stop_children(self) -> None:
        for last, patience in ((False, _WORKERS_STOP_S), (True, _ENGINE_STOP_S)):
            group = [child for child in self.children if child.last is last]
            for child in group:
                child.terminate()
            deadline = time.monotonic() + patience
            for child in group:
                child.wait(deadline - time.monotonic())


class _Child:
    """One process and its restarts."""

    def __init__(
        self,
        settings: Settings,
        role: str,
        arguments: Sequence[str],
        sockets: Sequence[socket.socket],
        last: bool,
        plain: bool,
    ) -> None:
        self.last = last
        self._plain = plain
        self._role = role
        self._arguments = arguments
        self._sockets = sockets
        self._settings = msgspec.json.encode(settings)
        self._process: subprocess.Popen[bytes] | None = None
        self._failures = 0
        self._started = 0.0
        self._again_at = 0.0

    def start(self) -> None:
        descriptors = [sock.fileno() for sock in self._sockets]
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "footfall.child", self._role, *self._arguments, *map(str, descriptors)],
            stdin=subprocess.PIPE,
            pass_fds=descriptors,
            # Ctrl-C reaches the parent alone, which stops the children in order.
            start_new_session=True,
        )
        assert self._process.stdin is not None
        self._process.stdin.write(len(self._settings).to_bytes(8, "big") + self._settings)
        self._process.stdin.flush()
        self._started = time.monotonic()

    def look_after(self) -> None:
        """Start it again if it ended by itself."""
        assert self._process is not None
        code = self._process.poll()
        if code is None:
            return
        now = time.monotonic()
        if not self._again_at:
            self._failures = 0 if now - self._started > _STEADY_S else self._failures + 1
            wait = _RESTART_AFTER_S[min(self._failures, len(_RESTART_AFTER_S) - 1)]
            self._again_at = now + wait
            log.error("process_ended", role=self._role, code=code, again_in_s=wait)
        elif now >= self._again_at:
            self._again_at = 0.0
            self.start()

    def answers(self) -> bool:
        """Whether every socket of it is being served."""
        return not self._plain or all(answers(sock) for sock in self._sockets)

    def terminate(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.terminate()

    def wait(self, seconds: float) -> None:
        if self._process is None:
            return
        try:
            self._process.wait(max(0.1, seconds))
        except subprocess.TimeoutExpired:
            log.error("process_killed", role=self._role)
            self._process.kill()
            self._process.wait()


def keeper(settings: Settings) -> KeyKeeper | KeyFollower:
    """The one that makes the keys of this data directory, or fetches them where another collector makes them."""
    place, journal, sites = key_directory(settings), key_journal(settings), settings.all_sites
    keys = settings.keys
    on_disk = keys.keep_keys_on_disk_where_they_can_be_recovered
    if not keys.from_url:
        return KeyKeeper(place, journal, sites, on_disk)

    def fetch() -> list[Handed]:
        return fetch_keys(keys.from_url, keys.token, keys.fingerprint)

    return KeyFollower(place, journal, sites, fetch, on_disk)


def key_journal(settings: Settings) -> Path:
    """What happened to the keys, and when."""
    return settings.directory / "keys.jsonl"


def token_file(settings: Settings) -> Path:
    """The digests of the tokens with which sites' own servers send events."""
    return settings.directory / "tokens.json"


def shadow_publisher(settings: Settings) -> ShadowPublisher:
    """What tells of the candidates once a day is over."""
    return ShadowPublisher(
        key_directory(settings),
        settings.directory / "shadow.jsonl",
        settings.all_sites,
        wanted=bool(settings.shadow.candidates),
    )


def key_directory(settings: Settings) -> Path:
    """Where the keys are: as set, or a directory of our own in RAM for each data directory and user."""
    if settings.keys.directory:
        return Path(settings.keys.directory)
    mark = hashlib.sha256(str(settings.directory.resolve()).encode()).hexdigest()[:12]
    return Path("/dev/shm") / f"footfall-{os.getuid()}-{mark}"  # noqa: S108 - RAM is the point; 0700, and checked


def public_url(settings: Settings, sock: socket.socket) -> str:
    """How pages reach the collector."""
    return settings.collector.public_url.rstrip("/") or url_of(sock)


# -- the children --------------------------------------------------------------------------------------------------


def run_collector(settings: Settings, index: int, sock: socket.socket) -> None:
    """One collector worker."""
    keys = KeyFile(key_directory(settings) / "keys")
    spool = Spool(settings.directory / "spool" / f"worker-{index}", index, settings.spool)
    places, datacenters = places_of(settings), datacenters_of(settings)
    tried = settings.shadow.candidates
    shadow = Shadow(key_directory(settings), index, tried) if tried else None
    proxies = settings.collector.proxies()
    rules = settings.collector_rules()
    most, new = settings.collector.rate_limit, settings.collector.new_visitors_limit
    objections = settings.collector.objections_limit
    why = Why(why_path(key_directory(settings), index))
    sharing = Sharing(sharing_path(key_directory(settings), index), settings.collector.address_header)
    endpoint = Collector(
        rules,
        spool,
        keys,
        places,
        proxies,
        shadow=shadow,
        datacenters=datacenters,
        limit=Limiter(most) if most else None,
        why=why,
        new_visitors=NewVisitors(new, proxies.hold) if new and most else None,
        objections=Limiter(objections) if objections else None,
        public_url=settings.collector.public_url,
        sharing=sharing,
    )

    def ready() -> str:
        try:
            for site in settings.all_sites:
                keys.key(site.key, local_day(site.timezone, time.time()).number)
        except NoKey as problem:
            return str(problem)
        return spool.refusal

    public = settings.collector.public_url
    app = collector_app(endpoint, keys, Tokens(token_file(settings)), spool, ready, settings.demo, public)
    config = uvicorn.Config(
        app,
        http=LimitedProtocol,
        loop="uvloop",
        lifespan="on",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        log_config=None,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=3,
    )
    if shadow is not None:
        shadow.start()
    warm_up()
    # What is loaded now stays; what a beacon leaves behind is no cycle. Looking for some took 7 % of the time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    try:
        uvicorn.Server(config).run(sockets=[sock])
    finally:
        why.close()
        sharing.close()
        if shadow is not None:
            shadow.stop()


def run_engine(settings: Settings, dashboards: socket.socket | None, parts: Sequence[str]) -> None:
    """The process that holds the store. parts: of "writer", "pipeline", "dashboards"."""
    # Imported here: a collector worker shares this module, and must not pay for the ClickHouse client.
    from dashboards.app import create_app as dashboards_app
    from dashboards.report import Reports
    from pipeline.imports import abandon_all
    from pipeline.quarantine import Quarantine
    from pipeline.schedule import Pipeline
    from pipeline.writer import Writer
    from schema.migrate import migrate
    from schema.store import Store

    from .engine import Engine, accounts, control_app, control_path
    from .missing import teller
    from .networks import networks
    from .preview import comparer
    from .unix_http import short_path

    store = _open_patiently(lambda: Store(settings.dsn, settings.store.cluster))
    quarantine = Quarantine(settings.directory / "quarantine")
    writer = pipeline = control = None
    if "pipeline" in parts:
        migrate(store)
        if store.embedded:
            abandon_all(store)
    if "writer" in parts:
        writer = Writer(store, settings.directory / "spool", quarantine, "" if store.embedded else socket.gethostname())
        writer.start()
    if "pipeline" in parts:
        journal = settings.directory / "keys.jsonl"
        pipeline = Pipeline(store, settings.site_rules(), settings.rollup, quarantine, lambda: lost_days(journal))
        pipeline.start()
        path = control_path(settings)
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        with short_path(path) as short:
            listener.bind(short)
        os.umask(before)
        control = uvicorn.Server(
            uvicorn.Config(control_app(Engine(settings, store)), log_config=None, access_log=False, lifespan="off")
        )
        threading.Thread(target=control.run, args=([listener],), name="control", daemon=True).start()
    try:
        if dashboards is not None:
            people = accounts(settings)
            reports = Reports(store, settings.reported_sites(), rounded=settings.rounded_sites())
            reports.warm_up()
            app = dashboards_app(
                reports,
                people,
                settings.dashboards,
                settings.collector.public_url,
                comparer(settings, places_of(settings)),
                teller(settings, store),
                networks(settings),
            )
            uvicorn.Server(
                uvicorn.Config(
                    app,
                    http=LimitedProtocol,
                    access_log=False,
                    proxy_headers=False,
                    server_header=False,
                    log_config=None,
                    lifespan="off",
                    timeout_graceful_shutdown=2,
                )
            ).run(sockets=[dashboards])
        else:
            threading.Event().wait()
    finally:
        if control is not None:
            control.should_exit = True
            control_path(settings).unlink(missing_ok=True)
        if writer is not None:
            writer.stop()
        if pipeline is not None:
            pipeline.stop()
            if writer is not None:
                _finish(writer, pipeline)
        store.close()


def _finish(writer: Writer, pipeline: Pipeline) -> None:
    """Store and count what the workers handed over last, as far as a moment goes; the rest waits for the next start."""
    from schema.store import StoreError

    deadline = time.monotonic() + _FINISH_S
    with contextlib.suppress(StoreError):
        while writer.drain() and time.monotonic() < deadline:
            pass
        if time.monotonic() < deadline:
            pipeline.roll_up_last()


def _open_patiently(open_store: Callable[[], Store]) -> Store:
    from schema.store import StoreDown

    deadline = time.monotonic() + _START_S
    while True:
        try:
            return open_store()
        except StoreDown as problem:
            if time.monotonic() > deadline:
                raise
            log.warning("store_is_down", problem=str(problem))
            time.sleep(1.0)


def _lock(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise CannotStart(
            f"data = {str(path.parent)!r}: another Footfall is running there; stop it or choose another --data"
        ) from None
    return descriptor


def start_child() -> Settings:
    """What every child does first: read the settings from its parent's pipe, harden, log, end with the parent."""
    harden()
    # uvicorn hands a signal on once it has stopped serving; as an exit it still lets everything be closed.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    size = int.from_bytes(_read_exactly(8), "big")
    settings = msgspec.json.decode(_read_exactly(size), type=Settings)
    end_with_parent()
    return settings


def _read_exactly(size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = os.read(0, size - len(data))
        if not piece:
            raise SystemExit("footfall: a child process is started by `footfall up`, not by hand")
        data += piece
    return data
