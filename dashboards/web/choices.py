"""What is chosen on a site's page, and what can be: each is a link.

In: an `Overview`. Out: `Choice`s and what is `Chosen`. Promises: each choice is an address, and the chosen one says so.
"""

from __future__ import annotations

from urllib.parse import urlencode

from msgspec import Struct

from schema.site import Site

from ..stats.overview import Overview
from .links import arguments_of, elsewhere
from .wording import in_words


class Choice(Struct, frozen=True):
    """What can be chosen, the arguments of the page with it, and whether that is the one that is shown. key: that
    chooses it. name: by which a script knows it."""

    label: str
    arguments: str
    chosen: bool = False
    key: str = ""
    name: str = ""


class Chosen(Struct, frozen=True):
    """A filter, or what else is looked for, in words, and the arguments of the page without it."""

    text: str
    without: str


def segments(overview: Overview, site: Site) -> list[Choice]:
    """All visits, and the segments of the site; [] where there are none."""
    names = ["", *site.segment_definitions] if site.segments else []
    days, view = overview.period.arguments(), elsewhere(overview.view).arguments()
    return [
        Choice(
            name or "All visits",
            urlencode(days | ({"segment": name} if name else {}) | view),
            name == overview.segment,
        )
        for name in names
    ]


def only_where(overview: Overview) -> list[Chosen]:
    """The filters of a page."""
    given = arguments_of(overview) | elsewhere(overview.view).arguments()
    return [
        Chosen(
            in_words(one),
            urlencode(given | {"filter": [each.text for each in overview.filters if each is not one]}, doseq=True),
        )
        for one in overview.filters
    ]
