"""The request of a line: its method, and the page it names.

In: `GET /a?b=c HTTP/1.1`, also with an absolute target. Out: method, host, path with query. Promises: never raises.
"""

from __future__ import annotations

import re

from schema.host import site_name

_PROTOCOL = re.compile(r" HTTP/[\d.]*\Z", re.IGNORECASE)
_ABSOLUTE = re.compile(r"https?://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)


def split_request(request: str) -> tuple[str, str]:
    """(method, target) of a request line; ("", "") where it is none."""
    method, _, rest = request.partition(" ")
    target = _PROTOCOL.sub("", rest)
    return (method, target) if target and method.isalpha() else ("", "")


def split_target(target: str) -> tuple[str, str]:
    """(host, path with query) of a request's target; no host where it names none, as almost always."""
    if target[:1] == "/":
        return "", "/" + target.lstrip("/")
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        return "", f"/{target}"
    return host_of(absolute[1].rpartition("@")[2]), "/" + absolute[2].lstrip("/")


def host_of(name: str) -> str:
    """A host as the site's own are spelled; "" for `-`, which servers write for none."""
    return "" if name in ("", "-") else site_name(name)
