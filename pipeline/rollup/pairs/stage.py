"""Visits → what is released of pairs of dimensions (Q1): counted, suppressed, and staged.

In: the scratch tables `visits`, `values` and `kept` of days that are over. Out: rows in `staging_pairs`, and of goals
in `staging_pair_goals` (goals.py). Promises: people and networks of each cell are counted distinctly; no cell of
fewer than k people is among the rows, and none follows from their sums (lines.py); values beyond the `MOST_VALUES`
most frequent ones of a dimension have none.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from schema.dimensions import OTHER
from schema.measures import OF_CELLS
from schema.pair import Pair, above
from schema.pairs import MOST_VALUES, PAIRS

from ...insert import insert
from ..batch import DAY, NETWORKS, SITE, START, Batch, K
from ..cells.aggregate import EVERYBODY
from ..cells.twins import GOALS, ToldBy, Twins, told, twins_of_goals
from ..scratch import OF_PAIRS, scratch
from .cells import Judged, released, suppress
from .goals import MASKS, fill_converted, goals_of, tell_goals
from .lines import HIDDEN
from .twins import beside, places_of
from .waiting import keep_hidden

# Of visits by the places of their values what else is told: which conditions are twins of values, and by which values
# these are told. It is given the columns of the dimensions that are asked for.
Tells = Callable[[Batch, Mapping[str, str]], tuple[Twins, ToldBy]]
_NONE: Twins = {}
# One statement counts so many at once.
_AT_ONCE = 20
_SUMMED = {one.name: f"sum({one.visit})" for one in PAIRS.measures if one.visit}
# Of visits what these are made of.
_OF_VISIT = tuple(one.visit for one in OF_CELLS if one.name in _SUMMED and one.visit != "came")
_MARKS = ("d", "visitor", "network_number", "visit", "again", "came", *_OF_VISIT)
_PAIRS_OF = "{pairs:Array(Array(UInt16))}[d + 1]"


def cross(of: Batch) -> None:
    """Fill `staging_pairs`, and `withheld` with what is hidden of days of which something waits."""
    if of.has("pairs"):
        waits = [d for d, of_day in enumerate(of.days) if of_day.rules.k_late]
        _cross(of, [of_day.site.crossed for of_day in of.days], _goals, waits=waits)


def cross_later(of: Batch, pairs: Collection[Pair], grains: Collection[str], tells: Tells) -> None:
    """The same of a day that is released: pairs that it was not counted with. grains: of the rows of others that were
    added to it. tells: what it tells beside pairs."""
    _cross(of, [pairs], tells, grains)


def _cross(
    of: Batch,
    each: Sequence[Collection[Pair]],
    tells: Tells,
    grains: Collection[str] | None = None,
    waits: Collection[int] = (),
) -> None:
    """each: the pairs of each site-day. grains: where it is released, those of rows that were added to it. waits: the
    days of which something waits."""
    pairs = sorted({pair for mine in each for pair in mine})
    with scratch(of, OF_PAIRS):
        goals = goals_of(of) if of.has_goals and grains is None else []
        _number(of, pairs, goals)
        given = of.named | {"pairs": [[pairs.index(pair) for pair in mine] for mine in each]}
        for start in range(0, len(pairs), _AT_ONCE):
            numbered = dict(enumerate(pairs[start : start + _AT_ONCE], start=start))
            of.store.command(of.naming(_counting(numbered)), given)
        judged, twins = Judged(), _NONE
        if of.hides:
            dimensions = _dimensions(pairs)
            twins, by = tells(of, {name: name for name in dimensions})
            before = {} if grains is None else released(of, grains)
            judged = suppress(of, pairs, before, beside(twins, by, places_of(of), dimensions), waits)
        keep_hidden(of, pairs, judged.silent)
        if any(goals):
            tell_goals(of, pairs, each, goals, twins, judged)
        named = {"ones": [pair.one for pair in pairs], "others": [pair.other for pair in pairs]}
        of.store.command(of.naming(_STAGE), of.named | named)


def _goals(of: Batch, dimensions: Mapping[str, str]) -> tuple[Twins, ToldBy]:
    """What goals tell of the days."""
    goals = twins_of_goals(of, [d for d, one in enumerate(of.days) if one.site.pairs], "{numbered}", dimensions)
    return goals, told(of, GOALS, {}) if goals else {}


# -- what is counted -------------------------------------------------------------------------------------------------


def _dimensions(pairs: Collection[Pair]) -> list[str]:
    """Those of pairs, and those above them."""
    each = {dimension for pair in pairs for dimension in (pair.one, pair.other)}
    return sorted({one for dimension in each for one in (dimension, *above(dimension))})


def _number(of: Batch, pairs: Collection[Pair], goals: Sequence[Sequence[str]]) -> None:
    """Fill `numbers`, the values by their place among the most frequent ones that are shown, and `numbered`, visits
    with these places in place of values. goals: of each site-day those that visits are marked with."""
    every = _dimensions(pairs)
    of.store.command(of.naming(_NUMBER), {"dimensions": every, "most": MOST_VALUES})
    columns = {name: f"v.{name}" for name in _MARKS} | {name: f"of_{name}.place" for name in every}
    joined = "".join(
        f" LEFT ANY JOIN (SELECT d, value, place FROM {{numbers}} WHERE dimension = '{name}') AS of_{name}"
        f" ON v.d = of_{name}.d AND v.{name} = of_{name}.value"
        for name in every
    )
    if any(goals):
        fill_converted(of, goals)
        columns |= {"mask": "m.mask"}
        joined += f" LEFT ANY JOIN ({MASKS}) AS m ON v.d = m.d AND v.visitor = m.visitor AND v.visit = m.visit"
    of.store.command(of.naming(f"{insert('{numbered}', columns)} FROM {{visits}} AS v {joined} WHERE v.came"))


_NUMBER = f"""
    {insert("{numbers}", {name: name for name in ("d", "dimension", "value", "place")})}
    FROM
    (
        SELECT d, dimension, value,
            row_number() OVER (PARTITION BY d, dimension ORDER BY people DESC, value) AS place
        FROM {{values}}
        WHERE dimension IN {{dimensions:Array(String)}} AND value != '{OTHER}'
            AND (d, dimension, value) IN (SELECT d, dimension, value FROM {{kept}})
    )
    WHERE place <= {{most:UInt16}}"""


def _counting(pairs: dict[int, Pair]) -> str:
    """The statement that fills `crossed`. pairs: by their number."""
    which = f"indexOf([{', '.join(f'grouping({one.one}) + grouping({one.other})' for one in pairs.values())}], 0)"
    ones, others = (", ".join(getattr(one, name) for one in pairs.values()) for name in ("one", "other"))
    columns = {"d": "d", "pair": f"{[*pairs]}[{which}]", "one": f"[{ones}][{which}]", "other": f"[{others}][{which}]"}
    columns |= {"people": EVERYBODY, "networks": NETWORKS} | _SUMMED
    sets = ", ".join(f"(d, {one.one}, {one.other})" for one in pairs.values())
    inserted = insert("{crossed}", {name: f"{sql} AS {name}_" for name, sql in columns.items()})
    return f"{inserted} FROM {{numbered}} GROUP BY GROUPING SETS ({sets}) HAVING has({_PAIRS_OF}, pair_)"


# -- the rows --------------------------------------------------------------------------------------------------------

_ROW = {
    "site": SITE,
    "grain": "'day'",
    "day": DAY,
    "period": f"toDateTime({START}, 'UTC')",
    "dimension": "first",
    "value": "of_one.value",
    "by_dimension": "second",
    "by_value": "of_other.value",
    "visitors": "people",
} | {name: name for name in _SUMMED}
_STAGE = f"""
    {insert("staging_pairs", _ROW)}
    FROM
    (
        SELECT *, {{ones:Array(String)}}[pair + 1] AS first, {{others:Array(String)}}[pair + 1] AS second
        FROM {{crossed}} WHERE one != {HIDDEN} AND other != {HIDDEN}
            AND ({K} = 1 OR (d, pair, one, other) IN (SELECT d, pair, one, other FROM {{uncovered}}))
    ) AS c
    INNER JOIN {{numbers}} AS of_one
        ON c.d = of_one.d AND c.first = of_one.dimension AND c.one = of_one.place
    INNER JOIN {{numbers}} AS of_other
        ON c.d = of_other.d AND c.second = of_other.dimension AND c.other = of_other.place
    SETTINGS max_partitions_per_insert_block = 0"""
