"""What differs between the settings in force and those that are to be: for each site, by name.

In: what holds for a site before and after. Out: `Change`s. Promises: whether a rule becomes stricter is said where one
of both is; a question that is defined otherwise is another question.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct, structs

from collector.anonymization import Anonymization
from pipeline.settings import SiteRules
from schema.site import Site

from ..settings import Settings

NEW, CHANGED, GONE = "new", "changed", "gone"
GOAL, FUNNEL, SECTION, PROPERTY = "goal", "funnel", "section", "property"
PAIR, SEGMENT, JOURNEYS = "pair", "segment", "journeys"
RELEASE, ANONYMIZATION, SITE = "release", "anonymization", "site"

_INFINITE = float("inf")
# Of each rule of release how strict a value is: more is stricter. k_late 0: nothing is shown later; bound 0: none.
_RELEASE: dict[str, Callable[[Any], float]] = {
    "preset": ("accurate", "balanced", "strict").index,
    "k": float,
    "networks": float,
    "k_late": lambda value: value or _INFINITE,
    "late_others": float,
    "bound": lambda value: -(value or _INFINITE),
    "retention_days": lambda value: -value,
}
_ANONYMIZATION: dict[str, Callable[[Any], float]] = {
    "visitor_address": ("full", "truncated").index,
    "visitor_agent": ("whole", "family").index,
    "visitor_language": lambda value: -value,
    "visitor_screen": lambda value: -value,
    "ipv4_bits": lambda value: -value,
    "ipv6_bits": lambda value: -value,
    "place": ("city", "region", "country", "none").index,
    "store_network": lambda value: -value,
    "language": ("full", "primary").index,
    "query_parameters": lambda value: -len(value),
    "referrer": ("path", "host").index,
    "timestamps": ("second", "minute").index,
    "gpc": ("count", "drop").index,
    "vitals_elements": lambda value: -value,
}


class Held(Struct, frozen=True):
    """What holds for a site. anonymization: None where only the rules of release are known, as of a Footfall that does
    not run."""

    site: Site
    rules: SiteRules
    anonymization: Anonymization | None = None


class Change(Struct, frozen=True):
    """what: one of the words above. kind: new, changed or gone. before, after: as the settings say it. effect:
    `stricter`, `looser` or ""."""

    what: str
    name: str
    kind: str
    before: str = ""
    after: str = ""
    effect: str = ""


def held_by(settings: Settings) -> dict[str, Held]:
    """What holds for each site, by its key."""
    return {site.key: Held(site, settings.rules_of(site), settings.anonymity_of(site)) for site in settings.all_sites}


def changes_of(before: Held | None, after: Held | None) -> list[Change]:
    """What is different. None: there is no such site."""
    if before is None or after is None:
        there = before or after
        return [Change(SITE, there.site.key, GONE if after is None else NEW)] if there else []
    then, now = before.site, after.site
    found = _named(GOAL, then.goal_definitions, now.goal_definitions)
    found += _named(FUNNEL, then.funnel_definitions, now.funnel_definitions)
    found += _named(SECTION, _sections(then), _sections(now))
    found += _named(PROPERTY, dict.fromkeys(then.properties, ""), dict.fromkeys(now.properties, ""))
    found += _named(PAIR, *(dict.fromkeys((pair.name for pair in site.crossed), "") for site in (then, now)))
    found += _named(SEGMENT, then.segment_definitions, now.segment_definitions)
    # All of a site or none, so they have no name.
    found += _named(JOURNEYS, *({"": ""} if site.journeys else {} for site in (then, now)))
    if then.timezone != now.timezone:
        found.append(Change(SITE, "timezone", CHANGED, then.timezone, now.timezone))
    found += _ruled(RELEASE, _RELEASE, _rules(before.rules), _rules(after.rules))
    if before.anonymization and after.anonymization:
        mine = structs.asdict(before.anonymization), structs.asdict(after.anonymization)
        found += _ruled(ANONYMIZATION, _ANONYMIZATION, *mine)
    return found


def _rules(rules: SiteRules) -> dict[str, Any]:
    return structs.asdict(rules) | {"networks": rules.least_networks}


def _sections(site: Site) -> dict[str, str]:
    """By name of each section its pattern, and those before it that take some of its pages."""
    found = {}
    for name, definition in site.section_definitions.items():
        pattern, *before = json.loads(definition)
        found[name] = f"{pattern} less {', '.join(before)}" if before else pattern
    return found


def _named(what: str, before: Mapping[str, str], after: Mapping[str, str]) -> list[Change]:
    found = []
    for name in dict.fromkeys([*before, *after]):
        then, now = before.get(name), after.get(name)
        if then != now:
            kind = NEW if then is None else GONE if now is None else CHANGED
            found.append(Change(what, name, kind, then or "", now or ""))
    return found


def _ruled(
    what: str, strictness: Mapping[str, Callable[[Any], float]], before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[Change]:
    found = []
    for name, strict in strictness.items():
        then, now = before[name], after[name]
        if then != now:
            by = strict(now) - strict(then)
            effect = "stricter" if by > 0 else "looser" if by < 0 else ""
            found.append(Change(what, name, CHANGED, _text(then), _text(now), effect))
    return found


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value).lower()
