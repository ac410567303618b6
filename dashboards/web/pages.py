"""The pages of sites: their list, a site's dashboard and its tables in full.

In: HTTP requests of those who are signed in. Out: HTML that works without JavaScript. Promises: what came from outside
is only ever text.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from schema.crawlers import PURPOSES
from schema.dimensions import DIMENSIONS
from schema.placeholders import KINDS
from schema.properties import PROPERTIES
from schema.site import DEMO, Site

from ..accounts.policy import Action, may, readable
from ..accounts.sessions import User
from ..settings import DashboardSettings
from ..stats.bare_counts import BARE
from ..stats.filter import several_values
from ..stats.leaks import DEFINITION as LEAKS
from ..stats.nobody import uncounted
from ..stats.notes import SUM_OF_VALUES
from ..stats.other_pages import other_pages
from ..stats.overview import Overview
from ..stats.period import Period
from ..stats.query import MAX_ROWS, Query, one_site
from ..stats.released import enough
from ..stats.report import Reports
from ..stats.sites import DRAWN_DAYS, FULL_DAYS
from ..stats.splits import OF_QUALITY, VITALS_BY
from ..stats.view import view_of
from . import cards, charts, sites_page, table_page
from .arguments import OVERVIEW, PERIOD, part_of, period_of
from .asked import ARGUMENTS, asked_of
from .changed import effect_of, sentences
from .choices import only_where, segments
from .declare import to_declare
from .details import Details, details, goals_to_choose
from .gate import Gate, no_site
from .journeys import ways_of
from .links import arguments_of, comparison_of, elsewhere
from .looks import looks
from .navigation import places
from .periods import picker
from .rendering import Pages
from .tiles import tiles
from .wording import no_table

_MAX_TABLE = 500
# Of more the list has a field to find one.
_MANY_SITES = 12


class SitePages:
    """The list of sites, and what is shown of each."""

    def __init__(
        self,
        pages: Pages,
        gate: Gate,
        reports: Reports,
        settings: DashboardSettings,
        collector_url: str,
        undeclared: Callable[[], Sequence[str]],
        has_about: bool = True,
    ) -> None:
        self._pages = pages
        self._gate = gate
        self._reports = reports
        self._settings = settings
        self._collector_url = collector_url.rstrip("/") or "https://YOUR-COLLECTOR"
        self._undeclared = undeclared
        self._has_about = has_about

    def routes(self) -> list[BaseRoute]:
        """Every page."""
        page = self._gate.page
        return [
            page(Action.OWN, "/", self.list_sites, "contains"),
            page(Action.READ, "/sites/{key}", self.show_site, *OVERVIEW),
            page(Action.READ, "/sites/{key}/quality", self.show_quality, *PERIOD),
            page(Action.READ, "/sites/{key}/properties", self.show_properties, *ARGUMENTS),
            page(Action.READ, "/sites/{key}/by/{dimension}", self.show_table, *ARGUMENTS),
        ]

    def list_sites(self, request: Request, user: User) -> Response:
        """GET /?contains="""
        sites = readable(user, self._reports.sites.values())
        undeclared = list(self._undeclared()) if may(user, Action.OPERATE) else []
        contains = request.query_params.get("contains", "")
        if len(sites) == 1 and not undeclared:
            return self._pages.to(f"/sites/{quote(sites[0].key)}")
        mine = {site.key for site in sites}
        every = [one for key, one in self._reports.sites_days().items() if key in mine]
        return self._pages.page(
            "sites.html",
            user=user,
            groups=sites_page.groups(sites_page.looked_for(every, contains)),
            total=sites_page.group("", every) if len(every) > 1 and not contains else None,
            many=len(every) > _MANY_SITES,
            contains=contains,
            undeclared=undeclared,
            days=FULL_DAYS,
            drawn=DRAWN_DAYS,
            width=sites_page.WIDTH,
            height=sites_page.HEIGHT,
        )

    def show_site(self, request: Request, user: User) -> Response:
        """GET /sites/{key}?period=&filter=&segment=&metric=&grain=&compare="""
        site = self.site(request)
        period = period_of(self._reports, site, request.query_params)
        filters, segment = part_of(request.query_params)
        view = view_of(request.query_params, period, self._reports.now(site).date())
        overview = self._reports.overview(site, period, self._settings.table_rows, filters, segment, view)
        return self._pages.page(
            "dashboard.html",
            **self.shared(request, user, site, period),
            **self.drawn(site, overview),
            asked=urlencode(arguments_of(overview), doseq=True),
            of_tables=urlencode(arguments_of(overview) | comparison_of(view), doseq=True),
            kept=[
                *(("filter", one.text) for one in filters),
                *([("segment", segment)] if segment else []),
                *elsewhere(view).arguments().items(),
            ],
            changed=sentences(overview),
            effect_of=effect_of,
            segments=segments(overview, site),
            notes=[SUM_OF_VALUES] if several_values(filters) else [],
            cards=cards.cards(overview),
            silent=cards.silent(overview),
            events=cards.tab("event", overview),
            properties=cards.first_values(overview.properties, self._settings.table_rows),
            unreached=(unreached := [g.name for g in site.goals if g.name not in {one.goal for one in overview.goals}]),
            uncounted=uncounted(unreached, overview.released, overview.period),
            funnels=cards.funnels_of(overview),
            journeys=ways_of(overview.journeys),
            vitals={name: cards.vitals_by(overview.vitals, name) for name in ("", *VITALS_BY)},
            vital_tabs=[DIMENSIONS[name] for name in VITALS_BY],
            demo=DEMO,
            has_demo=DEMO in self._reports.sites and may(user, Action.READ, DEMO),
            collector_url=self._collector_url,
        )

    def show_table(self, request: Request, user: User) -> Response:
        """GET /sites/{key}/by/{dimension} with the arguments of `Asked`."""
        site = self.site(request)
        period = period_of(self._reports, site, request.query_params)
        told = details(self._reports, site, period, request.path_params["dimension"], asked_of(request.query_params))
        answer, name, asked = told.answer, told.about.name, told.asked
        rows, about_enough = answer["rows"], enough(answer["k"], answer["networks"])
        values = [row["value"] for row in rows]
        return self._pages.page(
            "table.html",
            **self.shared(request, user, site, period),
            told=told,
            shown=table_page.view(told),
            kept=asked.but(),
            goals=goals_to_choose(site, name, asked),
            each=table_page.dimensions_of(told),
            filtered=bool(asked.filters or asked.segment or asked.contains),
            enough=about_enough,
            as_of=dt.datetime.fromisoformat(answer["as_of"]) if answer["as_of"] else None,
            least=any(row.get("not_shown_days") for row in rows),
            instead=no_table(name, values, answer["k"], about_enough) if name in DIMENSIONS else "",
            name_is_dimension=name in DIMENSIONS,
            none_because=told.about.empty.format(", ".join(site.properties) or "no properties"),
            most=MAX_ROWS,
            other_pages=self._other_pages(site, told),
        )

    def show_quality(self, request: Request, user: User) -> Response:
        """GET /sites/{key}/quality?period="""
        site = self.site(request)
        period = period_of(self._reports, site, request.query_params)
        dropped, crawlers, leaks = (
            self._reports.apart(Query((site.key,), period, (by,), limit=_MAX_TABLE)) for by in OF_QUALITY
        )
        by_reason = Counter[str]()
        for row in dropped:
            by_reason[row["value"]] += row["count"]
        by_purpose = Counter[str]()
        for row in crawlers:
            by_purpose[row["purpose"]] += row["pageviews"]
        return self._pages.page(
            "quality.html",
            **self.shared(request, user, site, period),
            bare=BARE,
            reasons=by_reason.most_common(),
            dropped=dropped,
            purposes=[(PURPOSES.get(name, name), views) for name, views in by_purpose.most_common()],
            crawlers=[row | {"purpose": PURPOSES.get(row["purpose"], row["purpose"])} for row in crawlers],
            leaks=[row | {"kinds": ", ".join(KINDS[kind] for kind in row["kinds"].split())} for row in leaks],
            of_leaks=LEAKS,
            limit=_MAX_TABLE,
        )

    def show_properties(self, request: Request, user: User) -> Response:
        """GET /sites/{key}/properties, which is a table as all others."""
        path = f"/sites/{quote(self.site(request).key)}/by/{PROPERTIES.name}"
        return self._pages.to(f"{path}?{request.url.query}" if request.url.query else path)

    def _other_pages(self, site: Site, told: Details) -> list[tuple[str, int]]:
        """What sections tell of the pages that are folded; nothing where not all others are there."""
        asked, rows = told.asked, told.answer["rows"]
        part = asked.filters or asked.segment or asked.contains or len(rows) >= MAX_ROWS
        if told.about.name != "page" or part or told.other is None:
            return []
        sections = Query((site.key,), told.period, ("section",), limit=MAX_ROWS)
        return other_pages(site, rows, self._reports.stats(sections)["rows"])

    def shared(self, request: Request, user: User, site: Site, period: Period) -> dict[str, Any]:
        """What every page about some days of a site has."""
        days = {"period": period, "periods": picker(period, self._reports.now(site).date())}
        return self.around(request, user, site) | days | {"arguments": urlencode(period.arguments())}

    def around(self, request: Request, user: User, site: Site) -> dict[str, Any]:
        """What every page of a site has: whose it is, and what leads to its other pages and to other sites."""
        return {
            "user": user,
            "site": site,
            "sites": readable(user, self._reports.sites.values()),
            "arguments": "",
            "places": places(site, request.scope["path"], request.query_params, self._has_about),
        }

    def drawn(self, site: Site, overview: Overview) -> dict[str, Any]:
        """What every page has that shows big numbers and their chart."""
        return {
            "overview": overview,
            "only_where": only_where(overview),
            "declared": to_declare(site, overview.filters),
            "tiles": tiles(overview),
            "chart": charts.draw(overview),
            "chart_width": charts.WIDTH,
            "chart_height": charts.HEIGHT,
            "compared_with": charts.compared_with(overview.comparison),
            "looks": looks(overview),
            "refresh": self._settings.refresh_seconds,
        }

    def site(self, request: Request) -> Site:
        """The site that a page is of."""
        key = one_site(request.path_params["key"].split(","))
        site = self._reports.sites.get(key)
        if site is None:
            raise no_site(key)
        return site
