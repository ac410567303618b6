"""POST /api/v2/query: the Stats API v2 as Plausible publishes it, over HTTP; and what it is, as OpenAPI.

In: a question of a signed-in browser, or with a token. Out: JSON. Promises: a token of a site never learns of another;
a refusal says why, and where something like it is answered, what.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec.structs import replace
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from schema.host import site_name
from schema.site import Site

from ..accounts.readers import Reader
from ..stats.refused import BadQuery, Code
from ..stats.report import Reports
from ..web.api import json, refusal
from ..web.arguments import refuse_unknown
from ..web.door import Door, NotLetIn
from .answer import QueryAnswer, QueryRefused
from .ask import Asking
from .filters import dimensions_in
from .names import TIMES
from .openapi import document
from .request import MAX_BYTES, Asked, read
from .translate import translate

_NO_SITE = "there is no site {!r} that you may read: name one by its domain or key; /api/sites tells which there are"


class StatsApi:
    """The endpoint."""

    def __init__(self, reports: Reports, door: Door) -> None:
        self._reports = reports
        self._door = door

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/api/v2/query", self.query, methods=["POST"]),
            Route("/api/openapi.json", self.show_document, methods=["GET"]),
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


def answer(reports: Reports, site: Site, asked: Asked) -> QueryAnswer | QueryRefused:
    """The answer, or why there is none."""
    try:
        plan = translate(asked, site, reports.now(site), lambda: reports.since(site))
        return Asking(plan, reports.stats).answer()
    except BadQuery as refused:
        return QueryRefused(_in_its_words(refused, asked), refused.code, _nearest(reports, site, asked, refused.code))


def _in_its_words(refused: BadQuery, asked: Asked) -> str:
    """Our own questions name dimensions otherwise."""
    text = str(refused)
    if refused.code is not Code.NOT_CROSSED or not ("by=" in text or "crossed" in text):
        return text
    names = dict.fromkeys((*(asked.dimensions or []), *dimensions_in(asked.filters)))
    return (
        f"{' and '.join(names)} are not counted together: each is counted on its own, so that no combination of "
        "attributes can single somebody out. Ask for one of them, with filters on it only"
    )


def _nearest(reports: Reports, site: Site, asked: Asked, code: Code) -> dict[str, Any] | None:
    """The first question like it that can be asked."""
    if code not in (Code.NOT_CROSSED, Code.NOT_KEPT):
        return None
    for dimensions, filtered in _likely(asked):
        kept = [one for one in asked.filters or [] if set(dimensions_in([one])) <= {filtered}]
        order = [entry for entry in asked.order_by or [] if entry[0] in (*asked.metrics, *dimensions)]
        like = replace(asked, dimensions=dimensions or None, filters=kept or None, order_by=order or None)
        if like == replace(asked, dimensions=asked.dimensions or None, filters=asked.filters or None):
            continue
        with contextlib.suppress(BadQuery):
            translate(like, site, reports.now(site), lambda: None)
            return {name: value for name, value in msgspec.to_builtins(like).items() if value}
    return None


def _likely(asked: Asked) -> Iterator[tuple[list[str], str]]:
    """Dimensions, and the one on which filters are kept: what is nearest to the question first."""
    dimensions = asked.dimensions or []
    times = [name for name in dimensions if name in TIMES]
    for name in dimensions:
        if name not in TIMES:
            yield [*times, name], name
            yield [name], name
    for name in dict.fromkeys(dimensions_in(asked.filters)):
        yield times, name
        yield [name], name
    yield times, ""
    yield [], ""
