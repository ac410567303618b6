"""The parent of the processes of `footfall up` and of its parts alone; what the processes do is in footfall/roles.

In: settings. Out: running processes. Promises: one parent makes the visitor keys and watches the children; they are
stopped in order, in at most 10 s.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType

import structlog
from msgspec import structs

from schema.dsn import name_of
from schema.lasting import Lasting, kind_and_place
from schema.site import Site

from ..errors import CannotStart
from ..settings import Settings, needs_restart
from ..settings.in_force import next_turn, with_edits
from ..version import PROGRAM, commit
from .child_process import ChildProcess
from .expected import line_of
from .heartbeat import place_of
from .key_keeping import keeper, shadow_publisher
from .locks import take
from .parent_heartbeat import ParentHeartbeat
from .paths import with_absolute_paths
from .stamp import refuse_newer, write_stamp

log = structlog.get_logger("serve")

# The workers commit, answer and seal first; the engine then drains what they left.
_WORKERS_STOP_S = 5.0
_ENGINE_STOP_S = 5.0
_START_S = 60.0


class Supervisor:
    """The parent of the processes: holds the data directory and the keys, starts and stops children."""

    def __init__(self, settings: Settings, name: str, with_keys: bool) -> None:
        # Commands that ask for them may have been given in another directory.
        self.settings = settings = with_edits(with_absolute_paths(settings))
        self.children: list[ChildProcess] = []
        self._name = name
        self._stop = threading.Event()
        self._reload_asked = False
        # When edits hold that do not yet.
        self._turns_at = next_turn(settings, time.time())
        self._unpublished = Lasting(log, "shadow_not_published", "shadow_published_again")
        settings.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = take(settings.directory, name, place_of(settings))
        refuse_newer(settings.directory)
        write_stamp(settings.directory)
        self._keeper = keeper(settings) if with_keys else None
        self._heartbeat = ParentHeartbeat(settings, name, self._keeper)
        self._heartbeat.turn([])
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
        self.children.append(ChildProcess(self.settings, role, arguments, sockets, last, plain))
        self._heartbeat.watch(role, sockets if plain else ())

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
        self._tell_of_edits()
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
                edited = [child for child in self.children if child.has_edited()]
                if announced and (edited or time.time() >= self._turns_at):
                    self._take(with_edits(self.settings))
                self._heartbeat.turn([child.state() for child in self.children])
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
            self._heartbeat.forget([child.state() for child in self.children])
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
        later = needs_restart(self.settings, wanted)
        if later:
            log.warning("settings_need_a_restart", settings=later)
        sites = {"sites": wanted.sites, "origins": wanted.origins, "edits": wanted.edits}
        self._take(with_edits(structs.replace(self.settings, **sites)))

    def _take(self, settings: Settings) -> None:
        """Go by other sites, and have the children do so."""
        before = self.settings
        # First the keys of new sites, then what counts for them; the keys of removed ones go once nobody needs them.
        both = {site.key: site for site in (*before.all_sites, *settings.all_sites)}
        self._keep_keys_of(tuple(both.values()))
        self._turn()
        taken = [child.follow(settings) for child in self.children]
        self.settings, self._turns_at = settings, next_turn(settings, time.time())
        self._keep_keys_of(settings.all_sites)
        keys = {site.key for site in before.all_sites}, {site.key for site in settings.all_sites}
        log.info(
            "settings_taken" if all(taken) else "settings_taken_late",
            sites=len(settings.all_sites),
            added=sorted(keys[1] - keys[0]),
            removed=sorted(keys[0] - keys[1]),
        )
        self._tell_of_edits()

    def _tell_of_edits(self) -> None:
        for one in self.settings.edits:
            if one.problem:
                log.warning("edits_not_taken", site=one.key, problem=one.problem)

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
