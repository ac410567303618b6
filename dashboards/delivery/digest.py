"""The numbers of a week or a month as a mail: what the site's page shows of these days, once all of them are released.

In: a site's `Overview` of a whole week or month. Out: a `Message`, as text and as HTML. Promises: every number is the
page's own, worded as it is there; the mail asks nothing of anybody's network: no image, no font, no link that counts.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import jinja2
from msgspec import Struct

from schema.dimensions import DIMENSIONS
from schema.site import Site

from ..stats.conversions import Goal
from ..stats.overview import Overview
from ..stats.period import Period, between
from ..stats.report import Reports
from ..stats.view import View
from ..web import format as names
from ..web.cards import tab
from ..web.changed import sentences
from ..web.tiles import Tile, tiles
from ..web.wording import between as interval
from ..web.wording import told_as
from .message import Message
from .settings import Every

# The tables that a digest has, and how many rows of each.
TABLES, ROWS = ("source", "page", "entry_page", "utm_campaign", "country", "device"), 5
# For so many days after its last one; whoever comes later finds it on the page.
_LATE_DAYS = {"week": 3, "month": 5}
_DAY = dt.timedelta(days=1)


class Bar(Struct, frozen=True):
    """A day: how many visitors it had, and how long its bar is, in percent of the longest."""

    day: str
    told: str
    length: int


class Part(Struct, frozen=True):
    """A table: what is in it, and its rows of a name and a number."""

    title: str
    rows: tuple[tuple[str, str], ...]


def period_of(every: Every, now: dt.datetime, hour: int) -> Period | None:
    """The week or month whose digest is due; None between these. now: the site's local time."""
    period = last_before(every, now.date())
    since = (now.date() - period.last).days
    return None if since > _LATE_DAYS[every] or (since == 1 and now.hour < hour) else period


def last_before(every: Every, day: dt.date) -> Period:
    """The last whole week (from Monday) or month before a day."""
    last = day - (day.weekday() + 1) * _DAY if every == "week" else day.replace(day=1) - _DAY
    first = last - 6 * _DAY if every == "week" else last.replace(day=1)
    return Period(first, last, between(first, last))


def is_final(shown: Overview) -> bool:
    """Whether every one of its days that has data is released, and the site was there on the last of them."""
    released = shown.released.span.released
    open_ = [
        point
        for point in shown.series
        if point.state in ("open", "future") or (point.state == "measured" and point.at.date() not in released)
    ]
    return not open_ and shown.since is not None and shown.since <= shown.period.last


def name_of(site: Site, every: Every, period: Period) -> str:
    """What names it among all that is sent."""
    return f"digest {every} {site.key} {period.first}"


def digest_of(reports: Reports, site: Site, every: Every, period: Period, base: str) -> Message | None:
    """None while some of the days are not released. base: the address of the dashboards."""
    shown = reports.overview(site, period, view=View(grain="day"))
    return worded_as_mail(site, every, shown, base) if is_final(shown) else None


def worded_as_mail(site: Site, every: Every, shown: Overview, base: str) -> Message:
    """What the page shows of these days."""
    days = f"{every} of {shown.period.dates}"
    big = tiles(shown)
    link = f"{base}/sites/{quote(site.key)}?{urlencode(shown.period.arguments())}"
    values: dict[str, Any] = {
        "site": site.key,
        "days": days,
        "link": link,
        "tiles": big,
        "bars": _bars(shown),
        "changed": sentences(shown) if shown.changed else [],
        "notes": [(names.date(one.day), one.text) for one in shown.annotations],
        "goals": [_goal(one) for one in shown.goals[: 2 * ROWS]],
        "parts": [part for name in TABLES if (part := _part(name, shown)).rows],
        "gaps": _gaps(shown),
        "about": "≥ is “at least”: some days had too few visitors to show. Whoever comes on two days is two visitors, "
        "because Footfall cannot tell that he is the same.",
    }
    return Message(
        what=name_of(site, every, shown.period),
        subject=f"{site.key}, {days}: {_in_short(big[0])}",
        text=_TEMPLATES.get_template("digest.txt").render(values),
        html=_TEMPLATES.get_template("digest.html").render(values),
        list_=list_of(site, every),
    )


def list_of(site: Site, every: Every) -> str:
    """What its readers can take themselves off."""
    return f"digest {every} {site.key}"


def _in_short(visitors: Tile) -> str:
    told = f"{visitors.value} visitors"
    return f"{told} ({visitors.change})" if visitors.change else told


def _bars(shown: Overview) -> list[Bar]:
    longest = max((point.visitors for point in shown.series), default=0) or 1
    by_day = shown.grain == "day"
    return [
        Bar(
            f"{point.at:%a} {point.at.day} {point.at:%b}" if by_day else names.date(point.at.date()),
            names.count(point.visitors) if point.state == "measured" else "–",
            round(100 * point.visitors / longest),
        )
        for point in shown.series
    ]


def _goal(one: Goal) -> tuple[str, str, str]:
    """Its name, how many reached it, at which rate, and what they paid."""
    rate = told_as(names.percent(one.conversion_rate), one.certainty)
    around = interval(one.low, one.high)
    paid = [told_as(names.money(paid.amount, paid.currency), paid.certainty) for paid in one.revenue]
    told = ", ".join([f"{rate} ({around})" if around else rate, *paid])
    return one.goal, told_as(names.count(one.converters), one.certainty), told


def _part(name: str, shown: Overview) -> Part:
    """A table's first rows, by its first number, which is of visitors."""
    rows = tuple((line.name, line.numbers[0]) for line in tab(name, shown).lines[:ROWS])
    return Part(DIMENSIONS[name].label, rows)


def _gaps(shown: Overview) -> str:
    """What is said where some days have no number."""
    lacking = shown.period.days - shown.data_days
    return f"{names.counted(lacking, 'day')} of {shown.period.days} without a number: no data, or too few visitors." * (
        lacking > 0
    )


_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=jinja2.select_autoescape(("html",)),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
