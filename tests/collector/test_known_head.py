"""A head that is known by its text: the parser would have read it as it read the one before."""

from __future__ import annotations

from random import Random

import httptools
import pytest

from collector.edge.known_head import split

from .talks import told_of

_HEAD = b"POST /api/event HTTP/1.1\r\nHost: x\r\nContent-Length: %s\r\nOrigin: https://a.example\r\n\r\n%s"


class Read:
    """What the parser finds in a piece; whole: exactly one request, with nothing after it."""

    def __init__(self, data: bytes) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.url = self.body = b""
        self.begun = self.ended = 0
        parser = httptools.HttpRequestParser(self)
        try:
            parser.feed_data(data)
            self.whole = self.begun == self.ended == 1
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.whole = False
        self.method, self.version = parser.get_method(), parser.get_http_version()

    def on_message_begin(self) -> None:
        self.begun += 1

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.ended += 1

    def head(self) -> tuple[object, ...]:
        return self.method, self.version, self.url, [one for one in self.headers if one[0] != b"content-length"]


def _another_body(draw: Random, data: bytes) -> bytes:
    """The same head with another body, and a length that may be said in another way or be wrong."""
    head, _, body = data.partition(b"\r\n\r\n")
    more = body + b"x" * draw.choice((1, 9, 100))
    said = draw.choice(
        (*(b"%d",) * 4, b"0%d", b"+%d", b" %d", b"%d ", b"%d, 5", b"%d\r\nContent-Length: ", b"%d\r\n 1")
    )
    length = said % (len(more) + draw.choice((0, 0, 0, 1, -1)))
    return head.replace(b"Content-Length: %d" % len(body), b"Content-Length: " + length) + b"\r\n\r\n" + more


def test_what_has_the_text_of_a_head_that_was_read_is_read_alike() -> None:
    draw = Random(20)
    known: dict[bytes, tuple[object, ...]] = {}
    again = 0
    for _ in range(1500):
        first = told_of(draw).pieces[0]
        for data in (first, *(_another_body(draw, first) for _ in range(3))):
            found = split(data)
            if found is None:
                continue
            text, body = found
            read = Read(data)
            if text in known:
                again += 1
                assert read.whole, data
                assert (read.head(), read.body) == (known[text], body), data
            elif read.whole and read.body == body:
                known[text] = read.head()
    assert again > 500


@pytest.mark.parametrize("said", [b"3 ", b" 3", b"03", b"+3", b"2", b"4", b"3,3", b"", b"3\r\nContent-Length: 3"])
def test_only_the_one_usual_way_to_say_a_length_is_known(said: bytes) -> None:
    usual, other = split(_HEAD % (b"3", b"abc")), split(_HEAD % (said, b"abc"))
    assert usual is not None
    assert other is None or other[0] != usual[0]


def test_a_line_that_is_not_there_any_more_is_no_length() -> None:
    """The length stands where it stood: a folded line would go on with it."""
    folded = split(b"POST / HTTP/1.1\r\nA: b\r\n c\r\nContent-Length: 1\r\n\r\nx")
    other = split(b"POST / HTTP/1.1\r\nA: b\r\nContent-Length: 1\r\n c\r\n\r\nx")
    assert folded is not None
    assert other is not None
    assert folded[0] != other[0]
    assert split(b"POST / HTTP/1.1\r\nHost: x\r\n\r\nContent-Length: 3\r\n") is None
    assert split(b"Content-Length: 3") is None
    assert split(b"") is None
