"""Where few are between something that is new and what was counted before, or sums and differences of that.

In: who did what, and where what was counted before is released (`released` of counted_before.py). Out: by which
dimensions and currencies the new one may not be released. Promises: as goal_differences.py, whatever is compared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations, product

from schema.dimensions import OTHER

from ..batch import Batch
from .counted_before import CountedBefore

# By dimension and currency ("": who reached it) what may not be released of a goal; of ("", "") nothing may.
Refused = frozenset[tuple[str, str]]
ALL: Refused = frozenset({("", "")})

# So many rows of people and values are compared, each with every choice of other goals: within seconds.
_MOST_ROWS = 400_000
_MOST_WEIGHTS = 800


def few_beside(of: Batch, new: str) -> bool:
    """Whether few of all visitors are not of the new one, or neither of it nor of one that is in `released`."""
    return bool(of.store.rows(of.naming(_FEW_WITHOUT), of.named | {"new": new}))


def differing(
    of: Batch, new: str, known: Sequence[CountedBefore], acts: str, told: str, number: str = "number"
) -> Refused:
    """Where few are between the new one and what may be subtracted from it, which is in `released`. acts: the table of
    who did what. told: SQL for where the new one would be told: (dimension, value, currency); "": of the whole site
    alone. number: a column of the table."""
    if not known:
        return frozenset()
    given = of.named | {"new": new, "known": [one.staged for one in known]}
    [[people]] = of.store.rows(of.naming(f"SELECT count() FROM {acts}"), of.named)
    weights = _combinations(len(known), _MOST_ROWS // max(1, people))
    names = [[one.staged for one, weight in zip(known, each, strict=True) if weight] for each in weights]
    given |= {"combinations": weights, "sets": [list(each) for each in dict.fromkeys(map(tuple, names))]}
    rows = of.store.rows(of.naming(_differing(of, acts, told, number)), given)
    return frozenset((dimension, currency) for dimension, currency in rows)


def _combinations(goals: int, most: int) -> list[list[int]]:
    """What may be subtracted from a new goal: of each of so many others it, nothing, or less than nothing. Each by
    itself is among them, and then those of as many together as make at most `most`."""
    found: list[list[int]] = []
    choices = 0
    for together in range(1, goals + 1):
        choices += math.comb(goals, together)
        if together > 1 and (choices > most or len(found) + math.comb(goals, together) * 2**together > _MOST_WEIGHTS):
            break
        for places in combinations(range(goals), together):
            for signs in product((1, -1), repeat=together):
                weights = [0] * goals
                for place, sign in zip(places, signs, strict=True):
                    weights[place] = sign
                found.append(weights)
    return found


def few(people: str, networks: str) -> str:
    """SQL for whether these are somebody, and not enough."""
    enough = f"{people} >= {{ks:Array(UInt32)}}[1] AND {networks} >= {{least_networks:Array(UInt32)}}[1]"
    return f"({people} > 0 AND NOT ({enough}))"


def _few_of(which: str) -> str:
    """The same of those of whom that holds, among people who did the same: so many of so many networks."""
    return few(f"sumIf(people, {which})", f"length(groupUniqArrayArrayIf(networks, {which}))")


# Finds something where few of all visitors did not reach the goal, or neither it nor one that is shown.
_FEW_WITHOUT = f"""
    SELECT beside FROM
    (
        SELECT visitor, network, goals,
            arrayJoin(arrayPushBack(
                (SELECT groupUniqArray(goal) FROM {{released}} WHERE dimension = ''), {{new:String}}
            )) AS beside
        FROM (SELECT visitor, any(network_number) AS network FROM {{visits}} WHERE came GROUP BY visitor) AS v
        LEFT JOIN
            (SELECT visitor, groupUniqArray(toString(goal)) AS goals FROM {{reached}} GROUP BY visitor) AS r
        USING (visitor)
    )
    WHERE NOT has(goals, beside) AND NOT has(goals, {{new:String}})
    GROUP BY beside HAVING {few("count()", "uniqExact(network)")}"""

_WHOLE = "SELECT '' AS dimension, '' AS value, '' AS currency"
# What is left of a whole without the values that are told, and who did the same of it.
_LEFT = """
            left AS
            (
                SELECT dimension, currency, concat(item, ' ', of_dimension, ' ', of_value) AS which, names, visitor,
                    any(its_network) AS network, max(is_new) AS any_new, sum(of_new) AS sum_new,
                    maxForEach(did) AS any_did, sumForEach(counts) AS sum_counts
                FROM
                (
                    SELECT *, arrayJoin(arrayFilter(one -> one != '', [
                        if(new_told AND hasAll(value_told, names), '', 'all'),
                        if(new_told, '', 'of new'),
                        if(hasAll(value_told, names), '', 'of known')
                    ])) AS item
                    FROM (SELECT *, arrayJoin({sets:Array(Array(String))}) AS names FROM vectors)
                    WHERE dimension != '' AND new_whole AND hasAll(whole_told, names)
                )
                GROUP BY dimension, currency, which, names, visitor
            ),
