"""Access logs as servers write them, line by line; a bad line is counted and stops nothing."""

from __future__ import annotations

import datetime as dt
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model import Client
from collector.outcome import Reason
from tests.collector.log_lines import ADDRESS, AGENT, NOON, line, read, reader


def outcome_of(text: str, **given_: bool) -> object:
    return reader(**given_).read(text)


def test_a_line_is_a_page_opened_by_somebody() -> None:
    url, referrer, client, moment = read(line())
    assert (url, referrer, moment) == ("https://example.com/a?b=c", "https://example.org/from", NOON)
    assert client == Client(ADDRESS, AGENT)


@pytest.mark.parametrize(
    ("given_", "url", "referrer", "agent", "address"),
    [
        ({"rest": ' "-" "-"'}, "/a?b=c", "", "", ADDRESS),
        ({"rest": f' "-" "{AGENT}" "10.0.0.1" 0.002'}, "/a?b=c", "", AGENT, ADDRESS),  # more fields behind
        ({"user": "- anna"}, "/a?b=c", "https://example.org/from", AGENT, ADDRESS),
        ({"user": "- anna smith"}, "/a?b=c", "https://example.org/from", AGENT, ADDRESS),
        ({"address": "2001:db8::1"}, "/a?b=c", "https://example.org/from", AGENT, "2001:db8::1"),
        ({"size": "-", "status": "304"}, "/a?b=c", "https://example.org/from", AGENT, ADDRESS),
        ({"request": "GET / HTTP/1.0"}, "/", "https://example.org/from", AGENT, ADDRESS),
        ({"request": "GET /"}, "/", "https://example.org/from", AGENT, ADDRESS),  # HTTP/0.9
        ({"request": "GET /a b HTTP/1.1"}, "/a b", "https://example.org/from", AGENT, ADDRESS),
        (
            {"request": "GET //evil.example/x HTTP/1.1"},
            "/evil.example/x",
            "https://example.org/from",
            AGENT,
            ADDRESS,
        ),
        (
            {"request": r"GET /say?q=\"hi\" HTTP/1.1"},
            '/say?q="hi"',
            "https://example.org/from",
            AGENT,
            ADDRESS,
        ),
        (
            {"rest": r' "https://r.example/?q=\"x\"" "An \"agent\""'},
            "/a?b=c",
            'https://r.example/?q="x"',
            'An "agent"',
            ADDRESS,
        ),
        ({"request": "GET /v1.2/page HTTP/2.0"}, "/v1.2/page", "https://example.org/from", AGENT, ADDRESS),
    ],
)
def test_the_formats_variations_are_read(
    given_: dict[str, str], url: str, referrer: str, agent: str, address: str
) -> None:
    found = read(line(**given_), sample=[line()])
    assert found == (f"https://example.com{url}", referrer, Client(address, agent), NOON)


@pytest.mark.parametrize(
    ("time", "moment"),
    [
        ("17/May/2015:10:05:03 +0000", NOON),
        ("17/May/2015:12:05:03 +0200", NOON),
        # Without one it is of the site's.
        ("17/May/2015:10:05:03", NOON),
        ("17/May/2015:07:35:03 -0230", NOON),
        ("17/May/2015:15:50:03 +05:45", NOON),
        ("18/May/2015:00:05:03 +1400", NOON),
        ("17/May/2015:00:00:00 -0000", NOON - 36_303),
        ("29/Feb/2016:00:00:00 +0000", int(dt.datetime(2016, 2, 29, tzinfo=dt.UTC).timestamp())),
    ],
)
def test_a_time_is_read_in_its_own_zone(time: str, moment: int) -> None:
    assert read(line(time=time))[3] == moment


@pytest.mark.parametrize(
    "time",
    [
        "32/May/2015:10:05:03 +0000",
        "17/Foo/2015:10:05:03 +0000",
        "29/Feb/2015:10:05:03 +0000",
        "17/May/2015:10:05:03 00000",
        "17/May/2015 10:05:03 +0000",
        "17/May/2015:10:05 +0000aaa",
        "17/May/2015:24:05:03 +0000",
        "17/May/2015:10:60:03 +0000",
        "17/May/2015:10:05:61 +0000",
        "17/May/2015:-1:05:03 +0000",
        "17/May/2015:10:05:03 +00",
        # Of a clock that was never set, or of a year to come: no question reaches it, and no store holds some of them.
        "17/May/1970:10:05:03 +0000",
        "17/May/2200:10:05:03 +0000",
        "2200-05-17T10:05:03Z",
        "1970-05-17T10:05:03Z",
        "99999999999",
        "000000001",
        "",
        "x" * 26,
    ],
)
def test_a_time_that_cannot_be_makes_the_line_bad(time: str) -> None:
    assert outcome_of(line(time=time)) is Reason.BAD_LINE


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", Reason.BAD_LINE),
        ("nonsense", Reason.BAD_LINE),
        (line()[:60], Reason.BAD_LINE),
        (line(request=""), Reason.BAD_LINE),
        (line(request="-"), Reason.BAD_LINE),
        (line(request="GET"), Reason.BAD_LINE),
        (line(request=r"\x16\x03\x01 \x02 HTTP/1.1"), Reason.BAD_LINE),
        (line(status="abc"), Reason.BAD_LINE),
        (line(request='GET /a"b HTTP/1.1'), Reason.BAD_LINE),
        (line(request="POST /a HTTP/1.1"), Reason.NOT_GET),
        (line(request="HEAD /a HTTP/1.1"), Reason.NOT_GET),
        # What has been answered with an error was no page, whether it was a request or not.
        (line(request="-", status="408"), Reason.NOT_SUCCESS),
        (line(request=r"\x16\x03\x01", status="400"), Reason.NOT_SUCCESS),
        (line(address="host.example"), Reason.NO_ADDRESS),
        (line(address="-"), Reason.NO_ADDRESS),
        (line(address="999.1.1.1"), Reason.NO_ADDRESS),
        (line(request="GET http://other.example/ HTTP/1.1"), Reason.HOST),
        (line(status="404"), Reason.NOT_SUCCESS),
        (line(status="500"), Reason.NOT_SUCCESS),
        (line(status="101"), Reason.NOT_SUCCESS),
        (line(request="GET /style.css HTTP/1.1"), Reason.STATIC_FILE),
        (line(request="GET /a/LOGO.PNG?v=2 HTTP/1.1"), Reason.STATIC_FILE),
        (line(request="GET /favicon.ico HTTP/1.1"), Reason.STATIC_FILE),
        (line(request="GET /feed.xml#x HTTP/1.1"), Reason.STATIC_FILE),
    ],
)
def test_what_is_no_person_opening_a_page_has_a_reason(text: str, reason: Reason) -> None:
    assert outcome_of(text) is reason


