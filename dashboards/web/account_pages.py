"""One's own account: name, password, second factor, where one is signed in, and the theme of its pages.

In: HTTP requests of who is signed in. Out: HTML that works without JavaScript. Promises: what protects the account is
changed only by who proves to know the password; recovery codes are shown once.
"""

from __future__ import annotations

from collections.abc import Mapping

import segno
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from ..accounts.accounts import MIN_PASSWORD, AccountRefused, Accounts
from ..accounts.failures import TooManyFailures
from ..accounts.form_token import SESSION_COOKIE
from ..accounts.policy import Action
from ..accounts.second_factor import address_of
from ..accounts.sessions import User
from ..settings import DashboardSettings
from .cookies import Cookies
from .forms import local_path
from .gate import Gate
from .rendering import Pages
from .sign_in import later
from .theme import COOKIE, KEPT_S, SYSTEM, THEMES


class AccountPages:
    """The pages below /account, and what is chosen in its menu."""

    def __init__(self, pages: Pages, gate: Gate, accounts: Accounts, settings: DashboardSettings) -> None:
        self._pages = pages
        self._gate = gate
        self._accounts = accounts
        self._cookies = Cookies(settings)

    def routes(self) -> list[BaseRoute]:
        """Every page."""
        page, form = self._gate.page, self._gate.form
        return [
            page(Action.OWN, "/account", self.show_account, "saved"),
            form(Action.OWN, "/account", self.change_account),
            page(Action.OWN, "/account/second", self.show_second),
            form(Action.OWN, "/account/second", self.change_second),
            page(Action.OWN, "/account/sessions", self.show_sessions),
            form(Action.OWN, "/account/sessions", self.end_sessions),
            form(Action.OWN, "/theme", self.choose_theme),
        ]

    def show_account(self, request: Request, user: User) -> Response:
        """GET /account"""
        return self._account(user, saved="saved" in request.query_params)

    def change_account(self, request: Request, user: User, form: Mapping[str, str]) -> Response:
        """POST /account"""
        cookie, name = request.cookies.get(SESSION_COOKIE, ""), form.get("name", "")
        try:
            self._accounts.set_password(cookie, name, form.get("password", ""), form.get("current", ""))
        except AccountRefused as error:
            return self._account(user, str(error), 400, name)
        except TooManyFailures as error:
            return later(self._account(user, str(error), 429, name), error)
        return self._pages.to("/account?saved")

    def show_second(self, request: Request, user: User) -> Response:
        """GET /account/second"""
        return self._second(user)

    def change_second(self, request: Request, user: User, form: Mapping[str, str]) -> Response:
        """POST /account/second: on with a code of the proposed secret, off with one of the present."""
        try:
            self._accounts.prove(user, form.get("current", ""))
            return self._turn_off(user, form.get("code", "")) if user.has_second else self._turn_on(user, form)
        except AccountRefused as error:
            return self._second(user, str(error), 400)
        except TooManyFailures as error:
            return later(self._second(user, str(error), 429), error)

    def show_sessions(self, request: Request, user: User) -> Response:
        """GET /account/sessions"""
        found = self._accounts.sessions.of(user.id, request.cookies.get(SESSION_COOKIE, ""))
        return self._pages.page("sessions.html", user=user, sessions=found)

    def end_sessions(self, request: Request, user: User, form: Mapping[str, str]) -> Response:
        """POST /account/sessions: one of them, or all, with that of this browser."""
        if form.get("session"):
            self._accounts.sessions.end_one(user.id, form["session"])
            return self._pages.to("/account/sessions")
        self._accounts.sign_out_everywhere(user.id)
        return self._cookies.without(self._pages.to("/sign-in"), SESSION_COOKIE)

    def choose_theme(self, request: Request, user: User, form: Mapping[str, str]) -> Response:
        """POST /theme: from now on this browser's pages are in it."""
        name, answer = form.get("theme", ""), self._pages.to(local_path(form.get("next", "/")))
        if name not in THEMES:
            raise HTTPException(400, f"theme={name[:100]!r} is not known: there are {', '.join(THEMES)}")
        if name == SYSTEM:
            return self._cookies.without(answer, COOKIE)
        self._cookies.put(answer, COOKIE, name, KEPT_S)
        return answer

    def _turn_on(self, user: User, form: Mapping[str, str]) -> Response:
        if not user.has_password:
            raise AccountRefused("set a password first: the code is asked for after it")
        codes = self._accounts.second.turn_on(user.id, form.get("code", ""))
        return self._pages.page("recovery.html", user=user, codes=codes)

    def _turn_off(self, user: User, code: str) -> Response:
        if not self._accounts.second.is_right(user.id, code):
            raise AccountRefused("that code does not hold: each holds once; a recovery code does, too")
        self._accounts.second.turn_off(user.id)
        return self._pages.to("/account/second")

    def _account(self, user: User, error: str = "", status: int = 200, name: str = "", saved: bool = False) -> Response:
        return self._pages.page(
            "account.html", status, user=user, name=name or user.name, error=error, saved=saved, shortest=MIN_PASSWORD
        )

    def _second(self, user: User, error: str = "", status: int = 200) -> Response:
        secret = "" if user.has_second or not user.has_password else self._accounts.second.propose(user.id)
        address = address_of(secret, user.name) if secret else ""
        return self._pages.page(
            "second.html",
            status,
            user=user,
            error=error,
            secret=" ".join(secret[place : place + 4] for place in range(0, len(secret), 4)),
            address=address,
            picture=segno.make(address, error="m").svg_data_uri(scale=4, border=2, light="#fff") if secret else "",
            left=self._accounts.second.left(user.id),
        )
