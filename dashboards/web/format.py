"""What stored values are called on a page: countries, languages, screens, durations, money.

In: a value of a dimension or a number. Out: text. Promises: a value nobody has named is shown as it is.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from importlib import resources

from schema.currency import DECIMALS
from schema.dimensions import DIMENSIONS, OTHER

from ..stats.period import between

# More days are not told one by one.
_MOST_DAYS = 7

_SIGNS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "INR": "₹", "KRW": "₩", "UAH": "₴", "CHF": "CHF "}

_LANGUAGE_NAMES = (
    "ar=Arabic bg=Bulgarian bn=Bengali ca=Catalan cs=Czech da=Danish de=German el=Greek en=English es=Spanish "
    "et=Estonian fa=Persian fi=Finnish fr=French he=Hebrew hi=Hindi hr=Croatian hu=Hungarian id=Indonesian "
    "it=Italian ja=Japanese ko=Korean lt=Lithuanian lv=Latvian ms=Malay nb=Norwegian nl=Dutch no=Norwegian "
    "pl=Polish pt=Portuguese ro=Romanian ru=Russian sk=Slovak sl=Slovenian sr=Serbian sv=Swedish th=Thai "
    "tr=Turkish uk=Ukrainian ur=Urdu vi=Vietnamese zh=Chinese"
)
# BCP 47 has a name for a language that nobody has told.
_LANGUAGES = dict(pair.split("=") for pair in _LANGUAGE_NAMES.split()) | {"und": "unknown"}
_SCREENS = {
    "XS": "XS · under 576 px",
    "S": "S · 576–767 px",
    "M": "M · 768–991 px",
    "L": "L · 992–1439 px",
    "XL": "XL · 1440 px and more",
}
# Why a beacon was not counted, for those who read numbers (docs/engineers.md says it for those who mend).
REASONS = {
    "bad_body": "Could not be read",
    "no_name": "Without a name",
    "no_url": "Without an address of a page",
    "no_domain": "Without a site",
    "bad_url": "Not an address of a page",
    "bad_property": "A property that cannot be",
    "bad_consent": "A word for consent that is not known",
    "empty_engagement": "A report with nothing in it",
    "not_authorized": "Without a valid token",
    "bad_method": "Asked in a way that is not answered",
    "too_large": "Too large",
    "throttled": "Too many from one network",
    "too_slow": "Too slow",
    "bad_time": "Of another day",
    "no_key": "While the day's key was missing",
    "spool": "While it could not be stored",
    "failed": "Failed here",
    "unknown_site": "For a site that does not exist",
    "prefetch": "Fetched ahead by a browser",
    "bot": "Crawlers and bots",
    "headless": "Driven browsers",
    "library": "Programs",
    "no_address": "Without an address",
    "datacenter": "From data centers",
    "referrer_spam": "Referrer spam",
    "host": "On hosts that are not the site's",
    "origin": "Sent by other sites",
    "page": "Excluded pages",
    "network": "Excluded networks",
    "country": "Excluded countries",
    "new_visitors": "More new visitors of one network than people could be",
    "not_kept": "Of no use for what is kept",
    "bad_line": "Lines of a log that cannot be read",
    "not_get": "Lines of a log that open no page",
    "not_success": "Pages that were not there",
    "redirect": "Redirects",
    "static_file": "Files that are no pages",
}
DEVICES = {"desktop": "Desktop", "mobile": "Mobile", "tablet": "Tablet", "tv": "TV"}


def _countries() -> dict[str, str]:
    """ISO 3166-1 from the table that tzdata ships."""
    text = (resources.files("tzdata") / "zoneinfo" / "iso3166.tab").read_text(encoding="utf-8")
    lines = (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
    return dict(lines)


# What tzdata calls otherwise than people do.
COUNTRIES = _countries() | {"GB": "United Kingdom"}


def name_of(dimension: str, value: str) -> str:
    """What a page calls the value of a dimension."""
    if not value:
        return DIMENSIONS[dimension].empty if dimension in DIMENSIONS else "(not set)"
    if value == OTHER:
        return "Other"
    match DIMENSIONS[dimension].format if dimension in DIMENSIONS else "text":
        case "country":
            return COUNTRIES.get(value, value)
        case "region":
            country = COUNTRIES.get(value.partition("-")[0])
            return f"{value}, {country}" if country else value
        case "language":
            return _language(value)
        case "languages":
            return " → ".join(map(_language, value.split(" → ")))
        case "screen":
            return _SCREENS.get(value, value)
        case "device":
            return DEVICES.get(value, value)
        case _:
            return value


def _language(value: str) -> str:
    name = _LANGUAGES.get(value.partition("-")[0].lower())
    return f"{name} ({value})" if name else value


def codes_named(form: str, text: str) -> list[str]:
    """The codes of the countries, languages, devices or screens whose name contains the text, as people look for
    them."""
    of = {"device": DEVICES, "screen": _SCREENS, "language": _LANGUAGES, "languages": _LANGUAGES}.get(form, COUNTRIES)
    return [code for code, name in of.items() if text.casefold() in name.casefold()]


def codes_instead(dimension: str, wanted: str) -> list[str]:
    """What is stored in place of a value that no visit has, such as DE for Germany; [] where one may have it."""
    codes = codes_named(dimension, "") if dimension in ("country", "device", "language") else []
    if not codes or not wanted or "*" in wanted or wanted.partition("-")[0] in codes:
        return []
    return (codes_named(dimension, wanted) or codes)[:4]


def count(number: float | None) -> str:
    """12,345; — where there is nothing to count."""
    return "–" if number is None else f"{number:,.0f}"


def counted(number: int, what: str) -> str:
    """1 visitor, 12,345 visitors."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def percent(number: float | None) -> str:
    """The one spelling of percent: 45%, 4.2%, <0.1%."""
    if number is None:
        return "–"
    return "<0.1%" if 0 < number < 0.05 else f"{_rounded(number)}%"


