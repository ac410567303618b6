"""Which conditions are looked up of each visit for the segments of a site: theirs, and those of which more is told.

In: a site. Out: definitions, each the bit of its place. Promises: those of segments come first, in their order.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct

from schema.segment import Did, Is, condition_of, conditions_in, text_of
from schema.site import Site

# A visit's mask has so many bits.
_BITS = 63


class Marks(Struct, frozen=True):
    """definitions: of bits from 0 on; the first are of segments, so many. values: by bit the dimension of a condition
    that a segment asks for, or that is a twin of one, and of which a pair tells. goals: by bit the name of a goal.
    asked: those of them that a segment asks for. told: bits of segments that are told already, and stay as they
    are."""

    definitions: list[str]
    segments: int = 0
    values: Mapping[int, str] = {}
    goals: Mapping[int, str] = {}
    asked: frozenset[int] = frozenset()
    told: range = range(0)

    @property
    def own(self) -> int:
        """How many bits are of segments and of values that they ask for: the first ones."""
        return len(self.definitions) - len(self.goals)


def marks_of(site: Site, twins: Collection[Is] = ()) -> Marks:
    """Those of a site; of goals that no segment asks for as many as there is room for. twins: of its segments."""
    return marking([*site.segment_definitions.values()], site.goal_definitions, beside(site), twins)


def marking(
    segments: Sequence[str],
    goals: Mapping[str, str],
    crossed: Collection[str],
    twins: Collection[Is] = (),
    told: Sequence[str] = (),
) -> Marks:
    """The same of segments by their definitions. goals: by name their definition. crossed: the dimensions by whose
    values and others more is told. told: other segments, of which it is told already."""
    if not segments:
        return Marks([])
    definitions = [*segments, *told]
    parts = {part for definition in definitions for part in conditions_in(condition_of(definition))}
    values = {
        text_of(part): part.dimension for part in (*parts, *twins) if isinstance(part, Is) and part.dimension in crossed
    }
    named = {part.definition for part in parts if isinstance(part, Did)}
    many = len(definitions)
    definitions += sorted(values)[: _BITS - many]
    first = len(definitions)
    ordered = sorted(goals.items(), key=lambda item: item[1] not in named)[: _BITS - first]
    return Marks(
        [*definitions, *(text_of(Did(one)) for _, one in ordered)],
        len(segments),
        {bit: values[definitions[bit]] for bit in range(many, first)},
        {first + nth: name for nth, (name, _) in enumerate(ordered)},
        frozenset(first + nth for nth, (_, definition) in enumerate(ordered) if definition in named),
        range(len(segments), many),
    )


def beside(site: Site) -> set[str]:
    """The dimensions by whose values and others more is told: by pairs, and by ways from entry to exit."""
    ends = {"entry_page", "exit_page"} if site.journeys else set[str]()
    return ends | {dimension for pair in site.crossed for dimension in (pair.one, pair.other)}
