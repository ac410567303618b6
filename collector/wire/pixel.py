"""A pixel for pages without scripts: `GET /pixel.gif?d=SITE&u=URL&r=REFERRER`.

In: parameters. Out: page views; always a picture. Without `u` the page is the one that the browser says it is on.
"""

from __future__ import annotations

from collections.abc import Sequence

from schema.event import PAGEVIEW

from ..model import Arrival, Beacon
from ..outcome import Outcome, Refused, first_refusal
from .base import Answer, Incoming
from .foreign import GIF, GIF_TYPE, page_of, parameters
from .values import bounded, domains_of, url_of


class Pixel:
    """The format, for `Endpoint`."""

    name = "pixel"
    methods = ("GET",)
    # A picture is asked for without one.
    max_body = 1024
    request_headers = "Content-Type"

    def read(self, incoming: Incoming) -> Sequence[Arrival | Refused]:
        """One page view. Raises Refused."""
        said = parameters(incoming.query)
        beacon = Beacon(
            name=PAGEVIEW,
            url=url_of(said.get("u") or page_of(incoming)),
            domains=domains_of(said.get("d")),
            referrer=bounded(said.get("r", "")),
        )
        return (Arrival(beacon, incoming.client),)

    def answer(self, outcomes: Sequence[Outcome], incoming: Incoming) -> Answer:
        """The picture."""
        refused = first_refusal(outcomes)
        return self.refuse(refused) if refused else Answer(200, GIF, GIF_TYPE)

    def refuse(self, refused: Refused) -> Answer:
        """The picture all the same: a page must not show a broken one for want of a count."""
        return Answer(refused.reason.status, GIF, GIF_TYPE)
