"""Where a house listens: addresses of IPv6 with and without brackets, and URLs that lead there."""

from __future__ import annotations

import json
import socket
import urllib.request
from pathlib import Path

import pytest

from footfall.errors import CannotStart, SettingsError
from footfall.roles.key_service import listen_address
from footfall.settings import Settings, load
from footfall.supervisor.listening import dashboards_url, listen, url_at, url_of
from schema.host import listening_host, web_address
from tests.house import eventually, footfall, running

pytestmark = pytest.mark.process


def settings(*sets: str) -> Settings:
    return load(sets=sets, environment={})


@pytest.mark.parametrize(
    ("written", "host"),
    [
        ("[::]", "::"),
        ("::", "::"),
        ("[::1]", "::1"),
        ("[2001:DB8:0::1]", "2001:db8::1"),
        ("fe80::1%lo", "fe80::1%lo"),
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "0.0.0.0"),
        ("localhost", "localhost"),
        ("Host.Example.", "host.example"),
    ],
)
def test_an_address_is_listened_on_as_a_socket_takes_it(written: str, host: str) -> None:
    made = settings(f'collector.host="{written}"', f'dashboards.host="{written}"', f'keys.serve="{written}:8443"')
    assert (made.collector.host, made.dashboards.host) == (host, host)
    assert listen_address(made) == (host, 8443)
    assert listening_host(host) == host


@pytest.mark.parametrize(
    ("written", "remedy"),
    [
        ("http://[::1]:8000", "write '::1' alone"),
        ("[::1]:8000", "write '::1' alone"),
        ("http://127.0.0.1:8000/", "write '127.0.0.1' alone"),
        ("localhost:8000", "write 'localhost' alone"),
        ("", "write one such as '127.0.0.1'"),
        ("*", "write one such as '127.0.0.1'"),
        ("[::", "write one such as '127.0.0.1'"),
        ("two words", "write one such as '127.0.0.1'"),
    ],
)
@pytest.mark.parametrize("setting", ["collector.host", "dashboards.host"])
def test_what_is_more_than_an_address_is_refused_with_what_to_write(setting: str, written: str, remedy: str) -> None:
    if setting == "dashboards.host" and not written:
        return  # too short before it is no address
    with pytest.raises(SettingsError) as refused:
        settings(f'{setting}="{written}"')
    assert f"{setting} = {written!r}: " in str(refused.value)
    assert remedy in str(refused.value)


def test_where_keys_are_served_is_refused_in_the_same_way() -> None:
    with pytest.raises(CannotStart, match=r"keys.serve = 'http://\[::1\]:8443': .*write '::1' alone"):
        listen_address(settings('keys.serve="http://[::1]:8443"'))


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("::", "http://localhost:8000"),
        ("::1", "http://localhost:8000"),
        ("0.0.0.0", "http://localhost:8000"),
        ("2001:db8::1", "http://[2001:db8::1]:8000"),
        ("192.0.2.1", "http://192.0.2.1:8000"),
    ],
)
def test_a_url_has_an_ipv6_address_in_brackets(host: str, url: str) -> None:
    assert url_at(host, 8000) == url
    assert dashboards_url(settings(f'dashboards.host="{host}"', "dashboards.port=8000")) == url


def test_every_address_means_ipv4_too() -> None:
    sock = listen("::", 0, "collector")
    try:
        port = sock.getsockname()[1]
        for address in ("127.0.0.1", "::1"):
            with socket.create_connection((address, port), timeout=60):
                pass
        assert url_of(sock) == f"http://localhost:{port}"
    finally:
        sock.close()


@pytest.mark.parametrize("host", ["203.0.113.9", "2001:db8::9", "nowhere.invalid"])
def test_an_address_of_another_machine_is_refused_by_the_name_of_its_setting(host: str) -> None:
    with pytest.raises(CannotStart) as refused:
        listen(host, 0, "dashboards")
    assert f"dashboards.host = {host!r}: cannot listen on " in str(refused.value)
    assert "name an address of this machine" in str(refused.value)


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("", ""),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("https://Stats.Example.com/", "https://stats.example.com/"),
        ("https://zähler.example/stats", "https://xn--zhler-gra.example/stats"),
        ("https://www.example.com:8443/stats", "https://www.example.com:8443/stats"),
        ("https://www.example.com/zähler", "https://www.example.com/z%C3%A4hler"),
        ("https://www.example.com/z%C3%A4hler/~me", "https://www.example.com/z%C3%A4hler/~me"),
    ],
)
def test_the_public_url_is_what_browsers_send(written: str, sent: str) -> None:
    assert web_address(written) == sent
    assert settings(f'collector.public_url="{written}"').collector.public_url == sent
    assert settings(f'dashboards.public_url="{written}"').dashboards.public_url == sent.rstrip("/")


@pytest.mark.parametrize(
    "written",
    [
        *("stats.example.com", "//stats.example.com", "ftp://stats.example.com", "https://", "https://u:p@a.test"),
        *("https://a.test?x=1", "https://a.test#x", "https://a.test:99999", "https://two words.test", "/stats"),
        *(
            "https://a.test//stats",
            "https://a.test/a//b",
            "https://a.test/../b",
            "https://a.test/a/..",
            "https://a.test/.",
        ),
        *(
            "https://a.test/a b",
            "https://a.test/a;b",
            "https://a.test/'a'",
            "https://a.test/<a>",
            "https://a.test/100%",
        ),
    ],
)
@pytest.mark.parametrize("part", ["collector", "dashboards"])
def test_a_public_url_that_leads_nowhere_is_refused(written: str, part: str) -> None:
    with pytest.raises(SettingsError, match=rf"{part}\.public_url = .*write one such as 'https://stats\.example\.com'"):
        settings(f'{part}.public_url="{written}"')


def test_the_dashboards_are_not_beneath_a_path_that_is_one_of_their_own() -> None:
    with pytest.raises(SettingsError, match=r"dashboards\.public_url = .*write another one than 'sites'"):
        settings('dashboards.public_url="https://example.com/sites"')
    assert settings('dashboards.public_url="https://example.com/stats/sites"').dashboards.base == "/stats/sites"


@pytest.mark.clickhouse
def test_a_house_listens_on_every_address_written_in_brackets(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--host", "[::]") as house:
        assert house.told["collector"] == f"http://localhost:{house.port}"
        for address in ("127.0.0.1", "[::1]"):
            with urllib.request.urlopen(f"http://{address}:{house.port}/healthz") as answer:
                assert answer.status == 200

        def answers() -> bool:
            told = json.loads(house.command("check", "site", "example.com", "--json").stdout)
            return ("answers", "ok") in {(one["check"], one["state"]) for one in told["checks"]}

        assert eventually(answers)


def test_a_url_as_host_is_refused_before_anything_starts(tmp_path: Path) -> None:
    done = footfall("up", "--data", str(tmp_path / "data"), "--host", "http://[::1]:8000")
    assert done.returncode == 1
    assert "command line: collector.host = 'http://[::1]:8000': " in done.stderr
    assert "write '::1' alone" in done.stderr
