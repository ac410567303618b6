"""What a goal that is added to a released day would tell beside what is released of that day (rule N6).

In: a day that is staged again, with a goal that is new and all that were counted before. Out: by which dimensions the
new one may not be released. Promises: whoever compares it with one that was there before, or with all visitors, learns
of nobody, or of k people of as many networks as rule N4 asks for: of those who reached the one and not the other, of
those in whom both differ, of those who reached neither; and of those who saw pages, of it or others, that the day does
not show. So does whoever adds up and subtracts several of those that were there before, as many as `_combinations`
says. It holds on the whole site, in every value, and in what is left of
the whole site without the values that are shown.

Where one value would tell of fewer, the whole dimension is left out: its row would follow from the others.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from itertools import combinations, product
from typing import Any

from msgspec import Struct

from schema.dimensions import OTHER
from schema.event import PAGEVIEW
from schema.goal import OF_VISIT

from ..insert import insert
from .batch import Batch
from .hits import OF_HITS
from .parents import PARENTS
from .touched import converted


class Known(Struct, frozen=True):
    """A goal, or a section, that was counted before. staged: its name in the staged day. name: in rows that were
    released with the day; grain: of rows that were added to it, "" where it was released with it."""

    staged: str
    name: str
    grain: str = ""
    is_section: bool = False


class Unlike(Struct, frozen=True):
    """What is counted of the day now, beside what was released. whole: the whole site is not what it was, because rows
    are gone. dimensions: those that are not. folded: those of which more is folded now, by stricter rules."""

    whole: bool
    dimensions: frozenset[str]
    folded: frozenset[str]


# By dimension and currency ("": who reached it) what may not be released of a goal; of ("", "") nothing may.
Refused = frozenset[tuple[str, str]]
ALL: Refused = frozenset({("", "")})

# The kinds of goals that are of events by their names; others are of pages.
_OF_EVENTS = ("event", "revenue")
_OF_DAY = "grain = 'day' AND by_dimension = ''"
# So many rows of people and values are compared, each with every choice of other goals: within seconds.
_MOST_ROWS = 400_000
_MOST_WEIGHTS = 800
# Of what was counted before: its name in the staged day, and where it is released.
_RELEASED = "goal String, dimension String, value String, currency String"


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
    only = f"SELECT DISTINCT dimension {{}} AND NOT ((dimension, value) {of.within} (SELECT dimension, value {{}}))"
    found = _dimensions(of, differ) | _dimensions(of, only.format(staged, released))
    folded = _dimensions(of, only.format(released, staged))
    return Unlike("" in found or "" in folded, found, folded)


def _dimensions(of: Batch, sql: str) -> frozenset[str]:
    return frozenset(dimension for (dimension,) in of.store.rows(of.naming(sql), of.named))


_ACTS = {"of_dimension": "within.1", "of_value": "within.2"}
_ACTS |= {"dimension": "dimension", "value": "value_named", "goal": "goal", "currency": "currency"}
_ACTS |= {"visitor": "visitor", "network": "any(network_number)"}
_ACTS |= {"number": "if(currency = '', toInt64(count()), sum(amount))"}


@contextlib.contextmanager
def acts(of: Batch, new: Sequence[str]) -> Iterator[None]:
    """Who reached which goal by which value, how often, or what he paid in a currency, in a table for as long as the
    context lasts. new: the names of goals by whose dimensions it is. of_dimension, of_value: within what: the whole
    site, "" both, and once more the value's parent."""
    kinds = "of_dimension String, of_value String, dimension String, value String, goal String, currency String, "
    kinds += "visitor UInt64, network UInt64, number Int64"
    staged = f"SELECT DISTINCT dimension FROM staging_conversions WHERE {of.mine} AND {_OF_DAY}"
    rows = of.store.rows(f"{staged} AND has({{new:Array(String)}}, goal)", of.named | {"new": [*new]})
    near = frozenset(dimension for (dimension,) in rows)
    try:
        of.create("acts", kinds)
        if near and of.days[0].rules.k > 1:
            of.store.command(of.naming(_filling_acts(near)), of.named)
        yield
    finally:
        of.store.command(f"DROP TABLE IF EXISTS {of.scratch('acts')} SYNC")


def _filling_acts(near: frozenset[str]) -> str:
    rows = " UNION ALL ".join(
        f"SELECT visitor, network_number, toString(name) AS goal, toString(currency) AS currency, amount, dimension, "
        f"toString(value) AS counted FROM ({select})"
        for select in converted(
            near, lambda dimension: f"(SELECT value FROM {{conversions}} WHERE dimension = '{dimension}')"
        )
    )
    above = f"transform(dimension, {list(PARENTS)}, {list(PARENTS.values())}, '')"
    alone = "SELECT toString(dimension) AS dimension, value AS counted, parent, alone FROM {parents} WHERE alone"
    return f"""{insert("{acts}", _ACTS)}
        FROM
        (
            SELECT *, {_named("dimension", "counted")} AS value_named,
                arrayJoin(arrayConcat([('', '')], if(alone, [({above}, {_named(above, "parent")})], []))) AS within
            FROM ({rows}) AS rows LEFT JOIN ({alone}) AS parents USING (dimension, counted)
        )
        GROUP BY within, dimension, value_named, goal, currency, visitor"""


def _named(dimension: str, value: str) -> str:
    """SQL for what a value is called that may be folded."""
    return f"if(({dimension}, {value}) IN (SELECT dimension, value FROM {{kept}}), {value}, '{OTHER}')"


