"""What the collector answers, told to machines: an OpenAPI 3.1 document at `/openapi.json`.

In: nothing but the structs that requests are read into. Out: JSON. Promises: the schemas of `/api/events` are those
structs, so that they cannot say anything else; what the examples show is taken, and answered, as they show it.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schema.vitals import VITALS

from ..model import CONSENTS, MAX_NAME
from ..wire import plausible
from ..wire.server_api import ServerEvents
from ..wire.server_event import MAX_EVENTS, Batch, Result, ServerEvent
from ..wire.values import MAX_PROPS
from .endpoint import RETRY_AFTER_S

_Json = dict[str, Any]

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

_REASON = {
    "X-Footfall-Reason": {
        "description": "Why something did not become an event; missing if there is nothing to tell.",
        "schema": {"type": "string"},
    }
}
_RETRY = {
    "Retry-After": {
        "description": "Seconds.",
        "schema": {"type": "integer"},
        "example": RETRY_AFTER_S,
    }
}
_DROPPED = {
    "X-Plausible-Dropped": {"description": "How many did not become an event.", "schema": {"type": "integer"}},
}


def routes() -> Sequence[Route]:
    """The document, made once."""
    body = msgspec.json.encode(document())
    headers = {
        "access-control-allow-origin": "*",
        "cross-origin-resource-policy": "cross-origin",
        "x-content-type-options": "nosniff",
        "cache-control": "no-cache",
    }

    def show(_: Request) -> Response:
        return Response(body, media_type="application/json", headers=headers)

    return [Route("/openapi.json", show, methods=["GET"])]


def document() -> _Json:
    """The whole document."""
    (batch, event, result), schemas = msgspec.json.schema_components(
        (Batch, ServerEvent, Result), ref_template="#/components/schemas/{name}"
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Footfall's collector",
            "version": metadata.version("footfall"),
            "summary": "Takes events of pages and of servers, and answers visitors.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [],
        "tags": [
            {"name": "events", "description": "What happened on a site."},
            {"name": "visitors", "description": "What a visitor can ask."},
            {"name": "operation", "description": "Whether it runs."},
        ],
        "paths": {
            "/api/events": {"post": _of_servers(batch, event, result)},
            "/api/event": {"post": _of_pages()},
            "/pixel.gif": {"get": _pixel()},
            "/privacy/me": {"get": _privacy_me()},
            "/privacy/object": {"post": _privacy_object()},
            "/healthz": {"get": _healthz()},
            "/readyz": {"get": _readyz()},
            "/openapi.json": {"get": _itself()},
        },
        "components": {
            "schemas": {**schemas, "PageEvent": _page_event(), "Errors": _ERRORS},
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token of one site, made with `footfall token create SITE`. It decides which site "
                    "the events are of. It belongs on a server: a page must never carry it.",
                }
            },
        },
    }


# -- events --------------------------------------------------------------------------------------------------------


def _of_servers(batch: _Json, event: _Json, result: _Json) -> _Json:
    many = {"type": "array", "items": event, "minItems": 1, "maxItems": MAX_EVENTS}
    asked = {name: {"value": sent} for name, (sent, _) in EXAMPLES.items()}
    answered = {name: {"value": answer} for name, (_, answer) in EXAMPLES.items()}

    def told(description: str, headers: _Json, examples: _Json | None = None) -> _Json:
        content = {"schema": result, **({"examples": examples} if examples else {})}
        return _answer(description, {"application/json": content}, {**_REASON, **headers})

    return {
        "operationId": "sendEvents",
        "tags": ["events"],
        "summary": "Events from a site's own server.",
        "description": "One event, a list, or a list in an object. What was accepted is on disk. An event with an `id` "
        "may be sent again after any failure: it counts once per site and day. A malformed event does not take the "
        "others with it. Not for browsers: pages of other origins are not let in.",
        "security": [{"token": []}],
        "requestBody": {
            "required": True,
            "description": f"At most {ServerEvents.max_body} bytes, not compressed.",
            "content": {"application/json": {"schema": {"anyOf": [event, batch, many]}, "examples": asked}},
        },
        "responses": {
            "202": told("Something was taken, or dropped for a reason that no sender can mend.", {}, answered),
            "400": told("Nothing was taken: each event, or the request, has to be mended.", {}),
            "401": told(
                "The token is missing, wrong or revoked.",
                {"WWW-Authenticate": {"schema": {"type": "string"}, "example": "Bearer"}},
                {"no_token": {"value": _NOT_AUTHORIZED}},
            ),
            "405": told("Another method than POST.", {"Allow": {"schema": {"type": "string"}}}),
            "413": told("The body is too large.", {}),
            "429": told("The visitors' network sends more than `collector.rate_limit` lets in.", _RETRY),
            "500": told("A defect; the operator's log says where.", {}),
            "503": told("Nothing can be stored now; send the same again.", _RETRY),
        },
    }


def _of_pages() -> _Json:
    one: _Json = {"$ref": "#/components/schemas/PageEvent"}
    schema = {"anyOf": [one, {"type": "array", "items": one, "minItems": 1, "maxItems": plausible.MAX_BEACONS}]}
    example = {"n": "pageview", "u": "https://example.com/a?utm_source=x", "d": "example.com"}
    body = {"schema": schema, "example": example}
    refused = {"application/json": {"schema": {"$ref": "#/components/schemas/Errors"}}}
    return {
        "operationId": "sendPageEvent",
        "tags": ["events"],
        "summary": "An event from a page, in Plausible's format.",
        "description": "Address, agent and signals are those of the request itself; a body cannot set them.",
        "requestBody": {
            "required": True,
            "description": f"At most {plausible.Plausible.max_body} bytes, not compressed. `text/plain` saves a page "
            "of another origin the preflight.",
            "content": {"application/json": body, "text/plain": body},
        },
        "responses": {
            "202": _answer(
                "Taken, or dropped for a reason that is in the header.",
                {"text/plain": {"schema": {"type": "string", "const": "ok"}}},
                {**_REASON, **_DROPPED},
            ),
            "400": _answer("It has to be mended.", refused, _REASON),
            "405": _answer("Another method than POST.", refused, _REASON),
            "413": _answer("The body is too large.", refused, _REASON),
            "429": _answer("The network sends more than is let in.", refused, {**_REASON, **_RETRY}),
            "500": _answer("A defect; the operator's log says where.", refused, _REASON),
            "503": _answer("Nothing can be stored now; send the same again.", refused, {**_REASON, **_RETRY}),
        },
    }


def _page_event() -> _Json:
    """Plausible's keys, short and long, and ours. Values that make no sense are passed over, unless they are needed."""
    described: dict[tuple[str, ...], _Json] = {
        ("n", "name"): {
            "type": "string",
            "maxLength": MAX_NAME,
            "description": "`pageview`, `engagement` or a name of your own.",
        },
        ("u", "url"): {"type": "string", "description": "The page's whole URL."},
        ("d", "domain"): {
            "type": "string",
            "description": "The site, or several between commas; without it the URL's host.",
        },
        ("r", "referrer"): {"type": "string", "description": "The referring page's URL."},
        ("m", "meta", "p", "props"): {"type": "object", "description": f"Properties; the first {MAX_PROPS} count."},
        ("$", "revenue"): {"type": "object", "description": "`amount` and `currency`."},
        ("i", "interactive"): {"type": "boolean", "default": True, "description": "Whether it ends a bounce."},
        ("h", "hashMode"): {"enum": [0, 1, True, False], "description": "Whether the fragment is part of the path."},
        ("e",): {"type": "number", "description": "Of an `engagement`: milliseconds spent looking."},
        ("sd",): {"type": "number", "description": "Of an `engagement`: scroll depth in percent."},
        tuple(VITALS): {"type": "number", "description": "Of an `engagement`: a web vital."},
        ("w", "screen_width"): {"type": "number", "description": "The screen's width in CSS pixels."},
        ("tz",): {"type": "string", "description": "The browser's time zone."},
        ("id",): {"type": "string", "description": "Sent again, it counts once per site and day."},
        ("consent",): {"enum": list(CONSENTS), "description": "What the visitor says of being recorded."},
    }
    return {
        "type": "object",
        "description": "One event of a page. It needs `n` or `name`, and `u` or `url`.",
        "allOf": [{"anyOf": [{"required": [key]} for key in keys]} for keys in (("n", "name"), ("u", "url"))],
        "properties": {key: schema for keys, schema in described.items() for key in keys},
    }


