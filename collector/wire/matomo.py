"""Matomo's wire format: `GET` or `POST /matomo.php`, and many requests in one body of JSON.

In: parameters in the query string, in a form, or in each of the `requests` of a list. Out: beacons.
Promises: `uid`, `_id`, `cid`, `cip`, `cdt`, `ua` and places are not read; neither is `token_auth`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from schema.event import ENGAGEMENT, PAGEVIEW

from ..model import Arrival, Beacon
from ..outcome import Outcome, Reason, Refused
from .base import Answer, Incoming
from .foreign import GIF, GIF_TYPE, event_name, mistake_in, page_of, parameters, site_of, width_of
from .json_text import BYTE_ORDER_MARK, Unreadable, decoded
from .money import money_of
from .values import MAX_ID, bounded, first_text, number_of, props_of, url_of, vitals_of, whole_of

MAX_BULK = 100
# Matomo's own campaign parameters -> the ones everybody knows.
_CAMPAIGN = re.compile(r"(?<=[?&])(?:mtm|matomo|pk|piwik)_(campaign|source|medium|content|keyword|kwd)(?==)")
# Matomo finds a campaign behind "#", too: `/landing#mtm_campaign=spring`.
_IN_FRAGMENT = re.compile(r"#(?=(?:[^#]*&)?(?:mtm|matomo|pk|piwik|utm)_[a-z]+=)")
_UTM = {"keyword": "term", "kwd": "term"}
_DIMENSION = re.compile(r"dimension\d{1,3}")


class _Bulk(Struct):
    requests: list[Any]


_DECODER = msgspec.json.Decoder(_Bulk)


class Matomo:
    """The format, for `Endpoint`."""

    name = "matomo"
    methods = ("GET", "POST")
    max_body = 256 * 1024
    request_headers = "Content-Type"

    def read(self, incoming: Incoming) -> Sequence[Arrival | Refused]:
        """The beacons; a malformed one of several takes no other with it. Raises Refused."""
        said, page = parameters(incoming.query), page_of(incoming)
        if _is_bulk(incoming):
            return [_one_of_many(request, said, page, incoming) for request in _requests(incoming.body)]
        said = parameters(incoming.body) | said
        if not said:
            return ()
        read = _beacon(said, page)
        return (read if isinstance(read, Refused) else Arrival(read, incoming.client),)

    def answer(self, outcomes: Sequence[Outcome], incoming: Incoming) -> Answer:
        """Numbers for a list; else a picture, or nothing where none is wanted."""
        mistakes = [mistake for mistake in map(mistake_in, outcomes) if mistake]
        if _is_bulk(incoming):
            counts = {"status": "success", "tracked": len(outcomes) - len(mistakes), "invalid": len(mistakes)}
            return Answer(200, msgspec.json.encode(counts), "application/json")
        if mistakes:
            return self.refuse(mistakes[0])
        if not outcomes:
            return Answer(200, b"<p>Matomo's trackers send here.</p>\n", "text/html; charset=utf-8")
        said = parameters(incoming.body) | parameters(incoming.query)
        return Answer(204, content_type="") if said.get("send_image") == "0" else Answer(200, GIF, GIF_TYPE)

    def refuse(self, refused: Refused) -> Answer:
        """What is wrong, in a line."""
        return Answer(refused.reason.status, f"{refused.field} {refused.message}\n".encode())


def _is_bulk(incoming: Incoming) -> bool:
    return incoming.body.removeprefix(BYTE_ORDER_MARK).lstrip().startswith(b"{")


def _requests(body: bytes) -> list[Any]:
    try:
        requests = decoded(_DECODER, body).requests
    except Unreadable:
        raise Refused(Reason.BAD_BODY, "request", "is neither a form nor a list of requests in JSON") from None
    if not 0 < len(requests) <= MAX_BULK:
        raise Refused(Reason.BAD_BODY, "requests", f"are none or more than {MAX_BULK}")
    return requests


def _one_of_many(request: Any, common: dict[str, str], page: str, incoming: Incoming) -> Arrival | Refused:
    """A request of a list: a query string or an object. What the list's own address says holds for each."""
    try:
        if isinstance(request, str):
            said = parameters(request.removeprefix("?").encode())
        elif isinstance(request, dict):
            said = {name: _text(value) for name, value in request.items()}
        else:
            raise Refused(Reason.BAD_BODY, "requests", "are neither query strings nor objects")
        read = _beacon(said | common, page)
    except Refused as refused:
        return refused
    return read if isinstance(read, Refused) else Arrival(read, incoming.client)


