"""Which sites somebody asks about now: they are rolled up more often.

In: questions, as they come. Out: sites. Promises: nothing is known of who asks; a site of which nobody has asked
for a minute is not among them.
"""

from __future__ import annotations

import time

# An open page asks every few seconds.
WATCHED_S = 60.0


class Watched:
    """When each site was asked about last."""

    def __init__(self) -> None:
        self._asked: dict[str, float] = {}

    def ask(self, site: str) -> None:
        """Somebody asks."""
        self._asked[site] = time.monotonic()

    def sites(self) -> frozenset[str]:
        """Those that somebody asked about in the last minute."""
        since = time.monotonic() - WATCHED_S
        return frozenset(key for key, at in tuple(self._asked.items()) if at > since)
