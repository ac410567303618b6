"""What several formats need: the picture some ask for, parameters, names, where to cut, and when to say no."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from schema.event import ENGAGEMENT, PAGEVIEW
from schema.host import site_name

from ..outcome import Outcome, Reason, Refused
from .base import Incoming
from .values import clean, name_of, whole_of

# One transparent pixel, 43 bytes: nothing smaller is a GIF that every browser takes.
GIF = (
    b"GIF89a" + b"\x01\x00\x01\x00\x80\x00\x00" + b"\x00\x00\x00\xff\xff\xff"  # 1 by 1, of two colours
    b"\x21\xf9\x04\x01\x00\x00\x00\x00" + b"\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00"  # the first is transparent
    b"\x02\x02\x44\x01\x00" + b"\x3b"
)
GIF_TYPE = "image/gif"
# What any of these trackers sends is a fifth of it.
_MAX_PARAMETERS = 200
# Said by the sender of itself, or of nothing that is kept: it has made no mistake.
_NO_MISTAKE = frozenset({Reason.HEADLESS, Reason.NOT_KEPT})


def parameters(text: bytes) -> dict[str, str]:
    """The parameters of a query string or of a form; the first of a name. Raises Refused."""
    try:
        pairs = parse_qsl(text.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MAX_PARAMETERS)
    except ValueError:
        raise Refused(Reason.BAD_BODY, "request", f"has more than {_MAX_PARAMETERS} parameters") from None
    return {name: clean(value).strip() for name, value in reversed(pairs)}


def site_of(value: str | None, field: str) -> tuple[str, ...]:
    """The one site that is named. Raises Refused."""
    name = site_name(clean(value or ""))
    if not name:
        raise Refused(Reason.NO_DOMAIN, field, "is required")
    return (name,)


def event_name(value: Any) -> str:
    """The name of a custom event, which the steps cut. Two names are ours, for what is no custom event. Raises
    Refused."""
    name = name_of(value, limit=None)
    return name.capitalize() if name in (PAGEVIEW, ENGAGEMENT) else name


def width_of(screen: str | None) -> int:
    """The width in "1920x1080" or "1920,1080,2"; 0 where there is none."""
    return whole_of(re.split("[x,]", screen or "", maxsplit=1)[0], 0)


def page_of(incoming: Incoming) -> str:
    """The page that the browser itself says it is on, or just its origin; "" if it says neither."""
    page = incoming.header(b"referer") or incoming.header(b"origin")
    return clean(page).strip() if page.startswith(("https://", "http://")) else ""


def host_of(url: str) -> str:
    """The host of a URL as it stands there, with its port; "" if there is none."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return ""


def mistake_in(outcome: Outcome) -> Refused | None:
    """What the sender has to mend; None where its beacon was taken, or dropped for what it is."""
    if isinstance(outcome, Refused):
        return None if outcome.reason in _NO_MISTAKE else outcome
    if Reason.UNKNOWN_SITE in outcome:
        return Refused(Reason.UNKNOWN_SITE, "site", "is not known here")
    if Reason.BAD_URL in outcome:
        return Refused(Reason.BAD_URL, "url", "is not a URL of a web page")
    return None
