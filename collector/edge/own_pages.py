"""Whether a request comes from a page of the collector's own, such as the opt-out page, and from no other.

In: a request's headers. Out: yes or no. Promises: no page of another site passes, whatever it hides of itself; who
sends none of these headers is no browser, and nobody's page makes it ask.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from schema.host import authority

# A request that says two different things of one of these says nothing that can be believed.
_WHO_ASKS = ("sec-fetch-site", "origin", "referer", "host")


class OwnPages:
    """public_url: how browsers reach the collector, "" where that is not set. known: whether an origin is one of the
    sites', whose servers may pass the collector on under their own names."""

    def __init__(self, public_url: str, known: Callable[[str], bool]) -> None:
        self._public = authority(public_url)
        self._known = known

    def ask(self, headers: Headers) -> bool:
        """Whether one of them asks."""
        if any(len(set(headers.getlist(name))) > 1 for name in _WHO_ASKS):
            return False
        fetch_site = headers.get("sec-fetch-site")
        if fetch_site is not None:
            # The browser's own word, which it gives to trustworthy addresses only: a name that was pointed at this
            # machine for the occasion has no certificate.
            return fetch_site in ("same-origin", "none")
        page = headers.get("origin") or headers.get("referer")
        if page is None:
            return True
        place = authority(page)
        if not place:
            return False
        return place == self._public or (place == headers.get("host", "").lower() and self._may_be_called(place, page))

    def _may_be_called(self, place: str, page: str) -> bool:
        """Whether this name of the Host header may be ours: else any page could have itself pointed here."""
        if not self._public:
            return True
        try:
            return bool(ip_address((urlsplit(f"//{place}").hostname or "").partition("%")[0]))
        except ValueError:
            return self._known("://".join((page.partition("://")[0], place)))
