"""What pages of one question about a site have in common: what they are about, and what they ask.

In: HTTP requests of those who are signed in. Out: the `Question`, and the page that answers. Promises: what is not
kept together is left out, and nothing else is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from schema.site import Site

from ..accounts.sessions import User
from ..settings import DashboardSettings
from ..stats.filter import Filter
from ..stats.inside import PATHS, pages_inside, section_kept
from ..stats.overview import Overview
from ..stats.query import Query
from ..stats.refused import BadQuery, Code
from ..stats.report import Reports
from ..stats.table import Table
from ..stats.view import view_of
from . import links, trend
from .arguments import PERIOD, part_of, period_of
from .choices import Choice, only_where
from .declare import to_declare
from .gate import Gate
from .pages import SitePages
from .rendering import Pages

T = TypeVar("T")
# Rows of tables of pages, before they are cut.
PAGES_MOST = 500


class Question(Struct, frozen=True):
    """What a page is about: days and visits of a site. given: the arguments that ask for it."""

    site: Site
    overview: Overview
    given: Mapping[str, Any]

    @property
    def goals(self) -> tuple[list[str], list[str]]:
        """The goals there are, and those of them that were reached, which come first."""
        reached = [goal.goal for goal in self.overview.goals]
        return [*reached, *(goal.name for goal in self.site.goals if goal.name not in reached)], reached

    def query(self, *by: str, filters: Sequence[Filter] = (), limit: int = PAGES_MOST) -> Query | None:
        """Of the page's days and visits; None where the rollups do not tell it of these. filters: besides."""
        shown, given = self.overview, (*self.overview.filters, *filters)
        section = section_kept(shown.filters)
        # Of goals and speed nothing is kept by both, but the pages are known.
        if section and by[-1] in PATHS and (filters or len(by) > 1):
            given = (*pages_inside(section, self.site.section_patterns, by[-1]), *filters)
        try:
            return Query((self.site.key,), shown.period, by, given, limit, segment=shown.segment)
        except BadQuery as refused:
            if refused.code not in (Code.NOT_CROSSED, Code.NOT_KEPT):
                raise
            return None

    def address(self, **more: str | list[str]) -> str:
        """The arguments of the page with others; "" takes one away."""
        return urlencode({name: value for name, value in {**self.given, **more}.items() if value}, doseq=True)

    def keeping(self, one: str) -> str:
        """The arguments of the page that keeps a row, too. one: the filter that keeps it alone."""
        return urlencode(dict(self.given) | {"filter": links.besides(self.overview.filters, one)}, doseq=True)

    @property
    def segments(self) -> list[Choice]:
        """All visits, and the segments of the site, of which filters are none; [] where there are none."""
        names = ["", *self.site.segment_definitions] if self.site.segments else []
        chosen = self.overview.segment
        return [Choice(one or "All visits", self.address(segment=one, filter=[]), one == chosen) for one in names]

    @property
    def of_all(self) -> bool:
        """Whether it is about all visits."""
        return not (self.overview.filters or self.overview.segment)

    def choices(
        self, argument: str, values: Iterable[str], chosen: str, label: Callable[[str], str] = str
    ) -> list[Choice]:
        """The page with each value of an argument. label: what a value is called."""
        return [Choice(label(one), self.address(**{argument: one}), one == chosen) for one in values]


class QuestionPages:
    """What is shown of a site beside its overview."""

    def __init__(
        self, pages: Pages, gate: Gate, reports: Reports, settings: DashboardSettings, sites: SitePages
    ) -> None:
        self._pages = pages
        self._gate = gate
        self._reports = reports
        self._settings = settings
        self._sites = sites

    def question(self, request: Request, rows: int, *besides: str) -> Question:
        """What a page is about. rows: of each table, at most. besides: arguments of the page alone."""
        site = self._sites.site(request)
        period = period_of(self._reports, site, request.query_params)
        filters, segment = part_of(request.query_params)
        overview = self._reports.overview(site, period, rows, filters, segment)
        # What days are compared with is not shown here, but other pages show it.
        view = view_of(request.query_params, period, self._reports.now(site).date())
        own = {name: request.query_params.get(name, "") for name in besides}
        return Question(site, overview, {**links.arguments_of(overview), **view.arguments(), **own})

    def page(self, template: str, request: Request, user: User, about: Question, **values: Any) -> Response:
        """The page of a template."""
        overview = about.overview
        kept = [(name, value) for name, value in request.query_params.multi_items() if name not in PERIOD]
        shared = self._sites.shared(request, user, about.site, overview.period)
        drawn: dict[str, Any] = {"trend_width": trend.WIDTH, "trend_height": trend.HEIGHT}
        drawn |= {"only_where": only_where(overview), "declared": to_declare(about.site, overview.filters)}
        drawn["segments"] = about.segments
        drawn["asked"] = urlencode(links.arguments_of(overview), doseq=True)
        return self._pages.page(template, **shared, **drawn, overview=overview, kept=kept, **values)


def rows_of(kind: type[T], tables: Sequence[Table], one: Query | None) -> list[T]:
    """The rows that were answered to a query."""
    found = next((table for table in tables if table.query == one), None)
    return [row for row in found.rows if isinstance(row, kind)] if found else []


def chosen_of(name: str, request: Request, known: Sequence[str], first: Sequence[str]) -> str:
    """What an argument chooses; the first one where it is not given. Raises BadQuery where there is no such thing."""
    given = request.query_params.get(name, "")
    if given and given not in known:
        raise BadQuery(f"{name}={given[:100]!r} is not known: there are {', '.join(filter(None, known)) or 'none'}")
    return given or next(iter((*first, *known)), "")
