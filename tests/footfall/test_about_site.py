"""The pages that tell of a site itself: every setting with where it was set, nothing secret, and what is kept."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from msgspec import Meta, structs

from collector.anonymization import AnonymizationSettings
from collector.enrich.geo import GeoDatabase
from dashboards.accounts.accounts import Accounts
from dashboards.app import create_app
from dashboards.stats.report import Reports
from dashboards.web.about_site import Group, Setting
from dashboards.web.campaign_link import Link, link_of
from footfall.about_site import privacy_of, since_of, tagged, teller
from footfall.kept import SENT
from footfall.promised import PROMISES
from footfall.settings import Settings, SiteSettings, load
from footfall.settings.of_site import groups_of
from pipeline.settings import ReleaseSettings, RetentionSettings
from schema.event import Event
from schema.site import Site
from schema.store import Store
from tests.conftest import CHEAP
from tests.dashboards.conftest import NOW, Rollups, TestClient

ROOT = Path(__file__).resolve().parents[2]
KEY = "about.example"
CONFIG = """
data = "/srv/secret-directory"
store.dsn = "http://footfall:secret-password@db:8123/x"
[keys]
from_url = "https://keys.example:8443"
fingerprint = "{fingerprint}"
token = "secret-token"
[collector]
public_url = "https://collect.example"
place_database = "/srv/secret-places.mmdb"
[release]
bound = 0.99
networks = 3
[[sites]]
key = "other.example"
[[sites]]
key = "about.example"
properties = ["plan"]
release_k = 7
goals = [{{ name = "Signup", event = "signup", properties = {{ plan = "pro" }} }}, {{ name = "Read", scroll = 75 }}]
sections = {{ Blog = "/blog/**" }}
exclude = {{ countries = ["AT"], networks = ["203.0.113.7/32", "198.51.100.0/24"] }}
anonymization = {{ place = "country" }}
  [[sites.segments]]
  name = "Phones"
  where = {{ device = "mobile", not = {{ country = ["AT", "CH"] }} }}
  [[sites.funnels]]
  name = "Buy"
  steps = [{{ page = "/a" }}, {{ goal = "Signup" }}]
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    file = tmp_path / "footfall.toml"
    file.write_text(CONFIG.format(fingerprint="ab" * 32))
    return load(str(file), environment={})


class Later(SiteSettings, frozen=True):
    """What a later version may know of a site."""

    colour: Annotated[str, Meta(description="Of its pages.")] = "red"
    sender: Annotated[AnonymizationSettings | None, Meta(description="Of nobody knows what.")] = None


def line(begins: str) -> str:
    """Where it stands in the file."""
    return f"footfall.toml, line {[*map(str.strip, CONFIG.splitlines())].index(_whole(begins)) + 1}"


def _whole(begins: str) -> str:
    return next(text.strip() for text in CONFIG.splitlines() if text.startswith(f"{begins} ="))


def told(settings: Settings, key: str = KEY) -> dict[str, Group]:
    return {group.name: group for group in groups_of(settings, key, {})}


def every(settings: Settings, key: str = KEY) -> dict[str, Setting]:
    return {one.name: one for group in told(settings, key).values() if not group.declared for one in group.settings}


def test_every_field_is_shown_by_itself(settings: Settings) -> None:
    names = {f"anonymization.{name}" for name in AnonymizationSettings.__struct_fields__}
    names |= {f"release.{name}" for name in ReleaseSettings.__struct_fields__}
    names |= {f"retention.{name}" for name in RetentionSettings.__struct_fields__}
    instead = {"release_k", "release_networks", "retention_days", "anonymization"}
    site = {*SiteSettings.__struct_fields__} - instead
    shown = every(settings)
    assert {*shown} | {name for name, group in told(settings).items() if group.declared} == names | site
    assert all(one.meaning for one in shown.values())

    later = every(structs.replace(settings, sites=(Later(KEY, colour="blue", sender=AnonymizationSettings()),)))
    colour = later["colour"]
    assert later["sender"].value == "set"
    assert (colour.value, colour.default) == ("blue", "red")


def test_where_a_value_was_set_is_its_line_and_what_was_not_set_says_so(settings: Settings) -> None:
    shown = every(settings)
    found = {name: (shown[name].value, shown[name].default, shown[name].origin) for name in shown}
    assert found["release.k"] == ("7", "5", line("release_k"))
    assert found["release.networks"] == ("3", "7", line("networks"))
    assert found["release.bound"] == ("0.99", "0.999", line("bound"))
    assert found["anonymization.place"] == ("country", "region", line("anonymization"))
    assert found["anonymization.gpc"] == ("count", "count", "preset balanced")
    assert found["retention.raw_days"] == ("30", "30", "preset balanced")
    assert found["timezone"] == ("UTC", "UTC", "default")
    assert found["exclude"] == ("countries: AT; networks: 2", "none", line("exclude"))
    assert every(settings, "other.example")["release.k"].origin == "preset balanced"
    assert every(settings, "demo")["count_automated"].origin == "built in"
    short = structs.replace(settings, retention=RetentionSettings(raw_days=3))
    assert every(short)["release.k_late"].origin == "follows from the others"
    flagged = load(None, flags={"sites": [{"key": KEY, "group": "Shops"}]}, environment={})
    assert (every(flagged)["group"].origin, every(flagged)["timezone"].origin) == ("command line", "default")


