"""What editors declare in the browser, beside the settings file: versions of what a site declares.

In: nothing. Out: frozen structs, as they are stored in DATA/edits and sent to the processes. Promises: nothing but
goals, funnels, sections and segments can be in them; they are of the same types as in the settings file.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Annotated, Any

from msgspec import Meta, Struct

from schema.funnel import Funnel
from schema.goal import Goal
from schema.segment import Segment

FORMAT = 1
KINDS = ("goals", "funnels", "sections", "segments")
# How many a site may have, its settings file's among them, for another one to be added in the browser. Segments have
# a limit of their own anywhere.
MOST = {"goals": 50, "funnels": 20, "sections": 50}
MOST_A_DAY = 50
# Of a site so many things get a past within the days that raw rows live (docs/decisions/0070-edits.md).
MOST_PASTS = 10
MOST_KEPT = 1_000


class Declared(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a site declares, as its table in the settings file does."""

    goals: tuple[Goal, ...] = ()
    funnels: tuple[Funnel, ...] = ()
    sections: dict[
        Annotated[str, Meta(min_length=1, max_length=120)], Annotated[str, Meta(min_length=1, max_length=500)]
    ] = {}
    segments: tuple[Segment, ...] = ()


class Given(Struct, frozen=True, forbid_unknown_fields=True):
    """That something gets a past, by name and definition. day: the site's, on which it was declared."""

    day: dt.date
    what: str
    name: str
    definition: str


class Version(Struct, frozen=True, forbid_unknown_fields=True):
    """at: Unix seconds. who: the name of a person. change: in a line. given: what has got a past up to then."""

    number: int
    at: Annotated[int, Meta(ge=0, lt=2**37)]
    who: str
    change: str
    declared: Declared
    given: tuple[Given, ...] = ()


class Edits(Struct, frozen=True, forbid_unknown_fields=True):
    """The file of a site. versions: the oldest first."""

    format: int
    site: str
    versions: tuple[Version, ...]

    @property
    def declared(self) -> Declared:
        """What was declared last."""
        return self.versions[-1].declared if self.versions else Declared()


class Edition(Struct, frozen=True):
    """A version that holds. first: the first day that is counted by it."""

    first: dt.date
    version: Version


class SiteEdits(Struct, frozen=True):
    """Of a site, for every process. base: what its settings file declares. editions: those that hold or will hold, by
    their days. problem: why none of them does, "" where they do."""

    key: str
    base: Declared
    editions: tuple[Edition, ...] = ()
    problem: str = ""

    def on(self, day: dt.date) -> Edition | None:
        """The one that a day is counted by."""
        return next((one for one in reversed(self.editions) if one.first <= day), None)


def things(declared: Declared) -> Iterator[tuple[str, str, Any]]:
    """Everything declared: its kind, its name, itself."""
    for what in ("goals", "funnels", "segments"):
        for one in getattr(declared, what):
            yield what, one.name, one
    for name, pattern in declared.sections.items():
        yield "sections", name, pattern
