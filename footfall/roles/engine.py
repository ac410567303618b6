"""The process that holds the store: writer, pipeline and dashboards, together or each alone, until SIGTERM.

In: settings, inherited sockets. Out: a running part. Promises: stopping drains what the workers left, and counts it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable

import structlog

from collector.keys.journal import lost_days
from pipeline.imports import abandon_all
from pipeline.jobs import Jobs
from pipeline.rollup.scratch import drop_left
from pipeline.schedule import Pipeline
from pipeline.spool.quarantine import Quarantine
from pipeline.writer import Writer
from schema.lasting import Lasting
from schema.migrate import migrate
from schema.store import Store, StoreDown, StoreError, StoreRefuses

from ..backup.restoring import restored
from ..control.editing import EditDesk
from ..control.engine import Engine
from ..control.serving import ControlServer
from ..control.sites import sites_with_data
from ..health.stored import of_server
from ..settings import Settings
from ..settings.in_force import Editions
from ..supervisor.channel import ChildStatus, send_status, settings_followers
from ..supervisor.heartbeat import Heartbeat, HeartbeatFile
from ..supervisor.lookers import Lookers
from ..supervisor.paths import control_path, key_journal
from .pages import serve_pages

log = structlog.get_logger("serve")

# What a process of each role does.
_PARTS = {
    "engine": frozenset(("writer", "pipeline", "dashboards")),
    "writer": frozenset(("writer",)),
    "pipeline": frozenset(("pipeline",)),
    "dashboards": frozenset(("dashboards",)),
}
# For what the workers left, once they have stopped.
_FINISH_S = 1.5
# A statement of the dashboards takes milliseconds; of a silent store they say so soon.
_PAGE_PATIENCE_S = 4.0


def run_engine(settings: Settings, role: str, dashboards: socket.socket | None) -> None:
    """The process itself. dashboards: the socket of its pages, where it has some."""
    parts = _PARTS[role]
    if "pipeline" in parts:
        os.nice(settings.rollup.nice)  # before the store has threads: each takes it from who starts it
    jobs = Jobs()

    def tell(heartbeat: Heartbeat) -> None:
        heartbeat.jobs = jobs.states()

    own_heartbeat = HeartbeatFile(settings, role, tell)
    own_heartbeat.start()
    # Somebody waits for a page, and nobody for the pipeline.
    alone = _PAGE_PATIENCE_S if role == "dashboards" else 0.0
    share = settings.store.memory_share
    store = _open_patiently(lambda: Store(settings.dsn, settings.store.cluster, alone, share))
    quarantine = Quarantine(settings.directory / "quarantine")
    writer = control = None
    pipeline: Pipeline | None = None
    if "pipeline" in parts:
        _prepare(store)
    engine = Engine(settings, store)
    if role == "engine":
        engine.desk = EditDesk(lambda: engine.settings, engine.days_left, lambda: send_status(ChildStatus(edited=True)))
    lookers = Lookers(settings)

    def hurry() -> bool:
        """Whether somebody looks, or nobody can tell; the workers are told, too."""
        watched = pipeline.rolling.watched if pipeline else None
        somebody = watched is None or bool(watched())
        lookers.tell(somebody)
        return somebody

    settings_followers.append(engine.follow)
    if "writer" in parts:
        host = "" if store.embedded else socket.gethostname()
        writer = Writer(store, settings.directory / "spool", quarantine, host, jobs=jobs, hurry=hurry)
        writer.start()
    if "pipeline" in parts:
        engine.pipeline = pipeline = _pipeline_of(settings, store, quarantine, jobs)
        pipeline.start()
        control = ControlServer(engine, control_path(settings))
    reading = store
    try:
        if dashboards is not None:
            if not (alone or store.embedded):
                reading = Store(settings.dsn, settings.store.cluster, _PAGE_PATIENCE_S)
            # With the rights of the dashboards alone it may only be asked whether it is there.
            health = engine.health if "pipeline" in parts else lambda: [of_server(reading)]
            serve_pages(settings, engine, reading, health, dashboards)
        else:
            threading.Event().wait()
    finally:
        own_heartbeat.stop()
        lookers.tell(True)
        if control is not None:
            control.stop()
        if writer is not None:
            writer.stop()
        if pipeline is not None:
            pipeline.stop()
            if writer is not None:
                _finish(writer, pipeline)
        if reading is not store:
            reading.close()
        store.close()


def _prepare(store: Store) -> None:
    """Bring the store up to this version, without what a run that was cut off has left."""
    migrate(store)
    drop_left(store)
    if store.embedded:
        abandon_all(store)
    store.settle()


def _pipeline_of(settings: Settings, store: Store, quarantine: Quarantine, jobs: Jobs) -> Pipeline:
    """One that follows the settings."""
    journal = key_journal(settings)
    backup = restored(settings.directory)
    pipeline = Pipeline(
        store,
        sites_with_data(settings, store),
        settings.rollup,
        quarantine,
        lambda: lost_days(journal),
        jobs=jobs,
        whole_since=backup.at if backup else 0.0,
        asked=Editions(settings),
    )
    settings_followers.append(lambda given: pipeline.follow(sites_with_data(given, store), Editions(given)))
    return pipeline


def _finish(writer: Writer, pipeline: Pipeline) -> None:
    """Store and count what the workers handed over last, as far as a moment goes; the rest waits for the next start."""
    deadline = time.monotonic() + _FINISH_S
    with contextlib.suppress(StoreError):
        while writer.drain() and time.monotonic() < deadline:
            pass
        if time.monotonic() < deadline:
            pipeline.rolling.run_last()


def _open_patiently(open_store: Callable[[], Store]) -> Store:
    """The store, waited for as long as it takes: meanwhile beacons are accepted. Raises StoreRefuses."""
    refused = Lasting(log, "store_is_down", "store_is_back", "warning")
    while True:
        try:
            store = open_store()
        except StoreRefuses:
            raise
        except StoreDown as problem:
            if not problem.unreachable:
                refused.is_so(problem=str(problem))
            send_status(ChildStatus(str(problem), waits=True))
            time.sleep(1.0)
        else:
            refused.is_over()
            send_status(ChildStatus())
            return store
