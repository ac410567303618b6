"""What the collector answers, described for machines: an OpenAPI 3.1 document at `/openapi.json`.

In: `OPERATIONS`, and the structs they name. Out: JSON. Promises: every schema is drawn from the struct that a request
is read into or an answer is made of, so that it cannot say anything else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import metadata
from typing import Any

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..wire import plausible
from .operations import OPERATIONS, HeaderDoc, ManyOf, Operation, ReplyDoc, RequestDoc

_Json = dict[str, Any]
_AT = "#/components/schemas/{name}"


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
        "paths": {one.path: {one.method: _operation(one)} for one in OPERATIONS},
        "components": {
            "schemas": _schemas(),
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


def _schemas() -> _Json:
    """Those of every body, by the name of its struct."""
    _, schemas = msgspec.json.schema_components(_bodies(), ref_template=_AT)
    event = schemas[plausible.PageEvent.__name__]
    event["allOf"] = [{"anyOf": [{"required": [key]} for key in keys]} for keys in plausible.REQUIRED]
    for field in event["properties"].values():
        # That a field is missing is no value of it.
        if field["default"] is None:
            del field["default"]
    return schemas


def _bodies() -> Iterable[type[Struct]]:
    for one in OPERATIONS:
        for body in one.request.bodies if one.request else ():
            yield body.one if isinstance(body, ManyOf) else body
        yield from (reply.body for reply in one.replies.values() if isinstance(reply.body, type))


def _operation(one: Operation) -> _Json:
    found: _Json = {"operationId": one.id, "tags": [one.tag], "summary": one.summary}
    if one.description:
        found["description"] = one.description
    if one.by_token:
        found["security"] = [{"token": []}]
    if one.asked:
        found["parameters"] = _parameters(one.asked)
    if one.request:
        found["requestBody"] = _request(one.request)
    found["responses"] = {status: _response(one.replies[status]) for status in sorted(one.replies)}
    return found


def _parameters(asked: type[Struct]) -> list[_Json]:
    """One of the query for each field."""
    _, schemas = msgspec.json.schema_components((asked,))
    found = []
    for name, field in schemas[asked.__name__]["properties"].items():
        parameter = {"name": name, "in": "query", "description": field.pop("description")}
        if examples := field.pop("examples", ()):
            parameter["example"] = examples[0]
        field.pop("default", None)
        found.append({**parameter, "schema": field})
    return found


def _request(body: RequestDoc) -> _Json:
    options: list[_Json] = []
    for one in body.bodies:
        if isinstance(one, ManyOf):
            options += [
                _schema(one.one),
                {"type": "array", "items": _schema(one.one), "minItems": 1, "maxItems": one.most},
            ]
        else:
            options.append(_schema(one))
    content: _Json = {"schema": {"anyOf": options}}
    if body.examples:
        content["examples"] = _named(body.examples)
    elif body.example is not None:
        content["example"] = body.example
    return {"required": True, "description": body.description, "content": dict.fromkeys(body.media, content)}


def _response(reply: ReplyDoc) -> _Json:
    content: _Json = {}
    if reply.body is not None:
        content["schema"] = _schema(reply.body)
    if reply.examples:
        content["examples"] = _named(reply.examples)
    found: _Json = {"description": reply.description, "content": {reply.media: content}}
    if reply.headers:
        found["headers"] = {header.name: _header(header) for header in reply.headers}
    return found


def _header(header: HeaderDoc) -> _Json:
    found: _Json = {"schema": {"type": header.like}}
    if header.description:
        found["description"] = header.description
    if header.example is not None:
        found["example"] = header.example
    return found


def _schema(body: type[Struct] | _Json) -> _Json:
    return {"$ref": _AT.format(name=body.__name__)} if isinstance(body, type) else body


def _named(examples: _Json) -> _Json:
    return {name: {"value": value} for name, value in examples.items()}
