"""Composition root of each child process: settings → keys, spool, store → what runs until SIGTERM.

In: settings, inherited sockets. Out: a running part. Promises: a child ends when its parent does; stopping commits and
answers what was received, seals and drains.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING

import structlog
import uvicorn
from starlette.applications import Starlette

from collector.edge.app import create_app as collector_app
from collector.edge.http import LimitedProtocol
from collector.enrich.device import warm_up
from collector.insight.shadow import Shadow
from collector.insight.sharing import Sharing, sharing_path
from collector.insight.why import Why, why_path
from collector.keys.files import KeyFile
from collector.keys.journal import lost_days
from collector.keys.key import NoKey
from collector.limits.new_visitors import NewVisitors
from collector.limits.rate_limit import Limiter
from collector.service import Collector
from collector.tokens import Tokens
from pipeline.spool import Spool
from schema.lasting import Lasting, kind_and_place
from schema.site import local_day

from ..databases import datacenters_of, places_of
from ..health.refusals import Refusals
from ..settings import Settings
from ..supervisor.channel import Word, followers, read, say
from ..supervisor.heartbeat import Sign, Signs, sign_before
from ..supervisor.paths import key_directory, key_journal, token_file
from ..supervisor.process import end_soon, harden

if TYPE_CHECKING:
    from pipeline.schedule import Pipeline
    from pipeline.writer import Writer
    from schema.store import Store

log = structlog.get_logger("serve")

# For what the workers left, once they have stopped.
_FINISH_S = 1.5
# A statement of the dashboards takes milliseconds; of a silent store they say so soon.
_PAGE_PATIENCE_S = 4.0


def start_child() -> Settings:
    """What every child does first: read the settings from its parent's line, harden, end with the parent."""
    harden()
    # uvicorn hands a signal on once it has stopped serving; as an exit it still lets everything be closed.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    settings = read(Settings)
    if settings is None:
        raise SystemExit("footfall: a child process is started by `footfall up`, not by hand")
    threading.Thread(target=_follow_parent, name="lifeline", daemon=True).start()
    return settings


def _follow_parent() -> None:
    """Take on what the parent sends, until it ends."""
    number = 1
    while (settings := read(Settings)) is not None:
        number += 1
        try:
            for follow in followers:
                follow(settings)
        except Exception as problem:
            log.error("settings_not_followed", **kind_and_place(problem))
            continue
        say(Word(applied=number))
    end_soon()


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
    refusals = _refusals(settings, f"collector-{index}")
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
        sharing=sharing,
        on_refusal=refusals,
    )

    current = settings

    def follow(given: Settings) -> None:
        nonlocal current
        endpoint.follow(given.collector_rules())
        while not endpoint.follows:
            time.sleep(0.05)
        current = given

    def ready() -> str:
        try:
            for site in current.all_sites:
                keys.key(site.key, local_day(site.timezone, time.time()).number)
        except NoKey as problem:
            return str(problem)
        return spool.refusal

    def tell(sign: Sign) -> None:
        sign.problem, sign.refused, sign.day = ready(), refusals.told(), _today()

    signs = Signs(settings, f"collector-{index}", tell)
    public = settings.collector.public_url
    tokens = Tokens(token_file(settings))
    app = collector_app(endpoint, keys, tokens, spool, ready, settings.demo, public, signs.turn)
    failed = _opening_failures(app)
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
    followers.append(follow)
    if shadow is not None:
        shadow.start()
    warm_up()
    # What is loaded now stays; what a beacon leaves behind is no cycle. Looking for some took 7 % of the time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    try:
        uvicorn.Server(config).run(sockets=[sock])
    except SystemExit:
        # uvicorn has logged what the application's opening raised, and ends.
        if failed:
            raise failed[0] from None
        raise
    finally:
        why.close()
        sharing.close()
        if shadow is not None:
            shadow.stop()


def _opening_failures(app: Starlette) -> list[Exception]:
    """Where what the application's opening raises will be found: uvicorn keeps it to itself."""
    opened, failed = app.router.lifespan_context, list[Exception]()

    @contextlib.asynccontextmanager
    async def opening(given: Starlette) -> AsyncIterator[None]:
        context = opened(given)
        try:
            await context.__aenter__()
        except Exception as problem:
            failed.append(problem)
            # What it would say is said by the parent, once.
            logging.getLogger("uvicorn.error").disabled = True
            raise
        try:
            yield
        finally:
            await context.__aexit__(None, None, None)

    app.router.lifespan_context = opening
    return failed


