"""Which conversion rates by bands of web vitals are shown of a day, so that none tells of fewer than k people.

In: the scratch tables `visits`, `reached` and `kept`. Out: `experience`, the rows that are shown. Promises: who is in a
band and reached the goal are k people of as many networks as rule N4 asks for, and so are those who did not: a rate of
0 or 100 percent would tell of everybody in it. The same holds for whatever follows by subtraction.

What can be subtracted: the goal's converters and the people of whom the vital was measured are told elsewhere. So the
converters less those of the bands that are shown are those of the hidden band together with those of whom nothing was
measured (the rest), and the people measured less those of the bands that are shown are those of the hidden band.

- *A table is sound* if of each band that it shows, and of its rest, nobody is there, or k reached the goal and k did
  not; and of the band that it hides nobody is there, or k people.
- *One layout a day and vital,* for all goals and values, because the people of a band are the same in each: two bands
  that one goal tells together would follow from another that does not. The one that shows most is taken.
- *Values of a dimension* are shown in the same layout where they are sound, and what they leave of the whole is sound,
  too: else the smallest goes along. A goal shows no value that one with more converters does not: what is left by all
  goals together is left by one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence

from msgspec import Struct

from schema.dimensions import OTHER
from schema.experience import BANDS, EXPERIENCE, FAIR, GOOD, POOR, RATED, TOGETHER
from schema.vitals import VITALS

from ..batch import Batch
from ..rule import Rule
from ..shape import band_of, by_each

# A band, or several as one.
Bands = tuple[str, ...]
Layout = tuple[Bands, ...]
# The first of those that show as much is taken.
WHOLE: Layout = ((GOOD,), (FAIR,), (POOR,))
LAYOUTS: tuple[Layout, ...] = (
    WHOLE,
    ((GOOD,), (POOR,)),
    ((GOOD,), (FAIR, POOR)),
    ((GOOD, FAIR), (POOR,)),
    ((GOOD,), (FAIR,)),
    ((FAIR,), (POOR,)),
)
# Of whom nothing was measured.
UNMEASURED = ""


class Group(Struct, frozen=True):
    """People of one band who reached the same goals."""

    band: str
    goals: frozenset[str]
    people: int
    networks: frozenset[Hashable]


class Side(Struct, frozen=True):
    """How many people, and from which networks, as far as is asked for."""

    people: int = 0
    networks: frozenset[Hashable] = frozenset()

    def __add__(self, other: Side) -> Side:
        return Side(self.people + other.people, self.networks | other.networks)


class Cell(Struct, frozen=True):
    """Of bands who reached the goal, and who did not."""

    reached: Side = Side()
    missed: Side = Side()

    def __add__(self, other: Cell) -> Cell:
        return Cell(self.reached + other.reached, self.missed + other.missed)

    @property
    def everybody(self) -> Side:
        return self.reached + self.missed

    def is_sound(self, rule: Rule) -> bool:
        return not self.everybody.people or (is_enough(self.reached, rule) and is_enough(self.missed, rule))


# By band.
Table = Mapping[str, Cell]


def is_enough(side: Side, rule: Rule) -> bool:
    return rule.enough(side.people, len(side.networks))


def table_of(groups: Iterable[Group], goal: str) -> Table:
    found: defaultdict[str, Cell] = defaultdict(Cell)
    for group in groups:
        side = Side(group.people, group.networks)
        found[group.band] += Cell(side, Side()) if goal in group.goals else Cell(Side(), side)
    return found


def added(tables: Iterable[Table]) -> Table:
    found: defaultdict[str, Cell] = defaultdict(Cell)
    for table in tables:
        for band, cell in table.items():
            found[band] += cell
    return found


def cell_of(table: Table, bands: Collection[str]) -> Cell:
    return sum((table[band] for band in bands if band in table), start=Cell())


def hidden_of(layout: Layout) -> Bands:
    """The bands that it leaves out."""
    return tuple(band for band in BANDS if not any(band in bands for bands in layout))


def is_sound(table: Table, layout: Layout, rule: Rule) -> bool:
    """Whether what is shown of it, and what follows, is of k people."""
    hidden = hidden_of(layout)
    of_hidden = cell_of(table, hidden).everybody
    each = [*layout, (*hidden, UNMEASURED)]
    return (not of_hidden.people or is_enough(of_hidden, rule)) and all(
        cell_of(table, bands).is_sound(rule) for bands in each
    )


def shown_of(table: Table, layout: Layout) -> dict[str, Cell]:
    """The cells that somebody is in, by what they are called."""
    cells = {TOGETHER.join(bands): cell_of(table, bands) for bands in layout}
    return {name: cell for name, cell in cells.items() if cell.everybody.people}


def is_told(table: Table, layout: Layout, rule: Rule) -> bool:
    """Whether it is sound, and there is something to compare."""
    return len(shown_of(table, layout)) > 1 and is_sound(table, layout, rule)


def layout_of(tables: Mapping[str, Table], rule: Rule) -> tuple[Layout, list[str]]:
    """That of a day and vital, and the goals that are shown. tables: of the whole site, by goal, most converters
    first."""
    return fullest(tables, ((one, [goal for goal in tables if is_told(tables[goal], one, rule)]) for one in LAYOUTS))


def fullest(tables: Mapping[str, Table], found: Iterable[tuple[Layout, list[str]]]) -> tuple[Layout, list[str]]:
    """The one that shows most. found: layouts with the goals that they show."""
    return max(found, key=lambda one: sum(len(shown_of(tables[goal], one[0])) for goal in one[1]))


def values_of(tables: Mapping[str, Table], among: Collection[str], layout: Layout, rule: Rule) -> list[str]:
    """The values that are shown. tables: of all values. among: those that may be."""
    sizes = {value: cell_of(tables[value], BANDS).everybody.people for value in among if value in tables}
    shown = sorted(sizes, key=lambda value: (sizes[value], value))
    shown = [value for value in shown if is_told(tables[value], layout, rule)]
    while shown and not is_sound(added(one for value, one in tables.items() if value not in shown), layout, rule):
        del shown[0]
    return shown


Row = tuple[str, str, str, str, str, int, int]


def rows_of(
    vital: str, groups: Mapping[str, Mapping[str, Sequence[Group]]], goals: Collection[str], rule: Rule
) -> list[Row]:
    """What is shown of a day and vital: (dimension, value, vital, goal, band, people, converters). groups: by dimension
    and value; `(other)` are those that have no row."""
    whole = {goal: table_of(groups[""][""], goal) for goal in goals}
    whole = dict(sorted(whole.items(), key=lambda one: (-cell_of(one[1], one[1]).reached.people, one[0])))
    layout, told = layout_of(whole, rule) if rule.k > 1 else (WHOLE, [*whole])
    rows: list[Row] = []
    for dimension, by_value in groups.items():
        among: Collection[str] = by_value.keys() - {OTHER}
        for goal in told:
            tables = {value: table_of(each, goal) for value, each in by_value.items()}
            if dimension and rule.k > 1:
                among = values_of(tables, among, layout, rule)
            rows += [
                (dimension, value, vital, goal, band, cell.everybody.people, cell.reached.people)
                for value in among
                for band, cell in shown_of(tables[value], layout).items()
            ]
    return rows


# -- who is in which band ------------------------------------------------------------------------------------------


# SQL for (vital, band) of each vital, of measurements of which `every` is a list for each. By one lambda: written out
# for each of them it took twice as long to plan.
_OF = {name: ([*VITALS].index(name) + 1, VITALS[name]) for name in RATED}
_MINE = f"""arrayMap(place -> arraySort(arrayFilter(v -> v >= 0, arrayMap(one -> one[place], every))),
                {[place for place, _ in _OF.values()]})"""
_VALUE = "mine[toUInt32(ceil(0.75 * length(mine)))]"
_BAND = f"if(empty(mine), '{UNMEASURED}', {band_of(_VALUE, 'good', 'poor')})"
_BANDS = f"""arrayMap((vital, mine, good, poor) -> (vital, {_BAND}), {[*_OF]}, {_MINE},
                {[float(one.good) for _, one in _OF.values()]}, {[float(one.poor) for _, one in _OF.values()]})"""


def _kept(dimension: str) -> str:
    shown = f"(SELECT d, value FROM {{kept}} WHERE dimension = '{dimension}')"
    return f"if((d, its_{dimension}) IN {shown}, toString(its_{dimension}), '{OTHER}') AS {dimension}"


_DIMENSIONS = [name for name in EXPERIENCE.dimensions if name]
_BY, _EACH = by_each({name: name for name in _DIMENSIONS}, "d", "vital", "band", "goals", whole=True)
# Everybody, once for each vital. Who only sends reports is in a band, but nobody who came.
EACH = f"""
    SELECT * FROM
    (
        SELECT d, network, came, goals, {", ".join(map(_kept, _DIMENSIONS))},
            arrayJoin({_BANDS}) AS one,
            one.1 AS vital, one.2 AS band
        FROM
        (
            SELECT d, visitor, any(network_number) AS network, max(came) AS came,
                argMin(first_device, visit) AS its_device, argMinIf(entry_section, visit, viewed > 0) AS its_section,
                groupArrayArray(measured.vitals) AS every
            FROM {{visits}} GROUP BY d, visitor
        ) AS people
        LEFT JOIN
        (
            SELECT d, visitor, arraySort(groupUniqArray(toString(goal))) AS goals FROM {{reached}} GROUP BY d, visitor
        ) AS converted USING (d, visitor)
    )
    WHERE band != '{UNMEASURED}' OR came"""
_FIND = f"""
    SELECT d, vital, {", ".join(_BY.values())}, band, goals, count(), groupUniqArray({{networks}})(network)
    FROM ({EACH}) GROUP BY {_EACH}"""
_COLUMNS = ("d", "dimension", "value", *EXPERIENCE.key_names, *EXPERIENCE.measure_names)


def fill_experience(of: Batch) -> None:
    """Fill `experience`."""
    shown = {d for (d,) in of.store.rows(of.naming("SELECT d FROM {kept} WHERE dimension = ''"))}
    found: dict[tuple[int, str], dict[str, dict[str, list[Group]]]] = {}
    for d, vital, dimension, value, band, goals, people, networks in of.store.rows(of.naming(_FIND), of.named):
        values = found.setdefault((d, vital), {}).setdefault(dimension, {})
        values.setdefault(value, []).append(Group(band, frozenset(goals), people, frozenset(networks)))
    rows = []
    for (d, vital), groups in sorted(found.items()):
        one = of.days[d]
        rule = Rule.of(one.rules)
        if d in shown and one.site.goals:
            goals_of = [goal.name for goal in one.site.goals]
            rows += [(d, *row) for row in rows_of(vital, groups, goals_of, rule)]
    put(of, rows)


def put(of: Batch, rows: Sequence[tuple[object, ...]]) -> None:
    """Fill `experience`. rows: d, and a `Row`."""
    if rows:
        of.store.insert(of.scratch(EXPERIENCE.name), _COLUMNS, [list(column) for column in zip(*rows, strict=True)])
