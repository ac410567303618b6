"""The pages of a site that tell where visits came from, and where people left: acquisition, and pages.

In: HTTP requests of those who are signed in. Out: HTML that works without JavaScript. Promises: what filters leave no
answer to says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from schema.dimensions import DIMENSIONS

from ..accounts.policy import Action
from ..accounts.sessions import User
from ..stats.conversions import Goal
from ..stats.figures import Cell
from ..stats.filter import Filter
from ..stats.inside import section_kept
from ..stats.nobody import is_certain, values_without
from ..stats.query import MAX_DAYS_BY_HOUR
from ..stats.vitals import VitalCell
from ..stats.week_hours import by_weekday
from . import campaign_link, origins
from .arguments import CARRIED
from .choices import Choice
from .links import with_filter
from .navigation import ACQUISITION, PAGES
from .question import PAGES_MOST, Question, QuestionPages, chosen_of, rows_of
from .week import week_of
from .wording import NOBODY, not_told

# So many values of a table.
_VALUES, _MOST = 20, 100
# What visits came by, from the kind to the single one, and which numbers of it are shown.
_ORIGINS = ("channel", "source", "utm_campaign")
_OF_ORIGINS = ("visitors", "bounce_rate", "visit_duration")
_PARTS = ("page", "section")
_OF_PAGES = ("visitors", "pageviews", "exits", "exit_rate", "bounce_rate", "time_on_page")


class ArrivalPages(QuestionPages):
    """Where visits begin and end."""

    def routes(self) -> list[BaseRoute]:
        """Every page."""
        page = self._gate.page
        site = "/sites/{key}"
        return [
            page(Action.READ, site + ACQUISITION, self.show_acquisition, *CARRIED, "goal"),
            page(Action.READ, site + PAGES, self.show_pages, *CARRIED, "goal"),
        ]

    def show_acquisition(self, request: Request, user: User) -> Response:
        """GET /sites/{key}/acquisition?period=&filter=&segment=&goal="""
        about = self.question(request, max(_VALUES, self._settings.table_rows), "goal")
        chosen, goals, reached, whole = self._of_goal(about, request, _ORIGINS)
        overview = about.overview
        hours = self._hours(about)
        return self.page(
            "acquisition.html",
            request,
            user,
            about,
            goal=chosen,
            goals=goals,
            keeping=about.keeping,
            tags=campaign_link.TAGS,
            told_hours=hours is not None,
            week=week_of(hours or {}),
            tables=[
                origins.origins(name, tab_cells, _OF_ORIGINS, reached[name], whole, self._instead(about, name))
                for name in _ORIGINS
                for tab_cells in [overview.tables.get(name, ())]
            ],
        )

    def show_pages(self, request: Request, user: User) -> Response:
        """GET /sites/{key}/pages?period=&filter=&segment=&goal="""
        about = self.question(request, PAGES_MOST, "goal")
        chosen, goals, reached, whole = self._of_goal(about, request, _PARTS)
        overview = about.overview
        lcp = [cell for cell in (*overview.vitals, *self._speed_inside(about)) if cell.vital == "lcp"]
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
            about,
            goal=chosen,
            goals=goals,
            keeping=partial(with_filter, overview),
            parts_of_site=[(DIMENSIONS[name], lines, self._instead(about, name)) for name, lines in parts.items()],
            columns=_OF_PAGES,
        )

    def _speed_inside(self, about: Question) -> list[VitalCell]:
        """The web vitals of the pages of the section that is kept."""
        by_page = about.query("vital", "page") if section_kept(about.overview.filters) else None
        tables = self._reports.tables(about.site, about.overview.period, [[by_page]]) if by_page else []
        return rows_of(VitalCell, tables, by_page)

    def _hours(self, about: Question) -> Mapping[tuple[int, int], float] | None:
        """Visitors by weekday and hour; None where hours are not told of these visits, or of so many days."""
        period = about.overview.period
        hours = about.query("hour") if 7 <= period.days <= MAX_DAYS_BY_HOUR else None
        if hours is None:
            return None
        tables = self._reports.tables(about.site, period, [[hours]])
        return by_weekday(rows_of(Cell, tables, hours), ZoneInfo(about.site.timezone), about.overview.released.k == 1)

    def _of_goal(
        self, about: Question, request: Request, dimensions: Sequence[str]
    ) -> tuple[str, list[Choice], dict[str, list[Goal]], Goal | None]:
        """The goal that is chosen, all of them, who reached it by values of these dimensions, and in all."""
        known, reached = about.goals
        chosen = chosen_of("goal", request, known, reached)
        filters = (Filter("goal", "==", chosen),)
        queries = {by: about.query(by, filters=filters) if chosen else None for by in dimensions}
        batches = [[one] for one in queries.values() if one]
        tables = self._reports.tables(about.site, about.overview.period, batches)
        whole = next((goal for goal in about.overview.goals if goal.goal == chosen), None)
        found = {by: rows_of(Goal, tables, one) for by, one in queries.items()}
        if is_certain(about.overview.released, chosen, about.overview.period):
            for by in [name for name, one in queries.items() if one]:
                found[by] += values_without(about.overview.tables.get(by, ()), found[by], whole)
        return chosen, about.choices("goal", known, chosen), found, whole

    def _instead(self, about: Question, dimension: str) -> str:
        """Why a table of a dimension has nothing."""
        if dimension in about.overview.unanswered:
            return not_told(about.overview)
        return NOBODY
