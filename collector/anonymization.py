"""How much of a visit is kept: the anonymization presets of docs/promises.md, and what departs from them. Frozen.

In: what the settings file says. Out: `Anonymization`, every value resolved. Promises: what is not set is the preset's.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, structs

UTM = ("utm_source", "utm_medium", "utm_campaign")
MORE_UTM = (*UTM, "utm_term", "utm_content", "ref")

Preset = Literal["strict", "balanced", "accurate"]
DEFAULT_PRESET: Preset = "balanced"
_Parameters = Annotated[tuple[str, ...], Meta(description="Query parameters kept; everything else is dropped.")]


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
