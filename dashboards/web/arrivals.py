"""The pages of a site that tell where visits came from, and where people left: acquisition, and pages.

In: HTTP requests of those who are signed in. Out: HTML that works without JavaScript. Promises: what filters leave no
answer to says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from schema.dimensions import DIMENSIONS

from ..accounts.accounts import User
from ..stats.conversions import Goal
from ..stats.figures import Cell
from ..stats.filter import Filter
from ..stats.query import MAX_DAYS_BY_HOUR
from ..stats.week_hours import by_weekday
from . import origins
from .arguments import CARRIED
from .asking import PAGES_MOST, Asked, AskingPages, chosen_of, rows_of
from .navigation import ACQUISITION, PAGES
from .week import week_of
from .wording import NOBODY, not_told

# So many values of a table.
_VALUES, _MOST = 20, 100
# What visits came by, from the kind to the single one, and which numbers of it are shown.
_ORIGINS = ("channel", "source", "utm_campaign")
_OF_ORIGINS = ("visitors", "bounce_rate", "visit_duration")
_PARTS = ("page", "section")
_OF_PAGES = ("visitors", "pageviews", "exits", "exit_rate", "bounce_rate", "time_on_page")


class ArrivalPages(AskingPages):
    """Where visits begin and end."""

    def routes(self) -> list[BaseRoute]:
        """Every page."""
        door = self._sign_in.signed_in
        site = "/sites/{key}"
        return [
            Route(site + ACQUISITION, door(self.show_acquisition, *CARRIED, "goal"), methods=["GET"]),
            Route(site + PAGES, door(self.show_pages, *CARRIED, "goal"), methods=["GET"]),
        ]

    def show_acquisition(self, request: Request, user: User) -> Response:
        """GET /sites/{key}/acquisition?period=&filter=&segment=&goal="""
        asked = self.asked(request, max(_VALUES, self._settings.table_rows), "goal")
        chosen, links, reached, whole = self._of_goal(asked, request, _ORIGINS)
        overview = asked.overview
        hours = self._hours(asked)
        return self.page(
            "acquisition.html",
            request,
            user,
            asked,
            goal=chosen,
            goals=links,
            told_hours=hours is not None,
            week=week_of(hours or {}),
            tables=[
                origins.origins(name, tab_cells, _OF_ORIGINS, reached[name], whole, self._instead(asked, name))
                for name in _ORIGINS
                for tab_cells in [overview.tables.get(name, ())]
            ],
        )

    def show_pages(self, request: Request, user: User) -> Response:
        """GET /sites/{key}/pages?period=&filter=&segment=&goal="""
        asked = self.asked(request, PAGES_MOST, "goal")
        chosen, links, reached, whole = self._of_goal(asked, request, _PARTS)
        overview = asked.overview
        lcp = [cell for cell in overview.vitals if cell.vital == "lcp"]
        parts = {
            name: origins.pages(
                overview.tables.get(name, ()),
                _OF_PAGES,
                reached[name],
                whole,
                [cell for cell in lcp if cell.dimension == name],
                _MOST,
                name,
            )
            for name in _PARTS
        }
        return self.page(
            "pages.html",
            request,
            user,
            asked,
            goal=chosen,
            goals=links,
            parts_of_site=[(DIMENSIONS[name], lines, self._instead(asked, name)) for name, lines in parts.items()],
            columns=_OF_PAGES,
        )

    def _hours(self, asked: Asked) -> Mapping[tuple[int, int], float] | None:
        """Visitors by weekday and hour; None where hours are not told of what is asked, or of so many days."""
        period = asked.overview.period
        hours = asked.query("hour") if 7 <= period.days <= MAX_DAYS_BY_HOUR else None
        if hours is None:
            return None
        tables = self._reports.tables(asked.site, period, [[hours]])
        return by_weekday(rows_of(Cell, tables, hours), ZoneInfo(asked.site.timezone))

    def _of_goal(
        self, asked: Asked, request: Request, dimensions: Sequence[str]
    ) -> tuple[str, dict[str, str], dict[str, list[Goal]], Goal | None]:
        """The goal that is chosen, links that choose one, who reached it by values of these dimensions, and in all."""
        known, reached = asked.goals
        chosen = chosen_of("goal", request, known, reached)
        filters = (Filter("goal", "==", chosen),)
        queries = {by: asked.query(by, filters=filters) if chosen else None for by in dimensions}
        batches = [[one] for one in queries.values() if one]
        tables = self._reports.tables(asked.site, asked.overview.period, batches)
        whole = next((goal for goal in asked.overview.goals if goal.goal == chosen), None)
        found = {by: rows_of(Goal, tables, one) for by, one in queries.items()}
        return chosen, {name: asked.address(goal=name) for name in known}, found, whole

    def _instead(self, asked: Asked, dimension: str) -> str:
        """Why a table of a dimension has nothing."""
        if dimension in asked.overview.unanswered:
            return not_told(asked.overview)
        return NOBODY
