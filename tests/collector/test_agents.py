"""Browsers by the names people know: our own list, and each difference from `user-agents` with its reason."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from crawleruseragents import CRAWLER_USER_AGENTS_DATA

from collector.enrich.bots import kind_of
from collector.enrich.device import device_of

ROWS = [
    line.split("\t")
    for line in (Path(__file__).parent / "corpus" / "agents.tsv").read_text("utf-8").splitlines()
    if not line.startswith("#")
]
_LINES = (resources.files("fake_useragent") / "data" / "browsers.jsonl").read_text("utf-8").splitlines()
PEOPLE = sorted({json.loads(line)["useragent"] for line in _LINES} | {row[5] for row in ROWS})
MACHINES = sorted({agent for entry in CRAWLER_USER_AGENTS_DATA for agent in entry["instances"]})

ONE = "variants of one browser are one browser to a reader"
NAME = "another name for the same"
APP = "the app that shows the page, not what it is made with"
OWN = "a browser that it does not know"
PIECE = "a distribution would single people out"
LIKE = "sent by apps of macOS; the mail program among them cannot be told"

# (its name, ours) -> why.
BROWSERS = {
    ("Chrome Mobile", "Chrome"): ONE,
    ("Chrome Mobile WebView", "Chrome"): ONE,
    ("Chrome Mobile iOS", "Chrome"): ONE,
    ("DuckDuckGo Mobile", "DuckDuckGo"): ONE,
    ("Ecosia Android", "Ecosia"): ONE,
    ("Ecosia iOS", "Ecosia"): ONE,
    ("Edge Mobile", "Edge"): ONE,
    ("Firefox Mobile", "Firefox"): ONE,
    ("Firefox iOS", "Firefox"): ONE,
    ("Mobile Safari", "Safari"): ONE,
    ("Mobile Safari UI/WKWebView", "Safari"): ONE,
    ("Opera Mobile", "Opera"): ONE,
    ("Opera Touch", "Opera"): ONE,
    ("QQ Browser Mobile", "QQ Browser"): ONE,
    ("Android", "Android Browser"): NAME,
    ("AOL Desktop Gold Browser", "AOL Desktop"): NAME,
    ("CCleaner", "CCleaner Browser"): NAME,
    ("Facebook Messenger", "Messenger"): NAME,
    ("Google", "Google App"): NAME,
    ("IE", "Internet Explorer"): NAME,
    ("IE Mobile", "Internet Explorer"): ONE,
    ("Mobile Safari", "Bing App"): APP,
    ("Chrome", "Yandex App"): APP,
    ("Chrome Mobile WebView", "Yandex Browser"): "the light one, for televisions",
    ("Vewd Browser", "Chrome"): "what televisions are sold with: the browser it is made of",
    ("Spider", "Chrome"): "a tablet of that name, and no machine",
    ("MiuiBrowser", "Mi Browser"): NAME,
    ("Seznam prohlížeč", "Seznam"): NAME,
    ("VivoBrowser", "Vivo Browser"): NAME,
    ("WeChat Browser", "WeChat"): NAME,
    ("Baidu Explorer", "Baidu App"): NAME,
    ("Chrome Mobile", "Yandex App"): APP,
    ("Chrome Mobile WebView", "DingTalk"): APP,
    ("Chrome Mobile WebView", "KakaoTalk"): APP,
    ("Chrome Mobile WebView", "LinkedIn"): APP,
    ("Chrome Mobile WebView", "Naver"): APP,
    ("Chrome Mobile WebView", "Viber"): APP,
    ("Chrome Mobile WebView", "WeChat"): APP,
    ("Facebook", "Messenger"): APP,
    ("Mobile Safari UI/WKWebView", "Alipay"): APP,
    ("Mobile Safari UI/WKWebView", "LinkedIn"): APP,
    ("Mobile Safari UI/WKWebView", "Reddit"): APP,
    ("Mobile Safari UI/WKWebView", "Threads"): APP,
    ("TikTok", "Douyin"): APP,
    ("Chrome", "360 Secure Browser"): OWN,
    ("Chrome", "Falkon"): OWN,
    ("Chrome Mobile WebView", "Quark"): OWN,
    ("Firefox", "LibreWolf"): OWN,
    ("Firefox iOS", "Ecosia"): OWN,
    ("LikeWise", "Chrome"): "of an app that few people have: the browser it is made of",
    ("Mobile Safari", "Firefox"): "Firefox Focus",
    ("Opera Mobile", "Opera Mini"): "since it is made of Chromium it calls itself OPR; its build number tells",
    ("Other", "Nintendo Browser"): OWN,
    ("Safari", "PlayStation"): OWN,
    ("Safari", "Tizen Browser"): OWN,
    ("Chrome Mobile", "Vivaldi"): OWN,
    ("Chrome Mobile WebView", "Bluesky"): APP,
    ("Chrome Mobile WebView", "Discord"): APP,
    ("Chrome Mobile WebView", "Microsoft Teams"): APP,
    ("Chrome Mobile WebView", "Shopee"): APP,
    ("Chrome Mobile WebView", "VK"): APP,
    ("Crosswalk", "Whale"): OWN,
    ("Electron", "Slack"): APP,
    ("Mobile Safari UI/WKWebView", "AliExpress"): APP,
    ("Mobile Safari UI/WKWebView", "Outlook"): APP,
    ("Apple Mail", "Safari"): LIKE,
}
SYSTEMS = {
    ("Mac OS X", "macOS"): NAME,
    ("Web0S", "webOS"): NAME,
    ("Fedora", "Linux"): PIECE,
    ("Ubuntu", "Linux"): PIECE,
    ("Kindle", "Linux"): "what a reader of books runs on",
    ("Mac OS X", "iOS"): "a tablet that asks for a computer's pages: what only browsers of iOS say is in it",
    ("Android", "HarmonyOS"): "it says both, so that pages for Android work",
    ("Other", "HarmonyOS"): OWN,
    ("Other", "Android"): "written Adr by UC Browser",
    ("Linux", "Android"): "written Andr0id by televisions",
    ("Other", "iOS"): "written dv(iPh…) by UC Browser",
    ("Other", "Nintendo"): OWN,
    ("Other", "PlayStation"): OWN,
    ("Windows", "Xbox"): "the console",
    ("Firefox OS", "Sailfish OS"): OWN,
    ("Chromecast Linux", "Android"): "the device; what runs on it is told, too",
}
CLASSES = {
    ("", "tv"): "it has no class for televisions and consoles",
    ("desktop", "tv"): "the same: a console",
    ("mobile", "tv"): "the same: a stick that calls itself mobile",
    ("tablet", "tv"): "the same: Android without the word mobile",
    ("", "desktop"): "a BSD is a computer",
    ("", "mobile"): "KaiOS and OpenHarmony name no make of phone",
    ("", "tablet"): "OpenHarmony names no make of tablet",
    ("desktop", "tablet"): "a tablet that asks for a computer's pages",
    ("mobile", "tablet"): "Firefox says Tablet in so many words",
    ("tablet", "mobile"): "the word Mobile, or Phone, is in it",
}


@pytest.mark.parametrize("row", ROWS, ids=[f"{row[0]}-{row[2]}-{index}" for index, row in enumerate(ROWS)])
def test_a_browser_in_use_is_called_by_its_name(row: list[str]) -> None:
    browser, version, system, system_version, kind, agent = row
    device = device_of(agent)
    assert (device.browser, device.browser_version, device.os, device.os_version, device.device, device.bot) == (
        *(browser, version, system, system_version, kind),
        "",
    )


def test_the_list_holds_at_least_92_browsers_and_all_classes() -> None:
    assert len(ROWS) >= 92
    assert {row[4] for row in ROWS} == {"desktop", "mobile", "tablet", "tv"}
    assert len({row[0] for row in ROWS}) > 60


def user_agent(agent: str) -> Any:
    """What that library makes of it."""
    # Its lists take a fifth of a second to load, which each process that collects tests would wait for.
    import user_agents

    return user_agents.parse(agent)


def _theirs(agent: str) -> tuple[str, str, str]:
    found = user_agent(agent)
    kind = "tablet" if found.is_tablet else "mobile" if found.is_mobile else "desktop" if found.is_pc else ""
    return kind, found.os.family, found.browser.family


@pytest.mark.slow
def test_each_difference_from_user_agents_has_its_reason() -> None:
    differing: list[dict[tuple[str, str], str]] = [{}, {}, {}]
    for agent in PEOPLE:
        device = device_of(agent)
        for found, theirs, ours in zip(
            differing, _theirs(agent), (device.device, device.os, device.browser), strict=True
        ):
            if theirs != ours:
                found[theirs, ours] = agent
    for found, explained in zip(differing, (CLASSES, SYSTEMS, BROWSERS), strict=True):
        assert {pair: agent for pair, agent in found.items() if pair not in explained} == {}
        assert explained.keys() - found.keys() == set()


@pytest.mark.slow
def test_no_browser_of_a_person_is_a_machine_and_no_machine_of_user_agents_a_person() -> None:
    assert [agent for agent in PEOPLE if kind_of(agent)] == []
    assert [agent for agent in MACHINES if user_agent(agent).is_bot and not kind_of(agent)] == []


@pytest.mark.parametrize(
    "agent",
    [
        "Mozilla/5.0",
        "Mozilla/4.0",
        "Mozilla/5.0 ()",
        "Mozilla/5.0 (compatible)",
        "Mozilla/5.0 (compatible; Fetcher/1.0)",
        "Mozilla/5.0 (compatible; Qrstuvw/2.3; +x)",
        "Mozilla/4.0 (compatible; Abc)",
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Thing/1.0) Chrome/120.0.0.0 Safari/537.36",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 "
        "Safari/537.36 (compatible; Thing/1.0)",
    ],
)
def test_what_names_no_system_or_somebody_else_behind_the_browser_is_a_bot(agent: str) -> None:
    assert kind_of(agent) == "bot"


@pytest.mark.parametrize(
    "agent",
    [
        "Mozilla/5.0 (compatible; MSIE 10.0; Windows NT 6.2; Trident/6.0)",
        "Mozilla/5.0 (compatible; Konqueror/4.14; Linux) KHTML/4.14.2 (like Gecko)",
        "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1)",
        "Mozilla/5.0 (X11; OpenBSD amd64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
        "Mozilla/5.0 (Mobile; rv:32.0) Gecko/32.0 Firefox/32.0",
        "Mozilla/5.0 (Haiku x86_64) AppleWebKit/612.1.21 (KHTML, like Gecko) WebPositive/1.3 Version/15 Safari/612",
    ],
)
def test_a_rare_system_is_a_persons(agent: str) -> None:
    assert kind_of(agent) == ""
