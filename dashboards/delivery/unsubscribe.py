"""The page by which somebody who gets a digest by mail takes himself off.

In: the address that stands in his mail. Out: a question, and after its button a confirmation. Promises: opening the
address changes nothing, for scanners of mail open them all; no session and no cookie is needed; who has a wrong address
learns nothing.
"""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from ..accounts.policy import Action
from ..web.arguments import refuse_unknown
from ..web.gate import Declared
from ..web.problems import Problems
from ..web.rendering import Pages
from ..web.security_headers import UNSUBSCRIBE
from .outbox import Outbox


class Unsubscribe:
    """outbox: keeps who wants nothing more."""

    def __init__(self, pages: Pages, problems: Problems, outbox: Outbox) -> None:
        self._pages = pages
        self._problems = problems
        self._outbox = outbox

    def routes(self) -> list[BaseRoute]:
        path = UNSUBSCRIBE + "/{token}"
        return [Declared(Action.OPEN, path, self.ask), Declared(Action.OPEN, path, self.take_off, ("POST",))]

    def ask(self, request: Request) -> Response:
        """GET /unsubscribe/{token}?list="""
        refuse_unknown(request.query_params, ("list",), from_links=True)
        list_, token = _given(request)
        if not self._outbox.is_ours(list_, token):
            return self._unknown(request)
        return self._pages.page("unsubscribe.html", list=list_, done=self._outbox.has_left(list_, token))

    async def take_off(self, request: Request) -> Response:
        """POST /unsubscribe/{token}?list=, by the button or by a mail program."""
        return await run_in_threadpool(self._take_off, request)

    def _take_off(self, request: Request) -> Response:
        list_, token = _given(request)
        if not self._outbox.unsubscribe(list_, token):
            return self._unknown(request)
        return self._pages.page("unsubscribe.html", list=list_, done=True)

    def _unknown(self, request: Request) -> Response:
        text = "It may be cut short. Copy the whole address from the end of the mail."
        return self._problems.answer(request, 404, "No mail has this address in it", text)


def _given(request: Request) -> tuple[str, str]:
    return request.query_params.get("list", ""), request.path_params["token"]
