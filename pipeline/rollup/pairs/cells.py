"""Which cells of pairs are shown of days that hide some.

In: the scratch tables `crossed`, what is counted of each cell, and `numbered`, visits with the places of their values.
Out: `uncovered`, the cells that are shown, and the tables that tell what waits of the others (waiting.py) and
what is told beside them (goals.py). Promises: who is behind several cells together is counted distinctly.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial

from msgspec import Struct, field

from schema.dimensions import OTHER
from schema.pair import Pair, above, is_above

from ..batch import ENOUGH, NETWORKS, Batch
from ..cells.aggregate import EVERYBODY
from ..suppression.two_way import Line
from .alike import Rows, alike, rows_of
from .lines import HIDDEN, Atom, Cell, Table, in_order
from .twins import Beside
from .waiting import Silent

# A site-day and the number of a pair.
Which = tuple[int, int]
ATOM = "d, pair, one_, above, other_, beyond"
_NOTHING = "emptyArrayUInt16()"
_CELL = ("d", "pair", "one", "other")


class Judged(Struct):
    """shown: of each pair of a day the cells that its own table tells. silent: of days of which something waits."""

    shown: dict[Which, set[Cell]] = field(default_factory=dict)
    silent: list[Silent] = field(default_factory=list)


def suppress(
    of: Batch,
    pairs: Sequence[Pair],
    before: Mapping[Pair, set[Cell]],
    twins: Mapping[int, Beside],
    waits: Collection[int] = (),
) -> Judged:
    """Fill `uncovered`. pairs: by their number. before: what is told of others; twins: and elsewhere. waits: the days
    of which something does."""
    hides = [d for d, of_day in enumerate(of.days) if of_day.rules.k > 1]
    cells, atoms = _cells(of), _atoms(of, pairs)
    beside = {d: twins.get(d, Beside()) for d in hides}
    known = {
        d: {pair: before.get(pair, set()) | beside[d].known.get(pair, set()) for pair in (*before, *beside[d].known)}
        for d in hides
    }
    shown: dict[int, dict[Pair, set[Cell]]] = {d: {pair: {*mine} for pair, mine in before.items()} for d in hides}
    same = alike(of, pairs, {which: mine for which, mine in cells.items() if which[0] in known})
    # What follows of a twin: also cells of enough people that are hidden, which nobody has looked after.
    follows = {d: {pair: {*mine} for pair, mine in known[d].items()} for d in hides}
    rows: list[tuple[int, int, int, int]] = []
    judged = Judged()
    value_of = _values_of(of) if waits else {}
    for nth, step in enumerate(_steps(pairs, one_by_one=bool(same))):
        there = [(d, number) for d in hides for number in map(pairs.index, step) if (d, number) in cells]
        told = {(d, number): rows_of(pairs[number], same.get(d, ()), follows[d], shown[d]) for d, number in there}
        tables: dict[Which, Table] = {}
        for d, number in there:
            pair = pairs[number]
            known[d].setdefault(pair, set()).update(told[d, number].known)
            mine = _open(cells[d, number], pair, beside[d], told[d, number])
            tables[d, number] = Table(pair, atoms[d, number], mine, known[d])
            if d in waits:
                may = partial(_is_open, pair, beside[d], told[d, number])
                judged.silent.append(Silent(d, pair, pairs, tables[d, number], may, partial(_value, value_of, d)))
        covered = _covered(of, pairs, tables, nth)
        for (d, number), table in tables.items():
            judged.shown[d, number] = table.shown(covered[d, number])
            shown[d][pairs[number]] = judged.shown[d, number] | told[d, number].shown
            known[d][pairs[number]] |= shown[d][pairs[number]]
            follows[d][pairs[number]] = known[d][pairs[number]] | cells[d, number].keys()
            rows += ((d, number, *cell) for cell in shown[d][pairs[number]])
    if rows:
        of.store.insert(of.scratch("uncovered"), _CELL, [*map(list, zip(*rows, strict=True))])
    return judged


def _steps(pairs: Sequence[Pair], one_by_one: bool) -> list[list[Pair]]:
    """one_by_one: each is judged by itself, because some tell what others do; children first, behind their parents:
    what these tell of a value that has one is known of its twin."""
    steps = in_order(pairs)
    if not one_by_one:
        return steps
    found: dict[Pair, None] = {}
    for pair in [pair for step in reversed(steps) for pair in step]:
        parents = (one for step in steps for one in step if is_above(one, pair))
        found |= dict.fromkeys((*parents, pair))
    return [[pair] for pair in found]


def released(of: Batch, grains: Collection[str]) -> dict[Pair, set[Cell]]:
    """What is released of a day, by places of values. grains: of the rows that were added to it."""
    found: defaultdict[Pair, set[Cell]] = defaultdict(set)
    columns = "dimension, value, by_dimension, by_value"
    for one, other, *cell in of.store.rows(
        of.naming(
            f"""SELECT r.dimension, r.by_dimension, a.place, b.place
            FROM
            (
                SELECT {columns} FROM released_pairs WHERE {of.mine}
                UNION ALL SELECT {columns} FROM late_pairs WHERE {of.mine} AND grain IN {{grains:Array(String)}}
            ) AS r
            INNER JOIN {{numbers}} AS a ON r.dimension = a.dimension AND r.value = a.value
            INNER JOIN {{numbers}} AS b ON r.by_dimension = b.dimension AND r.by_value = b.value"""
        ),
        of.named | {"grains": sorted(grains)},
    ):
        found[Pair(one, other)].add((cell[0], cell[1]))
    return {**found}


def _open(cells: Mapping[Cell, int], pair: Pair, beside: Beside, told: Rows) -> dict[Cell, int]:
    """Those that may be shown."""
    return {cell: people for cell, people in cells.items() if _is_open(pair, beside, told, cell)}


def _is_open(pair: Pair, beside: Beside, told: Rows, cell: Cell) -> bool:
    twins = ((pair.one, cell[0]), (pair.other, cell[1]))
    return not beside.bars(pair, cell) and told.barred.isdisjoint(twins)


def _values_of(of: Batch) -> dict[tuple[int, str, int], str]:
    rows = of.store.rows(of.naming("SELECT d, dimension, place, value FROM {numbers}"))
    return {(d, dimension, place): value for d, dimension, place, value in rows}


def _value(values: Mapping[tuple[int, str, int], str], d: int, dimension: str, place: int) -> str:
    return values.get((d, dimension, place), OTHER)


def _cells(of: Batch) -> dict[Which, dict[Cell, int]]:
    """The cells of enough people, with how many these are."""
    found: defaultdict[Which, dict[Cell, int]] = defaultdict(dict)
    for d, number, one, other, people in of.store.rows(
        of.naming(
            f"""SELECT {", ".join(_CELL)}, people FROM {{crossed}}
            WHERE {ENOUGH} AND one != {HIDDEN} AND other != {HIDDEN}"""
        ),
        of.named,
    ):
        found[d, number][one, other] = people
    return {**found}


def _atoms(of: Batch, pairs: Sequence[Pair]) -> defaultdict[Which, list[Atom]]:
    """Of a pair of dimensions that have none above them these are the cells."""
    divided = [number for number, pair in enumerate(pairs) if above(pair.one) or above(pair.other)]
    selects = [
        f"""SELECT d, pair, one AS one_, {_NOTHING} AS above, other AS other_, {_NOTHING} AS beyond, people, networks
        FROM {{crossed}} WHERE NOT has({divided}, pair)""",
        *(
            f"""SELECT {of_atom(number, pairs[number])}, {EVERYBODY} AS people, {NETWORKS} AS networks
            FROM {{numbered}} GROUP BY {ATOM}"""
            for number in divided
        ),
    ]
    each = " UNION ALL ".join(f"SELECT {ATOM}, people, networks FROM ({select})" for select in selects)
    found: defaultdict[Which, list[Atom]] = defaultdict(list)
    for d, number, one, over, other, beyond, people, enough in of.store.rows(
        of.naming(f"SELECT {ATOM}, people, {ENOUGH} FROM ({each})"), of.named
    ):
        found[d, number].append(Atom(one, tuple(over), other, tuple(beyond), people, bool(enough)))
    return found


def of_atom(number: int, pair: Pair) -> str:
    """SQL for what tells the atoms of a pair apart, of a row of `numbered`."""
    each = (", ".join(above(name)) for name in (pair.one, pair.other))
    over, beyond = (f"[{names}]" if names else _NOTHING for names in each)
    columns = (pair.one, "one_"), (over, "above"), (pair.other, "other_"), (beyond, "beyond")
    return f"d, toUInt16({number}) AS pair, " + ", ".join(f"{sql} AS {name}" for sql, name in columns)


def _covered(of: Batch, pairs: Sequence[Pair], tables: dict[Which, Table], step: int) -> defaultdict[Which, set[Line]]:
    """The lines of which those of too few are enough people together. step: tells its rows of `few` from others."""
    lines: list[tuple[Which, Line]] = []
    rows: list[tuple[object, ...]] = []
    for which, table in tables.items():
        for line, atoms in _of_few(table, of.days[which[0]].rules.k):
            rows += ((*which, one.one, [*one.above], one.other, [*one.beyond], len(lines), step) for one in atoms)
            lines.append((which, line))
    found: defaultdict[Which, set[Line]] = defaultdict(set)
    for place in _enough(of, pairs, rows, step):
        which, line = lines[place]
        found[which].add(line)
    return found


def _of_few(table: Table, k: int) -> Iterator[tuple[Line, list[Atom]]]:
    """The lines of which those of too few are k people, if none of them is counted twice."""
    few: defaultdict[Line, list[Atom]] = defaultdict(list)
    for line, atom in table.of_few():
        few[line].append(atom)
    yield from ((line, atoms) for line, atoms in few.items() if sum(atom.people for atom in atoms) >= k)


def _enough(of: Batch, pairs: Sequence[Pair], rows: Sequence[tuple[object, ...]], step: int) -> Iterable[int]:
    """The lines that are of enough people. rows: of `few`, atoms each with its line."""
    if not rows:
        return []
    columns = (*ATOM.split(", "), "line", "step")
    of.store.insert(of.scratch("few"), columns, [*map(list, zip(*rows, strict=True))])
    everybody = " UNION ALL ".join(
        f"SELECT visitor, network_number, {of_atom(number, pairs[number])} FROM {{numbered}}"
        for number in sorted({row[1] for row in rows if isinstance(row[1], int)})
    )
    found = of.store.rows(
        of.naming(
            f"""SELECT line FROM
            (
                SELECT d, line, uniqExact(visitor) AS people, {NETWORKS} AS networks
                FROM ({everybody}) AS v INNER JOIN (SELECT * FROM {{few}} WHERE step = {{step:UInt8}}) AS f
                USING ({ATOM}) GROUP BY d, line
            )
            WHERE {ENOUGH}"""
        ),
        of.named | {"step": step},
    )
    return [line for (line,) in found]
