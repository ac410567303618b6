"""What a browser says about itself beside its agent string: the low-entropy client hints that pages send unasked.

In: the headers Sec-CH-UA, Sec-CH-UA-Mobile and Sec-CH-UA-Platform, and a `Device`. Out: the device, made more precise.
Promises: only brands and systems of the lists below come out; GREASE and absurd values change nothing.
"""

from __future__ import annotations

import re
from functools import lru_cache

from msgspec import Struct, structs

from .device import Device

# Some hundred combinations are in use at a time: brands, versions, systems.
HINTS_CACHED = 4096
# Browsers name three brands; a longer header is nobody's browser.
_MAX_HEADER = 256
_MAX_BRANDS = 8

# The brand as sent -> our name. What names the engine says less than what names the browser.
_BRANDS = {
    "Google Chrome": "Chrome",
    "Microsoft Edge": "Edge",
    "Opera": "Opera",
    "Opera GX": "Opera",
    "Opera Mobile": "Opera",
    "Brave": "Brave",
    "Vivaldi": "Vivaldi",
    "YaBrowser": "Yandex Browser",
    "Yandex": "Yandex Browser",
    "Samsung Internet": "Samsung Internet",
    "DuckDuckGo": "DuckDuckGo",
    "Whale": "Whale",
    "HuaweiBrowser": "Huawei Browser",
    "MiuiBrowser": "Mi Browser",
    "Avast Secure Browser": "Avast Secure Browser",
    "AVG Secure Browser": "AVG",
    "Norton Private Browser": "Norton",
    "Avira Secure Browser": "Avira",
    "CocCoc": "Coc Coc",
    "Oculus Browser": "Oculus Browser",
    "Ecosia": "Ecosia",
    "Silk": "Amazon Silk",
    "Chromium": "",
    "Android WebView": "",
    "HeadlessChrome": "HeadlessChrome",
}
_SYSTEMS = {
    "Windows": "Windows",
    "macOS": "macOS",
    "Linux": "Linux",
    "Android": "Android",
    "Chrome OS": "Chrome OS",
    "Chromium OS": "Chrome OS",
    "iOS": "iOS",
    "Fuchsia": "Fuchsia",
}
_DESKTOPS = frozenset(("Windows", "macOS", "Linux", "Chrome OS"))
# Only Chromium's family sends hints; beside the agent of another browser they are somebody's extension.
_REFINED = frozenset(("Chrome", "Chromium", ""))
_BRAND = re.compile(r'"((?:[^"\\]|\\.){1,60})"\s*;\s*v\s*=\s*"([^"]{0,20})"')
_MAJOR = re.compile(r"[1-9][0-9]{0,2}(?![0-9])")


class ClientHints(Struct, frozen=True):
    """The headers as sent; "" where there is none."""

    brands: str = ""
    mobile: str = ""
    platform: str = ""


NO_CLIENT_HINTS = ClientHints()


def refined(device: Device, hints: ClientHints) -> Device:
    """The device, with what the hints know better."""
    if hints == NO_CLIENT_HINTS:
        return device
    if max(len(hints.brands), len(hints.platform), len(hints.mobile)) > _MAX_HEADER:
        return device
    return _refined(device, hints)


@lru_cache(maxsize=HINTS_CACHED)
def _refined(device: Device, hints: ClientHints) -> Device:
    brand, major = _brand(hints.brands)
    if brand == "HeadlessChrome" and not device.bot:
        device = structs.replace(device, bot="headless")
    if brand and major and device.browser in _REFINED:
        device = structs.replace(device, browser=brand, browser_version=major)
    system = _SYSTEMS.get(hints.platform.strip().strip('"'), "")
    # What says that it is a television or a console knows its system.
    if system and system != device.os and device.device != "tv":
        device = structs.replace(device, os=system, os_version="")
    return structs.replace(device, device=_class(device.device, hints.mobile.strip(), system))


def _brand(header: str) -> tuple[str, str]:
    """The name and major version of the browser; GREASE ("Not/A)Brand") is not in the list."""
    for brand, version in _BRAND.findall(header)[:_MAX_BRANDS]:
        major = _MAJOR.match(version)
        if _BRANDS.get(brand) and major:
            return _BRANDS[brand], major[0]
    return "", ""


def _class(device: str, mobile: str, system: str) -> str:
    if device == "tv":
        return device
    if mobile == "?1":
        return "tablet" if device == "tablet" and system != "Android" else "mobile"
    if mobile == "?0" and system == "Android":
        return "tablet"
    if mobile == "?0" and system in _DESKTOPS:
        return "desktop"
    return device