def _pixel() -> _Json:
    picture: _Json = {"image/gif": {}}
    return {
        "operationId": "showPixel",
        "tags": ["events"],
        "summary": "A page view, for pages without scripts.",
        "description": "Always a picture, so that no page shows a broken one.",
        "parameters": [
            _asked("d", "The site, or several between commas; without it the URL's host.", example="example.com"),
            _asked("u", "The page's URL; without it the Referer header.", example="https://example.com/a"),
            _asked("r", "The referring page's URL."),
        ],
        "responses": {
            "200": _answer("Taken, or dropped for a reason that is in the header.", picture, _REASON),
            "400": _answer("It has to be mended.", picture, _REASON),
            "405": _answer("Another method than GET.", picture, _REASON),
            "429": _answer("The network sends more than is let in.", picture, {**_REASON, **_RETRY}),
            "500": _answer("A defect; the operator's log says where.", picture, _REASON),
            "503": _answer("Nothing can be stored now.", picture, {**_REASON, **_RETRY}),
        },
    }


_ERRORS: _Json = {
    "type": "object",
    "description": "By field: what is wrong with it.",
    "required": ["errors"],
    "properties": {
        "errors": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}}
    },
}


# -- visitors ------------------------------------------------------------------------------------------------------


def _privacy_me() -> _Json:
    answer = {
        "type": "object",
        "required": ["site", "preset", "outcome", "stored", "time", "deleted_after_days", "never_stored", "note"],
        "properties": {
            "site": {"type": "string"},
            "preset": {"enum": ["strict", "balanced", "accurate"]},
            "outcome": {"type": "string", "description": "`recorded`, or the reason why nothing is."},
            "stored": {"type": "object", "description": "What would be stored, by field; empty if nothing."},
            "time": {"type": "string"},
            "deleted_after_days": {"type": "integer"},
            "never_stored": {"type": "array", "items": {"type": "string"}},
            "note": {"type": "string"},
        },
    }
    unknown = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
    return {
        "operationId": "showMe",
        "tags": ["visitors"],
        "summary": "What this request would be reduced to.",
        "description": "Computed from the request alone; nothing is looked up, and nothing of it is kept.",
        "parameters": [
            _asked("site", "Which site; without it the one of the host that was asked.", example="example.com"),
            _asked("url", "The page's URL."),
            _asked("referrer", "The referring page's URL."),
            _asked("time_zone", "The browser's time zone."),
            _asked("width", "The screen's width.", {"type": "integer", "minimum": 0, "maximum": 99_999}),
            _asked("consent", "What the visitor says of being recorded.", {"enum": list(CONSENTS)}),
        ],
        "responses": {
            "200": _answer("What would be stored.", {"application/json": {"schema": answer}}),
            "404": _answer("There is no such site.", {"application/json": {"schema": unknown}}),
        },
    }


