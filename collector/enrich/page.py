"""The page a beacon speaks of: its URL reduced to what the settings let through.

In: the URL as the tracker sent it and the set of parameters to keep. Out: a frozen `Page`.
Promises (rules U1, U2): a parameter that is not kept loses name and value, what is kept is scrubbed, and no error text
holds any of the URL.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

import msgspec

from schema.host import ascii_host

from ..privacy.scrub import MAX_TEXT, is_secret, scrub
from ..text.cut import cut
from ..text.percent import decoded

MAX_PATH = 500
MAX_VALUE = 200
# Advertising links carry some dozens, and the ones that are kept may be the last; reading more would only cost time.
MAX_PARAMETERS = 1000
# Stands for a page outside the web, such as an app's own "/screen".
NO_HOST = "(none)"

# Parameters that advertising networks add to a link; the first present one names the channel. Values are never kept.
CLICK_IDS = (
    "gclid", "gbraid", "wbraid", "gad_source", "dclid", "msclkid", "yclid", "twclid", "ttclid", "li_fat_id", "rdt_cid",
    "epik", "sccid", "qclid", "obclid", "cjevent", "irclickid", "awc", "fbclid", "igshid",
)  # fmt: skip
# Of these the browser keeps no address of a page: a frame without one is `about:srcdoc`.
_REFUSED_SCHEMES = frozenset(("about", "data", "javascript", "file", "blob", "vbscript", "view-source"))
_HOST = re.compile(r"[\w.\-:]{1,253}")
# What Java servers add to every address of whom they gave no cookie.
_SESSION = re.compile(r";jsessionid=[^/;]*", re.IGNORECASE)
_SLASHES = re.compile("//+")
# An at sign, as it is or encoded once or more.
_AT = re.compile("@|%(?:25)*40")
_CALLS = re.compile(r"\+[0-9]")
_LONGEST_PART = 3 * MAX_TEXT + 60
# A letter at the end of which not all escapes are there, or perhaps not.
_HALF_LETTER = re.compile(r"(?:%[c-fC-F][0-9a-fA-F](?:%[89abAB][0-9a-fA-F]){0,3})?(?:%[0-9a-fA-F]?)?\Z")
# What would end a parameter or begin another in the canonical form.
_QUOTED = str.maketrans({"%": "%25", "&": "%26", "#": "%23", "+": "%2B"})


class BadUrl(ValueError):
    """The URL cannot be a page. Says why, never what."""


class Page(msgspec.Struct, frozen=True):
    """hostname: as it was sent, to be compared with a site's own; what is stored of it is `scrub_host`'s.
    query: the kept parameters as a=b&c=d, sorted. ref: value of ref or source. click_id: a parameter's name."""

    hostname: str
    path: str
    query: str = ""
    utm_source: str = ""
    utm_medium: str = ""
    utm_campaign: str = ""
    utm_term: str = ""
    utm_content: str = ""
    ref: str = ""
    click_id: str = ""


# Pages whose URL passed unchanged, by it: a site has some hundreds that are asked for again and again. A URL that lost
# anything on its way is not kept. The second holds those of sites that strip the slash at the end.
PAGES_CACHED = 4096
_pages: tuple[dict[str, Page], dict[str, Page]] = ({}, {})


def parse_page(url: str, keep: frozenset[str], hash_mode: bool = False, strip_slash: bool = False) -> Page:
    """The page of a URL; `BadUrl` where there is none. strip_slash: "/a/" is the page "/a"."""
    pages = _pages[strip_slash]
    page = pages.get(url)
    if page is None:
        page = _parse_page(url, keep, hash_mode, strip_slash)
        plain = url.removesuffix("/") if strip_slash and page.path != "/" else url
        # Of a fragment the beacon says whether it is a part of the page, so others may not get what was made of it.
        if "#" not in url and plain in (
            f"https://{page.hostname}{page.path}",
            f"https://www.{page.hostname}{page.path}",
        ):  # no parameters, no fragment: the settings have no say
            if len(pages) >= PAGES_CACHED:
                pages.clear()
            pages[url] = page
    return page


def passed_unchanged(url: str, strip_slash: bool = False) -> bool:
    """Whether a page of that URL was found lately from which nothing was taken, so that the settings have no say."""
    return url in _pages[strip_slash]