def test_what_is_declared_is_in_words(settings: Settings) -> None:
    groups = told(settings)
    words = {one.label: one.value for group in groups.values() if group.declared for one in group.settings}
    assert words["Signup"] == "event signup where plan = pro"
    assert words["Read"] == "75 percent of any page scrolled"
    assert words["Blog"] == "pages like /blog/**"
    assert words["Phones"] == "device = mobile and not (country = AT or CH)"
    assert words["Buy"] == "page /a → goal Signup (loose, within a visit)"
    assert "plan" in words
    assert "source x country" in words


@pytest.mark.clickhouse
class TestPages:
    @pytest.fixture
    def client(self, store: Store, settings: Settings, tmp_path: Path) -> Iterator[TestClient]:
        site = next(site for site in settings.reported_sites() if site.key == KEY)
        made = Rollups(store, site)
        made.release(dt.date(2031, 6, 1), goals={"Signup": "event:signup"})
        made.release(dt.date(2031, 6, 2), goals={"Signup": site.goal_definitions["Signup"]}, pairs=["source x country"])
        accounts = Accounts(tmp_path / "accounts.sqlite", hasher=CHEAP)
        app = create_app(Reports(store, [site]), accounts, about_site=teller(lambda: settings, store, GeoDatabase()))
        with TestClient(app, headers={"sec-fetch-site": "same-origin"}) as client:
            client.get(f"/sign-in/{accounts.create_sign_in_link_token()}")
            yield client
        accounts.close()

    def test_settings_say_since_when_and_nothing_secret(self, client: TestClient, store: Store) -> None:
        answer = client.get(f"/sites/{KEY}/settings?period=7d")
        assert answer.status_code == 200
        since = r"<span>([^<]*)</span></th>(?:<td>[^<]*</td>)?<td>(\d{4}-[^<]*|the next[^<]*)"
        rows = dict(re.findall(since, answer.text))
        # The definition of before is another goal.
        assert (rows["Signup"], rows["source x country"]) == ("2031-06-02", "2031-06-02")
        assert rows["Read"] == "the next day that closes"
        assert ("goals", "Signup", "event:signup") in since_of(store, KEY)
        for path in ("settings", "privacy"):
            text = client.get(f"/sites/{KEY}/{path}").text
            for secret in ("secret-", "203.0.113", "198.51.100", "abab", "/srv", "keys.example"):
                assert secret not in text, secret
        assert client.get(f"/sites/{KEY}/settings?colour=red").status_code == 400
        assert f'href="/sites/{KEY}/privacy?period=7d"' in answer.text

    def test_a_campaign_link_is_shown_as_text_and_keeps_the_period(self, client: TestClient) -> None:
        asked = {"address": "https://about.example/", "source": "<b>", "period": "7d"}
        text = client.get(f"/sites/{KEY}/acquisition/link", params=asked).text
        assert "<code>https://about.example/?utm_source=%3Cb%3E</code>" in text
        assert "<b>" not in text
        assert '<input type="hidden" name="period" value="7d">' in text

    def test_privacy_tells_what_is_kept_and_promised(self, client: TestClient) -> None:
        text = client.get(f"/sites/{KEY}/privacy").text
        assert "at least 7 people, from at least 3 networks" in text
        assert "30 days, then deleted" in text
        assert "https://collect.example/opt-out" in text
        assert "Rule N7" in text
        assert "tests/" not in text

    def test_settings_tell_what_alerts_go_by(self, client: TestClient) -> None:
        text = client.get(f"/sites/{KEY}/settings").text.partition('id="card-usual"')[2]
        assert "once four of the eight weeks have the same days" in text