"""
_OF_LEFT = """
                UNION ALL
                SELECT dimension, currency, which, names AS told, names, any_new, sum_new, any_did, sum_counts,
                    count() AS people, groupUniqArray({networks})(network) AS networks
                FROM left GROUP BY dimension, currency, which, names, any_new, sum_new, any_did, sum_counts
"""


def _differing(of: Batch, acts: str, told: str, number: str) -> str:
    """The statement that finds in which dimensions and currencies few are between the goal and what may be subtracted
    from it."""
    # A person and a value: what he did of the new goal, and of each that was there before (did; how often, or how much:
    # counts). Both numbers are known of a value that is shown of all these, and of what is left of the whole site, or
    # of a parent (rule N3), without such values. Where one that was there before is not shown itself, its block may
    # tell of it: then it has fewer than the new one, never more. Who did the same is compared once.
    # Of the whole site alone nothing is left of it.
    left, of_left = (_LEFT, _OF_LEFT) if told else ("", "")
    told = told or _WHOLE
    return f"""
        WITH
            persons AS
            (
                SELECT of_dimension, of_value, dimension, value, currency, visitor, any(network) AS its_network,
                    groupArray(goal) AS goals, groupArray({number}) AS numbers
                FROM {acts} GROUP BY of_dimension, of_value, dimension, value, currency, visitor
            ),
            of_values AS
            (
                SELECT toString(dimension) AS dimension, value, toString(currency) AS currency,
                    groupUniqArray(goal) AS told
                FROM {{released}} GROUP BY dimension, value, currency
            ),
            of_wholes AS
            (SELECT dimension AS of_dimension, value AS of_value, currency, told FROM of_values),
            vectors AS
            (
                SELECT of_dimension, of_value, dimension, value, currency, visitor, its_network,
                    has(goals, {{new:String}}) AS is_new, numbers[indexOf(goals, {{new:String}})] AS of_new,
                    arrayMap(g -> has(goals, g), {{known:Array(String)}}) AS did,
                    arrayMap(g -> numbers[indexOf(goals, g)], {{known:Array(String)}}) AS counts,
                    -- What is folded is of all parents together.
                    of_dimension = '' OR value != '{OTHER}' AS may_be_told,
                    may_be_told AND (dimension, value, currency) IN ({told}) AS new_told,
                    (of_dimension, of_value, currency) IN ({told}) AS new_whole,
                    if(may_be_told, of_values.told, []) AS value_told, of_wholes.told AS whole_told
                FROM persons
                LEFT JOIN of_values USING (dimension, value, currency)
                LEFT JOIN of_wholes USING (of_dimension, of_value, currency)
            ),
            {left}
            alike AS
            (
                SELECT dimension, currency, concat('value ', value) AS item, value_told AS told,
                    CAST([], 'Array(String)') AS names, is_new, of_new, did, counts,
                    count() AS people, groupUniqArray({{networks}})(its_network) AS networks
                FROM vectors WHERE new_told AND of_dimension = ''
                GROUP BY dimension, currency, item, told, is_new, of_new, did, counts
                {of_left}
            ),
            compared AS
            (
                SELECT dimension, currency, item, weights, is_new, of_new, people, networks,
                    arrayFilter((g, w) -> w != 0, {{known:Array(String)}}, weights) AS those,
                    hasAll(told, those) AS both, arrayFilter(w -> w != 0, weights) = [1] AS is_one,
                    arraySum((w, d) -> w * toInt64(d), weights, did) AS is_known,
                    arraySum((w, c) -> w * c, weights, counts) AS of_known
                FROM (SELECT *, arrayJoin({{combinations:Array(Array(Int8))}}) AS weights FROM alike)
                WHERE (both OR is_one) AND (empty(names) OR names = those)
            )
        SELECT DISTINCT dimension, currency FROM
        (
            SELECT dimension, currency, any(both) AS known_told, any(is_one) AS one,
                {_few_of("is_new AND is_known = 0")} AS only_new,
                {_few_of("NOT is_new AND is_known = 1")} AS only_known,
                {_few_of("is_new != is_known")} OR {_few_of("of_new != of_known")} AS differing
            FROM compared GROUP BY weights, dimension, currency, item
        )
        WHERE one AND (only_new OR known_told AND only_known) OR known_told AND differing"""