def _privacy_object() -> _Json:
    note = {"type": "object", "required": ["note"], "properties": {"note": {"type": "string"}}}
    return {
        "operationId": "object",
        "tags": ["visitors"],
        "summary": "Has today's rows of whoever asks deleted.",
        "description": "The answer is the same whether or not there are any.",
        "parameters": [
            _asked("site", "Which site; without it all of them."),
            _asked("width", "The screen's width.", {"type": "integer", "minimum": 0, "maximum": 99_999}),
        ],
        "responses": {
            "202": _answer("It will be done.", {"application/json": {"schema": note}}),
            "503": _answer(
                "It cannot be taken now.",
                {"application/json": {"schema": {"$ref": "#/components/schemas/Errors"}}},
                _RETRY,
            ),
        },
    }


# -- operation -----------------------------------------------------------------------------------------------------


def _healthz() -> _Json:
    return {
        "operationId": "healthz",
        "tags": ["operation"],
        "summary": "Whether the process answers.",
        "responses": {"200": _answer("It does.", {"text/plain": {"schema": {"type": "string"}, "example": "ok\n"}})},
    }


def _readyz() -> _Json:
    answer = {
        "type": "object",
        "required": ["ready", "problem"],
        "properties": {
            "ready": {"type": "boolean"},
            "problem": {"type": "string", "description": "Why no event can be taken now; empty if they can."},
        },
    }
    content = {"application/json": {"schema": answer}}
    return {
        "operationId": "readyz",
        "tags": ["operation"],
        "summary": "Whether events can be taken.",
        "responses": {"200": _answer("They can.", content), "503": _answer("They cannot.", content)},
    }


def _itself() -> _Json:
    return {
        "operationId": "openapi",
        "tags": ["operation"],
        "summary": "This document.",
        "responses": {"200": _answer("OpenAPI 3.1.", {"application/json": {"schema": {"type": "object"}}})},
    }


def _answer(description: str, content: _Json, headers: _Json | None = None) -> _Json:
    return {"description": description, "content": content, **({"headers": headers} if headers else {})}


def _asked(name: str, description: str, schema: _Json | None = None, example: str = "") -> _Json:
    asked = {"name": name, "in": "query", "description": description, "schema": schema or {"type": "string"}}
    return {**asked, "example": example} if example else asked
