"""What is told elsewhere of the conditions that segments are made of: who reached a goal, and pairs.

In: the scratch tables `marked`, `kept` and `shown`, rows in `staging_pairs`. Out: by condition the dimensions that it
is told by, and of which of their values it is; what of that is the same of days that are released (added/segments.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from schema.families import FAMILIES
from schema.journeys import ENDS
from schema.pair import Pair, paired
from schema.segment import Is
from schema.site import Site

from ..batch import Batch
from ..cells.twins import GOALS
from .marks import Marks, beside, marks_of

# By site-day and bit, and by dimension. Of one that is not there nothing is told.
Known = Mapping[tuple[int, int], Mapping[str, Collection[str]]]
# Of a site-day and a bit a value of a dimension; None: it may be told by that dimension.
Told = tuple[int, int, str, str | None]

# Ways from entry to exit are such a table, too.
WAYS = paired("entry_page", "exit_page")


class Beside(Struct, frozen=True):
    """How it is found what is told beside segments. marks: of a site-day, by its place and the values that are twins of
    its segments, which conditions are looked up. crossed: of each site-day the dimensions of tables by two. known: what
    is told of the conditions. untold: the dimensions of which no value is shown. sections: such that are told beside
    those of the site, by a name their definition."""

    marks: Callable[[int, Collection[Is]], Marks]
    crossed: Sequence[Collection[str]]
    known: Callable[[Batch, Sequence[Marks]], Known]
    untold: Collection[str] = ()
    sections: Mapping[str, str] = {}


def beside_of(of: Batch) -> Beside:
    """The same of days that are being released."""
    return Beside(
        lambda d, twins: marks_of(of.days[d].site, twins),
        [beside(one.site) for one in of.days],
        lambda of, marks: gathered((*_of_goals(of, marks), *_of_pairs(of, marks))),
    )


def gathered(told: Iterable[Told]) -> Known:
    """What is told, one thing after the other."""
    found: defaultdict[tuple[int, int], dict[str, set[str]]] = defaultdict(dict)
    for d, bit, dimension, value in told:
        mine = found[d, bit].setdefault(dimension, set())
        if value is not None:
            mine.add(value)
    return found


def _of_goals(of: Batch, marks: Sequence[Marks]) -> Iterator[Told]:
    return of_goals(of, marks, GOALS) if of.has_goals else iter(())


def of_goals(of: Batch, marks: Sequence[Marks], sql: str) -> Iterator[Told]:
    """sql: for (d, name, dimension, value) of goals that are told."""
    bits = {(d, name): bit for d, one in enumerate(marks) for bit, name in one.goals.items()}
    for d, name, dimension, value in of.store.rows(of.naming(sql)):
        if (d, name) in bits:
            # Of a goal that nobody is told of there is nothing by any dimension.
            if not dimension:
                yield from ((d, bits[d, name], other, None) for other in FAMILIES["conversions"].dimensions)
            yield d, bits[d, name], dimension, value


def _of_pairs(of: Batch, marks: Sequence[Marks]) -> Iterator[Told]:
    return of_pairs(of, marks, [_tables(of_day.site) for of_day in of.days], _cells)


def of_pairs(
    of: Batch, marks: Sequence[Marks], tables: Sequence[Collection[Pair]], cells: Callable[[Batch, Pair], str]
) -> Iterator[Told]:
    """tables: of each site-day those by two dimensions. cells: SQL for what is told of one: (d, value, by_value)."""
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
                sql = _told(cells(of, pair), pair, dimension, {bit for _, bit in asked})
                rows = of.store.rows(of.naming(sql), of.named)
                yield from ((d, bit, dimension, value) for d, bit, value in rows if (d, bit) in told)


def _tables(site: Site) -> Collection[Pair]:
    """The tables by two dimensions of a site that has segments."""
    if not site.segments:
        return ()
    return (*site.crossed, WAYS) if site.journeys else site.crossed


def _cells(of: Batch, pair: Pair) -> str:
    cells = f"""SELECT {of.which}, value, by_value FROM staging_pairs
        WHERE {of.mine} AND dimension = '{pair.one}' AND by_dimension = '{pair.other}'"""
    if pair == WAYS:
        cells += f" UNION ALL SELECT d, origin, target FROM {{ways}} WHERE kind = '{ENDS}'"
    return cells


def _told(cells: str, pair: Pair, dimension: str, bits: Collection[int]) -> str:
    """SQL for the values of a dimension of which every cell is told for whose other value a condition holds."""
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
