"""Which requests are machines: by the words of the agent string, and by the headers of a page fetched ahead.

In: an agent string; the values of the purpose headers. Out: yes or no.
Promises: linear time; an ordinary browser, app or phone is a person even where its name holds "bot" ("Cubot").
"""

from __future__ import annotations

import re

# Longer than any browser's own string; what stands behind it decides nothing.
MAX_AGENT = 512

# Matched anywhere. Each says what it is in its own name, and no browser for people carries it.
_ANYWHERE = (
    # crawlers
    "crawl|spider|slurp|scrap(?:er|y)|archiver|ia_archiver|heritrix|nutch|facebookexternalhit|facebookcatalog|"
    "mediapartners|google-(?:read-aloud|inspection|safety|extended|structured)|apis-google|feedfetcher|bingpreview|"
    "bytespider|yandex(?:images|metrika|accessibility)|semrush|ahrefs|mj12|dataforseo|screaming frog|sitebulb|"
    # AI collectors and assistants that fetch on somebody's behalf
    "anthropic-ai|claude-(?:web|user|searchbot)|chatgpt-user|oai-search|perplexity-user|cohere-ai|diffbot|ai2bot|"
    "meta-external(?:agent|fetcher)|mistralai-user|omgili|"
    # driven browsers
    "headless|phantomjs|slimerjs|selenium|puppeteer|playwright|webdriver|cypress|electron-fetch|prerender|rendertron|"
    "lighthouse|pagespeed|gtmetrix|ptst|webpagetest|speedcurve|catchpoint|"
    # monitors
    "pingdom|uptime|nagios|check_http|statuscake|site24x7|datadog|newrelic|zabbix|monitis|better ?stack|monitoring|"
    "hetrixtools|freshping|blackbox|kube-probe|healthcheck|elb-healthchecker|googlehc|"
    # preview fetchers
    "embedly|iframely|skypeuripreview|slack-imgproxy|vkshare|w3c_|validator|bitlybot|"
    # feed readers
    "feedly|feedbin|feedburner|newsblur|inoreader|theoldreader|tiny tiny rss|freshrss|miniflux|netnewswire|rss-?parser|"
    # scanners
    "nmap|nikto|zgrab|masscan|sqlmap|nuclei|censys|shodan|wpscan|netcraft|qualys|expanse"
)
# Matched as whole products ("curl/8.5"), because people's browsers may hold the letters elsewhere.
_PRODUCTS = (
    "curl|wget|wget2|python|python-requests|python-urllib|python-httpx|aiohttp|httpx|go-http-client|java|okhttp|"
    "apache-httpclient|apache-httpasyncclient|libwww-perl|lwp-[a-z]+|perl|ruby|faraday|node|node-fetch|undici|axios|got|"
    "guzzlehttp|guzzle|php|php-curl-class|symfony|httpie|postmanruntime|insomnia|k6|jmeter|vegeta|wrk|hey|siege|ab|"
    "apachebench|reqwest|hyper|dart|restsharp|winhttp|jersey|http_request2|http-client|httpclient|typhoeus|colly|"
    "libcurl|lua-resty-http|deno|bun|tcpdf|wkhtmltopdf|wkhtmltoimage|wordpress|drupal|facebookplatform|whatsapp|snoopy|"
    "ghost|mastodon|pleroma|akkoma|misskey|lemmy|friendica|bluesky|cardyb|nextcloud|matrix|synapse"
)
_MACHINE = re.compile(
    rf"(?:{_ANYWHERE})"
    # "bot" as the end of a word, or before a version or address; the phones of the brand Cubot are let through.
    r"|(?<!cu)(?<!cu )bots?(?![a-z])|robot|\+https?://"
    rf"|(?<![a-z0-9._-])(?:{_PRODUCTS})(?:/|$|-client)"
    r"|^(?:java|ruby|perl|php|python|node|whatsapp|libwww)\b",
)
_LETTER = re.compile(r"[a-z]")
_AHEAD = ("prefetch", "prerender")


def is_bot(agent: str) -> bool:
    """Whether the agent string is a machine's own. One without a letter is nobody's browser."""
    agent = agent[:MAX_AGENT].lower()
    return _LETTER.search(agent) is None or _MACHINE.search(agent) is not None


def prefetch(purpose: str = "", sec_purpose: str = "", x_purpose: str = "", x_moz: str = "") -> bool:
    """Whether the browser fetched the page ahead, before anyone asked to see it."""
    said = f"{purpose} {sec_purpose} {x_purpose} {x_moz}".lower()
    return any(word in said for word in _AHEAD) or "preview" in x_purpose.lower()
