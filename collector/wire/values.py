"""How the values that a page may send are read, one by one, for a `Beacon`.

In: single values out of a decoded body, of any type. Out: texts, numbers and maps within their limits. The formats of
whole requests are beside it. Promises: nothing but `Refused` is raised, whatever was sent; no message carries it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Container, Iterable
from functools import lru_cache
from typing import Any

from schema.event import NO_SCROLL
from schema.host import site_name
from schema.vitals import OF_ELEMENTS, VITALS

from ..model import CONSENTS, MAX_NAME
from ..outcome import Reason, Refused
from ..text.cut import cut
from .json_text import anything

# What is read of a URL, in characters; what is kept of it is far less (enrich/page.py): what goes may be long.
MAX_URL = 65_536
MAX_PROPS = 30
MAX_KEY = 300
MAX_VALUE = 2000
MAX_ID = 200
# Of a language tag: those that are registered have at most 35 characters.
MAX_LANGUAGE = 35
# Ten names of 200 characters.
_MAX_DOMAINS = 2000
# They count as letters, or as signs, and nobody sees them: fillers of Korean syllables, and Braille without a dot.
_BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0\u2800\u0020")
# One report tells of no more, as long as a visit's gap: a tab left open overnight must not outweigh all who read.
MAX_ENGAGED_MS = 30 * 60_000
# An engaged time longer than this is a clock that jumped.
_LONGEST_ENGAGEMENT_MS = 30 * 86_400_000
# Vitals beyond these are measuring errors, not slow pages.
_LONGEST_VITAL_MS = 600_000.0
_LARGEST_SHIFT = 1000.0
# C0 and C1 controls, and the marks that turn the direction of text around.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# Of the selector of an element: a longer one is none of ours.
_LONGEST_SELECTOR = 200
# A URL with all of its host, or a path without one.
_ORIGIN = re.compile(r"(?:[a-zA-Z][a-zA-Z0-9+.-]*:)?(?://[^/?#\\]*[/?#\\]|/[^/])")
# Whole numbers below it pass through a float unchanged.
_EXACT = 2**53


def clean(text: str) -> str:
    """The text without control characters."""
    return _CONTROLS.sub("", text) if not text.isascii() or not text.isprintable() else text


def visible(text: str) -> str:
    """A name as it is read, "" where nothing of it can be seen."""
    if text.isascii():
        return clean(text).strip()
    text = clean(text).strip()
    return text if any(letter.isprintable() and letter not in _BLANK_LETTERS for letter in text) else ""


def first_text(*values: Any) -> str:
    """The first value that is a text or a whole number; "" if none is."""
    for value in values:
        if isinstance(value, str):
            # Of almost every text, and there are several in a beacon, `clean` would find out the same.
            return (value if value.isascii() and value.isprintable() else clean(value)).strip()
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)[:MAX_ID]
    return ""


def text_of(value: Any) -> str:
    """The text of one value."""
    # Of almost every text there is nothing to be done, which is found out here at half the price.
    if type(value) is str and value.isascii() and value.isprintable():
        return value.strip()
    return first_text(value)


def name_of(value: Any, limit: int | None = MAX_NAME) -> str:
    """An event's name; without a limit as much of it as the scrubber reads. Raises Refused."""
    name = visible(first_text(value))
    if not name:
        raise Refused(Reason.NO_NAME, "event_name", "can't be blank")
    if limit is None:
        return cut(name, MAX_VALUE)
    if len(name) > limit:
        raise Refused(Reason.NO_NAME, "event_name", f"should be at most {limit} character(s)")
    return name


def consent_of(value: Any) -> str:
    """What the page says of consent. A word we do not know may mean no, so it is refused rather than passed over."""
    word = first_text(value).lower() if isinstance(value, str) else ""
    if word not in CONSENTS and value not in (None, ""):
        raise Refused(Reason.BAD_CONSENT, "consent", f"must be one of {', '.join(CONSENTS)}")
    return word


def domains_of(value: Any) -> tuple[str, ...]:
    """The sites named in a comma list; empty where the URL's host is to decide. Raises Refused."""
    if value is None:
        return ()
    if type(value) is str and len(value) <= _MAX_DOMAINS:
        return _named_in(value)
    return _named_in(first_text(value)[:_MAX_DOMAINS])


