"""Plausible's wire format, `POST /api/event`, which is also our own tracker's.

In: a JSON object, or our own list of up to 50 of them. Out: beacons. Beside Plausible's keys it knows `tz`, `lang`,
`id`, `consent`, the web vitals and the elements responsible for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct, structs

from schema.event import ENGAGEMENT, NO_SCROLL, PAGEVIEW
from schema.vitals import OF_ELEMENTS, VITALS

from ..model import CONSENTS, MAX_NAME, Arrival, Beacon
from ..outcome import TAKEN, Outcome, Reason, Refused, first_refusal, reported
from .base import Answer, Errors, Incoming
from .json_text import T, Unreadable, decoded
from .money import money_of
from .values import (
    MAX_ID,
    MAX_LANGUAGE,
    MAX_PROPS,
    bounded,
    consent_of,
    domains_of,
    elements_of,
    engaged_of,
    first_text,
    ignored_in,
    name_of,
    props_of,
    scroll_of,
    text_of,
    url_of,
    vitals_of,
    whole_of,
)

MAX_BEACONS = 50
_OK = Answer(202, b"ok")


class Plausible:
    """The format, for `Endpoint`."""

    name = "plausible"
    methods = ("POST",)
    max_body = 64 * 1024
    request_headers = "Content-Type"

    def read(self, incoming: Incoming) -> Sequence[Arrival | Refused]:
        """The beacons of a request. A malformed one in a list does not take the others with it. Raises Refused."""
        wire = _decoded(_DECODER, incoming.body)
        if not isinstance(wire, list):
            return (Arrival(_beacon(wire), incoming.client),)
        if not 0 < len(wire) <= MAX_BEACONS:
            raise Refused(Reason.BAD_BODY, "request", f"has none or more than {MAX_BEACONS} events")
        found: list[Arrival | Refused] = []
        for one in wire:
            try:
                found.append(Arrival(_beacon(_decoded(_ONE, one)), incoming.client))
            except Refused as refused:
                found.append(refused)
        return found

    def alone(self, body: bytes) -> Beacon | None:
        """The one beacon of a body; None of a list. Raises Refused."""
        wire = _decoded(_DECODER, body)
        return None if isinstance(wire, list) else _beacon(wire)

    def answer(self, outcomes: Sequence[Outcome], incoming: Incoming) -> Answer:
        """202 once anything was taken or dropped; a page that can mend its URL is told so with 400."""
        if outcomes == TAKEN:
            return _OK
        reasons = reported(outcomes)
        refused = first_refusal(outcomes)
        dropped = ((b"x-plausible-dropped", str(len(reasons)).encode()),) if reasons else ()
        if refused:
            return structs.replace(self.refuse(refused), headers=dropped)
        return Answer(202, b"ok", headers=dropped)

    def refuse(self, refused: Refused) -> Answer:
        """The reason, in the way Plausible tells it."""
        body = msgspec.json.encode(Errors({refused.field: [refused.message]}))
        return Answer(refused.reason.status, body, "application/json")


def _said(description: str, **schema: Any) -> Meta:
    """Of a field that may be anything: what of it makes sense is read, by the functions of `values`."""
    return Meta(description=description, extra_json_schema=schema)


_Name = Annotated[Any, _said("`pageview`, `engagement` or a name of your own.", type="string", maxLength=MAX_NAME)]
_Url = Annotated[Any, _said("The page's whole URL.", type="string")]
_Domain = Annotated[Any, _said("The site, or several between commas; without it the URL's host.", type="string")]
_Referrer = Annotated[Any, _said("The referring page's URL.", type="string")]
_HashMode = Annotated[Any, _said("Whether the fragment is part of the path.", enum=[0, 1, True, False])]
_Props = Annotated[Any, _said(f"Properties; the first {MAX_PROPS} count.", type="object")]
_Revenue = Annotated[Any, _said("`amount` and `currency`.", type="object")]
_Interactive = Annotated[Any, _said("Whether it ends a bounce; without it, it does.", type="boolean")]
_Width = Annotated[Any, _said("The screen's width in CSS pixels.", type="number")]
_Vital = Annotated[Any, _said("Of an `engagement`: a web vital.", type="number")]


class PageEvent(Struct, gc=False):
    """One event of a page. It needs `n` or `name`, and `u` or `url`."""

    n: _Name = None
    name: _Name = None
    u: _Url = None
    url: _Url = None
    d: _Domain = None
    domain: _Domain = None
    r: _Referrer = None
    referrer: _Referrer = None
    h: _HashMode = None
    hash_mode: _HashMode = msgspec.field(name="hashMode", default=None)
    m: _Props = None
    meta: _Props = None
    p: _Props = None
    props: _Props = None
    money: _Revenue = msgspec.field(name="$", default=None)
    revenue: _Revenue = None
    i: _Interactive = None
    interactive: _Interactive = None
    sd: Annotated[Any, _said("Of an `engagement`: scroll depth in percent.", type="number")] = None
    e: Annotated[Any, _said("Of an `engagement`: milliseconds spent looking.", type="number")] = None
    w: _Width = None
    screen_width: _Width = None
    # Our own additions.
    tz: Annotated[Any, _said("The browser's time zone.", type="string")] = None
    lang: Annotated[Any, _said("The page's own language: its `lang`.", type="string")] = None
    id: Annotated[Any, _said("Sent again, it counts once per site and day.", type="string")] = None
    consent: Annotated[Any, _said("What the visitor says of being recorded.", enum=list(CONSENTS))] = None
    lcp: _Vital = None
    inp: _Vital = None
    cls: _Vital = None
    fcp: _Vital = None
    ttfb: _Vital = None
    el: Annotated[
        Any,
        _said(f"Selectors of the elements responsible for {', '.join(OF_ELEMENTS)}, by their names.", type="object"),
    ] = None


# Of each of these one has to be there.
REQUIRED = (("n", "name"), ("u", "url"))

_ONE = msgspec.json.Decoder(PageEvent)
# Of a list each by itself: one that cannot be read must not take the others with it.
_DECODER: msgspec.json.Decoder[PageEvent | list[Raw]] = msgspec.json.Decoder(PageEvent | list[Raw])

# Of what was not sent; nobody adds to it.
_NOTHING: dict[str, str] = {}
_NONE_MEASURED: dict[str, float] = {}


def decode(body: bytes) -> Beacon:
    """The one beacon in a body. Raises Refused."""
    wire = _decoded(_DECODER, body)
    if isinstance(wire, list):
        raise Refused(Reason.BAD_BODY, "request", "is a list; one event was expected")
    return _beacon(wire)


def _decoded(decoder: msgspec.json.Decoder[T], body: bytes | Raw) -> T:
    try:
        return decoded(decoder, body)
    except Unreadable:
        raise Refused(Reason.BAD_BODY, "request", "Unable to parse request body as json") from None


def _beacon(wire: PageEvent) -> Beacon:
    # Nothing is read that is not there: most pages send a name, a URL, a site and a width.
    name = PAGEVIEW if wire.n == PAGEVIEW else name_of(wire.n if wire.n is not None else wire.name)
    url = url_of(wire.u, wire.url)
    engaged_ms, scroll, vitals, elements = 0, NO_SCROLL, _NONE_MEASURED, _NOTHING
    if name == ENGAGEMENT:
        engaged_ms, scroll, vitals = (
            engaged_of(wire.e),
            scroll_of(wire.sd),
            vitals_of((name, getattr(wire, name)) for name in VITALS),
        )
        if wire.el is not None:
            elements = elements_of(wire.el, vitals)
        if wire.e is None and wire.sd is None and not vitals:
            raise Refused(
                Reason.EMPTY_ENGAGEMENT,
                "event_name",
                "engagement event requires a valid integer value for at least one of 'sd' or 'e' fields",
            )
    currency, amount, props, ignored = "", 0, _NOTHING, tuple[str, ...]()
    money = wire.money if wire.money is not None else wire.revenue
    sent = wire.m if wire.m is not None else wire.meta
    if sent is None:
        sent = wire.p if wire.p is not None else wire.props
    if money is not None or sent is not None:
        currency, amount = money_of(money)
        props = props_of(sent)
        ignored = ignored_in(money, currency, sent, props)
    interactive = wire.i if wire.i is not None else wire.interactive
    hash_mode = wire.h if wire.h is not None else wire.hash_mode
    # By place, in the order of the struct: by name it takes four times as long.
    return Beacon(
        name,
        url,
        domains_of(wire.d if wire.d is not None else wire.domain),
        "" if wire.r is None and wire.referrer is None else bounded(first_text(wire.r, wire.referrer)),
        hash_mode is not None and hash_mode is not False and hash_mode in (1, True, "1", "true"),
        interactive is None or interactive not in (False, 0, "false"),
        props,
        currency,
        amount,
        engaged_ms,
        scroll,
        vitals,
        whole_of(wire.w if wire.w is not None else wire.screen_width, 0),
        "" if wire.tz is None else text_of(wire.tz)[:64],
        "" if wire.id is None else text_of(wire.id)[:MAX_ID],
        "" if wire.consent is None else consent_of(wire.consent),
        "" if wire.lang is None else text_of(wire.lang)[:MAX_LANGUAGE],
        ignored,
        elements,
    )
