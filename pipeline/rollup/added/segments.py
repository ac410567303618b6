"""Segments that are added to a released day (rule N6): counted, and held against all that the day tells.

In: a released day that is staged again, definitions of segments that it was not counted with. Out: rows in
`staging_segments`, `staging_segment_vitals` and `staging_segment_goals`. Promises: rows are shown as those of a segment
that was there from the start, beside the goals, the pairs and the ways that the day tells or that were added to it;
segments that are told already are conditions of which more is told: they stay as they are, and of them and the new ones
together nothing of too few follows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from msgspec import Struct

from schema.journeys import ENDS
from schema.manifest import ADDED_PAIRS
from schema.pair import Pair, pair_of
from schema.segment import Did, Joined, condition_of, text_of
from schema.segments import SEGMENTS

from ..batch import Batch
from ..segments.known import WAYS, Beside, Known, Told, gathered, of_goals, of_pairs
from ..segments.lines import Chain
from ..segments.marks import Marks, marking
from ..segments.stage import chosen_of, count, count_goals
from ..segments.vitals import count_vitals
from . import counted_before
from .segment_goals import then_told

# Of a released day and what was added to it.
_ENDS = f"FROM released_journeys WHERE {{mine}} AND kind = '{ENDS}'"
# So many that are told already can be looked up beside new ones.
MOST_TOLD = 30


class OfDay(Struct, frozen=True):
    """What a released day tells. goals: by the names of the staged day. segments: of each its name, the grain of its
    rows, "" where it was released with the day, and its definition. pairs: the names of those that were counted.
    sections: those that were added, by a name their definition. unlike: dimensions that are not what they were.
    within: by grain of segments what goals were by their names, of which rows within these are. asked: the goals that
    are counted within new segments."""

    goals: Sequence[counted_before.CountedBefore]
    segments: Sequence[tuple[str, str, str]]
    pairs: Sequence[str]
    sections: Mapping[str, str]
    unlike: Collection[str]
    within: Mapping[str, Mapping[str, str]] = {}
    asked: Sequence[str] = ()


Chains = Mapping[int, Sequence[Chain]]
# By definition of what is told as a segment is, by which dimensions and values.
ToldBefore = Mapping[str, Mapping[str, Collection[str]]]


def told_before(of: Batch, day: OfDay) -> ToldBefore:
    """The segments of a day, and who of them reached a goal (segments/goals.py), which is a segment, too."""
    return _with_goals(of, day) | _values(of, day.segments)


def count_later(of: Batch, new: Mapping[str, str], day: OfDay, values: ToldBefore) -> None:
    """Fill `staging_segments` and what is counted within. new: by name the definition. values: what is told before."""
    pairs = [*map(pair_of, day.pairs)]
    tables = [*pairs]
    if of.store.rows(f"SELECT 1 {_ENDS.format(mine=of.mine)} LIMIT 1", of.named):
        tables.append(WAYS)
    crossed = {name for table in tables for name in (table.one, table.other)}
    goals = {one.staged: of.days[0].site.goal_definitions[one.staged] for one in day.goals}
    before = [*values]

    def known(of: Batch, marks: Sequence[Marks]) -> Known:
        with counted_before.released(of, day.goals):
            return gathered(
                (
                    *_of_segments(marks[0], [values[definition] for definition in before]),
                    *of_goals(of, marks, _GOALS),
                    *of_pairs(of, marks, [tables], _cells),
                )
            )

    beside = Beside(
        lambda _, twins: marking([*new.values()], goals, crossed, twins, before),
        [crossed],
        known,
        day.unlike,
        day.sections,
    )

    def also(of: Batch, marks: Sequence[Marks], names: Sequence[Sequence[str]], chains: Chains) -> None:
        chosen = chosen_of(of)
        count_vitals(of, marks, names, chosen, {*goals})
        if day.asked:
            count_goals(of, marks, names, chains, chosen, then_told(of, day.goals, day.asked, pairs, day.sections))

    count(of, [[*new]], beside, also)


def _values(of: Batch, segments: Sequence[tuple[str, str, str]]) -> dict[str, dict[str, set[str]]]:
    """By definition of segments that are told by which dimensions and values."""
    grained = f"SELECT segment, grain, dimension, value FROM late_segments WHERE {of.mine}"
    sql = f"SELECT segment, '', dimension, value FROM released_segments WHERE {of.mine} AND grain = 'day'"
    called = {(name, grain): definition for name, grain, definition in segments}
    found: defaultdict[str, dict[str, set[str]]] = defaultdict(lambda: {name: set() for name in SEGMENTS.dimensions})
    for name, grain, dimension, value in of.store.rows(f"{sql} UNION ALL {grained}", of.named):
        if (name, grain) in called:
            found[called[name, grain]][dimension].add(value)
    return dict(found)


def _with_goals(of: Batch, day: OfDay) -> dict[str, dict[str, set[str]]]:
    """Of no value of a dimension: of the whole."""
    segments = {(name, grain): definition for name, grain, definition in day.segments}
    rows = of.store.rows(
        f"""SELECT DISTINCT '', segment, goal FROM released_segment_goals WHERE {of.mine}
        UNION ALL SELECT DISTINCT toString(grain), segment, goal FROM late_segment_goals WHERE {of.mine}""",
        of.named,
    )
    return {
        text_of(Joined("all", (condition_of(segments[segment, grain]), Did(day.within[grain][goal])))): {
            name: {""} if not name else set() for name in SEGMENTS.dimensions
        }
        for grain, segment, goal in rows
        if (segment, grain) in segments and goal in day.within.get(grain, {})
    }


def _of_segments(marks: Marks, values: Sequence[Mapping[str, Collection[str]]]) -> Iterator[Told]:
    for bit, mine in zip(marks.told, values, strict=True):
        for dimension, each in mine.items():
            yield 0, bit, dimension, None
            yield from ((0, bit, dimension, value) for value in each)


_GOALS = "SELECT 0, goal, dimension, value FROM {released} WHERE goal != '' AND currency = ''"


def _cells(of: Batch, pair: Pair) -> str:
    rows = f"""WHERE {of.mine} AND dimension = '{pair.one}' AND by_dimension = '{pair.other}'"""
    cells = f"""SELECT toUInt16(0) AS d, value, by_value FROM released_pairs {rows}
        UNION ALL SELECT toUInt16(0) AS d, value, by_value FROM late_pairs {rows}
        AND startsWith(toString(grain), '{ADDED_PAIRS}')"""
    if pair == WAYS:
        cells += f" UNION ALL SELECT toUInt16(0) AS d, origin, target {_ENDS.format(mine=of.mine)}"
    return cells