@lru_cache(maxsize=1024)
def _named_in(text: str) -> tuple[str, ...]:
    names = map(site_name, first_text(text).split(","))
    domains = tuple(dict.fromkeys(name for name in names if name))
    if not domains:
        raise Refused(Reason.NO_DOMAIN, "domain", "can't be blank")
    return domains[:10]


def props_of(value: Any, foreign: bool = False) -> dict[str, str]:
    """Properties out of an object, or out of JSON text of one: the first 30, each a text that loses what is over its
    limit. A name that is blank or too long is refused; foreign: left out, for nobody can mend another's tracker.
    Raises Refused."""
    if isinstance(value, str):
        value = anything(value)
    if not isinstance(value, dict):
        return {}
    props: dict[str, str] = {}
    for key, raw in list(value.items())[:MAX_PROPS]:
        text = _prop_text(raw)
        if not text:
            continue
        name = visible(key)
        if name and len(key.encode()) <= MAX_KEY:
            props[name] = cut(text, MAX_VALUE)
        elif not foreign:
            raise Refused(Reason.BAD_PROPERTY, "props", f"names must not be blank, nor longer than {MAX_KEY} bytes")
    return props


def _prop_text(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return clean(value).strip()
        case int() | float():
            return str(value)[:MAX_VALUE]
        case _:
            return ""


def ignored_in(money: Any, currency: str, props: Any, taken: dict[str, str]) -> tuple[str, ...]:
    """What `money_of` and `props_of` passed over, in constant words."""
    if not money and not props:
        return ()
    found = []
    if money and not currency:
        found.append("revenue ignored: no amount, or no currency of ISO 4217")
    if isinstance(props, dict) and len(props) > len(taken):
        found.append("properties ignored: empty, neither text nor number nor yes or no, or more than 30")
    elif props and not taken:
        found.append("properties ignored: not an object")
    return tuple(found)


def number_of(value: Any) -> float | None:
    """A finite number, or a text of one."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def whole_of(value: Any, otherwise: int) -> int:
    """A whole number, or a text of one, cut to the whole."""
    if type(value) is int and -_EXACT < value < _EXACT:
        return value
    number = number_of(value)
    return int(number) if number is not None else otherwise


def scroll_of(value: Any) -> int:
    """Scroll depth in percent, or 255."""
    percent = whole_of(value, -1)
    return NO_SCROLL if percent < 0 else min(percent, 100)


def engaged_of(value: Any) -> int:
    """Engaged milliseconds, as many as a report may tell of; 0 where they make no sense."""
    milliseconds = whole_of(value, 0)
    return min(milliseconds, MAX_ENGAGED_MS) if 0 <= milliseconds < _LONGEST_ENGAGEMENT_MS else 0


def vitals_of(values: Iterable[tuple[str, Any]]) -> dict[str, float]:
    """Web vitals by name, without those that are no number or cannot have been measured."""
    found = {}
    for name, value in values:
        number = number_of(value)
        most = _LONGEST_VITAL_MS if VITALS[name].unit == "ms" else _LARGEST_SHIFT
        if number is not None and 0 <= number <= most:
            found[name] = number
    return found


def elements_of(value: Any, vitals: Container[str]) -> dict[str, str]:
    """By name of a vital that was measured the selector of an element, as it was sent."""
    if not isinstance(value, dict):
        return {}
    found = ((name, value.get(name)) for name in OF_ELEMENTS if name in vitals)
    return {name: text for name, text in found if isinstance(text, str) and 0 < len(text) <= _LONGEST_SELECTOR}


def url_of(*values: Any) -> str:
    """A page's URL, as much of it as is read. Raises Refused where there is none."""
    text = values[0]
    if type(text) is str and text.isascii() and text.isprintable():
        url = text.strip() if len(text) <= MAX_URL else bounded(text.strip())
    else:
        url = bounded(first_text(*values))
    if not url:
        raise Refused(Reason.NO_URL, "url", "is required")
    return url


def bounded(url: str) -> str:
    """As much of a URL as is read, without the parameter that the limit falls into."""
    if len(url) <= MAX_URL:
        return url
    if _ORIGIN.match(url, 0, MAX_URL) is None:
        # Half a user name would pass for a host.
        return ""
    page, mark, query = url[:MAX_URL].partition("?")
    # Of a path it matters nothing: far less is kept.
    return page + mark + query.rpartition("&")[0] if mark else page.partition("#")[0]
