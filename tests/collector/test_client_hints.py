"""Client hints make a device more precise, and nothing of them passes that is not in a list."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.edge.client import client_of
from collector.enrich.client_hints import _BRANDS, _SYSTEMS, NO_CLIENT_HINTS, ClientHints, refined
from collector.enrich.device import Device, device_of
from collector.privacy.address import Proxies

CHROME = Device("Chrome", "124", "Windows", "10", "desktop", "")
ANDROID = Device("Chrome", "124", "Android", "10", "mobile", "")
GREASE = '"Not-A.Brand";v="99", "Chromium";v="124"'


@pytest.mark.parametrize(
    ("device", "brands", "browser"),
    [
        (CHROME, f'{GREASE}, "Google Chrome";v="125"', "Chrome 125"),
        (CHROME, f'"Brave";v="124", {GREASE}', "Brave 124"),
        (CHROME, f'{GREASE}, "Microsoft Edge";v="124"', "Edge 124"),
        (CHROME, f'{GREASE}, "Opera GX";v="110"', "Opera 110"),
        (CHROME, f'{GREASE}, "YaBrowser";v="24.4", "Yowser";v="2.5"', "Yandex Browser 24"),
        (CHROME, f'{GREASE}, "Samsung Internet";v="25.0"', "Samsung Internet 25"),
        # GREASE, the engine, strangers and nonsense change nothing.
        (CHROME, GREASE, "Chrome 124"),
        (CHROME, '" Not;A Brand";v="99"', "Chrome 124"),
        (CHROME, '"(Not(A:Brand";v="8", "Chromium";v="124"', "Chrome 124"),
        (CHROME, '"Canary Mark";v="1"', "Chrome 124"),
        (CHROME, '"Brave";v="0"', "Chrome 124"),
        (CHROME, '"Brave";v="99999"', "Chrome 124"),
        (CHROME, '"Brave";v="x"', "Chrome 124"),
        (CHROME, "Brave", "Chrome 124"),
        (CHROME, '"Brave";v="124"' + " " * 300, "Chrome 124"),
        (CHROME, '"a";v="1",' * 20 + '"Brave";v="124"', "Chrome 124"),
        # An app around a browser is what its agent says; other families send no hints.
        (Device("Facebook", "450", "Android", "14", "mobile", ""), f'{GREASE}, "Google Chrome";v="1"', "Facebook 450"),
        (Device("Firefox", "121", "Linux", "", "desktop", ""), f'{GREASE}, "Google Chrome";v="1"', "Firefox 121"),
    ],
)
def test_the_brand_is_refined(device: Device, brands: str, browser: str) -> None:
    found = refined(device, ClientHints(brands))
    assert f"{found.browser} {found.browser_version}" == browser


@pytest.mark.parametrize(
    ("device", "mobile", "platform", "system", "kind"),
    [
        (CHROME, "?0", '"Windows"', "Windows 10", "desktop"),
        (CHROME, "?0", '"macOS"', "macOS", "desktop"),
        (CHROME, "?0", '"Chromium OS"', "Chrome OS", "desktop"),
        (CHROME, "?1", '"Android"', "Android", "mobile"),
        (ANDROID, "?1", '"Android"', "Android 10", "mobile"),
        (ANDROID, "?0", '"Android"', "Android 10", "tablet"),
        (ANDROID, "?0", '"Linux"', "Linux", "desktop"),
        (ANDROID, "", "", "Android 10", "mobile"),
        (CHROME, "yes", '"Amiga"', "Windows 10", "desktop"),
        (CHROME, "?1" * 200, '"Android"', "Windows 10", "desktop"),
        # A television says what runs on it in its agent; hints tell what that is made of.
        (Device("Chrome", "87", "webOS", "", "tv", ""), "?0", '"Linux"', "webOS", "tv"),
        (Device("Edge", "44", "Xbox", "", "tv", ""), "?0", '"Windows"', "Xbox", "tv"),
    ],
)
def test_system_and_class_are_refined(device: Device, mobile: str, platform: str, system: str, kind: str) -> None:
    found = refined(device, ClientHints("", mobile, platform))
    assert f"{found.os} {found.os_version}".strip() == system
    assert found.device == kind


def test_a_driven_browser_is_known_by_its_hints() -> None:
    assert refined(CHROME, ClientHints('"HeadlessChrome";v="124"')).bot == "headless"


@given(st.text(max_size=300), st.text(max_size=20), st.text(max_size=40))
def test_only_names_of_the_lists_come_out(brands: str, mobile: str, platform: str) -> None:
    found = refined(CHROME, ClientHints(brands, mobile, platform))
    assert found.browser in {"Chrome", *_BRANDS.values()}
    assert found.os in {"Windows", *_SYSTEMS.values()}
    assert found.device in {"desktop", "mobile", "tablet"}
    assert found.browser_version.isdecimal()


def test_the_headers_are_read_in_the_one_pass() -> None:
    headers = [(b"user-agent", b"x"), (b"sec-ch-ua", b'"A";v="1"'), (b"sec-ch-ua-mobile", b"?1")]
    scope = {"headers": headers, "client": ("203.0.113.9", 1)}
    assert client_of(scope, Proxies(())).client_hints == ClientHints('"A";v="1"', "?1", "")
    assert client_of({"headers": [], "client": None}, Proxies(())).client_hints is NO_CLIENT_HINTS


def test_without_hints_the_device_is_the_agents() -> None:
    device = device_of("Mozilla/5.0")
    assert refined(device, NO_CLIENT_HINTS) is device
