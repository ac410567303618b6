"""The names by which people know where visits come from.

In: a host, with the path beneath it; or the name that a link gives its source. Out: a `Source`, and whether the name is
one of advertising. Promises: a host that the tables do not know is its own name; nothing of a path passes.

`sources.tsv` is our own table, `sources_matomo.tsv` one of others (lists.py); of the same host ours is believed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from importlib import resources
from typing import NamedTuple

# Hosts that a server sees in a day; a miss costs some microseconds.
HOSTS_CACHED = 4096
_LONGEST_NAME = 200
# A host has at most 127 labels; of those that people visit, five.
_MAX_LABELS = 8


class Source(NamedTuple):
    """name: what people call it. category: search, social, video, shopping, mail, ai, chat, ads or ""."""

    name: str
    category: str


NO_SOURCE = Source("", "")

# "google.*" in the tables stands for google.de, google.co.uk, google.com.br and google.cat, not for google.example.org.
_COUNTRY_SUFFIX = re.compile(r"(?:[a-z]{2,3}|info|(?:com?|or|ne|net|org)\.[a-z]{2})")
# A host whose first label is one of these is somebody's own web mail (which has no other name than the host), server of
# Mastodon or search engine.
_FIRST_LABELS = {
    **dict.fromkeys(
        ("mail", "webmail", "email", "owa", "roundcube", "zimbra", "horde", "rainloop", "sogo"), Source("", "mail")
    ),
    **dict.fromkeys(("mastodon", "mstdn"), Source("Mastodon", "social")),
    **dict.fromkeys(("searx", "searxng"), Source("SearXNG", "search")),
}
# "facebook-ads", "google_cpc", "paid.instagram": what stands beside the name of a network.
_AD_WORDS = (
    "ad ads adwords adword advert adverts advertising cpc cpm cpv ppc sem sea paid sponsored promoted pmax retargeting "
    "remarketing paidsocial paidsearch"
)
_OTHER_WORDS = (
    "organic social search shopping display video stories story reels shorts feed newsfeed page pages post posts group "
    "groups bio profile link dm app mobile ios android web desktop campaign campaigns network m"
)
_ADVERTISING = frozenset(_AD_WORDS.split())
_BESIDE = _ADVERTISING.union(_OTHER_WORDS.split())
_BETWEEN = re.compile(r"[-_ .:/|+]+")
# Some give the whole address of where the link stands.
_ADDRESS = re.compile(r"https?://([a-z0-9.-]{1,253})(?::[0-9]{1,5})?(?:[/?#].*)?")
_GLUED = re.compile(r"([a-z0-9]{1,40}?)(?:ads?|adwords)")


@lru_cache(maxsize=HOSTS_CACHED)
def source_of(host: str) -> Source:
    """The source a host belongs to; the host itself where the tables do not know it."""
    for key, whole in _keys(host):
        known = _OURS.get(key) or _BELOW.get(key) or (_WHOLE.get(key) if whole else None)
        if known:
            return known
    label, _, rest = host.partition(".")
    if "." in rest and label in _FIRST_LABELS:
        known = _FIRST_LABELS[label]
        return known if known.name else Source(host, known.category)
    return Source(host, "")


def source_at(host: str, path: str) -> Source:
    """The same, where a path may tell more: one service of several."""
    if len(path) > 1:
        for key, _ in _keys(host):
            for beginning, source in _PATHS.get(key, ()):
                if path == beginning or path.startswith((f"{beginning}/", f"{beginning}?")):
                    return source
    return source_of(host)


@lru_cache(maxsize=HOSTS_CACHED)
def named_source(name: str) -> tuple[Source, bool]:
    """The source a link names itself (an alias, a host, or a name of the campaign's own), and whether it says that it
    is advertising."""
    lower = name.lower()
    address = _ADDRESS.fullmatch(lower)
    if address:
        name = lower = address[1].removeprefix("www.")
    words = [word for word in _BETWEEN.split(lower) if word]
    for alias in (lower, "-".join(words)):
        if alias in _ALIASES:
            return _ALIASES[alias], alias in _AD_ALIASES
    if "." in lower and words and words[-1] not in _ADVERTISING:
        host = lower.removeprefix("www.")[:_LONGEST_NAME]
        known = source_of(host)
        if known != Source(host, ""):
            return (known if known.name != host else Source(name, known.category)), False
    glued = _GLUED.fullmatch(lower)
    if glued and glued[1] in _ALIASES:
        return _ALIASES[glued[1]], True
    networks = [word for word in words if word not in _BESIDE]
    if len(words) > 1 and "-".join(networks) in _ALIASES:
        return _ALIASES["-".join(networks)], not _ADVERTISING.isdisjoint(words)
    return Source(name, ""), len(words) > 1 and words[-1] in ("ad", "ads")


def _keys(host: str) -> Iterator[tuple[str, bool]]:
    """What a host may be called in the tables, the longest first, and whether that is the whole of it."""
    every = host.split(".")
    labels = every[-_MAX_LABELS:]
    countries = [end for end in (1, 2) if _COUNTRY_SUFFIX.fullmatch(".".join(labels[-end:]))]
    for start in range(len(labels) - 1):
        yield ".".join(labels[start:]), start == 0 and labels == every
        for end in countries:
            if start < len(labels) - end:
                yield ".".join((*labels[start:-end], "*")), start == 0 and labels == every


def _rows(name: str) -> Iterator[tuple[str, Source]]:
    for line in (resources.files("collector.enrich") / "data" / name).read_text("utf-8").splitlines():
        if not line.startswith("#"):
            key, source, category = line.split("\t")
            yield key, Source(source, category)


def _read_tables() -> None:
    for key, source in _rows("sources.tsv"):
        _put(_OURS if "." in key else _ALIASES, key, source)
    for key, source in _rows("sources_matomo.tsv"):
        if key.startswith("*."):
            _put(_BELOW, key.removeprefix("*."), source)
        else:
            _put(_WHOLE, key, source)


def _put(table: dict[str, Source], key: str, source: Source) -> None:
    host, slash, path = key.partition("/")
    if slash:
        _PATHS.setdefault(host, []).append((f"/{path}", source))
    else:
        table[key] = source


# Ours: a host and all below it; names of campaigns. Others': all below, the host alone, a host's path.
_OURS: dict[str, Source] = {}
_ALIASES: dict[str, Source] = {}
_BELOW: dict[str, Source] = {}
_WHOLE: dict[str, Source] = {}
_PATHS: dict[str, list[tuple[str, Source]]] = {}
# What nobody calls a network but who pays it.
_AD_ALIASES = frozenset(
    (
        *("adwords", "googleads", "gads", "gdn", "google display network", "dv360", "msads", "microsoftads"),
        *("applesearchads", "apple-search-ads", "asa", "yandex-direct", "amazon-ads"),
    )
)
_read_tables()
