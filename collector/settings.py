"""The collector's settings: where beacons come in, where keys live, what is tried in shadow mode. Frozen; read once.

In: what the settings file says. Out: structs. Promises: what cannot hold is refused, with what can.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from msgspec import Meta, Struct, structs

from schema.host import host_name, listening_host, site_name, web_address
from schema.site import each_of, turned

from .anonymization import AnonymizationSettings, departures
from .privacy.address import DEFAULT_HEADER, Proxies

# Under French and similar law audience measurement may be exempt from consent; where it is not, a site says `required`.
Consent = Literal["exempt", "required"]


class CollectorSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Where beacons come in."""

    host: Annotated[str, Meta(description="Address the collector listens on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port the collector listens on; 0 takes a free one.")] = 8000
    workers: Annotated[int, Meta(ge=1, le=64, description="Collector processes; each has its own spool.")] = 1
    public_url: Annotated[
        str, Meta(description="How pages reach the collector, with a path if it has one; empty: http://host:port.")
    ] = ""
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(
            description="Networks (CIDR) of proxies whose `address_header` is believed; `unix`: whoever comes by "
            "a Unix socket. `*` is refused, and a network wider than /8 (IPv6: /16)."
        ),
    ] = ()
    address_header: Annotated[
        str,
        Meta(
            description="The header in which those proxies pass on the visitor's address: X-Forwarded-For, Forwarded, "
            "X-Real-IP, CF-Connecting-IP …",
        ),
    ] = DEFAULT_HEADER
    place_database: Annotated[
        str, Meta(description="A MaxMind-format database (.mmdb) for countries; empty: the browser's time zone.")
    ] = ""
    asn_database: Annotated[
        str,
        Meta(description="A MaxMind-format database (.mmdb) of AS numbers; drops hosting companies. Empty: nobody."),
    ] = ""
    referrer_spam: Annotated[
        tuple[str, ...], Meta(description="More hosts whose referrals are forged, beside the built-in list.")
    ] = ()
    rate_limit: Annotated[
        int,
        Meta(
            ge=0,
            le=10**9,
            description="Events a minute that one network (truncated) may send to one site; above it 429; "
            "0: any number.",
        ),
    ] = 3000
    new_visitors_limit: Annotated[
        int,
        Meta(
            ge=0,
            le=10**9,
            description="Visitors not seen before on that day that one network (truncated) may bring to one site in a "
            "minute; those above it are dropped. 0, or with rate_limit = 0: any number.",
        ),
    ] = 100
    objections_limit: Annotated[
        int,
        Meta(
            ge=0,
            le=10**9,
            description="Objections and withdrawals a minute that one network (truncated) may send to one site; above "
            "it 429. 0: any number.",
        ),
    ] = 20

    def __post_init__(self) -> None:
        structs.force_setattr(self, "host", turned("host", self.host, listening_host))
        if not re.fullmatch(r"[A-Za-z0-9-]{1,100}", self.address_header):
            raise ValueError("is no name of a header; write one such as 'X-Forwarded-For' - at `$.address_header`")
        structs.force_setattr(self, "public_url", turned("public_url", self.public_url, web_address))
        try:
            self.proxies()
        except ValueError as problem:
            raise ValueError(f"{problem} - at `$.trusted_proxies`") from None
        # A host's subdomains count anyway, and `www.` counts for nothing.
        spam = each_of("referrer_spam", self.referrer_spam, lambda host: site_name(host_name(host.removeprefix("*."))))
        structs.force_setattr(self, "referrer_spam", spam)

    def proxies(self) -> Proxies:
        """Who may speak for a visitor, and how."""
        return Proxies(self.trusted_proxies, self.address_header)


class KeySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the visitor keys live: in RAM, never on a disk."""

    directory: Annotated[
        str, Meta(description="A directory on tmpfs for the keys of the day; empty: one of our own in /dev/shm.")
    ] = ""
    keep_keys_on_disk_where_they_can_be_recovered: Annotated[
        bool, Meta(description="Accept a key directory on a disk. Yesterday's visitors may then be recomputed from it.")
    ] = False
    serve: Annotated[
        str,
        Meta(
            description="HOST:PORT on which the day's keys are handed to enrolled collectors; empty: they are not.",
        ),
    ] = ""
    from_url: Annotated[
        str,
        Meta(
            description="The collector that hands this one its keys, https://host:port; empty: it makes its own.",
        ),
    ] = ""
    fingerprint: Annotated[str, Meta(description="SHA-256 of that collector's certificate.")] = ""
    token: Annotated[str, Meta(description="What this collector shows there; `footfall keys enrol` prints it.")] = ""

    def __post_init__(self) -> None:
        port = re.fullmatch(r".+:([0-9]{1,5})", self.serve)
        if self.serve and not (port and int(port[1]) <= 65_535):
            raise ValueError("is no HOST:PORT, with a port up to 65535; write such as '0.0.0.0:8443' - at `$.serve`")
        structs.force_setattr(self, "from_url", turned("from_url", self.from_url, _holder))

    def __repr__(self) -> str:
        return "KeySettings(…)"


def _holder(text: str) -> str:
    url = web_address(text).rstrip("/")
    if url and (not url.startswith("https://") or url.count("/") > 2):
        raise ValueError("keys are fetched by HTTPS from a host without a path; write such as 'https://host:8443'")
    return url


# What has a part in the visitor's number; shadow mode measures nothing else.
_OF_THE_VISITOR = {
    *("preset", "visitor_address", "visitor_agent", "visitor_language", "visitor_screen"),
    *("ipv4_bits", "ipv6_bits"),
}


class ShadowSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Settings tried on live traffic, beside those in force."""

    candidates: Annotated[
        dict[str, AnonymizationSettings],
        Meta(
            description="Sets of [anonymization] values by name, tried in memory beside those in force; after a site's "
            "midnight `footfall lab --shadow` shows how much each would have miscounted. Empty: off."
        ),
    ] = {}

    def __post_init__(self) -> None:
        for name, candidate in self.candidates.items():
            if not re.fullmatch(r"[\w. -]{1,60}", name):
                raise ValueError(f"candidate {name!r}: a name has up to 60 letters, digits, blanks, '.', '_' and '-'")
            other = sorted(departures(candidate).keys() - _OF_THE_VISITOR)
            if other:
                raise ValueError(
                    f"candidate {name!r}: {', '.join(other)} has no part in the visitor's number; of what is stored, "
                    "`footfall lab` measures what it costs"
                )