@given(
    st.text(max_size=300)
    | st.builds(lambda a, b, c: line(request=a, rest=f' "{b}" "{c}"'), *[st.text(max_size=60)] * 3)
)
def test_no_line_raises(text: str) -> None:
    outcome = outcome_of(text)
    assert isinstance(outcome, (Reason, tuple))


@pytest.mark.parametrize(
    "text", [line(user="- " + "a " * 20_000), '"' * 60_000, "a " * 30_000, line(rest=' "' + '\\"' * 30_000)]
)
def test_no_line_takes_long(text: str) -> None:
    started = time.process_time()
    outcome_of(text)
    assert time.process_time() - started < 1


def test_control_characters_are_left_out() -> None:
    url, *_ = read(line(request="GET /a\x1b[31mxxx HTTP/1.1"))
    assert url == "https://example.com/a[31mxxx"


@pytest.mark.parametrize("status", ["301", "302", "303", "307", "308"])
def test_a_redirect_is_no_page_view_unless_asked_for(status: str) -> None:
    assert outcome_of(line(status=status)) is Reason.REDIRECT
    assert not isinstance(outcome_of(line(status=status), redirects=True), Reason)


@pytest.mark.parametrize(
    ("status", "counts"), [("200", True), ("206", True), ("304", True), ("204", False), ("205", False), ("300", False)]
)
def test_what_has_not_changed_is_a_page_view_and_no_page_is_none(status: str, counts: bool) -> None:
    assert isinstance(outcome_of(line(status=status)), Reason) is not counts


@pytest.mark.parametrize(
    "written", [r"/caf\xc3\xa9", r"/caf\xC3\xA9", "/café", r"/caf\xe9", r"/caf\u00e9", r"/caf\xc3\xA9"]
)
def test_escaped_bytes_are_the_text_that_was_sent(written: str) -> None:
    assert read(line(request=f"GET {written} HTTP/1.1"))[0] == "https://example.com/café"


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("http://example.com/a", "/a"),
        ("https://www.example.com:443/a?b", "/a?b"),
        ("HTTP://EXAMPLE.COM", "/"),
        ("http://example.com?b", "/?b"),
    ],
)
def test_an_absolute_target_names_the_page_and_its_host(target: str, path: str) -> None:
    assert read(line(request=f"GET {target} HTTP/1.1"), sample=[line()])[0] == f"https://example.com{path}"


@pytest.mark.parametrize(
    "path",
    ["/tags/asp.net", "/blog/what-is-node.js/", "/companies/draw.io", "/feed/", "/index.php", "/a.html",
     "/v1.2", "/.", "/a.b/c", "/notes;v=2", "/wp-jsonp", "/api/"],
)  # fmt: skip
def test_a_page_about_something_with_a_dot_is_a_page(path: str) -> None:
    assert read(line(request=f"GET {path} HTTP/1.1"))[0] == f"https://example.com{path}"


@pytest.mark.parametrize(
    "path",
    ["/i.heic", "/a.docx", "/a.vtt", "/a.m3u8", "/f.cur", "/a.csv", "/s.css;v=2", "/S.CSS;jsessionid=1?x",
     "/robots.txt", "/wp-json/wp/v2/posts", "/blog/wp-json", "/wp-cron.php?doing", "/xmlrpc.php", "/healthz",
     "/wp-admin/admin-ajax.php", "/.well-known/security",
     "/cdn-cgi/rum", "/socket.io/?EIO=4", "/_next/image?url=x",
     "/matomo.php?idsite=1",
     "/user/john.zip"],
)  # fmt: skip
def test_what_no_person_opens_as_a_page_is_none(path: str) -> None:
    assert outcome_of(line(request=f"GET {path} HTTP/1.1")) is Reason.STATIC_FILE