@pytest.mark.clickhouse
def test_the_page_of_settings_shows_what_alerts_on_a_spike_or_a_drop_tell(store: Store, tmp_path: Path) -> None:
    today, rollups = NOW.date(), Rollups(store, Site("usual.example", ("usual.example",)))
    with rollups.together():
        for back in range(1, 58):
            rollups.cell(today - dt.timedelta(back), visitors=100 + back % 5, released=True)
            rollups.release(today - dt.timedelta(back))
    key = rollups.site.key
    settings = load(None, flags={"sites": [{"key": key}]}, environment={})
    reports = Reports(rollups.store, [rollups.site], clock=NOW.timestamp)
    accounts = Accounts(tmp_path / "accounts.sqlite", hasher=CHEAP)
    app = create_app(reports, accounts, about_site=teller(lambda: settings, rollups.store, GeoDatabase()))
    with TestClient(app) as client:
        client.get(f"/sign-in/{accounts.create_sign_in_link_token()}")
        text = client.get(f"/sites/{key}/settings").text.partition('id="card-usual"')[2]
    accounts.close()
    shown = re.findall(r"<dd>([^<]+)</dd>", text)
    told = [reports.day_visitors(rollups.site, today - dt.timedelta(back)) for back in (0, 1)]
    assert shown == [f"{one.low:,.0f}–{one.high:,.0f}" for one in told if one]
    assert len(shown) == 2


def test_every_field_of_an_event_is_told_of() -> None:
    told_of = [name for fields in SENT.values() for name in fields]
    assert sorted(told_of) == sorted(Event.__struct_fields__)


@pytest.mark.parametrize(
    ("anonymization", "kept", "not_kept"),
    [
        ({"place": "none"}, [], ["the country", "the region", "the city", "the network it is in"]),
        ({"place": "city", "store_network": True}, ["the city", "the network it is in"], []),
        ({"preset": "strict"}, ["to the minute"], ["the region", "utm_term", "which element"]),
        ({"preset": "strict", "vitals_elements": True}, ["which element of its layout was responsible"], []),
        ({"query_parameters": []}, ["of its parameters none"], ["utm_source"]),
    ],
)
def test_what_is_kept_follows_the_settings(anonymization: Any, kept: list[str], not_kept: list[str]) -> None:
    settings = load(None, flags={"sites": [{"key": KEY, "anonymization": anonymization}]}, environment={})
    told = privacy_of(settings, KEY)
    text = " ".join(one.kept for one in told.kept)
    assert all(words in text for words in kept), text
    assert not any(words in text for words in not_kept), text


def test_a_promise_that_the_settings_take_away_is_not_made() -> None:
    def rules(*sets: str) -> set[str]:
        settings = load(None, sets=sets, flags={"sites": [{"key": KEY}]}, environment={})
        told = privacy_of(settings, KEY)
        assert ("nobody, we included" in "".join(told.notice)) == ("H3" in {one.rule for one in told.promises})
        return {one.rule for one in told.promises}

    assert rules() == {one.rule for one in PROMISES}
    assert rules("release.k=1") == rules() - {"R3", "N7", "N4"}
    assert rules("release.networks=1") == rules() - {"N4"}
    assert rules("keys.keep_keys_on_disk_where_they_can_be_recovered=true") == rules() - {"H3"}


def test_a_promise_is_a_rule_of_the_page_of_promises_which_has_tests() -> None:
    page = (ROOT / "docs/promises.md").read_text()
    for one in PROMISES:
        row = next(line for line in page.splitlines() if line.startswith(f"| {one.rule} |"))
        assert "`tests/" in row


def test_a_campaign_link_says_what_it_counts_as_and_what_would_be_lost(settings: Settings) -> None:
    def made(key: str = KEY, **asked: str) -> Link | str:
        return link_of(key, asked, lambda key, link: tagged(settings, GeoDatabase(), key, link))

    page = f"https://{KEY}/a?b=c&utm_source=old"
    good = made(address=page, source="newsletter", medium="email", campaign="spring & sale")
    tags = "utm_source=newsletter&utm_medium=email&utm_campaign=spring+%26+sale"
    assert good == Link(f"https://{KEY}/a?b=c&{tags}", "Source Newsletter, channel Email, campaign spring & sale.", ())
    bad = made(address=KEY, source="Anna", campaign="to-anna@example.org")
    assert isinstance(bad, Link)
    assert bad.address.startswith(f"https://{KEY}?utm_source=Anna")
    assert [text.split(":")[0] for text in bad.warnings] == [
        "Source “Anna” and “anna” are counted apart",
        "Campaign “to-anna@example.org” is stored as “",
    ]
    for wrong in ("javascript://alert(1)", "https://", "http://[", "//x", " "):
        assert "Write the address" in str(made(address=wrong, source="x")), wrong
    assert "Write a source" in str(made(address=page))
    strict = load(None, sets=["anonymization.preset=strict"], flags={"sites": [{"key": KEY}]}, environment={})
    told = tagged(strict, GeoDatabase(), KEY, f"{page}&utm_term=shoes")
    assert (told.kept["utm_term"], told.kept["utm_source"]) == ("", "old")
    closed = load(None, flags={"sites": [{"key": KEY, "hosts": [KEY]}]}, environment={})
    assert tagged(closed, GeoDatabase(), KEY, "https://elsewhere.example/").reason == "host"
