"""Signing in and out: by a name and a password, by a code, by a link.

In: HTTP requests. Out: HTML that works without JavaScript. Promises: nobody sees a number without a session; a session
is a new one at each sign-in, and the one before it in that browser ends; a redirect never leaves this server.
"""

from __future__ import annotations

import secrets

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute

from ..accounts.accounts import Accounts, CodeNeeded
from ..accounts.failures import TooManyFailures
from ..accounts.form_token import FORM_COOKIE, SESSION_COOKIE, token_of
from ..accounts.policy import Action
from ..settings import DashboardSettings
from .arguments import refuse_unknown
from .cookies import Cookies
from .door import NetworkOf
from .forms import form_of, local_path
from .gate import Declared
from .problems import Problems
from .rendering import Pages

# What a browser has between its password and its code.
_CHALLENGE_COOKIE = "footfall_code"
_NO_MATCH = "That name and password do not match."
_NO_CODE = "That code does not hold. Each holds once: wait for the next one, or take a recovery code."
_GONE = "Too much time has passed. Sign in once more."


class SignIn:
    """The pages of who is not signed in."""

    def __init__(
        self, pages: Pages, problems: Problems, accounts: Accounts, settings: DashboardSettings, network_of: NetworkOf
    ) -> None:
        self._pages = pages
        self._problems = problems
        self._accounts = accounts
        self._cookies = Cookies(settings)
        self._network_of = network_of

    def routes(self) -> list[BaseRoute]:
        """Every one. The code's comes before the link's, whose token could be any word."""
        return [
            Declared(Action.OPEN, "/sign-in", self.show_sign_in),
            Declared(Action.OPEN, "/sign-in", self.post_sign_in, ("POST",)),
            Declared(Action.OPEN, "/sign-in/code", self.show_code),
            Declared(Action.OPEN, "/sign-in/code", self.post_code, ("POST",)),
            Declared(Action.OPEN, "/sign-in/{token}", self.redeem_link),
            Declared(Action.OPEN, "/sign-out", self.post_sign_out, ("POST",)),
        ]

    def show_sign_in(self, request: Request) -> Response:
        """GET /sign-in?next="""
        refuse_unknown(request.query_params, ("next",), from_links=True)
        return self._sign_in_form(request, local_path(request.query_params.get("next", "/")))

    async def post_sign_in(self, request: Request) -> Response:
        """POST /sign-in"""
        form = await form_of(request)
        return await run_in_threadpool(self._sign_in, request, form)

    def show_code(self, request: Request) -> Response:
        """GET /sign-in/code?next="""
        refuse_unknown(request.query_params, ("next",), from_links=True)
        if not self._accounts.second.challenged(request.cookies.get(_CHALLENGE_COOKIE, "")):
            return self._pages.to("/sign-in")
        return self._code_form(request, local_path(request.query_params.get("next", "/")))

    async def post_code(self, request: Request) -> Response:
        """POST /sign-in/code"""
        form = await form_of(request)
        return await run_in_threadpool(self._answer_code, request, form)

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
        return self.with_session(request, self._pages.to("/"), session)

    async def post_sign_out(self, request: Request) -> Response:
        """POST /sign-out"""
        await run_in_threadpool(self._accounts.sign_out, request.cookies.get(SESSION_COOKIE))
        return self._cookies.without(self._pages.to("/sign-in"), SESSION_COOKIE)

    def with_session(self, request: Request, response: Response, session: str) -> Response:
        """The answer that signs a browser in."""
        self._accounts.sign_out(request.cookies.get(SESSION_COOKIE))
        if _CHALLENGE_COOKIE in request.cookies:
            self._cookies.without(response, _CHALLENGE_COOKIE)
        return self._cookies.with_session(response, session)

    def form_token(self, request: Request) -> tuple[str, str]:
        """What a form of somebody carries who is not signed in; and the cookie that it is bound to, where it is new."""
        bound = request.cookies.get(SESSION_COOKIE) or request.cookies.get(FORM_COOKIE)
        fresh = "" if bound else secrets.token_urlsafe(32)
        return token_of(bound or fresh), fresh

    def stranger_page(self, request: Request, template: str, status: int, **values: object) -> HTMLResponse:
        """A page with a form, for somebody who is not signed in."""
        token, fresh = self.form_token(request)
        response = self._pages.page(template, status, form_token=token, **values)
        if fresh:
            self._cookies.put(response, FORM_COOKIE, fresh)
        return response

    def _sign_in(self, request: Request, form: dict[str, str]) -> Response:
        name, next_path = form.get("name", ""), local_path(form.get("next", "/"))
        try:
            session = self._accounts.sign_in(name, form.get("password", ""), self._network_of(request.scope))
        except TooManyFailures as error:
            return later(self._sign_in_form(request, next_path, name, str(error), 429), error)
        except CodeNeeded as asked:
            response = self._code_form(request, next_path)
            self._cookies.put(response, _CHALLENGE_COOKIE, asked.challenge)
            return response
        if session is None:
            return self._sign_in_form(request, next_path, name, _NO_MATCH, 401)
        return self.with_session(request, self._pages.to(next_path), session)

    def _answer_code(self, request: Request, form: dict[str, str]) -> Response:
        next_path, challenge = local_path(form.get("next", "/")), request.cookies.get(_CHALLENGE_COOKIE, "")
        if not self._accounts.second.challenged(challenge):
            return self._sign_in_form(request, next_path, "", _GONE, 401)
        try:
            session = self._accounts.answer(challenge, form.get("code", ""))
        except TooManyFailures as error:
            return later(self._code_form(request, next_path, str(error), 429), error)
        if session is None:
            return self._code_form(request, next_path, _NO_CODE, 401)
        return self.with_session(request, self._pages.to(next_path), session)

    def _sign_in_form(
        self, request: Request, next_path: str, name: str = "", error: str = "", status: int = 200
    ) -> HTMLResponse:
        has_users = self._accounts.has_users()
        return self.stranger_page(
            request, "sign_in.html", status, next=next_path, name=name, error=error, has_users=has_users
        )

    def _code_form(self, request: Request, next_path: str, error: str = "", status: int = 200) -> HTMLResponse:
        return self.stranger_page(request, "code.html", status, next=next_path, error=error)


def later(response: Response, error: TooManyFailures) -> Response:
    """The answer, with when to try again."""
    response.headers["Retry-After"] = str(error.retry_after)
    return response
