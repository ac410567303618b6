"""What kind of device, browser, screen and language a beacon came from, in classes many people share.

In: the agent string, the screen width, the Accept-Language header. Out: a `Device`; short class names.
Promises: only names of the lists below and short version numbers come out, so an agent cannot smuggle text into a row.
"""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec
from user_agents import parse

from .bots import MAX_AGENT, is_bot

# A new agent costs about 0.8 ms, a cached one microseconds. A busy site sees some thousand different agents a day, and
# this many take about 10 MB; the cache lives in memory only.
AGENTS_CACHED = 8192
# Browsers send a few thousand different Accept-Language values at most.
LANGUAGES_CACHED = 2048
# A header longer than this is not a person's list of languages.
MAX_LANGUAGES = 256
# Wider than any screen wall that browses the web.
MAX_WIDTH = 20_000


class Device(msgspec.Struct, frozen=True):
    """Families and major versions; "" is unknown. device: desktop, mobile, tablet, tv or ""."""

    browser: str
    browser_version: str
    os: str
    os_version: str
    device: str
    bot: bool


# ua-parser's family -> our name, where they differ. Variants of one browser are one browser to a reader.
_BROWSER_NAMES = {
    "Mobile Safari": "Safari",
    "Mobile Safari UI/WKWebView": "Safari",
    "Chrome Mobile": "Chrome",
    "Chrome Mobile iOS": "Chrome",
    "Chrome Mobile WebView": "Chrome",
    "Firefox Mobile": "Firefox",
    "Firefox iOS": "Firefox",
    "Firefox Focus": "Firefox",
    "Edge Mobile": "Edge",
    "Edge iOS": "Edge",
    "IE": "Internet Explorer",
    "IE Mobile": "Internet Explorer",
    "Opera Mobile": "Opera",
    "Opera Touch": "Opera",
    "Opera GX": "Opera",
    "DuckDuckGo Mobile": "DuckDuckGo",
    "QQ Browser Mobile": "QQ Browser",
    "MiuiBrowser": "Mi Browser",
    "Android": "Android Browser",
    "Baidu Browser Mobile": "Baidu Browser",
    "Google": "Google App",
    "Brave Mobile": "Brave",
    "Vivaldi Mobile": "Vivaldi",
    "Facebook Messenger": "Messenger",
    "WeChat Browser": "WeChat",
    "Seznam prohlížeč": "Seznam",
    "Ecosia iOS": "Ecosia",
    "Ecosia Android": "Ecosia",
}
# The parser copies some families out of the agent string itself, so nothing passes that is not named here.
_BROWSERS = re.compile(
    "Chrome|Safari|Firefox|Edge|Opera|Opera Mini|Opera Neon|Samsung Internet|Brave|Vivaldi|Chromium|Yandex Browser|"
    "UC Browser|QQ Browser|Sogou Explorer|360 Secure Browser|Maxthon|Baidu Browser|Whale|Amazon Silk|Puffin|Epiphany|"
    "Konqueror|Falkon|SeaMonkey|Pale Moon|Waterfox|Iceweasel|Coc Coc|Avast Secure Browser|AVG|Norton|Avira|DuckDuckGo|"
    "Facebook|Instagram|Messenger|WeChat|LINE|TikTok|Snapchat|Pinterest|Twitter|LinkedIn|Telegram|Weibo|KakaoTalk|"
    "Google App|Internet Explorer|HeadlessChrome|Huawei Browser|Mi Browser|HeyTap Browser|Honor Browser|Oculus Browser|"
    "Wolvic Browser|NetFront|BlackBerry WebKit|BlackBerry|Android Browser|Nokia Browser|Sailfish Browser|Ecosia|Seznam|"
    "Aloha Browser|Quark|Phoenix Browser|Comodo Dragon|Electron|Tizen Browser|LibreWolf|Iron|Netscape|Lynx|Links|w3m|"
    "Dolfin|Otter|QupZilla|Basilisk|Kindle"
)
_OS_NAMES = {
    "Mac OS X": "macOS",
    "Mac OS": "macOS",
    "ATV OS X": "tvOS",
    "WatchOS": "watchOS",
    "Windows Phone OS": "Windows Phone",
}
# A distribution would single people out; "Linux" is what a reader needs to know.
_LINUX = re.compile(
    "Ubuntu|Kubuntu|Debian|Fedora|Red Hat|Red Hat Enterprise Linux|CentOS|SUSE|openSUSE|Arch Linux|Gentoo|Linux Mint|"
    "Mandriva|Slackware|Mageia|PCLinuxOS|Puppy"
)
_SYSTEMS = re.compile(
    "Windows|Windows Phone|Windows Mobile|Windows CE|macOS|iOS|iPadOS|tvOS|watchOS|Android|Chrome OS|Linux|FreeBSD|"
    "OpenBSD|NetBSD|Solaris|Tizen|webOS|KaiOS|Firefox OS|HarmonyOS|Fuchsia|BlackBerry OS|Symbian OS|Bada|MeeGo|Maemo"
)
_VERSION = re.compile(r"[0-9]{1,3}|XP|Vista|ME|NT|CE|RT|2000")
_TV = re.compile(
    r"smart-?tv|hbbtv|apple ?tv|google ?tv|android ?tv|\btv\b|bravia|roku|web0s|netcast|viera|aquos|crkey|"
    r"\baft[a-z]{1,3}\b|playstation [345]|xbox",
    re.IGNORECASE,
)
_LANGUAGE = re.compile(r"([a-z]{2,3})(?:-([a-z]{4}))?(?:-([a-z]{2}|[0-9]{3}))?(?![^-])", re.IGNORECASE)
_SCREENS = ((576, "XS"), (768, "S"), (992, "M"), (1440, "L"))


