"""What a page sends: a request body in Plausible's wire format → a typed `Beacon`.

In: bytes of JSON, at most 64 KiB. Out: a `Beacon`, or `Refused` with the reason and the format's own error answer.
Promises: nothing but `Refused` is raised, whatever the bytes; no message carries what was sent.
"""

from __future__ import annotations

import math
import re
from typing import Any

import msgspec
from msgspec import Struct

from schema.event import ENGAGEMENT, NO_SCROLL
from schema.metrics import VITALS

from .reason import Reason

MAX_NAME = 120
MAX_URL = 2000
MAX_PROPS = 30
MAX_KEY = 300
MAX_VALUE = 2000
MAX_ID = 200
CONSENTS = ("granted", "denied", "withdrawn")
# An engaged time longer than this is a clock that jumped.
_LONGEST_ENGAGEMENT_MS = 30 * 86_400_000
# Vitals beyond these are measuring errors, not slow pages.
_LONGEST_VITAL_MS = 600_000.0
_LARGEST_SHIFT = 1000.0
# C0 and C1 controls, and the marks that turn the direction of text around.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_MAX_AMOUNT = 10**15
# ISO 4217 currencies whose minor unit is not a hundredth.
_MINOR_DIGITS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI"), 0),
    **dict.fromkeys(("VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}


class Refused(Exception):
    """The beacon is malformed. field, message: the wire format's own error answer."""

    def __init__(self, reason: Reason, field: str, message: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field
        self.message = message


class Beacon(Struct, frozen=True):
    """One thing that happened on a page. Texts are as sent, cut and without control characters, not yet scrubbed.

    domains: the sites it is meant for. consent: "" or one of CONSENTS. scroll: percent or 255.
    vitals: by name, unit as in schema/metrics.py.
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


class _Wire(Struct):
    """The body as it comes; every field may be anything."""

    n: Any = None
    name: Any = None
    u: Any = None
    url: Any = None
    d: Any = None
    domain: Any = None
    r: Any = None
    referrer: Any = None
    h: Any = None
    hash_mode: Any = msgspec.field(name="hashMode", default=None)
    m: Any = None
    meta: Any = None
    p: Any = None
    props: Any = None
    money: Any = msgspec.field(name="$", default=None)
    revenue: Any = None
    i: Any = None
    interactive: Any = None
    sd: Any = None
    e: Any = None
    w: Any = None
    screen_width: Any = None
    # Our own additions.
    tz: Any = None
    id: Any = None
    consent: Any = None
    lcp: Any = None
    inp: Any = None
    cls: Any = None
    fcp: Any = None
    ttfb: Any = None


_DECODER = msgspec.json.Decoder(_Wire)


def decode(body: bytes) -> Beacon:
    """The beacon in a body. Raises Refused."""
    try:
        wire = _DECODER.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Refused(Reason.BAD_BODY, "request", "Unable to parse request body as json") from None
    name = _name(wire.n if wire.n is not None else wire.name)
    url = _first_text(wire.u, wire.url)
    if not url:
        raise Refused(Reason.NO_URL, "url", "is required")
    if len(url) > MAX_URL:
        raise Refused(Reason.BAD_URL, "url", f"is longer than {MAX_URL} characters")
    engaged_ms, scroll, vitals = (0, NO_SCROLL, {})
    if name == ENGAGEMENT:
        engaged_ms, scroll, vitals = _engaged(wire.e), _scroll(wire.sd), _vitals(wire)
        if wire.e is None and wire.sd is None and not vitals:
            raise Refused(
                Reason.EMPTY_ENGAGEMENT,
                "event_name",
                "engagement event requires a valid integer value for at least one of 'sd' or 'e' fields",
            )
    currency, amount = _money(wire.money if wire.money is not None else wire.revenue)
    interactive = wire.i if wire.i is not None else wire.interactive
    return Beacon(
        name=name,
        url=url,
        domains=_domains(wire.d if wire.d is not None else wire.domain),
        referrer=_first_text(wire.r, wire.referrer)[:MAX_URL],
        hash_mode=(wire.h if wire.h is not None else wire.hash_mode) in (1, True, "1", "true"),
        interactive=interactive not in (False, 0, "false"),
        props=_props(wire),
        currency=currency,
        amount=amount,
        engaged_ms=engaged_ms,
        scroll=scroll,
        vitals=vitals,
        width=_whole(wire.w if wire.w is not None else wire.screen_width, 0),
        time_zone=_first_text(wire.tz)[:64],
        id=_first_text(wire.id)[:MAX_ID],
        consent=_consent(wire.consent),
    )


def clean(text: str) -> str:
    """The text without control characters."""
    return _CONTROLS.sub("", text) if not text.isascii() or not text.isprintable() else text


def _first_text(*values: Any) -> str:
    for value in values:
        if isinstance(value, str):
            return clean(value).strip()
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)[:MAX_ID]
    return ""


def _name(value: Any) -> str:
    name = _first_text(value)
    if not name:
        raise Refused(Reason.NO_NAME, "event_name", "can't be blank")
    if len(name) > MAX_NAME:
        raise Refused(Reason.NO_NAME, "event_name", f"should be at most {MAX_NAME} character(s)")
    return name


def _consent(value: Any) -> str:
    """What the page says of consent. A word we do not know may mean no, so it is refused rather than passed over."""
    word = _first_text(value).lower() if isinstance(value, str) else ""
    if word not in CONSENTS and value not in (None, ""):
        raise Refused(Reason.BAD_CONSENT, "consent", f"must be one of {', '.join(CONSENTS)}")
    return word


def _domains(value: Any) -> tuple[str, ...]:
    """The sites named; empty where the URL's host is to decide."""
    if value is None:
        return ()
    names = (part.strip().lower().removeprefix("www.") for part in _first_text(value).split(","))
    domains = tuple(dict.fromkeys(name for name in names if name))
    if not domains:
        raise Refused(Reason.NO_DOMAIN, "domain", "can't be blank")
    return domains[:10]


def _props(wire: _Wire) -> dict[str, str]:
    for value in (wire.m, wire.meta, wire.p, wire.props):
        if value is not None:
            break
    else:
        return {}
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


def _money(value: Any) -> tuple[str, int]:
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
    number = _number(amount)
    if number is None or abs(number) > _MAX_AMOUNT:
        return "", 0
    minor = round(number * 10 ** _MINOR_DIGITS.get(currency.upper(), 2))
    return (currency.upper(), minor) if abs(minor) <= _MAX_AMOUNT else ("", 0)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _whole(value: Any, otherwise: int) -> int:
    number = _number(value)
    return int(number) if number is not None else otherwise


def _scroll(value: Any) -> int:
    percent = _whole(value, -1)
    return NO_SCROLL if percent < 0 else min(percent, 100)


def _engaged(value: Any) -> int:
    milliseconds = _whole(value, 0)
    return milliseconds if 0 <= milliseconds < _LONGEST_ENGAGEMENT_MS else 0


def _vitals(wire: _Wire) -> dict[str, float]:
    found = {}
    for name, vital in VITALS.items():
        value = _number(getattr(wire, name))
        most = _LONGEST_VITAL_MS if vital.unit == "ms" else _LARGEST_SHIFT
        if value is not None and 0 <= value <= most:
            found[name] = value
    return found
