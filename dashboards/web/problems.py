"""Answers that say what is in the way: a page with the navigation people came with, JSON for programs.

In: a request and an error. Out: a response with the right status, its reason and a remedy. Promises: no error tells
about the inside; the site and the period stay within reach; nobody who is not signed in is told which sites there are.
"""

from __future__ import annotations

import datetime as dt
import re
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, unquote, urlencode

from msgspec import structs
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from schema.dimensions import DIMENSIONS
from schema.site import Site
from schema.store import StoreError

from ..accounts.accounts import Accounts
from ..accounts.form_token import SESSION_COOKIE
from ..accounts.policy import Action, may, readable
from ..stats.filter import Filter
from ..stats.period import Period, parse
from ..stats.refused import BadQuery, Code
from ..stats.report import Reports
from . import format as names
from .api import refusal
from .arguments import CARRIED, PERIOD, part_of
from .declare import to_declare
from .forms import local_path
from .navigation import places
from .nearest import ABOUT, Words, advice
from .periods import NONE, picker
from .tables_in_full import NAMES
from .theme import OF_STRANGERS
from .wording import in_words

_SAID = {
    403: ("That takes another role", "What you hold is not enough for this page. An owner can give more."),
    404: ("There is nothing here", "No page has this address. It may be mistyped, or of something that has gone."),
    405: ("That is not how this page is used", "This address does not take what was sent. Open it anew, or go back."),
    413: ("That is too much", "What was sent is larger than any form of ours. Send less."),
}
_FORBIDDEN = (
    "This request did not come from a page of this dashboard. Open the page anew and try again; behind a proxy, "
    "let it pass on the Host header with its port, or set dashboards.public_url."
)
_BROKEN = "Something is wrong here; it was logged. Try again; if it stays so, the log on the server says what it is."
_STORE_DOWN = "The store does not answer. Try again in a moment; `footfall check` on the server says what it has."
_SITE = re.compile(r"/sites/([^/]+)(?:/by/([^/]+)|/(acquisition|pages|goals|speed|localization|properties|quality)$)?")


def _days(request: Request) -> dict[str, str]:
    return {name: value for name, value in request.query_params.items() if name in PERIOD}


def _kept(request: Request) -> tuple[Filter, ...]:
    """The filters of an address; () where they cannot be read."""
    try:
        return part_of(request.query_params)[0]
    except BadQuery:
        return ()


def _worded(text: str) -> str:
    return in_words(Filter.parse(text))


Render = Callable[..., Response]


