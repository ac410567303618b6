"""Who is let in at a page: each route says which action it is, and what that takes is asked of `policy` here.

In: an action, a path, a page. Out: a route. Promises: no route without an action; whoever may not read a site is told
of it what he is told of one that does not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..accounts.accounts import Accounts
from ..accounts.form_token import SESSION_COOKIE
from ..accounts.policy import NEEDS, Action, Holder, may
from ..accounts.sessions import User
from ..stats.query import one_site
from .arguments import refuse_unknown
from .forms import form_of
from .rendering import Pages

Page = Callable[[Request, User], Response]
Form = Callable[[Request, User, Mapping[str, str]], Response]


class Declared(Route):
    """A route, and the action that it is."""

    def __init__(
        self, action: Action, path: str, endpoint: Callable[..., Any], methods: Sequence[str] = ("GET",)
    ) -> None:
        super().__init__(path, endpoint, methods=methods)
        self.action = action


class Gate:
    """The door of all pages."""

    def __init__(self, pages: Pages, accounts: Accounts) -> None:
        self._pages = pages
        self._accounts = accounts

    def user(self, request: Request) -> User | None:
        """Who is signed in."""
        return self._accounts.session(request.cookies.get(SESSION_COOKIE))

    def page(self, action: Action, path: str, page: Page, *arguments: str) -> Declared:
        """A page for those who may see it; arguments: what may stand in its address."""

        def answer(request: Request) -> Response:
            user = self.user(request)
            if user is None:
                asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                return self._pages.to("/sign-in" if asked == "/" else f"/sign-in?{urlencode({'next': asked})}")
            refuse_unknown(request.query_params, arguments, from_links=True)
            refuse(user, action, request.path_params.get("key"))
            return page(request, user)

        return Declared(action, path, answer)

    def form(self, action: Action, path: str, handle: Form) -> Declared:
        """What a form of a page is sent to."""

        def answer(request: Request, form: Mapping[str, str]) -> Response:
            user = self.user(request)
            if user is None:
                return self._pages.to(f"/sign-in?{urlencode({'next': path})}" if "{" not in path else "/sign-in")
            refuse(user, action, request.path_params.get("key"))
            return handle(request, user, form)

        async def post(request: Request) -> Response:
            return await run_in_threadpool(answer, request, await form_of(request))

        return Declared(action, path, post, ("POST",))


def refuse(who: Holder, action: Action, key: str | None) -> None:
    """Raises HTTPException where somebody may not do that at the site of that key, None where it is of none."""
    site = None if key is None else one_site(key.split(","))
    if site is not None and not may(who, Action.READ, site):
        raise no_site(site)
    if not may(who, action, site):
        raise HTTPException(403, f"this page is for those who hold the role {NEEDS[action]}; an owner can give it")


def no_site(key: str) -> HTTPException:
    """There is none, or none that whoever asks may read."""
    return HTTPException(404, f"there is no site {key!r}")
