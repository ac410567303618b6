"""Answers to whoever asks the collector about themselves: JSON that no cache keeps and no page of another site reads.

In: a struct, or why there is none. Out: a response.
"""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from ..wire.base import Errors

PRIVATE = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
}


def private(content: object, status: int = 200) -> Response:
    """The content as JSON."""
    return Response(msgspec.json.encode(content), status, media_type="application/json", headers=PRIVATE)


def refusal(status: int, message: str, wait_s: int = 0) -> Response:
    """Why nothing is answered. wait_s: after how many seconds to try again; 0: never."""
    answer = private(Errors({"request": [message]}), status)
    if wait_s:
        answer.headers["retry-after"] = str(wait_s)
    return answer
