"""A log's format in the words of the server that wrote it: Apache's LogFormat or nginx's log_format.

In: the format string, with or without the directive around it. Out: a `Form`. Promises: a line takes linear time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from zoneinfo import ZoneInfo

from msgspec import Struct

from ...privacy.untrusted_proxy import FORWARDING
from .forms import CLIENT, QUOTED, Entry, Form
from .moments import moment_like, moment_of
from .unreadable import Unreadable

_APACHE = re.compile(
    r"%[!\d,]*[<>]?[!\d,]*(?:\{(?P<argument>[^}]*)\})?[<>]?(?P<letter>\^(?:FB|FU|t[io])|[A-Za-z%])", re.DOTALL
)
_NGINX = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_APACHE_DIRECTIVE = re.compile(r'\s*(?:LogFormat|CustomLog\s+\S+)\s+"((?:[^"\\]|\\.)*)".*', re.DOTALL | re.IGNORECASE)
_NGINX_DIRECTIVE = re.compile(r"\s*log_format\s+\S+\s+(?:escape=\w+\s+)?(.*?);?\s*", re.DOTALL)
_NGINX_PIECE = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"|(\S+)", re.DOTALL)
_ESCAPES = {"t": "\t", "n": "\n"}

# Headers in which a proxy names the client.
_FORWARDED = ("x-forwarded-for", *sorted(name.decode() for name in FORWARDING - {b"x-forwarded-for", b"forwarded"}))
# Which of several fields for the same is taken: the first in its list.
_APACHE_ROLES = {
    "client": ("a", "h", "{c}a"),
    "request": ("r",),
    "method": ("m",),
    "path": ("U",),
    "query": ("q",),
    "status": (">s", "s"),
    "referrer": ("{referer}i",),
    "agent": ("{user-agent}i",),
    "host": ("v", "V", "{host}i"),
    "forwarded": tuple(f"{{{name}}}i" for name in _FORWARDED),
}
_NGINX_ROLES = {
    "client": ("remote_addr", "realip_remote_addr", "proxy_protocol_addr"),
    "request": ("request",),
    "method": ("request_method",),
    "target": ("request_uri",),
    "path": ("uri", "document_uri"),
    "query": ("args", "query_string"),
    "status": ("status",),
    "referrer": ("http_referer",),
    "agent": ("http_user_agent",),
    "host": ("host", "http_host", "server_name"),
    "forwarded": (
        *(f"http_{name.replace('-', '_')}" for name in _FORWARDED),
        "proxy_add_x_forwarded_for",
    ),
    "time": ("time_iso8601", "time_local", "msec"),
}
_NEEDED = (
    (("client", "forwarded"), "the client's address", "%h", "$remote_addr"),
    (("time",), "the time", "%t", "$time_local"),
    (("request", "target", "path"), "the request", "%r", "$request"),
    (("status",), "the status", "%>s", "$status"),
    (("agent",), "the browser string", "%{User-Agent}i", "$http_user_agent"),
)
_COMMON_TIME = r"\d\d/[A-Za-z]{3}/\d{4}:\d\d:\d\d:\d\d(?:\.\d+)?(?: [+-]\d\d:?\d\d)?"
_STRFTIME = {
    **dict.fromkeys("dHIMSmyjUWVgCke", r" ?\d{1,3}"),
    **dict.fromkeys("YG", r"\d{4}"),
    **dict.fromkeys("aAbBhpPZ", r"[^\W\d]+\.?"),
    "z": r"(?:[+-]\d\d:?\d\d|Z)",
    "T": r"\d\d:\d\d:\d\d",
    "R": r"\d\d:\d\d",
    "F": r"\d{4}-\d\d-\d\d",
    "D": r"\d\d/\d\d/\d\d",
    "s": r"\d{9,11}",
    "f": r"\d{1,6}",
    "n": r"\s",
    "t": r"\s",
    "%": "%",
}


class _Field(Struct, frozen=True):
    """name: as the format calls it, with its argument. pattern: what it looks like, "" if what stands around it tells.
    time: how `strftime` was told to write it."""

    name: str
    pattern: str = ""
    time: str = ""


_Part = str | _Field


def form_of(text: str) -> Form:
    """The form that a format string describes. Raises Unreadable for what describes none."""
    # Tomcat's settings are XML.
    text = text.replace("&quot;", '"')
    nginx = _NGINX_DIRECTIVE.fullmatch(text)
    apache = _APACHE_DIRECTIVE.fullmatch(text)
    if apache or (_APACHE.search(text) and not _NGINX.search(text)):
        return _form(list(_apache_parts(_unquoted(apache[1] if apache else text))), _APACHE_ROLES)
    if nginx or _NGINX.search(text):
        pieces = _NGINX_PIECE.findall(nginx[1] if nginx else text) if nginx or "'" in text else [("", "", text)]
        whole = "".join(_unquoted(one or two or bare) for one, two, bare in pieces)
        return _form(list(_nginx_parts(whole)), _NGINX_ROLES)
    raise Unreadable(
        f"--format {text[:80]!r}: names no field; write it as the server's settings do, such as "
        '\'%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"\' or '
        "'$remote_addr - $remote_user [$time_local] \"$request\" $status …'"
    )


def _unquoted(text: str) -> str:
    r"""A string of a settings file without its backslashes: \" is a quote, \t a tab."""
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), text, flags=re.DOTALL)


