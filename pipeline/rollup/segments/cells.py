"""Of which values segments are shown: what lines.py decides, of each site-day of a batch.

In: the scratch tables `marked`, `kept` and `shown`. Out: `chosen`. Promises: a segment is shown of no value if its own
visitors would follow from the day's pages, sections, hosts or events (touched.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from schema.dimensions import OTHER
from schema.garbage import uncollected
from schema.segments import SEGMENTS

from ..batch import Batch
from ..rule import Rule, Who
from ..suppression.parents import PARENTS
from ..suppression.parity import Masks, grouped
from .known import Beside, Known
from .lines import Chain, Leaf, Path, Value
from .marks import Marks
from .touched import told_by_pages

# By place of a site-day and dimension the values that are told.
ShownValues = Mapping[tuple[int, str], Collection[str]]


def choose(of: Batch, marks: Sequence[Marks], beside: Beside) -> dict[int, list[Chain]]:
    """Fill `chosen`; by site-day the chains, with what is told of them."""
    told = told_values(of)
    wanted = [d for d, one in enumerate(marks) if one.segments and of.days[d].rules.k > 1 and told.get((d, ""))]
    if not wanted:
        return {}
    with uncollected():
        leaves = [_leaves(of, dimensions, told) for dimensions in CHAINS]
    known = beside.known(of, marks)
    barred = told_by_pages(of, marks, told, beside.sections)
    rows: list[tuple[int, str, str, int]] = []
    every: dict[int, list[Chain]] = {}
    for d in wanted:
        rules = of.days[d].rules
        rule = Rule.of(rules)
        near = _near(leaves[0][d], marks[d], rule)
        chains = [
            Chain(
                dimensions,
                mine[d],
                [told.get((d, name), ()) if name not in beside.untold else () for name in dimensions],
                rule,
                _of_chain(known, d, marks[d], near, dimensions),
            )
            for dimensions, mine in zip(CHAINS, leaves, strict=True)
        ]
        every[d] = chains
        for bit in range(marks[d].segments):
            if (d, bit) not in barred:
                rows += ((d, *row, bit) for row in _chosen(chains, bit))
    if rows:
        columns = ("d", "dimension", "value", "segment")
        of.store.insert(of.scratch("chosen"), columns, [list(column) for column in zip(*rows, strict=True)])
    return every


def _chosen(chains: Sequence[Chain], bit: int) -> Iterator[tuple[str, str]]:
    """The dimensions and values that a segment is shown of; of none where it cannot be shown of one chain."""
    looks = [chain.looked_at(bit) for chain in chains]
    found = [look for look in looks if look is not None]
    if len(found) < len(looks):
        return
    yield "", ""
    for chain, look in zip(chains, found, strict=True):
        for dimension, values in chain.take(look).items():
            yield from ((dimension, value) for value in values)


def _chains() -> list[tuple[str, ...]]:
    """Each dimension that has none below it, behind those above it."""
    dimensions = [name for name in SEGMENTS.dimensions if name]
    ends = [name for name in dimensions if name not in {PARENTS.get(one) for one in dimensions}]
    return [(*_above(end), end) for end in ends]


def _above(dimension: str) -> tuple[str, ...]:
    parent = PARENTS.get(dimension, "")
    return (*_above(parent), parent) if parent else ()


CHAINS = _chains()


def told_values(of: Batch) -> ShownValues:
    """By place of a site-day and dimension those that have a row of their own."""
    found: defaultdict[tuple[int, str], set[str]] = defaultdict(set)
    rows = of.store.rows(of.naming(f"SELECT d, dimension, value FROM {{kept}} WHERE value != '{OTHER}'"))
    for d, dimension, value in rows:
        found[d, dimension].add(value)
    return found


def _leaves(of: Batch, dimensions: Sequence[str], told: ShownValues) -> Mapping[int, list[Leaf]]:
    """By site-day what there is at the end of a chain; values that are not told are one."""
    named = [
        f"if((d, '{name}', {name}) IN (SELECT d, dimension, value FROM {{kept}}), toString({name}), '{OTHER}')"
        for name in dimensions
    ]
    values = ", ".join(f"v{nth}" for nth in range(len(named)))
    rows = of.store.rows(
        of.naming(
            f"""SELECT d, {values}, mask, groupUniqArray({of.most.k})(visitor),
                groupUniqArray({{networks}})(network_number)
            FROM (SELECT d, {", ".join(f"{sql} AS v{nth}" for nth, sql in enumerate(named))}, mask, visitor,
                network_number FROM {{marked}})
            GROUP BY d, {values}, mask"""
        ),
        of.named,
    )
    found: defaultdict[int, defaultdict[Path, dict[int, list[Who]]]] = defaultdict(lambda: defaultdict(dict))
    for d, *path, mask, people, its_networks in rows:
        found[d][(*path,)][mask] = [Who(frozenset(people), frozenset(its_networks))]
    return {d: [Leaf(*one) for one in sorted(mine.items())] for d, mine in found.items()}


def _of_chain(
    known: Known, d: int, marks: Marks, near: Collection[int], dimensions: Sequence[str]
) -> dict[int, frozenset[Value]]:
    """Of the conditions of which more is told those that a chain has to do with, each with the values of which it
    is."""
    found = {}
    # Of a dimension of the chain itself a value has the condition or has it not.
    values = [bit for bit, dimension in marks.values.items() if dimension not in dimensions]
    for bit in (*marks.told, *values, *near):
        told = known.get((d, bit), {})
        if any(name in told for name in dimensions):
            each = ((level, told.get(name, ())) for level, name in enumerate(dimensions, start=1))
            found[bit] = frozenset((level, value) for level, values in each for value in values)
    return found


def _near(leaves: Sequence[Leaf], marks: Marks, rule: Rule) -> list[int]:
    """The goals that tell of segments: those that one asks for, and those of which, among the visits that are in a
    segment and reached it, only in it, only reached it, or neither, there are too few people, or none."""
    masks: defaultdict[int, list[Who]] = defaultdict(list)
    for leaf in leaves:
        for mask, who in leaf.crowd.masks.items():
            masks[mask].extend(who)
    return [
        goal
        for goal in marks.goals
        if goal in marks.asked or any(_is_near(masks, bit, goal, rule) for bit in range(marks.segments))
    ]


def _is_near(masks: Masks, bit: int, goal: int, rule: Rule) -> bool:
    parts = grouped(masks, 1 << bit | 1 << goal)
    return len(parts) > 1 and (len(parts) < 4 or not all(map(rule.are_enough, parts.values())))
