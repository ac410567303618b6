"""Who of a cell of a pair reached a goal: counted, suppressed (reached.py), and staged.

In: the scratch tables `numbered` and `reached`, rows in `staging_conversions`, the tables of pairs as they are told.
Out: rows in `staging_pair_goals`. Promises: people and networks of each cell are counted distinctly; a goal is told of
cells that the pair tells, where both values tell the goal; not one that is nearly a value (twins.py), or of which a
segment is nearly a part (parts.py); nor of a pair beside segments that ask for one of its dimensions and for
something else.

Revenue is told of a goal that everybody paid for who reached it on the whole site: then who paid is who reached it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from schema.pair import Pair, above
from schema.pairs import PAIR_GOALS
from schema.segment import Is, condition_of, conditions_in

from ...insert import insert
from ..batch import DAY, ENOUGH, NETWORKS, SITE, START, Batch, K
from ..cells.aggregate import EVERYBODY
from ..cells.twins import BITS, Twins
from ..rule import Rule
from ..segments.goals import told_goals
from .cells import ATOM, Judged, of_atom
from .lines import HIDDEN, Cell
from .parts import parts
from .reached import Day, Goal, Reaching, Value, Where, told_of
from .twins import Places, places_of

_AT_ONCE = 20
_GOALS_OF = "{their_goals:Array(Array(String))}[d + 1]"
_PAIRS_OF = "{pairs:Array(Array(UInt16))}[d + 1]"


def goals_of(of: Batch) -> list[list[str]]:
    """Of each site-day the goals that are asked for, each by its place."""
    return [[goal.name for goal in one.site.goals][:BITS] if one.site.pairs else [] for one in of.days]


def fill_converted(of: Batch, goals: Sequence[Sequence[str]]) -> None:
    """Fill `converted`."""
    of.store.command(of.naming(_CONVERTED), of.named | {"their_goals": goals})


# SQL for the goals of each visit, as a mask.
MASKS = """
    SELECT d, visitor, visit, groupBitOr(bitShiftLeft(toUInt64(1), bit)) AS mask FROM {converted} GROUP BY d, visitor,
    visit"""
_CONVERTED = f"""
    {insert("{converted}", {name: name for name in ("d", "visitor", "visit", "bit", "currency", "times", "amount")})}
    FROM
    (
        SELECT d, visitor, visit, toUInt8(place - 1) AS bit,
            arrayJoin(if(paid_in = '', [''], ['', paid_in])) AS currency, count() AS times, sum(paid) AS amount
        FROM
        (
            SELECT d, visitor, visit, indexOf({_GOALS_OF}, toString(goal)) AS place, toString(r.currency) AS paid_in,
                r.amount AS paid
            FROM {{reached}} AS r WHERE came
        )
        WHERE place > 0 GROUP BY d, visitor, visit, bit, currency
    )"""


def tell_goals(
    of: Batch,
    pairs: Sequence[Pair],
    each: Sequence[Collection[Pair]],
    goals: Sequence[Sequence[str]],
    twins: Twins,
    judged: Judged,
) -> None:
    """Fill `staging_pair_goals`. pairs: by their number; each: those of each site-day. twins: of goals, by places of
    values."""
    numbers = {"pairs": [[pairs.index(pair) for pair in mine] for mine in each]}
    for start in range(0, len(pairs), _AT_ONCE):
        numbered = dict(enumerate(pairs[start : start + _AT_ONCE], start=start))
        of.store.command(of.naming(_counting(numbered)), of.named | numbers)
    if of.hides:
        _suppress(of, pairs, goals, twins, judged)
    _, paid = told_goals(of)
    given = {
        "their_goals": goals,
        "ones": [pair.one for pair in pairs],
        "others": [pair.other for pair in pairs],
        "paid_d": [d for d, _, _ in sorted(paid)],
        "paid_goal": [goal for _, goal, _ in sorted(paid)],
        "paid_in": [currency for *_, currency in sorted(paid)],
    }
    of.store.command(of.naming(_STAGE), of.named | given)


def _counting(pairs: Mapping[int, Pair]) -> str:
    """The statement that fills `converting`. pairs: by their number."""
    which = f"indexOf([{', '.join(f'grouping({one.one}) + grouping({one.other})' for one in pairs.values())}], 0)"
    ones, others = (", ".join(getattr(one, name) for one in pairs.values()) for name in ("one", "other"))
    columns = {"d": "d", "pair": f"{[*pairs]}[{which}]", "one": f"[{ones}][{which}]", "other": f"[{others}][{which}]"}
    columns |= {"bit": "bit", "currency": "currency", "people": EVERYBODY, "networks": NETWORKS}
    columns |= {"times": "sum(times)", "amount": "sum(amount)"}
    sets = ", ".join(f"(d, bit, currency, {one.one}, {one.other})" for one in pairs.values())
    inserted = insert("{converting}", {name: f"{sql} AS {name}_" for name, sql in columns.items()})
    return f"""{inserted} FROM {{numbered}} AS n INNER JOIN {{converted}} AS c USING (d, visitor, visit)
        GROUP BY GROUPING SETS ({sets}) HAVING has({_PAIRS_OF}, pair_)"""


# -- what is told ------------------------------------------------------------------------------------------------------

# By site-day, pair and goal.
_ByGoal = tuple[int, int, int]


def _suppress(of: Batch, pairs: Sequence[Pair], goals: Sequence[Sequence[str]], twins: Twins, judged: Judged) -> None:
    """Fill `telling`."""
    cells = _cells(of, judged)
    if not cells:
        return
    values = _values(of, goals, places_of(of))
    atoms, masks, near = _reaching(of, pairs, cells), _masks(of, pairs, cells), _parts(of, goals)
    rows: list[tuple[int, int, int, int, int]] = []
    for d in sorted({d for d, _, _ in cells}):
        rules = of.days[d].rules
        rule = Rule.of(rules)
        told_by_itself = [bit for bit, name in enumerate(goals[d]) if (d, name) not in twins and bit not in near[d]]
        there = [bit for bit in told_by_itself if (d, bit) in values]
        of_day = Day(
            rule,
            {pairs[number]: shown for (its, number), shown in judged.shown.items() if its == d},
            {pairs[number]: mine for (its, number), mine in masks.items() if its == d},
            mute(of.days[d].site.segment_definitions.values(), pairs),
        )
        told = told_of(
            of_day,
            [
                Goal(
                    bit,
                    values[d, bit],
                    {pairs[number]: mine for (its, number, b), mine in atoms.items() if (its, b) == (d, bit)},
                    {pairs[number]: mine for (its, number, b), mine in cells.items() if (its, b) == (d, bit)},
                )
                for bit in there
            ],
        )
        rows += (
            (d, pairs.index(pair), *cell, bit)
            for pair, by_goal in told.items()
            for bit, mine in by_goal.items()
            for cell in mine
        )
    if rows:
        columns = ("d", "pair", "one", "other", "bit")
        of.store.insert(of.scratch("telling"), columns, [*map(list, zip(*rows, strict=True))])


def _parts(of: Batch, goals: Sequence[Sequence[str]]) -> list[set[int]]:
    """Of each site-day the places of goals of which a segment is nearly a part, or the other way round."""
    sites = [one.site if one.rules.k > 1 else None for one in of.days]
    definitions = [
        [site.goal_definitions[name] for name in mine] if site else [] for site, mine in zip(sites, goals, strict=True)
    ]
    found = parts(of, [[*site.segment_definitions.values()] if site else [] for site in sites], definitions)
    return [{bit for bit, one in enumerate(mine) if one in near} for mine, near in zip(definitions, found, strict=True)]


def mute(segments: Iterable[str], pairs: Iterable[Pair]) -> set[Pair]:
    """The pairs of which no goal is told beside segments of these definitions: one may be who reached it in a row of
    theirs, or who of it did may be a cell."""
    asked: set[str] = set()
    for definition in segments:
        parts = [*conditions_in(condition_of(definition))]
        dimensions = {part.dimension for part in parts if isinstance(part, Is)}
        if len(dimensions) + any(not isinstance(part, Is) for part in parts) > 1:
            asked |= dimensions
    return {pair for pair in pairs if any(_is_near(name, one) for name in asked for one in (pair.one, pair.other))}


def with_goals(of: Batch) -> list[Pair]:
    """The pairs of which released days tell goals."""
    sql = f"SELECT DISTINCT dimension, by_dimension FROM released_{PAIR_GOALS.name} WHERE {of.mine}"
    return [Pair(*row) for row in of.store.rows(sql, of.named)]


def goals_told(of: Batch) -> set[str]:
    """The goals that released days tell of pairs."""
    rows = of.store.rows(f"SELECT DISTINCT goal FROM released_{PAIR_GOALS.name} WHERE {of.mine}", of.named)
    return {name for (name,) in rows}


def _is_near(one: str, other: str) -> bool:
    return one in (other, *above(other)) or other in above(one)


def _cells(of: Batch, judged: Judged) -> dict[_ByGoal, dict[Cell, int]]:
    """The cells of enough people, of those that pairs tell."""
    found: defaultdict[_ByGoal, dict[Cell, int]] = defaultdict(dict)
    sql = f"SELECT d, pair, bit, one, other, people FROM {{converting}} WHERE currency = '' AND {ENOUGH} AND {K} > 1"
    for d, number, bit, one, other, people in of.store.rows(of.naming(sql), of.named):
        if (one, other) in judged.shown.get((d, number), ()):
            found[d, number, bit][one, other] = people
    return {**found}


def _values(of: Batch, goals: Sequence[Sequence[str]], places: Places) -> dict[tuple[int, int], dict[Value, int]]:
    """By site-day and goal the values that tell it, with how many people."""
    sql = (
        f"SELECT {of.which} AS d, goal, dimension, value, converters FROM staging_conversions WHERE {of.mine} AND "
        "grain = 'day' AND currency = ''"
    )
    found: defaultdict[tuple[int, int], dict[Value, int]] = defaultdict(dict)
    for d, goal, dimension, value, people in of.store.rows(sql, of.named):
        place = places.get((d, dimension, value), HIDDEN)
        if goal in goals[d] and (place or not dimension):
            found[d, goals[d].index(goal)][dimension, place] = people
    return {**found}


def _reaching(of: Batch, pairs: Sequence[Pair], cells: Collection[_ByGoal]) -> dict[_ByGoal, list[Reaching]]:
    """Of the pairs and goals of which there are such cells who reached these, by what tells atoms apart."""
    found: defaultdict[_ByGoal, list[Reaching]] = defaultdict(list)
    bits = "arrayJoin(arrayFilter(bit -> bitTest(mask, bit), range(64))) AS bit"
    for number in sorted({number for _, number, _ in cells}):
        sql = f"""
            SELECT {ATOM}, bit, {EVERYBODY} AS people, {NETWORKS} AS networks, {ENOUGH},
                uniqExactIf(visitor, NOT again), groupUniqArrayIf({{networks}})(network_number, NOT again)
            FROM (SELECT {of_atom(number, pairs[number])}, visitor, network_number, again, {bits} FROM {{numbered}}
                WHERE mask != 0)
            GROUP BY {ATOM}, bit"""
        for d, _, one, over, other, beyond, bit, people, _, enough, lone, networks in of.store.rows(
            of.naming(sql), of.named
        ):
            if (d, number, bit) in cells:
                whose = one, tuple(over), other, tuple(beyond)
                found[d, number, bit].append(
                    Reaching(*whose, people, bool(enough), lone=lone, networks=tuple(networks))
                )
    return {**found}


def _masks(
    of: Batch, pairs: Sequence[Pair], cells: Collection[_ByGoal]
) -> defaultdict[tuple[int, int], dict[Where, list[int]]]:
    """Of each atom which goals its visits reached."""
    found: defaultdict[tuple[int, int], dict[Where, list[int]]] = defaultdict(dict)
    days = {d for d, _, _ in cells}
    for number, pair in enumerate(pairs):
        sql = f"SELECT {ATOM}, groupUniqArray(mask) FROM (SELECT {of_atom(number, pair)}, mask FROM {{numbered}})"
        for d, _, one, over, other, beyond, masks in of.store.rows(of.naming(f"{sql} GROUP BY {ATOM}"), of.named):
            if d in days:
                found[d, number][one, tuple(over), other, tuple(beyond)] = masks
    return found


# -- the rows ----------------------------------------------------------------------------------------------------------

_ROW: dict[str, Any] = {
    "site": SITE,
    "grain": "'day'",
    "day": DAY,
    "period": f"toDateTime({START}, 'UTC')",
    "dimension": "first",
    "value": "of_one.value",
    "by_dimension": "second",
    "by_value": "of_other.value",
    "goal": "goal",
    "currency": "currency",
    "converters": "if(currency = '', people, 0)",
    "conversions": "if(currency = '', times, 0)",
    "amount": "if(currency = '', 0, amount)",
    "payers": "if(currency = '', 0, people)",
}
_STAGE = f"""
    {insert(f"staging_{PAIR_GOALS.name}", _ROW)}
    FROM
    (
        SELECT *, {{ones:Array(String)}}[pair + 1] AS first, {{others:Array(String)}}[pair + 1] AS second,
            {_GOALS_OF}[bit + 1] AS goal
        FROM {{converting}} WHERE one != {HIDDEN} AND other != {HIDDEN}
            AND ({K} = 1 OR (d, pair, one, other, bit) IN (SELECT d, pair, one, other, bit FROM {{telling}}))
            AND (currency = '' OR (toInt64(d), goal, toString(currency)) IN
                arrayZip({{paid_d:Array(Int64)}}, {{paid_goal:Array(String)}}, {{paid_in:Array(String)}}))
    ) AS c
    INNER JOIN {{numbers}} AS of_one
        ON c.d = of_one.d AND c.first = of_one.dimension AND c.one = of_one.place
    INNER JOIN {{numbers}} AS of_other
        ON c.d = of_other.d AND c.second = of_other.dimension AND c.other = of_other.place
    SETTINGS max_partitions_per_insert_block = 0"""
