"""What a site's own server sends to `POST /api/events`, and what it is answered; /openapi.json is made of these.

In: JSON. Out: structs whose every field says what it means. Promises: a field that is not known is refused, so that no
typo goes unseen; none of them shows an address or an agent when it is printed.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from msgspec import Meta, Struct

from ..model import MAX_NAME
from .values import MAX_ID, MAX_LANGUAGE, MAX_PROPS

MAX_EVENTS = 1000
_MAX_MS = 600_000
# A header of the visitor's request as it came, or whether it was there.
Signal = bool | str | None
_Milliseconds = Annotated[float, Meta(ge=0, le=_MAX_MS)]


class Visitor(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose event it is: what the visitor's own request said. Address and agent are used in memory to count people
    and are never stored. What the visitor asked for by DNT, Sec-GPC or your own opt-out has to be passed on."""

    address: Annotated[str, Meta(min_length=2, max_length=64, description="The visitor's IPv4 or IPv6 address.")]
    agent: Annotated[
        str, Meta(min_length=1, max_length=2000, description="The visitor's User-Agent header, not your server's.")
    ]
    do_not_track: Annotated[
        Signal, Meta(description='The visitor\'s DNT header as it came, null if there was none: "1" is not recorded.')
    ]
    global_privacy_control: Annotated[
        Signal,
        Meta(
            description='The visitor\'s Sec-GPC header as it came, null if there was none: what "1" does is set for '
            "the site."
        ),
    ]
    opted_out: Annotated[
        Signal, Meta(description='Whether the visitor has opted out with you: true, or "1", is not recorded.')
    ] = None
    languages: Annotated[str, Meta(max_length=1000, description="The visitor's Accept-Language header.")] = ""
    screen_width: Annotated[int, Meta(ge=0, le=100_000, description="The screen's width in CSS pixels.")] = 0
    time_zone: Annotated[str, Meta(max_length=64, description="The browser's time zone, such as Europe/Berlin.")] = ""

    def __repr__(self) -> str:
        return "Visitor(…)"


class Revenue(Struct, frozen=True, forbid_unknown_fields=True):
    """What the event was worth."""

    amount: Annotated[
        float | Annotated[str, Meta(pattern=r"^-?[0-9]{1,13}(\.[0-9]{1,3})?$")],
        Meta(
            description='In the currency\'s main unit, such as 19.9; as a text, "19.90", it is exact in any language.'
        ),
    ]
    currency: Annotated[str, Meta(pattern="^[A-Za-z]{3}$", description="Three letters of ISO 4217, such as EUR.")]


class Vitals(Struct, frozen=True, forbid_unknown_fields=True):
    """Web vitals of one page being looked at: milliseconds, cls without a unit."""

    lcp: _Milliseconds | None = None
    inp: _Milliseconds | None = None
    cls: Annotated[float, Meta(ge=0, le=1000)] | None = None
    fcp: _Milliseconds | None = None
    ttfb: _Milliseconds | None = None


class ServerEvent(Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that a visitor did."""

    name: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=MAX_NAME,
            description="`pageview`, `engagement` (a report on a page being left), or a name of your own.",
        ),
    ]
    url: Annotated[
        str,
        Meta(
            min_length=1,
            description="The page on which it happened, as a whole URL. Of a long one the parameters that are not kept "
            "cost nothing, and a path loses what is over 500 characters.",
        ),
    ]
    visitor: Visitor
    id: Annotated[
        Annotated[str, Meta(min_length=1, max_length=MAX_ID)] | None,
        Meta(
            description="A name for this event alone, such as a UUID: sent again, it counts once per site and day. "
            "Stored as a keyed hash.",
        ),
    ] = None
    timestamp: Annotated[
        Annotated[dt.datetime, Meta(tz=True)] | Annotated[float, Meta(ge=1)] | None,
        Meta(
            description="When it happened, as ISO 8601 with a zone or in Unix seconds: earlier today in the site's "
            "time zone. Without it: now."
        ),
    ] = None
    referrer: Annotated[str, Meta(description="The URL of the page that led here.")] = ""
    page_language: Annotated[
        str, Meta(max_length=MAX_LANGUAGE, description="The language that the page is in, such as de-CH: its `lang`.")
    ] = ""
    props: Annotated[
        dict[str, str | int | float | bool],
        Meta(max_length=MAX_PROPS, description="Properties of your own. No personal data."),
    ] = {}
    revenue: Revenue | None = None
    interactive: Annotated[bool, Meta(description="Whether it ends a bounce.")] = True
    hash_routing: Annotated[bool, Meta(description="Whether the URL's fragment is part of the page's path.")] = False
    consent: Annotated[
        Literal["granted", "denied", "withdrawn"] | None,
        Meta(description="What the visitor says of being recorded; `withdrawn` deletes what today holds of them."),
    ] = None
    engaged_ms: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(description="Of an `engagement`: time spent looking, in ms; counted up to 30 minutes."),
    ] = None
    scroll: Annotated[
        Annotated[int, Meta(ge=0, le=100)] | None,
        Meta(description="Of an `engagement`: how far down the page, in percent."),
    ] = None
    vitals: Annotated[Vitals | None, Meta(description="Of an `engagement`.")] = None

    def __repr__(self) -> str:
        return "ServerEvent(…)"


class Batch(Struct, frozen=True, forbid_unknown_fields=True):
    """Several events."""

    events: Annotated[list[ServerEvent], Meta(min_length=1, max_length=MAX_EVENTS)]


class Dropped(Struct, frozen=True):
    """An event that was understood, and that counts nobody."""

    index: Annotated[int, Meta(description="Which of the events that were sent, from 0.")]
    reason: Annotated[str, Meta(description="Such as `bot`, `library`, `host`, `referrer_spam`, `unknown_site`.")]


class NotTaken(Struct, frozen=True, omit_defaults=True):
    """An event, or a whole request, that has to be mended before it can be taken."""

    reason: Annotated[str, Meta(description="Such as `bad_body`, `bad_url`, `bad_time`, `not_authorized`, `spool`.")]
    field: Annotated[str, Meta(description="What of it is wrong: a path such as `visitor.address`.")]
    message: Annotated[str, Meta(description="What is wrong with that. Never what was sent.")]
    index: Annotated[
        int | None, Meta(description="Which of the events that were sent, from 0; missing: the whole request.")
    ] = None


class Result(Struct, frozen=True):
    """What became of a request."""

    accepted: Annotated[
        int,
        Meta(
            description="Events that are on disk, those whose visitor asked not to be recorded, and those dropped for "
            "who the visitor is (network, country): no answer tells."
        ),
    ]
    dropped: list[Dropped]
    refused: list[NotTaken]
