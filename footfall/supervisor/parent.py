"""The parent of the processes of `footfall up` and of its parts alone; what the processes do is in roles.py.

In: settings. Out: running processes. Promises: one parent makes the visitor keys and watches the children; they are
stopped in order, in at most 10 s.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType

import structlog
from msgspec import structs

from collector.insight.shadow_publisher import ShadowPublisher
from collector.keys.client import Handed, KeyFollower, fetch_keys
from collector.keys.keeper import KeyKeeper
from schema.dsn import name_of
from schema.lasting import Lasting, kind_and_place
from schema.site import Site

from ..errors import CannotStart
from ..settings import Settings, needs_restart
from ..version import PROGRAM, commit
from .channel import Ear
from .expected import line_of
from .heartbeat import Child, place_of
from .listening import answers, url_of
from .locks import take
from .parent_heartbeat import ParentSign
from .paths import key_directory, key_journal, with_absolute_paths
from .stamp import refuse_newer, write_stamp

log = structlog.get_logger("serve")

# The workers commit, answer and seal first; the engine then drains what they left.
_WORKERS_STOP_S = 5.0
_ENGINE_STOP_S = 5.0
_START_S = 60.0
_FOLLOWS_WITHIN_S = 5.0
_RESTART_AFTER_S = (0.2, 1.0, 3.0, 10.0)
# Restarts are told of for so long.
_REMEMBERED_S = 3600.0
# A child that lived so long is not in a restart loop.
_STEADY_S = 60.0


class House:
    """The parent of the processes: holds the data directory and the keys, starts and stops children."""

    def __init__(self, settings: Settings, name: str, with_keys: bool) -> None:
        # Commands that ask for them may have been given in another directory.
        self.settings = settings = with_absolute_paths(settings)
        self.children: list[_Child] = []
        self._name = name
        self._stop = threading.Event()
        self._reload_asked = False
        self._unpublished = Lasting(log, "shadow_not_published", "shadow_published_again")
        settings.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = take(settings.directory, name, place_of(settings))
        refuse_newer(settings.directory)
        write_stamp(settings.directory)
        self._keeper = keeper(settings) if with_keys else None
        self._sign = ParentSign(settings, name, self._keeper)
        self._sign.turn([])
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
        self._sign.watch(role, sockets if plain else ())

    def run(self, ready: Callable[[], None], reload: Callable[[], Settings] | None = None) -> None:
        """Run until SIGTERM or SIGINT, then stop in order. ready: called once, when every port answers.
        reload: reads the settings again, as at the start; called after SIGHUP."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        # Also where a terminal is lost, which is no reason to end.
        signal.signal(signal.SIGHUP, self._on_hang_up)
        log.info(
            "starts",
            part=self._name,
            version=PROGRAM,
            commit=commit(),
            sites=len(self.settings.all_sites),
            store=name_of(self.settings.dsn),
        )
        for child in self.children:
            child.start()
        announced = False
        started = time.monotonic()
        try:
            while not self._stop.wait(0.1 if not announced else 1.0):
                self._turn()
                for child in self.children:
                    child.look_after()
                if self._reload_asked and reload is not None and announced:
                    self._reload_asked = False
                    self._follow(reload)
                self._sign.turn([child.state() for child in self.children])
                if not announced and all(child.answers() for child in self.children):
                    announced = True
                    # Who closes the terminal that it is told to does not mean to end it.
                    with contextlib.suppress(OSError):
                        ready()
                elif not announced and time.monotonic() - started > _START_S:
                    self._give_up(started)
            log.info("stops", part=self._name)
        finally:
            self._stop_children()
            self._sign.forget([child.state() for child in self.children])
            if self._keeper:
                self._keeper.close()
            os.close(self._lock)

    def _give_up(self, started: float) -> None:
        """Raise CannotStart, unless what is waited for comes by itself, such as a store."""
        if any(child.waits for child in self.children):
            return
        problems = "; ".join(dict.fromkeys(child.problem for child in self.children if child.problem))
        raise CannotStart(
            f"the processes did not answer within {_START_S:.0f} s: {problems or 'the log above says why'}"
        )

    def _follow(self, reload: Callable[[], Settings]) -> None:
        """Read the settings anew and go by what may change while running; nothing changes where they are wrong."""
        try:
            wanted = with_absolute_paths(reload())
        except Exception as problem:
            log.error("settings_not_taken", problem=line_of(problem) or type(problem).__name__)
            return
        before, settings = self.settings, structs.replace(self.settings, sites=wanted.sites, origins=wanted.origins)
        later = needs_restart(before, wanted)
        if later:
            log.warning("settings_need_a_restart", settings=later)
        # First the keys of new sites, then what counts for them; the keys of removed ones go once nobody needs them.
        both = {site.key: site for site in (*before.all_sites, *settings.all_sites)}
        self._keep_keys_of(tuple(both.values()))
        self._turn()
        taken = [child.follow(settings) for child in self.children]
        self.settings = settings
        self._keep_keys_of(settings.all_sites)
        keys = {site.key for site in before.all_sites}, {site.key for site in settings.all_sites}
        log.info(
            "settings_taken" if all(taken) else "settings_taken_late",
            sites=len(settings.all_sites),
            added=sorted(keys[1] - keys[0]),
            removed=sorted(keys[0] - keys[1]),
        )

    def _keep_keys_of(self, sites: Sequence[Site]) -> None:
        if self._keeper:
            self._keeper.follow(sites)
        if self._shadow:
            self._shadow.follow(sites)

    def _turn(self) -> None:
        """Every second: keys made and destroyed; then the sketches that died with one published, or just removed."""
        if self._keeper:
            self._keeper.turn()
        if self._shadow:
            try:
                self._shadow.turn()
            except OSError as problem:
                # A figure for engineers is no reason to stop counting.
                self._unpublished.is_so(**kind_and_place(problem))
            else:
                self._unpublished.is_over()

    def _on_hang_up(self, _: int, __: FrameType | None) -> None:
        self._reload_asked = True

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
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._ear: Ear | None = None
        self._ends = Lasting(log, "process_ended", "process_runs_again")
        self._sent = self._applied = 0
        # What it says is in its way, and whether it tries again by itself.
        self.problem, self.waits, self._final = "", False, False
        self._failures = 0
        self._started = 0.0
        self._again_at = 0.0
        self._restarts: list[float] = []

    def state(self) -> Child:
        """How it is, for whoever asks."""
        since = time.monotonic() - _REMEMBERED_S
        self._restarts = [moment for moment in self._restarts if moment >= since]
        process = self._process
        is_alive = process is not None and process.poll() is None
        name = "-".join((self._role, *self._arguments))
        return Child(name, process.pid if process else 0, self._started, is_alive, list(self._restarts))

    def start(self) -> None:
        descriptors = [sock.fileno() for sock in self._sockets]
        self._ear, self.problem, self.waits, self._final = Ear(), "", False, False
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [
                sys.executable,
                "-m",
                "footfall.roles",
                self._role,
                *self._arguments,
                *map(str, descriptors),
            ],
            stdin=self._ear.childs.fileno(),
            pass_fds=descriptors,
            # Ctrl-C reaches the parent alone, which stops the children in order.
            start_new_session=True,
        )
        self._ear.childs.close()
        self._sent, self._applied = 1, 0
        with contextlib.suppress(OSError):  # it has ended already; look_after() finds out
            self._ear.send(self._settings)
        self._started = time.monotonic()

    def follow(self, settings: Settings) -> bool:
        """Have it go by other settings; whether it says so in time. If it is not running, its next start has them."""
        self._settings = settings
        if self._process is None or self._ear is None or self._process.poll() is not None:
            return True
        try:
            self._ear.send(settings)
        except OSError:
            return False
        self._sent += 1
        deadline = time.monotonic() + _FOLLOWS_WITHIN_S
        while self._applied < self._sent and time.monotonic() < deadline and self._process.poll() is None:
            time.sleep(0.02)
            self._listen()
        return self._applied >= self._sent

    def _listen(self) -> None:
        for said in self._ear.words() if self._ear else ():
            if said.applied:
                self._applied = said.applied
            else:
                self.problem, self.waits, self._final = said.problem, said.waits, said.final

    def look_after(self) -> None:
        """Start it again if it ended by itself. Raises CannotStart where that cannot help."""
        assert self._process is not None
        now = time.monotonic()
        code = self._process.poll()
        self._listen()
        if code is None:
            if self._failures and now - self._started > _STEADY_S:
                self._failures = 0
                self._ends.is_over(role=self._role)
            return
        if self._final:
            raise CannotStart(self.problem)
        if not self._again_at:
            self._failures = 1 if now - self._started > _STEADY_S else self._failures + 1
            wait = _RESTART_AFTER_S[min(self._failures, len(_RESTART_AFTER_S) - 1)]
            self._again_at = now + wait
            told = {"problem": self.problem} if self.problem else {}
            self._ends.is_so(f"{code} {self.problem}", role=self._role, code=code, again_in_s=wait, **told)
        elif now >= self._again_at:
            self._again_at = 0.0
            self._restarts.append(now)
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


def shadow_publisher(settings: Settings) -> ShadowPublisher:
    """What tells of the candidates once a day is over."""
    return ShadowPublisher(
        key_directory(settings),
        settings.directory / "shadow.jsonl",
        settings.all_sites,
        wanted=bool(settings.shadow.candidates),
    )


def public_url(settings: Settings, sock: socket.socket) -> str:
    """How pages reach the collector."""
    return settings.collector.public_url.rstrip("/") or url_of(sock)
