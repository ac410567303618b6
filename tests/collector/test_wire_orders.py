"""An order in every wire format: its revenue is counted, its id is stored nowhere and is the same from all of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from msgspec import to_builtins

from collector.service import Collector
from collector.wire.base import Format
from collector.wire.goatcounter import GoatCounter
from collector.wire.matomo import Matomo
from collector.wire.pixel import Pixel
from collector.wire.plausible import Plausible
from collector.wire.umami import Umami, UmamiBatch
from tests.collector import test_server_api
from tests.collector.test_server_api import EVENT
from tests.collector.wire import asked

ORDER = "A-10023"
PROPS = {"order_id": ORDER, "plan": "pro"}
MONEY = {"amount": "49.90", "currency": "EUR"}
PAGE = "https://a.example/thanks"
BODY = {"n": "purchase", "u": PAGE, "d": "a.example"}
UMAMI = {
    "type": "event",
    "payload": {
        "website": "a.example",
        "url": PAGE,
        "name": "purchase",
        "data": PROPS | {"revenue": 49.9, "currency": "eur"},
    },
}
MATOMO = {"idsite": "7", "rec": 1, "url": PAGE, "revenue": "49.90", "currency": "EUR"}
# By name the format and what is sent: query, body.
FORMATS: dict[str, tuple[Callable[[Collector], Format], Any, Any]] = {
    "plausible": (lambda _: Plausible(), "", BODY | {"p": PROPS, "$": MONEY}),
    "umami": (lambda _: Umami(), "", UMAMI),
    "umami, a list": (lambda _: UmamiBatch(), "", [UMAMI]),
    "matomo": (lambda _: Matomo(), MATOMO | {"idgoal": 0, "ec_id": ORDER}, b""),
}


def _sent(directory: Path, name: str) -> Any:
    make, query, body = FORMATS[name]
    _, (event,) = asked(directory, make, query, body, method="POST")
    return event


def _of_server(directory: Path) -> Any:
    paid = {"name": "purchase", "props": PROPS, "revenue": MONEY, "id": "made up anew"}
    assert test_server_api.ask(directory, EVENT | paid).status == 202
    (event,) = test_server_api.events_of(directory)
    return event


def test_an_order_is_the_same_in_all_of_them_and_its_id_in_none(tmp_path: Path) -> None:
    found = {name: _sent(tmp_path / name, name) for name in FORMATS}
    found["server"] = _of_server(tmp_path / "server")
    assert {(event.currency, event.amount) for event in found.values()} == {("EUR", 4990)}
    assert len({event.id for event in found.values()}) == 1
    assert found["server"].id != 0
    for name, event in found.items():
        assert ORDER not in repr(to_builtins(event)), name
        assert "revenue" not in event.props
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or ORDER.encode() not in path.read_bytes()


@pytest.mark.parametrize(
    ("make", "query", "path"),
    [
        (lambda _: Pixel(), BODY | {"p": json.dumps(PROPS)}, {}),
        (lambda _: GoatCounter({}), {"p": "order", "e": "true", "q": urlencode(PROPS)}, {"site": "a.example"}),
    ],
    ids=["pixel", "goatcounter"],
)
def test_where_no_revenue_comes_the_id_is_dropped(tmp_path: Path, make: Any, query: Any, path: Any) -> None:
    answer, events = asked(tmp_path, make, query, path=path)
    assert answer.status < 300
    assert all(ORDER not in repr(to_builtins(event)) for event in events)


def test_revenue_of_an_unknown_currency_stays_what_was_sent(tmp_path: Path) -> None:
    payload = UMAMI["payload"]
    assert isinstance(payload, dict)
    odd = UMAMI | {"payload": payload | {"data": {"revenue": 5, "currency": "points"}}}
    _, (event,) = asked(tmp_path, lambda _: Umami(), "", odd, method="POST")
    assert (event.currency, event.props) == ("", {"revenue": "5", "currency": "points"})
