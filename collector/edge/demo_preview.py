"""What became of this request: the demo page's answer to its own visitor, field by field.

In: a beacon as the tracker sends it, posted by a page of the collector's own. Out: what would be stored of it, and why
the rest is dropped. Promises: computed in memory by the collector's own steps with a key that is forgotten at once;
nothing is stored, counted or logged. Nothing of the request is answered but what the steps leave of it: the page
knows itself what it sent, and of the address, which it does not know, the network alone, as no answer holds an address.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from schema.event import ENGAGEMENT, NO_SCROLL, NOT_MEASURED
from schema.lasting import kind_and_place
from schema.site import DEMO
from schema.vitals import VITALS

from ..diagnostics.preview import COMES_FROM, LABELS, Preview, hashed, preview_of
from ..keys.key import NoKey
from ..model import Client, Rules
from ..outcome import Reason, Refused
from ..privacy.address import truncate
from ..service import Collector
from ..wire.plausible import Plausible, decode
from .answers import private, refusal
from .body import TooLarge, check_body, read_body
from .client import client_of
from .endpoint import CALM_AFTER_S, RETRY_AFTER_S
from .head import head_of
from .own_pages import OwnPages

log = structlog.get_logger("collector")

PATH = "/demo/what"
_MEASURED = ("engaged_ms", "scroll", *VITALS, "elements")
# Beside what every request brings: what the page tells of its own, and the moment.
ROWS = {
    **COMES_FROM,
    "event": ("name", "interactive", "props", "currency", "amount", "id", "page_language"),
    "measured": _MEASURED,
    "time": ("received",),
}
_LABELS = {**LABELS, "event": "What happened", "measured": "Measured on the page", "time": "Moment of receipt"}
# A value that says that there is none.
_NONE = (
    {"currency": "", "amount": 0, "id": 0, "engaged_ms": 0, "scroll": NO_SCROLL}
    | dict.fromkeys(VITALS, NOT_MEASURED)
)  # fmt: skip
_OUTCOMES = {
    "recorded": "It is recorded, as the rows below say.",
    Reason.OPTED_OUT: "Nothing of it is stored: this browser asks not to be counted "
    "(Do Not Track, or turned off on this page).",
    Reason.GPC: "Nothing of it is stored: this browser sends Global Privacy Control.",
    Reason.COUNT_ONLY: "Only a bare total of the day grows by one, without visitor number or any field: this browser "
    "sends Global Privacy Control, or has not consented where the site asks.",
    Reason.DENIED: "Nothing of it is stored: consent was denied.",
    Reason.WITHDRAWN: "Nothing of it is stored: consent was withdrawn, and today's rows of this visitor are deleted.",
}
_SIGNALLED = "Dropped unread: what the browser asks is decided first."
_ENDED = "Dropped: the request ended before it could be stored."


def routes(collector: Collector, public_url: str = "", clock: Callable[[], float] = time.time) -> list[BaseRoute]:
    """`POST /demo/what`, for the demo pages alone. public_url: how browsers reach the collector."""
    own_pages = OwnPages(public_url, collector.knows_origin)

    async def answer(request: Request) -> Response:
        try:
            return await _answer(collector, own_pages, request, int(clock()))
        except TooLarge:
            return refusal(413, f"is larger than {Plausible.max_body} bytes")
        except Refused as refused:
            return refusal(refused.reason.status, refused.message)
        except NoKey:
            return refusal(503, "cannot be answered now, try again", RETRY_AFTER_S)
        except Exception as problem:
            # Its text may quote what was sent.
            log.error("what_became_failed", **kind_and_place(problem))
            return refusal(500, "failed; the operator's log says where")

    return [Route(PATH, answer, methods=["POST"])]


async def _answer(collector: Collector, own_pages: OwnPages, request: Request, now: int) -> Response:
    if not own_pages.ask(request.headers):
        return refusal(403, "comes from a page of another address; only the demo pages may ask")
    rules = collector.rules.get(DEMO)
    if rules is None:
        return refusal(404, "finds no site `demo` here")
    client = client_of(request.scope, collector.proxies)
    # As of a beacon, the address of who objects is not even looked at.
    if not (client.opted_out or client.gpc) and not collector.admits(rules, client):
        return refusal(429, "comes from a network that sends too much; try again in a minute", CALM_AFTER_S)
    check_body(head_of(request.scope), Plausible.max_body)
    beacon = decode(await read_body(request.receive, Plausible.max_body))
    preview = preview_of(beacon, client, rules, collector.geo_database, now)
    return private(_described(preview, client, rules))


def _described(preview: Preview, client: Client, rules: Rules) -> dict[str, Any]:
    stored = preview.stored
    otherwise = f"Nothing of it is stored; the reason is called `{preview.outcome}`."
    signalled = not stored and Reason(preview.outcome).is_signal
    why = _why(rules) if stored else dict.fromkeys(ROWS, _SIGNALLED if signalled else _ENDED)
    return {
        "outcome": preview.outcome,
        "says": _OUTCOMES.get(preview.outcome, otherwise),
        "preset": preview.preset,
        "deleted_after_days": rules.lifetime,
        # The signals are decided before the address is read into anything; so it is here.
        "network": _network(client, rules) if stored else "",
        "rows": [
            {"name": name, "label": _LABELS[name], "stored": _kept(stored, name, rules), "why": why[name]}
            for name in ROWS
            if name != "measured" or stored.get("name") == ENGAGEMENT
        ],
    }


def _network(client: Client, rules: Rules) -> str:
    settings = rules.anonymization
    return truncate(client.address, settings.ipv4_bits, settings.ipv6_bits)


def _kept(stored: Mapping[str, Any], name: str, rules: Rules) -> dict[str, str]:
    """The fields of a row that hold something, as text."""
    found = {
        field: stored[field]
        for field in ROWS[name]
        if stored.get(field, "") not in ("", {}) and stored[field] != _NONE.get(field, "")
    }
    if "visitor" in found:
        found["visitor"] = hashed(rules.anonymization)
    if "network_number" in found:
        found["network_number"] = "a number made of the network with the key of the day"
    if "id" in found:
        found["id"] = "a number made of it with the key of the day"
    if "received" in found:
        found["received"] = dt.datetime.fromtimestamp(found["received"], dt.UTC).isoformat(" ")
    return {field: _text(value) for field, value in found.items()}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {text}" for name, text in value.items())
    return str(value)


def _why(rules: Rules) -> dict[str, str]:
    """What becomes of what is not stored of each, and why."""
    settings = rules.anonymization
    rest = (
        "The whole goes into today's visitor number, in memory only"
        if settings.visitor_address == "full"
        else "The rest goes into nothing"
    )
    kept = ", ".join(sorted(rules.keep)) or "none"
    return {
        "address": f"Cut to its network, for the place and today's visitor number. {rest}: it names a household.",
        "agent": "Read for browser, system and kind of device, and for today's visitor number, then dropped in memory: "
        "in full it is half a fingerprint.",
        "url": f"Only the parameters on the list stay ({kept}); others lose name and value, and addresses, tokens and "
        "numbers of people in a path become placeholders.",
        "referrer": f"Only its {'host and path' if settings.referrer == 'path' else 'host'}, and the source that it "
        "stands for; the rest may say what somebody has read or searched for.",
        "language": f"Only the first one{'' if settings.language == 'full' else ', without its country'}: the whole "
        "list is rare enough to know somebody by.",
        "time_zone": "Read for the country, then dropped.",
        "screen_width": "Only its class (XS to XL): the pixels are part of a fingerprint.",
        "event": "The page's own words; what looks like an address, a token or a number of somebody becomes a "
        "placeholder.",
        "measured": "Numbers of the page, about nobody; of the elements that made it slow their place in its layout, "
        "without what looks like data.",
        "time": f"To the {settings.timestamps}, deleted with the row after {rules.lifetime} days.",
    }
