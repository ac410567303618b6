"""POST /api/v2/query: the Stats API v2 as Plausible publishes it, over HTTP; and what it is, as OpenAPI.

In: a question of a signed-in browser, or with a token. Out: JSON. Promises: a token of a site never learns of another;
a refusal says why, and where something like it is answered, what.
"""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from schema.host import site_name
from schema.site import Site

from ..accounts.policy import Action
from ..accounts.readers import Reader
from ..stats.refused import Code
from ..stats.report import Reports
from ..web.api import json, refusal
from ..web.arguments import refuse_unknown
from ..web.door import Door, NotLetIn
from ..web.gate import Declared
from .answer import QueryRefused
from .openapi import document
from .request import MAX_BYTES, read
from .respond import answer

_NO_SITE = "there is no site {!r} that you may read: name one by its domain or key; /api/sites tells which there are"


class StatsApi:
    """The endpoint."""

    def __init__(self, reports: Reports, door: Door) -> None:
        self._reports = reports
        self._door = door

    def routes(self) -> list[BaseRoute]:
        return [
            Declared(Action.READ, "/api/v2/query", self.query, ("POST",)),
            Declared(Action.OPEN, "/api/openapi.json", self.show_document),
        ]

    def show_document(self, request: Request) -> Response:
        """GET /api/openapi.json: says nothing of any site, so anybody may read it."""
        refuse_unknown(request.query_params, ())
        return json(document())

    async def query(self, request: Request) -> Response:
        """POST /api/v2/query"""
        body = b""
        try:
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BYTES:
                    return refusal(413, f"a question has {MAX_BYTES} bytes at most")
        except ClientDisconnect:
            return refusal(400, "the question did not arrive")
        return await run_in_threadpool(self._answer, request, body)

    def _answer(self, request: Request, body: bytes) -> Response:
        try:
            reader = self._door.who(request)
        except NotLetIn as why:
            return refusal(why.status, str(why), why.code, why.headers)
        refuse_unknown(request.query_params, ())
        asked = read(body)
        site = site_called(self._reports, asked.site_id, reader)
        if site is None:
            return refusal(401, _NO_SITE.format(asked.site_id), Code.UNKNOWN_SITE)
        told = answer(self._reports, site, asked)
        return json(told, 400 if isinstance(told, QueryRefused) else 200)


def site_called(reports: Reports, name: str, reader: Reader) -> Site | None:
    """The site of that key or domain; None where there is none that may be read."""
    wanted = {name, site_name(name)}
    found = (site for site in reports.sites.values() if wanted & site.names and reader.may_read(site.key))
    return next(found, None)
