"""The collector's settings and the anonymization presets of docs/promises.md. Frozen; read once.

In: what the settings file says. Out: `Anonymization`, every value resolved.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, structs

from schema.host import host_name, listening_host, site_name, web_address
from schema.site import each_of, turned

from .privacy.address import DEFAULT_HEADER, Proxies

UTM = ("utm_source", "utm_medium", "utm_campaign")
MORE_UTM = (*UTM, "utm_term", "utm_content", "ref")

Preset = Literal["strict", "balanced", "accurate"]
DEFAULT_PRESET: Preset = "balanced"
# Under French and similar law audience measurement may be exempt from consent; where it is not, a site says `required`.
Consent = Literal["exempt", "required"]
_Parameters = Annotated[tuple[str, ...], Meta(description="Query parameters kept; everything else is dropped.")]


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
            "a Unix socket. `*` is refused."
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


class AnonymizationSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How much of a visit is kept. A preset, and single values that depart from it."""

    preset: (
        Annotated[Preset, Meta(description="strict, balanced or accurate: the values of everything below.")] | None
    ) = None
    visitor_address: (
        Annotated[
            Literal["truncated", "full"],
            Meta(description="Address given to the visitor hash; `full` is hashed in memory only."),
        ]
        | None
    ) = None
    visitor_agent: (
        Annotated[
            Literal["family", "whole"],
            Meta(description="Agent given to the visitor hash: family, major version and system, or the whole string."),
        ]
        | None
    ) = None
    visitor_language: (
        Annotated[bool, Meta(description="The primary language is given to the visitor hash, too.")] | None
    ) = None
    visitor_screen: Annotated[bool, Meta(description="The screen class is given to the visitor hash, too.")] | None = (
        None
    )
    ipv4_bits: (
        Annotated[int, Meta(ge=8, le=24, description="Bits of an IPv4 address that survive truncation.")] | None
    ) = None
    ipv6_bits: (
        Annotated[int, Meta(ge=16, le=48, description="Bits of an IPv6 address that survive truncation.")] | None
    ) = None
    place: (
        Annotated[
            Literal["none", "country", "region", "city"],
            Meta(description="How precisely a visit is placed, from the truncated address or the time zone."),
        ]
        | None
    ) = None
    store_network: (
        Annotated[bool, Meta(description="Store the truncated network with the raw row, for abuse work.")] | None
    ) = None
    language: Annotated[Literal["primary", "full"], Meta(description="Language stored: `de`, or `de-AT`.")] | None = (
        None
    )
    query_parameters: _Parameters | None = None
    referrer: Annotated[Literal["host", "path"], Meta(description="How much of the referrer is kept.")] | None = None
    timestamps: Annotated[Literal["minute", "second"], Meta(description="Precision of stored times.")] | None = None
    gpc: (
        Annotated[
            Literal["drop", "count"],
            Meta(description="Global Privacy Control: drop the beacon, or add one to a bare total of the day."),
        ]
        | None
    ) = None
    vitals_elements: (
        Annotated[
            bool,
            Meta(
                description="Keep which element was responsible for a web vital: tags, ids and classes of up to three "
                "levels, without what looks like data."
            ),
        ]
        | None
    ) = None


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


class Anonymization(Struct, frozen=True):
    """The settings above with nothing left open, plus the preset's retention and what is small enough to hide."""

    preset: Preset
    visitor_address: str
    visitor_agent: str
    visitor_language: bool
    visitor_screen: bool
    place: str
    store_network: bool
    language: str
    query_parameters: tuple[str, ...]
    referrer: str
    timestamps: str
    gpc: str
    vitals_elements: bool
    raw_days: int
    k: int
    networks: int
    k_late: int
    late_others: int
    ipv4_bits: int = 24
    ipv6_bits: int = 48

    def networks_at(self, k: int) -> int:
        """Of how many networks the visitors of a cell are at least where another k holds: of as many, unless the preset
        says otherwise (rule N4)."""
        return min(k, k if self.networks == self.k else self.networks)


PRESETS: dict[str, Anonymization] = {
    "strict": Anonymization(
        *("strict", "truncated", "family", False, False, "country", False, "primary", UTM, "host", "minute", "drop"),
        vitals_elements=False,
        raw_days=2,
        k=10,
        networks=10,
        k_late=0,
        late_others=0,
    ),
    "balanced": Anonymization(
        *("balanced", "truncated", "whole", True, False, "region", False, "primary", MORE_UTM, "host", "second"),
        "count",
        vitals_elements=True,
        raw_days=30,
        k=5,
        networks=5,
        k_late=10,
        late_others=3,
    ),
    "accurate": Anonymization(
        *("accurate", "full", "whole", True, True, "city", True, "full", MORE_UTM, "path", "second", "count"),
        vitals_elements=True,
        raw_days=90,
        k=2,
        networks=1,
        k_late=5,
        late_others=0,
    ),
}


def resolve(settings: AnonymizationSettings, site: AnonymizationSettings | None = None) -> Anonymization:
    """The preset with the values that depart from it, those of a site last.

    A site that names a preset of its own starts from that preset alone: what other sites' preset was loosened or
    tightened by says nothing about this one."""
    general = {} if site and site.preset else departures(settings)
    preset = (site.preset if site else None) or settings.preset or DEFAULT_PRESET
    return structs.replace(PRESETS[preset], **general | (departures(site) if site else {}))


def departures(settings: AnonymizationSettings) -> dict[str, Any]:
    """The single values that are set."""
    return {name: value for name, value in structs.asdict(settings).items() if value is not None and name != "preset"}


def changed(base: Anonymization, candidate: AnonymizationSettings) -> Anonymization:
    """What would hold instead of `base`: the lab and shadow mode try it."""
    start = PRESETS[candidate.preset] if candidate.preset else base
    return structs.replace(start, **departures(candidate))
