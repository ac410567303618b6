"""The list of sites: a card of each, under its group, and what they have together.

In: how each site does. Out: small values a template walks through. Promises: no number is computed here, only worded;
sites' visitors are added up as a sum, which is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import quote

from msgspec import Struct

from ..stats.sites import DRAWN_DAYS, FULL_DAYS, Day, SiteDays, together
from . import format as names
from .wording import NO_CHANGE, moved, told_as

WIDTH, HEIGHT = 270, 40
# Full days without data after which something is in the way.
_SILENT_DAYS = 2


class Sparkline(Struct, frozen=True):
    """The picture of some days. paths: of days that are known, one after the other; where some are not, in pieces.
    told: the same in words."""

    paths: tuple[str, ...]
    told: str


class SiteCard(Struct, frozen=True):
    """address: of its page, below the base. change: "" where there is nothing to compare with; trend: good, bad or
    even. lacking: of how many days there is data, where not of all; or that the change is usual. today: what is shown
    of it, or what is in the way; problem: whether it is that."""

    key: str
    domains: str
    address: str
    visitors: str
    change: str
    trend: str
    spoken: str
    lacking: str
    line: Sparkline | None
    today: str
    problem: bool


class Group(Struct, frozen=True):
    """total: the sum of its sites' visitors, "" where no site has any; of: how many have some."""

    name: str
    cards: tuple[SiteCard, ...]
    total: str
    of: int


def groups(found: Iterable[SiteDays]) -> list[Group]:
    """Those of the settings in their order, sites of none first."""
    by_name: dict[str, list[SiteDays]] = {"": []}
    for one in found:
        by_name.setdefault(one.site.group, []).append(one)
    return [group(name, sites) for name, sites in by_name.items() if sites]


def group(name: str, sites: Sequence[SiteDays]) -> Group:
    """Some sites together."""
    visitors, certainty, of = together(sites)
    return Group(name, tuple(map(card, sites)), told_as(names.count(visitors), certainty) if of else "", of)


def looked_for(found: Iterable[SiteDays], text: str) -> list[SiteDays]:
    """The sites whose key, domain or group has a text in it, in any case."""
    wanted = text.casefold()
    return [
        one
        for one in found
        if any(wanted in name.casefold() for name in (one.site.key, one.site.group, *one.site.domains))
    ]


def card(one: SiteDays) -> SiteCard:
    """Of a site."""
    visitors = "–" if one.visitors is None else told_as(names.count(one.visitors), one.certainty)
    change, trend, spoken = _change(one)
    today, problem = _today(one)
    return SiteCard(
        one.site.key,
        ", ".join(domain for domain in one.site.domains if domain != one.site.key),
        f"/sites/{quote(one.site.key)}?period={FULL_DAYS}d",
        visitors,
        change,
        trend,
        spoken,
        _beside(one),
        _line(one.series),
        today,
        problem,
    )


def _change(one: SiteDays) -> tuple[str, str, str]:
    """In percent, what it is, and in words: neither good nor bad where a day is missing, or where it is usual."""
    told = one.comparison
    percent = told.change["visitors"]
    if percent is None:
        return "", "even", ""
    text, spoken = moved(percent)
    of = f" ({told.days} of {told.of} days)" if told.days < told.of else ""
    even = text == NO_CHANGE or told.is_even("visitors") or told.days < told.of
    trend = "even" if even else "good" if percent > 0 else "bad"
    return text + of, trend, spoken + of


def _beside(one: SiteDays) -> str:
    if 0 < one.days < FULL_DAYS:
        return f"data of {one.days} of {FULL_DAYS} days"
    return "within the usual" if one.comparison.change["visitors"] and one.comparison.within_usual("visitors") else ""


def _today(one: SiteDays) -> tuple[str, bool]:
    """What arrives, as far as it is shown (rule N7), or what is in the way."""
    if one.as_of:
        return f"Events arriving: today as of {one.as_of:%H:%M}", False
    if one.last is None:
        return f"No data in {DRAWN_DAYS} days: run footfall check site {one.site.key}", True
    # Yesterday may be about to close.
    if one.last < one.series[-_SILENT_DAYS].date:
        return f"No data since {names.date(one.last)}: run footfall check site {one.site.key}", True
    return "Nothing to show of today yet", False


def _line(days: Sequence[Day]) -> Sparkline | None:
    known = [day for day in days if day.visitors is not None]
    if not known:
        return None
    most = max(day.visitors or 0 for day in known)
    least = min(day.visitors or 0 for day in known)
    step = WIDTH / (len(days) - 1)
    pieces: list[list[str]] = [[]]
    for number, day in enumerate(days):
        if day.visitors is None:
            pieces.append([])
        else:
            y = HEIGHT - 2 - (HEIGHT - 4) * day.visitors / (most or 1)
            pieces[-1].append(f"{number * step:.1f} {y:.1f}")
    paths = tuple(f"M{'L'.join(piece)}{'h0' if len(piece) == 1 else ''}" for piece in pieces if piece)
    missing = f", {names.counted(len(days) - len(known), 'day')} without a number" if len(known) < len(days) else ""
    said = f"Visitors of {len(days)} days: between {names.count(least)} and {names.count(most)} a day{missing}"
    return Sparkline(paths, said)
