"""The page of a site's links for others: which there are, a new one, one taken back.

In: HTTP requests of editors. Out: HTML that works without JavaScript. Promises: nobody makes a link to a site that he
may not share, nor sees one; a link's address is shown once.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from schema.site import Site

from ..accounts.accounts import Accounts
from ..accounts.audit import Deed
from ..accounts.policy import Action, may
from ..accounts.sessions import User
from ..settings import DashboardSettings
from ..stats.period import PERIODS
from ..stats.query import one_site
from ..stats.report import Reports
from ..web.base_path import reached_at
from ..web.gate import Gate
from ..web.pages import SitePages
from ..web.rendering import Pages
from .shares import FREE, OF_PERIODS, PANELS, USUAL_PANELS, Share, ShareRefused, Shares, days_of, origin, refuse_segment

_PATH = "/sites/{key}/share"
# What the form offers to have a link expire.
LIVES = {"": "until it is taken back", "7": "7 days", "30": "30 days", "90": "90 days", "365": "a year"}


class MakeSharePages:
    """reports: for which sites there are."""

    def __init__(
        self,
        pages: Pages,
        gate: Gate,
        accounts: Accounts,
        shares: Shares,
        reports: Reports,
        settings: DashboardSettings,
        sites: SitePages,
    ) -> None:
        self._pages, self._gate, self._accounts, self._shares = pages, gate, accounts, shares
        self._reports, self._sites = reports, sites
        self._settings = settings

    def routes(self) -> list[BaseRoute]:
        """Every page."""
        return [
            self._gate.page(Action.SHARE, _PATH, self.show),
            self._gate.form(Action.SHARE, _PATH, self.make),
            self._gate.form(Action.SHARE, f"{_PATH}/revoked", self.revoke),
        ]

    def show(self, request: Request, user: User) -> Response:
        """GET /sites/{key}/share"""
        return self._page(request, user)

    def make(self, request: Request, user: User, form: Mapping[str, str]) -> Response:
        """POST /sites/{key}/share"""
        site = self._site(request)
        try:
            sites = [site, *(one for one in self._others(user, site) if form.get(_box(one)))]
            token, _ = self._shares.make(_wanted(sites, form, self._until(form)), form.get("password", ""))
        except ShareRefused as problem:
            return self._page(request, user, error=str(problem), status=400, form=form)
        for one in sites:
            self._accounts.note(user.id, Deed.SHARED, one.key)
        begin = reached_at(request, self._settings.public_url)
        return self._page(request, user, link=f"{begin}/share/{token}", embeds=bool(form.get("hosts", "").strip()))

    def revoke(self, request: Request, user: User, form: Mapping[str, str]) -> Response:
        """POST /sites/{key}/share/revoked"""
        site = self._site(request)
        if any(one.id == form.get("id") for one in self._mine(user, site)) and self._shares.revoke(form["id"]):
            self._accounts.note(user.id, Deed.SHARE_REVOKED, site.key)
        return self._pages.to(f"/sites/{quote(site.key)}/share")

    def _mine(self, user: User, site: Site) -> list[Share]:
        """The links to a site, all of whose sites this user may share."""
        return [
            one
            for one in self._shares.all()
            if site.key in one.sites and all(may(user, Action.SHARE, key) for key in one.sites)
        ]

    def _others(self, user: User, site: Site) -> list[Site]:
        """Of which sites a link may be, too: those that this user may share."""
        return [one for one in self._reports.sites.values() if one.key != site.key and may(user, Action.SHARE, one.key)]

    def _page(
        self,
        request: Request,
        user: User,
        error: str = "",
        status: int = 200,
        link: str = "",
        embeds: bool = False,
        form: Mapping[str, str] | None = None,
    ) -> Response:
        site = self._site(request)
        given: dict[str, Any] = dict(form or {"title": site.key, "days": "90", "period": FREE})
        return self._pages.page(
            "share_made.html",
            status,
            **self._sites.around(request, user, site),
            links=[(one, _days_of(one)) for one in self._mine(user, site)],
            other_sites=[(one.key, _box(one), bool(given.get(_box(one)))) for one in self._others(user, site)],
            panels=[(name, name in (_panels(given) if form else USUAL_PANELS)) for name in PANELS],
            periods={FREE: "whoever looks chooses"} | {name: PERIODS[name][0] for name in OF_PERIODS},
            lives=LIVES,
            given=given,
            error=error,
            link=link,
            embeds=embeds,
            when=lambda second: dt.datetime.fromtimestamp(second, dt.UTC).date(),
        )

    def _site(self, request: Request) -> Site:
        site = self._reports.sites.get(one_site(request.path_params["key"].split(",")))
        if site is None:
            raise HTTPException(404, f"there is no site {request.path_params['key']!r}")
        return site

    def _until(self, form: Mapping[str, str]) -> float:
        days = form.get("days", "")
        if days not in LIVES:
            raise HTTPException(400, f"a link holds {', '.join(filter(None, LIVES))} days, or until it is taken back")
        return self._shares.after(int(days)) if days else 0.0


def _wanted(sites: Sequence[Site], form: Mapping[str, str], expires: float) -> Share:
    """What a form asks for. Raises ShareRefused."""
    segment, first, last = (form.get(name, "").strip() for name in ("segment", "first", "last"))
    for site in sites:
        refuse_segment(site.key, site.segments, segment)
    keys = tuple(site.key for site in sites)
    period, begin, end = days_of(form.get("period", ""), first, last)
    return Share(
        title=form.get("title", "").strip() or ", ".join(keys),
        sites=keys,
        segment=segment,
        panels=_panels(form),
        period=period,
        first=begin,
        last=end,
        expires=expires,
        hosts=tuple(map(origin, form.get("hosts", "").split())),
        has_password=bool(form.get("password")),
    )


def _box(site: Site) -> str:
    """The field of a site that a link may be of, too."""
    return f"site_{site.key}"


def _panels(form: Mapping[str, str]) -> tuple[str, ...]:
    """A box each: forms of ours have a field once."""
    return tuple(name for name in PANELS if form.get(f"panel_{name}"))


def _days_of(one: Share) -> str:
    """Which days a link is of, in words."""
    if one.first and one.last:
        return f"{one.first} to {one.last}"
    return "any days that are over" if one.period == FREE else PERIODS[one.period][0]
