"""Requests as browsers, servers and nobody at all would send them, drawn at random."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import NamedTuple

from collector.edge.head import Head

AGENTS = (
    b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    b"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148",
    b"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    b"curl/8.5.0",
    b"",
    b"\xff\xfe",
)
# Each with values of which most are as they should be.
_FIELDS: tuple[tuple[bytes, tuple[bytes, ...]], ...] = (
    (b"User-Agent", AGENTS),
    (b"Accept-Language", (b"de-AT,de;q=0.9", b"en", b"*", b"")),
    (b"Origin", (b"https://a.example", b"https://b.example", b"null", b"https://evil.example", b"x y")),
    (b"Referer", (b"https://a.example/from", b"https://search.example/", b"no address")),
    (b"Content-Type", (b"text/plain", b"application/json")),
    (b"X-Forwarded-For", (b"203.0.113.7", b"198.51.100.2, 203.0.113.9", b"2001:db8::7", b"unknown", b"1.2.3.4,", b"")),
    (b"Sec-GPC", (b"1", b"0")),
    (b"DNT", (b"1",)),
    (b"Sec-CH-UA", (b'"Google Chrome";v="140"',)),
    (b"Sec-Fetch-Site", (b"same-origin", b"cross-site")),
    (b"Sec-Purpose", (b"prefetch",)),
    (b"Connection", (b"keep-alive", b"Keep-Alive", b"close", b"keep-alive, x", b"upgrade")),
    (b"Expect", (b"100-continue",)),
    (b"Upgrade", (b"websocket", b"h2c")),
    (b"Content-Encoding", (b"identity", b"gzip")),
    (b"Transfer-Encoding", (b"chunked", b"identity")),
    (b"Content-Length", (b"3", b"0", b"007", b"99999999999999999999")),
    (b"Authorization", (b"Bearer nonsense",)),
)
_OFTEN = (0.95, 0.8, 0.7, 0.3, 0.8, 0.9, *(0.04,) * 5, 0.3, 0.02, 0.02, 0.05, *(0.02,) * 3)
_PATHS = (
    *(b"/api/event",) * 24,
    *(b"/api/send", b"/api/batch", b"/count", b"/matomo.php", b"/pixel.gif", b"/api/events", b"/count/a.example"),
    *(b"/api/event/", b"//api/event", b"/api/%65vent", b"/js/script.js", b"/healthz", b"/nowhere", b"/opt-out"),
    *(b"http://x/api/event", b"*", b"/api/event#part"),
)
_QUERIES = (
    b"",
    b"?",
    b"?d=a.example&u=https://a.example/p",
    b"?p=/x&h=a.example",
    b"?a=%zz&b=\xc3\xa9",
    b"?x#y",
    b"?a?b",
)


def body_of(draw: Random) -> bytes:
    """A beacon, several, one with a mistake, or something else."""
    one = {
        "n": "pageview",
        "u": f"https://a.example/{draw.randrange(9)}",
        "d": "a.example",
        "w": draw.choice((1440, 390)),
    }
    match draw.randrange(8):
        case 0:
            one |= {"tz": draw.choice(("Europe/Vienna", "Asia/Tokyo", "nowhere")), "lang": "de_AT", "h": False}
        case 1:
            one |= {"n": "engagement", "e": draw.randrange(9000), "sd": draw.randrange(120), "lcp": draw.random()}
        case 2:
            one |= {"r": draw.choice(("https://search.example/", "https://a.example/x?y=1", "no address"))}
        case 3:
            one |= {"id": f"{draw.randrange(9)}", "i": False, "consent": draw.choice(("granted", ""))}
    match draw.randrange(14):
        case 0:
            return json.dumps([one, one | {"n": "click", "p": {"plan": "pro"}}, {"n": ""}]).encode()
        case 1:
            return json.dumps(one | {"u": ""}).encode()
        case 2:
            return json.dumps(one | {"d": "nobody.example"}).encode()
        case 3:
            return json.dumps(one | {"d": "a.example,b.example"}).encode()
        case 4:
            return json.dumps(one | {"consent": draw.choice(("withdrawn", "denied", "perhaps"))}).encode()
        case 5:
            return json.dumps(
                {"type": "event", "payload": {"website": "a.example", "url": "/u", "hostname": "a.example"}}
            ).encode()
        case 6:
            return draw.choice((b"", b"{", b"\xff", b"null", b"[]", b"x" * draw.choice((100, 17_000, 70_000))))
        case _:
            return json.dumps(one).encode()


def request_of(draw: Random) -> bytes:
    """One request, almost always well-formed."""
    path = draw.choice(_PATHS)
    body = body_of(draw)
    is_get = path in (b"/count", b"/matomo.php", b"/pixel.gif") or draw.random() < 0.05
    method = b"GET" if is_get else draw.choice((*(b"POST",) * 30, b"OPTIONS", b"HEAD", b"PUT", b"G ET", b"post"))
    if method != b"POST" and draw.random() < 0.8:
        body = b""
    query = draw.choice(_QUERIES) if is_get or draw.random() < 0.1 else b""
    lines = [b"%s %s%s HTTP/%s" % (method, path, query, b"1.0" if draw.random() < 0.03 else b"1.1"), b"Host: x"]
    for (name, values), often in zip(_FIELDS, _OFTEN, strict=True):
        for _ in range(1 + (draw.random() < 0.03)):
            if draw.random() < often:
                # The first is the usual one.
                lines.append(name + b": " + (values[0] if draw.random() < 0.8 else draw.choice(values)))
    if body:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def head_of_page(draw: Random) -> Head:
    """The head of a page's beacon, parsed: most often a usual one."""
    headers = []
    for (name, values), often in zip(_FIELDS, _OFTEN, strict=True):
        for _ in range(1 + (draw.random() < 0.02)):
            if draw.random() < often:
                headers.append((name.lower(), values[0] if draw.random() < 0.8 else draw.choice(values)))
    if draw.random() < 0.1:
        headers.append((draw.choice((b"x-real-ip", b"forwarded", b"x-footfall-opt-out", b"x-moz")), b"1"))
    peer = draw.choice(("127.0.0.1", "127.0.0.1", "203.0.113.9", "::1", ""))
    return Head(peer, "POST", b"", headers, dict(headers))


