"""A segment: visits for which conditions hold, joined by and, or and not.

In: the settings file's `[[sites.segments]]` tables, the goals and sections of the site. Out: frozen `Segment` values;
of each what it counts as a tree of conditions, and as text (`definition`), which the manifest keeps and `condition_of`
reads. Promises: segments of one definition count the same, whatever else the settings say; in which order conditions
are written makes no difference.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from msgspec import Meta, Struct

from .dimensions import DIMENSIONS
from .goal import Goal

MOST_SEGMENTS, MOST_CONDITIONS = 20, 10
# Whoever reads them goes as deep, and so does the statement that asks for them.
MOST_NESTED = 20
# What joins conditions, and what these may ask beside dimensions.
JOINED, ALSO = ("all", "any", "not"), ("goal", "properties")


class Is(Struct, frozen=True):
    """A dimension of the visit has this value, or one like it where it has a `*`; of several values one has."""

    dimension: str
    value: str


class Did(Struct, frozen=True):
    """The visit reached what a goal of this definition counts."""

    definition: str


class Sent(Struct, frozen=True):
    """An event or page view of the visit had a property of this value; `*`: of any."""

    name: str
    value: str


class Joined(Struct, frozen=True):
    """Of these all hold, or any, or not all."""

    how: str
    parts: tuple[Condition, ...]


Condition = Is | Did | Sent | Joined


class Segment(Struct, frozen=True, forbid_unknown_fields=True):
    """Visits for which this holds."""

    name: Annotated[str, Meta(min_length=1, max_length=120, description="What dashboards call the segment.")]
    where: Annotated[
        dict[str, Any],
        Meta(description="What holds for its visits: dimensions, `goal`, `properties`, joined by all, any and not."),
    ]

    def __hash__(self) -> int:
        # What holds is a mapping, which has no hash.
        return hash(self.name)

    def __post_init__(self) -> None:
        if "|" in self.name:
            raise self._refused("has a '|' in its name, which stands between values in questions: write another letter")
        many = sum(1 for _ in _asked(self.where, self._refused))
        if many > MOST_CONDITIONS:
            raise self._refused(
                f"has {many} conditions, and at most {MOST_CONDITIONS} are looked at (each value of a list is one): "
                "leave some out, or make a goal or a section of them"
            )

    def _refused(self, why: str) -> ValueError:
        return ValueError(f"segment {self.name!r} {why}")

    @property
    def asked(self) -> tuple[tuple[str, str], ...]:
        """Its conditions: of each the dimension, `goal` or `properties.NAME`, and the value."""
        return tuple(_asked(self.where, self._refused))

    def resolved(self, goals: Mapping[str, str], sections: Mapping[str, str]) -> Condition:
        """What holds for its visits. goals: by name their definition. sections: the site's, by name their pattern.
        Raises ValueError for what the site does not have."""
        return _Reading(self, goals, sections).joined("all", self.where)

    def definition(self, goals: Mapping[str, str], sections: Mapping[str, str]) -> str:
        """What it counts, as the manifest keeps it."""
        return text_of(self.resolved(goals, sections))


def conditions_in(condition: Condition) -> Iterator[Is | Did | Sent]:
    """Those that are joined, one after the other."""
    if not isinstance(condition, Joined):
        yield condition
        return
    for part in condition.parts:
        yield from conditions_in(part)


def condition_of(definition: str) -> Condition:
    """The condition of a definition."""
    return _read(json.loads(definition))


def definitions(segments: Sequence[Segment], goals: Mapping[str, str], sections: Mapping[str, str]) -> dict[str, str]:
    """By name of each segment of a site what it counts. Raises ValueError with the place of what cannot be."""
    if len(segments) > MOST_SEGMENTS:
        raise ValueError(
            f"there are {len(segments)} segments, and at most {MOST_SEGMENTS} are counted: leave the others out - "
            "at `$.segments`"
        )
    found: dict[str, str] = {}
    for place, segment in enumerate(segments):
        if segment.name in found:
            raise ValueError(f"two segments are called {segment.name!r}: rename one - at `$.segments[{place}].name`")
        try:
            found[segment.name] = segment.definition(goals, sections)
        except ValueError as problem:
            raise ValueError(f"{problem} - at `$.segments[{place}].where`") from None
    return found


# -- what is written ---------------------------------------------------------------------------------------------------


def _asked(where: Any, refused: Any, nested: int = 0) -> Iterator[tuple[str, str]]:
    """The conditions of a table as they are written. Raises what `refused` makes of a reason."""
    if nested > MOST_NESTED:
        raise refused(f"has conditions in more than {MOST_NESTED} others: join them less deeply")
    if not isinstance(where, dict) or not where:
        raise refused(f'has {where!r} where conditions belong: write such as {{ device = "mobile" }}')
    for key, wanted in where.items():
        if key == "not":
            yield from _asked(wanted, refused, nested + 1)
        elif key in JOINED:
            if not isinstance(wanted, list) or not wanted:
                raise refused(f'has {key} = {wanted!r}: write a list of conditions, such as [{{ device = "mobile" }}]')
            for one in wanted:
                yield from _asked(one, refused, nested + 1)
        elif key == "properties":
            if not isinstance(wanted, dict) or not wanted:
                raise refused(f'has properties = {wanted!r}: write such as {{ plan = "pro" }}')
            for name, value in wanted.items():
                if name != name.strip() or not name.isprintable() or not name:
                    raise refused(f"has the property {name!r}: a name is written as the page sends it")
                yield from ((f"{key}.{name}", one) for one in _values(f"{key}.{name}", value, refused))
        elif key in DIMENSIONS or key in ALSO:
            yield from ((key, one) for one in _values(key, wanted, refused))
        else:
            raise refused(
                f"has the condition {key!r}, which there is not: write a dimension ({', '.join(DIMENSIONS)}), "
                f"{', '.join(ALSO)}, or join conditions by {', '.join(JOINED)}"
            )


def _values(key: str, wanted: Any, refused: Any) -> list[str]:
    values = wanted if isinstance(wanted, list) else [wanted]
    if not values or not all(isinstance(one, str) for one in values):
        raise refused(f"has {key} = {wanted!r}: write a text, or a list of texts of which one holds")
    if long := next((one for one in values if len(one) > 500), ""):
        raise refused(f"has a value of {len(long)} letters for {key}: at most 500 are looked at")
    return values


class _Reading:
    """Makes conditions of what is written, for one site."""

    def __init__(self, segment: Segment, goals: Mapping[str, str], sections: Mapping[str, str]) -> None:
        self._name, self._goals, self._sections = segment.name, goals, sections

    def joined(self, how: str, where: Mapping[str, Any]) -> Condition:
        return _join(how, [self._one(key, wanted) for key, wanted in where.items()])

    def _one(self, key: str, wanted: Any) -> Condition:
        if key == "not":
            return _join("not", [self.joined("all", wanted)])
        if key in JOINED:
            return _join(key, [self.joined("all", one) for one in wanted])
        if key == "properties":
            each = ((name, value if isinstance(value, list) else [value]) for name, value in wanted.items())
            return _join("all", [_join("any", [Sent(name, one) for one in values]) for name, values in each])
        return _join("any", [self._single(key, one) for one in (wanted if isinstance(wanted, list) else [wanted])])

    def _single(self, key: str, value: str) -> Condition:
        if key == "goal":
            if value not in self._goals:
                known = ", ".join(map(repr, self._goals)) or "none"
                raise ValueError(
                    f"segment {self._name!r}: the site has no goal {value!r} (it has {known}): name one of its goals"
                )
            return Did(self._goals[value])
        # These a visit has as goals are reached.
        if key == "page":
            return Did(Goal(key, page=value or "/").definition)
        if key == "section":
            return Did(Goal(key, section=self._known(value)).of_section(self._sections).definition)
        return Is(key, value)

    def _known(self, section: str) -> str:
        if section in self._sections or section.startswith("/"):
            return section
        known = ", ".join(map(repr, self._sections)) or "none"
        raise ValueError(
            f"segment {self._name!r}: the site has no section {section!r} (it has {known}): name one of its sections, "
            "or a first folder such as '/docs/'"
        )


# -- what it counts ----------------------------------------------------------------------------------------------------


def _join(how: str, parts: Sequence[Condition]) -> Condition:
    """Joined conditions in one form: in an order of their own, each once, and none that joins one alone."""
    if how == "not":
        [part] = parts
        twice = isinstance(part, Joined) and part.how == "not"
        return part.parts[0] if twice and isinstance(part, Joined) else Joined("not", (part,))
    flat = [one for part in parts for one in (part.parts if isinstance(part, Joined) and part.how == how else (part,))]
    each = {text_of(one): one for one in flat}
    kept = tuple(each[text] for text in sorted(each))
    return kept[0] if len(kept) == 1 else Joined(how, kept)


def text_of(condition: Condition) -> str:
    return json.dumps(_said(condition), ensure_ascii=False)


def _said(condition: Condition) -> list[Any]:
    match condition:
        case Is(dimension, value):
            return ["is", dimension, value]
        case Did(definition):
            return ["did", definition]
        case Sent(name, value):
            return ["sent", name, value]
        case Joined(how, parts):
            return [how, *map(_said, parts)]


def _read(said: Sequence[Any]) -> Condition:
    kind, *rest = said
    match kind:
        case "is":
            return Is(*rest)
        case "did":
            return Did(*rest)
        case "sent":
            return Sent(*rest)
    return Joined(kind, tuple(map(_read, rest)))
