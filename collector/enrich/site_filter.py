"""What a site lets in: the hosts of its pages, and what it leaves out by country, page and network.

In: a site's settings. Out: a `SiteFilter`, everything compiled once at start. Promises: patterns take linear time on
whatever is sent; pages of another site send nothing unless the settings name their host; a bare `SiteFilter()` lets
everything in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta, Struct, structs

from schema.site import pattern_regex

from ..privacy.address import Networks, network_of
from ..text.re2 import regex
from .page import BadUrl, host_of

_COUNTRY = re.compile(r"[A-Z]{2}")
# Only software on the visitor's own machine is there; no page of the web can say that it is.
_LOOPBACK = re.compile(r"(?:[a-z0-9.-]+\.)?localhost|127(?:\.[0-9]{1,3}){3}|::1")
# Longer than any host name can make it.
_MAX_ORIGIN = 300
_ORIGINS_CACHED = 256


class Exclusions(Struct, frozen=True, forbid_unknown_fields=True):
    """What is not counted on a site."""

    countries: Annotated[tuple[str, ...], Meta(description="Countries by their two letters, such as DE.")] = ()
    pages: Annotated[
        tuple[str, ...], Meta(description="Pages by pattern, as for goals: `*` within a folder, `**` across.")
    ] = ()
    networks: Annotated[
        tuple[str, ...], Meta(description="Networks in CIDR form, IPv4 and IPv6: your own office, a monitor.")
    ] = ()

    def __post_init__(self) -> None:
        for country in self.countries:
            if not _COUNTRY.fullmatch(country):
                raise ValueError(f"countries: {country!r} is not a country; write its two letters, such as 'DE'")
        for page in self.pages:
            if not page.startswith(("/", "*")):
                raise ValueError(f"pages: {page!r} is not a page pattern; begin with a slash, such as '/admin/**'")
        for network in self.networks:
            try:
                network_of(network)
            except ValueError:
                raise ValueError(
                    f"networks: {network!r} is not a network; write CIDR such as '203.0.113.0/24' or '2001:db8::/48'"
                ) from None


class SiteFilter(Struct, frozen=True):
    """hosts: whole names; domains: ends of names, from their dot on; neither: any host will do.
    origins: whether pages of an origin may send; None: those of any may."""

    hosts: frozenset[str] = frozenset()
    domains: tuple[str, ...] = ()
    origins: Callable[[str], bool] | None = None
    countries: frozenset[str] = frozenset()
    networks: Networks = Networks(())
    pages: Callable[[str], bool] | None = None

    @property
    def names(self) -> frozenset[str]:
        """Hosts and ends of hosts, as the referrer's own hosts are told."""
        return self.hosts.union(self.domains)

    @property
    def knows_hosts(self) -> bool:
        return bool(self.hosts or self.domains)

    def admits(self, host: str) -> bool:
        """Whether pages of that host (lower case, no port, no `www.`) are the site's."""
        return not self.knows_hosts or host in self.hosts or host.endswith(self.domains)

    def admits_origin(self, origin: str) -> bool:
        """Whether a page of that origin may send; not every sender names one."""
        return not origin or self.origins is None or self.knows_origin(origin)

    def knows_origin(self, origin: str) -> bool:
        """Whether that origin is the site's by its settings, not just because any will do."""
        return self.origins is not None and len(origin) <= _MAX_ORIGIN and self.origins(origin)

    def for_any_host(self) -> SiteFilter:
        """The same, but for the hosts."""
        return structs.replace(self, hosts=frozenset(), domains=(), origins=None)

    def excludes_page(self, path: str) -> bool:
        return self.pages is not None and self.pages(path)


OPEN = SiteFilter()


def site_filter_of(hosts: Sequence[str], exclude: Exclusions, own: Collection[str] = ()) -> SiteFilter:
    """The filter of a site's settings. own: its names, whose pages and those below may send where no hosts are set."""
    # What is below a domain includes its `www.`, which by now nobody can tell from the domain itself.
    whole = frozenset(host.removeprefix("*.").removeprefix("www.") for host in hosts)
    below = tuple(host[1:] for host in hosts if host.startswith("*."))
    if hosts:
        origins = _origins(whole, below, loopback=False)
    else:
        origins = _origins(frozenset(own), tuple(f".{name}" for name in own), loopback=True)
    return SiteFilter(
        whole,
        below,
        origins,
        frozenset(exclude.countries),
        Networks(exclude.networks),
        _matcher(exclude.pages) if exclude.pages else None,
    )


def _origins(hosts: frozenset[str], domains: tuple[str, ...], loopback: bool) -> Callable[[str], bool]:
    """Whether an origin is of one of these hosts. A site has a few that are asked for again and again."""

    @lru_cache(maxsize=_ORIGINS_CACHED)
    def among(origin: str) -> bool:
        host = host_of_origin(origin)
        return bool(host) and (
            host in hosts or host.endswith(domains) or (loopback and _LOOPBACK.fullmatch(host) is not None)
        )

    return among


def _matcher(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Whether a path is like one of the patterns. A site has some hundreds that are asked for again and again."""
    pattern = regex("|".join(map(pattern_regex, patterns)).encode())
    return lru_cache(maxsize=1024)(lambda path: pattern.match(path.encode("utf-8", "replace")) is not None)


def host_of_origin(origin: str) -> str:
    """The host of an origin of the web; "" for `null` and whatever else names none."""
    try:
        parts = urlsplit(origin)
        # No browser names a user; what does was not written by one.
        return host_of(parts) if parts.scheme in ("http", "https") and "@" not in parts.netloc else ""
    except (BadUrl, ValueError):
        return ""
