"""Every dimension there is, and what follows from it: how it is counted, called, worded, and where a page shows it.

In: nothing. Out: `DIMENSIONS`, `CARDS`. Promises: whoever asks by another name is refused, so no string from outside
ever reaches SQL as an identifier. docs/metrics.md is held against this list by a test.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from .event import PAGEVIEW

# visit: a visit has one value, that of its first event. page, hostname, event: a visit may touch several values and is
# counted once in each; a section of pages is touched as a page is. measurement: of web vitals alone. site: no
# dimension, but the whole.
Scope = Literal["site", "visit", "page", "hostname", "event", "measurement"]
Format = Literal["text", "host", "country", "region", "language", "screen", "device", "languages"]

# The value that stands for everything too rare to show.
OTHER = "(other)"
# Not a metric of the cell, but its part of the whole site's visitors.
SHARE = "share"
_COLUMN = re.compile(r"\{(\w+)\}")


class Dimension(Struct, frozen=True):
    """A way to split the numbers.

    column: of a raw row, where its values come from; the dimension's own name unless told. made: in place of it SQL
    over several, each as `{column}`. parent: the dimension that each of its values belongs to one value of. format: how
    a page words a value. closed: whether its values are of a list, ours or a standard's, so that nobody can type one.
    empty: what it calls the empty value; empty_because: why there may be no other. card: which
    card of the overview shows it, tab: as which of its tables; table: that table's numbers, metrics or SHARE; without:
    a value that is of no interest there.
    """

    name: str
    label: str
    definition: str
    scope: Scope = "visit"
    column: str = ""
    made: str = ""
    parent: str = ""
    format: Format = "text"
    closed: bool = False
    empty: str = "(not set)"
    empty_because: str = ""
    without: str | None = None
    card: str = ""
    tab: str = ""
    table: tuple[str, ...] = ("visitors", SHARE)

    @property
    def sql(self) -> str:
        """SQL for its values over the columns of a raw row, each as `{column}`."""
        return self.made or f"{{{self.column or self.name}}}"

    @property
    def raw(self) -> tuple[str, ...]:
        """The columns of a raw row that its values come from."""
        return tuple(_COLUMN.findall(self.sql))


_OF_ORIGIN = ("visitors", "bounce_rate", "visit_duration")

# In the order of cards and of their tables.
_DIMENSIONS = (
    Dimension(
        "source",
        "Source",
        "Name of where the visit came from.",
        parent="channel",
        empty="Direct / None",
        card="Sources",
        tab="Sources",
        table=_OF_ORIGIN,
    ),
    Dimension(
        "channel",
        "Channel",
        "Kind of source: search, social, mail, paid …",
        closed=True,
        empty="Direct",
        card="Sources",
        tab="Channels",
        table=_OF_ORIGIN,
    ),
    Dimension(
        "referrer",
        "Referrer",
        "Host of the referring page.",
        parent="source",
        format="host",
        empty="Direct / None",
        card="Sources",
        tab="Referrers",
        table=_OF_ORIGIN,
    ),
    Dimension(
        "page",
        "Page",
        "Path of a pageview.",
        scope="page",
        column="path",
        parent="section",
        card="Pages",
        tab="Pages",
        table=("visitors", "pageviews", "bounce_rate", "time_on_page"),
    ),
    Dimension(
        "section",
        "Section",
        "Part of the site that a page is in: the one that the settings name for it, else the first folder of its path.",
        scope="page",
        column="path",
        card="Pages",
        tab="Sections",
        table=("visitors", "pageviews", "bounce_rate", "time_on_page"),
    ),
    Dimension(
        "entry_page",
        "Entry page",
        "Path of a visit's first pageview.",
        column="path",
        card="Pages",
        tab="Entry",
        table=("visitors", "visits", "bounce_rate", "visit_duration"),
    ),
    Dimension(
        "exit_page",
        "Exit page",
        "Path of a visit's last pageview.",
        column="path",
        card="Pages",
        tab="Exit",
        table=("visitors", "visits"),
    ),
    Dimension(
        "hostname",
        "Hostname",
        "Host name of the page.",
        scope="hostname",
        format="host",
        card="Pages",
        tab="Hosts",
        table=("visitors", "pageviews"),
    ),
    Dimension(
        "country",
        "Country",
        "ISO 3166-1 code, from the truncated address or the browser's time zone.",
        format="country",
        closed=True,
        empty_because="Countries come from a place database (collector.place_database) "
        "or from the browser's time zone.",
        card="Places",
        tab="Countries",
    ),
    Dimension(
        "region",
        "Region",
        "ISO 3166-2 code, from the truncated address.",
        parent="country",
        format="region",
        closed=True,
        empty_because="Regions need a place database on the server (collector.place_database).",
        card="Places",
        tab="Regions",
    ),
    Dimension(
        "city",
        "City",
        "Name of the city and its ISO 3166-2 region, from the truncated address.",
        # A name alone is that of several cities: there are dozens of Springfields.
        made="if({city} = '', '', concat({city}, ', ', if({region} = '', {country}, {region})))",
        parent="region",
        empty_because="Cities need a place database on the server (collector.place_database) "
        'and the preset `accurate`, or `place = "city"`.',
        card="Places",
        tab="Cities",
    ),
    Dimension(
        "language",
        "Language",
        "Primary language of the browser.",
        format="language",
        card="Places",
        tab="Languages",
    ),
    Dimension(
        "served_language",
        "Language served",
        "Primary language of the browser → that of the page on which the visit began, by its `lang`; `und` is none.",
        # A pair, and the page's language by itself is no dimension: of a table by two attributes, of which both sums
        # are told, one hidden pair would follow from several that are shown.
        made="if({language} = '', '', concat({language}, ' → ', if({page_language} = '', 'und', {page_language})))",
        parent="language",
        format="languages",
        card="Places",
        tab="Served",
    ),
    Dimension(
        "utm_campaign",
        "UTM campaign",
        "Campaign parameter utm_campaign.",
        without="",
        card="Campaigns",
        tab="Campaign",
        table=_OF_ORIGIN,
    ),
    Dimension(
        "utm_source",
        "UTM source",
        "Campaign parameter utm_source.",
        without="",
        card="Campaigns",
        tab="Source",
    ),
    Dimension(
        "utm_medium",
        "UTM medium",
        "Campaign parameter utm_medium.",
        without="",
        card="Campaigns",
        tab="Medium",
    ),
    Dimension(
        "utm_term",
        "UTM term",
        "Campaign parameter utm_term.",
        without="",
        card="Campaigns",
        tab="Term",
    ),
    Dimension(
        "utm_content", "UTM content", "Campaign parameter utm_content.", without="", card="Campaigns", tab="Content"
    ),
    Dimension(
        "device",
        "Device",
        "Device class: desktop, mobile, tablet, tv.",
        format="device",
        closed=True,
        card="Devices",
        tab="Devices",
    ),
    Dimension("browser", "Browser", "Browser family.", card="Devices", tab="Browsers"),
    Dimension(
        "browser_version",
        "Browser version",
        "Browser family and its major version; the family alone where no version is known.",
        made="trimRight(concat({browser}, ' ', {browser_version}))",
        parent="browser",
        card="Versions",
        tab="Browsers",
    ),
    Dimension("os", "Operating system", "Operating system family.", card="Devices", tab="Systems"),
    Dimension(
        "os_version",
        "System version",
        "Operating system family and its major version; the family alone where no version is known.",
        made="trimRight(concat({os}, ' ', {os_version}))",
        parent="os",
        card="Versions",
        tab="Systems",
    ),
    Dimension(
        "screen",
        "Screen",
        "Screen class by width: XS <576, S <768, M <992, L <1440, XL.",
        format="screen",
        closed=True,
        card="Devices",
        tab="Screens",
    ),
    Dimension(
        "event",
        "Event",
        "Name of the event; pageviews are `pageview`.",
        scope="event",
        column="name",
        without=PAGEVIEW,
        card="Goals",
        tab="Events",
        table=("visitors", "events"),
    ),
)
DIMENSIONS: dict[str, Dimension] = {dimension.name: dimension for dimension in _DIMENSIONS}

# What web vitals alone are counted by: the element on its page, another one for each vital.
ELEMENT = Dimension(
    "element",
    "Element",
    "Page → the element of it that was painted last (LCP), was touched (INP) or moved most (CLS), by its place in the "
    "layout; of pages of which the browser named any.",
    scope="measurement",
    parent="page",
)
# With those of visits.
EVERY: dict[str, Dimension] = DIMENSIONS | {ELEMENT.name: ELEMENT}
# Between a page and its element: an element has no such mark. And the element that the browser does not name.
ON_PAGE = " → "
UNNAMED = "(unknown)"


def page_and_element(value: str) -> tuple[str, str]:
    """Of a value of ELEMENT."""
    page, _, element = value.rpartition(ON_PAGE)
    return page, element


def cards_of(dimensions: Iterable[Dimension]) -> dict[str, tuple[str, ...]]:
    """By title of a card the dimensions that it shows, in their order."""
    cards: dict[str, tuple[str, ...]] = {}
    for one in dimensions:
        if one.card:
            cards[one.card] = (*cards.get(one.card, ()), one.name)
    return cards


CARDS = cards_of(_DIMENSIONS)
