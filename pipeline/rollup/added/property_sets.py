"""What a property that is added to a released day would tell beside what is told of that day (rule N6).

In: a day that is staged again with what was counted of it, and with the new property. Out: of which events it may not
be released, or not what was paid with them. Promises: whoever adds up and subtracts its values and those of one other
table that may be known of the same events (another property, pages, every dimension of visits, which goals they
reached) learns of nobody, or of k people of as many networks as rule N4 asks for (near_tables.py): of how many events,
and of what was paid. So does who subtracts people of one value from those of one other thing (people_sets.py).

What of an event may not be told is not told of any of its values.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from schema.event import ENGAGEMENT
from schema.goal import OF_VISIT

from ..batch import Batch
from ..visits import properties
from ..visits.goals_reached import reaching
from .near_tables import Common, tells_of_few
from .people_sets import DIMENSIONS, few_between, into, sets, shown_values, told_before, values_of

# So many tables are looked at by one statement.
_AT_A_TIME = 8
_OF_DAY = "grain = 'day' AND by_dimension = ''"
# What an event is of, and, of one with an amount, what its payers are of.
_LAYERS = "arrayJoin(if(currency = '', [''], ['', toString(currency)]))"
_HITS = f"""
    SELECT visitor, network_number, toString(its_name) AS name, its_path AS path, toString(its_host) AS hostname,
        visit, place, its_currency AS currency, sent, {_LAYERS} AS layer, d,
        {", ".join(DIMENSIONS)}
    FROM {{visits}}
    ARRAY JOIN hits.name AS its_name, hits.path AS its_path, hits.hostname AS its_host, hits.currency AS its_currency,
        hits.props AS sent, hits.place AS place
    WHERE its_name != '{ENGAGEMENT}'"""
_SENT = f"SELECT event, property, property_value, visitor, {_LAYERS.replace('currency', 'paid')} AS layer FROM {{told}}"


# An event, or with a currency those of it who paid in that.
Told = tuple[str, str]


def refused(of: Batch, new: str, known: Mapping[str, str], steps: Sequence[tuple[str, str]]) -> frozenset[Told]:
    """What is not told. new: the property. known: others, by name the grain of their rows, "" of those that were
    released with the day. steps: funnels, as they are called in the staged day, each with an event that is a step of
    it, "" for any."""
    if of.days[0].rules.k == 1:
        return frozenset()
    given = of.named | {"new": new, "old": list(known), "old_grains": [grain for grain in known.values() if grain]}
    given |= {"step_funnels": [funnel for funnel, _ in steps], "step_events": [event for _, event in steps]}
    found = _alike(of, given, known)
    with sets(of):
        for statement in (_asked(of), *_known(of)):
            of.store.command(of.naming(statement), given)
        return found | few_between(of)


def _told(of: Batch) -> str:
    """SQL for what would be told of the new one: (event, layer, value)."""
    return f"""(
        SELECT toString(event) AS event, toString(in_currency) AS layer, property_value AS value FROM staging_properties
        WHERE {of.mine} AND {_OF_DAY} AND property = {{new:String}}
    )"""


# -- tables of the same events -------------------------------------------------------------------------------------


def _alike(of: Batch, given: Mapping[str, Any], known: Mapping[str, str]) -> frozenset[Told]:
    """Of what a table that may be known tells of few beside the new one."""
    tables, bound = _tables(of, known)
    found: set[Told] = set()
    rules = of.days[0].rules
    for some in (tables[place : place + _AT_A_TIME] for place in range(0, len(tables), _AT_A_TIME)):
        cells: dict[tuple[str, str, str], dict[tuple[str, str], Common]] = defaultdict(dict)
        for row in of.store.rows(of.naming(_cells(of, some)), {**given, **bound}):
            event, layer, table, its_row, its_column, people, shown = row
            cells[event, layer, table][its_row, its_column] = Common(people, bool(shown))
        found |= {
            (event, layer)
            for (event, layer, _), table in cells.items()
            if tells_of_few(table, max(rules.k, rules.least_networks))
        }
    return frozenset(found)


def _tables(of: Batch, known: Mapping[str, str]) -> tuple[list[str], dict[str, Any]]:
    """SQL for each table's name, an event's column in it, and whether that is known; and what these are bound to."""
    shown = shown_values(of)
    dimensions = {name: f"toString({name})" for name in DIMENSIONS}
    dimensions |= {"page": "path", "section": of.section_of("path"), "hostname": "hostname"}
    tables = [f"('{name}', {sql}, ('{name}', {sql}) IN {shown})" for name, sql in dimensions.items()]
    for place in range(len(known)):
        its_name = f"{{old:Array(String)}}[{place + 1}]"
        # Where no event of a name has it, there is none of it.
        its_value = properties.value_of("sent", its_name)
        value = f"if((name, {its_name}) IN (SELECT event, property FROM {{told}}), {its_value}, '')"
        is_told = f"(name, {its_name}) NOT IN (SELECT event, property FROM {{told}})"
        is_told += f" OR ({its_name}, name, layer, {value}) IN {told_before(of)}"
        tables.append(f"(concat('property ', {its_name}), {value}, {is_told})")
    reached, bound = [], dict[str, Any]()
    for place, goal in enumerate(goal for goal in of.days[0].site.counted_goals if goal.kind not in OF_VISIT):
        test, named = reaching(goal, f"goal_{place}")
        reached.append(f"if({test}, '1', '0')")
        bound |= named
    if reached:
        tables.append(f"('goals', concat({', '.join(reached)}, ''), true)")
    return tables, bound


def _cells(of: Batch, tables: Sequence[str]) -> str:
    """The statement that finds who is in which row and column of which table: event, layer, table, row, column, people,
    whether the column is known."""
    value = properties.value_of("sent", "{new:String}")
    # Of each network one is counted, and once: so many people of as many networks there are at least.
    each = "network_number" if of.days[0].rules.least_networks > 1 else "visitor"
    first = f"row_number() OVER (PARTITION BY {each}, name, layer ORDER BY visitor, visit, place, path, sent) = 1"
    # What few are in nobody knows of.
    whole = _many("sum_people", "sum_networks")
    column = "(PARTITION BY name, layer, its_table, its_column)"
    return f"""
        SELECT name, layer, its_table, its_row, its_column, once, is_known AND {whole}
        FROM
        (
            SELECT name, layer, its_table, its_row, its_column, is_known, once,
                uniqExactMerge(of_people) OVER {column} AS sum_people,
                uniqUpToMerge({{networks}})(of_networks) OVER {column} AS sum_networks
            FROM
            (
                SELECT name, layer, one.1 AS its_table, one.2 AS its_column, its_row, max(one.3) AS is_known,
                    sum(is_first) AS once, uniqExactState(visitor) AS of_people,
                    uniqUpToState({{networks}})(network_number) AS of_networks
                FROM
                (
                    SELECT visitor, network_number, name, layer, is_first, arrayJoin([{", ".join(tables)}]) AS one,
                        if((name, layer, {value}) IN {_told(of)}, concat('=', {value}), '') AS its_row
                    FROM (SELECT *, {first} AS is_first FROM ({_HITS}))
                    WHERE (name, layer) IN (SELECT event, layer FROM {_told(of)})
                )
                GROUP BY name, layer, its_table, its_column, its_row
            )
        )"""


def _many(people: str, networks: str) -> str:
    return f"({people} >= {{ks:Array(UInt32)}}[1] AND {networks} >= {{least_networks:Array(UInt32)}}[1])"


# -- people ----------------------------------------------------------------------------------------------------------


def _asked(of: Batch) -> str:
    return f"""{into("asked", part="event", layer="layer", name="property_value")} FROM ({_SENT})
        WHERE property = {{new:String}} AND (toString(event), layer, property_value) IN {_told(of)}"""


def _known(of: Batch) -> list[str]:
    """The statements that fill `known`. Near an event are all who sent it, and who reached what it reaches."""
    old = f"(toString(property), toString(event), layer, property_value) IN {told_before(of)}"
    of_value = "concat(toString(property), '=', property_value)"
    sent = {"part": "event", "layer": "layer", "near": "1"}
    found = [
        into("known", name="'all'", near="1") + " FROM {visits} WHERE came",
        into("known", **sent, name="'event'") + f" FROM ({_SENT}) WHERE property = {{new:String}}",
        into("known", **sent | {"near": "0"}, name=of_value) + f" FROM ({_SENT}) WHERE {old}",
        *(f"{one} AND one IN {shown_values(of)}" for one in values_of()),
    ]
    return found + (_of_goals() if of.has_goals else []) + (_of_funnels() if of.has("funnels") else [])


def _of_goals() -> list[str]:
    reached = f"SELECT toString(name) AS event, toString(goal) AS goal, visitor, {_LAYERS} AS layer FROM {{reached}}"
    name = "concat('goal ', goal)"
    reaches = "SELECT DISTINCT toString(name) AS of, toString(goal) AS goal FROM {reached}"
    return [
        f"{into('known', layer='layer', name=name, near='0')} FROM ({reached})",
        f"{into('known', part='of', layer='layer', name=name, near='1')} FROM ({reached}) AS r "
        f"INNER JOIN ({reaches}) AS e USING (goal)",
    ]


def _of_funnels() -> list[str]:
    name = "concat('funnel ', toString(funnel), ' ', toString(nth))"
    passed = "FROM {passed} ARRAY JOIN range(1, reached + 1) AS nth"
    of_events = "arrayZip({step_funnels:Array(String)}, {step_events:Array(String)})"
    return [
        f"{into('known', name=name, near='0')} {passed}",
        f"{into('known', part='of.2', name=name, near='1')} {passed} ARRAY JOIN {of_events} AS of "
        "WHERE of.1 = toString(funnel)",
    ]
