"""Which requests are machines: by the words of the agent string, and by the headers of a page fetched ahead.

In: an agent string; the values of the purpose headers. Out: the kind of machine, "" for a person; yes or no.
Promises: linear time (RE2); an ordinary browser, app or phone is a person even where its name holds "bot" ("Cubot").
"""

from __future__ import annotations

import re
from functools import cache
from typing import Literal

from crawlerdetect.providers.crawlers import data as CRAWLERS  # noqa: N812 - the package's list is lower case

from ..text.re2 import NotRe2, Pattern, regex

Kind = Literal["", "bot", "headless", "library"]

# Longer than any browser's own string; what stands behind it decides nothing.
MAX_AGENT = 512

# Matched anywhere. Each says what it is in its own name, and no browser for people carries it.
_HEADLESS = (
    "headless|phantomjs|slimerjs|selenium|puppeteer|playwright|webdriver|cypress|electron-fetch|prerender|rendertron|"
    "lighthouse|pagespeed|gtmetrix|ptst|webpagetest|speedcurve|catchpoint|splash|zombie\\.js|jsdom|htmlunit|"
    "wkhtmlto(?:pdf|image)|casperjs|testcafe|nightmare|browsershot"
)
_BOT = (
    # crawlers
    "crawl|spider|slurp|scrap(?:er|y)|archiver|heritrix|nutch|facebookexternalhit|facebookcatalog|"
    "mediapartners|google-(?:read-aloud|inspection|safety|extended|structured)|apis-google|feedfetcher|bingpreview|"
    "bytespider|yandex(?:images|metrika|accessibility)|semrush|ahrefs|mj12|dataforseo|screaming frog|sitebulb|"
    # AI collectors and assistants that fetch on somebody's behalf
    "anthropic-ai|claude-(?:web|user|searchbot)|chatgpt-user|oai-search|perplexity-user|cohere-ai|diffbot|ai2bot|"
    "meta-external(?:agent|fetcher)|[a-z]-user/[0-9]|omgili|"
    # monitors
    "pingdom|uptime|nagios|check_http|statuscake|site24x7|datadog|newrelic|zabbix|monitis|better ?stack|monitoring|"
    "hetrixtools|freshping|blackbox|kube-probe|healthcheck|elb-healthchecker|googlehc|"
    # preview fetchers
    "embedly|iframely|skypeuripreview|slack-imgproxy|vkshare|w3c_|validator|bitlybot|"
    # feed readers
    "feedly|feedbin|feedburner|newsblur|inoreader|theoldreader|tiny tiny rss|freshrss|miniflux|netnewswire|rss-?parser|"
    # scanners
    "nmap|nikto|zgrab|masscan|sqlmap|nuclei|censys|shodan|wpscan|netcraft|qualys|expanse|"
    # "bot" as the end of a word, or before a version or address
    "bots?(?:[^a-z]|$)|robot|"
    # No browser for people tells where to read about it or whom to write to.
    "https?://|www\\.|[a-z0-9]@[a-z0-9-]+\\.[a-z]"
)
# Matched as whole products ("curl/8.5"), because people's browsers may hold the letters elsewhere.
_PRODUCTS = (
    "curl|wget|wget2|python|python-requests|python-urllib|python-httpx|aiohttp|httpx|go-http-client|java|okhttp|"
    "apache-httpclient|apache-httpasyncclient|libwww-perl|lwp-[a-z]+|perl|ruby|faraday|node|node-fetch|undici|axios|got|"
    "guzzlehttp|guzzle|php|php-curl-class|symfony|httpie|postmanruntime|insomnia|k6|jmeter|vegeta|wrk|hey|siege|ab|"
    "apachebench|reqwest|hyper|dart|restsharp|winhttp|jersey|http_request2|http-client|httpclient|typhoeus|colly|"
    "libcurl|lua-resty-http|deno|bun|tcpdf|wordpress|drupal|facebookplatform|whatsapp|snoopy|"
    "ghost|mastodon|pleroma|akkoma|misskey|lemmy|friendica|bluesky|cardyb|nextcloud|matrix|synapse"
)
# A note behind the browser's own, in which somebody else gives a name: "… Safari/537.36 (compatible; Fetcher/1.0)".
_NOTE = regex(rb"\).*\(compatible; |\(.*; compatible; ")
# What begins neither as every browser does nor names a system that people use ("MyShop/2.1 (iPhone; iOS 17)") is a
# program's own name.
_BROWSER_BEGINS = re.compile(r"mozilla/|opera/|dalvik/|ucweb/|mqqbrowser/|netscape|lynx|links |w3m/|elinks")
_SYSTEM = regex(
    b"iphone|ipad|ipod|ios|android|bb10|windows|macintosh|mac os|darwin|linux|cros|tizen|web0s|blackberry|nokia|"
    b"samsung|sonyericsson|lg[-/e]|mot-|midp|symbian|series[ 46]|kaios|palm|psp|playstation|nintendo|xbox|bada|brew|"
    b"x11|bsd|sunos|solaris|haiku|harmony|fuchsia|sailfish|hbbtv|smart-?tv|netcast|roku|wii|kindle|playbook|webos|"
    b"meego|maemo|mobile;|tablet;|phone;|os/2|beos|amiga|risc ?os|mac_powerpc|win9|win32|winnt|opera mini|adr |"
    b"\\(ps3\\)|up\\.browser|docomo|willcom|mobilephone|netfront|maui|obigo|teleca|polaris|\\(rex;|sagem|iph[0-9]"
)
# Names of phones, tablets, speakers and televisions, in which those letters say nothing.
_CUBOT = re.compile(r"cu ?bot|\b(?:m|power) bot\b|yandex(?:module|station)\w*|octopus-core|; spider [0-9]")
# Apps in which people read pages, where servers that fetch them have the same name. Their pages say on what they run.
_APP = re.compile(
    r"(?<= )(?:whatsapp|slack|mattermost|feedly|inoreader|newsblur|outlook-(?:ios|android)|bluesky|mastodon|"
    r"nextcloud-talk|netnewswire|skype)/[0-9][0-9.]*"
)
_PAGE_OF_AN_APP = regex(rb"^mozilla/5\.0 \(.*(?:; wv\)|applewebkit/.*(?:mobile/|mobile safari/|electron/))")
_LETTER = re.compile(r"[a-z]")
_AHEAD = ("prefetch", "prerender")