class Problems:
    """render: makes a page of a template, a status and values."""

    def __init__(self, render: Render, reports: Reports, accounts: Accounts, base: str) -> None:
        self._render = render
        self._reports = reports
        self._accounts = accounts
        self._base = base

    def handlers(self) -> Mapping[Any, Callable[[Request, Exception], Response]]:
        """For Starlette: which error is answered how."""
        return {BadQuery: self.refuse_query, StoreError: self.say_store_is_down, HTTPException: self.say_http_error}

    def refuse_query(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, BadQuery)
        title, site = "That question has no answer", self._site(request)
        kept = _kept(request) if site and error.code is Code.NOT_CROSSED else ()
        if site is None or len({one.dimension for one in kept}) < 2:
            instead = self._instead(request, site, error.code) if site else {}
            return self.answer(request, 400, title, str(error), error.code, error.told, **instead)
        title = f"Not counted together: {' and '.join(map(in_words, kept))}"
        others = {name for name in CARRIED if name != "filter"}
        carried = {name: value for name, value in request.query_params.items() if name in others and value}
        alone = [(in_words(one), urlencode(carried | {"filter": one.text})) for one in kept]
        # A click on a second value leads here: that is no error of the page, as it is one of a program's question. What
        # leads on keeps the first.
        first = [*carried.items(), ("filter", kept[0].text)]
        more: dict[str, Any] = {
            "declared": to_declare(site, kept),
            "row": self._row(request, site, kept),
            "alone": alone,
            "places": places(site, request.scope["path"], QueryParams(first)),
            "kept": [(name, value) for name, value in first if name not in PERIOD],
        }
        return self.answer(request, 200, title, str(error), error.code, **more)

    def _row(self, request: Request, site: Site, kept: tuple[Filter, ...]) -> tuple[str, str] | None:
        """The table that has both values as one row, in words and as an address; None where there is none."""
        if (
            len(kept) != 2
            or request.query_params.get("segment")
            or not all(one.dimension in DIMENSIONS for one in kept)
        ):
            return None
        period = self._period(request, site)[0]
        words = Words("", tuple(one.text for one in kept))
        found = advice(self._reports, site, words, (period.first, period.last), Code.NOT_CROSSED).nearest
        if found is None or not found.by:
            return None
        label = f"{DIMENSIONS[found.by].label}, only where {_worded(found.filters[0])}"
        asked = urlencode(_days(request) | {"filter": found.filters[0]})
        return label, f"{self._base}/sites/{quote(site.key)}/by/{found.by}?{asked}"

    def _instead(self, request: Request, site: Site, code: Code) -> dict[str, Any]:
        """Of a table that is not told of the visits that are kept: the nearest that is, and what to declare."""
        match, given = _SITE.match(request.scope["path"]), request.query_params
        if code not in ABOUT or not match or match[2] not in NAMES:
            return {}
        period = self._period(request, site)[0]
        words = Words(match[2], tuple(given.getlist("filter")), given.get("segment", ""))
        found = advice(self._reports, site, words, (period.first, period.last), code)
        if found.nearest is None or found.nearest.by != match[2]:
            return {"declared": found.declare}
        asked = {name: value for name, value in found.nearest.arguments().items() if name in CARRIED}
        kept = (*[found.nearest.segment] * bool(found.nearest.segment), *map(_worded, found.nearest.filters))
        label = f"The table of {' and '.join(kept)}" if kept else "The table of all visits"
        return {"nearest": (label, urlencode(_days(request) | asked, doseq=True)), "declared": found.declare}

    def _site(self, request: Request) -> Site | None:
        match = _SITE.match(request.scope["path"])
        return self._reports.sites.get(unquote(match[1])) if match else None

    def say_store_is_down(self, request: Request, error: Exception) -> Response:
        response = self.answer(request, 503, "The store does not answer", _STORE_DOWN)
        response.headers["Retry-After"] = "5"
        return response

    def say_http_error(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        title, text = _SAID.get(error.status_code, (error.detail, error.detail))
        own = error.detail not in ("Not Found", "Method Not Allowed")
        response = self.answer(request, error.status_code, title, error.detail if own else text)
        response.headers.update(error.headers or {})
        return response

    def forbid(self, request: Request) -> Response:
        """A write that may be another website's."""
        return self.answer(request, 403, "That did not come from here", _FORBIDDEN)

    def say_broken(self, request: Request) -> Response:
        """A defect of ours."""
        return self.answer(request, 500, "Something is wrong here", _BROKEN)

    def answer(
        self,
        request: Request,
        status: int,
        title: str,
        text: str,
        code: Code | None = None,
        told: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> Response:
        """The problem, as whoever asked can read it. told: what programs are told besides. more: what the page has
        beside."""
        path: str = request.scope["path"]
        if f"{path}/".startswith("/api/"):
            return refusal(status, text, code, told=told)
        values: dict[str, Any] = {"title": title, "text": names.sentence(text), "code": status, "again": ""}
        # Who comes by a link for others, or from a mail, has no account to go on to.
        values["of_strangers"] = path.startswith(OF_STRANGERS)
        if request.method == "GET" and status >= 500:
            query = request.scope["query_string"].decode("latin-1")
            again = local_path(quote(path) + (f"?{query}" if query else ""))
            values["again"] = f"{self._base}{again}"
        return self._render("message.html", status, **(values | self._navigation(request) | more))

    def _navigation(self, request: Request) -> dict[str, Any]:
        """What leads on from here: nothing, for those who are not signed in."""
        if request.scope["path"].startswith("/share/"):
            return {}  # whoever looks by a link is nobody here, and others may have the page in a frame
        try:
            user = self._accounts.session(request.cookies.get(SESSION_COOKIE))
        except sqlite3.Error:
            user = None
        if user is None:
            return {}
        sites = readable(user, self._reports.sites.values())
        match, site = _SITE.match(request.scope["path"]), self._site(request)
        if match is None or site is None or not may(user, Action.READ, site.key):
            return {"user": user, "sites": sites}
        table = f"/by/{match[2]}" if match[2] in NAMES else f"/{match[3]}" if match[3] else ""
        period, arguments = self._period(request, site)
        path = f"{self._base}/sites/{quote(site.key)}{table}"
        known = {"site": site, "sites": sites, "path": path, "arguments": arguments}
        # What else was asked for may be what is in the way.
        known["places"] = places(site, request.scope["path"], QueryParams(arguments))
        today = self._reports.now(site).date()
        return {"user": user, "period": period, "periods": picker(period, today), **known}

    def _period(self, request: Request, site: Site) -> tuple[Period, str]:
        """The period that was asked for, and the arguments that ask for it again; none where it makes no sense."""
        today = self._reports.now(site).date()
        given = _days(request)
        try:
            period = parse(given, today)
            return period, urlencode(period.arguments()) if given else ""
        except ValueError:
            first = today - dt.timedelta(days=6)
            return structs.replace(Period(first, today, "Choose a period"), name=NONE), ""
