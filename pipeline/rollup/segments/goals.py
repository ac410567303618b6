"""Who of a segment reached a goal, on the whole site: which of these numbers are told, and their rows.

In: the chains of values by which segments are told (lines.py), the scratch table `reached`, rows in
`staging_conversions`. Out: rows in `staging_segment_goals`. Promises: whatever is added and subtracted of these numbers
with those of segments, goals and values, is made of k people or more; none is nearly a cell of a pair, or the visitors
of one page (touched.py).

What a number is of is a segment, too: its visits that reached the goal. It is told of no value, so all of it is hidden
along each chain, and one value guards it: where on masks of enough people it is independent of all else that is told
there. That is asked by parity alone (suppression/parity.py); what this leaves open is not told.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from msgspec import Struct

from schema.dimensions import OTHER
from schema.pair import Pair
from schema.segment import Did, Joined, condition_of, text_of

from ...insert import insert
from ..batch import DAY, ENOUGH, NETWORKS, SITE, START, Batch
from ..cells.aggregate import EVERYBODY
from ..rule import Rule
from ..suppression.parity import Crowd, Parity, grouped, row_of
from .cells import told_values
from .lines import Chain, Path
from .marks import Marks
from .touched import told_by_pages

# So many are looked up by one statement: a visit's mask has 64 bits, and each of them is some text.
_AT_ONCE = 60
# Values of a chain that are asked for one that guards, the largest ones.
_MOST_LEAVES = 20


class Reached(Struct, frozen=True):
    """Visits of a segment that reached a goal. definition: of both together, as that of a segment."""

    segment: str
    goal: str
    definition: str


class Judge:
    """What of a site-day is told. goals: the bits of those of which the whole is."""

    def __init__(self, chains: Sequence[Chain], segments: Collection[int], goals: Collection[int], rule: Rule) -> None:
        self._whole = _whole(chains[0])
        told = [*segments, *goals]
        self._leaves = [[_Guard(chain, path, told, rule) for path in _largest(chain)] for chain in chains]

    def takes(self, segment: int, goal: int) -> bool:
        """Whether the number of both together is told, beside those that were taken before."""
        row, *those = (self._whole.row(bit) for bit in (segment, goal))
        if row & those[0] in (row, those[0]):
            # It is the number of one of them, which is told, or of nobody.
            return row & those[0] != 0
        if not all(any(guard.has(segment, goal) for guard in chain) for chain in self._leaves):
            return False
        for chain in self._leaves:
            for guard in chain:
                guard.add(segment, goal)
        return True


class _Guard:
    """One value of a chain, by masks that are of enough people."""

    def __init__(self, chain: Chain, path: Path, told: Collection[int], rule: Rule) -> None:
        leaf = chain.leaves[path]
        bits = dict.fromkeys((*told, *chain.every(leaf)))
        only = sum(1 << bit for bit in bits)
        self._big = [mask for mask, who in grouped(leaf.crowd.masks, only).items() if rule.are_enough(who)]
        whole = (1 << len(self._big)) - 1
        self._told = Parity(dict.fromkeys(row for row in (whole, *map(self._row, bits)) if row))

    def has(self, segment: int, goal: int) -> bool:
        """Whether enough people are in any combination of that number with all that is told there."""
        return self._told.follows(self._both(segment, goal)) is False

    def add(self, segment: int, goal: int) -> None:
        self._told.add(self._both(segment, goal))

    def _row(self, bit: int) -> int:
        return row_of(bit, self._big)

    def _both(self, segment: int, goal: int) -> int:
        return self._row(segment) & self._row(goal)


def _whole(chain: Chain) -> Crowd:
    masks = dict.fromkeys((mask for leaf in chain.leaves.values() for mask in leaf.crowd.masks), ())
    return Crowd(masks)


def _largest(chain: Chain) -> list[Path]:
    return sorted(chain.leaves, key=lambda path: (-chain.leaves[path].size, path))[:_MOST_LEAVES]


# -- of a batch --------------------------------------------------------------------------------------------------------

# By site-day which goals are told of the whole, and in which currencies everybody paid who reached one.
Told = tuple[dict[int, list[str]], set[tuple[int, str, str]]]


class Then(Struct, frozen=True):
    """What is told of site-days beside these numbers. goals: as above; asked: those that are looked at. crossed: of
    each site-day its pairs; cells: SQL for the cells of one: (d, value, by_value, visitors). sections: such that are
    told beside those of the site, by name what they are."""

    goals: Told
    asked: Mapping[int, Sequence[str]]
    crossed: Sequence[Collection[Pair]]
    cells: Callable[[Batch, Pair], str]
    sections: Mapping[str, str] = {}


def then_of(of: Batch) -> Then:
    """The same of days that are being released."""
    goals = told_goals(of)
    return Then(goals, goals[0], [of_day.site.crossed for of_day in of.days], _staged_cells)


def told_goals(of: Batch) -> Told:
    goals: dict[int, list[str]] = {}
    people: dict[tuple[int, str], int] = {}
    paid = set()
    rows = of.store.rows(_TOLD.format(which=of.which, mine=of.mine), of.named)
    for d, goal, currency, converters, payers in sorted(rows):
        if not currency:
            goals.setdefault(d, []).append(goal)
            people[d, goal] = converters
        # Of those who paid among others nothing is told within a segment.
        elif of.days[d].rules.k == 1 or people.get((d, goal)) == payers:
            paid.add((d, goal, currency))
    return goals, paid


_TOLD = """
    SELECT {which}, goal, currency, converters, payers FROM staging_conversions
    WHERE {mine} AND grain = 'day' AND dimension = '' AND by_dimension = ''"""


def candidates(
    of: Batch,
    marked: Sequence[Marks],
    names: Sequence[Sequence[str]],
    chains: Mapping[int, Sequence[Chain]],
    chosen: Mapping[int, Collection[int]],
    then: Then,
) -> list[list[Reached]]:
    """Of each site-day what may be told. chosen: the segments that are told of the whole."""
    return [
        [*_of_day(of, d, marked[d], names[d], chains.get(d, ()), chosen.get(d, ()), then)] for d in range(len(of.days))
    ]


def _of_day(
    of: Batch,
    d: int,
    marks: Marks,
    names: Sequence[str],
    chains: Sequence[Chain],
    chosen: Collection[int],
    then: Then,
) -> Iterator[Reached]:
    rules, definitions = of.days[d].rules, of.days[d].site.goal_definitions
    goals = then.goals[0].get(d, ())
    bits = {name: bit for bit, name in marks.goals.items()}
    judge: Judge | None = None
    if rules.k > 1:
        # One that no visit was looked up for may be any of these.
        if not chains or not {*goals} <= bits.keys():
            return
        judge = Judge(chains, chosen, [bits[name] for name in goals], Rule.of(rules))
    for segment in sorted(chosen) if rules.k > 1 else range(len(names)):
        for goal in then.asked.get(d, ()):
            if judge is None or judge.takes(segment, bits[goal]):
                both = (condition_of(marks.definitions[segment]), Did(definitions[goal]))
                yield Reached(names[segment], goal, text_of(Joined("all", both)))


def parts(each: Sequence[Sequence[Reached]]) -> Iterator[list[list[Reached]]]:
    """As many as are looked up at once, of each site-day."""
    left = [(d, one) for d, mine in enumerate(each) for one in mine]
    for start in range(0, len(left), _AT_ONCE):
        part: list[list[Reached]] = [[] for _ in each]
        for d, one in left[start : start + _AT_ONCE]:
            part[d].append(one)
        yield part


def stage(of: Batch, part: Sequence[Sequence[Reached]], then: Then) -> None:
    """Stage rows of what `marked` has a bit for."""
    paid = sorted(then.goals[1])
    marks = [Marks([one.definition for one in mine], len(mine)) for mine in part]
    untold: set[tuple[int, int]] = set()
    if of.hides:
        untold = told_by_pages(of, marks, told_values(of), then.sections) | _near_cells(of, part, then)
        untold = {(d, bit) for d, bit in untold if of.days[d].rules.k > 1}
    told = [[one.goal if (d, nth) not in untold else "" for nth, one in enumerate(mine)] for d, mine in enumerate(part)]
    given = {
        "their_segments": [[one.segment for one in mine] for mine in part],
        "their_goals": told,
        "paid_d": [d for d, _, _ in paid],
        "paid_goal": [goal for _, goal, _ in paid],
        "paid_in": [currency for *_, currency in paid],
    }
    of.store.command(of.naming(_STAGE), of.named | given)


_GOALS = "{their_goals:Array(Array(String))}[d + 1]"
_ROW = {
    "site": SITE,
    "grain": "'day'",
    "day": DAY,
    "period": f"toDateTime({START}, 'UTC')",
    "dimension": "''",
    "value": "''",
    "by_dimension": "''",
    "by_value": "''",
    "segment": "{their_segments:Array(Array(String))}[d + 1][bit + 1]",
    "goal": "goal",
    "currency": "paid_in",
    "converters": "if(paid_in = '', people, 0)",
    "conversions": "if(paid_in = '', times, 0)",
    "amount": "paid",
    "payers": "if(paid_in = '', 0, people)",
}
_STAGE = f"""
    {insert("staging_segment_goals", _ROW)}
    FROM
    (
        SELECT d, bit, goal, paid_in, uniqExact(visitor) AS people, {NETWORKS} AS networks, count() AS times,
            sumIf(amount, paid_in != '') AS paid
        FROM
        (
            SELECT d, visitor, visit, network_number,
                arrayJoin(arrayFilter(bit -> bitTest(mask, bit), range(length({_GOALS})))) AS bit
            FROM {{marked}}
        ) AS m
        INNER JOIN
        (
            SELECT d, visitor, visit, toString(goal) AS goal, amount,
                arrayJoin(if(currency = '', [''], ['', toString(currency)])) AS paid_in
            FROM {{reached}} WHERE came
        ) AS r USING (d, visitor, visit)
        WHERE goal = {_GOALS}[bit + 1] AND (paid_in = '' OR (toInt64(d), goal, paid_in) IN
            arrayZip({{paid_d:Array(Int64)}}, {{paid_goal:Array(String)}}, {{paid_in:Array(String)}}))
        GROUP BY d, bit, goal, paid_in
    )
    WHERE {ENOUGH}
    SETTINGS max_partitions_per_insert_block = 0"""


def _near_cells(of: Batch, part: Sequence[Sequence[Reached]], then: Then) -> set[tuple[int, int]]:
    """Those that differ from a told cell of a pair by too few."""
    found: set[tuple[int, int]] = set()
    people = {(d, bit): many for d, bit, many in of.store.rows(of.naming(_PEOPLE))}
    for pair in sorted({pair for mine in then.crossed for pair in mine}):
        rows = of.store.rows(then.cells(of, pair), of.named)
        cells: dict[tuple[int, str, str], int] = {(d, one, other): many for d, one, other, many in rows}
        near = {
            (*cell, bit): many
            for cell, many in cells.items()
            for bit in range(len(part[cell[0]]))
            if abs(people.get((cell[0], bit), 0) - many) < Rule.of(of.days[cell[0]].rules).always_enough
        }
        if near:
            both = {(d, one, other, bit): many for d, one, other, bit, many in of.store.rows(of.naming(_both(pair)))}
            for key, many in near.items():
                differ = many + people.get((key[0], key[-1]), 0) - 2 * both.get(key, 0)
                if 0 < differ < Rule.of(of.days[key[0]].rules).always_enough:
                    found.add((key[0], key[-1]))
    return found


def _staged_cells(of: Batch, pair: Pair) -> str:
    return f"""SELECT {of.which}, value, by_value, visitors FROM staging_pairs
        WHERE {of.mine} AND dimension = '{pair.one}' AND by_dimension = '{pair.other}'"""


_BITS = "arrayJoin(arrayFilter(bit -> bitTest(mask, bit), range(64)))"
_PEOPLE = f"SELECT d, {_BITS} AS bit, {EVERYBODY} FROM {{marked}} GROUP BY d, bit"


def _both(pair: Pair) -> str:
    one, other = pair.one, pair.other
    return f"""
        SELECT d, toString({one}) AS one, toString({other}) AS other, {_BITS} AS bit, uniqExact(visitor)
        FROM {{marked}} WHERE {one} != '{OTHER}' GROUP BY d, one, other, bit"""
