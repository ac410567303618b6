"""The pages that tell of a site itself: how it is set, what is kept of its visitors, what becomes of a link to it.

In: HTTP requests of those who are signed in, and what the composition root hands in (`AboutSite`). Out: HTML that works
without JavaScript; no page where nothing is handed in. Promises: nothing can be changed here.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from ..accounts.policy import Action
from ..accounts.sessions import User
from ..settings import DashboardSettings
from ..stats.report import Reports
from ..stats.usual import DayVisitors
from . import campaign_link
from .about_site import AboutSite
from .arguments import CARRIED, period_of
from .gate import Gate
from .navigation import CAMPAIGN_LINK, PRIVACY, SETTINGS
from .pages import SitePages
from .rendering import Pages


class AboutPages:
    """Whatever days and visits other pages are of: these go on with them."""

    def __init__(
        self,
        pages: Pages,
        gate: Gate,
        reports: Reports,
        settings: DashboardSettings,
        sites: SitePages,
        about: AboutSite | None,
    ) -> None:
        self._pages = pages
        self._gate = gate
        self._reports = reports
        self._sites = sites
        self._about = about

    def routes(self) -> list[BaseRoute]:
        """Both pages, if there is something for them."""
        if self._about is None:
            return []
        page, site = self._gate.page, "/sites/{key}"
        return [
            page(Action.READ, site + SETTINGS, self.show_settings, *CARRIED),
            page(Action.READ, site + PRIVACY, self.show_privacy, *CARRIED),
            page(Action.READ, site + CAMPAIGN_LINK, self.show_link, *CARRIED, *campaign_link.ARGUMENTS),
        ]

    def show_settings(self, request: Request, user: User) -> Response:
        """GET /sites/{key}/settings, with a period for the pages that one goes on to."""
        assert self._about
        return self._page(
            "settings.html", request, user, groups=self._about.settings(self._key(request)), usual=self._usual(request)
        )

    def show_privacy(self, request: Request, user: User) -> Response:
        """GET /sites/{key}/privacy, likewise."""
        assert self._about
        return self._page("privacy.html", request, user, told=self._about.privacy(self._key(request)))

    def show_link(self, request: Request, user: User) -> Response:
        """GET /sites/{key}/acquisition/link?address=&source=&medium=&campaign=&content=&term="""
        assert self._about
        given = request.query_params
        asked = {name: given.get(name, "") for name in campaign_link.ARGUMENTS}
        link = campaign_link.link_of(self._key(request), asked, self._about.try_out) if any(asked.values()) else ""
        return self._page(
            "campaign_link.html",
            request,
            user,
            tags=campaign_link.TAGS,
            asked=asked,
            carried=[(name, value) for name, value in given.multi_items() if name in CARRIED],
            link=link if isinstance(link, campaign_link.Link) else None,
            problem=link if isinstance(link, str) else "",
        )

    def _usual(self, request: Request) -> list[tuple[dt.date, DayVisitors]]:
        """What alerts on a spike or a drop go by now: of today, and of the day before."""
        site = self._sites.site(request)
        today = self._reports.now(site).date()
        days = (today, today - dt.timedelta(days=1))
        return [(day, found) for day in days if (found := self._reports.day_visitors(site, day))]

    def _key(self, request: Request) -> str:
        return self._sites.site(request).key

    def _page(self, template: str, request: Request, user: User, **values: Any) -> Response:
        site = self._sites.site(request)
        period = period_of(self._reports, site, request.query_params)
        return self._pages.page(template, **self._sites.shared(request, user, site, period), **values)
