"""Signing in and out, and one's own account.

In: HTTP requests. Out: HTML that works without JavaScript. Promises: nobody sees a number without a session; a redirect
never leaves this server.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from ..accounts.accounts import MIN_PASSWORD, AccountRefused, Accounts, User
from ..accounts.failures import TooManyFailures
from ..accounts.form_token import FORM_COOKIE, SESSION_COOKIE, token_of
from ..settings import DashboardSettings
from .arguments import refuse_unknown
from .door import NetworkOf
from .forms import form_of, local_path
from .problems import Problems
from .rendering import Pages

Page = Callable[[Request, User], Response]


class SignIn:
    """The pages of accounts, and the door of all others."""

    def __init__(
        self, pages: Pages, problems: Problems, accounts: Accounts, settings: DashboardSettings, network_of: NetworkOf
    ) -> None:
        self._pages = pages
        self._problems = problems
        self._accounts = accounts
        self._settings = settings
        self._network_of = network_of
        self._base = settings.base

    def routes(self) -> list[BaseRoute]:
        """Every page of accounts."""
        return [
            Route("/sign-in", self.show_sign_in, methods=["GET"]),
            Route("/sign-in", self.post_sign_in, methods=["POST"]),
            Route("/sign-in/{token}", self.redeem_link, methods=["GET"]),
            Route("/sign-out", self.post_sign_out, methods=["POST"]),
            Route("/account", self.signed_in(self.show_account, "saved"), methods=["GET"]),
            Route("/account", self.post_account, methods=["POST"]),
        ]

    def signed_in(self, page: Page, *arguments: str) -> Callable[[Request], Response]:
        """The page for those who are signed in; arguments: what may stand in its address."""

        def answer(request: Request) -> Response:
            user = self._accounts.session(request.cookies.get(SESSION_COOKIE))
            if user is None:
                path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                return self._pages.to("/sign-in" if path == "/" else f"/sign-in?{urlencode({'next': path})}")
            refuse_unknown(request.query_params, arguments, from_links=True)
            return page(request, user)

        return answer

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
            return self._problems.answer(request, 410, "This link no longer works", text)
        return self._with_session(self._pages.to("/"), session)

    async def post_sign_out(self, request: Request) -> Response:
        """POST /sign-out"""
        await run_in_threadpool(self._accounts.sign_out, request.cookies.get(SESSION_COOKIE))
        response = self._pages.to("/sign-in")
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
        return self._with_session(self._pages.to(next_path), session)

    def _change_account(self, cookie: str, form: dict[str, str]) -> Response:
        user = self._accounts.session(cookie)
        if user is None:
            return self._pages.to("/sign-in?next=%2Faccount")
        try:
            self._accounts.set_password(cookie, form.get("name", ""), form.get("password", ""), form.get("current", ""))
        except AccountRefused as error:
            return self._account_form(user, str(error), 400, form.get("name", ""))
        except TooManyFailures as error:
            response = self._account_form(user, str(error), 429, form.get("name", ""))
            response.headers["Retry-After"] = str(error.retry_after)
            return response
        return self._pages.to("/account?saved")

    def _sign_in_form(
        self, request: Request, next_path: str, name: str = "", error: str = "", status: int = 200
    ) -> HTMLResponse:
        bound = request.cookies.get(SESSION_COOKIE) or request.cookies.get(FORM_COOKIE)
        fresh = None if bound else secrets.token_urlsafe(32)
        response = self._pages.page(
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
        return self._pages.page(
            "account.html", status, user=user, name=name or user.name, error=error, saved=saved, shortest=MIN_PASSWORD
        )

    def _with_session(self, response: Response, session: str) -> Response:
        self._set_cookie(response, SESSION_COOKIE, session, self._settings.session_days * 86400)
        return response

    def _set_cookie(self, response: Response, name: str, value: str, max_age: int | None = None) -> None:
        # Lax, not Strict: a link printed in a terminal or mailed must find the browser signed in after it.
        secure = self._settings.secure_cookies
        response.set_cookie(
            name, value, max_age=max_age, path=self._base or "/", secure=secure, httponly=True, samesite="lax"
        )