def _text(value: Any) -> str:
    """A value as it would stand in a query string."""
    return str(value) if isinstance(value, float) else "01"[value] if isinstance(value, bool) else first_text(value)


def _beacon(said: Mapping[str, str], page: str) -> Beacon | Refused:
    """The beacon; a Refused for what is well formed and yet nothing that is kept. Raises Refused."""
    domains = site_of(said.get("idsite"), "idsite")
    if said.get("rec") != "1":
        raise Refused(Reason.BAD_BODY, "rec", "must be 1")
    name, props, amount, order = _deed(said)
    if not name:
        return Refused(Reason.NOT_KEPT, "request", "says nothing that is kept")
    props |= {key: value for key, value in said.items() if _DIMENSION.fullmatch(key)}
    currency, minor = money_of({"currency": said.get("currency"), "amount": amount})
    return Beacon(
        name=name,
        url=url_of(_with_campaign(said.get("url") or page)),
        domains=domains,
        referrer=bounded(said.get("urlref", "")),
        props=props_of(props, foreign=True),
        currency=currency,
        amount=minor,
        vitals=_vitals(said),
        width=width_of(said.get("res")),
        id=order[:MAX_ID],
    )


def _deed(said: Mapping[str, str]) -> tuple[str, dict[str, str], str, str]:
    """What a request tells of: the event's name, its properties, its revenue and the order's id. No name: nothing."""
    goal = whole_of(said.get("idgoal"), -1)
    if said.get("ping") == "1":
        # A heartbeat tells no engaged time; it may bring what was not measured yet when the page was told of.
        return ENGAGEMENT if _vitals(said) else "", {}, "", ""
    if goal > 0:
        return f"Goal {goal}"[:120], {}, said.get("revenue", ""), ""
    if said.get("ec_id"):
        return "Order", {}, said.get("revenue", ""), said["ec_id"]
    if goal == 0 or said.get("c_n"):
        return "", {}, "", ""
    if said.get("e_c") and said.get("e_a"):
        props = {"category": said["e_c"], "name": said.get("e_n", ""), "value": said.get("e_v", "")}
        return event_name(said["e_a"]), props, "", ""
    if said.get("download"):
        return "File Download", {"url": said["download"]}, "", ""
    if said.get("link"):
        return "Outbound Link: Click", {"url": said["link"]}, "", ""
    if said.get("search"):
        props = {
            "term": said["search"],
            "category": said.get("search_cat", ""),
            "results": said.get("search_count", ""),
        }
        return "Site Search", props, "", ""
    # "ca" marks what is no page view; what is left of it comes from plugins that we do not know.
    return "" if said.get("ca") == "1" else PAGEVIEW, {}, "", ""


def _vitals(said: Mapping[str, str]) -> dict[str, float]:
    """Time to first byte: connecting, then waiting. Redirects are in neither, so it is a little short."""
    connecting, waiting = number_of(said.get("pf_net")), number_of(said.get("pf_srv"))
    if connecting is None or waiting is None or connecting < 0 or waiting < 0:
        return {}
    return vitals_of((("ttfb", connecting + waiting),))


def _with_campaign(url: str) -> str:
    """The URL with its campaign where everybody has it."""
    page, mark, parameters_ = url.partition("#") if _IN_FRAGMENT.search(url) else (url, "", "")
    return _CAMPAIGN.sub(_utm, f"{page}{'&' if '?' in page else '?'}{parameters_}" if mark else page)


def _utm(match: re.Match[str]) -> str:
    return f"utm_{_UTM.get(match[1], match[1])}"
