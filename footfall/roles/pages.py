"""The dashboards of a process: their application, composed and served, until SIGTERM.

In: settings, the engine, the store as pages ask it, a listening socket. Out: pages. Promises: with the rights of the
dashboards alone the store is asked for nothing of the pipeline's.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial

import uvicorn

from collector.edge.http import LimitedProtocol
from dashboards.app import create_app
from dashboards.stats.report import Reports
from schema.store import Store

from ..about_site import teller as about_site
from ..control.engine import Engine
from ..control.sites import undeclared_shown
from ..data_directory import accounts, outbox, shares
from ..databases import geo_database_of
from ..delivery import deliveries, start
from ..health.finding import Finding
from ..health.look import look_within
from ..health.missing import teller as missing_teller
from ..health.page import teller as health_teller
from ..networks import networks
from ..notebook import EngineNotes
from ..preview import comparer
from ..readers import finder
from ..settings import Settings
from ..supervisor.channel import settings_followers


def _follow(reports: Reports, given: Settings) -> None:
    reports.follow(given.reported_sites(), given.rounded_sites())


def serve_pages(
    settings: Settings, engine: Engine, reading: Store, health: Callable[[], list[Finding]], sock: socket.socket
) -> None:
    """Serve the dashboards. reading: the store as pages ask it, which is not for long. health: what it tells."""
    people = accounts(settings)
    reports = Reports(reading, settings.reported_sites(), rounded=settings.rounded_sites())
    # What is remembered of released days is another thing where open ones are beside them.
    closed = Reports(reading, settings.reported_sites(), closed_only=True)
    for each in (reports, closed):
        settings_followers.append(partial(_follow, each))
    if engine.pipeline is not None:
        engine.pipeline.rolling.watched = lambda: reports.watched() | engine.watched()
    reports.warm_up()
    out = outbox(settings)
    start(deliveries(lambda: engine.settings, reports, out, lambda: look_within(engine.settings, health)))
    app = create_app(
        reports,
        people,
        settings.dashboards,
        settings.collector.public_url,
        comparer(lambda: engine.settings, geo_database_of(settings)),
        missing_teller(settings, reading),
        networks(settings),
        lambda: [one.site for one in undeclared_shown(engine.settings, reading)],
        health_teller(lambda: engine.settings, health),
        finder(settings, people),
        about_site(lambda: engine.settings, reading, geo_database_of(settings)),
        out,
        shares(settings),
        closed,
        engine.desk,
        # Of a part apart the store's user may write nothing.
        EngineNotes(engine) if engine.pipeline is not None else None,
    )
    config = uvicorn.Config(
        app,
        http=LimitedProtocol,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        log_config=None,
        lifespan="off",
        timeout_graceful_shutdown=2,
    )
    uvicorn.Server(config).run(sockets=[sock])
