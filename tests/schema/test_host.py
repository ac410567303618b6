"""Names of hosts: what people write is what browsers send, or is refused with what to write instead."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.host import ascii_host, host_name, host_pattern, site_name


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("example.com", "example.com"),
        (" Example.COM. ", "example.com"),
        ("localhost", "localhost"),
        ("a_b.example.com", "a_b.example.com"),
        ("203.0.113.9", "203.0.113.9"),
        ("127.1", "127.0.0.1"),
        ("0x7F.010", "127.0.0.8"),
        ("3com.example", "3com.example"),
        ("[2001:DB8:0::1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("münchen.de", "xn--mnchen-3ya.de"),
        ("MÜNCHEN.de", "xn--mnchen-3ya.de"),
        ("mu\u0308nchen.de", "xn--mnchen-3ya.de"),
        ("xn--MNCHEN-3ya.de", "xn--mnchen-3ya.de"),
        # As the URL standard has it since 2008's IDNA, not as the standard library's codec does.
        ("faß.de", "xn--fa-hia.de"),
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
        ("１２７.0.0.1", "127.0.0.1"),
        ("☃.net", "xn--n3h.net"),
        ("a_b.bücher.example", "a_b.xn--bcher-kva.example"),
        ("ex\u00adample.com", "example.com"),
    ],
)
def test_a_host_is_what_a_browser_sends(written: str, sent: str) -> None:
    assert host_name(written) == sent
    assert host_name(sent) == sent


@pytest.mark.parametrize(
    ("written", "remedy"),
    [
        ("https://example.com", "write 'example.com'"),
        ("https://example.com/", "write 'example.com'"),
        ("HTTP://münchen.de:8080/a?b#c", "write 'xn--mnchen-3ya.de'"),
        ("example.com:8443", "write 'example.com'"),
        ("localhost:3000", "write 'localhost'"),
        ("example.com/blog", "write 'example.com'"),
        ("", "such as example.com"),
        ("*", "such as example.com"),
        ("a..b", "such as example.com"),
        ("203.0.113.300", "such as example.com"),
        ("example.123", "such as example.com"),
        ("1.2.3.4.5", "such as example.com"),
        (".example.com", "such as example.com"),
        ("two words", "such as example.com"),
        ("anna@example.com", "such as example.com"),
        ("a\u2024b.de", "such as example.com"),
        ("xn--zzzzzzz-999.de", "such as example.com"),
        ("x" * 64 + ".de", "such as example.com"),
        ("fe80::1%eth0", "such as example.com"),
        (".".join(["x" * 60] * 5), "such as example.com"),
    ],
)
def test_what_no_browser_sends_is_refused_with_what_to_write(written: str, remedy: str) -> None:
    for turn in (host_name, host_pattern):
        with pytest.raises(ValueError, match="is not a host name; ") as refused:
            turn(written)
        assert repr(written) in str(refused.value)
        assert remedy in str(refused.value)


def test_a_star_in_front_is_a_pattern_and_nothing_else() -> None:
    assert host_pattern("*.Bücher.example") == "*.xn--bcher-kva.example"
    assert host_pattern("bücher.example") == "xn--bcher-kva.example"
    with pytest.raises(ValueError, match="not a host name"):
        host_name("*.example.com")
    for odd in ("*.", "*.*.example.com", "a.*.example.com", "*example.com"):
        with pytest.raises(ValueError, match="not a host name"):
            host_pattern(odd)


@pytest.mark.parametrize(
    ("called", "name"),
    [
        ("www.Example.com", "example.com"),
        ("https://www.example.com/", "example.com"),
        ("example.com:8443", "example.com"),
        ("localhost:3000", "localhost"),
        ("[::1]:8000", "::1"),
        ("::1", "::1"),
        ("WWW.münchen.de.", "xn--mnchen-3ya.de"),
        # Names that other trackers give to a site stay whole.
        ("94DB1CB1-74F4", "94db1cb1-74f4"),
        ("Site:1", "site:1"),
        ("example.com/blog", "example.com/blog"),
        ("7", "7"),
        ("", ""),
    ],
)
def test_a_site_is_found_however_its_host_is_written(called: str, name: str) -> None:
    assert site_name(called) == name


@given(st.text(max_size=400))
def test_no_text_makes_a_name_fail_otherwise_than_it_says(text: str) -> None:
    assert isinstance(site_name(text), str)
    for turn in (host_name, host_pattern, ascii_host):
        try:
            turned = turn(text)
        except ValueError:
            continue
        assert turned.isascii()
        assert turn(turned) == turned or turn is ascii_host


@pytest.mark.process
def test_the_tables_of_other_alphabets_are_loaded_only_where_one_is_met() -> None:
    import subprocess

    code = "import sys, schema.host; schema.host.host_name('Example.com'); assert 'idna' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
