"""Puts the dashboards together: pages, API, static files, errors, headers.

In: reports, accounts and settings. Out: one Starlette app.
Promises: every answer, also an error, carries the headers of `guard`; no error tells about the inside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from .accounts.accounts import Accounts
from .accounts.policy import Action
from .accounts.readers import FindReader, Readers
from .delivery.outbox import Outbox
from .delivery.unsubscribe import Unsubscribe
from .editing.desk import Desk, Notebook
from .editing.note_pages import NotePages
from .editing.pages import EditPages
from .settings import DashboardSettings
from .sharing.made_here import MakeSharePages
from .sharing.pages import SharePages
from .sharing.shares import Shares
from .stats.report import Reports
from .stats_api.endpoint import StatsApi
from .web import engineers
from .web.about_pages import AboutPages
from .web.about_site import AboutSite
from .web.account_pages import AccountPages
from .web.api import Api
from .web.arrivals import ArrivalPages
from .web.base_path import BasePath
from .web.compress import Compress
from .web.door import Door, NetworkOf
from .web.engineers import Compare, Health, Why
from .web.engineers_pages import EngineersPages
from .web.gate import Declared, Gate
from .web.live import LivePage
from .web.pages import SitePages
from .web.people_pages import PeoplePages
from .web.pictures import PicturePages
from .web.problems import Problems
from .web.rendering import HERE, Pages
from .web.security_headers import Guard
from .web.sign_in import SignIn
from .web.theme import Themed


class _CachedFiles(StaticFiles):
    """Addresses carry the digest of the content, so a browser need not ask again."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if response.status_code in (200, 304):
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def create_app(
    reports: Reports,
    accounts: Accounts,
    settings: DashboardSettings | None = None,
    collector_url: str = "",
    compare: Compare | None = None,
    why: Why | None = None,
    network_of: NetworkOf = lambda _: "",
    undeclared: Callable[[], Sequence[str]] = tuple,
    health: Health | None = None,
    find_reader: FindReader = lambda _: None,
    about_site: AboutSite | None = None,
    outbox: Outbox | None = None,
    shares: Shares | None = None,
    closed: Reports | None = None,
    desk: Desk | None = None,
    notebook: Notebook | None = None,
) -> Starlette:
    """The dashboards. collector_url: where pages find the tracker, for the tag that a new site is shown.
    compare, why, health: what the engineers' pages show; without one its page is not there.
    network_of: by whose answer failures to sign in are counted; without it everybody is of one network.
    undeclared: the sites that have data and are in no settings. find_reader: whose a token is; without it no token
    holds. about_site: what is told of a site itself; without it those pages are not there. outbox: who reads digests;
    without one nobody can take himself off. shares, closed: links for people without an account, and the reports that
    these are answered by, of days that are released alone; without them there are none. desk, notebook:
    at which editors declare, and where notes of days are; without a desk there are none of these pages."""
    settings = settings or DashboardSettings()
    base = settings.base
    pages = Pages(
        base,
        shares=shares is not None,
        edited=desk is not None,
        engineers_path=base + engineers.PATH if compare else "",
        why_path=base + engineers.WHY_PATH if why else "",
        health_path=base + engineers.HEALTH_PATH if health else "",
    )
    problems = Problems(pages.page, reports, accounts, base)
    gate = Gate(pages, accounts)
    sign_in = SignIn(pages, problems, accounts, settings, network_of)
    sites = SitePages(pages, gate, reports, settings, collector_url, undeclared, about_site is not None)
    about = (pages, gate, reports, settings, sites)
    pictures, arrivals, live = PicturePages(*about), ArrivalPages(*about), LivePage(*about)
    of_site = AboutPages(*about, about_site)
    of_engineers = EngineersPages(pages, gate, settings, lambda: list(reports.sites), compare, why, health)
    door = Door(accounts, Readers(find_reader), network_of)
    api, stats_api = Api(reports, door, settings.table_rows), StatsApi(reports, door)

    editing: list[BaseRoute] = []
    if desk:
        editing += EditPages(pages, gate, accounts, reports, sites, desk).routes()
        editing += NotePages(pages, gate, accounts, reports, sites, notebook).routes()
    app = Starlette(
        routes=[
            *sites.routes(),
            *pictures.routes(),
            *arrivals.routes(),
            *live.routes(),
            *of_site.routes(),
            *sign_in.routes(),
            *AccountPages(pages, gate, accounts, settings).routes(),
            *PeoplePages(pages, gate, sign_in, problems, accounts, settings, lambda: reports.sites).routes(),
            *of_engineers.routes(),
            *api.routes(),
            *stats_api.routes(),
            *(SharePages(pages, problems, shares, closed, settings, network_of).routes() if shares and closed else ()),
            *(MakeSharePages(pages, gate, accounts, shares, reports, settings, sites).routes() if shares else ()),
            *editing,
            *(Unsubscribe(pages, problems, outbox).routes() if outbox else ()),
            Declared(Action.OPEN, "/healthz", _alive),
            Mount("/static", _CachedFiles(directory=HERE / "static")),
        ],
        middleware=[
            Middleware(BasePath, base=settings.base),
            Middleware(Compress),
            Middleware(Themed),
            Middleware(Guard, problems, https=settings.secure_cookies, public_url=settings.public_url),
        ],
        exception_handlers=problems.handlers(),
    )
    app.router.redirect_slashes = False
    return app


async def _alive(request: Request) -> Response:
    return PlainTextResponse("ok\n")
