"""Lines that are JSON objects: nginx with names of one's own, Caddy, Traefik, and others that use such names.

In: some lines, to see which key holds what. Out: a `Form` that looks there in every line. Promises: no line
raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from .forms import Entry, Form

Path = tuple[str, ...]

# The keys of each field, the best first: in lower case, with "_" for "-", a dot for each level.
_KEYS = {
    "client": (
        *("request.client_ip", "request.remote_ip", "clienthost", "remote_addr", "client_ip", "remote_ip", "clientip"),
        *("client", "ip", "client_addr", "client_address", "clientaddr", "remote_address", "source.ip", "client.ip"),
        *("client.address", "request.remote_addr", "remote_host", "remotehost", "addr", "peer", "remoteaddr"),
        *("httprequest.remoteip", "req.remoteaddress", "downstream_remote_address"),
    ),
    "time": (
        *("time_iso8601", "time_local", "startutc", "ts", "@timestamp", "timestamp", "time", "msec", "datetime"),
        "date",
        *("time_unix", "start_time", "startlocal", "local_time", "event_time", "request_timestamp"),
        "edgestarttimestamp",
    ),
    "status": (
        *("status", "downstreamstatus", "status_code", "statuscode", "response_status", "http.response.status_code"),
        *("response.status", "response_code", "http_status", "responsestatus", "code"),
        *("http.status_code", "http.status", "res.statuscode", "httprequest.status", "edgeresponsestatus"),
    ),
    "line": ("request", "request_line", "requestline", "http_request", "first_line"),
    "method": (
        *("request_method", "requestmethod", "method", "request.method", "http.request.method", "http_method", "verb"),
        *("http.method", "req.method", "httprequest.requestmethod", "clientrequestmethod"),
    ),
    "target": (
        *("request_uri", "requesturi", "requestpath", "request.uri", "url.original", "uri", "url", "request_url"),
        *("request.url", "url.path", "request_path", "path", "document_uri", "http.url", "req.url"),
        *("http.uri", "http.target", "http.path", "httprequest.requesturl", "clientrequesturi", "clientrequestpath"),
    ),
    "query": ("args", "query_string", "query", "url.query", "querystring"),
    "referrer": (
        *("http_referer", "http_referrer", "referer", "referrer", "request_referer", "request.headers.referer"),
        *("http.request.referrer", "headers.referer", "request_headers_referer", "httpreferer", "http.referer"),
        *("req.headers.referer", "httprequest.referer", "clientrequestreferer"),
    ),
    "agent": (
        *("http_user_agent", "user_agent", "agent", "ua", "useragent", "request_user_agent", "user_agent.original"),
        *("request.headers.user_agent", "headers.user_agent", "httpuseragent", "http_useragent", "request_useragent"),
        *("http.user_agent", "http.useragent", "req.headers.user_agent", "httprequest.useragent"),
        "clientrequestuseragent",
    ),
    "host": (
        *("http_host", "server_name", "vhost", "requesthost", "request.host", "url.domain", "virtual_host", "host"),
        *("requestaddr", "domain", "servername", "request_host"),
        *("authority", "req.headers.host", "clientrequesthost"),
    ),
    "forwarded": (
        *("http_x_forwarded_for", "x_forwarded_for", "xff", "request_x_forwarded_for", "forwarded_for"),
        *("request.headers.x_forwarded_for", "headers.x_forwarded_for", "http_x_real_ip", "x_real_ip"),
        *("http_cf_connecting_ip", "cf_connecting_ip", "request.headers.cf_connecting_ip", "xforwardedfor"),
        "req.headers.x_forwarded_for",
    ),
}
_HEX = re.compile(r"(?:\\x[0-9A-Fa-f]{2})+")


def json_form(sample: Sequence[str]) -> Form | None:
    """The form of these lines; None where they are not all such objects, or lack what a page view needs."""
    paths: dict[str, Path] = {}
    for line in sample:
        value = _decoded(line)
        if value is not None:
            paths |= {name: path for name, path in _leaves(value, ()) if name not in paths}
    held = {field: tuple(paths[key] for key in keys if key in paths)[:1] for field, keys in _KEYS.items()}
    at = {field: found[0] for field, found in held.items() if found}
    if not {"client", "time", "status"} <= at.keys() or not ("line" in at or {"method", "target"} <= at.keys()):
        return None

    def parse(line: str) -> Entry | None:
        value = _decoded(line)
        if value is None:
            return None
        found = {field: _text(value, path) for field, path in at.items()}
        if not (found["client"] or found["time"]):
            return None
        host = found.get("host", "")
        return Entry(
            found["client"],
            # The name of a machine has no dot, and is no site's.
            host if "." in host else "",
            found["time"],
            found.get("line") or _request(found),
            found["status"],
            found.get("referrer", ""),
            found.get("agent", ""),
            found.get("forwarded", ""),
        )

    return Form("JSON", parse, agent="agent" in at, escaped=False)


def key_names(line: str) -> list[str]:
    """The names of an object's keys, for a message: only those that are names."""
    value = _decoded(line)
    return [name for name, _ in _leaves(value or {}, ()) if re.fullmatch(r"@?[a-z_][a-z0-9_.]{0,40}", name)]


def _decoded(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        try:
            value = msgspec.json.decode(line)
        except msgspec.DecodeError:
            if "\\x" not in line:
                return None
            # nginx without `escape=json` writes bytes as \xHH, which no JSON has.
            value = msgspec.json.decode(_HEX.sub(_as_json, line))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _as_json(match: re.Match[str]) -> str:
    raw = bytes.fromhex(match[0].replace("\\x", ""))
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return msgspec.json.encode(text).decode()[1:-1]


def _leaves(value: dict[str, Any], above: Path) -> Iterator[tuple[str, Path]]:
    """Every key that holds no object, by its name as in `_KEYS`."""
    for key, held in value.items():
        path = (*above, key)
        if not isinstance(held, dict):
            yield ".".join(path).lower().replace("-", "_"), path
        elif len(path) < 4:
            yield from _leaves(held, path)


def _text(value: Any, path: Path) -> str:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    if isinstance(value, list):  # a header that may be there several times
        value = ", ".join(item for item in value if isinstance(item, str))
    if isinstance(value, str):
        return value
    if isinstance(value, float) and abs(value) < 1e18:
        return f"{value:.3f}"
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _request(found: dict[str, str]) -> str:
    method, target, query = found.get("method", ""), found.get("target", ""), found.get("query", "")
    if query and query != "-" and "?" not in target:
        target = f"{target}?{query.removeprefix('?')}"
    return f"{method} {target} HTTP/" if method else ""