def _parse_page(url: str, keep: frozenset[str], hash_mode: bool, strip_slash: bool) -> Page:
    parts = split_url(url)
    path = _path_of(parts.path, strip_slash)
    query = parts.query
    if hash_mode and parts.fragment:
        route, _, inner_query = parts.fragment.partition("?")
        # "#access_token=…" is what a login page left behind, not a route.
        if "=" not in route:
            route = _SLASHES.sub("/", part_of(route))
            path += "#" + (route.rstrip("/") if strip_slash else route)
        query = f"{query}&{inner_query}"
    kept, names = _parameters(query, keep) if query else ({}, frozenset[str]())
    return Page(
        hostname=host_of(parts) or NO_HOST,
        path=path[:MAX_PATH],
        query="&".join(f"{name}={value.translate(_QUOTED)}" for name, value in sorted(kept.items())),
        utm_source=kept.get("utm_source", ""),
        utm_medium=kept.get("utm_medium", ""),
        utm_campaign=kept.get("utm_campaign", ""),
        utm_term=kept.get("utm_term", ""),
        utm_content=kept.get("utm_content", ""),
        ref=kept.get("ref", "") or kept.get("source", ""),
        click_id=next((name for name in CLICK_IDS if name in names), ""),
    )


def _path_of(path: str, strip_slash: bool) -> str:
    """A path as it is stored: readable, scrubbed, and never with two slashes in a row."""
    path = path if path.startswith("/") else f"/{path}"
    if ";" in path:
        path = _SESSION.sub("", path)
    # A slash may be encoded, and stand beside another.
    path = _SLASHES.sub("/", part_of(_SLASHES.sub("/", path))) or "/"
    return (path.rstrip("/") or "/") if strip_slash else path


def part_of(text: str) -> str:
    """A part of a URL, decoded once and scrubbed; of one that is longer than the scrubber reads, its first words."""
    # An escape is three characters for a byte, a letter four bytes at most: enough is left to be cut at a word's end.
    if len(text) > _LONGEST_PART:
        text = _HALF_LETTER.sub("", text[:_LONGEST_PART])
    return scrub(cut(decoded(text), MAX_TEXT)).strip()


def split_url(url: str) -> SplitResult:
    """The parts of a URL that may be a page or a referrer; `BadUrl` for every other."""
    url = url.strip()
    if not url:
        raise BadUrl("url is empty")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise BadUrl("url cannot be parsed") from None
    if parts.scheme in _REFUSED_SCHEMES:
        raise BadUrl(f"url has the scheme {parts.scheme}:, which is no page")
    # "https:/user@host" and "https:\\user@host" have no host for us, yet browsers find one.
    if "@" in parts.netloc or (parts.scheme in ("http", "https") and not parts.netloc and "@" in parts.path):
        raise BadUrl("url holds a user name")
    return parts


def host_of(parts: SplitResult) -> str:
    """The host as browsers send it, without port, trailing dot and `www.`; "" if there is none."""
    try:
        host = parts.hostname or ""
        host = (host if host.isascii() else ascii_host(host)).removesuffix(".").removeprefix("www.")
    except ValueError:
        raise BadUrl("url cannot be parsed") from None
    if host and not _HOST.fullmatch(host):
        raise BadUrl("url has a host that cannot exist")
    return host


def _with_blanks(value: str) -> str:
    """A plus is a blank, but in "anna+news@example.com" it belongs to the address, before "49+30+1" to the number."""
    if "+" not in value or _AT.search(value):
        return value
    return value[0] + value[1:].replace("+", " ") if _CALLS.match(value) else value.replace("+", " ")


def _parameters(query: str, keep: frozenset[str]) -> tuple[dict[str, str], frozenset[str]]:
    """The kept parameters, scrubbed, and the lower-case names of all that have a value."""
    kept: dict[str, str] = {}
    names = set()
    for pair in query.split("&", MAX_PARAMETERS)[:MAX_PARAMETERS]:
        name, _, value = pair.partition("=")
        if not value:
            continue
        lower = name.lower()
        names.add(lower)
        # "source" is an older name of "ref" and kept with it.
        known = (
            name
            if name in keep
            else lower
            if lower in keep
            else "source"
            if lower == "source" and "ref" in keep
            else ""
        )
        if known and known not in kept and not is_secret(known):
            scrubbed = part_of(_with_blanks(value))[:MAX_VALUE]
            if scrubbed:
                kept[known] = scrubbed
    return kept, frozenset(names)
