"""The pages of a site that are of one question each: goals and funnels, speed, localization.

In: HTTP requests of those who are signed in. Out: HTML that works without JavaScript. Promises: what filters leave no
answer to says so; every picture has its table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from schema.dimensions import DIMENSIONS, OTHER
from schema.experience import EXPERIENCE, RATED
from schema.families import FAMILIES
from schema.funnels import FUNNELS
from schema.site import Site

from ..accounts.accounts import User
from ..settings import DashboardSettings
from ..stats.conversions import Goal, GoalDay
from ..stats.experience import Rate
from ..stats.figures import Cell
from ..stats.funnels import StepCell
from ..stats.overview import Overview
from ..stats.query import ALTERNATIVES, Filter, Query
from ..stats.refused import BadQuery
from ..stats.report import Reports
from ..stats.slow import worst_first
from ..stats.table import Table
from ..stats.timeline import days_of
from ..stats.vitals import VitalDay
from . import cards, charts, goals, localization, speed, trend
from . import format as names
from .arguments import PART, filters_of, period_of
from .asking import query
from .journeys import ways_of
from .navigation import GOALS, LOCALIZATION, SPEED
from .pages import SitePages
from .rendering import Pages
from .sign_in import SignIn

T = TypeVar("T")
# So many values of a table, before those of whole pages are cut.
_VALUES, _PAGES = 20, 500
_MOST_SLOW = 100
_SPLITS = tuple(name for name in FAMILIES[FUNNELS.name].dimensions if name)
# Of speed, what is chosen between.
_DEVICES = ("mobile", "desktop")


class _Asked(Struct, frozen=True):
    """What a page is about."""

    site: Site
    overview: Overview
    given: Mapping[str, Any]

    def query(self, *by: str, filters: Sequence[Filter] = (), limit: int = _PAGES) -> Query | None:
        """Of the page's days and visits. filters: besides."""
        shown = self.overview
        return query(self.site, shown.period, by, (*shown.filters, *filters), limit, shown.segment)

    def address(self, **more: str) -> str:
        """The arguments of the page with others; "" takes one away."""
        return urlencode({name: value for name, value in {**self.given, **more}.items() if value}, doseq=True)


