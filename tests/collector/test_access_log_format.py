"""--format: a log's format in the words of Apache's LogFormat or nginx's log_format."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.outcome import Reason
from collector.wire.access_log.format_strings import form_of
from collector.wire.access_log.unreadable import Unreadable
from tests.collector.log_lines import ADDRESS, AGENT, LONG_S, NOON, line, read, reader, rules

COMBINED = r"%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\""
MAIN = """log_format main '$remote_addr - $remote_user [$time_local] "$request" '
                  '$status $body_bytes_sent "$http_referer" '
                  '"$http_user_agent" "$http_x_forwarded_for"';"""
TIME = "17/May/2015:10:05:03 +0000"
FROM = "https://example.org/from"


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (COMBINED, line()),
        (f'LogFormat "{COMBINED}" combined', line()),
        ("combined", line()),
        (COMBINED.replace(r"\"", "&quot;"), line()),
        ('$remote_addr [$time_local] $fe $status {$host|$http_user_agent|$http_referer} "$request"',
         f'{ADDRESS}:43121 [{TIME[:-6]}.123] fe~ 200 {{example.com|{AGENT}|{FROM}}} "GET /a?b=c HTTP/1.1"'),
        (COMBINED.replace(r"\"", '"'), line(user="-  anna smith")),
        (COMBINED + " %D %I %O", line() + " 1234 5 6"),
        (r"%v:%p " + COMBINED, f"www.example.com:443 {line()}"),
        (r"%{Host}i %a %{c}a %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-agent}i\"",
         f"example.com {ADDRESS} {line(address='10.0.0.5')}"),
        (r"%{X-Forwarded-For}i " + COMBINED.replace("%h ", ""), line(address=f"{ADDRESS}, 10.0.0.5")),
        (COMBINED.replace("%b", r"%b \"%{Cookie}i\" %{ms}T"), line().replace("203023", '1 "a=\\"b\\"; c" 12')),
        (COMBINED.replace("%t", "[%{%Y-%m-%d %H:%M:%S}t.%{msec_frac}t %{%z}t]"),
         line(time="2015-05-17 12:05:03.123 +0200")),
        (COMBINED.replace("%t", "%{sec}t"), line().replace(f"[{TIME}]", str(NOON))),
        (COMBINED.replace("%t", "%{begin:msec}t"), line().replace(f"[{TIME}]", f"{NOON}123")),
        (COMBINED.replace("%t", "%{%FT%T%z}t"), line().replace(f"[{TIME}]", "2015-05-17T10:05:03+0000")),
        (COMBINED.replace(r"\"%r\"", r"%m %U%q %H"), line().replace('"GET /a?b=c HTTP/1.1"', "GET /a?b=c HTTP/1.1")),
        (COMBINED.replace("%>s", "%s").replace("%b", "%B 100%%"), line().replace("203023", "203023 100%")),
        (MAIN, f'{line(user="- -")} "-"'),
        (MAIN.replace("main '", "main escape=json '"), f'{line(user="- ")} "-"'),
        ("$msec|$host|$remote_addr|$request_method|$request_uri|$status|$http_referer|$http_user_agent",
         f"{NOON}.123|example.com|{ADDRESS}|GET|/a?b=c|200|{FROM}|{AGENT}"),
        (r"$time_iso8601\t$remote_addr\t$request\t$status\t$http_referer\t$http_user_agent",
         f"2015-05-17T10:05:03+00:00\t{ADDRESS}\tGET /a?b=c HTTP/1.1\t200\t{FROM}\t{AGENT}"),
        ('[$time_local] ${remote_addr}:$remote_port $request $status "$http_user_agent" $http_referer',
         f'[{TIME}] {ADDRESS}:1234 GET /a?b=c HTTP/1.1 200 "{AGENT}" {FROM}'),
        ("log_format j escape=json '{\"t\":\"$time_iso8601\",\"a\":\"$remote_addr\",\"r\":\"$request\",'\n"
         "'\"s\":$status,\"f\":\"$http_referer\",\"u\":\"$http_user_agent\"}';",
         f'{{"t":"2015-05-17T10:05:03+00:00","a":"{ADDRESS}","r":"GET /a?b=c HTTP/1.1","s":200,'
         f'"f":"{FROM}","u":"{AGENT}"}}'),
        ('$remote_addr "$uri" $args $status [$time_local] "$http_referer" "$http_user_agent"',
         f'{ADDRESS} "/a" b=c 200 [{TIME}] "{FROM}" "{AGENT}"'),
    ],
)  # fmt: skip
def test_a_format_string_says_where_everything_stands(written: str, text: str) -> None:
    url, referrer, client, moment = read(text, format=written)
    assert (url, referrer, moment) == ("https://example.com/a?b=c", FROM, NOON)
    assert (client.address, client.agent) == (ADDRESS, AGENT)


@pytest.mark.parametrize(
    ("written", "behind"),
    [
        (MAIN, f'"{ADDRESS}"'),
        (COMBINED + r" \"%{X-Forwarded-For}i\"", f'"203.0.113.1, {ADDRESS}"'),
        (COMBINED + " %{X-Forwarded-For}i %D", f"203.0.113.1, {ADDRESS} 12"),
        (COMBINED + " %{CF-Connecting-IP}i", ADDRESS),
        (COMBINED + " %{X-Real-IP}i", ADDRESS),
    ],
)
def test_forwarded_addresses_are_believed_of_named_proxies(written: str, behind: str) -> None:
    text = f"{line(address='10.0.0.5')} {behind}"
    assert read(text, format=written)[2].address == "10.0.0.5"
    assert read(text, format=written, proxies=("10.0.0.0/8",))[2].address == ADDRESS


def test_a_carried_log_needs_no_other_format_string() -> None:
    assert read(f"web-1  | {line()} 12", format=COMBINED + " %D")[2].address == ADDRESS


def test_a_time_without_a_zone_is_the_sites() -> None:
    written = COMBINED.replace("%t", "[%{%Y-%m-%d %T}t]")
    assert read(line(time="2015-05-17 12:05:03"), format=written, site=rules(timezone="Europe/Berlin"))[3] == NOON


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("nonsense", "names no field"),
        ("%h %t %>s", r"no field for the request \(%r"),
        (r"%t \"%r\" %>s \"%{User-Agent}i\"", "no field for the client's address"),
        (r"%h \"%r\" %>s \"%{User-Agent}i\"", "no field for the time"),
        ('$remote_addr [$time_local] "$request" "$http_user_agent"', "no field for the status"),
        ('$remote_addr [$time_local] "$request" $status', "no field for the browser string.*told from a bot"),
        (COMBINED + " %D", r"line 1 is not of the format that --format gives"),
    ],
)
def test_a_format_string_that_cannot_be_is_refused_by_name(written: str, told: str) -> None:
    with pytest.raises(Unreadable, match=told):
        reader([line()], format=written)


@given(st.text(alphabet="%hlutrsbDvq{}i\"$_ []>'abcremote_addr\\,;", max_size=60))
def test_no_format_string_raises_anything_else(written: str) -> None:
    with contextlib.suppress(Unreadable):
        form_of(written)


@pytest.mark.parametrize("written", [COMBINED, MAIN, COMBINED.replace(r"\"", ""), COMBINED + " %{X-Forwarded-For}i %D"])
@pytest.mark.parametrize("piece", ["a ", '"', '\\"', "[", "a, ", "- - [", "1"])
def test_no_line_takes_long(written: str, piece: str) -> None:
    parse = form_of(written).parse
    started = time.process_time()
    for text in (piece * 30_000, line() + piece * 30_000, line(user=piece * 30_000)):
        parse(text[:65_536])
    assert time.process_time() - started < LONG_S


def test_other_lines_are_bad() -> None:
    assert reader([line()], format=COMBINED).read("other") is Reason.BAD_LINE
