"""What editors may declare of a site in the browser, as the pages see it: drafts, what is told of them, refusals.

In: what the composition root hands in as `Desk`. Out: frozen structs. Promises: the dashboards write no settings; a
draft has no field for anything but goals, funnels, sections and segments.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec
from msgspec import Struct

# By kind what one of it is called.
ONE = {"goals": "goal", "funnels": "funnel", "sections": "section", "segments": "segment"}


class Draft(Struct, frozen=True, forbid_unknown_fields=True):
    """One change. based_on: the number of the last version when it was made. what: goals, funnels, sections or
    segments. former: the name of what is changed or taken out, "" of something new. thing: as the settings file has it,
    a section as name and pages; None: it is taken out. back: the number of a version that holds again instead."""

    based_on: int
    what: str = ""
    former: str = ""
    thing: dict[str, Any] | None = None
    back: int | None = None


def digest_of(draft: Draft) -> str:
    """By which it is known that what is applied is what was previewed."""
    return hashlib.sha256(msgspec.json.encode(draft, order="sorted")).hexdigest()


class EditRefused(ValueError):
    """Why a draft cannot be. where: the field that is meant, "" where it is none."""

    def __init__(self, text: str, where: str = "") -> None:
        super().__init__(text)
        self.where = where


class EditedMeanwhile(ValueError):
    """A draft is based on a version that is not the last one any more. changes: what was changed since."""

    def __init__(self, changes: Sequence[str]) -> None:
        since = "; ".join(changes)
        super().__init__(f"somebody has changed it meanwhile: {since}. Look at it, and do yours again")
        self.changes = tuple(changes)


class Thing(Struct, frozen=True):
    """Something that is declared. words: what it counts. thing: as the settings file has it. locked: where it stands,
    if that is the settings file, so that it cannot be changed here. first: the first day that is counted by it, where
    that is to come."""

    name: str
    words: str
    thing: dict[str, Any]
    locked: str = ""
    first: dt.date | None = None


class Made(Struct, frozen=True):
    """A version. at: Unix seconds. change: what it changed. first: the first day that is, or would be,
    counted by it. holds: today is."""

    number: int
    at: int
    who: str
    change: str
    first: dt.date
    holds: bool = False


class Changed(Struct, frozen=True):
    """One thing that is different. kind: new, changed or gone. past: whether released days get it, "" where there is
    nothing to say."""

    what: str
    name: str
    kind: str
    before: str = ""
    after: str = ""
    past: str = ""


class Preview(Struct, frozen=True):
    """What a draft would do. first: the first day that would be counted by it; None: today's are, at once. days: how
    many released days what is new would be added to."""

    draft: Draft
    digest: str
    changes: tuple[Changed, ...]
    first: dt.date | None
    days: int


class Note(Struct, frozen=True):
    """What is noted of a day."""

    id: str
    day: dt.date
    text: str


class Notebook(Protocol):
    """Raises EditRefused."""

    def of(self, key: str) -> Sequence[Note]:
        """The notes of a year up to today, the latest first."""
        ...

    def add(self, key: str, day: str, text: str) -> None:
        """Note something of a day; "" is today."""
        ...

    def remove(self, key: str, id_: str) -> None:
        """Take a note back."""
        ...


class Desk(Protocol):
    """Raises EditRefused, and for what would be written EditedMeanwhile."""

    def why_not(self, key: str) -> str:
        """Why a site cannot be edited here, "" where it can."""
        ...

    def at_once(self, key: str) -> bool:
        """Whether today is counted by what is changed, which is so where nothing is hidden of a day."""
        ...

    def number(self, key: str) -> int:
        """That of the last version, 0 where there is none."""
        ...

    def things(self, key: str) -> Mapping[str, Sequence[Thing]]:
        """What is declared, by kind, as the last version and the settings file have it."""
        ...

    def versions(self, key: str) -> Sequence[Made]:
        """Every version, the last one first."""
        ...

    def preview(self, key: str, draft: Draft) -> Preview:
        """What it would do; nothing is done."""
        ...

    def apply(self, key: str, draft: Draft, digest: str, who: str) -> int:
        """Do it; the number of the version that it is. digest: of what was previewed."""
        ...
