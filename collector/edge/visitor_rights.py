"""What a visitor can ask of the collector: what a request is reduced to (D1), to be forgotten (D2), how to opt out.

In: requests. Out: JSON and one page. Promises: an answer follows from the request and the settings alone, so it is
the same whether or not rows of its sender exist; no answer can be read by other sites' pages or is kept by a cache.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import resources

from msgspec import structs
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pipeline.spool.spool import SpoolRefuses
from schema.event import PAGEVIEW
from schema.host import site_name

from ..diagnostics.preview import FIELDS, preview_of
from ..keys.key import NoKey
from ..model import CONSENTS, Beacon, Rules
from ..objections import TooManyObjections
from ..service import Collector
from ..wire.values import bounded, clean
from .answers import PRIVATE, private, refusal
from .client import client_of
from .endpoint import CALM_AFTER_S, RETRY_AFTER_S
from .own_pages import OwnPages
from .questions import AboutMe, Me, NoSuchSite, Objected, Objection, read

_FOREIGN = "comes from a page of another address; objections are taken from the collector's own page /opt-out"
_OBJECTED = Objected("What today's visits have left will be deleted within a day.")
# The day from which Sec-GPC has been honoured as the Signals table says (globalprivacycontrol.github.io/gpc-spec).
GPC_SINCE = "2026-11-22"
_PAGE = PRIVATE | {
    "cache-control": "no-cache",
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
}
_CHOICE = (
    ("/opt-out", "opt-out.html", "text/html; charset=utf-8"),
    ("/opt-out/opt-out.css", "opt-out.css", "text/css; charset=utf-8"),
    ("/opt-out/opt-out.js", "opt-out.js", "text/javascript; charset=utf-8"),
)


def routes(collector: Collector, public_url: str = "", clock: Callable[[], float] = time.time) -> list[BaseRoute]:
    """Everything a visitor can ask. public_url: how browsers reach the collector, "" where that is not set."""
    own_pages = OwnPages(public_url, collector.knows_origin)

    def show_me(request: Request) -> Response:
        """GET /privacy/me, asked as `AboutMe` says."""
        asked = read(AboutMe, request.query_params)
        rules = _rules(collector, asked.site, request.headers.get("host", ""))
        if rules is None:
            return private(NoSuchSite("site: there is no such site here; name one as ?site=example.com"), 404)
        beacon = Beacon(
            PAGEVIEW,
            bounded(clean(asked.url or f"https://{rules.site.key}/")),
            (),
            referrer=bounded(clean(asked.referrer)),
            time_zone=clean(asked.time_zone)[:64],
            width=_width(asked.width),
            consent=asked.consent if asked.consent in CONSENTS else "",
        )
        # This request comes from no page of the site; what a page's would be reduced to does not depend on hosts.
        client = structs.replace(client_of(request.scope, collector.proxies), origin="")
        rules = structs.replace(rules, site_filter=rules.site_filter.for_any_host())
        preview = preview_of(beacon, client, rules, collector.geo_database, int(clock()))
        return private(
            Me(
                site=rules.site.key,
                preset=rules.anonymization.preset,
                outcome=preview.outcome,
                stored={name: preview.stored[name] for name in FIELDS if name in preview.stored},
                time=f"to the {rules.anonymization.timestamps}" if preview.stored else "",
                deleted_after_days=rules.lifetime,
                never_stored=["your network address", "your browser's identification string", "cookies"],
                note="Computed from this request alone. Nothing was looked up, and nothing of it is kept.",
            )
        )

    async def object_(request: Request) -> Response:
        """POST /privacy/object has today's rows of the sender deleted; the page sets the opt-out flag."""
        if not own_pages.ask(request.headers):
            return refusal(403, _FOREIGN)
        asked = read(Objection, request.query_params)
        named = _rules(collector, asked.site, request.headers.get("host", ""), any_=False)
        if asked.site and named is None:
            return private(_OBJECTED, 202)
        keys = [named.site.key] if named else list(dict.fromkeys(rules.site.key for rules in collector.rules.values()))
        try:
            await collector.withdraw(client_of(request.scope, collector.proxies), keys, _width(asked.width))
        except (NoKey, SpoolRefuses):
            return refusal(503, "cannot be taken now, try again", RETRY_AFTER_S)
        except TooManyObjections:
            # Not 202: a wish that is dropped must not pass for granted.
            return refusal(429, "comes from a network that objects too often; try again in a minute", CALM_AFTER_S)
        return private(_OBJECTED, 202)

    def show_gpc(_: Request) -> Response:
        """GET /.well-known/gpc.json"""
        return private({"gpc": True, "lastUpdate": GPC_SINCE})

    folder = resources.files("collector.edge").joinpath("opt_out")
    files = [(path, _file(folder.joinpath(name).read_bytes(), kind)) for path, name, kind in _CHOICE]
    return [
        Route("/.well-known/gpc.json", show_gpc, methods=["GET"]),
        Route("/privacy/me", show_me, methods=["GET"]),
        Route("/privacy/object", object_, methods=["POST"]),
        *(Route(path, file, methods=["GET"]) for path, file in files),
    ]


def _width(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0


def _rules(collector: Collector, site: str, host: str, any_: bool = True) -> Rules | None:
    """The site that was named; failing that, the one whose host the request came to, or any: the first there is."""
    if site:
        return collector.rules.get(site_name(site))
    mine = collector.rules.get(site_name(host))
    return mine or (next(iter(collector.rules.values()), None) if any_ else None)


def _file(content: bytes, kind: str) -> Callable[[Request], Response]:
    def answer(_: Request) -> Response:
        return Response(content, media_type=kind, headers=_PAGE)

    return answer
