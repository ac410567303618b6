"""What kind of device, browser, screen and language a beacon came from, in classes many people share.

In: the agent string, the screen width, the Accept-Language header. Out: a `Device`; short class names.
Promises: only names of the lists below and short version numbers come out, so an agent cannot smuggle text into a row.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

import msgspec
from ua_parser import OS, Domain, Parser, UserAgent
from ua_parser.loaders import load_builtins
from ua_parser.regex import Resolver

from ..text.re2 import regex
from .apps import app_of
from .bots import MAX_AGENT, Kind, kind_of

# A new agent costs some 40 µs, a cached one a hundredth (docs/decisions/0010-agents.md). A busy site sees some thousand
# different agents a day; this many take about 5 MB. The cache lives in memory only.
AGENTS_CACHED = 8192
# Browsers send a few thousand different Accept-Language values at most.
LANGUAGES_CACHED = 2048
# A header longer than this is not a person's list of languages.
MAX_LANGUAGES = 256
# Wider than any screen wall that browses the web.
MAX_WIDTH = 20_000


class Device(msgspec.Struct, frozen=True):
    """Families and major versions; "" is unknown. device: desktop, mobile, tablet, tv or "". bot: "" for a person."""

    browser: str
    browser_version: str
    os: str
    os_version: str
    device: str
    bot: Kind


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
_ENGINE = re.compile(r"(Chrome|Firefox)/([0-9]{1,3})\.")
_KERNEL = re.compile(r"Android ([0-9]{1,3})|\bLinux (?:x86_64|i686|arm|aarch64)")
# The text of each group is the version, if there is one.
_OTHER_SYSTEMS = re.compile(
    r"(?:OpenHarmony|HarmonyOS)[ /]?(?P<harmony>[0-9]{0,2})|(?:\bAdr|Andr0id) (?P<android>[0-9]{1,2})|Web0S(?P<webos>)|"
    r"(?i:playstation) (?P<playstation>[345]|Vita)\b|Xbox(?P<xbox>)|Nintendo (?:Switch|WiiU?|3DS)(?P<nintendo>)|"
    r"SailfishBrowser(?P<sailfish>)|^dv\(iP.{1,60};ov\((?P<ios>[0-9]{1,2})"
)
_MAY_BE_OTHER = regex(rb"Harmony|\bAdr |Andr0id |Web0S|(?i:playstation) |Xbox|Nintendo |SailfishBrowser|^dv\(iP")
_OTHER_NAMES = {
    "harmony": "HarmonyOS",
    "android": "Android",
    "webos": "webOS",
    "playstation": "PlayStation",
    "xbox": "Xbox",
    "nintendo": "Nintendo",
    "sailfish": "Sailfish OS",
    "ios": "iOS",
}
_ASKS_FOR_A_COMPUTERS_PAGES = re.compile(r"CriOS/|FxiOS/|EdgiOS/|OPT/|GSA/|DuckDuckGo/|\bMobile/[0-9A-Z]")
_VERSION = re.compile(r"[0-9]{1,3}|XP|Vista|ME|NT|CE|RT|2000")
_TV = regex(
    rb"smart-?tv|hbbtv|apple ?tv|google ?tv|android ?tv|\btv\b|bravia|roku|web0s|netcast|viera|aquos|crkey|"
    rb"\baft[a-z][a-z0-9]{0,8}\b|playstation [345]|\(ps3\)|xbox|nintendo (?:switch|wii)|\bomi/|nettv|ce-html|"
    rb"vidaa|_tv_|\bstb\b|wv-atv|andr0id|tv-?box|mibox|(?:smart|android|tv) box|set-?top"
)
# Tablets by their makers' names for them, where they call themselves mobile. The last are Huawei's without a telephone.
_TABLET = regex(
    rb"\bipad|tablet|playbook|kindle|xoom|galaxy tab|\bsm-[txp][0-9]|\bgt-p[0-9]|/apad|(?:media|mate|note|think)pad|"
    rb"\b(?:mi|honor|redmi) pad|lenovo (?:yoga )?(?:tab|tb)|\btb-?[0-9x][0-9]*[a-z]?|\btab[ _-]?[a-z]?[0-9]|[ _-]tab\b|"
    rb"\bkf[a-z]{2,5}\b|nexus (?:7|9|10)\b|pixel c\b|\b[a-z]{3,4}[0-9]?-w[0-9]{2}(?:hn)?\b"
)
# The page within an app of a telephone says "wv", and "Mobile" where it says "Safari".
_MOBILE = regex(
    rb"mobile|mobi\b|iphone|ipod|windows phone|windows ce|blackberry|bb10|opera mini|symbian|series ?[46]0|midp|j2me|"
    rb"nokia|kaios|maemo|dalvik|phone;|smartphone|playstation vita|fban|nintendo 3ds|iph[0-9]|\bwv\).*chrome/[0-9.]+$"
)
_DESKTOP = frozenset(("Windows", "macOS", "Linux", "Chrome OS", "FreeBSD", "OpenBSD", "NetBSD", "Solaris"))
_LANGUAGE = re.compile(r"([a-z]{2,3})(?:-([a-z]{4}))?(?:-([a-z]{2}|[0-9]{3}))?(?![^-])", re.IGNORECASE)
_SCREENS = ((576, "XS"), (768, "S"), (992, "M"), (1440, "L"))


# The parser's own device patterns are the slowest and name models, which would single people out.
_WANTED = Domain.USER_AGENT | Domain.OS


@cache
def _parser() -> Parser:
    # Half a second, which most commands have no use for.
    return Parser(Resolver(load_builtins()))


def warm_up() -> None:
    """Read the lists of agents now, so that the first beacon need not wait for them."""
    device_of("a program nobody knows")


def device_of(agent: str) -> Device:
    """The device classes of an agent string."""
    return _device_of(agent[:MAX_AGENT])


@lru_cache(maxsize=AGENTS_CACHED)
def _device_of(agent: str) -> Device:
    app = app_of(agent)
    parsed = _parser()(agent, Domain.OS if app else _WANTED)
    system, os_version = _console_of(agent) or _system_of(agent, parsed.os)
    browser, version = app or _browser_of(agent, system, parsed.user_agent)
    return Device(
        browser=browser,
        browser_version=_major(version) if browser else "",
        os=system,
        os_version=_major(os_version) if system else "",
        device=_class_of(agent.lower().encode(), system),
        bot=kind_of(agent),
    )


def _browser_of(agent: str, system: str, parsed: UserAgent | None) -> tuple[str, str | None]:
    if parsed is not None:
        browser = _BROWSER_NAMES.get(parsed.family, parsed.family)
        if _BROWSERS.fullmatch(browser):
            return browser, parsed.major
    # An app, or a browser of some hundred people: what it is made of.
    engine = _ENGINE.search(agent)
    if engine:
        return engine[1], engine[2]
    return ("Safari", "") if system in ("iOS", "macOS") and "AppleWebKit/" in agent else ("", "")


def _system_of(agent: str, parsed: OS | None) -> tuple[str, str | None]:
    family, version = (parsed.family, parsed.major) if parsed else ("", "")
    system = "Linux" if _LINUX.fullmatch(family) else _OS_NAMES.get(family, family)
    # A tablet that asks for a computer's pages says "Macintosh", and what only a browser of iOS says.
    if system == "macOS" and _ASKS_FOR_A_COMPUTERS_PAGES.search(agent):
        return "iOS", ""
    if _SYSTEMS.fullmatch(system):
        return system, version
    made_of = _KERNEL.search(agent)
    return ("Android" if made_of[1] else "Linux", made_of[1] or "") if made_of else ("", "")


def _console_of(agent: str) -> tuple[str, str | None] | None:
    """A system that ua-parser does not know, or takes for another one."""
    # Almost no agent is of one, which RE2 finds out in a quarter of the time. Windows Phone says "Xbox" too.
    if _MAY_BE_OTHER.search(agent.encode("utf-8", "replace")) is None or "Windows Phone" in agent:
        return None
    found = _OTHER_SYSTEMS.search(agent)
    return (_OTHER_NAMES[found.lastgroup or ""], found[found.lastgroup or ""]) if found else None


def _major(version: str | None) -> str:
    return version if version and _VERSION.fullmatch(version) else ""


def _class_of(agent: bytes, system: str) -> str:
    # It says "Xbox" too.
    if b"windows phone" in agent:
        return "mobile"
    if _TV.search(agent):
        return "tv"
    if _TABLET.search(agent):
        return "tablet"
    if _MOBILE.search(agent):
        return "tablet" if b"macintosh" in agent else "mobile"
    if system == "iOS":
        return "tablet"
    # On Android a browser that does not call itself mobile runs on a tablet.
    if system in ("Android", "HarmonyOS"):
        return "tablet"
    return "desktop" if system in _DESKTOP else ""


def screen_class(width: int) -> str:
    """The class of a screen width in CSS pixels; "" where the width is missing or absurd."""
    if not 0 < width <= MAX_WIDTH:
        return ""
    for limit, name in _SCREENS:
        if width < limit:
            return name
    return "XL"


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
