"""Names of hosts wherever the settings or a person write them, and the beacons that have to find them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from collector.enrich.referrer_spam import is_spam
from collector.meant import domain_of
from collector.wire.foreign import site_of
from collector.wire.values import domains_of
from footfall.cli import main
from footfall.cli.options import with_sites
from footfall.errors import SettingsError
from footfall.settings import Settings, load
from tests.house import AGENT

IDN = "xn--mnchen-3ya.de"
REFERRED = "https://blog.example.com/x"


def settings(site: str, more: str = "") -> Settings:
    return load(sets=(f"sites=[{{{site}}}]", *([more] if more else [])), environment={})


def refusal(text: str, tmp_path: Path) -> str:
    file = tmp_path / "footfall.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as refused:
        load(str(file), environment={})
    return str(refused.value).removeprefix(str(file))


def test_every_list_of_hosts_is_turned_into_what_browsers_send() -> None:
    made = settings(
        'key="m", domains=["München.de", "www.Example.com."], hosts=["*.münchen.de", "WWW.Bücher.example", "[::1]"]',
        'collector.referrer_spam=["*.späm.example", "www.Spam.Test."]',
    )
    (site,) = made.sites
    assert site.domains == (IDN, "www.example.com")
    assert site.hosts == (f"*.{IDN}", "www.xn--bcher-kva.example", "::1")
    assert made.collector.referrer_spam == ("xn--spm-rla.example", "spam.test")
    site_filter = made.collector_rules()["m"].site_filter
    for host in (IDN, f"a.{IDN}", "xn--bcher-kva.example", "::1"):
        assert site_filter.admits(host)
    # What was turned is not turned again: a child process reads it anew.
    assert settings(f'key="m", domains=["{IDN}"], hosts=["*.{IDN}"]').sites[0].hosts == (f"*.{IDN}",)


@pytest.mark.parametrize("source", ["späm.example", "xn--spm-rla.example", "a.SPÄM.example"])
def test_spam_of_the_settings_is_known_in_every_spelling(source: str) -> None:
    rules = settings('key="a"', 'collector.referrer_spam=["späm.example"]').collector_rules()["a"]
    assert is_spam(source, rules.referrer_spam)


def test_below_www_is_below_www_alone() -> None:
    site_filter = settings('key="a", hosts=["*.www.example.com"]').collector_rules()["a"].site_filter
    assert [site_filter.admits(host) for host in ("example.com", "a.www.example.com", "a.example.com")] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '[[sites]]\nkey = "a"\ndomains = ["a.test", "https://a.test/"]',
            ":3: sites[0].domains[1] = 'https://a.test/': 'https://a.test/' is not a host name; write 'a.test'",
        ),
        ('[[sites]]\nkey = "a"\ndomains = ["a.test:8443"]', ":3: sites[0].domains[0] = 'a.test:8443'"),
        ('[[sites]]\nkey = "a"\n\nhosts = ["a.test/blog"]', ":4: sites[0].hosts[0] = 'a.test/blog'"),
        ('[[sites]]\nkey = "münchen.de"', ":2: sites[0].key = 'münchen.de': a key has up to 100 small letters"),
        ('[[sites]]\nkey = "https://a.test"', ":2: sites[0].key = 'https://a.test'"),
        ('[collector]\nreferrer_spam = ["http://a.test/"]', ":2: collector.referrer_spam[0] = 'http://a.test/'"),
    ],
)
def test_what_cannot_match_is_refused_with_its_line_and_what_to_write(text: str, said: str, tmp_path: Path) -> None:
    told = refusal(text, tmp_path)
    assert told.startswith(said)
    assert "write 'a.test'" in told or f"write {IDN!r}" in told


@pytest.mark.parametrize("asked", ["münchen.de", "MÜNCHEN.DE", f"www.{IDN}", "https://münchen.de/", f"{IDN}:8443"])
def test_site_on_the_command_line_is_turned(asked: str) -> None:
    made = with_sites((asked,), lambda flags: load(flags=flags, environment={}))
    assert made.sites[0].key == IDN
    assert made.site_called("https://WWW.münchen.de/") == made.sites[0]
    # A site of the file under another spelling is no second one.
    again = with_sites((asked,), lambda flags: load(sets=(f'sites=[{{key="{IDN}"}}]',), flags=flags, environment={}))
    assert [site.key for site in again.sites] == [IDN]


def test_a_site_on_the_command_line_that_is_no_host_is_refused() -> None:
    with pytest.raises(SettingsError, match="a key has up to 100"):
        with_sites(("example.com/blog",), lambda flags: load(flags=flags, environment={}))


@pytest.mark.parametrize(
    "called",
    ["münchen.de", IDN, "www.MÜNCHEN.de", "https://münchen.de", "https://münchen.de/", f"{IDN}:8443", "münchen.de."],
)
def test_a_beacon_finds_its_site_however_it_writes_the_name(called: str) -> None:
    rules = settings('key="muenchen", domains=["münchen.de"]').collector_rules()
    (named,), (asked,) = domains_of(called), site_of(called, "website")
    assert rules[named].site.key == rules[asked].site.key == "muenchen"


@pytest.mark.parametrize(
    "url",
    ["https://xn--mnchen-3ya.de/a", "https://münchen.de/a", "https://www.MÜNCHEN.de:8443?x", "https://münchen.de#a"],
)
def test_the_host_of_a_url_finds_its_site(url: str) -> None:
    rules = settings('key="muenchen", domains=["münchen.de"]').collector_rules()
    assert rules[domain_of(url)[0]].site.key == "muenchen"


def test_a_key_with_www_in_front_is_found_as_it_is_stored() -> None:
    rules = settings('key="www.example.com"').collector_rules()
    assert rules["www.example.com"] is rules["example.com"]


# -- pages of one's own --------------------------------------------------------------------------------------------


def anonymized(tmp_path: Path, site: str, **given: str) -> dict[str, Any]:
    file = tmp_path / "footfall.toml"
    file.write_text(f"[[sites]]\n{site}\n")
    asked = {"ip": "203.0.113.9", "ua": AGENT.format(140), "site": "example.com", "url": "https://www.example.com/a"}
    words = [word for name, value in (asked | given).items() for word in (f"--{name}", value)]
    done = CliRunner().invoke(main, ["anonymize", "--config", str(file), "--json", *words])
    assert done.exit_code == 0, done.output
    stored: dict[str, Any] = json.loads(done.output)["stored"]
    return stored


@pytest.mark.parametrize(
    ("site", "referrer", "own"),
    [
        ('hosts = ["*.example.com"]', REFERRED, True),
        ('hosts = ["*.example.com"]', "https://a.b.example.com:8443/", True),
        ('hosts = ["*.example.com"]', "https://example.com/", True),
        ('hosts = ["example.com", "blog.example.com"]', REFERRED, True),
        ('hosts = ["*.example.com"]', "https://badexample.com/", False),
        ('hosts = ["*.example.com"]', "https://example.com.evil.test/", False),
        ('hosts = ["example.com"]', REFERRED, False),
        ("", REFERRED, False),
        ('domains = ["blog.example.com"]', REFERRED, True),
        ('domains = ["bücher.example"]', "https://bücher.example/x", True),
        ('hosts = ["example.com", "*.bücher.example"]', "https://a.xn--bcher-kva.example/x", True),
    ],
)
def test_a_page_of_ones_own_is_no_referrer(site: str, referrer: str, own: bool, tmp_path: Path) -> None:
    stored = anonymized(tmp_path, f'key = "example.com"\n{site}', referrer=referrer)
    told = (stored["referrer"], stored["source"], stored["channel"])
    assert (told == ("", "", "Direct")) is own
    assert own or told[2] == "Referral"


def test_a_page_is_stored_under_the_host_that_browsers_send(tmp_path: Path) -> None:
    site = 'key = "example.com"\nhosts = ["*.münchen.de"]'
    assert anonymized(tmp_path, site, url="https://shop.München.de/a")["hostname"] == f"shop.{IDN}"