def _refusals(settings: Settings, name: str) -> Refusals:
    before = sign_before(settings, name)
    return Refusals(before.refused if before is not None and before.day == _today() else {})


def _today() -> int:
    return int(time.time()) // 86_400


def run_engine(settings: Settings, name: str, dashboards: socket.socket | None, parts: Sequence[str]) -> None:
    """The process that holds the store. name: what it is called. parts: of "writer", "pipeline", "dashboards"."""
    # Imported here: a collector worker shares this module, and must not pay for the ClickHouse client.
    from dashboards.app import create_app as dashboards_app
    from dashboards.stats.report import Reports
    from pipeline.imports import abandon_all
    from pipeline.jobs import Jobs
    from pipeline.quarantine import Quarantine
    from pipeline.schedule import Pipeline
    from pipeline.writer import Writer
    from schema.migrate import migrate
    from schema.store import Store

    from ..backup.restoring import restored
    from ..control.app import control_app
    from ..control.engine import Engine
    from ..control.sites import sites_with_data, undeclared_shown
    from ..control.unix_http import short_path
    from ..data_directory import accounts
    from ..health.missing import teller
    from ..health.page import teller as health_teller
    from ..health.stored import of_server
    from ..networks import networks
    from ..preview import comparer
    from ..supervisor.paths import control_path

    jobs = Jobs()

    def tell(sign: Sign) -> None:
        sign.jobs = jobs.states()

    signs = Signs(settings, name, tell)
    signs.start()
    # Somebody waits for a page, and nobody for the pipeline.
    alone = _PAGE_PATIENCE_S if tuple(parts) == ("dashboards",) else 0.0
    store = _open_patiently(lambda: Store(settings.dsn, settings.store.cluster, alone))
    quarantine = Quarantine(settings.directory / "quarantine")
    writer = pipeline = control = None
    if "pipeline" in parts:
        migrate(store)
        if store.embedded:
            abandon_all(store)
    engine = Engine(settings, store)
    followers.append(engine.follow)
    if "writer" in parts:
        host = "" if store.embedded else socket.gethostname()
        writer = Writer(store, settings.directory / "spool", quarantine, host, jobs=jobs)
        writer.start()
    if "pipeline" in parts:
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
        )
        followers.append(lambda given: pipeline.follow(sites_with_data(given, store)))
        engine.pipeline = pipeline
        pipeline.start()
        path = control_path(settings)
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        with short_path(path) as short:
            listener.bind(short)
        os.umask(before)
        control = uvicorn.Server(uvicorn.Config(control_app(engine), log_config=None, access_log=False, lifespan="off"))
        threading.Thread(target=control.run, args=([listener],), name="control", daemon=True).start()
    reading = store
    try:
        if dashboards is not None:
            people = accounts(settings)
            if not (alone or store.embedded):
                reading = Store(settings.dsn, settings.store.cluster, _PAGE_PATIENCE_S)
            reports = Reports(reading, settings.reported_sites(), rounded=settings.rounded_sites())
            followers.append(lambda given: reports.follow(given.reported_sites(), given.rounded_sites()))
            reports.warm_up()
            app = dashboards_app(
                reports,
                people,
                settings.dashboards,
                settings.collector.public_url,
                comparer(lambda: engine.settings, places_of(settings)),
                teller(settings, reading),
                networks(settings),
                lambda: [one.site for one in undeclared_shown(engine.settings, reading)],
                health_teller(
                    lambda: engine.settings,
                    # With the rights of the dashboards alone it may only be asked whether it is there.
                    engine.health if "pipeline" in parts else lambda: [of_server(reading)],
                ),
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
        signs.stop()
        if control is not None:
            control.should_exit = True
            control_path(settings).unlink(missing_ok=True)
        if writer is not None:
            writer.stop()
        if pipeline is not None:
            pipeline.stop()
            if writer is not None:
                _finish(writer, pipeline)
        if reading is not store:
            reading.close()
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
    """The store, waited for as long as it takes: meanwhile beacons are accepted. Raises StoreRefuses."""
    from schema.store import StoreDown, StoreRefuses

    refused = Lasting(log, "store_is_down", "store_is_back", "warning")
    while True:
        try:
            store = open_store()
        except StoreRefuses:
            raise
        except StoreDown as problem:
            if not problem.told:
                refused.is_so(problem=str(problem))
            say(Word(str(problem), waits=True))
            time.sleep(1.0)
        else:
            refused.is_over()
            say(Word())
            return store
