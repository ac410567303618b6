"""Which format a log is in, and what stands in its fields: told by the first lines, held for the file."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.outcome import Reason
from collector.wire.access_log.recognize import recognize
from collector.wire.access_log.text_forms import TEXT_FORMS
from collector.wire.access_log.unreadable import Unreadable
from tests.collector.log_lines import ADDRESS, AGENT, LONG_S, line, read, reader, reading, rules

V6 = "2001:db8::7"
OTHER = "203.0.113.9"


@pytest.mark.parametrize(
    ("field", "address"),
    [
        (f"{ADDRESS}:51234", ADDRESS),
        (V6, V6),
        (f"[{V6}]", V6),
        (f"[{V6}]:443", V6),
        ("2001:DB8:0::7", V6),
        (f"::ffff:{ADDRESS}", ADDRESS),
        # Of a list the nearest that can be a visitor's: anybody may claim to have come by others.
        (f"{ADDRESS}, 10.0.0.5", ADDRESS),
        (f"{ADDRESS},10.0.0.5,127.0.0.1", ADDRESS),
        (f"{OTHER}, {ADDRESS}, 192.168.1.1", ADDRESS),
        (f"{ADDRESS}:1234, [fd00::1]:80", ADDRESS),
        ("10.9.9.9, 10.0.0.5", "10.9.9.9"),
    ],
)
def test_the_clients_address_is_found_however_it_is_written(field: str, address: str) -> None:
    assert read(line(address=field))[2].address == address


@pytest.mark.parametrize(
    "field", ["unknown, 10.0.0.5", "-", "0.0.0.0", "::", "0.0.0.0:80", "host.example", "unix:", "a,b", ",", "1.2.3"]
)
def test_what_is_no_address_is_no_visitor(field: str) -> None:
    assert reader().read(line(address=field)) in (Reason.NO_ADDRESS, Reason.BAD_LINE)


def test_a_proxy_that_is_named_is_left_out_of_a_list() -> None:
    assert read(line(address=f"{ADDRESS}, {OTHER}"))[2].address == OTHER
    assert read(line(address=f"{ADDRESS}, {OTHER}"), proxies=("203.0.113.0/24",))[2].address == ADDRESS


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("10.0.0.5", ADDRESS, ADDRESS),
        ("10.0.0.5", f"{OTHER}, {ADDRESS}, 10.0.0.9", ADDRESS),
        ("10.0.0.5", "-", "10.0.0.5"),
        ("10.0.0.5", "unknown, 10.0.0.9", ""),
        (OTHER, ADDRESS, OTHER),  # nobody has named this one
    ],
)
def test_forwarded_addresses_behind_the_agent_are_believed_of_named_proxies(
    peer: str, forwarded: str, address: str
) -> None:
    text = f'{line(address=peer)} "{forwarded}"'
    if address:
        assert read(text, proxies=("10.0.0.0/8",))[2].address == address
    else:
        assert reader([text], proxies=("10.0.0.0/8",)).read(text) is Reason.NO_ADDRESS
    assert read(text)[2].address == peer


def test_a_unix_socket_has_no_address_but_a_named_one_tells_them() -> None:
    text = f'{line(address="unix:")} "{ADDRESS}"'
    assert read(text, proxies=("unix",))[2].address == ADDRESS
    assert reader([text]).read(text) is Reason.NO_ADDRESS


def test_a_number_behind_the_agent_is_no_forwarded_address() -> None:
    text = f'{line(address="10.0.0.5")} "0.002"'
    assert reader([text]).format.name == "combined"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (line(), "combined"),
        (line() + ' 0.1 "x"', "combined"),
        (line().replace("200 203023", "200 203023 0.001 -"), "combined"),
        (line(user="-  - "), "combined"),
        (line(user="-"), "combined"),
        (line() + f' "{OTHER}"', "main"),
        (line() + ' "-"', "main"),
        (f"example.com {line()}", "vhost_combined"),
        (f"example.com:443 {line()}", "vhost_combined"),
        (f'www.example.com {line()} "{OTHER}, 10.0.0.1"', "vhost_main"),
    ],
)
def test_a_format_is_recognized_by_its_first_lines(text: str, name: str) -> None:
    assert reader([text]).format.name == name
    assert read(text)[2].address == ADDRESS


def test_a_format_is_held_for_the_whole_log() -> None:
    held = reader([line()] * 3)
    assert held.read(f"shop.example {line()}") is Reason.NO_ADDRESS
    assert reader([f"example.com {line()}"]).read(line()) is Reason.BAD_LINE


# -- hosts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["example.com", "WWW.Example.com:443", "blog.example.com", "example.com."])
def test_lines_of_the_sites_hosts_count(host: str) -> None:
    assert not isinstance(reader([f"example.com {line()}"]).read(f"{host} {line()}"), Reason)


@pytest.mark.parametrize("host", ["shop.example", "example.com.evil.test", "notexample.com", "default"])
def test_lines_of_other_hosts_do_not(host: str) -> None:
    assert reader([f"example.com {line()}"]).read(f"{host} {line()}") is Reason.HOST


def test_lighttpd_writes_the_host_behind_the_client() -> None:
    assert not isinstance(reader([line(user="example.com -")]).read(line(user="www.example.com -")), Reason)
    assert reader([line()]).read(line(user="shop.example -")) is Reason.HOST
    assert reader([line()]).read(line(user="3com.example:443 -")) is Reason.HOST
    # An address there is whatever it is, and a name without a dot is that of a person.
    assert not isinstance(reader([line()]).read(line(user="10.0.0.5 -")), Reason)
    assert not isinstance(reader([line()]).read(line(user="frank -")), Reason)


def test_a_log_of_many_hosts_or_with_addresses_in_their_place_is_refused_and_none_is_told() -> None:
    for first in ("h{}.example", "198.51.{}.9", "h{}.isp.example"):
        several = [f"{first.format(i % 40)} {line()}" for i in range(60)]
        with pytest.raises(Unreadable, match=r"several hosts, none of them example\.com") as told:
            reader(several, declared=False)
        assert "198.51" not in str(told.value)
        assert "isp.example" not in str(told.value)


def test_a_pattern_for_the_host_is_the_sites() -> None:
    assert read(f"*.example.com {line()}")[0] == "https://example.com/a?b=c"


def test_a_site_with_hosts_counts_those_and_gives_its_pages_one_of_them() -> None:
    site = rules("shop", hosts=("shop.test", "*.shop.test"))
    held = reader([f"a.shop.test {line()}"], site=site)
    assert read(f"a.shop.test {line()}", site=site)[0] == "https://a.shop.test/a?b=c"
    assert held.read(f"example.com {line()}") is Reason.HOST
    assert read(line(), site=site)[0] == "https://shop.test/a?b=c"


def test_the_only_host_of_a_log_is_that_of_a_site_that_no_settings_describe() -> None:
    sample = [f"shop.example {line()}"] * 20
    assert read(sample[0], sample, declared=False)[0] == "https://example.com/a?b=c"
    assert reader(sample, declared=False).read(f"other.example {line()}") is Reason.HOST
    several = [f"{host} {line(address=one)}" for one in (ADDRESS, OTHER) for host in ("shop.example", "other.example")]
    with pytest.raises(Unreadable, match=r"several hosts \(shop\.example, other\.example\), none of them example\.com"):
        reader(several, declared=False)
    assert reader([*several, f"example.com {line()}"], declared=False).read(several[0]) is Reason.HOST


def test_what_strangers_ask_a_server_for_is_not_its_host() -> None:
    sample = [line()] * 50 + [line(request="GET http://evil.example/ HTTP/1.1")]
    assert reader(sample, declared=False).read(sample[-1]) is Reason.HOST


# -- what others write before a line -------------------------------------------------------------------------------

CARRIED = [
    ("<190>Oct 14 10:01:00 web nginx: ", "syslog"),
    ("Oct 14 10:01:00 web nginx[123]: ", "syslog"),
    ("Oct  4 10:01:00 web nginx_access: ", "syslog"),
    ("Oct 14 10:01:00 nginx: ", "syslog"),
    ("Oct 14 2025 10:01:00 web nginx:  ", "syslog"),
    ("<190>1 2025-10-14T10:01:00.003Z web nginx 12 - - ", "syslog"),
    ('<190>1 2025-10-14T10:01:00.003+02:00 web nginx 12 id [a@1 b="c]\\"d"][e f="g"] \ufeff', "syslog"),
    ("2025-10-14T10:01:00.123456+02:00 web nginx: ", "syslog"),
    ("2025-10-14T10:01:00+0200 web nginx[1]: ", "syslog"),
    ("Tue 2025-10-14 10:01:00 CEST web nginx[1]: ", "journal"),
    ("1760428860.123456 web nginx[1]: ", "journal"),
    ("2025-10-14T08:01:00.123456789Z ", "docker"),
    ("2025-10-14T08:01:00.123456789Z stdout F ", "kubernetes"),
    ("web-1  | ", "compose"),
    ("web_1 | 2025-10-14T08:01:00.1Z ", "compose"),
    ("web.1.x2@node    | ", "compose"),
    ("[pod/web-1/nginx] ", "kubectl"),
]


@pytest.mark.parametrize(("prefix", "name"), CARRIED)
@pytest.mark.parametrize("inner", [line(), f"example.com {line()}", line() + f' "{OTHER}"'])
def test_what_a_log_is_carried_by_is_left_out(prefix: str, name: str, inner: str) -> None:
    assert read(prefix + inner)[2].address == ADDRESS
    assert reader([prefix + inner]).format.prefix.name == name


@pytest.mark.parametrize("key", ["log", "message", "MESSAGE"])
def test_a_line_in_a_json_object_is_read(key: str) -> None:
    assert read(json.dumps({key: line() + "\n", "stream": "stdout", "time": "2025-10-14T08:01:00Z"}))[2].agent == AGENT


def test_other_messages_of_a_container_come_before_its_log() -> None:
    sample = ["/docker-entrypoint.sh: ready", "2025/10/14 08:01:00 [notice] 1#1: start"] * 150 + [line()] * 5
    held = reader(sample)
    assert held.format.name == "combined"
    assert held.read(sample[0]) is Reason.BAD_LINE


# -- refusals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nonsense", "no field is a time in brackets"),
        (f"[14/Oct/2025:10:01:00 +0200] {ADDRESS} x", "no field is a quoted request"),
        (f"a/b {line().removeprefix(ADDRESS)}", "the first field is a word"),
        (line(time="14 Oct 2025"), "no field is a time"),
        (f'{ADDRESS} "GET / HTTP/1.1" [14/Oct/2025:10:01:00 +0200] "{AGENT}"', "in an order that is not known"),
        ('{"a": 1, "b": {"c": 2}}', "no keys for address, time, request and status among a, b.c"),
        ("{nonsense", "is no JSON object"),
        (line(rest=""), "no browser string"),
        (f"shop.example {line(rest='')}", "no browser string"),
        (line(rest=f' "{AGENT}" "https://example.org/"'), "holds numbers, addresses or URLs"),
    ],
)
def test_a_log_that_cannot_be_read_is_refused_with_line_reason_and_remedy(text: str, told: str) -> None:
    with pytest.raises(Unreadable) as refused:
        reader([text])
    message = str(refused.value)
    assert told in message
    assert "--format" in message
    for secret in (ADDRESS, AGENT, "Mozilla", "example.org", "nonsense"):
        assert secret not in message


KEYS = st.sampled_from(["remote_addr", "time", "request", "status", "method", "uri", "log"])
LEAVES = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20)
OBJECTS = st.recursive(LEAVES, lambda inner: st.dictionaries(KEYS, inner, max_size=5))


@given(st.text(max_size=200) | st.builds(line, *[st.text(max_size=20)] * 6) | st.builds(json.dumps, OBJECTS))
def test_no_first_line_raises_anything_but_a_refusal(text: str) -> None:
    try:
        held = recognize([text])
    except Unreadable:
        return
    entry = held.entry(text)
    assert entry is None or entry.status


@pytest.mark.parametrize("name", TEXT_FORMS)
@pytest.mark.parametrize("piece", ["a ", '"', '\\"', "[", "a, ", '" "', "- - [", "1.2.3.4 ", "1"])
def test_no_line_takes_long_in_any_form(name: str, piece: str) -> None:
    started = time.process_time()
    for text in (piece * 60_000, line() + piece * 60_000, line(rest=piece * 60_000), line(user=piece * 60_000)):
        TEXT_FORMS[name].parse(text[:65_536])
    assert time.process_time() - started < LONG_S


def test_a_reading_says_nothing_of_visitors() -> None:
    held = reader([line()])
    entry = held.format.entry(line())
    assert ADDRESS not in f"{entry!r}{held.format!r}{reading()!r}"


@pytest.mark.parametrize("page", [r"/caf\xc3\xa9", r"/caf\xC3\xA9", r"/caf\303\251", r"/caf\xe9"])
def test_bytes_are_read_however_a_server_escapes_them(page: str) -> None:
    assert read(line(request=f"GET {page} HTTP/1.1"))[0] == "https://example.com/café"


def test_a_backslash_before_digits_is_a_backslash() -> None:
    assert read(line(request=r"GET /a\\303b HTTP/1.1"))[0] == r"https://example.com/a\303b"
