"""What marked visitors send: beacons, bodies of a server, headers and a log, with their marks wherever one may be.

In: `Marks`. Out: bytes for the wire. Promises: every mark is in some of it, in good requests and in bad ones.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from pathlib import Path

from msgspec import structs

from .search import Marks

SITE = "canary.example"


def bodies(marks: Marks, site: str = SITE) -> list[bytes]:
    """Beacons that carry the marks wherever a page may put them, and bodies that cannot be read."""
    email, here = marks.email, f"https://{site}"
    base: dict[str, object] = {"n": "pageview", "d": site, "tz": "Europe/Berlin"}
    urls = (
        f"{here}/reset/{email}",
        f"{here}/reset/{email.replace('@', '%40')}?email={email}&utm_source={email}",
        f"{here}/search?q={marks.secret}&token={marks.secret}#{marks.secret}",
        f"{here}/u/@{marks.handle}",
    )
    referrers = (
        f"https://twitter.com/@{marks.handle}",
        f"https://t.me/{marks.handle}",
        f"https://x.example/?m={email}",
    )
    good = [{**base, "u": url, "r": referrer} for url in urls for referrer in referrers]
    good += [
        {**base, "n": "signup", "u": f"{here}/", "p": {"who": email, "password": marks.secret}},
        {**base, "n": f"mailed {email}", "u": f"{here}/"},
        {**base, "u": f"https://{marks.handle}:{marks.secret}@{site}/"},
        {**base, "u": f"javascript:alert('{marks.secret}')"},
        {**base, "u": f"{here}/" + marks.secret * 400},
        {**base, "u": f"{here}/", "id": marks.secret},
        {**base, "u": f"{here}/", "title": marks.secret, "unknown": {"deep": [email]}},
        *(
            {
                **base,
                "n": "engagement",
                "u": f"{here}/",
                "lcp": 1.5,
                "cls": 0.1,
                "el": {"lcp": f"main>img#cover{selector}"},
            }
            for selector in (f".token-{marks.secret}", f".x{marks.secret}-20", f".{email}", f".user-{marks.handle}")
        ),
        {"n": "pageview", "u": f"https://{marks.secret}.example/", "d": f"{marks.secret}.example"},
    ]
    bad = [
        f'{{"n":"pageview","u":"{urls[0]}'.encode(),
        f"{email}\xff".encode("latin-1"),
        f'{{"n":"pageview","u":["{email}"],"p":{{"{marks.secret}":{"[" * 5000}'.encode(),
    ]
    return [json.dumps(body).encode() for body in good] + bad


def server_bodies(marks: Marks, site: str = SITE) -> list[bytes]:
    """The same from a site's own server: address and agent are in the body, and sometimes where they do not belong."""
    signals = {"do_not_track": None, "global_privacy_control": None}
    visitors = [
        {"address": address, "agent": marks.agent_string, "languages": "de", **signals}
        for address in (marks.address, marks.address6, f"::ffff:{marks.address}")
    ]
    event = {"name": "order", "url": f"https://{site}/u/{marks.email}?token={marks.secret}", "id": marks.secret}
    good = [
        {**event, "referrer": f"https://t.me/{marks.handle}", "props": {"who": marks.email}, "visitor": visitor}
        for visitor in visitors
    ]
    bad = [
        {**event, "visitor": {**visitors[0], "address": marks.email}},
        {**event, "visitor": {**visitors[0], "do_not_track": [marks.address]}},
        {**event, "visitor": visitors[0], marks.secret: marks.address},
        {**event, "visitor": visitors[0], "timestamp": marks.address},
        {**event, "visitor": visitors[0], "consent": marks.email},
        {**event, "visitor": visitors[0], "props": {marks.email: [marks.agent_string]}},
    ]
    return [json.dumps(body).encode() for body in (*good, *bad, {"events": good + bad})] + [
        f'[{{"visitor":{{"address":"{marks.address}","agent":"{marks.agent_string}'.encode()
    ]


def headers(marks: Marks, address: str) -> dict[str, str]:
    """The request headers of a marked visitor."""
    return {"User-Agent": marks.agent_string, "X-Forwarded-For": address, "Cookie": f"session={marks.secret}"}


def write_log(marks: Marks, path: Path) -> None:
    """An access log with the marks in it, good lines and bad ones."""
    with gzip.open(path, "wt") as log:
        for minute in range(50):
            log.write(
                f"{marks.address} - - [17/May/2015:10:{minute:02}:00 +0000] "
                f'"GET /reset/{marks.email}?token={marks.secret} HTTP/1.1" 200 1 '
                f'"https://twitter.com/@{marks.handle}" "{marks.agent_string}"\n{marks.email} is no log line\n'
            )


def marks_of(visitors: Iterable[Marks]) -> list[str]:
    """Every mark of every visitor."""
    return [str(mark) for visitor in visitors for mark in structs.astuple(visitor)]
