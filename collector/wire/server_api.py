"""The API for a site's own servers, `POST /api/events`, with a token of the site.

In: an event, a list, or `{"events": [...]}`; each with the address and agent of its visitor, passed on. Out: beacons.
Promises: without a token nothing is read; the token alone says which site; a field that is not known is refused, so
that no typo goes unseen; no answer carries anything of what was sent, least of all an address or an agent.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address

import msgspec
from msgspec import Raw, structs

from schema.event import ENGAGEMENT, NO_SCROLL

from ..model import Arrival, Beacon, Client
from ..outcome import Outcome, Reason, Refused
from ..tokens import Tokens, bearer
from .base import Answer, Incoming
from .json_text import BYTE_ORDER_MARK, Unreadable, decoded
from .money import money_of
from .server_errors import explained
from .server_event import MAX_EVENTS, Dropped, NotTaken, Result, ServerEvent, Signal, Visitor, Vitals
from .values import bounded, clean, engaged_of, first_text, name_of, props_of, url_of, vitals_of

# Two clocks are never the same: what is so little ahead of ours is now.
_AHEAD_S = 60.0


class ServerEvents:
    """The format, for `edge.server_endpoint`."""

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
        for raw in _events_in(incoming.body.removeprefix(BYTE_ORDER_MARK)):
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


def _events_in(body: bytes) -> list[Raw]:
    """The events of a body, each still as it was sent. Raises Refused."""
    try:
        events = body
        if not body.lstrip().startswith(b"["):
            fields = decoded(_OBJECT, body)
            if "events" not in fields:
                return [Raw(body)]
            if len(fields) > 1:
                raise Refused(Reason.BAD_BODY, "events", "stands alone: what holds for an event is said in it")
            events = bytes(fields["events"])
        found = decoded(_LIST, events)
    except Unreadable:
        raise Refused(Reason.BAD_BODY, "request", "is not JSON of an event, or of a list of events") from None
    if not 0 < len(found) <= MAX_EVENTS:
        raise Refused(Reason.BAD_BODY, "events", f"are none, or more than {MAX_EVENTS}")
    return found


def _event_of(raw: Raw) -> ServerEvent:
    try:
        return decoded(_EVENT, raw)
    except Unreadable as problem:
        raise Refused(Reason.BAD_BODY, *explained(problem)) from None


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
            page_language=event.page_language,
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


def _says_yes(signal: Signal) -> bool:
    return signal is True or signal == "1"


def _received(timestamp: dt.datetime | float | None, now: float) -> float:
    """Unix seconds; 0 = now."""
    if timestamp is None:
        return 0.0
    said = timestamp.timestamp() if isinstance(timestamp, dt.datetime) else timestamp
    return max(1.0, min(said, now) if said <= now + _AHEAD_S else said)