def _spoil_byte(draw: Random, text: bytes) -> bytes:
    at = draw.randrange(len(text))
    return text[:at] + bytes((draw.choice((0, 9, 10, 13, 32, 58, 127, 200, draw.randrange(256))),)) + text[at + 1 :]


def _drop_byte(draw: Random, text: bytes) -> bytes:
    at = draw.randrange(len(text))
    return text[:at] + text[at + 1 :]


def _double_line(draw: Random, text: bytes) -> bytes:
    lines = text.split(b"\r\n")
    at = draw.randrange(len(lines))
    return b"\r\n".join((*lines[: at + 1], *lines[at:]))


def _bare_line_end(draw: Random, text: bytes) -> bytes:
    return text.replace(b"\r\n", draw.choice((b"\n", b"\r")), draw.randrange(1, 4))


def _fold(draw: Random, text: bytes) -> bytes:
    return text.replace(b": ", draw.choice((b" : ", b":", b":\t", b": \r\n ")), draw.randrange(1, 4))


def _end_early(draw: Random, text: bytes) -> bytes:
    return text[: draw.randrange(1, len(text))]


def _more(draw: Random, text: bytes) -> bytes:
    return text + draw.choice((b"\r\n", b"x", b"\0", b"GET", b"\r\n\r\n\r\n"))


_SPOILED: tuple[Callable[[Random, bytes], bytes], ...] = (
    _spoil_byte, _drop_byte, _double_line, _bare_line_end, _fold, _end_early, _more,
)  # fmt: skip


class Told(NamedTuple):
    """What is sent before the next answers are waited for: piece by piece, and how many answers."""

    pieces: list[bytes]
    answers: int


def told_of(draw: Random) -> Told:
    """Most often one request in one piece."""
    text, answers = request_of(draw), 1
    if draw.random() < 0.12:
        text = draw.choice(_SPOILED)(draw, text)
    if draw.random() < 0.03:
        text, answers = text + request_of(draw), 2
    if draw.random() < 0.06 and len(text) > 1:
        at = draw.randrange(1, len(text))
        return Told([text[:at], text[at:]], answers)
    return Told([text], answers)
