"""What the settings file and what editors declared say together: now, and of each day.

In: settings as they were read, DATA/edits, a moment. Out: settings with edits in their sites; `Editions`, which the
pipeline asks. Promises: where the file has a name, the file holds; a day is asked by what stood when it began
(docs/decisions/0070-edits.md); edits that cannot hold change nothing, and are told of.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator

import msgspec
from msgspec import structs

from schema.site import Site, day_bounds, day_number, local_day

from .edit_file import FOLDER, EditsUnreadable, read
from .edits import KINDS, Declared, Edition, Edits, SiteEdits, Version, things
from .model import Settings
from .site_settings import SiteSettings

_DAY = dt.timedelta(days=1)
# Days wait to be closed for so long at the very most: raw rows do not live longer.
_MOST_EDITIONS = 760


def with_edits(settings: Settings, now: float | None = None) -> Settings:
    """The same with what editors declared, as it holds at a moment (Unix seconds, default: now)."""
    base, now = without_edits(settings), time.time() if now is None else now
    folder = base.directory / FOLDER
    try:
        there = {path.stem for path in folder.iterdir()} if folder.is_dir() else set()
    except OSError:  # each says so
        there = {site.key for site in base.sites}
    edits = {site.key: _of_site(base, site) for site in base.sites if site.key in there}
    sites = []
    for site in base.sites:
        mine = edits.get(site.key)
        edition = mine.on(local_day(site.timezone, now).date) if mine else None
        try:
            sites.append(joined(site, edition.version.declared) if edition else site)
        except ValueError as problem:
            assert mine
            sites.append(site)
            edits[site.key] = structs.replace(mine, problem=f"do not fit the settings: {problem}")
    return structs.replace(base, sites=tuple(sites), edits=tuple(edits.values()))


def without_edits(settings: Settings) -> Settings:
    """The same as the settings file has it."""
    bases = {one.key: one.base for one in settings.edits}
    sites = tuple(
        structs.replace(site, **structs.asdict(bases[site.key])) if site.key in bases else site
        for site in settings.sites
    )
    return structs.replace(settings, sites=sites, edits=())


def declared_by(site: Site) -> Declared:
    """What a site declares of the kinds that can be edited."""
    return Declared(**{what: getattr(site, what) for what in KINDS})


def joined(site: SiteSettings, declared: Declared) -> SiteSettings:
    """A site of the file and what editors declared beside it. Raises ValueError, with the messages that the same in the
    file would have."""
    own, tree = {(what, name) for what, name, _ in things(declared_by(site))}, msgspec.to_builtins(site)
    for what, name, thing in things(declared):
        if (what, name) in own:
            continue
        if what == "sections":
            tree[what] = {**tree[what], name: thing}
        else:
            tree[what] = [*tree[what], msgspec.to_builtins(thing)]
    return msgspec.convert(tree, SiteSettings)


def joined_or_bare(site: SiteSettings, version: Version | None) -> SiteSettings:
    """The same of a version that holds; the file's site where it does not fit any more: the file has changed since."""
    try:
        return joined(site, version.declared) if version else site
    except ValueError:
        return site


def holds_after(settings: Settings, site: SiteSettings) -> dt.timedelta:
    """How long after the day of a version the first day is that is counted by it: none where nothing is hidden of a
    day."""
    return dt.timedelta(0) if settings.anonymity_of(site).k == 1 else _DAY


def editions_of(settings: Settings, site: SiteSettings, edits: Edits) -> Iterator[Edition]:
    """The versions that some day is counted by: of each day the last one."""
    later = holds_after(settings, site)
    found = {local_day(site.timezone, one.at).date + later: one for one in edits.versions}
    return (Edition(first, version) for first, version in found.items())


def next_turn(settings: Settings, now: float) -> float:
    """When edits hold that do not yet, Unix seconds; infinite where there are none."""
    zones = {site.key: site.timezone for site in settings.sites}
    firsts = (
        day_bounds(zones[mine.key], day_number(edition.first)).start
        for mine in settings.edits
        for edition in mine.editions
    )
    return min((start for start in firsts if start > now), default=float("inf"))


def _of_site(settings: Settings, site: SiteSettings) -> SiteEdits:
    base = declared_by(site)
    try:
        found = [*editions_of(settings, site, read(settings.directory, site.key))]
    except EditsUnreadable as problem:
        return SiteEdits(site.key, base, problem=str(problem))
    # Who made it is for those who look at the file, and the last one knows of every past that was given.
    last = found[-1:]
    bare = [structs.replace(one, version=_without(one, given=one in last)) for one in found[-_MOST_EDITIONS:]]
    return SiteEdits(site.key, base, tuple(bare))


def _without(edition: Edition, given: bool) -> Version:
    version = edition.version
    return structs.replace(version, who="", change="", given=version.given if given else ())


class Editions:
    """By what each day of each site is asked, of settings in force."""

    def __init__(self, settings: Settings) -> None:
        self._edits = {one.key: one for one in settings.edits}
        self._bases = {site.key: site for site in without_edits(settings).sites}
        self._hides = {site.key for site in settings.sites if holds_after(settings, site)}
        self._made: dict[tuple[str, dt.date], Site] = {}

    def on(self, site: Site, day: dt.date) -> Site:
        """The site as that day is counted."""
        mine, base = self._edits.get(site.key), self._bases.get(site.key)
        if mine is None or base is None:
            return site
        edition = mine.on(day)
        if edition is None:
            return base
        known = (site.key, edition.first)
        if known not in self._made:
            self._made[known] = joined_or_bare(base, edition.version)
        return self._made[known]

    def without_past(self, site: Site, what: str) -> frozenset[str]:
        """The names of what editors declared that days before are not asked for. what: goals, funnels, sections or
        segments, of which none has a past."""
        mine = self._edits.get(site.key)
        if mine is None or site.key not in self._hides:
            return frozenset()
        given = {(one.name, one.definition) for e in mine.editions for one in e.version.given if one.what == what}
        # A section more makes another goal of one of the file that is of a folder.
        own = definitions_of(self._bases[site.key], what).items()
        found = definitions_of(site, what).items()
        return frozenset(name for name, as_ in found if (name, as_) not in own and (name, as_) not in given)


def definitions_of(site: Site, what: str) -> dict[str, str]:
    """By name of everything of a kind what it counts."""
    found: dict[str, str] = getattr(site, f"{what.removesuffix('s')}_definitions")
    return found
