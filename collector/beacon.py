"""The typed `Beacon`: one thing that happened on a page, and how the values that a page may send are read.

In: single values out of a decoded body, of any type. Out: texts, numbers and maps within their limits. The formats of
whole requests are in `formats/`. Promises: nothing but `Refused` is raised, whatever was sent; no message carries it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Struct

from schema.event import NO_SCROLL
from schema.host import site_name
from schema.metrics import VITALS

from .reason import Reason

MAX_NAME = 120
MAX_URL = 2000
MAX_PROPS = 30
MAX_KEY = 300
MAX_VALUE = 2000
MAX_ID = 200
# Ten names of 200 characters.
_MAX_DOMAINS = 2000
CONSENTS = ("granted", "denied", "withdrawn")
# One report tells of no more, as long as a visit's gap: a tab left open overnight must not outweigh all who read.
MAX_ENGAGED_MS = 30 * 60_000
# An engaged time longer than this is a clock that jumped.
_LONGEST_ENGAGEMENT_MS = 30 * 86_400_000
# Vitals beyond these are measuring errors, not slow pages.
_LONGEST_VITAL_MS = 600_000.0
_LARGEST_SHIFT = 1000.0
# C0 and C1 controls, and the marks that turn the direction of text around.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_MAX_AMOUNT = 10**15
# Whole numbers below it pass through a float unchanged.
_EXACT = 2**53
# A URL up to where its path begins.
_ORIGIN = re.compile(rb"[^/?#]*//[^/?#]*(?=/)")
# Stands for a path of which nothing is known, as in the scrubber.
_NO_PATH = b"/:scrubbed"
# ISO 4217 currencies whose minor unit is not a hundredth.
_MINOR_DIGITS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI"), 0),
    **dict.fromkeys(("VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}


class Refused(Exception):
    """What was sent cannot be taken. field: what of it; message: why, and nothing of what was sent."""

    def __init__(self, reason: Reason, field: str, message: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field
        self.message = message


class Beacon(Struct, frozen=True, gc=False):
    """One thing that happened on a page. Texts are as sent, cut and without control characters, not yet scrubbed.

    domains: the sites it is meant for. consent: "" or one of CONSENTS. scroll: percent or 255.
    vitals: by name, unit as in schema/metrics.py. ignored: what of it was passed over, in constant words.
    """

    name: str
    url: str
    domains: tuple[str, ...]
    referrer: str = ""
    hash_mode: bool = False
    interactive: bool = True
    props: dict[str, str] = msgspec.field(default_factory=dict)
    currency: str = ""
    amount: int = 0
    engaged_ms: int = 0
    scroll: int = NO_SCROLL
    vitals: dict[str, float] = msgspec.field(default_factory=dict)
    width: int = 0
    time_zone: str = ""
    id: str = ""
    consent: str = ""
    ignored: tuple[str, ...] = ()


def clean(text: str) -> str:
    """The text without control characters."""
    return _CONTROLS.sub("", text) if not text.isascii() or not text.isprintable() else text


def first_text(*values: Any) -> str:
    """The first value that is a text or a whole number; "" if none is."""
    for value in values:
        if isinstance(value, str):
            # Of almost every text, and there are several in a beacon, `clean` would find out the same.
            return (value if value.isascii() and value.isprintable() else clean(value)).strip()
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)[:MAX_ID]
    return ""


def name_of(value: Any) -> str:
    """An event's name. Raises Refused."""
    name = first_text(value)
    if not name:
        raise Refused(Reason.NO_NAME, "event_name", "can't be blank")
    if len(name) > MAX_NAME:
        raise Refused(Reason.NO_NAME, "event_name", f"should be at most {MAX_NAME} character(s)")
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
    return _named_in(first_text(value)[:_MAX_DOMAINS])


@lru_cache(maxsize=1024)
def _named_in(text: str) -> tuple[str, ...]:
    names = map(site_name, text.split(","))
    domains = tuple(dict.fromkeys(name for name in names if name))
    if not domains:
        raise Refused(Reason.NO_DOMAIN, "domain", "can't be blank")
    return domains[:10]


def props_of(value: Any) -> dict[str, str]:
    """Properties out of an object, or out of JSON text of one: the first 30, each a text. Raises Refused."""
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return {}
    if not isinstance(value, dict):
        return {}
    props: dict[str, str] = {}
    for key, raw in list(value.items())[:MAX_PROPS]:
        text = _prop_text(raw)
        if not text:
            continue
        if len(key.encode()) > MAX_KEY or len(text.encode()) > MAX_VALUE:
            raise Refused(Reason.BAD_PROPERTY, "props", f"keys up to {MAX_KEY} and values up to {MAX_VALUE} bytes")
        props[clean(key)] = text
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


def money_of(value: Any) -> tuple[str, int]:
    """(currency, minor units); ("", 0) where it is absent or makes no sense: the event is kept all the same."""
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return "", 0
    if not isinstance(value, dict):
        return "", 0
    currency, amount = value.get("currency"), value.get("amount")
    if not isinstance(currency, str) or not re.fullmatch(r"[A-Za-z]{3}", currency):
        return "", 0
    number = number_of(amount)
    if number is None or abs(number) > _MAX_AMOUNT:
        return "", 0
    minor = round(number * 10 ** _MINOR_DIGITS.get(currency.upper(), 2))
    return (currency.upper(), minor) if abs(minor) <= _MAX_AMOUNT else ("", 0)


def ignored_in(money: Any, currency: str, props: Any, taken: dict[str, str]) -> tuple[str, ...]:
    """What `money_of` and `props_of` passed over, in constant words."""
    if not money and not props:
        return ()
    found = []
    if money and not currency:
        found.append("revenue ignored: no amount, or no currency of three letters")
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


def limited(url: str) -> str:
    """A URL that is there and not too long. Raises Refused."""
    if not url:
        raise Refused(Reason.NO_URL, "url", "is required")
    if len(url if url.isascii() else url.encode()) > MAX_URL:
        raise Refused(Reason.BAD_URL, "url", f"is longer than {MAX_URL} bytes")
    return url


def shortened(url: str) -> str:
    """A URL within the limit, without the parameters or the path that do not fit; "" if not even its host does.

    None of them is cut in two: half of an e-mail address is a name that the scrubber does not know for one.
    """
    # One byte more than may stay: it tells whether anything is cut, and whether a parameter ends there.
    head = url[: MAX_URL + 1].encode("utf-8", "replace")[: MAX_URL + 1]
    if len(head) <= MAX_URL:
        return url
    page, mark, query = head.partition(b"?")
    if mark:
        return (page + mark + query.rpartition(b"&")[0]).decode()
    origin = _ORIGIN.match(head)
    # Cut at a slash, a path would pass for another page; that it was too long is at least true.
    return (origin[0] + _NO_PATH).decode() if origin and len(origin[0] + _NO_PATH) <= MAX_URL else ""
