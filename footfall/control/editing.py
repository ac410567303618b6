"""The desk at which editors declare: what there is, what a draft would do, a new version.

In: the settings in force, DATA/edits. Out: what pages and commands show; a file that is changed. Promises: what is
applied is what was previewed, on top of what whoever made it had seen; nothing of raw rows is told
(docs/decisions/0070-edits.md).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import structs

from dashboards.editing.desk import Changed, Draft, EditedMeanwhile, EditRefused, Made, Preview, Thing, digest_of
from schema.site import Site

from ..errors import CannotDo
from ..plan.changes import GONE, Change, Held, changes_of
from ..settings import Settings
from ..settings.declared import things_of
from ..settings.edit_file import MOST_BYTES, EditsTooBig, EditsUnreadable, change
from ..settings.edits import FORMAT, KINDS, MOST_A_DAY, MOST_KEPT, MOST_PASTS, Declared, Edits, Given, Version, things
from ..settings.in_force import declared_by, without_edits
from ..supervisor.locks import PARTS, is_held
from . import drafts
from .edited import Edited

SERVER = "the server"
APART = (
    "Footfall runs in parts here, which have no common parent: declare it in the settings file of each part "
    "(`footfall collector`, `pipeline`, `dashboards`) and send each SIGHUP, or run everything with `footfall up`"
)
Words = Mapping[tuple[str, str], str]
# A parent looks every second.
_IN_FORCE_WITHIN_S, _LOOKS_EVERY_S = 8.0, 0.05
_KINDS = {"goal": "goals", "funnel": "funnels", "section": "sections"}
_ADDED = "it is added to released days whose raw rows are left, where that tells of nobody alone"
_FROM_THEN_ON = "it counts from its first day on: {}"


class EditDesk:
    """in_force: the settings. changed: tells the parent, which has the processes follow; None: none runs. days: on how
    many released days of a site visits are left. closed: why nothing can be edited here, "" where it can. clock: Unix
    seconds."""

    def __init__(
        self,
        in_force: Callable[[], Settings],
        days: Callable[[str], int],
        changed: Callable[[], None] | None = None,
        closed: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._in_force, self._tell, self._days, self._closed, self._clock = in_force, changed, days, closed, clock

    def why_not(self, key: str) -> str:
        """Why a site cannot be edited, "" where it can."""
        if self._closed:
            return self._closed
        try:
            of = self._of(key)
        except (EditsUnreadable, EditRefused) as problem:
            return str(problem)
        try:
            drafts.site_of(of.base, of.last)
        except EditRefused as problem:
            return f"what was declared here cannot hold beside the settings file: {problem}"
        return ""

    def at_once(self, key: str) -> bool:
        """Whether today is counted by what is changed. Raises EditRefused."""
        return not self._of(key).later

    def number(self, key: str) -> int:
        """That of the last version. Raises EditRefused."""
        return self._of(key).number

    def things(self, key: str) -> Mapping[str, Sequence[Thing]]:
        """What is declared: what stands in the settings file first, then what editors declared."""
        if self.why_not(key):
            return _in_the_file(self._in_force(), key)
        of = self._of(key)
        whole = drafts.site_of(of.base, of.last)
        own = {(what, name) for what, name, _ in things(declared_by(of.base))}
        today = {(what, name): thing for what, name, thing in things(declared_by(of.site_today))}
        words = _words(whole)
        found: dict[str, list[Thing]] = {what: [] for what in KINDS}
        for what, name, thing in things(declared_by(whole)):
            locked = of.where(what) if (what, name) in own else ""
            first = None if today.get((what, name)) == thing else of.today + of.later
            found[what].append(Thing(name, words[what, name], _plain(what, name, thing), locked, first))
        return found

    def versions(self, key: str) -> Sequence[Made]:
        """Every version, the last one first."""
        of = self._of(key)
        return [
            Made(one.number, one.at, one.who, one.change, of.day_of(one.at) + of.later, one is of.counted)
            for one in reversed(of.edits.versions)
        ]

    def preview(self, key: str, draft: Draft) -> Preview:
        """What a draft would do. Raises EditRefused, EditedMeanwhile."""
        of = self._of(self._editable(key))
        version = _version(of, draft, "")
        then, now = (drafts.site_of(of.base, one) for one in (of.last, version.declared))
        changes = changes_of(Held(then, of.rules), Held(now, of.rules))
        words = [_words(then), _words(now)]
        told = [structs.replace(_told(one, *words), past=_past(of, one, now, version.given)) for one in changes]
        adds = any(one.past == _ADDED for one in told)
        first = of.today + of.later if of.later else None
        return Preview(draft, digest_of(draft), tuple(told), first, self._days(key) if adds else 0)

    def apply(self, key: str, draft: Draft, digest: str, who: str) -> int:
        """A new version; its number. Raises EditRefused, EditedMeanwhile."""
        settings = without_edits(self._in_force())
        if digest != digest_of(draft):
            raise EditRefused("this is not what was previewed: look at the preview again")
        base = self._of(self._editable(key)).base

        def changed(edits: Edits) -> Edits:
            version = _version(Edited(settings, base, edits, self._clock()), draft, who)
            return Edits(FORMAT, key, (*edits.versions, version)[-MOST_KEPT:])

        try:
            number = change(settings.directory, key, changed, MOST_BYTES).versions[-1].number
        except EditsTooBig as problem:
            raise EditRefused(str(problem)) from None
        except OSError as problem:
            raise EditRefused(
                f"it cannot be written: {problem.strerror}; whoever runs the server can say why"
            ) from None
        if self._tell is not None:
            self._tell()
            self._wait(key, number)
        return number

    def _of(self, key: str) -> Edited:
        return Edited.of(self._in_force(), key, self._clock())

    def _editable(self, key: str) -> str:
        why = self.why_not(key)
        if why:
            raise EditRefused(why)
        return key

    def _wait(self, key: str, number: int) -> None:
        """Until the processes know of it; they do by themselves if that takes longer."""
        until = time.monotonic() + _IN_FORCE_WITHIN_S
        while time.monotonic() < until and number not in _known(self._in_force(), key):
            time.sleep(_LOOKS_EVERY_S)


def closed(settings: Settings) -> str:
    """Why nothing can be edited by whoever holds the store, "" where it can."""
    apart = [part for part in PARTS if part != "up" and is_held(settings.directory, part)]
    return APART if apart else ""


def told(desk: EditDesk, key: str) -> dict[str, Any]:
    """What a command tells of a site. Raises CannotDo."""
    try:
        found = {"things": desk.things(key), "versions": desk.versions(key), "closed": desk.why_not(key)}
    except (EditRefused, EditsUnreadable) as problem:
        raise CannotDo(str(problem)) from None
    plain: dict[str, Any] = msgspec.to_builtins({"site": key, **found})
    return plain


def take_back(desk: EditDesk, key: str, number: int) -> dict[str, Any]:
    """Have an earlier version hold again, for who has the server. Raises CannotDo."""
    try:
        if number not in {0, *(one.number for one in desk.versions(key))}:
            raise EditRefused(f"there is no version {number}: `footfall edit versions {key}` lists them")
        draft = Draft(desk.number(key), back=number)
        made = desk.apply(key, draft, digest_of(draft), SERVER)
    except (EditRefused, EditedMeanwhile, EditsUnreadable) as problem:
        raise CannotDo(f"site {key!r}: {problem}") from None
    return told(desk, key) | {"number": made}


def _version(of: Edited, draft: Draft, who: str) -> Version:
    """What a draft makes. Raises EditRefused, EditedMeanwhile."""
    if draft.based_on != of.number:
        since = [one for one in of.edits.versions if one.number > draft.based_on]
        raise EditedMeanwhile([f"{one.change} (version {one.number}, by {one.who})" for one in since])
    if of.made_today() >= MOST_A_DAY:
        raise EditRefused(f"a site is changed {MOST_A_DAY} times a day at most: go on tomorrow")
    declared, line = drafts.after(of.base, of.edits, draft, of.where)
    wanted = drafts.site_of(of.base, declared)
    given = drafts.given_of(of.base, of.site_today, wanted, of.edits, of.rules, of.today)
    # A clock that was set back makes no version of an earlier day.
    at = max(int(of.now), *(one.at for one in of.edits.versions[-1:]), 0)
    return Version(of.number + 1, at, who, line, declared, given)


def _past(of: Edited, one: Change, wanted: Site, given: Sequence[Given]) -> str:
    """What is told of the days before."""
    what = _KINDS.get(one.what, "")
    if one.kind == GONE:
        return ""
    if one.what == "segment" and not of.later:
        return _ADDED
    new = {name: definition for kind, name, definition in drafts.new_of(of.base, of.site_today, wanted) if kind == what}
    if one.name not in new:
        known = what and one.name in {name for name, _, _ in things_of(what, of.site_today)}
        return "" if known else _FROM_THEN_ON.format("of such a thing days before are not asked")
    if not of.later or (what, one.name, new[one.name]) in {(g.what, g.name, g.definition) for g in given}:
        return _ADDED
    if (what, one.name) in {(g.what, g.name) for g in given}:
        return _FROM_THEN_ON.format("a name gets a past once")
    return _FROM_THEN_ON.format(
        f"{MOST_PASTS} things of the site have got a past within {of.rules.retention_days} days, which is the most"
    )


def _words(site: Site) -> Words:
    """By kind and name of each thing what it counts."""
    return {(what, name): text for what in KINDS for name, text, _ in things_of(what, site)}


def _told(one: Change, before: Words, after: Words) -> Changed:
    known = (f"{one.what}s", one.name)
    return Changed(one.what, one.name, one.kind, before.get(known, ""), after.get(known, ""))


def _in_the_file(settings: Settings, key: str) -> Mapping[str, Sequence[Thing]]:
    """What is declared of a site that cannot be edited."""
    site = next((site for site in settings.all_sites if site.key == key), None)
    found: dict[str, list[Thing]] = {what: [] for what in KINDS}
    words = _words(site) if site else {}
    for what, name, thing in things(declared_by(site) if site else Declared()):
        found[what].append(Thing(name, words[what, name], _plain(what, name, thing), "the settings"))
    return found


def _plain(what: str, name: str, thing: object) -> dict[str, object]:
    plain: dict[str, object] = {"name": name, "pages": thing} if what == "sections" else msgspec.to_builtins(thing)
    return plain


def _known(settings: Settings, key: str) -> set[int]:
    """The versions that processes know of."""
    return {e.version.number for one in settings.edits if one.key == key for e in one.editions}
