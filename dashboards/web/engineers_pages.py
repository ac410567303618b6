"""The engineers' pages as addresses: what would be stored of a request, why events are missing, how the instance is.

In: what the composition root hands in (`engineers`). Out: HTML; no page where nothing is handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ..accounts.accounts import Accounts, User
from ..accounts.form_token import SESSION_COOKIE
from ..settings import DashboardSettings
from . import engineers
from .api import json, refusal
from .arguments import refuse_unknown
from .engineers import Compare, Health, Why
from .forms import form_of
from .rendering import Pages
from .sign_in import SignIn


class EngineersPages:
    """sites: their keys."""

    def __init__(
        self,
        pages: Pages,
        sign_in: SignIn,
        accounts: Accounts,
        settings: DashboardSettings,
        sites: Callable[[], Sequence[str]],
        compare: Compare | None,
        why: Why | None,
        health: Health | None,
    ) -> None:
        self._pages = pages
        self._sign_in = sign_in
        self._accounts = accounts
        self._settings = settings
        self._sites = sites
        self._base = settings.base
        self._compare = compare
        self._why = why
        self._health = health

    def routes(self) -> list[BaseRoute]:
        """Every page that there is something for."""
        return [*self._engineers_routes(), *self._why_routes(), *self._health_routes()]

    def _engineers_routes(self) -> list[BaseRoute]:
        compare = self._compare
        if compare is None:
            return []

        def show(request: Request, user: User, asked: Mapping[str, str] = engineers.EXAMPLE) -> Response:
            form = {name: asked.get(name, "") for name in engineers.FIELDS}
            return self._pages.page(
                "request.html",
                user=user,
                asked=form,
                compared=compare(request.scope, form),
                sites=self._sites(),
                path=self._base + engineers.PATH,
            )

        async def post(request: Request) -> Response:
            # Not by GET: what is tried out must not stand in an address, where histories and logs keep it.
            form = await form_of(request)
            return await run_in_threadpool(
                self._sign_in.signed_in(lambda request, user: show(request, user, form)), request
            )

        return [
            Route(engineers.PATH, self._sign_in.signed_in(show), methods=["GET"]),
            Route(engineers.PATH, post, methods=["POST"]),
        ]

    def _why_routes(self) -> list[BaseRoute]:
        why = self._why
        if why is None:
            return []

        def show(request: Request, user: User) -> Response:
            refresh = self._settings.refresh_seconds
            return self._pages.page(
                "why.html", user=user, told=why(), path=self._base + engineers.WHY_PATH, refresh=refresh
            )

        def show_version(request: Request) -> Response:
            if self._accounts.session(request.cookies.get(SESSION_COOKIE)) is None:
                return refusal(401, "sign in first")
            refuse_unknown(request.query_params, ())
            return json({"version": why().version})

        return [
            Route(engineers.WHY_PATH, self._sign_in.signed_in(show), methods=["GET"]),
            Route(f"{engineers.WHY_PATH}/version", show_version, methods=["GET"]),
        ]

    def _health_routes(self) -> list[BaseRoute]:
        health = self._health
        if health is None:
            return []

        def show(request: Request, user: User) -> Response:
            return self._pages.page("health.html", user=user, checks=health())

        return [Route(engineers.HEALTH_PATH, self._sign_in.signed_in(show), methods=["GET"])]