@cache
def _crawlers() -> tuple[Pattern, re.Pattern[str] | None]:
    """The package's list as one automaton; what RE2 does not know (a look ahead) is left to the slower module."""
    known, unknown = [], []
    for pattern in CRAWLERS:
        try:
            regex(pattern.encode())
        except NotRe2:
            unknown.append(pattern)
        else:
            known.append(pattern)
    other = re.compile("|".join(unknown), re.IGNORECASE) if unknown else None
    return regex(f"(?i)(?:{'|'.join(known)})".encode()), other


_HEADLESS_AGENT = regex(_HEADLESS.encode())
_LIBRARY_AGENT = regex(
    rf"(?:^|[^a-z0-9._-])(?:{_PRODUCTS})(?:/|$|-client)|^(?:java|ruby|perl|php|python|node|whatsapp|libwww)\b".encode()
)
_BOT_AGENT = regex(_BOT.encode())


def kind_of(agent: str) -> Kind:
    """What kind of machine an agent string is of. One without a letter is nobody's browser."""
    agent = _CUBOT.sub("", agent[:MAX_AGENT].lower())
    if _PAGE_OF_AN_APP.search(agent.encode()):
        agent = _APP.sub("", agent)
    raw = agent.encode()
    if _LETTER.search(agent) is None:
        return "bot"
    if _HEADLESS_AGENT.search(raw):
        return "headless"
    if _BOT_AGENT.search(raw):
        # "curl/8.5 (+https://…)" is still a library.
        return "library" if _LIBRARY_AGENT.match(raw) else "bot"
    if _LIBRARY_AGENT.search(raw):
        return "library"
    crawler, crawler_too = _crawlers()
    if crawler.search(raw) or (crawler_too is not None and crawler_too.search(agent)) or _NOTE.search(raw):
        return "bot"
    if _SYSTEM.search(raw):
        return ""
    # Browsers for people say on what they run: "Mozilla/5.0" alone, and "Mozilla/5.0 (compatible; X/1.0)", are none.
    return "bot" if agent.startswith("mozilla/") else "" if _BROWSER_BEGINS.match(agent) else "library"


def prefetch(purpose: str = "", sec_purpose: str = "", x_purpose: str = "", x_moz: str = "") -> bool:
    """Whether the browser fetched the page ahead, before anyone asked to see it."""
    said = f"{purpose} {sec_purpose} {x_purpose} {x_moz}".lower()
    return any(word in said for word in _AHEAD) or "preview" in x_purpose.lower()