def change(number: float) -> str:
    """A change with its sign and without a unit: +45, −4.2."""
    return f"{'−' if number < 0 else '+'}{_rounded(abs(number))}"


def _rounded(number: float) -> str:
    return f"{number:,.0f}" if number >= 9.95 else f"{number:.1f}".removesuffix(".0")


def decimal(number: float | None) -> str:
    return "–" if number is None else f"{number:.2f}".rstrip("0").rstrip(".")


def duration(seconds: float | None) -> str:
    """3m 07s."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02}m" if hours else f"{minutes}m {rest:02}s" if minutes else f"{rest}s"


def sentence(text: str) -> str:
    """What an error says, as a sentence. An argument's name is not written in capitals, nor is anything made small."""
    begun = text if re.match(r"\w+=", text) else text[:1].upper() + text[1:]
    return begun if begun.endswith((".", "?")) else f"{begun}."


def moment(at: dt.datetime, day: dt.date) -> str:
    """12:03; with its date, 18 Jun 2031, 00:10, where that is another day's."""
    return f"{at:%H:%M}" if at.date() == day else f"{date(at)}, {at:%H:%M}"


def date(day: dt.date) -> str:
    """18 Jun 2031."""
    return f"{day.day} {day:%b %Y}"


def days(some: Sequence[dt.date]) -> str:
    """Days in words: those in a row, or more than seven, by the first and the last one, else each."""
    first, last = some[0], some[-1]
    if (last - first).days + 1 == len(some):
        return between(first, last)
    return ", ".join(map(date, some)) if len(some) <= _MOST_DAYS else f"between {date(first)} and {date(last)}"


def vital(number: float, unit: str) -> str:
    """A web vital in the unit people speak of."""
    if unit != "ms":
        return f"{number:.2f}"
    return f"{number / 1000:.2f} s" if number >= 1000 else f"{number:.0f} ms"


def money(amount: int, currency: str) -> str:
    """Minor units as money: €1,234.50; a currency without a known sign is named: 1,234.50 SEK."""
    decimals = DECIMALS.get(currency, 2)
    text = f"{abs(amount) / 10**decimals:,.{decimals}f}"
    minus = "−" if amount < 0 else ""
    sign = _SIGNS.get(currency)
    return f"{minus}{sign}{text}" if sign else f"{minus}{text} {currency}"
