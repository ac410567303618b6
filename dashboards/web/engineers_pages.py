"""The engineers' pages as addresses: what would be stored of a request, why events are missing, how the instance is.

In: what the composition root hands in (`engineers`). Out: HTML; no page where nothing is handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from ..accounts.policy import EVERY_SITE, Action, may
from ..accounts.sessions import User
from ..settings import DashboardSettings
from . import engineers
from .api import json, refusal
from .arguments import refuse_unknown
from .engineers import Compare, Health, Told, Why
from .gate import Declared, Gate
from .rendering import Pages


class EngineersPages:
    """sites: their keys."""

    def __init__(
        self,
        pages: Pages,
        gate: Gate,
        settings: DashboardSettings,
        sites: Callable[[], Sequence[str]],
        compare: Compare | None,
        why: Why | None,
        health: Health | None,
    ) -> None:
        self._pages = pages
        self._gate = gate
        self._settings = settings
        self._sites = sites
        self._base = settings.base
        self._compare = compare
        self._why = why
        self._health = health

    def routes(self) -> list[BaseRoute]:
        """Every page that there is something for."""
        return [*self._engineers_routes(), *self._why_routes(), *self._health_routes()]

    def _engineers_routes(self) -> list[BaseRoute]:
        compare = self._compare
        if compare is None:
            return []

        def show(request: Request, user: User, asked: Mapping[str, str] = engineers.EXAMPLE) -> Response:
            sites = [key for key in self._sites() if may(user, Action.INSPECT, key)]
            form = {name: asked.get(name, "") for name in engineers.FIELDS}
            # What another site keeps is nobody's business who may not look into it, nor whether there is one.
            form["site"] = form["site"] if form["site"] in sites else ""
            return self._pages.page(
                "request.html",
                user=user,
                asked=form,
                compared=compare(request.scope, form),
                sites=sites,
                path=self._base + engineers.PATH,
            )

        # Not by GET: what is tried out must not stand in an address, where histories and logs keep it.
        return [
            self._gate.page(Action.INSPECT, engineers.PATH, show),
            self._gate.form(Action.INSPECT, engineers.PATH, show),
        ]

    def _why_routes(self) -> list[BaseRoute]:
        why = self._why
        if why is None:
            return []

        def show(request: Request, user: User) -> Response:
            refresh = self._settings.refresh_seconds
            return self._pages.page(
                "why.html", user=user, told=_told_to(user, why()), path=self._base + engineers.WHY_PATH, refresh=refresh
            )

        def show_version(request: Request) -> Response:
            user = self._gate.user(request)
            if user is None:
                return refusal(401, "sign in first")
            if not may(user, Action.INSPECT):
                return refusal(403, "this is for those who hold the role editor")
            refuse_unknown(request.query_params, ())
            return json({"version": _told_to(user, why()).version})

        return [
            self._gate.page(Action.INSPECT, engineers.WHY_PATH, show),
            Declared(Action.INSPECT, f"{engineers.WHY_PATH}/version", show_version),
        ]

    def _health_routes(self) -> list[BaseRoute]:
        health = self._health
        if health is None:
            return []

        def show(request: Request, user: User) -> Response:
            return self._pages.page("health.html", user=user, checks=health())

        return [self._gate.page(Action.OPERATE, engineers.HEALTH_PATH, show)]


def _told_to(user: User, told: Told) -> Told:
    """What is missing at the sites that somebody may look into; what is of none is told who may look into all."""
    counts = tuple(one for one in told.counts if may(user, Action.INSPECT, one[0] or EVERY_SITE))
    return Told(counts, tuple(one for one in told.missing if may(user, Action.INSPECT, one.site or EVERY_SITE)))
