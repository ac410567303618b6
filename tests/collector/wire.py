"""For the tests of wire formats: one request in a format to a collector with a real spool, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from hypothesis import strategies as st
from msgspec import structs

from collector.edge.endpoint import Endpoint
from collector.enrich.client_hints import NO_CLIENT_HINTS
from collector.enrich.site_filter import SiteFilter
from collector.model import Arrival, Client
from collector.outcome import Refused
from collector.privacy.address import Networks
from collector.service import Collector
from collector.wire.base import Format, Incoming
from schema.event import Event
from tests.collector.test_endpoint import AGENT, NOW, Answer, House, run, stored

GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
# What other trackers call a.example.
UUID = "94db1cb1-74f4-4a40-ad6c-962362670409"
IDS = (UUID, "7")
Sent = bytes | dict[str, Any] | list[Any]
# JSON of any shape, with the words of the formats in it now and then.
WORDS = st.sampled_from(["type", "payload", "website", "event", "url", "data", "requests", "idsite", "rec", "1", UUID])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | WORDS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(WORDS | st.text(), inner, max_size=6),
    max_leaves=20,
)


async def send(
    house: House,
    make: Callable[[Collector], Format],
    query: dict[str, Any] | str = "",
    body: Sent = b"",
    headers: Iterable[tuple[str, str]] = (),
    method: str = "GET",
    path: dict[str, str] | None = None,
) -> Answer:
    """The answer to one request."""
    rules = dict(house.collector.rules)
    house.collector.rules = rules | dict.fromkeys(IDS, rules["a.example"])
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = list(headers)
    given = [] if any(name == "user-agent" for name, _ in headers) else [("user-agent", AGENT)]
    scope = {
        "type": "http",
        "method": method,
        "path": "/",
        "path_params": path or {},
        "query_string": (query if isinstance(query, str) else urlencode(query)).encode(),
        "client": ("203.0.113.9", 4711),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in (*given, *headers)],
    }
    told: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def tell(message: Any) -> None:
        told.append(message)

    await Endpoint(house.collector, make(house.collector))(scope, receive, tell)
    start, *parts = told
    return Answer(start["status"], start["headers"], b"".join(part.get("body", b"") for part in parts))


def asked(directory: Path, make: Callable[[Collector], Format], *given: Any, **more: Any) -> tuple[Answer, list[Event]]:
    """The answer to one request, and what was stored for it."""
    answer = run(directory, lambda house: send(house, make, *given, **more))
    return answer, stored(directory)


def blocked(make: Callable[[Collector], Format]) -> Callable[[Collector], Format]:
    """The format at a collector whose sites leave out the network that asks."""

    def of(collector: Collector) -> Format:
        site_filter = SiteFilter(networks=Networks(("203.0.113.0/24",)))
        collector.rules = {
            name: structs.replace(rules, site_filter=site_filter) for name, rules in collector.rules.items()
        }
        return make(collector)

    return of


def incoming(body: bytes = b"", query: bytes = b"", path: dict[str, str] | None = None) -> Incoming:
    """A request as a format is given it."""
    client = Client("203.0.113.9", AGENT, "", False, False, False, NO_CLIENT_HINTS)
    return Incoming(client, body, query, path or {}, (), NOW)


def takes(format_: Format, body: bytes = b"", query: bytes = b"", path: dict[str, str] | None = None) -> None:
    """Whatever is sent is read as beacons, or refused: there is no third way."""
    try:
        found = format_.read(incoming(body, query, path))
    except Refused as refused:
        answer = format_.refuse(refused)
    else:
        assert all(isinstance(one, Arrival | Refused) for one in found)
        return
    assert 400 <= answer.status < 500
