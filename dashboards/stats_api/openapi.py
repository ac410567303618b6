"""What /api/v2/query takes and answers, described for machines: an OpenAPI 3.1 document at /api/openapi.json.

In: the structs of requests and answers. Out: JSON. Promises: every schema is drawn from the struct that a request is
read into or an answer is made of, so that it cannot say anything else.
"""

from __future__ import annotations

from functools import cache
from importlib import metadata
from typing import Any

import msgspec

from .answer import QueryAnswer, QueryRefused
from .request import Asked

_Json = dict[str, Any]
_AT = "#/components/schemas/{name}"
EXAMPLE: _Json = {
    "site_id": "example.com",
    "metrics": ["visitors", "pageviews", "bounce_rate"],
    "date_range": "7d",
    "dimensions": ["visit:country"],
    "filters": [["is_not", "visit:country", [""]]],
    "pagination": {"limit": 10},
}
_REFUSALS = {
    "400": "It cannot be read, or what it asks for is not kept; `nearest` is a question like it that is answered.",
    "401": "Neither a token nor a session that holds, or a site that may not be read.",
    "413": "The question is too long.",
    "429": "More questions than the token is good for; ask again after the seconds in Retry-After.",
    "503": "The store does not answer; ask again after the seconds in Retry-After.",
}


@cache
def document() -> _Json:
    """The whole document."""
    _, schemas = msgspec.json.schema_components((Asked, QueryAnswer, QueryRefused), ref_template=_AT)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Footfall's Stats API",
            "version": metadata.version("footfall"),
            "summary": "Numbers of a site, in the JSON that Plausible publishes for its Stats API v2.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": {"/api/v2/query": {"post": _operation()}},
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token that reads, made with `footfall token create SITE --read`.",
                }
            },
        },
    }


def _operation() -> _Json:
    asked = {"application/json": {"schema": _schema(Asked), "example": EXAMPLE}}
    return {
        "operationId": "query",
        "summary": "Ask about a site",
        "requestBody": {"required": True, "content": asked},
        "responses": {
            "200": _reply("The numbers.", QueryAnswer),
            **{status: _reply(why, QueryRefused) for status, why in _REFUSALS.items()},
        },
    }


def _reply(description: str, body: type) -> _Json:
    return {"description": description, "content": {"application/json": {"schema": _schema(body)}}}


def _schema(body: type) -> _Json:
    return {"$ref": _AT.format(name=body.__name__)}
