"""The control application: what a running Footfall answers on DATA/control.sock.

In: the engine, requests of commands. Out: JSON. Promises: a request of another version is refused with what to do, and
no refusal quotes an argument.
"""

from __future__ import annotations

import sqlite3
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pipeline.spool.layout import LayoutUnknown
from schema.store import StoreError

from ..errors import CannotDo
from ..supervisor.expected import line_of
from .engine import Engine
from .instance import CALLS


def control_app(engine: Engine) -> Starlette:
    """What the running instance answers on its socket (0600: only its own user reaches it)."""

    def call(what: str, arguments: Any) -> Any:
        if what not in CALLS:
            raise CannotDo(f"{what!r} is nothing this version does")
        given = msgspec.convert(arguments, tuple[CALLS[what].takes])  # type: ignore[misc]
        asked = getattr(engine, what)
        return asked(*given) if callable(asked) else asked

    async def answer(request: Request) -> Response:
        arguments = msgspec.msgpack.decode(await request.body())
        try:
            value = await run_in_threadpool(call, request.path_params["what"], arguments)
        except CannotDo as problem:
            return Response(str(problem), 400)
        except (msgspec.ValidationError, LayoutUnknown) as problem:
            # Neither names a value: the one a place in the argument, the other a field.
            what = f"{request.path_params['what']}: {problem}"
            return Response(f"{what}; use the command of the version that is running, or restart Footfall", 400)
        except (StoreError, OSError, sqlite3.DatabaseError) as problem:
            # A disk that is full or fails: the same words as where nothing runs.
            return Response(line_of(problem), 503)
        return Response(msgspec.json.encode(value), media_type="application/json")

    return Starlette(routes=[Route("/{what}", answer, methods=["POST"])])
