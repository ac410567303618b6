"""What the lab compares: presets, and sets of settings given as text.

In: what holds for the site, names of presets, texts such as `name: visitor_address=full, ipv4_bits=16`.
Out: `Candidate`s. Promises: a value is checked as it would be at start, and an error names it and what is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct, structs

from collector.anonymization import PRESETS, Anonymization, AnonymizationSettings, changed
from pipeline.settings import ReleaseSettings, RetentionSettings

from ..errors import SettingsError
from ..settings import Settings, SiteSettings
from ..settings.listing import OF_RELEASE
from ..settings.reading import value_of

# A comma inside [a, b] belongs to the value.
_BETWEEN = re.compile(r",(?![^\[]*\])")

# k is tried at several; of how long raw rows live there is only whether anything waits for its week.
_NOT_MEASURED = ("k", "raw_days")


class Candidate(Struct, frozen=True):
    """A set of anonymization settings. changes: what it says beyond what it starts from."""

    name: str
    anonymization: Anonymization
    changes: dict[str, Any]


def candidates(base: Anonymization, presets: Sequence[str], texts: Sequence[str]) -> list[Candidate]:
    """What to compare. base: what holds for the site, which texts start from. Nothing named: the three presets, and
    what holds for the site where it is none of them."""
    found = [Candidate(name, PRESETS[name], {"preset": name}) for name in presets]
    found += [_parsed(base, text) for text in texts]
    if not found:
        found = [Candidate(name, values, {"preset": name}) for name, values in PRESETS.items()]
        changes = _differences(base)
        if changes:
            found.append(Candidate("in force", base, {"preset": base.preset} | changes))
    names = [candidate.name for candidate in found]
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        raise SettingsError(f"candidate {doubled!r}: is named twice; give each a name of its own")
    return found


def _parsed(base: Anonymization, text: str) -> Candidate:
    name, colon, rest = (part.strip() for part in text.partition(":"))
    if not colon or not name or "=" in name:
        raise SettingsError(f'--candidate {text!r}: write "name: setting=value, …", as in "wide: ipv4_bits=16"')
    changes: dict[str, Any] = {}
    for part in _BETWEEN.split(rest):
        setting, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            raise SettingsError(f"--candidate {name!r}: {part.strip()!r} is not setting=value")
        changes[setting.removeprefix("anonymization.")] = value_of(value)
    try:
        of_release = _converted(ReleaseSettings, changes, OF_RELEASE)
        raw_days = _converted(RetentionSettings, changes, ("raw_days",))
        others = {setting: value for setting, value in changes.items() if setting not in of_release | raw_days}
        settings = msgspec.convert(others, AnonymizationSettings)
    except msgspec.ValidationError as problem:
        raise SettingsError(f"--candidate {name!r}: {problem}".replace(" - at `$.", " - at `")) from None
    return Candidate(name, structs.replace(changed(base, settings), **of_release, **raw_days), changes)


def _converted(part: type[Struct], changes: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Those of the changes that are settings of that part, checked as such."""
    mine = {name: value for name, value in changes.items() if name in names}
    msgspec.convert(mine, part)
    return mine


def _differences(settings: Anonymization) -> dict[str, Any]:
    """What departs from the preset, as it would hold with the same k."""
    alike = Settings(anonymization=AnonymizationSettings(preset=settings.preset), release=ReleaseSettings(settings.k))
    preset = structs.asdict(alike.anonymity_of(SiteSettings(settings.preset)))
    mine = {name: value for name, value in structs.asdict(settings).items() if value != preset[name]}
    return {name: value for name, value in mine.items() if name not in _NOT_MEASURED}
