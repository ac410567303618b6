"""Device classes: names many people share, and nothing an agent string could smuggle in."""

# ruff: noqa: E501 - agent strings are as long as they are

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.enrich.device import device_of, language_of, screen_class

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
ANDROID = "Mozilla/5.0 (Linux; Android 14; SM-S918B)"
AGENTS = f"""
Safari 17|iOS 17|mobile|{IPHONE} Version/17.4 Mobile/15E148 Safari/604.1
Chrome 119|iOS 17|mobile|{IPHONE} CriOS/119.0 Mobile/15E148 Safari/604.1
Facebook 450|iOS 17|mobile|{IPHONE} Mobile/15E148 [FBAN/FBIOS;FBAV/450.0.0]
Safari 16|iOS 16|tablet|Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.6 Mobile/15E148 Safari/604.1
Safari 17|macOS 10|desktop|Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.2 Safari/605.1.15
Chrome 117|Android 14|mobile|{ANDROID} {WEBKIT} Chrome/117.0.0.0 Mobile Safari/537.36
Chrome 117|Android 14|tablet|Mozilla/5.0 (Linux; Android 14; Pixel Tablet) {WEBKIT} Chrome/117.0.0.0 Safari/537.36
Chrome 120|Android 14|mobile|Mozilla/5.0 (Linux; Android 14; Pixel 7; wv) {WEBKIT} Version/4.0 Chrome/120.0.0.0 Mobile Safari/537.36
Samsung Internet 24|Android 14|mobile|{ANDROID} {WEBKIT} SamsungBrowser/24.0 Chrome/117.0.0.0 Mobile Safari/537.36
Opera 80|Android 14|mobile|{ANDROID} {WEBKIT} Chrome/120.0.0.0 Mobile Safari/537.36 OPR/80.1.4170.60000
Edge 120|Android 14|mobile|{ANDROID} {WEBKIT} Chrome/120.0.0.0 Mobile Safari/537.36 EdgA/120.0
Firefox 121|Android 14|mobile|Mozilla/5.0 (Android 14; Mobile; rv:121.0) Gecko/121.0 Firefox/121.0
Firefox 121|Android 14|tablet|Mozilla/5.0 (Android 14; Tablet; rv:121.0) Gecko/121.0 Firefox/121.0
Edge 120|Windows 10|desktop|Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/120.0.0.0 Safari/537.36 Edg/120.0.0.0
Internet Explorer 11|Windows 7|desktop|Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko
Firefox 120|Linux|desktop|Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0
Chrome 120|Chrome OS|desktop|Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} Chrome/120.0.0.0 Safari/537.36
Samsung Internet 3|Tizen 6|tv|Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) {WEBKIT} SamsungBrowser/3.0 TV Safari/537.36
|||Totally Unknown
"""


@pytest.mark.parametrize("line", AGENTS.strip().splitlines())
def test_an_agent_becomes_families_and_major_versions(line: str) -> None:
    browser, system, kind, agent = line.split("|")
    device = device_of(agent)
    assert f"{device.browser} {device.browser_version}".strip() == browser
    assert f"{device.os} {device.os_version}".strip() == system
    assert device.device == kind


@pytest.mark.parametrize(
    "agent",
    [
        "canary-mark-77Bot/1.0 (+http://x)",
        "CanaryMark/3 CFNetwork/1 Darwin/2",
        "Mozilla/5.0 (CanaryMark 1.2; Canary) Canary",
    ],
)
def test_no_text_of_an_agent_passes_into_a_name(agent: str) -> None:
    assert "canary" not in repr(device_of(agent)).lower()


def test_only_the_head_of_a_long_agent_is_read() -> None:
    assert device_of("x" * 600 + " Firefox/121.0").browser == ""


@pytest.mark.parametrize(
    ("width", "name"),
    [
        (-1, ""), (0, ""), (1, "XS"), (575, "XS"), (576, "S"), (767, "S"), (768, "M"), (991, "M"), (992, "L"),
        (1439, "L"), (1440, "XL"), (20_000, "XL"), (20_001, ""),
    ],
)  # fmt: skip
def test_a_screen_is_classed_by_its_width(width: int, name: str) -> None:
    assert screen_class(width) == name


@pytest.mark.parametrize(
    ("header", "primary", "full"),
    [
        ("de-AT,de;q=0.9,en;q=0.8", "de", "de-AT"),
        ("en;q=0.5,fr-CA;q=0.9", "fr", "fr-CA"),
        ("EN-us", "en", "en-US"),
        ("zh-hant-tw", "zh", "zh-Hant-TW"),
        ("es-419", "es", "es-419"),
        ("fil", "fil", "fil"),
        ("*", "", ""),
        ("*,de;q=0.5", "de", "de"),
        ("", "", ""),
        ("deutsch", "", ""),
        ("d", "", ""),
        ("de;q=0", "", ""),
        ("de;q=nan,en;q=0.1", "en", "en"),
        ("de;q=9", "", ""),
        ("de-x-canary", "de", "de"),
        ("../../etc/passwd", "", ""),
    ],
)
def test_the_language_is_the_one_asked_for_first(header: str, primary: str, full: str) -> None:
    assert language_of(header, full=False) == primary
    assert language_of(header, full=True) == full


@given(st.text(max_size=600))
def test_no_text_makes_reading_it_fail(text: str) -> None:
    device_of(text)
    language_of(text, full=True)
