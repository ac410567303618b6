"""Cookies of the dashboards: of who is signed in, and of forms before that.

In: an answer. Out: the same, with a cookie more or less. Promises: no script reads one; none is sent along by another
site's form; by TLS alone where that is set.
"""

from __future__ import annotations

from typing import TypeVar

from starlette.responses import Response

from ..accounts.form_token import SESSION_COOKIE
from ..settings import DashboardSettings

R = TypeVar("R", bound=Response)


class Cookies:
    """As the settings have them."""

    def __init__(self, settings: DashboardSettings) -> None:
        self._path = settings.base or "/"
        self._secure = settings.secure_cookies
        self._session_s = settings.session_days * 86400

    def put(self, response: Response, name: str, value: str, max_age: int | None = None) -> None:
        # Lax, not Strict: a link printed in a terminal or mailed must find the browser signed in after it.
        response.set_cookie(
            name, value, max_age=max_age, path=self._path, secure=self._secure, httponly=True, samesite="lax"
        )

    def with_session(self, response: R, session: str) -> R:
        self.put(response, SESSION_COOKIE, session, self._session_s)
        return response

    def without(self, response: R, name: str) -> R:
        response.delete_cookie(name, path=self._path, secure=self._secure, httponly=True, samesite="lax")
        return response
