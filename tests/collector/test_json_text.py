"""JSON that is well formed though a text in it is not: no beacon is lost for it, in any of the formats."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model import Arrival
from collector.outcome import Refused
from collector.wire.json_text import BYTE_ORDER_MARK, whole_letters
from collector.wire.matomo import Matomo
from collector.wire.plausible import Plausible
from collector.wire.server_api import ServerEvents
from collector.wire.umami import Umami, UmamiBatch
from tests.collector.test_wire_foreign import VISITOR, Token
from tests.collector.wire import incoming
from tests.conftest import examples

PAGE = "https://a.example/"
# What a page leaves that cuts "so 😀" after four characters.
CUT = "so \ud83d"
EVENT = {"n": "signup", "u": PAGE, "d": "a.example", "p": {"title": CUT}}
SENT = {"type": "event", "payload": {"website": "a.example", "url": "/", "name": "signup", "data": {"title": CUT}}}
# The title is not even read.
VIEW = {"type": "event", "payload": {"website": "a.example", "url": "/", "title": CUT}}
TOLD = {"name": "signup", "url": PAGE, "visitor": VISITOR, "props": {"title": CUT}}
ASKED = {"idsite": "a.example", "rec": 1, "url": PAGE, "e_c": "x", "e_a": "signup", "e_n": CUT}


@pytest.mark.parametrize("mark", [b"", BYTE_ORDER_MARK], ids=["", "marked"])
@pytest.mark.parametrize(
    ("format_", "body"),
    [
        (Plausible(), EVENT),
        (Plausible(), [EVENT, EVENT]),
        (Plausible(), EVENT | {"p": json.dumps(EVENT["p"])}),
        (Umami(), SENT),
        (Umami(), VIEW),
        (UmamiBatch(), [SENT, VIEW]),
        (Matomo(), {"requests": [ASKED, "?idsite=a.example&rec=1&url=" + PAGE]}),
        (ServerEvents(Token()), TOLD),  # type: ignore[arg-type]
        (ServerEvents(Token()), [TOLD, TOLD]),  # type: ignore[arg-type]
        (ServerEvents(Token()), {"events": [TOLD, TOLD]}),  # type: ignore[arg-type]
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "read") else "",
)
def test_half_a_letter_is_an_unknown_one_and_a_mark_before_the_text_is_none_of_it(
    format_: Any, body: Any, mark: bytes
) -> None:
    found = format_.read(incoming(mark + json.dumps(body).encode()))
    assert all(isinstance(one, Arrival) for one in found), found
    texts = {text for one in found for text in one.beacon.props.values()}
    assert texts <= {"so \ufffd", "x"}
    assert texts or body is VIEW


def test_an_event_that_cannot_be_read_takes_no_other_of_its_list_with_it() -> None:
    body = b"[%s,null,7,{},%s]" % ((json.dumps(EVENT).encode(),) * 2)
    found = Plausible().read(incoming(body))
    assert [type(one) for one in found] == [Arrival, Refused, Refused, Refused, Arrival]


@given(st.text(alphabet='ab\\"/ \n\ud83d\ude00\ufffd😀u8', max_size=12))
@examples(100)
def test_what_is_whole_stays_as_it_is(text: str) -> None:
    sent = json.dumps(text).encode()
    known = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert json.loads(whole_letters(sent)) == known
