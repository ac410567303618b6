"""The page behind a link: a part of a site's numbers, for whoever has the address.

In: HTTP requests of anybody. Out: HTML that works without JavaScript. Promises: who has no link, one that is revoked or
expired, or not its password, learns nothing, not even whether there was one; of a day that is not released there is
nothing; a page of others may have it in a frame only where the link names its host.
"""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import quote

from msgspec.structs import replace
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from schema.site import Site

from ..accounts.failures import Failures, TooManyFailures
from ..accounts.hourly import Hourly, TooOften
from ..accounts.policy import Action
from ..settings import DashboardSettings
from ..stats.overview import Overview
from ..stats.period import Period
from ..stats.refused import BadQuery, Code
from ..stats.report import Reports
from ..stats.view import OF_VIEW, view_of
from ..web import cards, charts
from ..web.arguments import PERIOD, period_of, refuse_unknown
from ..web.door import NetworkOf
from ..web.forms import form_of
from ..web.gate import Declared
from ..web.looks import looks
from ..web.periods import picker
from ..web.problems import Problems
from ..web.rendering import Pages
from ..web.security_headers import EMBEDDED_BY
from ..web.sign_in import later
from ..web.tiles import tiles
from .limited import limited
from .shares import CUSTOM, FREE, PER_LINK, PER_NETWORK, Share, Shares

COOKIE = "footfall_share"
PATH = "/share/{token}"
PATH_OF_SITE = "/share/{token}/{key}"
# So long whoever said the password need not say it again.
_PASS_S = 12 * 3600
# What is shown where whoever looks may choose the days, and has not.
_USUAL = "28d"
_GONE = "It was taken back, has expired, or its address is cut short. Ask whoever gave it to you for another one."


