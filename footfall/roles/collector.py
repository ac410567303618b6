"""A collector worker: settings → keys, spool → the collector's application, until SIGTERM.

In: settings, a listening socket. Out: a running worker. Promises: stopping commits and answers what was received.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import socket
import time
from collections.abc import AsyncIterator

import uvicorn
from starlette.applications import Starlette

from collector.diagnostics.shadow import Shadow
from collector.diagnostics.unnamed_proxies import UnnamedProxies, proxied_path
from collector.diagnostics.why import Why, why_path
from collector.edge.app import create_app as collector_app
from collector.edge.ingest import IngestProtocol
from collector.enrich.device import warm_up
from collector.keys.files import KeyFile
from collector.keys.key import NoKey
from collector.limits.new_visitors import NewVisitors
from collector.limits.rate_limit import RateLimiter
from collector.service import Collector
from collector.tokens import Tokens
from pipeline.spool.spool import Spool
from schema.site import local_day

from ..databases import datacenters_of, geo_database_of
from ..health.refusals import Refusals
from ..settings import Settings
from ..supervisor.channel import settings_followers
from ..supervisor.heartbeat import Heartbeat, HeartbeatFile, heartbeat_before
from ..supervisor.lookers import Lookers
from ..supervisor.paths import key_directory, token_file


def run_collector(settings: Settings, index: int, sock: socket.socket) -> None:
    """One collector worker."""
    keys = KeyFile(key_directory(settings) / "keys")
    place, lookers = settings.directory / "spool" / f"worker-{index}", Lookers(settings)
    spool = Spool(place, index, settings.spool, hurry=lookers.are_there)
    refusals = _refusals(settings, f"collector-{index}")
    shadow, why, unnamed_proxies = _watching(settings, index)
    endpoint = _collector_of(settings, spool, keys, shadow, why, unnamed_proxies, refusals)

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

    def tell(heartbeat: Heartbeat) -> None:
        heartbeat.problem, heartbeat.refused, heartbeat.day = ready(), refusals.told(), _today()

    own_heartbeat = HeartbeatFile(settings, f"collector-{index}", tell)
    public = settings.collector.public_url
    tokens = Tokens(token_file(settings))
    app = collector_app(endpoint, keys, tokens, spool, ready, settings.demo, public, own_heartbeat.turn)
    failed = _opening_failures(app)
    config = uvicorn.Config(
        app,
        http=IngestProtocol,
        loop="uvloop",
        lifespan="on",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        log_config=None,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=3,
    )
    settings_followers.append(follow)
    if shadow is not None:
        shadow.start()
    warm_up()
    _collect_seldom()
    try:
        uvicorn.Server(config).run(sockets=[sock])
    except SystemExit:
        # uvicorn has logged what the application's opening raised, and ends.
        if failed:
            raise failed[0] from None
        raise
    finally:
        why.close()
        unnamed_proxies.close()
        if shadow is not None:
            shadow.stop()


def _watching(settings: Settings, index: int) -> tuple[Shadow | None, Why, UnnamedProxies]:
    """What looks at beacons on their way, each with a file in RAM of its own."""
    place, tried = key_directory(settings), settings.shadow.candidates
    unnamed_proxies = UnnamedProxies(proxied_path(place, index), settings.collector.address_header)
    return Shadow(place, index, tried) if tried else None, Why(why_path(place, index)), unnamed_proxies


def _collector_of(
    settings: Settings,
    spool: Spool,
    keys: KeyFile,
    shadow: Shadow | None,
    why: Why,
    unnamed_proxies: UnnamedProxies,
    refusals: Refusals,
) -> Collector:
    """With the limits that are set."""
    proxies, limits = settings.collector.proxies(), settings.collector
    most, new, objections = limits.rate_limit, limits.new_visitors_limit, limits.objections_limit
    return Collector(
        settings.collector_rules(),
        spool,
        keys,
        geo_database_of(settings),
        proxies,
        shadow=shadow,
        datacenters=datacenters_of(settings),
        limit=RateLimiter(most) if most else None,
        why=why,
        new_visitors=NewVisitors(new, proxies.hold) if new and most else None,
        objections=RateLimiter(objections) if objections else None,
        unnamed_proxies=unnamed_proxies,
        on_refusal=refusals,
    )


def _collect_seldom() -> None:
    """What is loaded now stays; what a beacon leaves behind is no cycle. Looking for some took 7 % of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


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
    before = heartbeat_before(settings, name)
    return Refusals(before.refused if before is not None and before.day == _today() else {})


def _today() -> int:
    return int(time.time()) // 86_400
