"""The measure of all ingest: Starlette that decodes the same JSON and answers. No checks, no visitor, no disk."""

from __future__ import annotations

import json

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


async def _decode_only(request: Request) -> Response:
    json.loads(await request.body())
    return Response(b"ok", 202)


app = Starlette(routes=[Route("/api/event", _decode_only, methods=["POST"])])
