"""Umami's wire format: `POST /api/send`, and a list of the same at `POST /api/batch`.

In: `{"type": ..., "payload": {...}}`. Out: beacons. Promises: an answer names no session and no visit, whatever its
fields are called; what a body says of address, agent, time and device is not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from schema.event import ENGAGEMENT, PAGEVIEW
from schema.vitals import VITALS

from ..model import Arrival, Beacon, Client
from ..outcome import Outcome, Reason, Refused
from .base import Answer, Incoming
from .foreign import event_name, mistake_in, site_of, width_of
from .json_text import T, Unreadable, decoded
from .money import money_of
from .values import MAX_KEY, MAX_PROPS, bounded, first_text, props_of, url_of, vitals_of

MAX_BATCH = 100
_JSON = "application/json"
_NOBODY = "00000000-0000-0000-0000-000000000000"
# The tracker sends "cache" back with its next beacon and reads nothing else of an answer.
_ACCEPTED = {"cache": "footfall", "sessionId": _NOBODY, "visitId": _NOBODY}
_DROPPED = {"beep": "boop"}
# What an address on the site's list is answered with.
# How deep an event's data may be nested.
_DEPTH = 5
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")
# Older trackers encode what the browser had encoded already: a blank, and letters beyond ASCII, of two bytes at least.
# Any other %25 is a percent sign of the page's own.
_TWICE_ENCODED = re.compile(r"(?:%25[C-Fc-f][0-9A-Fa-f](?:%25[89ABab][0-9A-Fa-f]){1,3})+|%2520")


class _Payload(Struct):
    """What of a payload is read."""

    website: str | None = None
    hostname: Annotated[str, Meta(max_length=100)] | None = None
    url: str | None = None
    referrer: str | None = None
    screen: Annotated[str, Meta(max_length=11)] | None = None
    name: str | None = None
    tag: Annotated[str, Meta(max_length=50)] | None = None
    data: dict[str, Any] | None = None
    lcp: Any = None
    inp: Any = None
    cls: Any = None
    fcp: Any = None
    ttfb: Any = None


class _Body(Struct):
    type: Literal["event", "identify", "performance"]
    payload: _Payload


_ONE = msgspec.json.Decoder(_Body)
_MANY = msgspec.json.Decoder(list[Raw])


class Umami:
    """The format of one beacon, for `Endpoint`."""

    name = "umami"
    methods = ("POST",)
    max_body = 64 * 1024
    request_headers = "Content-Type, X-Umami-Cache"

    def read(self, incoming: Incoming) -> Sequence[Arrival | Refused]:
        """The one beacon. Raises Refused."""
        return (_read(incoming.body, incoming.client),)

    def answer(self, outcomes: Sequence[Outcome], incoming: Incoming) -> Answer:
        """In Umami's words: accepted, a bot, or what is wrong."""
        status, said = _said(outcomes[0])
        return Answer(status, msgspec.json.encode(said), _JSON)

    def refuse(self, refused: Refused) -> Answer:
        """What is wrong."""
        return Answer(refused.reason.status, msgspec.json.encode(_wrong(refused)), _JSON)


class UmamiBatch(Umami):
    """The format of a list."""

    max_body = 256 * 1024

    def read(self, incoming: Incoming) -> Sequence[Arrival | Refused]:
        """The beacons; a malformed one takes no other with it. Raises Refused."""
        bodies = _decoded(_MANY, incoming.body)
        if not 0 < len(bodies) <= MAX_BATCH:
            raise Refused(Reason.BAD_BODY, "request", f"has none or more than {MAX_BATCH} events")
        found: list[Arrival | Refused] = []
        for body in bodies:
            try:
                found.append(_read(body, incoming.client))
            except Refused as refused:
                found.append(refused)
        return found

    def answer(self, outcomes: Sequence[Outcome], incoming: Incoming) -> Answer:
        """How many were taken or dropped, and what is wrong with each of the others."""
        said = (_said(outcome) for outcome in outcomes)
        details = [{"index": index, "response": one} for index, (status, one) in enumerate(said) if status != 200]
        summary = {"size": len(outcomes), "processed": len(outcomes) - len(details), "errors": len(details)}
        cache = {"cache": _ACCEPTED["cache"]}
        return Answer(200, msgspec.json.encode(summary | {"details": details} | cache), _JSON)


def _said(outcome: Outcome) -> tuple[int, dict[str, Any]]:
    mistake = mistake_in(outcome)
    if mistake:
        return mistake.reason.status, _wrong(mistake)
    if isinstance(outcome, Refused) or all(reason is Reason.ACCEPTED or reason.is_silent for reason in outcome):
        return 200, _ACCEPTED
    return 200, _DROPPED


def _wrong(refused: Refused) -> dict[str, Any]:
    return {"error": {"status": refused.reason.status, "message": f"{refused.field} {refused.message}"}}


def _decoded(decoder: msgspec.json.Decoder[T], body: bytes | Raw) -> T:
    try:
        return decoded(decoder, body)
    except Unreadable:
        raise Refused(Reason.BAD_BODY, "request", "is not what Umami's trackers send") from None


def _read(body: bytes | Raw, client: Client) -> Arrival | Refused:
    sent = _decoded(_ONE, body)
    payload, domains = sent.payload, site_of(sent.payload.website, "website")
    if sent.type == "identify":
        return Refused(Reason.NOT_KEPT, "identify", "is not kept")
    vitals = {}
    name = event_name(payload.name) if payload.name else PAGEVIEW
    data = payload.data or {}
    currency, amount = money_of({"currency": data.get("currency"), "amount": data.get("revenue")})
    if currency:
        data = {key: value for key, value in data.items() if key not in ("currency", "revenue")}
    props = dict(islice(_flat(data), MAX_PROPS))
    if payload.tag:
        props.setdefault("tag", payload.tag)
    if sent.type == "performance":
        name, vitals = ENGAGEMENT, vitals_of((vital, getattr(payload, vital)) for vital in VITALS)
        if not vitals:
            raise Refused(Reason.EMPTY_ENGAGEMENT, "performance", "has no value that can have been measured")
    beacon = Beacon(
        name=name,
        url=url_of(_url(payload)),
        domains=domains,
        referrer=bounded(first_text(payload.referrer)),
        props=props_of(props, foreign=True),
        currency=currency,
        amount=amount,
        vitals=vitals,
        width=width_of(payload.screen),
    )
    return Arrival(beacon, client)


def _url(payload: _Payload) -> str:
    """The page's URL; of one that is a path the host is told apart from it, or not at all."""
    url = _TWICE_ENCODED.sub(lambda twice: twice[0].replace("%25", "%"), first_text(payload.url))
    if _SCHEME.match(url):
        return url
    path = url if url.startswith(("/", "?", "#")) else f"/{url}"
    host = first_text(payload.hostname)
    # Without a host a path that begins with two slashes would pass for one.
    return f"https://{host}{path}" if host else "/" + path.lstrip("/") if path.startswith("//") else path


def _flat(data: dict[str, Any], prefix: str = "", depth: int = _DEPTH) -> Iterator[tuple[str, Any]]:
    """{"a": {"b": 1}} as ("a.b", 1): a property is one text. One whose name is too long is left out."""
    for key, value in islice(data.items(), MAX_PROPS):
        # Before it is copied in front of all that is below it.
        if len(prefix) + len(key) > MAX_KEY:
            continue
        if not isinstance(value, dict):
            yield prefix + key, value
        elif depth:
            yield from _flat(value, f"{prefix}{key}.", depth - 1)
