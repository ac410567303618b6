"""Generated access logs of small sites, always the same: 28 days, 81 pages, every visitor from a network of his own.

Popular pages are much more popular than the others: the nth has a weight of 1/n. A visitor opens 2.6 pages on average,
some seconds apart, and comes once. What is generated is frozen: figures that are told of it stay comparable.
"""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from collections.abc import Iterator

DAYS, PAGES = 28, 81
FIRST = dt.date(2026, 2, 2)
AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)
_WEIGHTS = [1 / (rank + 1) for rank in range(PAGES)]


class Visits:
    """visitors: a day, on average. seen: by day and page how many visitors saw it; views: how often they did."""

    def __init__(self, visitors: int, seed: int = 0) -> None:
        rng = random.Random(f"{visitors} {seed}")
        self.seen: Counter[tuple[dt.date, str]] = Counter()
        self.views: Counter[tuple[dt.date, str]] = Counter()
        self._lines: list[tuple[dt.datetime, str, str]] = []
        for number in range(DAYS):
            day = FIRST + dt.timedelta(days=number)
            for visitor in range(rng.randint(visitors * 3 // 4, visitors * 5 // 4)):
                address = f"198.{18 + visitor // 256}.{visitor % 256}.{rng.randint(1, 250)}"
                at = dt.datetime.combine(day, dt.time(rng.randint(6, 21), rng.randint(0, 59)), dt.UTC)
                many = 1
                while rng.random() > 1 / 2.6:
                    many += 1
                pages = rng.choices(range(PAGES), _WEIGHTS, k=many)
                for page in pages:
                    at += dt.timedelta(seconds=rng.randint(5, 90))
                    self._lines.append((at, address, f"/{page}"))
                    self.views[day, f"/{page}"] += 1
                for page in set(pages):
                    self.seen[day, f"/{page}"] += 1

    def log(self) -> Iterator[str]:
        """The lines of an access log, in the order of time."""
        for at, address, path in sorted(self._lines):
            yield f'{address} - - [{at:%d/%b/%Y:%H:%M:%S} +0000] "GET {path} HTTP/1.1" 200 512 "-" "{AGENT}"\n'

    def of_pages(self, first: int = 0, last: int = DAYS - 1) -> Counter[str]:
        """Visitor-days of each page, of some of the days."""
        found: Counter[str] = Counter()
        for (day, page), people in self.seen.items():
            if first <= (day - FIRST).days <= last:
                found[page] += people
        return found
