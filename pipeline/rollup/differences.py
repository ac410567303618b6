"""What a goal that is added to a released day would tell beside what is released of that day (rule N6).

In: a day that is staged again, with a goal that is new and all that were counted before. Out: by which dimensions the
new one may not be released. Promises: whoever compares it with one that was there before, or with all visitors, learns
of nobody, or of k people of as many networks as rule N4 asks for: of those who reached the one and not the other, of
those in whom both differ, of those who reached neither. So does whoever adds up and subtracts several of those that
were there before, as many as `_combinations` says. It holds on the whole site, in every value, and in what is left of
the whole site without the values that are shown.

Where one value would tell of fewer, the whole dimension is left out: its row would follow from the others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations, product
from typing import Any

from msgspec import Struct

from schema.dimensions import OTHER
from schema.visits import HOUR

from .batch import Batch
from .others import converted


class Known(Struct, frozen=True):
    """A goal that was counted before. staged: its name in the staged day. name: in rows that were released with the
    day; grain: of rows that were added to it, "" where it was released with it."""

    staged: str
    name: str
    grain: str = ""


class Unlike(Struct, frozen=True):
    """What is counted of the day now, beside what was released. whole: the whole site is not what it was, because rows
    are gone. dimensions: those that are not. folded: those of which more is folded now, by stricter rules."""

    whole: bool
    dimensions: frozenset[str]
    folded: frozenset[str]


# By dimension and currency ("": who reached it) what may not be released of a goal; of ("", "") nothing may.
Refused = frozenset[tuple[str, str]]
ALL: Refused = frozenset({("", "")})

_OF_DAY = "grain = 'day' AND by_dimension = ''"
# Of so many rows the store compares all that are wanted within a second or two.
_MOST_ROWS = 5_000_000


def unlike(of: Batch) -> Unlike:
    """Compare the visits that are left with the cells that were released."""
    released = f"FROM released_cells WHERE {of.mine} AND {_OF_DAY} AND value != '{OTHER}'"
    staged = f"FROM staging_cells WHERE {of.mine} AND {_OF_DAY} AND value != '{OTHER}'"
    counted = (
        "SELECT dimension, value, sum(people) AS people, sum(visits) AS many FROM {cells} GROUP BY dimension, value"
    )
    # People and visits: of other measures some are left out where few contributed.
    differ = f"""
        SELECT DISTINCT r.dimension FROM (SELECT dimension, value, visitors, visits {released}) AS r
        LEFT JOIN ({counted}) AS s ON r.dimension = s.dimension AND r.value = s.value
        WHERE s.people != r.visitors OR s.many != r.visits"""
    only = "SELECT DISTINCT dimension {} AND (dimension, value) NOT IN (SELECT dimension, value {})"
    found = _dimensions(of, differ) | _dimensions(of, only.format(staged, released))
    folded = _dimensions(of, only.format(released, staged))
    return Unlike("" in found or "" in folded, found, folded)


def _dimensions(of: Batch, sql: str) -> frozenset[str]:
    return frozenset(dimension for (dimension,) in of.store.rows(of.naming(sql), of.named))


def refused(of: Batch, new: str, known: Sequence[Known]) -> Refused:
    """What may not be released of a goal. new: its name in the staged day. known: all that were counted before."""
    if of.days[0].rules.k == 1:
        return frozenset()
    given: dict[str, Any] = of.named | {
        "new": new,
        "known": [one.staged for one in known],
        **{f"day_{part}": [getattr(one, part) for one in known if not one.grain] for part in ("name", "staged")},
        **{f"added_{part}": [getattr(one, part) for one in known if one.grain] for part in ("grain", "staged")},
    }
    if of.store.rows(of.naming(_few_without(of)), given):
        return ALL
    near = _dimensions(of, "SELECT DISTINCT dimension FROM {conversions}") - {HOUR}
    if not known or not near:
        return frozenset()
    [[people]] = of.store.rows(of.naming("SELECT sum(people) FROM {conversions}"), of.named)
    given["combinations"] = _combinations(len(known), _MOST_ROWS // max(1, people))
    rows = of.store.rows(of.naming(_differing(of, near)), given)
    return frozenset((dimension, currency) for dimension, currency in rows)


def _combinations(goals: int, most: int) -> list[list[int]]:
    """What may be subtracted from a new goal: of each of so many others it, nothing, or less than nothing. Each by
    itself is among them, and then those of as many together as make at most `most`."""
    found: list[list[int]] = []
    for together in range(1, goals + 1):
        if together > 1 and len(found) + math.comb(goals, together) * 2**together > most:
            break
        for places in combinations(range(goals), together):
            for signs in product((1, -1), repeat=together):
                weights = [0] * goals
                for place, sign in zip(places, signs, strict=True):
                    weights[place] = sign
                found.append(weights)
    return found


def _few(people: str, networks: str) -> str:
    """SQL for whether these are somebody, and not enough."""
    enough = f"{people} >= {{ks:Array(UInt32)}}[1] AND {networks} >= {{least_networks:Array(UInt32)}}[1]"
    return f"({people} > 0 AND NOT ({enough}))"


def _few_of(which: str) -> str:
    """The same of people of whom that holds."""
    return _few(f"countIf({which})", f"uniqExactIf(network, {which})")


def _shown(of: Batch) -> str:
    """SQL for what is released of goals that were counted before: (goal, dimension, value, currency)."""
    columns = "dimension, value, currency"
    return f"""
        SELECT transform(toString(goal), {{day_name:Array(String)}}, {{day_staged:Array(String)}}, '') AS goal,
            {columns}
        FROM released_conversions WHERE {of.mine} AND {_OF_DAY}
        UNION ALL
        SELECT transform(toString(grain), {{added_grain:Array(String)}}, {{added_staged:Array(String)}}, '') AS goal,
            {columns}
        FROM late_conversions WHERE {of.mine} AND grain IN {{added_grain:Array(String)}}"""


def _few_without(of: Batch) -> str:
    """The statement that finds something where few of all visitors did not reach the goal, or neither it nor one that
    is shown."""
    return f"""
        SELECT beside FROM
        (
            SELECT visitor, network, goals,
                arrayJoin(arrayPushBack(
                    (SELECT groupUniqArray(goal) FROM ({_shown(of)}) WHERE dimension = ''), {{new:String}}
                )) AS beside
            FROM (SELECT visitor, any(network_number) AS network FROM {{visits}} WHERE came GROUP BY visitor) AS v
            LEFT JOIN
                (SELECT visitor, groupUniqArray(toString(goal)) AS goals FROM {{reached}} GROUP BY visitor) AS r
            USING (visitor)
        )
        WHERE NOT has(goals, beside) AND NOT has(goals, {{new:String}})
        GROUP BY beside HAVING {_few("count()", "uniqExact(network)")}"""


def _differing(of: Batch, near: frozenset[str]) -> str:
    """The statement that finds in which dimensions and currencies few are between the goal and what may be subtracted
    from it. near: the dimensions that are looked at."""
    rows = " UNION ALL ".join(
        f"SELECT visitor, network_number, toString(name) AS goal, toString(currency) AS currency, amount, dimension, "
        f"toString(value) AS of_value FROM ({select})"
        for select in converted(
            near, lambda dimension: f"(SELECT value FROM {{conversions}} WHERE dimension = '{dimension}')"
        )
    )
    named = f"if((dimension, of_value) IN (SELECT dimension, value FROM {{kept}}), of_value, '{OTHER}')"
    staged = f"SELECT dimension, value, currency FROM staging_conversions WHERE {of.mine} AND {_OF_DAY}"
    # A person and a value: what he did of the new goal, and of each that was there before (did; how often, or how much:
    # counts). Both numbers are known of a value that is shown of all these, and of what is left of the whole site
    # without such values. Where one that was there before is not shown itself, its block may tell of it: then it has
    # fewer than the new one, never more.
    return f"""
        WITH
            shown AS ({_shown(of)}),
            acts AS
            (
                SELECT dimension, {named} AS value, goal, currency, visitor, any(network_number) AS from_network,
                    if(currency = '', toInt64(count()), sum(amount)) AS number
                FROM ({rows}) GROUP BY dimension, value, goal, currency, visitor
            ),
            persons AS
            (
                SELECT dimension, value, currency, visitor, any(from_network) AS its_network, groupArray(goal) AS goals,
                    groupArray(number) AS numbers
                FROM acts GROUP BY dimension, value, currency, visitor
            ),
            of_values AS
            (
                SELECT toString(dimension) AS dimension, value, toString(currency) AS currency,
                    groupUniqArray(goal) AS told
                FROM shown GROUP BY dimension, value, currency
            ),
            of_site AS
            (SELECT toString(currency) AS currency, groupUniqArray(goal) AS told FROM shown WHERE dimension = ''
                GROUP BY currency),
            compared AS
            (
                SELECT dimension, value, currency, visitor, its_network, weights,
                    has(goals, {{new:String}}) AS did_new, numbers[indexOf(goals, {{new:String}})] AS new_number,
                    arrayMap(g -> has(goals, g), {{known:Array(String)}}) AS did,
                    arrayMap(g -> numbers[indexOf(goals, g)], {{known:Array(String)}}) AS counts,
                    arrayFilter((g, w) -> w != 0, {{known:Array(String)}}, weights) AS names,
                    (dimension, value, currency) IN ({staged} AND goal = {{new:String}}) AS new_told,
                    hasAll(of_values.told, names) AS known_told,
                    dimension != '' AND hasAll(of_site.told, names) AS has_rest
                FROM (SELECT *, arrayJoin({{combinations:Array(Array(Int8))}}) AS weights FROM persons) AS person
                LEFT JOIN of_values USING (dimension, value, currency)
                LEFT JOIN of_site USING (currency)
            ),
            items AS
            (
                SELECT *, arrayJoin(arrayFilter(one -> one != '', [
                    if(new_told, concat('value ', value), ''),
                    if(has_rest AND NOT (new_told AND known_told), 'rest', ''),
                    if(has_rest AND NOT new_told, 'rest of new', ''),
                    if(has_rest AND NOT known_told, 'rest of known', '')
                ])) AS item
                FROM compared
            ),
            sums AS
            (
                SELECT weights, dimension, currency, item, visitor, any(its_network) AS network,
                    max(known_told) OR NOT startsWith(item, 'value ') AS told,
                    max(did_new) AS is_new, arraySum((w, d) -> w * toInt64(d), weights, maxForEach(did)) AS is_known,
                    sum(new_number) AS of_new, arraySum((w, c) -> w * c, weights, sumForEach(counts)) AS of_known
                FROM items GROUP BY weights, dimension, currency, item, visitor
            )
        SELECT DISTINCT dimension, currency FROM
        (
            SELECT dimension, currency, max(told) AS both, arrayFilter(w -> w != 0, weights) = [1] AS is_one,
                {_few_of("is_new AND is_known = 0")} AS only_new,
                {_few_of("NOT is_new AND is_known = 1")} AS only_known,
                {_few_of("is_new != is_known")} OR {_few_of("of_new != of_known")} AS differing
            FROM sums GROUP BY weights, dimension, currency, item
        )
        WHERE is_one AND (only_new OR both AND only_known) OR both AND differing"""
