"""Every dimension and metric there is, and what each means: the one list used by rollups, API, docs and tests.

In: nothing. Out: `DIMENSIONS`, `METRICS`, `VITALS`. A report accepts only names registered here, so no string
from outside ever reaches SQL as an identifier.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from msgspec import Struct


class Dimension(Struct, frozen=True):
    """A way to split the numbers.

    scope "visit": a visit has one value, that of its first event. scope "page", "hostname", "event": a visit may
    touch several values and is counted once in each.
    empty: what dashboards call the empty value.
    """

    name: str
    label: str
    definition: str
    scope: str = "visit"
    empty: str = "(not set)"


_DIMENSIONS = (
    Dimension("page", "Page", "Path of a pageview.", scope="page"),
    Dimension("entry_page", "Entry page", "Path of a visit's first pageview."),
    Dimension("exit_page", "Exit page", "Path of a visit's last pageview."),
    Dimension("source", "Source", "Name of where the visit came from.", empty="Direct / None"),
    Dimension("referrer", "Referrer", "Host of the referring page.", empty="Direct / None"),
    Dimension("channel", "Channel", "Kind of source: search, social, mail, paid …", empty="Direct"),
    Dimension("utm_source", "UTM source", "Campaign parameter utm_source."),
    Dimension("utm_medium", "UTM medium", "Campaign parameter utm_medium."),
    Dimension("utm_campaign", "UTM campaign", "Campaign parameter utm_campaign."),
    Dimension("utm_term", "UTM term", "Campaign parameter utm_term."),
    Dimension("utm_content", "UTM content", "Campaign parameter utm_content."),
    Dimension("country", "Country", "ISO 3166-1 code, from the truncated address or the browser's time zone."),
    Dimension("region", "Region", "ISO 3166-2 code, from the truncated address."),
    Dimension("device", "Device", "Device class: desktop, mobile, tablet, tv."),
    Dimension("browser", "Browser", "Browser family."),
    Dimension("os", "Operating system", "Operating system family."),
    Dimension("screen", "Screen", "Screen class by width: XS <576, S <768, M <992, L <1440, XL."),
    Dimension("language", "Language", "Primary language of the browser."),
    Dimension("hostname", "Hostname", "Host name of the page.", scope="hostname"),
    Dimension("event", "Event", "Name of the event; pageviews are `pageview`.", scope="event"),
)
DIMENSIONS: dict[str, Dimension] = {dimension.name: dimension for dimension in _DIMENSIONS}
# The value that stands for everything too rare to show.
OTHER = "(other)"


class Measures(Struct, gc=False):
    """What is added up in a cell: the columns of the cells tables. Times are in seconds and milliseconds. exit_views,
    timed_visits: page views and visits of the days on which exits and engaged time are known, because at least k people
    contributed to them (rule N1)."""

    visitors: int = 0
    visits: int = 0
    pageviews: int = 0
    events: int = 0
    entries: int = 0
    exits: int = 0
    bounces: int = 0
    visit_seconds: int = 0
    engaged_ms: int = 0
    exit_views: int = 0
    timed_visits: int = 0


MEASURES = Measures.__struct_fields__


class Metric(Struct, frozen=True):
    """A number of a cell.

    of: its value where the measures add up to these; None where it is undefined. unit: "", "%", "s".
    """

    name: str
    label: str
    definition: str
    of: Callable[[Measures], int | float | None]
    unit: str = ""


def _ratio(upper: int, lower: int, digits: int) -> float | None:
    # As ClickHouse rounds, which did this before: answers that were given once do not change.
    return round(upper / lower * 10**digits) / 10**digits if lower else None


_METRICS = (
    Metric(
        "visitors",
        "Visitors",
        "Distinct visitor numbers per site and day; a longer period is a sum of days.",
        lambda sums: sums.visitors,
    ),
    Metric(
        "visits",
        "Visits",
        "Runs of one visitor's events with gaps of at most 30 minutes, within the site's local day, that hold a "
        "pageview or a custom event.",
        lambda sums: sums.visits,
    ),
    Metric("pageviews", "Pageviews", "Events named `pageview`.", lambda sums: sums.pageviews),
    Metric(
        "events",
        "Events",
        "Pageviews and custom events; engagement reports are not counted.",
        lambda sums: sums.events,
    ),
    Metric(
        "views_per_visit",
        "Views per visit",
        "Pageviews divided by visits.",
        lambda sums: _ratio(sums.pageviews, sums.visits, 2),
    ),
    Metric(
        "bounce_rate",
        "Bounce rate",
        "Share of visits with one pageview and no other interactive event; of a page: of the visits that enter there.",
        lambda sums: _ratio(100 * sums.bounces, sums.entries, 1),
        "%",
    ),
    Metric(
        "visit_duration",
        "Visit duration",
        "Last minus first event of a visit, averaged; of a page: over the visits that enter there.",
        lambda sums: _ratio(sums.visit_seconds, sums.entries, 1),
        "s",
    ),
    Metric(
        "time_on_page",
        "Time on page",
        "Engaged (visible and focused) time divided by the visits of that page; undefined where none was reported.",
        lambda sums: _ratio(sums.engaged_ms, 1000 * sums.timed_visits, 1) if sums.engaged_ms else None,
        "s",
    ),
    Metric(
        "exit_rate",
        "Exit rate",
        "Exits divided by pageviews.",
        lambda sums: _ratio(100 * sums.exits, sums.exit_views, 1),
        "%",
    ),
)
METRICS: dict[str, Metric] = {metric.name: metric for metric in _METRICS}


class Vital(Struct, frozen=True):
    """A web vital. good, poor: Google's thresholds in the vital's own unit (at most good is good, above poor is poor).
    scale: factor from the unit to the histogram's integer-like range, so that a shift of 0.001 is 1."""

    name: str
    label: str
    definition: str
    good: float
    poor: float
    unit: str = "ms"
    scale: float = 1.0


