"""The page of today: what the site shows of the day that is still open.

In: HTTP requests of those who are signed in. Out: HTML that works without JavaScript, and is kept up to date with it.
Promises: numbers are those of the overview of today (rule N7), so none tells that one visitor came.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from ..accounts.policy import Action
from ..accounts.sessions import User
from ..stats.period import named
from . import cards
from .arguments import CARRIED, part_of
from .navigation import LIVE
from .question import QuestionPages

# So many values of a table, and of which dimensions.
_ROWS = 10
_SHOWN = ("page", "source", "country", "device")


class LivePage(QuestionPages):
    """Of today, whatever days other pages are of."""

    def routes(self) -> list[BaseRoute]:
        """The page."""
        return [self._gate.page(Action.READ, "/sites/{key}" + LIVE, self.show_live, *CARRIED)]

    def show_live(self, request: Request, user: User) -> Response:
        """GET /sites/{key}/live?filter=&segment=, and a period for the pages that one goes on to."""
        site = self._sites.site(request)
        today = named("today", self._reports.now(site).date())
        filters, segment = part_of(request.query_params)
        overview = self._reports.overview(site, today, _ROWS, filters, segment)
        return self._pages.page(
            "live.html",
            **self._sites.shared(request, user, site, today),
            # Whatever it were drawn by, or compared with, is the overview's.
            **self._sites.drawn(site, overview) | {"looks": None},
            tabs=[cards.tab(name, overview) for name in _SHOWN],
            changed=[],
        )
