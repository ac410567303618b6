"""Which conditions are looked up of each visit for the segments of a site: theirs, and those of which more is told.

In: a site. Out: definitions, each the bit of its place. Promises: those of segments come first, in their order.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec import Struct

from schema.segment import Did, Is, condition_of, conditions_in, text_of
from schema.site import Site

# A visit's mask has so many bits.
_BITS = 63


class Marks(Struct, frozen=True):
    """definitions: of bits from 0 on; the first are of segments, so many. values: by bit the dimension of a condition
    that a segment asks for, or that is a twin of one, and of which a pair tells. goals: by bit the name of a goal.
    asked: those of them that a segment asks for."""

    definitions: list[str]
    segments: int = 0
    values: Mapping[int, str] = {}
    goals: Mapping[int, str] = {}
    asked: frozenset[int] = frozenset()


def marks_of(site: Site, twins: Collection[Is] = ()) -> Marks:
    """Those of a site; of goals that no segment asks for as many as there is room for. twins: of its segments."""
    definitions = [*site.segment_definitions.values()]
    if not definitions:
        return Marks([])
    parts = {part for definition in definitions for part in conditions_in(condition_of(definition))}
    crossed = beside(site)
    values = {
        text_of(part): part.dimension for part in (*parts, *twins) if isinstance(part, Is) and part.dimension in crossed
    }
    named = {part.definition for part in parts if isinstance(part, Did)}
    many = len(definitions)
    definitions += sorted(values)[: _BITS - many]
    first = len(definitions)
    goals = sorted(site.goal_definitions.items(), key=lambda item: item[1] not in named)[: _BITS - first]
    return Marks(
        [*definitions, *(text_of(Did(one)) for _, one in goals)],
        many,
        {bit: values[definitions[bit]] for bit in range(many, first)},
        {first + nth: name for nth, (name, _) in enumerate(goals)},
        frozenset(first + nth for nth, (_, definition) in enumerate(goals) if definition in named),
    )


def beside(site: Site) -> set[str]:
    """The dimensions by whose values and others more is told: by pairs, and by ways from entry to exit."""
    ends = {"entry_page", "exit_page"} if site.journeys else set[str]()
    return ends | {dimension for pair in site.crossed for dimension in (pair.one, pair.other)}
