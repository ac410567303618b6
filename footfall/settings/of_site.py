"""Everything that is set of one site, as its page of settings shows it: value, default, where it was set, since when it
counts.

In: settings, the key of a site, the first days that counted what it declares. Out: `Group`s. Promises: whatever field a
struct of settings gets is shown by itself; no secret, no path and no network of anybody is.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import PurePath
from typing import Any

from msgspec import structs

from collector.anonymization import PRESETS, AnonymizationSettings
from collector.enrich.site_filter import Exclusions
from dashboards.delivery.settings import Alert, Digest
from dashboards.web.about_site import Group, Setting
from pipeline.settings import ReleaseSettings, RetentionSettings

from .declared import DECLARED, NOT_YET, things_of
from .edits import KINDS, things
from .fields import annotations_of, metas_of
from .model import Settings
from .site_settings import DEMO_SITE, SiteSettings

# By what is declared, its name and what it counts ("" where its name says that): the first day.
Since = Mapping[tuple[str, str, str], dt.date]
# Kinds and names of what the settings file declares.
_Own = Collection[tuple[str, str]]
# What a site may say itself of what else holds for all sites, and what is called otherwise in [anonymization].
_OWN = {"k": "release_k", "networks": "release_networks", "raw_days": "retention_days"}
_RELEASE = tuple(ReleaseSettings.__struct_fields__)
_OTHERS = {"k": "release.k", "networks": "release.networks", "raw_days": "retention.raw_days"}
_FOLLOWS = "follows from the others"


def groups_of(settings: Settings, key: str, since: Since) -> tuple[Group, ...]:
    """All that is set of the site with this key."""
    place, site = next((place, site) for place, site in enumerate(settings.all_sites) if site.key == key)
    said = _Said(settings, site, place)
    base = next((one.base for one in settings.edits if one.key == key), None)
    own = {(what, name) for what, name, _ in things(base)} if base else None
    declared = [
        _declared(name, site, said.origin_of(name), since, own)
        for name in type(site).__struct_fields__
        if name in DECLARED
    ]
    return (
        *declared,
        Group("site", "The site", tuple(said.own(name) for name in said.own_names)),
        Group("release", "What is shown, and for how long raw events live", tuple(said.released())),
        Group("anonymization", "What is kept of a visit", tuple(said.anonymized())),
    )


def _declared(name: str, site: SiteSettings, origin: str, since: Since, own: _Own | None) -> Group:
    """own: what the settings file declares of kinds that can be edited; None where nothing is."""
    things = tuple(
        Setting(
            thing,
            thing,
            what,
            origin="the browser" if own is not None and name in KINDS and (name, thing) not in own else origin,
            since=found.isoformat() if (found := since.get((name, thing, definition))) else NOT_YET,
        )
        for thing, what, definition in things_of(name, site)
    )
    return Group(name, _label(name), things, True, _meaning(SiteSettings, name))


class _Said:
    """What the settings say of one site."""

    def __init__(self, settings: Settings, site: SiteSettings, place: int) -> None:
        self._settings, self._site, self._place = settings, site, place
        self._mine, self._built_in = settings.anonymity_of(site), site is DEMO_SITE
        self._preset = PRESETS[self._mine.preset]

    @property
    def own_names(self) -> list[str]:
        """The fields of the site that are neither declared nor among what holds for it of all sites."""
        elsewhere = {*DECLARED, *_OWN.values(), "anonymization"}
        return [name for name in type(self._site).__struct_fields__ if name not in elsewhere]

    def own(self, name: str) -> Setting:
        """A field of the site."""
        kind, value = type(self._site), getattr(self._site, name)
        default = "" if name == "key" else shown(getattr(kind("any"), name))
        return Setting(name, _label(name), shown(value), default, self.origin_of(name), _meaning(kind, name))

    def origin_of(self, name: str) -> str:
        """Where a field of the site was set."""
        origins, value = self._settings.origins, getattr(self._site, name)
        if self._built_in:
            return "built in"
        found = origins.get(f"sites[{self._place}].{name}")
        if not found and (name == "key" or value != getattr(type(self._site)("any"), name)):
            found = origins.get("sites")
        return _where(found) if found else "default"

    def released(self) -> Iterable[Setting]:
        """What is small enough to hide, and how long raw rows live."""
        for name in _RELEASE:
            if hasattr(self._mine, name):
                yield self._resolved(name, ReleaseSettings, f"release.{name}")
            else:
                value = getattr(self._settings.rules_of(self._site), name)
                default, origin = getattr(ReleaseSettings(), name), self._settings.origins.get(f"release.{name}")
                where = _where(origin) if origin else "default" if value == default else _FOLLOWS
                meaning = _meaning(ReleaseSettings, name)
                yield Setting(f"release.{name}", _label(name), shown(value), shown(default), where, meaning)
        for name in RetentionSettings.__struct_fields__:
            yield self._resolved(name, RetentionSettings, f"retention.{name}")

    def anonymized(self) -> Iterable[Setting]:
        """How much of a visit is kept."""
        for name in AnonymizationSettings.__struct_fields__:
            yield self._resolved(name, AnonymizationSettings, f"anonymization.{name}")

    def _resolved(self, name: str, kind: type, whole: str) -> Setting:
        value, default = getattr(self._mine, name), getattr(self._preset, name)
        if name == "networks":
            default = self._preset.networks_at(self._mine.k)
        where = self._where_resolved(name, whole)
        if not where:
            # The preset says another value, which does not fit the others.
            where = f"preset {self._mine.preset}" if value == default else _FOLLOWS
        return Setting(whole, _label(name), shown(value), shown(default), where, _meaning(kind, name))

    def _where_resolved(self, name: str, whole: str) -> str:
        """Where a value was set that a site has of its own, of all sites, or of its preset: then ""."""
        own, anonymization = _OWN.get(name), self._site.anonymization
        if own and getattr(self._site, own) is not None:
            return self.origin_of(own)
        if getattr(anonymization, name, None) is not None:
            return self.origin_of("anonymization")
        found = "" if self._site.has_preset else self._settings.origins.get(whole, "")
        return _where(found) if found else "default" if name == "preset" else ""


def shown(value: Any) -> str:
    """A value in words. An operator's networks are somebody's addresses, and so are those who get mail: how many there
    are is told, not which."""
    if isinstance(value, Exclusions):
        said = structs.asdict(value)
        parts = [(name, f"{len(said[name])}" if name == "networks" else shown(said[name])) for name in said]
        return "; ".join(f"{name}: {text}" for name, text in parts if said[name.split()[0]]) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value in ((), "", None):
        return "none"
    if isinstance(value, Digest | Alert):
        what = f"every {value.every}" if isinstance(value, Digest) else " ".join(filter(None, (value.on, value.goal)))
        return f"{what} to {len(value.to)}"
    if isinstance(value, tuple):
        return ", ".join(map(shown, value))
    # Of what nobody has said how it is shown nothing is: it may hold an address, or a secret.
    return str(value) if isinstance(value, str | int | float) else "set"


def _where(origin: str) -> str:
    """An origin without the path of its file."""
    file = re.fullmatch(r"(.+):(\d+)", origin)
    return f"{PurePath(file[1]).name}, line {file[2]}" if file else origin


def _label(name: str) -> str:
    text = "k" if name == "k" else name.replace("_", " ")
    return text[:1].upper() + text[1:] if len(text) > 1 else text


def _meaning(kind: type, name: str) -> str:
    return next((part.description for part in metas_of(annotations_of(kind)[name]) if part.description), "")
