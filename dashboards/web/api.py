"""The JSON and CSV interface: the same numbers as the pages, for programs.

In: HTTP requests of a signed-in browser, or with a token. Out: JSON or CSV. Promises: every refusal says why, as
`{"error": …, "code": …}`; a token of a site never learns of another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import BaseRoute

from schema.site import Site

from ..accounts.policy import Action
from ..accounts.readers import Reader
from ..stats.bare_counts import BARE
from ..stats.leaks import COLUMNS as OF_LEAKS
from ..stats.period import Period
from ..stats.query import MAX_ROWS, Query, one_site
from ..stats.refused import OF_STATUS, BadQuery, Code
from ..stats.report import Reports
from ..stats.view import view_of
from .arguments import OVERVIEW, PERIOD, part_of, period_of, query_of, refuse_unknown
from .asked import ARGUMENTS, asked_of
from .details import Details, details
from .door import Door, NotLetIn
from .export import export
from .gate import Declared
from .nearest import Words, advice, words_of
from .tables import as_csv_file

# The columns of tables that have the same ones whatever is asked: told also where there is no row.
_COLUMNS = {name: tuple(one.columns) for name, one in BARE.items()} | {"leak": tuple(OF_LEAKS)}


def json(content: Any, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(msgspec.json.encode(content), status, media_type="application/json")


def refusal(
    status: int,
    reason: str,
    code: Code | None = None,
    headers: Mapping[str, str] | None = None,
    told: Mapping[str, Any] | None = None,
) -> Response:
    """Why a request got no answer: for people, and for programs. told: what to ask instead."""
    response = json({"error": reason, "code": code or OF_STATUS.get(status, Code.BROKEN), **(told or {})}, status)
    response.headers.update(headers or {})
    return response


class Api:
    """The endpoints below /api."""

    def __init__(self, reports: Reports, door: Door, rows: int) -> None:
        self._reports = reports
        self._door = door
        self._rows = rows

    def routes(self) -> list[BaseRoute]:
        """Every endpoint; none answers without a session or a token."""
        question = (*PERIOD, "by", "filter", "limit", "offset", "metrics", "order", "compare", "segment")
        table: tuple[tuple[str, Callable[[Request], Response], tuple[str, ...]], ...] = (
            ("/api/sites", self.list_sites, ()),
            ("/api/sites/{key}/overview", self.show_overview, OVERVIEW),
            ("/api/sites/{key}/stats", self.show_stats, question),
            ("/api/sites/{key}/stats.csv", self.export_stats, question),
            ("/api/sites/{key}/by/{table}.json", self.show_table, ARGUMENTS),
            ("/api/sites/{key}/by/{table}.csv", self.export_table, ARGUMENTS),
            ("/api/sites/{key}/export.zip", self.export_all, PERIOD),
            ("/api/sites/{key}/annotations", self.show_annotations, PERIOD),
            ("/api/sites/{key}/version", self.show_version, PERIOD),
        )
        return [Declared(Action.READ, path, self._let_in(endpoint, takes)) for path, endpoint, takes in table]

    def list_sites(self, request: Request) -> Response:
        """GET /api/sites"""
        reader: Reader = request.state.reader
        sites = [site for site in self._reports.sites.values() if reader.may_read(site.key)]
        return json(
            [
                {
                    "key": s.key,
                    "domains": s.domains,
                    "timezone": s.timezone,
                    "group": s.group,
                    "goals": [goal.name for goal in s.goals],
                }
                for s in sites
            ]
        )

    def show_overview(self, request: Request) -> Response:
        """GET /api/sites/{key}/overview?period=&filter=&segment=&metric=&grain=&compare="""
        site = self._reports.sites[request.path_params["key"]]
        period = period_of(self._reports, site, request.query_params)
        given = request.query_params
        view = view_of(given, period, self._reports.now(site).date())
        filters, segment = part_of(given)
        return json(self._reports.overview(site, period, self._rows, filters, segment, view))

    def show_stats(self, request: Request) -> Response:
        """GET /api/sites/{key}/stats?from=&to=&by=&filter="""
        return json(self._stats(request))

    def export_stats(self, request: Request) -> Response:
        """GET /api/sites/{key}/stats.csv?from=&to=&by=&filter="""
        answer = self._stats(request)
        name = f"{answer['site']}-{answer['by'] or 'totals'}-{answer['from']}-{answer['to']}.csv"
        rows = answer["rows"] or [] if answer["by"] else [answer["totals"]]
        return csv_file(name, rows, _COLUMNS.get(answer["by"], ()))

    def show_table(self, request: Request) -> Response:
        """GET /api/sites/{key}/by/{table}.json with the arguments of the page of that table: what is on the screen."""
        return json(self._details(request).as_answer())

    def export_table(self, request: Request) -> Response:
        """GET /api/sites/{key}/by/{table}.csv: the same as CSV."""
        told = self._details(request)
        name = f"{told.answer['site']}-{told.about.name}-{told.answer['from']}-{told.answer['to']}.csv"
        return csv_file(name, told.shown, _COLUMNS.get(told.about.name, ()))

    def export_all(self, request: Request) -> Response:
        """GET /api/sites/{key}/export.zip?from=&to="""
        site = self._reports.sites[request.path_params["key"]]
        period = period_of(self._reports, site, request.query_params)

        def ask(by: str) -> dict[str, Any]:
            return self._reports.stats(Query.of(site.key, period.first, period.last, by, limit=MAX_ROWS))

        headers = {"Content-Disposition": f'attachment; filename="{site.key}-{period.first}-{period.last}.zip"'}
        return StreamingResponse(export(site, ask), headers=headers, media_type="application/zip")

    def show_annotations(self, request: Request) -> Response:
        """GET /api/sites/{key}/annotations?period="""
        site = self._reports.sites[request.path_params["key"]]
        return json(self._reports.annotations(site, period_of(self._reports, site, request.query_params)))

    def show_version(self, request: Request) -> Response:
        """GET /api/sites/{key}/version?period= changes when the numbers do."""
        site = self._reports.sites[request.path_params["key"]]
        return json({"version": self._reports.version(site, period_of(self._reports, site, request.query_params))})

    def _stats(self, request: Request) -> dict[str, Any]:
        site, given = self._reports.sites[request.path_params["key"]], request.query_params
        period = period_of(self._reports, site, given)
        filters = given.getlist("filter")
        try:
            return self._reports.stats(query_of(site, given, filters, period))
        except BadQuery as refused:
            raise self._leading_on(refused, site, period, words_of(given, filters)) from None

    def _leading_on(self, refused: BadQuery, site: Site, period: Period, words: Words) -> BadQuery:
        """The same refusal, with what to ask instead."""
        instead = advice(self._reports, site, words, (period.first, period.last), refused.code)
        return BadQuery(str(refused), refused.code, instead.told())

    def _details(self, request: Request) -> Details:
        site = self._reports.sites[request.path_params["key"]]
        given, table = request.query_params, request.path_params["table"]
        period = period_of(self._reports, site, given)
        try:
            return details(self._reports, site, period, table, asked_of(given))
        except BadQuery as refused:
            words = Words(table, tuple(given.getlist("filter")), given.get("segment", ""))
            raise self._leading_on(refused, site, period, words) from None

    def _let_in(self, endpoint: Callable[[Request], Response], takes: tuple[str, ...]) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            try:
                reader = self._door.who(request)
            except NotLetIn as why:
                return refusal(why.status, str(why), why.code, why.headers)
            key = request.path_params.get("key")
            # Of a site that is not his he is told what he is told of one that does not exist.
            if key is not None and not (one_site(key.split(",")) in self._reports.sites and reader.may_read(key)):
                return refusal(404, f"there is no site {key!r}", Code.UNKNOWN_SITE)
            refuse_unknown(request.query_params, takes)
            request.state.reader = reader
            return endpoint(request)

        return answer


def csv_file(name: str, rows: list[dict[str, Any]], columns: tuple[str, ...] = ()) -> Response:
    """An answer that is saved as a file. columns: as of `as_csv`."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return PlainTextResponse(as_csv_file(rows, columns), headers=headers, media_type="text/csv; charset=utf-8")
