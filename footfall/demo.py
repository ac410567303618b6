"""Synthetic visits, so that the first look is not empty: the same for the same seed.

In: a seed, a number of days, the last day. Out: beacons with clients and times, for the collector's own steps.
Promises: nothing here is measured from real people; addresses are from the documentation range (RFC 3849).
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator

from collector.model import Beacon, Client
from schema.event import ENGAGEMENT, PAGEVIEW
from schema.site import day_bounds, day_number

_AGENTS = (
    ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{} Safari/537.36", 1920),
    ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{} "
     "Safari/605.1.15", 1440),
    ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{} "
     "Mobile/15E148 Safari/604.1", 390),
    ("Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{} Mobile "
     "Safari/537.36", 412),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:{0}) Gecko/20100101 Firefox/{0}", 1680),
    ("Mozilla/5.0 (iPad; CPU OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{} "
     "Mobile/15E148 Safari/604.1", 820),
)  # fmt: skip
_VERSIONS = ("142.0", "143.0", "144.0", "145.0")
_SAFARIS = ("16.6", "17.6", "18.6", "26.1")
_PLACES = (
    ("de-DE,de;q=0.9", "Europe/Berlin", 30),
    ("en-US,en;q=0.9", "America/New_York", 24),
    ("fr-FR,fr;q=0.9", "Europe/Paris", 12),
    ("en-GB,en;q=0.9", "Europe/London", 12),
    ("es-ES,es;q=0.9", "Europe/Madrid", 8),
    ("nl-NL,nl;q=0.9", "Europe/Amsterdam", 6),
    ("ja-JP,ja;q=0.9", "Asia/Tokyo", 5),
    ("pt-BR,pt;q=0.9", "America/Sao_Paulo", 3),
)
_ORIGINS = (
    ("", "", 38),
    ("https://www.google.com/", "", 30),
    ("https://www.bing.com/", "", 4),
    ("https://duckduckgo.com/", "", 4),
    ("https://news.ycombinator.com/", "", 5),
    ("https://www.linkedin.com/", "", 4),
    ("https://t.co/abc", "", 3),
    ("https://chatgpt.com/", "", 3),
    ("", "?utm_source=newsletter&utm_medium=email&utm_campaign=autumn", 6),
    ("https://www.google.com/", "?utm_source=google&utm_medium=cpc&utm_campaign=brand", 3),
)
# Page → (weight as an entry, where visits go from there).
_PAGES: dict[str, tuple[int, tuple[str, ...]]] = {
    "/demo/": (50, ("/demo/pricing.html", "/blog/", "/docs/")),
    "/demo/pricing.html": (14, ("/demo/thanks.html", "/demo/", "/docs/")),
    "/blog/": (6, ("/blog/counting-feet", "/demo/")),
    "/blog/counting-feet": (16, ("/demo/", "/demo/pricing.html", "/blog/")),
    "/docs/": (10, ("/docs/install", "/demo/pricing.html")),
    "/docs/install": (4, ("/docs/", "/demo/")),
    "/demo/thanks.html": (0, ("/demo/",)),
}
# How much longer than the others a page takes to load, so that there is something to find.
_HEAVY = {"/blog/counting-feet": 2.2, "/demo/pricing.html": 1.3}
# Pages that are there in the reader's language, too; the others are English.
_TRANSLATED = {"/demo/": "de", "/docs/": "fr"}
_BUSY_HOURS = (1, 1, 1, 1, 1, 2, 3, 5, 8, 10, 11, 10, 9, 10, 11, 10, 9, 8, 8, 8, 7, 5, 3, 2)


def visits(
    seed: int, days: int, last: dt.date, timezone: str, per_day: int = 160
) -> Iterator[tuple[Beacon, Client, int]]:
    """The beacons of `days` days up to and with `last`."""
    for back in range(days - 1, -1, -1):
        date = last - dt.timedelta(days=back)
        chance = random.Random(f"{seed}:{date.isoformat()}")  # noqa: S311 - must repeat, need not surprise
        weekend = 0.6 if date.weekday() >= 5 else 1.0
        growth = 1.0 + 0.4 * (1 - back / max(1, days))
        start = day_bounds(timezone, day_number(date)).start
        for _ in range(int(per_day * weekend * growth * chance.uniform(0.85, 1.15))):
            yield from _visit(chance, start)


def _visit(chance: random.Random, midnight: int) -> Iterator[tuple[Beacon, Client, int]]:
    agent, width = chance.choices(_AGENTS, (30, 14, 22, 20, 8, 6))[0]
    languages, zone, _ = chance.choices(_PLACES, [weight for *_, weight in _PLACES])[0]
    # Hundreds of networks, as rule N4 asks for; variety in the agent keeps synthetic visitors of one apart.
    network = 256 * chance.choice((1, 2, 3))
    version = chance.choice(_SAFARIS if "Version/" in agent else _VERSIONS)
    if "rv:" not in agent:
        version += f".{chance.randrange(900)}.0"
    client = Client(f"2001:db8:{network + chance.randrange(1, 255):x}::1", agent.format(version), languages)
    referrer, query, _ = chance.choices(_ORIGINS, [weight for *_, weight in _ORIGINS])[0]
    hour = chance.choices(range(24), _BUSY_HOURS)[0]
    now = midnight + hour * 3600 + chance.randrange(3600)
    latest = midnight + 86_000
    path = chance.choices(list(_PAGES), [weight for weight, _ in _PAGES.values()])[0]
    slow = chance.lognormvariate(0, 0.45) * (1.5 if width < 500 else 1.0)
    for step in range(chance.choices((1, 2, 3, 4, 6), (46, 22, 16, 10, 6))[0]):
        if now > latest:
            return
        url = f"https://demo.example{path}{query if step == 0 else ''}"
        own = languages[:2] == _TRANSLATED.get(path)
        common = {"url": url, "domains": ("demo",), "width": width, "time_zone": zone}
        common["page_language"] = languages[:2] if own else "en"
        yield Beacon(name=PAGEVIEW, referrer=referrer if step == 0 else "", **common), client, now  # type: ignore[arg-type]
        stay = int(chance.lognormvariate(3.2, 0.9)) + 1
        # Whom pages keep waiting signs up less often, whom a newsletter brought more often.
        keen = 1.8 if "newsletter" in query else 1.0
        if path == "/demo/pricing.html" and chance.random() < keen * 0.42 / (1 + slow / 2):
            money = {"currency": "EUR", "amount": chance.choice((900, 2900, 9900))} if chance.random() < 0.5 else {}
            props = {"plan": chance.choice(("one", "three"))}
            yield Beacon(name="signup", props=props, **common, **money), client, min(now + stay, latest)  # type: ignore[arg-type]
        vitals, elements = {}, dict[str, str]()
        if step == 0:
            # What is small on a telephone is large elsewhere.
            elements = {"lcp": "main>h1" if width < 500 else "main>figure.hero>img", "cls": "div.newsletter-banner"}
            elements |= {"lcp": "main>figure.lead>img#map"} if path in _HEAVY else {}
            vitals = {
                "lcp": round(1500 * slow * _HEAVY.get(path, 1), 1),
                "fcp": round(800 * slow, 1),
                "ttfb": round(260 * slow, 1),
                "cls": round(chance.expovariate(18), 4),
                "inp": float(round(90 * slow)),
            }
        engaged = int(stay * 1000 * chance.uniform(0.5, 1.0))
        leave = Beacon(
            name=ENGAGEMENT,
            engaged_ms=engaged,
            scroll=chance.randrange(20, 101),
            vitals=vitals,
            elements=elements,
            **common,  # type: ignore[arg-type]
        )
        yield leave, client, min(now + stay, latest)
        now += stay + chance.randrange(1, 4)
        path = chance.choice(_PAGES[path][1])
