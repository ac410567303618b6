"""The operations that the collector offers, each with what it is asked and answers: /openapi.json is drawn from these.

In: the structs that requests are read into, and those that answers are made of. Out: `OPERATIONS`. Promises: what the
examples show is taken, and answered, as they show it.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from ..wire import plausible
from ..wire.base import Errors
from ..wire.pixel import PixelQuery
from ..wire.plausible import PageEvent
from ..wire.server_api import ServerEvents
from ..wire.server_event import MAX_EVENTS, Batch, Result, ServerEvent
from .endpoint import CALM_AFTER_S, RETRY_AFTER_S
from .questions import AboutMe, Me, NoSuchSite, Objected, Objection, Readiness

_Json = dict[str, Any]


# -- what an operation is ------------------------------------------------------------------------------------------


class ManyOf(Struct, frozen=True):
    """One of these, or a list of at most so many."""

    one: type[Struct]
    most: int


class HeaderDoc(Struct, frozen=True):
    """A header of an answer. like: its JSON type."""

    name: str
    like: str = "string"
    description: str = ""
    example: object = None


class ReplyDoc(Struct, frozen=True):
    """An answer. body: a struct, or the JSON schema of another one; None where it has no schema. examples: by name."""

    description: str
    body: type[Struct] | _Json | None = None
    media: str = "application/json"
    headers: tuple[HeaderDoc, ...] = ()
    examples: _Json = {}


class RequestDoc(Struct, frozen=True):
    """A body. media: every type it may have. bodies: those it may be."""

    description: str
    media: tuple[str, ...]
    bodies: tuple[type[Struct] | ManyOf, ...]
    examples: _Json = {}
    example: object = None


class Operation(Struct, frozen=True):
    """One method at one path. asked: its query. by_token: only with a token of a site."""

    path: str
    method: str
    id: str
    tag: str
    summary: str
    replies: dict[str, ReplyDoc]
    description: str = ""
    asked: type[Struct] | None = None
    request: RequestDoc | None = None
    by_token: bool = False


# -- examples ------------------------------------------------------------------------------------------------------

_VISITOR = {
    "address": "203.0.113.77",
    "agent": "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0",
    "languages": "de-AT,de;q=0.9",
    "do_not_track": None,
    "global_privacy_control": None,
}
_SIGNUP = {
    "id": "0b9a3c1e-5f0e-4b6e-8f63-0d1f4a3c9a11",
    "name": "signup",
    "url": "https://example.com/join?utm_source=newsletter",
    "props": {"plan": "team"},
    "visitor": _VISITOR,
}
_ORDER = {
    "id": "order-10023",
    "name": "purchase",
    "url": "https://example.com/checkout/done",
    "referrer": "https://example.com/checkout",
    "revenue": {"amount": "19.90", "currency": "EUR"},
    "visitor": _VISITOR,
}
_CRAWLED = {
    "name": "pageview",
    "url": "https://example.com/",
    "visitor": {**_VISITOR, "agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"},
}
_WITHOUT_AGENT = {
    "name": "pageview",
    "url": "https://example.com/",
    "visitor": {"address": "203.0.113.77", "do_not_track": None, "global_privacy_control": None},
}
# What is sent to /api/events, and the answer to each.
EXAMPLES: dict[str, tuple[object, _Json]] = {
    "one": (_SIGNUP, {"accepted": 1, "dropped": [], "refused": []}),
    "several": (
        {"events": [_ORDER, _CRAWLED, _WITHOUT_AGENT]},
        {
            "accepted": 1,
            "dropped": [{"index": 1, "reason": "bot"}],
            "refused": [
                {
                    "reason": "bad_body",
                    "field": "visitor.agent",
                    "message": "is required: the visitor's User-Agent header, which is used in memory and never stored",
                    "index": 2,
                }
            ],
        },
    ),
    "a_list": ([_SIGNUP, _ORDER], {"accepted": 2, "dropped": [], "refused": []}),
}
_NOT_AUTHORIZED = {
    "accepted": 0,
    "dropped": [],
    "refused": [
        {
            "reason": "not_authorized",
            "field": "authorization",
            "message": "needs a token of the site: `Authorization: Bearer fft_…`; "
            "`footfall token create SITE` makes one",
        }
    ],
}

_REASON = HeaderDoc(
    "X-Footfall-Reason", description="Why something did not become an event; missing if there is nothing to tell."
)
_AGAIN = HeaderDoc("Retry-After", "integer", "Seconds.", RETRY_AFTER_S)
_CALM = HeaderDoc("Retry-After", "integer", "Seconds.", CALM_AFTER_S)
_DROPPED = HeaderDoc("X-Plausible-Dropped", "integer", "How many did not become an event.")


def _refusals(body: type[Struct] | None, media: str = "application/json") -> dict[str, ReplyDoc]:
    """What every endpoint of events answers where nothing was taken, in the body of its own format."""
    found: tuple[tuple[str, str, tuple[HeaderDoc, ...]], ...] = (
        ("400", "Nothing was taken: it has to be mended.", ()),
        ("405", "Another method than this one.", (HeaderDoc("Allow"),)),
        ("413", "The body is too large.", ()),
        ("429", "The network sends more than `collector.rate_limit` lets in.", (_CALM,)),
        ("500", "A defect; the operator's log says where.", ()),
        ("503", "Nothing can be stored now; send the same again.", (_AGAIN,)),
    )
    return {status: ReplyDoc(description, body, media, (_REASON, *headers)) for status, description, headers in found}


# -- the operations ------------------------------------------------------------------------------------------------

_OF_SERVERS = Operation(
    "/api/events",
    "post",
    "sendEvents",
    "events",
    "Events from a site's own server.",
    {
        "202": ReplyDoc(
            "Something was taken, or dropped for a reason that no sender can mend.",
            Result,
            headers=(_REASON,),
            examples={name: answer for name, (_, answer) in EXAMPLES.items()},
        ),
        **_refusals(Result),
        "401": ReplyDoc(
            "The token is missing, wrong or revoked.",
            Result,
            headers=(_REASON, HeaderDoc("WWW-Authenticate", example="Bearer")),
            examples={"no_token": _NOT_AUTHORIZED},
        ),
    },
    "One event, a list, or a list in an object. What was accepted is on disk. An event with an `id` may be sent again "
    "after any failure: it counts once per site and day. A malformed event does not take the others with it. Not for "
    "browsers: pages of other origins are not let in.",
    request=RequestDoc(
        f"At most {ServerEvents.max_body} bytes, not compressed.",
        ("application/json",),
        (ManyOf(ServerEvent, MAX_EVENTS), Batch),
        {name: sent for name, (sent, _) in EXAMPLES.items()},
    ),
    by_token=True,
)
_OF_PAGES = Operation(
    "/api/event",
    "post",
    "sendPageEvent",
    "events",
    "An event from a page, in Plausible's format.",
    {
        "202": ReplyDoc(
            "Taken, or dropped for a reason that is in the header.",
            {"type": "string", "const": "ok"},
            "text/plain",
            (_REASON, _DROPPED),
        ),
        **_refusals(Errors),
    },
    "Address, agent and signals are those of the request itself; a body cannot set them.",
    request=RequestDoc(
        f"At most {plausible.Plausible.max_body} bytes, not compressed. `text/plain` saves a page of another origin "
        "the preflight.",
        ("application/json", "text/plain"),
        (ManyOf(PageEvent, plausible.MAX_BEACONS),),
        example={"n": "pageview", "u": "https://example.com/a?utm_source=x", "d": "example.com"},
    ),
)
_PIXEL = Operation(
    "/pixel.gif",
    "get",
    "showPixel",
    "events",
    "A page view, for pages without scripts.",
    {
        "200": ReplyDoc("Taken, or dropped for a reason that is in the header.", None, "image/gif", (_REASON,)),
        **_refusals(None, "image/gif"),
    },
    "Always a picture, so that no page shows a broken one.",
    asked=PixelQuery,
)
_ME = Operation(
    "/privacy/me",
    "get",
    "showMe",
    "visitors",
    "What this request would be reduced to.",
    {"200": ReplyDoc("What would be stored.", Me), "404": ReplyDoc("There is no such site.", NoSuchSite)},
    "Computed from the request alone; nothing is looked up, and nothing of it is kept.",
    asked=AboutMe,
)
_OBJECT = Operation(
    "/privacy/object",
    "post",
    "object",
    "visitors",
    "Has today's rows of whoever asks deleted.",
    {
        "202": ReplyDoc("It will be done.", Objected),
        "403": ReplyDoc("It comes from a page of another address.", Errors),
        "429": ReplyDoc(
            "The network objects more often than `collector.objections_limit` lets in.", Errors, headers=(_CALM,)
        ),
        "503": ReplyDoc("It cannot be taken now.", Errors, headers=(_AGAIN,)),
    },
    "The answer is the same whether or not there are any.",
    asked=Objection,
)
OPERATIONS = (
    _OF_SERVERS,
    _OF_PAGES,
    _PIXEL,
    _ME,
    _OBJECT,
    Operation(
        "/healthz",
        "get",
        "healthz",
        "operation",
        "Whether the process answers.",
        {"200": ReplyDoc("It does.", {"type": "string", "examples": ["ok\n"]}, "text/plain")},
    ),
    Operation(
        "/readyz",
        "get",
        "readyz",
        "operation",
        "Whether events can be taken.",
        {"200": ReplyDoc("They can.", Readiness), "503": ReplyDoc("They cannot.", Readiness)},
    ),
    Operation(
        "/openapi.json",
        "get",
        "openapi",
        "operation",
        "This document.",
        {"200": ReplyDoc("OpenAPI 3.1.", {"type": "object"})},
    ),
)
