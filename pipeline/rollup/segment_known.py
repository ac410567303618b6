"""What is told elsewhere of the conditions that segments are made of: who reached a goal, and pairs.

In: the scratch tables `marked`, `kept` and `shown`, rows in `staging_pairs`. Out: by condition the dimensions that it
is told by, and of which of their values it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from schema.families import FAMILIES
from schema.journeys import ENDS
from schema.pair import Pair, paired
from schema.site import Site

from .batch import Batch
from .segment_marks import Marks
from .twins import GOALS

# By site-day and bit, and by dimension. Of one that is not there nothing is told.
Known = Mapping[tuple[int, int], Mapping[str, Collection[str]]]

# Ways from entry to exit are such a table, too.
_WAYS = paired("entry_page", "exit_page")


def known_of(of: Batch, marks: Sequence[Marks]) -> Known:
    """What is."""
    found: defaultdict[tuple[int, int], dict[str, set[str]]] = defaultdict(dict)
    for d, bit, dimension, value in (*_of_goals(of, marks), *_of_pairs(of, marks)):
        mine = found[d, bit].setdefault(dimension, set())
        if value is not None:
            mine.add(value)
    return found


def _of_goals(of: Batch, marks: Sequence[Marks]) -> Iterator[tuple[int, int, str, str | None]]:
    if not of.has_goals:
        return
    bits = {(d, name): bit for d, one in enumerate(marks) for bit, name in one.goals.items()}
    for d, name, dimension, value in of.store.rows(of.naming(GOALS)):
        if (d, name) in bits:
            # Of a goal that nobody is told of there is nothing by any dimension.
            if not dimension:
                yield from ((d, bits[d, name], other, None) for other in FAMILIES["conversions"].dimensions)
            yield d, bits[d, name], dimension, value


def _of_pairs(of: Batch, marks: Sequence[Marks]) -> Iterator[tuple[int, int, str, str | None]]:
    tables = [_tables(of_day.site) for of_day in of.days]
    for pair in sorted({pair for mine in tables for pair in mine}):
        for dimension in (pair.one, pair.other):
            asked = [
                (d, bit)
                for d, one in enumerate(marks)
                for bit, its in one.values.items()
                if its == pair.beside(dimension) and pair in tables[d]
            ]
            if asked:
                yield from ((d, bit, dimension, None) for d, bit in asked)
                told = set(asked)
                rows = of.store.rows(of.naming(_told(of, pair, dimension, {bit for _, bit in asked})), of.named)
                yield from ((d, bit, dimension, value) for d, bit, value in rows if (d, bit) in told)


def _tables(site: Site) -> Collection[Pair]:
    """The tables by two dimensions of a site that has segments."""
    if not site.segments:
        return ()
    return (*site.crossed, _WAYS) if site.journeys else site.crossed


def _told(of: Batch, pair: Pair, dimension: str, bits: Collection[int]) -> str:
    """SQL for the values of a dimension of which every cell is told for whose other value a condition holds."""
    cells = f"""SELECT {of.which}, value, by_value FROM staging_pairs
        WHERE {of.mine} AND dimension = '{pair.one}' AND by_dimension = '{pair.other}'"""
    if pair == _WAYS:
        cells += f" UNION ALL SELECT d, origin, target FROM {{ways}} WHERE kind = '{ENDS}'"
    cell = f"(d, toString({pair.one}), toString({pair.other}))"
    return f"""
        SELECT d, bit, toString({dimension}) AS value
        FROM
        (
            SELECT d, {pair.one}, {pair.other}, arrayFilter(bit -> bitTest(any(mask), bit), {sorted(bits)}) AS holding,
                {cell} IN ({cells}) AS is_told
            FROM {{marked}} GROUP BY d, {pair.one}, {pair.other}
        )
        ARRAY JOIN holding AS bit GROUP BY d, bit, value HAVING min(is_told) = 1"""
