"""The API for a site's own servers, `POST /api/events`, with a token of the site.

In: an event, a list, or `{"events": [...]}`; each with the address and agent of its visitor, passed on. Out: beacons.
Promises: without a token nothing is read; the token alone says which site; a field that is not known is refused, so
that no typo goes unseen; no answer carries anything of what was sent, least of all an address or an agent.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from difflib import get_close_matches
from ipaddress import IPv6Address, ip_address
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw, Struct, structs
from starlette.types import Receive, Scope

from schema.event import ENGAGEMENT, NO_SCROLL

from ..edge.endpoint import Endpoint
from ..edge.http import Reply
from ..outcome import Reason
from ..service import Collector
from ..steps import Client
from ..tokens import Tokens, bearer
from .base import Answer, Arrival, Incoming, Outcome
from .money import money_of
from .values import (
    CONSENTS,
    MAX_ID,
    MAX_NAME,
    MAX_PROPS,
    Beacon,
    Refused,
    bounded,
    clean,
    engaged_of,
    first_text,
    name_of,
    props_of,
    url_of,
    vitals_of,
)

MAX_EVENTS = 1000
# Two clocks are never the same: what is so little ahead of ours is now.
_AHEAD_S = 60.0
_MAX_MS = 600_000


# -- what is sent and answered; /openapi.json is made of these -----------------------------------------------------

# A header of the visitor's request as it came, or whether it was there.
_Signal = bool | str | None
_Milliseconds = Annotated[float, Meta(ge=0, le=_MAX_MS)]


class Visitor(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose event it is: what the visitor's own request said. Address and agent are used in memory to count people
    and are never stored. What the visitor asked for by DNT, Sec-GPC or your own opt-out has to be passed on."""

    address: Annotated[str, Meta(min_length=2, max_length=64, description="The visitor's IPv4 or IPv6 address.")]
    agent: Annotated[
        str, Meta(min_length=1, max_length=2000, description="The visitor's User-Agent header, not your server's.")
    ]
    do_not_track: Annotated[
        _Signal, Meta(description='The visitor\'s DNT header as it came, null if there was none: "1" is not recorded.')
    ]
    global_privacy_control: Annotated[
        _Signal,
        Meta(
            description='The visitor\'s Sec-GPC header as it came, null if there was none: what "1" does is set for '
            "the site."
        ),
    ]
    opted_out: Annotated[
        _Signal, Meta(description='Whether the visitor has opted out with you: true, or "1", is not recorded.')
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


# -- the format ----------------------------------------------------------------------------------------------------


class ServerEvents:
    """The format, for `ServerEndpoint`."""

    name = "server"
    methods = ("POST",)
    max_body = 1024 * 1024
    request_headers = ""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def read(self, incoming: Incoming) -> Sequence[Arrival | Refused]:
        """The beacons of a request; a malformed one does not take the others with it. Raises Refused."""
        site = self._tokens.site_of(bearer(incoming.headers))
        if not site:
            raise not_authorized()
        found: list[Arrival | Refused] = []
        for raw in _events_in(incoming.body):
            try:
                found.append(_arrival(_event_of(raw), site, incoming.now))
            except Refused as refused:
                found.append(refused)
        return found

    def answer(self, outcomes: Sequence[Outcome], incoming: Incoming) -> Answer:
        """202 once anything was taken or dropped. What tells who the visitor is looks like acceptance."""
        accepted, dropped, refused = 0, [], []
        for index, outcome in enumerate(outcomes):
            for reason in (outcome,) if isinstance(outcome, Refused) else outcome:
                if isinstance(reason, Refused):
                    refused.append(NotTaken(reason.reason, reason.field, reason.message, index))
                elif reason in _CAN_BE_MENDED:
                    refused.append(NotTaken(reason, *_CAN_BE_MENDED[reason], index))
                elif reason is Reason.ACCEPTED or reason.is_silent:
                    accepted += 1
                else:
                    dropped.append(Dropped(index, reason))
        return _answer(202 if accepted or dropped else 400, Result(accepted, dropped, refused))

    def refuse(self, refused: Refused) -> Answer:
        """The reason, in the same shape."""
        one = NotTaken(refused.reason, refused.field, refused.message)
        headers = ((b"www-authenticate", b"Bearer"),) if refused.reason is Reason.NOT_AUTHORIZED else ()
        return _answer(refused.reason.status, Result(0, [], [one]), headers)


class ServerEndpoint(Endpoint):
    """The format at its path. Whoever has no token is refused before a long body is read."""

    def __init__(self, collector: Collector, tokens: Tokens) -> None:
        super().__init__(collector, ServerEvents(tokens), cross_origin=False)
        self._tokens = tokens

    async def reply(self, scope: Scope, receive: Receive) -> Reply:
        if scope["method"] == "POST" and not self._tokens.site_of(bearer(scope["headers"])):
            refused = not_authorized()
            self._collector.refuse(refused, self._collector.clock(), self._wire)
            return self._refuse(scope, refused)
        return await super().reply(scope, receive)


def not_authorized() -> Refused:
    """The refusal of a request without a token that holds."""
    return Refused(
        Reason.NOT_AUTHORIZED,
        "authorization",
        "needs a token of the site: `Authorization: Bearer fft_…`; `footfall token create SITE` makes one",
    )


def _answer(status: int, result: Result, headers: tuple[tuple[bytes, bytes], ...] = ()) -> Answer:
    return Answer(status, msgspec.json.encode(result), "application/json", headers)


_CAN_BE_MENDED = {
    Reason.BAD_URL: ("url", "is not a URL of a web page"),
    Reason.BAD_TIME: (
        "timestamp",
        "is not of today by the site's clock, or is ahead: other days are not counted any more",
    ),
}


# -- reading -------------------------------------------------------------------------------------------------------

_LIST = msgspec.json.Decoder(list[Raw])
_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_EVENT = msgspec.json.Decoder(ServerEvent)
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def _events_in(body: bytes) -> list[Raw]:
    """The events of a body, each still as it was sent. Raises Refused."""
    try:
        events = body
        if not body.lstrip().startswith(b"["):
            fields = _OBJECT.decode(body)
            if "events" not in fields:
                return [Raw(body)]
            if len(fields) > 1:
                raise Refused(Reason.BAD_BODY, "events", "stands alone: what holds for an event is said in it")
            events = bytes(fields["events"])
        found = _LIST.decode(events)
    except _UNREADABLE:
        raise Refused(Reason.BAD_BODY, "request", "is not JSON of an event, or of a list of events") from None
    if not 0 < len(found) <= MAX_EVENTS:
        raise Refused(Reason.BAD_BODY, "events", f"are none, or more than {MAX_EVENTS}")
    return found


def _event_of(raw: Raw) -> ServerEvent:
    try:
        return _EVENT.decode(raw)
    except _UNREADABLE as problem:
        raise Refused(Reason.BAD_BODY, *_explained(problem)) from None


def _arrival(event: ServerEvent, site: str, now: float) -> Arrival:
    """The beacon of an event, and the visitor it is of. Raises Refused."""
    currency, amount = money_of(structs.asdict(event.revenue)) if event.revenue else ("", 0)
    if event.revenue and not currency:
        raise Refused(Reason.BAD_BODY, "revenue", "is no amount in a currency of ISO 4217 that can be counted")
    vitals = vitals_of((name, value) for name, value in structs.asdict(event.vitals or Vitals()).items())
    reports = event.engaged_ms is not None or event.scroll is not None or bool(vitals)
    if event.name == ENGAGEMENT and not reports:
        raise Refused(Reason.EMPTY_ENGAGEMENT, "name", "says engagement, which needs engaged_ms, scroll or vitals")
    if event.name != ENGAGEMENT and reports:
        raise Refused(Reason.BAD_BODY, "name", "is not engagement, which alone has engaged_ms, scroll and vitals")
    try:
        beacon = Beacon(
            name_of(event.name),
            url_of(event.url),
            (site,),
            referrer=bounded(first_text(event.referrer)),
            hash_mode=event.hash_routing,
            interactive=event.interactive,
            props=props_of(event.props),
            currency=currency,
            amount=amount,
            engaged_ms=engaged_of(event.engaged_ms or 0),
            scroll=NO_SCROLL if event.scroll is None else event.scroll,
            vitals=vitals,
            width=event.visitor.screen_width,
            time_zone=clean(event.visitor.time_zone),
            id=event.id or "",
            consent=event.consent or "",
        )
    except Refused as refused:
        # A page's own name for it is another one.
        field = "name" if refused.reason is Reason.NO_NAME else refused.field
        raise Refused(refused.reason, field, refused.message) from None
    return Arrival(beacon, _client_of(event.visitor), _received(event.timestamp, now), by_token=True)


def _client_of(visitor: Visitor) -> Client:
    try:
        address = ip_address(visitor.address.strip().partition("%")[0])
        if address.is_unspecified:
            raise ValueError("nobody's")
    except ValueError:
        raise Refused(Reason.BAD_BODY, "visitor.address", "is no IPv4 or IPv6 address of anybody") from None
    # As a socket would tell it, so that the same visitor's own beacons have the same number.
    whole = str(address.ipv4_mapped or address) if isinstance(address, IPv6Address) else str(address)
    return Client(
        whole,
        visitor.agent,
        visitor.languages,
        opted_out=_says_yes(visitor.do_not_track) or _says_yes(visitor.opted_out),
        gpc=_says_yes(visitor.global_privacy_control),
    )


def _says_yes(signal: _Signal) -> bool:
    return signal is True or signal == "1"


def _received(timestamp: dt.datetime | float | None, now: float) -> float:
    """Unix seconds; 0 = now."""
    if timestamp is None:
        return 0.0
    said = timestamp.timestamp() if isinstance(timestamp, dt.datetime) else timestamp
    return max(1.0, min(said, now) if said <= now + _AHEAD_S else said)


# -- why not -------------------------------------------------------------------------------------------------------

# What msgspec says, and where. It quotes names of fields, and a word that is none of a closed list; a name may be made
# to look like the end of what is said.
_SAID = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<path>[^`]*)`)?", re.DOTALL)
_OF_A_FIELD = re.compile(r"Object (?P<how>missing required|contains unknown) field `(?P<name>.*)`", re.DOTALL)
_KNOWN_IN = {
    path: struct.__struct_fields__
    for path, struct in (("", ServerEvent), ("visitor", Visitor), ("revenue", Revenue), ("vitals", Vitals))
}
_PATHS = frozenset(
    [f"{path}.{field}".lstrip(".") for path, fields in _KNOWN_IN.items() for field in fields] + ["props[...]"]
)
_REQUIRED = {
    "visitor": "is required: without the visitor's address and agent nobody can be counted",
    "visitor.address": "is required: the visitor's address, which is used in memory and never stored",
    "visitor.agent": "is required: the visitor's User-Agent header, which is used in memory and never stored",
    "visitor.do_not_track": "is required: the visitor's DNT header as it came, or null if there was none",
    "visitor.global_privacy_control": "is required: the visitor's Sec-GPC header as it came, or null if there was none",
}


def _explained(problem: Exception) -> tuple[str, str]:
    """(field, message) of what msgspec has against an event, and nothing of what was sent."""
    if not isinstance(problem, msgspec.ValidationError):
        return "event", "is not JSON"
    said = _SAID.fullmatch(str(problem))
    assert said is not None
    what, path = said["what"], said["path"] if said["path"] in _PATHS else ""
    if of := _OF_A_FIELD.fullmatch(what):
        if of["how"] == "missing required":
            field = f"{path}.{of['name']}".lstrip(".")
            return field, _REQUIRED.get(field, "is required")
        # Its name is not repeated: it may be a value in the wrong place. What may be meant is ours to say.
        path = path if path in _KNOWN_IN else ""
        known = _KNOWN_IN[path]
        near = get_close_matches(of["name"][:40].lower(), known, 1)
        remedy = f"is `{near[0]}` meant?" if near else f"it can have {', '.join(known)}"
        return path or "event", f"has a field that is not known: {remedy}"
    if what.startswith("Expected "):
        return path or "event", f"is wrong: {what[0].lower()}{what[1:]}"
    if path == "consent":
        return path, f"must be one of {', '.join(CONSENTS)}"
    if path == "timestamp":
        return path, "is no time: write ISO 8601 with a zone, such as 2026-11-24T10:00:00Z, or Unix seconds"
    return path or "event", "cannot be read"
