"""Access logs as servers write them, line by line; a bad line is counted and stops nothing."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.access_log import MAX_LINE, lines, read_line
from collector.reason import Reason
from collector.steps import Client

NOON = int(dt.datetime(2015, 5, 17, 10, 5, 3, tzinfo=dt.UTC).timestamp())
AGENT = "Mozilla/5.0 (X11; Linux x86_64)"


def line(
    address: str = "83.149.9.216",
    user: str = "- -",
    time: str = "17/May/2015:10:05:03 +0000",
    request: str = "GET /a?b=c HTTP/1.1",
    status: str = "200",
    size: str = "203023",
    rest: str = f' "https://example.org/from" "{AGENT}"',
) -> str:
    return f'{address} {user} [{time}] "{request}" {status} {size}{rest}'


def read(text: str) -> tuple[str, str, Client, int]:
    outcome = read_line(text, "example.com")
    assert not isinstance(outcome, Reason), outcome
    beacon, client, moment = outcome
    assert (beacon.name, beacon.domains) == ("pageview", ())
    return beacon.url, beacon.referrer, client, moment


def test_a_line_is_a_page_opened_by_somebody() -> None:
    assert read(line()) == (
        "https://example.com/a?b=c", "https://example.org/from", Client("83.149.9.216", AGENT), NOON,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given_", "url", "referrer", "agent", "address"),
    [
        ({"rest": ""}, "/a?b=c", "", "", "83.149.9.216"),  # the common format
        ({"rest": ' "-" "-"'}, "/a?b=c", "", "", "83.149.9.216"),
        ({"rest": f' "-" "{AGENT}" "10.0.0.1" 0.002'}, "/a?b=c", "", AGENT, "83.149.9.216"),  # more fields behind
        ({"user": "- anna"}, "/a?b=c", "https://example.org/from", AGENT, "83.149.9.216"),
        ({"user": "- anna smith"}, "/a?b=c", "https://example.org/from", AGENT, "83.149.9.216"),
        ({"address": "2001:db8::1"}, "/a?b=c", "https://example.org/from", AGENT, "2001:db8::1"),
        ({"address": "host.example"}, "/a?b=c", "https://example.org/from", AGENT, "host.example"),
        ({"size": "-", "status": "304"}, "/a?b=c", "https://example.org/from", AGENT, "83.149.9.216"),
        ({"request": "GET / HTTP/1.0"}, "/", "https://example.org/from", AGENT, "83.149.9.216"),
        ({"request": "GET /"}, "/", "https://example.org/from", AGENT, "83.149.9.216"),  # HTTP/0.9
        ({"request": "GET /a b HTTP/1.1"}, "/a b", "https://example.org/from", AGENT, "83.149.9.216"),
        (
            {"request": "GET //evil.example/x HTTP/1.1"},
            "/evil.example/x",
            "https://example.org/from",
            AGENT,
            "83.149.9.216",
        ),
        (
            {"request": r"GET /say?q=\"hi\" HTTP/1.1"},
            r"/say?q=\"hi\"",
            "https://example.org/from",
            AGENT,
            "83.149.9.216",
        ),
        (
            {"rest": r' "https://r.example/?q=\"x\"" "An \"agent\""'},
            "/a?b=c",
            r"https://r.example/?q=\"x\"",
            r"An \"agent\"",
            "83.149.9.216",
        ),
        ({"request": "GET /v1.2/page HTTP/2.0"}, "/v1.2/page", "https://example.org/from", AGENT, "83.149.9.216"),
    ],
)
def test_the_formats_variations_are_read(
    given_: dict[str, str], url: str, referrer: str, agent: str, address: str
) -> None:
    assert read(line(**given_)) == (f"https://example.com{url}", referrer, Client(address, agent), NOON)


@pytest.mark.parametrize(
    ("time", "moment"),
    [
        ("17/May/2015:10:05:03 +0000", NOON),
        ("17/May/2015:12:05:03 +0200", NOON),
        ("17/May/2015:07:35:03 -0230", NOON),
        ("17/May/2015:15:50:03 +0545", NOON),
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
        "",
        "x" * 26,
    ],
)
def test_a_time_that_cannot_be_makes_the_line_bad(time: str) -> None:
    assert read_line(line(time=time), "example.com") is Reason.BAD_LINE


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
    assert read_line(text, "example.com") is reason


@given(
    st.text(max_size=300)
    | st.builds(lambda a, b, c: line(request=a, rest=f' "{b}" "{c}"'), *[st.text(max_size=60)] * 3)
)
def test_no_line_raises(text: str) -> None:
    outcome = read_line(text, "example.com")
    assert isinstance(outcome, (Reason, tuple))


@pytest.mark.parametrize(
    "text", [line(user="- " + "a " * 20_000), '"' * 60_000, "a " * 30_000, line(rest=' "' + '\\"' * 30_000)]
)
def test_no_line_takes_long(text: str) -> None:
    started = dt.datetime.now(dt.UTC)
    read_line(text, "example.com")
    assert dt.datetime.now(dt.UTC) - started < dt.timedelta(seconds=1)


def test_control_characters_are_left_out() -> None:
    url, *_ = read(line(request="GET /a\x1b[31mxxx HTTP/1.1"))
    assert url == "https://example.com/a[31mxxx"


# -- files ---------------------------------------------------------------------------------------------------------

TEXT = b"one\r\ntwo\n\xff three\nlast"
READ = ["one", "two", "\ufffd three", "last"]


def test_a_plain_file_a_zipped_one_and_standard_input_give_the_same_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, zipped = tmp_path / "a.log", tmp_path / "b.log"  # told by content, not by name
    plain.write_bytes(TEXT)
    zipped.write_bytes(gzip.compress(TEXT))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TEXT)))
    for path in (str(plain), str(zipped), "-"):
        assert list(lines(path, lambda at: None)) == READ


def test_progress_is_told_in_bytes_of_the_file(tmp_path: Path) -> None:
    plain, zipped = tmp_path / "a.log", tmp_path / "a.log.gz"
    plain.write_bytes(b"x\n" * 5000)
    zipped.write_bytes(gzip.compress(b"x\n" * 5000))
    for path in (plain, zipped):
        told: list[int] = []
        assert len(list(lines(str(path), told.append))) == 5000
        assert told == sorted(told)
        assert told[-1] == path.stat().st_size


def test_an_empty_file_has_no_lines(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert list(lines(str(tmp_path / "a"), lambda at: None)) == []


def test_an_endless_line_is_read_in_pieces(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * (3 * MAX_LINE) + b"\nlast\n")
    assert [len(text) for text in lines(str(tmp_path / "a"), lambda at: None)] == [MAX_LINE] * 3 + [0, 4]
