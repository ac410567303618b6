"""Submitted forms: read up to a bound.

In: a request. Out: its fields, and where to go next on this server.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

from ..stats.refused import BadQuery

# A link for others, with a box for each of many sites; more is not a form of ours.
MAX_FORM_BYTES = 16_384
_MAX_FIELDS = 500


async def body_of(request: Request) -> bytes:
    """The bytes of a submitted form. Raises HTTPException for too many."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise HTTPException(413, f"a form may have {MAX_FORM_BYTES} bytes")
    return body


def fields_of(body: bytes) -> dict[str, str]:
    """Its fields. Raises BadQuery."""
    try:
        return dict(
            parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS)
        )
    except ValueError:
        raise BadQuery("the form cannot be read") from None


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a submitted form, of bounded size."""
    return fields_of(await body_of(request))


def local_path(target: str) -> str:
    """The target if it is a path on this server, else `/`. Browsers read `\\` as `/` and skip control characters."""
    safe = target.startswith("/") and not target.startswith("//") and "\\" not in target and target.isprintable()
    return target if safe else "/"