_VITALS = (
    Vital("lcp", "LCP", "Largest Contentful Paint: when the main content was painted.", 2500, 4000),
    Vital("inp", "INP", "Interaction to Next Paint: how long the page took to answer.", 200, 500),
    Vital("cls", "CLS", "Cumulative Layout Shift: how much the page moved.", 0.1, 0.25, "", 1000.0),
    Vital("fcp", "FCP", "First Contentful Paint: when anything was painted.", 1800, 3000),
    Vital("ttfb", "TTFB", "Time To First Byte: how long the server took.", 800, 1800),
)
VITALS: dict[str, Vital] = {vital.name: vital for vital in _VITALS}
# Web vitals are kept for these dimensions ("" is the whole site).
VITAL_DIMENSIONS = ("", "page", "device", "country")

# Histogram bucket i > 0 holds values in (GAMMA^(i-1), GAMMA^i]; its representative 2·GAMMA^i/(GAMMA+1) is within
# 2 % of every one of them (Masson, Rim, Lee: DDSketch, VLDB 2019). Values of at most 1 (1 ms, a shift of 0.001) are
# bucket 0.
RELATIVE_ERROR = 0.02
GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
# Carries the number of people of a vital's cell, not samples.
PEOPLE_BUCKET = -1


def bucket_of(vital: Vital, value: float) -> int:
    """The histogram bucket of a value in the vital's unit."""
    scaled = value * vital.scale
    return 0 if scaled <= 1 else math.ceil(math.log(scaled) / math.log(GAMMA))


def value_of(vital: Vital, bucket: int) -> float:
    """The representative value of a bucket, in the vital's unit. Bucket 0 reads as 0."""
    return 0.0 if bucket == 0 else 2 * GAMMA**bucket / (GAMMA + 1) / vital.scale