def device_of(agent: str) -> Device:
    """The device classes of an agent string."""
    return _device_of(agent[:MAX_AGENT])


@lru_cache(maxsize=AGENTS_CACHED)
def _device_of(agent: str) -> Device:
    parsed = parse(agent)
    browser = _BROWSER_NAMES.get(parsed.browser.family, parsed.browser.family)
    system = "Linux" if _LINUX.fullmatch(parsed.os.family) else _OS_NAMES.get(parsed.os.family, parsed.os.family)
    browser = browser if _BROWSERS.fullmatch(browser) else ""
    system = system if _SYSTEMS.fullmatch(system) else ""
    return Device(
        browser=browser,
        browser_version=_major(parsed.browser.version) if browser else "",
        os=system,
        os_version=_major(parsed.os.version) if system else "",
        device=_class_of(agent, parsed.is_tablet, parsed.is_mobile, parsed.is_pc),
        bot=parsed.is_bot or is_bot(agent),
    )


def _major(version: tuple[int | str, ...]) -> str:
    first = str(version[0]) if version else ""
    return first if _VERSION.fullmatch(first) else ""


def _class_of(agent: str, tablet: bool, mobile: bool, desktop: bool) -> str:
    if _TV.search(agent):
        return "tv"
    if "Android" in agent and "Tablet" in agent:
        return "tablet"
    # The parser takes every Android without "Mobile Safari" for a tablet; apps on phones say "Mobile" in other ways.
    if tablet and not ("Android" in agent and (mobile or "Mobile" in agent)):
        return "tablet"
    if tablet or mobile:
        return "mobile"
    return "desktop" if desktop else ""


def screen_class(width: int) -> str:
    """The class of a screen width in CSS pixels; "" where the width is missing or absurd."""
    if not 0 < width <= MAX_WIDTH:
        return ""
    return next((name for limit, name in _SCREENS if width < limit), "XL")


def language_of(accept_language: str, full: bool = False) -> str:
    """The language a browser asks for first: "de", or with full "de-AT"."""
    return _language_of(accept_language[:MAX_LANGUAGES], full)


@lru_cache(maxsize=LANGUAGES_CACHED)
def _language_of(accept_language: str, full: bool) -> str:
    best, best_quality = "", 0.0
    for entry in accept_language.split(","):
        tag, _, parameter = entry.partition(";")
        found = _LANGUAGE.match(tag.strip())
        quality = _quality(parameter)
        if found and quality > best_quality:
            language, script, region = found.groups()
            parts = [language.lower()]
            if full:
                parts += [script.title()] if script else []
                parts += [region.upper()] if region else []
            best, best_quality = "-".join(parts), quality
    return best


def _quality(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if not name:
        return 1.0
    try:
        quality = float(value)
    except ValueError:
        return 0.0
    return quality if 0 <= quality <= 1 else 0.0
