"""Light, dark, or as the system has it: what somebody chose for the pages in his browser.

In: the cookie of a request. Out: in which colours the page that is being made is drawn, so that it comes in them and
needs no script. Promises: the cookie has one word, and whoever goes by the system has none; what others see by a link
goes by their system alone.
"""

from __future__ import annotations

from contextvars import ContextVar
from urllib.parse import quote, urlencode

from msgspec import Struct
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from .arguments import is_appended
from .forms import local_path

COOKIE = "footfall_theme"
SYSTEM = "system"
# How each is called, and the colour schemes that its pages have.
THEMES = {"light": "light", "dark": "dark", SYSTEM: "light dark"}
KEPT_S = 365 * 86400
# For people without an account.
OF_STRANGERS = ("/share/", "/unsubscribe/")


class Theme(Struct, frozen=True):
    """name: of `THEMES`. here: the address of the page, to come back to it."""

    name: str = SYSTEM
    here: str = "/"

    @property
    def schemes(self) -> str:
        """As browsers want it said."""
        return THEMES[self.name]


_CHOSEN: ContextVar[Theme] = ContextVar("theme")


def chosen() -> Theme:
    """The theme of the page that is being made."""
    return _CHOSEN.get(Theme())


class Themed:
    """Middleware: what is chosen, for the page that is made of this request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            _CHOSEN.set(_theme_of(Request(scope)))
        await self._app(scope, receive, send)


def _theme_of(request: Request) -> Theme:
    path: str = request.scope["path"]
    name = request.cookies.get(COOKIE, SYSTEM)
    known = name in THEMES and not path.startswith(OF_STRANGERS)
    own = [(argument, value) for argument, value in request.query_params.multi_items() if not is_appended(argument)]
    # What a form has led to may be at an address that is for forms alone.
    here = local_path(quote(path) + (f"?{urlencode(own)}" if own else "")) if request.method == "GET" else "/"
    return Theme(name if known else SYSTEM, here)
