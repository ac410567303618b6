"""The collector's settings and the anonymization presets of docs/promises.md. Frozen; read once.

In: what the settings file says. Out: `Anonymization`, every value resolved.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, structs

UTM = ("utm_source", "utm_medium", "utm_campaign")
MORE_UTM = (*UTM, "utm_term", "utm_content", "ref")

Preset = Literal["strict", "balanced", "accurate"]
_Parameters = Annotated[tuple[str, ...], Meta(description="Query parameters kept; everything else is dropped.")]


class CollectorSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Where beacons come in."""

    host: Annotated[str, Meta(description="Address the collector listens on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port the collector listens on; 0 takes a free one.")] = 8000
    workers: Annotated[int, Meta(ge=1, le=64, description="Collector processes; each has its own spool.")] = 1
    public_url: Annotated[str, Meta(description="How pages reach the collector; empty: http://host:port.")] = ""
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(description="Networks (CIDR) of proxies whose X-Forwarded-For is believed. `*` is refused."),
    ] = ()
    place_database: Annotated[
        str, Meta(description="A MaxMind-format database (.mmdb) for countries; empty: the browser's time zone.")
    ] = ""


class KeySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the visitor keys live: in RAM, never on a disk."""

    directory: Annotated[
        str, Meta(description="A directory on tmpfs for the keys of the day; empty: one of our own in /dev/shm.")
    ] = ""
    keep_keys_on_disk_where_they_can_be_recovered: Annotated[
        bool, Meta(description="Accept a key directory on a disk. Yesterday's visitors may then be recomputed from it.")
    ] = False


class AnonymizationSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How much of a visit is kept. A preset, and single values that depart from it."""

    preset: Annotated[Preset, Meta(description="strict, balanced or accurate: the values of everything below.")] = (
        "balanced"
    )
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
    ipv4_bits: Annotated[int, Meta(ge=8, le=24, description="Bits of an IPv4 address that survive truncation.")] = 24
    ipv6_bits: Annotated[int, Meta(ge=16, le=48, description="Bits of an IPv6 address that survive truncation.")] = 48
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


class Anonymization(Struct, frozen=True):
    """The settings above with nothing left open, plus the preset's retention and fold threshold."""

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
    raw_days: int
    k: int
    ipv4_bits: int = 24
    ipv6_bits: int = 48


PRESETS: dict[str, Anonymization] = {
    "strict": Anonymization(
        *("strict", "truncated", "family", False, False, "country", False, "primary", UTM, "host", "minute", "drop"),
        raw_days=2,
        k=10,
    ),
    "balanced": Anonymization(
        *("balanced", "truncated", "whole", True, False, "region", False, "primary", MORE_UTM, "host", "second"),
        "count",
        raw_days=30,
        k=5,
    ),
    "accurate": Anonymization(
        *("accurate", "full", "whole", True, True, "city", True, "full", MORE_UTM, "path", "second", "count"),
        raw_days=90,
        k=2,
    ),
}


def resolve(settings: AnonymizationSettings) -> Anonymization:
    """The preset with the values that depart from it."""
    departures = {name: value for name, value in structs.asdict(settings).items() if value is not None}
    return structs.replace(PRESETS[settings.preset], **departures)
