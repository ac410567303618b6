"""What somebody is told of: a spike, a drop, a goal's rate, slow pages, what pages should not send, a house in trouble.

In: a site, what its owner wants to know, the reports. Out: a `Message`, or None. Promises: no number is in it but those
that the site's page shows at that moment; of a day that goes on only that it has more visitors than are usual, as far
as they are shown (rule N7); a rate that chance may explain alarms nobody.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

from schema.site import Site
from schema.vitals import VITALS

from ..stats.conversions import Goal
from ..stats.period import Period, between
from ..stats.query import Query
from ..stats.report import Reports
from ..stats.splits import BY_LEAK
from ..stats.usual import DayVisitors
from ..stats.vitals import VitalCell
from ..web import format as names
from .message import Message
from .settings import Alert

_DAY = dt.timedelta(days=1)
_FULL_DAYS = 7
# Of leaks so many are named.
_MOST_LEAKS = 5


class Look:
    """What is asked about one site. now: its local time. base: the address of the dashboards."""

    def __init__(self, reports: Reports, site: Site, base: str) -> None:
        self.reports = reports
        self.site = site
        self.base = base
        self.today = reports.now(site).date()

    def told(self, alert: Alert, day: dt.date, subject: str, text: str, period: Period, **facts: Any) -> Message:
        """day: of which it is told, once. period: of the page that shows it."""
        link = f"{self.base}/sites/{quote(self.site.key)}?{urlencode(period.arguments())}"
        return Message(
            what=called(self, alert, day),
            subject=f"{self.site.key}: {subject}",
            text=f"{text}\n\n{link}",
            facts={"site": self.site.key, "on": alert.on, "day": day.isoformat(), "link": link, **facts},
        )


def days_of(look: Look, alert: Alert) -> tuple[dt.date, ...]:
    """Of which days it may have something to tell now. What is shown of today can only grow, so it may be a spike
    already."""
    yesterday = look.today - _DAY
    return (look.today, yesterday) if alert.on == "spike" else (yesterday,)


def called(look: Look, alert: Alert, day: dt.date) -> str:
    """By which name it is told once."""
    goal = f" {alert.goal}" if alert.goal else ""
    return f"alert {alert.on}{goal} {look.site.key} {day}"


def alert_of(look: Look, alert: Alert, day: dt.date) -> Message | None:
    """What is to be told of that day; None where there is nothing."""
    return _KINDS[alert.on](look, alert, day)


def _spike(look: Look, alert: Alert, day: dt.date) -> Message | None:
    found = look.reports.day_visitors(look.site, day)
    if found and not found.fewer_than and found.visitors > found.high:
        return _unusual(look, alert, day, found, "more")
    return None


def _drop(look: Look, alert: Alert, day: dt.date) -> Message | None:
    found = look.reports.day_visitors(look.site, day)
    if found and not found.has_data:
        return _silent(look, alert, day, found)
    if found and found.is_released and found.visitors < found.low:
        return _unusual(look, alert, day, found, "fewer")
    return None


def _silent(look: Look, alert: Alert, day: dt.date, found: DayVisitors) -> Message | None:
    """Where nothing arrives, by the rule of the list of sites: yesterday may be about to close."""
    last = look.reports.last_day(look.site)
    if found.low < 1 or last is None or last >= day - _DAY:
        return None
    return look.told(
        alert,
        day,
        f"no data since {names.date(last)}",
        f"There is no data since {names.date(last)}: `footfall check site {look.site.key}` tells what is in the way. "
        f"Usual on {day:%A}s: {found.low:,.0f}–{found.high:,.0f} visitors (of eight weeks, 95%).",
        Period(day, day, between(day, day)),
        visitors=None,
        low=round(found.low, 1),
        high=round(found.high, 1),
        released=False,
    )


def _unusual(look: Look, alert: Alert, day: dt.date, found: DayVisitors, word: str) -> Message:
    so_far = "" if found.is_released else " so far"
    # Of a day that the page does not show it says just that, too.
    count = f"fewer than {found.fewer_than}" if found.fewer_than else names.counted(found.visitors, "visitor")
    usual = f"{found.low:,.0f}–{found.high:,.0f}"
    return look.told(
        alert,
        day,
        f"{count} on {names.date(day)}{so_far}, {word} than usual",
        f"{count} on {day:%A}, {names.date(day)}{so_far}. Usual on {day:%A}s: {usual} (of eight weeks, 95%).",
        Period(day, day, between(day, day)),
        visitors=None if found.fewer_than else found.visitors,
        low=round(found.low, 1),
        high=round(found.high, 1),
        released=found.is_released,
    )


def _goal(look: Look, alert: Alert, last: dt.date) -> Message | None:
    first = last - (_FULL_DAYS - 1) * _DAY
    period = Period(first, last, between(first, last))
    [table] = look.reports.tables(look.site, period, [[Query((look.site.key,), period, ("goal",))]])
    found = next((row for row in table.rows if isinstance(row, Goal) and row.goal == alert.goal), None)
    # Without an upper end nobody knows how large it is; what chance alone may bring is no news.
    if found is None or found.high is None or found.high >= alert.below:
        return None
    rate, low, high = (names.percent(one) for one in (found.conversion_rate, found.low, found.high))
    return look.told(
        alert,
        last,
        f"{alert.goal} {rate}, below {names.percent(alert.below)}",
        f"{alert.goal}: {names.count(found.converters)} of {names.counted(found.of_visitors, 'visitor')}, {rate} "
        f"({low} – {high}), in the 7 days of {period.dates}. You wanted to know below {names.percent(alert.below)}.",
        period,
        goal=alert.goal,
        converters=found.converters,
        of_visitors=found.of_visitors,
        rate=found.conversion_rate,
        low=found.low,
        high=found.high,
    )


def _lcp(look: Look, alert: Alert, day: dt.date) -> Message | None:
    period = Period(day, day, between(day, day))
    [table] = look.reports.tables(look.site, period, [[Query((look.site.key,), period, ("vital",))]])
    found = next((row for row in table.rows if isinstance(row, VitalCell) and row.vital == "lcp"), None)
    if found is None or found.p75 <= alert.above:
        return None
    p75, above = (names.vital(one, VITALS["lcp"].unit) for one in (found.p75, float(alert.above)))
    return look.told(
        alert,
        day,
        f"LCP {p75} on {names.date(day)}",
        f"For 3 of 4 visits the largest part of a page was there after {p75} on {names.date(day)}, of "
        f"{names.counted(found.people, 'visitor')}. You wanted to know above {above}.",
        period,
        p75=found.p75,
        people=found.people,
    )


def _leak(look: Look, alert: Alert, day: dt.date) -> Message | None:
    period = Period(day, day, between(day, day))
    rows = look.reports.apart(Query((look.site.key,), period, (BY_LEAK,), limit=_MOST_LEAKS))
    if not rows:
        return None
    lines = [f"{row['value']} ({row['place']}: {row['kinds']})" for row in rows]
    return look.told(
        alert,
        day,
        f"pages sent what could name a person on {names.date(day)}",
        "It was replaced before anything was stored; mend the page that sends it:\n" + "\n".join(lines),
        period,
        leaks=[{name: row[name] for name in ("value", "place", "kinds")} for row in rows],
    )


_KINDS: dict[str, Callable[[Look, Alert, dt.date], Message | None]] = {
    "spike": _spike,
    "drop": _drop,
    "goal": _goal,
    "lcp": _lcp,
    "leak": _leak,
}


def trouble(check: str, finding: str, remedy: str, day: dt.date, base: str) -> Message:
    """Of the house itself."""
    text = f"{finding}\n{remedy}".rstrip()
    facts = {"on": "trouble", "check": check, "day": day.isoformat(), "link": base}
    return Message(f"alert trouble {check} {day}", f"Footfall: {check} is in trouble", f"{text}\n\n{base}", facts=facts)