def refused(of: Batch, new: str, known: Sequence[Known]) -> Refused:
    """What may not be released of a goal. new: its name in the staged day. known: all that were counted before."""
    if of.days[0].rules.k == 1:
        return frozenset()
    [goal] = (one for one in of.days[0].site.goals if one.name == new)
    if (goal.revenue and _splits_events(of, new)) or (
        goal.kind not in OF_VISIT and splits_hidden(of, new, goal.kind in _OF_EVENTS)
    ):
        return ALL
    told = f"SELECT dimension, value, currency FROM staging_conversions WHERE {of.mine} AND {_OF_DAY}"
    with released(of, known):
        if few_beside(of, new):
            return ALL
        return differing(of, new, known, "{acts}", f"{told} AND goal = {{new:String}}")


@contextlib.contextmanager
def released(of: Batch, known: Sequence[Known]) -> Iterator[None]:
    """What is released of those that were counted before, in a table for as long as the context lasts: it is asked for
    several times, and planning what finds it takes longer than reading it."""
    try:
        of.create("released", _RELEASED)
        columns = {name: name for name in ("goal", "dimension", "value", "currency")}
        of.store.command(of.naming(f"{insert('{released}', columns)} FROM ({_shown(of)})"), _given(of, known))
        yield
    finally:
        of.store.command(f"DROP TABLE IF EXISTS {of.scratch('released')} SYNC")


def few_beside(of: Batch, new: str) -> bool:
    """Whether few of all visitors are not of the new one, or neither of it nor of one that is in `released`."""
    return bool(of.store.rows(of.naming(_FEW_WITHOUT), of.named | {"new": new}))


def differing(of: Batch, new: str, known: Sequence[Known], acts: str, told: str, number: str = "number") -> Refused:
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


def _given(of: Batch, known: Sequence[Known]) -> dict[str, Any]:
    """What `_shown` is bound to."""
    given: dict[str, Any] = {**of.named}
    for kind, is_section in (("", False), ("section_", True)):
        mine = [one for one in known if one.is_section is is_section]
        for part in ("name", "staged"):
            given[f"{kind}day_{part}"] = [getattr(one, part) for one in mine if not one.grain]
        for part in ("grain", "staged"):
            given[f"{kind}added_{part}"] = [getattr(one, part) for one in mine if one.grain]
    return given


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


def _shown(of: Batch) -> str:
    """SQL for what is released of goals that were counted before: (goal, dimension, value, currency); of sections,
    which are values themselves, of the whole site."""
    columns = "dimension, value, currency"
    return f"""
        SELECT transform(toString(goal), {{day_name:Array(String)}}, {{day_staged:Array(String)}}, '') AS goal,
            {columns}
        FROM released_conversions WHERE {of.mine} AND {_OF_DAY}
        UNION ALL
        SELECT transform(toString(grain), {{added_grain:Array(String)}}, {{added_staged:Array(String)}}, '') AS goal,
            {columns}
        FROM late_conversions WHERE {of.mine} AND grain IN {{added_grain:Array(String)}}
        UNION ALL
        SELECT transform(
            released_cells.value, {{section_day_name:Array(String)}}, {{section_day_staged:Array(String)}}, ''
        ) AS goal, '' AS dimension, '' AS value, '' AS currency
        FROM released_cells WHERE {of.mine} AND {_OF_DAY} AND released_cells.dimension = 'section'
            AND has({{section_day_name:Array(String)}}, released_cells.value)
        UNION ALL
        SELECT transform(
            toString(grain), {{section_added_grain:Array(String)}}, {{section_added_staged:Array(String)}}, ''
        ) AS goal, '' AS dimension, '' AS value, '' AS currency
        FROM late_cells WHERE {of.mine} AND grain IN {{section_added_grain:Array(String)}}"""


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


def splits_hidden(of: Batch, new: str, events: bool = False) -> bool:
    """Whether the goal is of some of the pages that the day hides of a section that it shows, or of all others
    together, and not of all of these; or of an event that it hides. The goal less what is shown of it would tell of
    these, and the section, or `(other)`, less these of the others: if not now, when a week releases all but one.
    events: it is of events, else of pages."""
    column, reached, section = ("name", "name", "''") if events else ("page", "path", "section")
    counted, dimension = (OF_HITS["event"][1], "event") if events else (f"name = '{PAGEVIEW}'", "page")
    shown = f"SELECT value FROM released_cells WHERE {of.mine} AND {_OF_DAY} AND value != '{OTHER}' AND dimension"
    return bool(
        of.store.rows(
            of.naming(
                f"""SELECT if({section} IN ({shown} = 'section'), {section}, '{OTHER}') AS part,
                    uniqExactIf({column}, {column} IN (SELECT {reached} FROM {{reached}} WHERE goal = {{new:String}}))
                        AS of_goal
                FROM {{hits}} WHERE {counted} AND {column} NOT IN ({shown} = '{dimension}')
                GROUP BY part HAVING of_goal = 1 OR of_goal > 0 AND of_goal < uniqExact({column}) LIMIT 1"""
            ),
            of.named | {"new": new},
        )
    )


def _splits_events(of: Batch, new: str) -> bool:
    """Whether few had events of a name of which others reach the goal, without reaching it by these: those of an event
    that were sent with no amount are the event less the goal."""
    found = of.store.rows(
        of.naming(
            f"""SELECT its_name
            FROM
            (
                SELECT visitor, network_number, its_name FROM {{visits}}
                ARRAY JOIN hits.name AS its_name, hits.currency AS currency WHERE currency = ''
            )
            WHERE its_name IN (SELECT toString(name) FROM {{reached}} WHERE goal = {{new:String}})
            GROUP BY its_name HAVING {few("uniqExact(visitor)", "uniqExact(network_number)")} LIMIT 1"""
        ),
        of.named | {"new": new},
    )
    return bool(found)


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
