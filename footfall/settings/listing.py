"""Every setting listed, for `footfall settings`: its value, where it comes from, what it means.

In: settings. Out: rows of text. Promises: neither a secret nor a password is in them.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import structs

from collector.anonymization import PRESETS, AnonymizationSettings
from pipeline.settings import ReleaseSettings

from .fields import SECRET, annotations_of, fields, metas_of, without_password, without_paths
from .in_force import without_edits
from .model import Settings
from .site_settings import SiteSettings

# Of [release] what a preset has, too, beside k.
OF_RELEASE = ("networks", "k_late", "late_others")
_OF_PRESETS = ("release.k", *(f"release.{name}" for name in OF_RELEASE), "retention.raw_days")


def needs_restart(running: Settings, wanted: Settings) -> list[str]:
    """The names of the settings that differ and are read only at a start: all but those of the sites."""
    values = {name: value for name, value, _ in fields(running, "")}
    return [name for name, value, _ in fields(wanted, "") if name != "sites" and values.get(name) != value]


def describe(settings: Settings) -> list[dict[str, str]]:
    """Every setting: name, value, where it comes from, what it means, and the preset it departs from. What editors
    declare is none of them."""
    settings = without_edits(settings)
    preset = settings.anonymity_of(SiteSettings("any"))
    rows = []
    for name, value, kind in fields(settings, ""):
        meaning = next((part.description for part in metas_of(kind) if part.description), "")
        origin, departs = settings.origins.get(name, "default"), ""
        if name == "anonymization.preset":
            value = preset.preset
        elif name in _OF_PRESETS or name.startswith("anonymization."):
            key = name.rpartition(".")[2]
            mine = getattr(PRESETS[preset.preset], key)
            if value is None:
                value = getattr(preset, key)
                origin = f"preset {preset.preset}" if key not in OF_RELEASE or value == mine else "release.k"
            elif value != mine:
                departs = preset.preset
        rows.append(_row(name, value, origin, departs, meaning))
    return [*rows, *(row for site in settings.sites for row in _departures(settings, site))]


def _departures(settings: Settings, site: SiteSettings) -> list[dict[str, str]]:
    """The values in which a site differs from the sites that set nothing."""
    instance = settings.anonymity_of(SiteSettings(site.key))
    mine = settings.anonymity_of(site)
    own = site.anonymization or AnonymizationSettings()
    given = {"k": site.release_k, "networks": site.release_networks, "raw_days": site.retention_days}
    kinds = (ReleaseSettings, AnonymizationSettings, SiteSettings)
    annotations = {name: kind for settings_of in kinds for name, kind in annotations_of(settings_of).items()}
    rows = []
    for key in ("preset", *(name for name in structs.asdict(mine) if name != "preset")):
        value, said = getattr(mine, key), getattr(own, key, None) if key not in given else given[key]
        if value == getattr(instance, key) and said is None:
            continue
        name = _NAMED.get(key, f"anonymization.{key}")
        meaning = next(part.description for part in metas_of(annotations[name.rpartition(".")[2]]) if part.description)
        origin = f"preset {mine.preset}" if said is None else settings.origins.get("sites", "default")
        departs = mine.preset if key != "preset" and value != getattr(PRESETS[mine.preset], key) else ""
        rows.append(_row(f"sites.{site.key}.{name}", value, origin, departs, meaning or ""))
    for name in ("consent", "hosts", "exclude"):
        given = getattr(site, name)
        if given != getattr(SiteSettings(site.key), name):
            meaning = next(part.description for part in metas_of(annotations[name]) if part.description)
            origin = settings.origins.get("sites", "default")
            rows.append(_row(f"sites.{site.key}.{name}", given, origin, "", meaning or ""))
    return rows


_NAMED = {
    "k": "release_k",
    "networks": "release_networks",
    # These a site has of its preset only.
    "k_late": "release.k_late",
    "late_others": "release.late_others",
    "raw_days": "retention_days",
}


def _row(name: str, value: Any, origin: str, departs: str, meaning: str | None) -> dict[str, str]:
    shown = _shown(name, value)
    return {"name": name, "value": shown, "origin": origin, "departs_from": departs, "meaning": meaning or ""}


def _shown(name: str, value: Any) -> str:
    if name == SECRET and value:
        value = "…"
    shown = without_password(str(msgspec.json.encode(value), "utf-8"))
    return without_paths(shown) if name.startswith(("sites", "alerts.")) else shown
