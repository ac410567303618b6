"""From a draft to what a site would declare, and whether that can be.

In: a site of the settings file, what editors declared, a draft. Out: what they would declare, in a line what changes,
and what of it gets a past. Promises: a draft is refused with the messages that the settings file would have; names of
the file are not touched; no more gets a past than docs/decisions/0070-edits.md says.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from msgspec import structs

from dashboards.editing.desk import ONE, Draft, EditRefused
from pipeline.settings import SiteRules
from schema.goal import goal_of
from schema.site import Site

from ..settings import SiteSettings
from ..settings.edits import KINDS, MOST, MOST_PASTS, Declared, Edits, Given, things
from ..settings.in_force import declared_by, definitions_of, joined

# The field that a message means that names none.
_MEANT = {"funnels": "steps", "sections": "name", "segments": "where"}
# Within words and emoji they are no control.
_JOINERS = re.compile("[\u200c\u200d]")
# Those that can be added to released days.
WITH_PAST = ("goals", "sections", "funnels")


def after(base: SiteSettings, edits: Edits, draft: Draft, where_of: Callable[[str], str]) -> tuple[Declared, str]:
    """What would be declared, and the line that says what changes. where_of: where the settings file declares a kind.
    Raises EditRefused."""
    before = edits.declared
    if draft.back is not None:
        found, line = _version(edits, draft.back), f"taken back to version {draft.back}"
    else:
        _refuse_names(base, before, draft, where_of)
        found, line = _changed(before, draft), _line(draft)
    if found == before:
        raise EditRefused("that changes nothing: write something else, or leave it as it is")
    site = site_of(base, found, draft.what)
    for what, most in MOST.items():
        if len(getattr(site, what)) > max(most, len(getattr(site_of(base, before), what))):
            raise EditRefused(f"the site has {most} {what}, which is the most: take one out first")
    return found, line


def site_of(base: SiteSettings, declared: Declared, what: str = "") -> SiteSettings:
    """The site with it. what: the kind that is changed. Raises EditRefused."""
    try:
        return joined(base, declared)
    except ValueError as problem:
        raise _refused(problem, what) from None


def _version(edits: Edits, number: int) -> Declared:
    if number == 0:
        return Declared()
    found = [one.declared for one in edits.versions if one.number == number]
    if not found:
        raise EditRefused(f"there is no version {number}: the page of versions lists them")
    return found[0]


def _refuse_names(base: SiteSettings, before: Declared, draft: Draft, where_of: Callable[[str], str]) -> None:
    if draft.what not in KINDS:
        raise EditRefused(f"{draft.what!r} cannot be changed here: there are {', '.join(KINDS)}")
    one, name = ONE[draft.what], _name_of(draft)
    own = {name for what, name, _ in things(declared_by(base)) if what == draft.what}
    mine = {name for what, name, _ in things(before) if what == draft.what}
    for asked in (draft.former, name):
        if asked in own:
            raise EditRefused(f"{one} {asked!r} stands in {where_of(draft.what)}: change it there", "name")
    if draft.former and draft.former not in mine:
        raise EditRefused(f"there is no {one} {draft.former!r} any more", "name")
    if name and name != draft.former and name in mine:
        raise EditRefused(f"there is a {one} {name!r} already: change that one, or write another name", "name")
    if draft.thing is None and not draft.former:
        raise EditRefused("name what is to be taken out", "name")


def _name_of(draft: Draft) -> str:
    """That of what is declared, "" where something is taken out. Raises EditRefused."""
    if draft.thing is None:
        return ""
    name = draft.thing.get("name")
    if not isinstance(name, str) or not name.strip():
        raise EditRefused(f"a {ONE[draft.what]} needs a name: write one", "name")
    # It is read in terminals and mail, too.
    if name != name.strip() or not _JOINERS.sub("", name).isprintable():
        raise EditRefused(f"{name!r}: a name is written without control characters or spaces around it", "name")
    return name


def _changed(before: Declared, draft: Draft) -> Declared:
    """With one thing put in the place of a former one, behind all others, or taken out."""
    found: list[tuple[str, Any]] = []
    for what, name, thing in things(before):
        if what == draft.what and name != draft.former:
            found.append((name, thing))
        elif what == draft.what and draft.thing is not None:
            found.append(_typed(draft))
    if draft.thing is not None and not draft.former:
        found.append(_typed(draft))
    put = dict(found) if draft.what == "sections" else tuple(thing for _, thing in found)
    return structs.replace(before, **{draft.what: put})


def _typed(draft: Draft) -> tuple[str, Any]:
    """The thing of a draft, by its name."""
    given = dict(draft.thing or {})
    try:
        if draft.what != "sections":
            [thing] = getattr(msgspec.convert({draft.what: [given]}, Declared), draft.what)
            return thing.name, thing
        if given.keys() != {"name", "pages"}:
            raise EditRefused("a section is a name and pages", "pages")
        [named] = msgspec.convert({"sections": {given["name"]: given["pages"]}}, Declared).sections.items()
        return named
    except EditRefused:
        raise
    except ValueError as problem:
        raise _refused(problem, draft.what) from None


def _refused(problem: ValueError, what: str) -> EditRefused:
    """In words, and of which field: a message ends in the path of what it means."""
    message, *paths = str(problem).split(" - at `$")
    steps = re.findall(r"[A-Za-z_]+", "".join(part.rstrip("`") for part in reversed(paths)))
    field = "pages" if "sections" in steps else steps[-1] if len(steps) > 1 else _MEANT.get(what, "")
    if len(steps) < 2 and re.search("in its name|a name|called", message):
        field = "name"
    return EditRefused(message[:1].lower() + message[1:], field)


def _line(draft: Draft) -> str:
    one, name = ONE[draft.what], (draft.thing or {}).get("name", "")
    if draft.thing is None:
        return f"{one} {draft.former!r} taken out"
    if not draft.former:
        return f"{one} {name!r} added"
    return f"{one} {draft.former!r} changed" + (f", now {name!r}" if name != draft.former else "")


def given_of(
    base: SiteSettings, in_force: Site, wanted: Site, edits: Edits, rules: SiteRules, today: dt.date
) -> tuple[Given, ...]:
    """What gets a past with a new version: what had got one, and what is new of it. in_force: the site as today is
    counted; what was declared today is not counted at all if it is gone again."""
    kept = [one for one in (edits.versions[-1].given if edits.versions else ()) if one.day < today]
    named = {(one.what, one.name) for one in kept}
    lately = sum(1 for one in kept if one.day > today - dt.timedelta(days=rules.retention_days))
    for what, name, definition in new_of(base, in_force, wanted):
        had = any((one.what, one.name, one.definition) == (what, name, definition) for one in kept)
        if not had and (what, name) not in named and lately < MOST_PASTS:
            kept.append(Given(today, what, name, definition))
            lately += 1
    return tuple(kept)


def new_of(base: Site, in_force: Site, wanted: Site) -> Iterator[tuple[str, str, str]]:
    """What a site would count that it does not, of what can have a past: kind, name, definition."""
    for what in WITH_PAST:
        known = {*definitions_of(base, what).items(), *definitions_of(in_force, what).items()}
        for name, definition in definitions_of(wanted, what).items():
            if (name, definition) not in known and not (what == "goals" and not goal_of(name, definition).has_past):
                yield what, name, definition