def _apache_parts(text: str) -> Iterator[_Part]:
    at = 0
    for match in _APACHE.finditer(text):
        yield text[at : match.start()]
        at = match.end()
        letter, argument = match["letter"], match["argument"]
        if letter == "%":
            yield "%"
        elif letter == "t":
            yield from _apache_time(argument)
        elif letter == "s" and ">" in match[0]:
            yield _Field(">s")
        else:
            yield _Field(letter if argument is None else f"{{{argument.lower()}}}{letter}")
    yield text[at:]


def _apache_time(argument: str | None) -> Iterator[_Part]:
    if argument is None:
        yield from ("[", _Field("time", _COMMON_TIME), "]")
        return
    kind = re.sub(r"^(begin|end):?", "", argument)
    if kind in ("sec", "msec", "usec"):
        yield _Field("time", r"\d{9,19}")
    elif kind in ("msec_frac", "usec_frac"):
        yield _Field("fraction", r"\d{1,6}")
    elif not kind:
        yield from ("[", _Field("time", _COMMON_TIME), "]")
    else:
        pieces = re.split(r"%[-_0^#EO]?([A-Za-z%])", kind)
        written = (re.escape(piece) if i % 2 == 0 else _STRFTIME.get(piece, r"\S+?") for i, piece in enumerate(pieces))
        yield _Field("time", "".join(written), kind)


def _nginx_parts(text: str) -> Iterator[_Part]:
    at = 0
    for match in _NGINX.finditer(text):
        yield text[at : match.start()]
        at = match.end()
        name = match[1] or match[2]
        yield _Field(name, _COMMON_TIME if name == "time_local" else r"\d+(?:\.\d+)?" if name == "msec" else "")
    yield text[at:]


def _form(parts: list[_Part], roles: dict[str, tuple[str, ...]]) -> Form:
    parts = [part for part in parts if part != ""]
    names = [part.name for part in parts if isinstance(part, _Field)]
    chosen = {found[0]: role for role, among in roles.items() if (found := [name for name in among if name in names])}
    if "time" in names:
        chosen["time"] = "time"
    _check(set(chosen.values()))
    pattern, groups, times = [], dict[str, int](), list[str]()
    named = dict[str, int]()
    lazy = False
    for index, part in enumerate(parts):
        if isinstance(part, str):
            # Two blanks are as good as one.
            pattern.append(" +".join(map(re.escape, re.split(" +", part))))
            continue
        role = chosen.get(part.name, "")
        before, after = _beside(parts, index)
        content, lazy = _content(part, role, before, after, lazy)
        named[role] = named.get(role, -1) + 1
        if role == "time":
            times.append(part.time)
            groups[f"time{named[role]}"] = 1
            content = f"(?P<time{named[role]}>{content})"
        elif role and not named[role]:
            groups[role] = 1
            content = f"(?P<{role}>{content})"
        pattern.append(content)
    compiled = re.compile("".join(pattern) + r"\s*", re.DOTALL)
    strftime = " ".join(times) if all(times) else ""
    moment = partial(_moment_like, strftime) if strftime else moment_of
    return Form("--format", partial(_entry, compiled, strftime), moment=moment)


def _check(roles: set[str]) -> None:
    for any_of, what, apache, nginx in _NEEDED:
        if roles.isdisjoint(any_of):
            why = ", and without it nobody can be told from a bot" if "agent" in any_of else ""
            raise Unreadable(f"--format: has no field for {what} ({apache} of Apache, {nginx} of nginx){why}")


def _beside(parts: list[_Part], index: int) -> tuple[str, str]:
    """The characters before and after a field; "" where there is none, or another field."""
    before = parts[index - 1] if index else ""
    after = parts[index + 1] if index + 1 < len(parts) else "\n"
    return (before[-1:] if isinstance(before, str) else ""), (after[:1] if isinstance(after, str) else "")


def _content(part: _Field, role: str, before: str, after: str, lazy: bool) -> tuple[str, bool]:
    """(what a field looks like, whether the line may have been split in more than one way). Only one field may be
    of any length, else a line could take for ever."""
    if part.pattern:
        return part.pattern, lazy
    if before == after == '"':
        return QUOTED, lazy
    if before == "[" and after == "]":
        return r"[^\]]*+", lazy
    if after == "\n":
        return ".*", lazy
    if role == "path" and not after:  # its query stands right behind it
        return r'[^\s?"]*+', lazy
    if after != " ":
        return (f"[^{re.escape(after)}]*+" if after else r"\S*?"), lazy
    if role in ("client", "forwarded"):
        return CLIENT, lazy
    if role == "request":
        return r"\S++ \S++(?: HTTP/[\d.]++)?", lazy
    if part.name in ("u", "remote_user") and not lazy:
        return r"(?:\S.*?)??", True
    return r"\S*+", lazy


def _entry(pattern: re.Pattern[str], strftime: str, line: str) -> Entry | None:
    match = pattern.fullmatch(line)
    if match is None:
        return None
    found = match.groupdict("")
    times = [value for name, value in found.items() if name.startswith("time")]
    request = found.get("request", "")
    if not request:
        target = found.get("target") or found.get("path", "")
        query = found.get("query", "").removeprefix("?")
        if query not in ("", "-") and "?" not in target:
            target = f"{target}?{query}"
        request = f"{found.get('method') or 'GET'} {target} HTTP/"
    return Entry(
        found.get("client", "") or found.get("forwarded", ""),
        found.get("host", ""),
        " ".join(times) if strftime else times[0],
        request,
        found["status"],
        found.get("referrer", ""),
        found.get("agent", ""),
        found.get("forwarded", "") if "client" in found else "",
    )


def _moment_like(pattern: str, text: str, zone: ZoneInfo) -> int | None:
    return moment_like(text, pattern, zone)