class SharePages:
    """reports: of days that are released alone."""

    def __init__(
        self,
        pages: Pages,
        problems: Problems,
        shares: Shares,
        reports: Reports,
        settings: DashboardSettings,
        network_of: NetworkOf,
    ) -> None:
        self._pages, self._problems, self._shares, self._reports = pages, problems, shares, reports
        self._settings = settings
        self._network_of = network_of
        self._failures = Failures(what="attempts at a password")
        self._hourly = Hourly(time.time, "this link")

    def routes(self) -> list[BaseRoute]:
        """The page, of each site of the link, and its password."""
        return [
            Declared(Action.OPEN, PATH, self.show),
            Declared(Action.OPEN, PATH, self.say_password, ("POST",)),
            Declared(Action.OPEN, PATH_OF_SITE, self.show),
        ]

    def show(self, request: Request) -> Response:
        """GET /share/{token}/{key}?period=&metric=&grain="""
        refuse_unknown(request.query_params, (*PERIOD, *OF_VIEW), from_links=True)
        token = request.path_params["token"]
        share = self._shares.of(token)
        if share is None:
            return self._gone(request)
        if share.has_password and not self._shares.has_passed(share, token, request.cookies.get(COOKIE, "")):
            return self._ask(share)
        request.scope[EMBEDDED_BY] = share.hosts
        try:
            # A network's own first: nobody uses up what others have of a link.
            self._hourly.count(f"{share.id} {self._network_of(request.scope)}", PER_NETWORK)
            self._hourly.count(share.id, PER_LINK)
        except TooOften as error:
            return self._too_often(request, error)
        return self._answer(request, share)

    async def say_password(self, request: Request) -> Response:
        """POST /share/{token}"""
        return await run_in_threadpool(self._say_password, request, await form_of(request))

    def _say_password(self, request: Request, form: dict[str, str]) -> Response:
        token = request.path_params["token"]
        share = self._shares.of(token)
        if share is None:
            return self._gone(request)
        try:
            with self._shares.passwords.in_turn():
                attempt = self._failures.begin(share.id, self._network_of(request.scope))
                if not self._shares.opens(share, form.get("password", "")):
                    return self._ask(share, "That is not the password.", 401)
                self._failures.forgive(attempt)
        except TooManyFailures as error:
            return later(self._ask(share, str(error), 429), error)
        path = f"/share/{quote(token)}"
        answer = self._pages.to(path)
        answer.set_cookie(
            COOKIE,
            self._shares.pass_of(share, token),
            max_age=_PASS_S,
            path=self._pages.base + path,
            secure=self._settings.secure_cookies,
            httponly=True,
            samesite="lax",
        )
        return answer

    def _gone(self, request: Request) -> Response:
        return self._unseen(self._problems.answer(request, 404, "There is nothing behind this link", _GONE))

    def _too_often(self, request: Request, error: TooOften) -> Response:
        answer = self._unseen(self._problems.answer(request, 429, "Too many questions", str(error)))
        answer.headers["Retry-After"] = str(error.retry_after)
        return answer

    def _ask(self, share: Share, error: str = "", status: int = 200) -> Response:
        return self._unseen(self._pages.page("share_password.html", status, error=error))

    def _answer(self, request: Request, share: Share) -> Response:
        site = self._site(request, share)
        period = self._period(request, share, site)
        today = self._reports.now(site).date()
        view = view_of(request.query_params, period, today)
        if share.period != FREE:
            view = replace(view, against="none", dates=None)
        whole = self._reports.overview(site, period, self._settings.table_rows, (), share.segment, view)
        k = max(share.k or 2 * whole.released.k, whole.released.k)
        shown = limited(whole, share, k)
        return self._unseen(
            self._pages.page("share.html", **self._values(request, share, site, shown), period=shown.period, k=k)
        )

    def _values(self, request: Request, share: Share, site: Site, shown: Overview) -> dict[str, Any]:
        whole = f"{self._pages.base}/share/{quote(request.path_params['token'])}"
        others = [key for key in share.sites if key in self._reports.sites]
        free = share.period == FREE
        chart = charts.draw(shown) if shown.series else None
        if chart and not free:
            chart = replace(chart, links=("",) * len(chart.links))
        return {
            "share": share,
            "whole": whole,
            "path": f"{whole}/{quote(site.key)}" if len(others) > 1 else whole,
            "of": site,
            "others": others if len(others) > 1 else (),
            "overview": shown,
            "comparison": shown.comparison,
            "tiles": tiles(shown),
            "chart": chart,
            "chart_width": charts.WIDTH,
            "chart_height": charts.HEIGHT,
            "compared_with": charts.compared_with(shown.comparison),
            "looks": looks(shown) if free else replace(looks(shown), against=()),
            "periods": picker(shown.period, self._reports.now(site).date()) if free else None,
            "cards": [_plain(card) for card in cards.cards(shown) if card.slug in share.panels],
            "vitals": cards.vitals_by(shown.vitals, ""),
            "changed": (),
            "effect_of": None,
        }

    def _site(self, request: Request, share: Share) -> Site:
        key = request.path_params.get("key") or share.sites[0]
        if key not in share.sites or key not in self._reports.sites:
            raise BadQuery("this link is of no such site", Code.UNKNOWN_SITE)
        return self._reports.sites[key]

    def _period(self, request: Request, share: Share, site: Site) -> Period:
        """The days that are shown: none that is not over, and none but the link's."""
        today, given = self._reports.now(site).date(), request.query_params
        chosen, mine = period_of(self._reports, site, given, _USUAL), {"period": share.period}
        if share.first and share.last:
            mine |= {"from": share.first.isoformat(), "to": share.last.isoformat()}
        wanted = chosen if share.period == FREE else period_of(self._reports, site, mine)
        if wanted != chosen and any(given.get(name) for name in PERIOD):
            raise BadQuery("this link has its own days: leave out the period", Code.BAD_PERIOD)
        over = wanted.full_days(today)
        if over is None:
            raise BadQuery("this link shows days that are over: ask for earlier ones", Code.BAD_PERIOD)
        label = over.dates if wanted.name == CUSTOM else wanted.label
        return replace(over, label=label, name=wanted.name)

    def _unseen(self, answer: Response) -> Response:
        """Whoever has the address should be told it by somebody, not find it."""
        answer.headers["X-Robots-Tag"] = "noindex"
        return answer


def _plain(card: cards.Card) -> cards.Card:
    """A card whose values lead nowhere."""
    tabs = tuple(
        replace(tab, about="", lines=tuple(replace(line, keeps="") for line in tab.lines)) for tab in card.tabs
    )
    return replace(card, tabs=tabs)