class PicturePages:
    """What is shown of a site beside its overview."""

    def __init__(
        self, pages: Pages, sign_in: SignIn, reports: Reports, settings: DashboardSettings, sites: SitePages
    ) -> None:
        self._pages = pages
        self._sign_in = sign_in
        self._reports = reports
        self._settings = settings
        self._sites = sites

    def routes(self) -> list[BaseRoute]:
        """Every page."""
        door = self._sign_in.signed_in
        site = "/sites/{key}"
        return [
            Route(site + GOALS, door(self.show_goals, *PART, "goal", "split"), methods=["GET"]),
            Route(site + SPEED, door(self.show_speed, *PART, "goal", "vital"), methods=["GET"]),
            Route(site + LOCALIZATION, door(self.show_localization, *PART), methods=["GET"]),
        ]

    def show_goals(self, request: Request, user: User) -> Response:
        """GET /sites/{key}/goals?period=&filter=&segment=&goal=&split="""
        asked = self._asked(request, max(_VALUES, self._settings.table_rows), "goal", "split")
        overview, site = asked.overview, asked.site
        reached = [goal.goal for goal in overview.goals]
        known = [*reached, *(goal.name for goal in site.goals if goal.name not in reached)]
        chosen = _chosen("goal", request, known, reached)
        split = _chosen("split", request, ("", *_SPLITS), ("",))
        of_goal = (Filter("goal", "==", chosen),)
        daily = asked.query("goal_day", limit=1)
        sides = {by: asked.query(by, filters=of_goal) if chosen else None for by in goals.SIDES}
        values = self._split_values(asked, split)
        batches = [[one] for one in (daily, *sides.values()) if one]
        batches += [[one] for value in values if (one := _of_value(asked, split, value))]
        tables = self._reports.tables(site, overview.period, batches)
        days = _rows(GoalDay, tables, daily)
        calendar = days_of(overview.period)
        shown = {name: goals.by_day(name, days, calendar, overview.annotations) for name in known}
        split_up = {
            value: goals.shapes(_rows(StepCell, tables, _of_value(asked, split, value)), names.name_of(split, value))
            for value in values
        }
        return self._page(
            "goals.html",
            request,
            user,
            asked,
            links={name: asked.address(goal=name) for name in known},
            known=known,
            unreached=[name for name in known if name not in reached] if "goal" not in overview.unanswered else [],
            chosen=chosen,
            by_day=shown,
            sides=[self._side(by, tables, one, asked) for by, one in sides.items()],
            splits=[
                (DIMENSIONS[one].label if one else "All", asked.address(split=one), one == split)
                for one in ("", *(_SPLITS if not (overview.filters or overview.segment) else ()))
            ],
            split=split,
            funnels=goals.split_by(split_up) if split else goals.split_by({"": goals.shapes(overview.funnels)}),
            journeys=ways_of(overview.journeys),
            hidden=any(step.certainty == "at least" for step in overview.funnels),
        )

    def show_speed(self, request: Request, user: User) -> Response:
        """GET /sites/{key}/speed?period=&filter=&segment=&vital=&goal="""
        asked = self._asked(request, _PAGES, "goal", "vital")
        overview, site = asked.overview, asked.site
        reached = [goal.goal for goal in overview.goals]
        known = [*reached, *(goal.name for goal in site.goals if goal.name not in reached)]
        goal = _chosen("goal", request, known, reached)
        vital = _chosen("vital", request, RATED, RATED)
        daily = asked.query("vital_day")
        rates = asked.query(EXPERIENCE.name, filters=(Filter("goal", "==", goal),)) if goal else None
        tables = self._reports.tables(site, overview.period, [[one] for one in (daily, rates) if one])
        days, calendar = _rows(VitalDay, tables, daily), days_of(overview.period)
        slow = worst_first(overview.vitals, vital) if not (overview.filters or overview.segment) else []
        return self._page(
            "speed.html",
            request,
            user,
            asked,
            devices=self._devices(asked),
            known=known,
            goal=goal,
            goals={name: asked.address(goal=name) for name in known},
            vital=vital,
            vitals=[(one, asked.address(vital=one), one == vital) for one in RATED],
            whole=[cell for cell in overview.vitals if not cell.dimension],
            trends={one: speed.by_day(one, days, calendar, overview.annotations, limit=31) for one in RATED},
            told_days=daily is not None,
            slow=[(one, asked.address(filter=Filter("page", "==", one.cell.value).text)) for one in slow[:_MOST_SLOW]],
            cut=len(slow) > _MOST_SLOW,
            bands=speed.bands(_rows(Rate, tables, rates), goal),
            told_bands=rates is not None,
        )

    def show_localization(self, request: Request, user: User) -> Response:
        """GET /sites/{key}/localization?period=&filter=&segment="""
        asked = self._asked(request, max(_VALUES, self._settings.table_rows))
        overview = asked.overview
        rows, together = localization.served(overview)
        whole = not (overview.filters or overview.segment)
        languages = localization.first_values(overview, "language", localization.MOST_LANGUAGES) if whole else []
        countries = localization.first_values(overview, "country", localization.MOST_COUNTRIES)
        to_declare = localization.how_to_declare(asked.site)
        queries: dict[str, Query] = {}
        if not to_declare:
            each = ((one, asked.query("country", filters=[Filter("language", "==", one)])) for one in languages)
            queries = {language: one for language, one in each if one}
        tables = self._reports.tables(asked.site, overview.period, [[one] for one in queries.values()])
        found = {language: _rows(Cell, tables, one) for language, one in queries.items()}
        return self._page(
            "localization.html",
            request,
            user,
            asked,
            served=rows,
            together=together,
            tabs=[cards.tab(name, overview) for name in ("country", "language", "region", "city")],
            grid=localization.grid(found, countries),
            to_declare=to_declare,
            whole=whole,
        )

    def _asked(self, request: Request, rows: int, *besides: str) -> _Asked:
        """besides: arguments of the page alone."""
        site = self._sites.site(request)
        period = period_of(self._reports, site, request.query_params)
        filters, segment = filters_of(request.query_params), request.query_params.get("segment", "")
        overview = self._reports.overview(site, period, rows, filters, segment)
        own = {name: request.query_params.get(name, "") for name in besides}
        return _Asked(site, overview, {**cards.arguments(overview), **own})

    def _page(self, template: str, request: Request, user: User, asked: _Asked, **values: Any) -> Response:
        overview = asked.overview
        kept = [
            (name, value) for name, value in request.query_params.multi_items() if name not in ("period", "from", "to")
        ]
        shared = self._sites.shared(request, user, asked.site, overview.period)
        drawn: dict[str, Any] = {
            "trend_width": trend.WIDTH,
            "trend_height": trend.HEIGHT,
            "compared_with": charts.compared_with,
        }
        return self._pages.page(
            template, **shared, **drawn, overview=overview, kept=kept, parts_kept=cards.kept(overview), **values
        )

    def _side(self, by: str, tables: Sequence[Table], one: Query | None, asked: _Asked) -> goals.Side:
        instead = cards.not_told(asked.overview) if asked.overview.filters or asked.overview.segment else ""
        found = [*_rows(Goal, tables, one)] if one else None
        return goals.side(by, found, self._settings.table_rows, instead)

    def _split_values(self, asked: _Asked, split: str) -> list[str]:
        """The values of which funnels are shown side by side."""
        if not split or asked.overview.filters or asked.overview.segment:
            return []
        cells = asked.overview.tables.get(split, ())
        shown = (cell.value for cell in cells if cell.value != OTHER and ALTERNATIVES not in cell.value)
        return [*shown][: goals.MOST_SPLIT]

    def _devices(self, asked: _Asked) -> list[tuple[str, str, bool]]:
        """Links to those of a kind of device: what they are called, and whether they are chosen."""
        filters = [one.text for one in asked.overview.filters]
        links = [("All", asked.address(filter=""), not filters)]
        for device in _DEVICES:
            one = Filter("device", "==", device).text
            links.append((names.DEVICES[device], asked.address(filter=one), filters == [one]))
        return links


def _of_value(asked: _Asked, split: str, value: str) -> Query | None:
    return asked.query(FUNNELS.name, filters=(Filter(split, "==", value),))


def _rows(kind: type[T], tables: Sequence[Table], one: Query | None) -> list[T]:
    """The rows that were answered to a query."""
    found = next((table for table in tables if table.query == one), None)
    return [row for row in found.rows if isinstance(row, kind)] if found else []


def _chosen(name: str, request: Request, known: Sequence[str], first: Sequence[str]) -> str:
    """What an argument chooses; the first one where it is not given. Raises BadQuery where there is no such thing."""
    given = request.query_params.get(name, "")
    if given and given not in known:
        raise BadQuery(f"{name}={given[:100]!r} is not known: there are {', '.join(filter(None, known)) or 'none'}")
    return given or next(iter((*first, *known)), "")
