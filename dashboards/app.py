"""Puts the dashboards together: pages, API, static files, errors, headers.

In: reports, accounts and settings. Out: one Starlette app.
Promises: every answer, also an error, carries the headers of `guard`; no error tells about the inside.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from schema.store import StoreError

from .access import Accounts
from .api import Api, refusal
from .base_path import BasePath
from .engineers import Compare, Why
from .guard import Guard
from .pages import HERE, NetworkOf, Pages
from .query import BadQuery
from .report import Reports
from .settings import DashboardSettings

_TITLES = {404: "There is nothing here", 405: "That is not how this page is used", 413: "That is too much"}


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
) -> Starlette:
    """The dashboards. collector_url: where pages find the tracker, for the tag that a new site is shown.
    compare, why: what the engineers' pages show; without one its page is not there.
    network_of: by whose answer failures to sign in are counted; without it everybody is of one network."""
    settings = settings or DashboardSettings()
    pages = Pages(reports, accounts, settings, collector_url, compare, why, network_of)
    api = Api(reports, accounts, settings.table_rows)

    def answer(request: Request, status: int, title: str, text: str) -> Response:
        return refusal(status, text) if request.url.path.startswith("/api/") else pages.message(status, title, text)

    def refuse_query(request: Request, error: Exception) -> Response:
        return answer(request, 400, "That question has no answer", str(error))

    def say_store_is_down(request: Request, error: Exception) -> Response:
        response = answer(
            request, 503, "The store does not answer", "The store does not answer. Try again in a moment."
        )
        response.headers["Retry-After"] = "5"
        return response

    def say_http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        title = _TITLES.get(error.status_code, error.detail)
        response = answer(request, error.status_code, title, f"{error.status_code}: {error.detail}.")
        response.headers.update(error.headers or {})
        return response

    app = Starlette(
        routes=[
            *pages.routes(),
            *api.routes(),
            Route("/healthz", _alive, methods=["GET"]),
            Mount("/static", _CachedFiles(directory=HERE / "static")),
        ],
        middleware=[
            Middleware(Guard, https=settings.secure_cookies, public_url=settings.public_url),
            Middleware(BasePath, base=settings.base),
        ],
        exception_handlers={
            BadQuery: refuse_query,
            StoreError: say_store_is_down,
            HTTPException: say_http_error,
        },
    )
    app.router.redirect_slashes = False
    return app


async def _alive(request: Request) -> Response:
    return PlainTextResponse("ok\n")
