"""The pages people see: sign-in, account, the list of sites, a site's dashboard and its tables in full.

In: HTTP requests. Out: HTML that works without JavaScript. Promises: what came from outside is only ever text
(autoescape); nobody sees a number without a session; a redirect never leaves this server.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import jinja2
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Scope

from schema.dimensions import DIMENSIONS, OTHER
from schema.families import FAMILIES
from schema.metrics import METRICS
from schema.site import DEMO, Site
from schema.vitals import VITALS

from ..accounts.accounts import MIN_PASSWORD, AccountRefused, Accounts, TooManyFailures, User
from ..accounts.form_token import FORM_COOKIE, SESSION_COOKIE, TOKEN, token_of
from ..settings import DashboardSettings
from ..stats.period import PERIODS
from ..stats.query import Query
from ..stats.report import Reports
from . import cards, charts, engineers
from . import format as names
from .api import json, refusal
from .arguments import PERIOD, period_of, refuse_unknown
from .engineers import Compare, Health, Why
from .forms import form_of, local_path
from .problems import Problems

HERE = Path(__file__).parent
_MAX_TABLE = 500
_OF_TABLES = (*PERIOD, "contains")

Page = Callable[[Request, User], Response]
# From which network a request comes, coarsely, as only the composition root can tell.
NetworkOf = Callable[[Scope], str]


class Pages:
    """The HTML endpoints."""

    def __init__(
        self,
        reports: Reports,
        accounts: Accounts,
        settings: DashboardSettings,
        collector_url: str = "",
        compare: Compare | None = None,
        why: Why | None = None,
        network_of: NetworkOf = lambda _: "",
        undeclared: Callable[[], Sequence[str]] = tuple,
        health: Health | None = None,
    ) -> None:
        self._reports = reports
        self._accounts = accounts
        self._settings = settings
        self._collector_url = collector_url.rstrip("/") or "https://YOUR-COLLECTOR"
        self._compare = compare
        self._why = why
        self._network_of = network_of
        self._undeclared = undeclared
        self._health = health
        self._base = settings.base
        self.problems = Problems(self._page, reports, accounts, self._base)
        self._templates = _templates(self._base)
        self._templates.globals["engineers_path"] = self._base + engineers.PATH if compare else ""
        self._templates.globals["why_path"] = self._base + engineers.WHY_PATH if why else ""
        self._templates.globals["health_path"] = self._base + engineers.HEALTH_PATH if health else ""

    def routes(self) -> list[BaseRoute]:
        """Every page."""
        return [
            Route("/", self._signed_in(self.list_sites), methods=["GET"]),
            Route("/sites/{key}", self._signed_in(self.show_site, *PERIOD), methods=["GET"]),
            Route("/sites/{key}/by/{dimension}", self._signed_in(self.show_table, *_OF_TABLES), methods=["GET"]),
            Route("/sign-in", self.show_sign_in, methods=["GET"]),
            Route("/sign-in", self.post_sign_in, methods=["POST"]),
            Route("/sign-in/{token}", self.redeem_link, methods=["GET"]),
            Route("/sign-out", self.post_sign_out, methods=["POST"]),
            Route("/account", self._signed_in(self.show_account, "saved"), methods=["GET"]),
            Route("/account", self.post_account, methods=["POST"]),
            *self._engineers_routes(),
            *self._why_routes(),
            *self._health_routes(),
        ]

    def list_sites(self, request: Request, user: User) -> Response:
        """GET /"""
        sites = list(self._reports.sites.values())
        undeclared = list(self._undeclared())
        if len(sites) == 1 and not undeclared:
            return self._to(f"/sites/{quote(sites[0].key)}")
        return self._page("sites.html", user=user, sites=sites, undeclared=undeclared)

    def show_site(self, request: Request, user: User) -> Response:
        """GET /sites/{key}?period="""
        site = self._site(request)
        period = period_of(self._reports, site, request.query_params)
        overview = self._reports.overview(site, period, self._settings.table_rows)
        return self._page(
            "dashboard.html",
            user=user,
            site=site,
            sites=list(self._reports.sites.values()),
            overview=overview,
            period=period,
            periods=PERIODS,
            arguments=urlencode(period.arguments()),
            tiles=cards.tiles(overview),
            cards=cards.cards(overview),
            compared_with=charts.compared_with(overview.comparison),
            events=cards.tab("event", overview),
            unreached=[g.name for g in site.goals if g.name not in {goal.goal for goal in overview.goals}],
            vitals={name: cards.vitals_by(overview.vitals, name) for name in FAMILIES["vitals"].dimensions},
            vital_tabs=[DIMENSIONS[name] for name in FAMILIES["vitals"].dimensions if name],
            chart=charts.draw(overview),
            chart_width=charts.WIDTH,
            chart_height=charts.HEIGHT,
            refresh=self._settings.refresh_seconds,
            demo=DEMO,
            has_demo=DEMO in self._reports.sites,
            collector_url=self._collector_url,
        )

    def show_table(self, request: Request, user: User) -> Response:
        """GET /sites/{key}/by/{dimension}?period=&contains="""
        site = self._site(request)
        dimension = request.path_params["dimension"]
        if dimension not in DIMENSIONS:
            raise HTTPException(404, f"there is no table by {dimension!r}; there are {', '.join(DIMENSIONS)}")
        period = period_of(self._reports, site, request.query_params)
        contains = request.query_params.get("contains", "")
        filters = [f"{dimension}~{contains}"] if contains else []
        # The page shows names, the store has codes.
        if contains and dimension == "country" and (codes := names.countries_named(contains)):
            filters = [f"country=={'|'.join(codes)}"]
        answer = self._reports.stats(Query.of(site.key, period.first, period.last, dimension, filters, _MAX_TABLE))
        columns = [name for name in METRICS if answer["rows"] and name in answer["rows"][0]]
        asked = {**period.arguments(), "by": dimension, "limit": str(_MAX_TABLE)}
        return self._page(
            "table.html",
            user=user,
            site=site,
            sites=list(self._reports.sites.values()),
            period=period,
            periods=PERIODS,
            arguments=urlencode(period.arguments()),
            export=urlencode(asked | ({"filter": filters[0]} if filters else {})),
            dimension=DIMENSIONS[dimension],
            contains=contains,
            answer=answer,
            columns=columns,
            counts=[name for name in columns if METRICS[name].is_count],
            least=any(row["not_shown_days"] for row in answer["rows"]),
            instead=cards.no_table(dimension, [row["value"] for row in answer["rows"]], answer["k"]),
            largest=max([row["visitors"] for row in answer["rows"]], default=1) or 1,
            limit=_MAX_TABLE,
        )

    def show_sign_in(self, request: Request) -> Response:
        """GET /sign-in?next="""
        refuse_unknown(request.query_params, ("next",), from_links=True)
        return self._sign_in_form(request, local_path(request.query_params.get("next", "/")))

    async def post_sign_in(self, request: Request) -> Response:
        """POST /sign-in"""
        form = await form_of(request)
        return await run_in_threadpool(self._sign_in, request, form)

    def redeem_link(self, request: Request) -> Response:
        """GET /sign-in/{token}: signs in at once. HEAD and prefetching must not use the link up."""
        purpose = request.headers.get("sec-purpose") or request.headers.get("purpose") or ""
        if request.method == "HEAD" or "prefetch" in purpose:
            return Response(status_code=204)
        refuse_unknown(request.query_params, (), from_links=True)
        session = self._accounts.redeem(request.path_params["token"])
        if session is None:
            text = "A sign-in link works once, within 24 hours. `footfall sign-in` on the server prints a new one."
            return self.problems.answer(request, 410, "This link no longer works", text)
        return self._with_session(self._to("/"), session)

    async def post_sign_out(self, request: Request) -> Response:
        """POST /sign-out"""
        await run_in_threadpool(self._accounts.sign_out, request.cookies.get(SESSION_COOKIE))
        response = self._to("/sign-in")
        secure = self._settings.secure_cookies
        response.delete_cookie(SESSION_COOKIE, path=self._base or "/", secure=secure, httponly=True, samesite="lax")
        return response

    def show_account(self, request: Request, user: User) -> Response:
        """GET /account"""
        return self._account_form(user, saved="saved" in request.query_params)

    async def post_account(self, request: Request) -> Response:
        """POST /account"""
        form = await form_of(request)
        return await run_in_threadpool(self._change_account, request.cookies.get(SESSION_COOKIE) or "", form)

    def _engineers_routes(self) -> list[BaseRoute]:
        compare = self._compare
        if compare is None:
            return []

        def show(request: Request, user: User, asked: Mapping[str, str] = engineers.EXAMPLE) -> Response:
            form = {name: asked.get(name, "") for name in engineers.FIELDS}
            return self._page(
                "request.html",
                user=user,
                asked=form,
                compared=compare(request.scope, form),
                sites=list(self._reports.sites),
                path=self._base + engineers.PATH,
            )

        async def post(request: Request) -> Response:
            # Not by GET: what is tried out must not stand in an address, where histories and logs keep it.
            form = await form_of(request)
            return await run_in_threadpool(self._signed_in(lambda request, user: show(request, user, form)), request)

        return [
            Route(engineers.PATH, self._signed_in(show), methods=["GET"]),
            Route(engineers.PATH, post, methods=["POST"]),
        ]

    def _why_routes(self) -> list[BaseRoute]:
        why = self._why
        if why is None:
            return []

        def show(request: Request, user: User) -> Response:
            refresh = self._settings.refresh_seconds
            return self._page("why.html", user=user, told=why(), path=self._base + engineers.WHY_PATH, refresh=refresh)

        def show_version(request: Request) -> Response:
            if self._accounts.session(request.cookies.get(SESSION_COOKIE)) is None:
                return refusal(401, "sign in first")
            refuse_unknown(request.query_params, ())
            return json({"version": why().version})

        return [
            Route(engineers.WHY_PATH, self._signed_in(show), methods=["GET"]),
            Route(f"{engineers.WHY_PATH}/version", show_version, methods=["GET"]),
        ]

    def _health_routes(self) -> list[BaseRoute]:
        health = self._health
        if health is None:
            return []

        def show(request: Request, user: User) -> Response:
            return self._page("health.html", user=user, checks=health())

        return [Route(engineers.HEALTH_PATH, self._signed_in(show), methods=["GET"])]

    def _sign_in(self, request: Request, form: dict[str, str]) -> Response:
        name, next_path = form.get("name", ""), local_path(form.get("next", "/"))
        try:
            session = self._accounts.sign_in(name, form.get("password", ""), self._network_of(request.scope))
        except TooManyFailures as error:
            response = self._sign_in_form(request, next_path, name, str(error), 429)
            response.headers["Retry-After"] = str(error.retry_after)
            return response
        if session is None:
            return self._sign_in_form(request, next_path, name, "That name and password do not match.", 401)
        return self._with_session(self._to(next_path), session)

    def _change_account(self, cookie: str, form: dict[str, str]) -> Response:
        user = self._accounts.session(cookie)
        if user is None:
            return self._to("/sign-in?next=%2Faccount")
        try:
            self._accounts.set_password(cookie, form.get("name", ""), form.get("password", ""), form.get("current", ""))
        except AccountRefused as error:
            return self._account_form(user, str(error), 400, form.get("name", ""))
        except TooManyFailures as error:
            response = self._account_form(user, str(error), 429, form.get("name", ""))
            response.headers["Retry-After"] = str(error.retry_after)
            return response
        return self._to("/account?saved")

    def _sign_in_form(
        self, request: Request, next_path: str, name: str = "", error: str = "", status: int = 200
    ) -> HTMLResponse:
        bound = request.cookies.get(SESSION_COOKIE) or request.cookies.get(FORM_COOKIE)
        fresh = None if bound else secrets.token_urlsafe(32)
        response = self._page(
            "sign_in.html",
            status,
            next=next_path,
            name=name,
            error=error,
            has_users=self._accounts.has_users(),
            form_token=token_of(bound or fresh or ""),
        )
        if fresh:
            self._set_cookie(response, FORM_COOKIE, fresh)
        return response

    def _account_form(
        self, user: User, error: str = "", status: int = 200, name: str = "", saved: bool = False
    ) -> HTMLResponse:
        return self._page(
            "account.html", status, user=user, name=name or user.name, error=error, saved=saved, shortest=MIN_PASSWORD
        )

    def _to(self, path: str) -> RedirectResponse:
        return RedirectResponse(self._base + path, 303)

    def _with_session(self, response: Response, session: str) -> Response:
        self._set_cookie(response, SESSION_COOKIE, session, self._settings.session_days * 86400)
        return response

    def _set_cookie(self, response: Response, name: str, value: str, max_age: int | None = None) -> None:
        # Lax, not Strict: a link printed in a terminal or mailed must find the browser signed in after it.
        secure = self._settings.secure_cookies
        response.set_cookie(
            name, value, max_age=max_age, path=self._base or "/", secure=secure, httponly=True, samesite="lax"
        )

    def _signed_in(self, page: Page, *arguments: str) -> Callable[[Request], Response]:
        """The page for those who are signed in; arguments: what may stand in its address."""

        def answer(request: Request) -> Response:
            user = self._accounts.session(request.cookies.get(SESSION_COOKIE))
            if user is None:
                path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                return self._to("/sign-in" if path == "/" else f"/sign-in?{urlencode({'next': path})}")
            refuse_unknown(request.query_params, arguments, from_links=True)
            return page(request, user)

        return answer

    def _site(self, request: Request) -> Site:
        site = self._reports.sites.get(request.path_params["key"])
        if site is None:
            raise HTTPException(404, f"there is no site {request.path_params['key']!r}")
        return site

    def _page(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        return HTMLResponse(self._templates.get_template(template).render(values), status)


def _templates(base: str) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": names.count,
        "sentence": names.sentence,
        "counted": names.counted,
        "percent": names.percent,
        "money": lambda revenue: names.money(revenue.amount, revenue.currency),
        "clock": lambda second: f"{dt.datetime.fromtimestamp(second, dt.UTC):%H:%M:%S}",
        "day": lambda date: f"{date.day} {date:%b %Y}",
    }
    environment.globals |= {
        "base": base,
        "static": lambda name: base + _static(name),
        "TOKEN": TOKEN,
        "name_of": names.name_of,
        "worded": cards.worded,
        "told_as": cards.told_as,
        "not_shown": cards.not_shown,
        "of_orders": cards.of_orders,
        "head": cards.head,
        "vital_value": lambda cell: names.vital(cell.p75, VITALS[cell.vital].unit),
        "vital_label": lambda name: VITALS[name].label,
        "thresholds": cards.thresholds,
        "rating_sign": cards.RATING_SIGNS.__getitem__,
        "OTHER": OTHER,
        "METRICS": METRICS,
        "user": None,
        "site": None,
        "sites": (),
        "engineers_path": "",
        "why_path": "",
        "health_path": "",
    }
    return environment


@cache
def _static(name: str) -> str:
    """The address of a static file, with its content's digest so that it may be cached for long."""
    return f"/static/{name}?v={hashlib.sha256((HERE / 'static' / name).read_bytes()).hexdigest()[:10]}"
