"""A pixel for pages without scripts: `GET /pixel.gif?d=SITE&u=URL&r=REFERRER&lang=LANGUAGE`.

In: parameters. Out: page views; always a picture. Without `u` the page is the one that the browser says it is on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from schema.event import PAGEVIEW

from ..model import Arrival, Beacon
from ..outcome import Outcome, Refused, first_refusal
from .base import Answer, Incoming
from .foreign import GIF, GIF_TYPE, page_of, parameters
from .values import MAX_LANGUAGE, bounded, domains_of, url_of


class PixelQuery(Struct, frozen=True):
    """What is asked beside the picture."""

    d: Annotated[
        str | UnsetType,
        Meta(
            description="The site, or several between commas; without it the URL's host.",
            examples=["example.com"],
        ),
    ] = UNSET
    u: Annotated[
        str, Meta(description="The page's URL; without it the Referer header.", examples=["https://example.com/a"])
    ] = ""
    r: Annotated[str, Meta(description="The referring page's URL.")] = ""
    lang: Annotated[str, Meta(description="The page's own language: its `lang`.", examples=["de"])] = ""


class Pixel:
    """The format, for `Endpoint`."""

    name = "pixel"
    methods = ("GET",)
    # A picture is asked for without one.
    max_body = 1024
    request_headers = "Content-Type"

    def read(self, incoming: Incoming) -> Sequence[Arrival | Refused]:
        """One page view. Raises Refused."""
        said = msgspec.convert(parameters(incoming.query), PixelQuery)
        beacon = Beacon(
            name=PAGEVIEW,
            url=url_of(said.u or page_of(incoming)),
            domains=domains_of(None if said.d is UNSET else said.d),
            referrer=bounded(said.r),
            page_language=said.lang[:MAX_LANGUAGE],
        )
        return (Arrival(beacon, incoming.client),)

    def answer(self, outcomes: Sequence[Outcome], incoming: Incoming) -> Answer:
        """The picture."""
        refused = first_refusal(outcomes)
        return self.refuse(refused) if refused else Answer(200, GIF, GIF_TYPE)

    def refuse(self, refused: Refused) -> Answer:
        """The picture all the same: a page must not show a broken one for want of a count."""
        return Answer(refused.reason.status, GIF, GIF_TYPE)
