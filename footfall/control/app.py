"""The control application: what a running Footfall answers on DATA/control.sock.

In: the engine, requests of commands. Out: JSON. Promises: a request of another version is refused with what to do, and
no refusal quotes an argument.
"""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pipeline.imports import Batch
from pipeline.layout import LayoutUnknown
from schema.store import StoreError

from ..errors import CannotDo
from ..settings import SiteSettings
from .engine import Engine
from .instance import ImportEnd, StatsRequest


def control_app(engine: Engine) -> Starlette:
    """What the running instance answers on its socket (0600: only its own user reaches it)."""

    def call(what: str, argument: Any) -> Any:
        match what:
            case "settings":
                return engine.settings
            case "stats":
                return engine.stats(msgspec.convert(argument, StatsRequest))
            case "import_begin":
                return {"run": engine.import_begin(msgspec.convert(argument, SiteSettings))}
            case "import_add":
                batch = msgspec.convert(argument, Batch)
                engine.import_add(batch.run, batch.in_order())
                return {}
            case "import_finish":
                end = msgspec.convert(argument, ImportEnd)
                return engine.import_finish(end.run, end.origin)
            case "import_preview":
                return engine.import_preview(argument)
            case "import_runs":
                return {"runs": engine.import_runs()}
            case "import_undo":
                return engine.import_undo(argument)
            case "import_abandon":
                engine.import_abandon(argument)
                return {}
            case "backup":
                return engine.backup(argument)
            case "status":
                return engine.status()
            case "health":
                return engine.health()
            case "spools":
                return {"spools": engine.spools()}
            case "spools_forget":
                engine.spools_forget(msgspec.convert(argument, list[str]))
                return {}
            case "sites":
                return {"sites": engine.sites()}
            case "site_data":
                return engine.site_data(argument)
            case "site_remove":
                return engine.site_remove(argument)
            case "site_months":
                return {"months": engine.site_months(argument)}
            case "site_rows":
                return {"rows": engine.site_rows(*msgspec.convert(argument, tuple[str, str, str]))}
        raise CannotDo(f"{what!r} is nothing this version does")

    async def answer(request: Request) -> Response:
        argument = msgspec.msgpack.decode(await request.body())
        try:
            value = await run_in_threadpool(call, request.path_params["what"], argument)
        except CannotDo as problem:
            return Response(str(problem), 400)
        except (msgspec.ValidationError, LayoutUnknown) as problem:
            # Neither names a value: the one a place in the argument, the other a field.
            what = f"{request.path_params['what']}: {problem}"
            return Response(f"{what}; use the command of the version that is running, or restart Footfall", 400)
        except StoreError as problem:
            return Response(str(problem), 503)
        return Response(msgspec.json.encode(value), media_type="application/json")

    return Starlette(routes=[Route("/{what}", answer, methods=["POST"])])
