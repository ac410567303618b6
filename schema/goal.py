"""A goal: what counts as a conversion.

In: the settings file's `goals` of a site. Out: frozen `Goal` values, and of each what it counts as text
(`definition`), which the manifest keeps and `goal_of` reads. Promises: goals of one definition count the same, whatever
else the settings say; what the definition of an earlier version reads as does not change.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta, Struct

from .event import PAGEVIEW
from .pattern import pattern_regex

# What a goal may be: of each the field.
KINDS = ("event", "page", "section", "scroll", "duration", "revenue")
# Those that may have conditions, and those that a visit reaches at no event of its own, so that they are no steps.
WITH_PROPERTIES, OF_VISIT = ("event", "page"), ("scroll", "duration")
# Every one is looked up in each event of the name.
_MOST_PROPERTIES = 5
# Before a definition that is JSON; others are `event:NAME` and `page:PATTERN`.
JSON = "goal"


class Goal(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Exactly one of the kinds; a depth may be that of some pages, and of a custom event or a page view it may say
    more."""

    name: Annotated[str, Meta(min_length=1, max_length=120, description="What dashboards call the goal.")]
    event: Annotated[str, Meta(max_length=120, description="Reached by a custom event of this name.")] = ""
    page: Annotated[str, Meta(max_length=500, description="Reached by a pageview of a path like this.")] = ""
    section: Annotated[
        str,
        Meta(max_length=120, description="Reached by a pageview in this section: a name of `sections`, or a folder."),
    ] = ""
    scroll: Annotated[
        int,
        Meta(ge=0, le=100, description="Reached by a visit that scrolls so many percent of a page: of `page`, or any."),
    ] = 0
    duration: Annotated[int, Meta(ge=0, le=86_400, description="Reached by a visit that lasts so many seconds.")] = 0
    revenue: Annotated[bool, Meta(description="true: reached by any event that was sent with an amount.")] = False
    properties: Annotated[
        dict[Annotated[str, Meta(min_length=1, max_length=300)], Annotated[str, Meta(min_length=1, max_length=500)]],
        Meta(description="With event or page: what its properties have to be; `*`: anything."),
    ] = {}

    def __hash__(self) -> int:
        # Its properties are a mapping, which has no hash.
        return hash((self.name, self.definition))

    def __post_init__(self) -> None:
        given = self._kinds()
        if len(given) != 1:
            what = f"it has {' and '.join(given)}" if given else "it has none"
            raise ValueError(
                f"goal {self.name!r} needs exactly one of event = …, page = …, section = …, scroll = …, duration = … "
                f"and revenue = true, and {what}"
            )
        if self.properties and self.kind not in WITH_PROPERTIES:
            raise ValueError(
                f"goal {self.name!r} has properties, which {self.kind} cannot have: leave them out, or name an event "
                "or a page"
            )
        if len(self.properties) > _MOST_PROPERTIES:
            raise ValueError(
                f"goal {self.name!r} has {len(self.properties)} properties: at most {_MOST_PROPERTIES} are looked at, "
                "leave the others out"
            )
        for name in self.properties:
            if name != name.strip() or not name.isprintable():
                raise ValueError(
                    f"property {name!r} of goal {self.name!r}: a name is written as the page sends it, without control "
                    "characters or spaces around it"
                )

    def _kinds(self) -> list[str]:
        # A page is where a depth is asked for.
        return [kind for kind in KINDS if getattr(self, kind) and not (kind == "page" and self.scroll)]

    @property
    def kind(self) -> str:
        return self._kinds()[0]

    @property
    def of_pages(self) -> bool:
        """Whether it is reached by views of pages."""
        return self.kind in ("page", "section")

    @property
    def has_past(self) -> bool:
        """Whether it can be added to days that were released before it was declared. Visits of before may not have kept
        what others ask for, properties and depths; and an event less a goal that is some of it would have to be held
        against all values of its properties."""
        return self.kind != "scroll" and not self.properties

    @property
    def definition(self) -> str:
        """What it counts, as the manifest keeps it."""
        said = self._said()
        if not self.properties and self.kind in ("event", "page"):
            return f"{self.kind}:{said[self.kind]}"
        return f"{JSON}:{json.dumps(said, ensure_ascii=False, sort_keys=True)}"

    def _said(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in (*KINDS, "properties") if getattr(self, name)}

    @property
    def is_of_pages(self) -> bool:
        """Whether page views alone tell of it, as an access log has them."""
        return self.event in ("", PAGEVIEW) and not (self.scroll or self.revenue or self.properties)

    def of_section(self, sections: Mapping[str, str]) -> Goal:
        """The same goal, which says itself which pages its section has. sections: the site's, by name their pattern, in
        their order. Of one of no section itself. Raises ValueError for a section that the site does not have."""
        if not self.section or isinstance(self, SectionGoal):
            return self
        names = [*sections]
        if self.section not in sections and not self.section.startswith("/"):
            known = ", ".join(map(repr, names)) or "none"
            raise ValueError(
                f"goal {self.name!r}: the site has no section {self.section!r} (it has {known}): name one of its "
                "sections, or a first folder such as '/docs/'"
            )
        # Of several that a page is like the first holds; a folder is what none of them has.
        before = names[: names.index(self.section)] if self.section in sections else names
        unlike = tuple(sections[name] for name in before)
        return SectionGoal(self.name, section=self.section, like=sections.get(self.section, ""), unlike=unlike)

    def page_regex(self) -> str:
        """The page pattern as an anchored RE2 expression."""
        return pattern_regex(self.page)


class SectionGoal(Goal, frozen=True):
    """One of a section that is resolved, which is nowhere written as such. like: the pattern of its pages, "" for the
    folder that the section is. unlike: patterns of pages that are not in it."""

    like: str = ""
    unlike: tuple[str, ...] = ()

    def __hash__(self) -> int:
        return hash((self.name, self.definition))

    def _said(self) -> dict[str, Any]:
        # A section that is called otherwise is the same one.
        said = {"section": "like", "like": self.like} if self.like else {"section": "folder", "folder": self.section}
        return said | {"unlike": self.unlike} if self.unlike else said


def goal_of(name: str, definition: str) -> Goal:
    """The goal of a definition, under a name."""
    kind, _, wanted = definition.partition(":")
    if kind != JSON:
        return Goal(name, event=wanted) if kind == "event" else Goal(name, page=wanted)
    said = json.loads(wanted)
    if "section" not in said:
        return Goal(name, **said)
    like, unlike = said.get("like", ""), tuple(said.get("unlike", ()))
    return SectionGoal(name, section=said.get("folder", like), like=like, unlike=unlike)


def resolved(goals: tuple[Goal, ...], sections: Mapping[str, str]) -> tuple[Goal, ...]:
    """The goals of a site, each with what its section is. Raises ValueError with the place of what cannot be."""
    found = []
    for place, goal in enumerate(goals):
        try:
            found.append(goal.of_section(sections))
        except ValueError as problem:
            raise ValueError(f"{problem} - at `$.goals[{place}].section`") from None
    return tuple(found)
