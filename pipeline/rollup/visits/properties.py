"""Properties of events: which of them visits keep, and which value each event has of each.

In: raw rows, the sites' settings (which properties are counted, and which goals ask for), the scratch table `visits`.
Out: SQL for what a visit keeps of an event; `told`, a row for each event and property that is counted. Promises: of
other properties nothing is kept but in the raw rows; who sends a new value with each event makes no more rows than
`MOST_VALUES`; a property that no event of a name has makes none of it.

An event without a property has the value `NONE`, where another of its name has it on that day: so the values of a
property of an event are all of its events, and rule R3 holds for them as they are.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection
from typing import Any

from schema.dimensions import OTHER
from schema.event import ENGAGEMENT
from schema.properties import MOST_VALUES, NONE
from schema.site import Site

from ...insert import insert
from ..batch import Batch
from ..shape import count_distinct
from . import property_text
from .visit import escaped

_NAMES = "{properties:Array(Array(String))}"
# Goals ask for some that are not counted.
_KEPT = "{kept_properties:Array(Array(String))}"
# Of another form of the text visits are made anew.
_FORM = "2"
_COLUMNS = {name: name for name in ("d", "visitor", "network_number", "event", "paid", "amount")}
_COLUMNS |= {"property": "its_property", "property_value": "its_value"}
_HITS = f"""
    FROM {{visits}} ARRAY JOIN hits.name AS event, hits.props AS text, hits.currency AS paid, hits.amount AS amount
    WHERE event != '{ENGAGEMENT}'"""
# What else is sent with a name and value of its own: the suppressed row is none, and nothing is.
_FILL = f"""
    {insert("{sent}", _COLUMNS)}
    FROM
    (
        SELECT d, visitor, network_number, event, paid, amount, arrayJoin({property_text.each_of("text")}) AS one,
            {property_text.name_of("one")} AS its_property, {escaped(property_text.value_of("one"))} AS its_value
        {_HITS} AND text != ''
    )
    WHERE has({_NAMES}[d + 1], its_property)"""
_OF_PROPERTY = "d, event, property"
_Key = tuple[int, str, str]
# Where an event has a property, how often, and how many values.
_FOUND = f"""
    SELECT {_OF_PROPERTY}, count(), uniq(property_value), countIf(property_value = '{NONE}') FROM {{sent}}
    GROUP BY {_OF_PROPERTY}"""
_SOME = (
    f"({_OF_PROPERTY}) IN arrayZip({{of_d:Array(UInt16)}}, {{of_event:Array(String)}}, {{of_property:Array(String)}})"
)
_FILL_NONE = f"""
    {insert("{sent}", _COLUMNS)}
    FROM
    (
        SELECT d, visitor, network_number, event, paid, amount, property AS its_property, '{NONE}' AS its_value
        FROM (SELECT d, visitor, network_number, event, paid, amount, text {_HITS}) AS every
        INNER JOIN (SELECT DISTINCT {_OF_PROPERTY} FROM {{sent}} WHERE {_SOME}) AS lacking USING (d, event)
        WHERE NOT ({property_text.has("text", "property")})
    )"""
_OWN = {column: column for column in (*_COLUMNS, "property_value")}
_TELL_ALL = f"{insert('{told}', _OWN)} FROM {{sent}}"


def value_of(text: str, its_property: str) -> str:
    """SQL for the value that an event has of a property, where others of its name have it."""
    value = escaped(property_text.value_in(text, its_property))
    return f"if({property_text.has(text, its_property)}, {value}, '{NONE}')"


def sent(of: Batch) -> str:
    """SQL for the properties of a raw row that its site's settings name, or its goals, as `hits.props` has them."""
    if not of.has("kept_properties"):
        return "''"
    alike = len({of_day.site.kept_properties for of_day in of.days}) == 1
    names = f"{_KEPT}[{'1' if alike else f'{of.which} + 1'}]"
    return f"if(empty(props) OR name = '{ENGAGEMENT}', '', {property_text.text_of(names, 'props')})"


def mark(site: Site) -> int:
    """A number of 64 bits for the properties that a site's visits keep; 0 where they keep none. Where it changes, the
    visits of an open day are made anew."""
    names = "\n".join((*sorted(site.kept_properties), _FORM)).encode()
    return int.from_bytes(hashlib.blake2b(names, digest_size=8).digest(), "big") if site.kept_properties else 0


def fill_told(of: Batch) -> None:
    """Fill `told`."""
    if not of.has("properties") or not of.store.rows(of.naming(_ANY), of.named):
        return
    of.store.command(of.naming(_FILL), of.named)
    found, times = of.store.rows(of.naming(_FOUND)), _times(of)
    lacking = {(d, event, name) for d, event, name, count, _, _ in found if count < times[d, event]}
    if lacking:
        of.store.command(of.naming(_FILL_NONE), _these(lacking))
    crowded = {
        (d, event, name)
        for d, event, name, _, values, nones in found
        if values + ((d, event, name) in lacking and not nones) > MOST_VALUES
    }
    telling, named = _telling_first(crowded) if crowded else (_TELL_ALL, {})
    of.store.command(of.naming(telling), named)
    of.store.command(f"DROP TABLE {of.scratch('sent')} SYNC")


def _telling_first(crowded: Collection[_Key]) -> tuple[str, dict[str, Any]]:
    """The statement that tells the most frequent values alone where there are too many, and what it is bound to."""
    is_crowded, named = _crowded(crowded)
    first = f"""
        SELECT {_OF_PROPERTY}, property_value FROM {{sent}} WHERE {is_crowded} GROUP BY {_OF_PROPERTY}, property_value
        ORDER BY {count_distinct()} DESC, property_value LIMIT {MOST_VALUES} BY {_OF_PROPERTY}"""
    others = ", ".join(name for name in _OWN if name != "property_value")
    return (
        f"""
        {_TELL_ALL} WHERE NOT ({is_crowded})
        UNION ALL
        SELECT {others}, if(({_OF_PROPERTY}, property_value) IN ({first}), property_value, '{OTHER}')
        FROM {{sent}} WHERE {is_crowded}""",
        named,
    )


def _crowded(keys: Collection[_Key]) -> tuple[str, dict[str, Any]]:
    """SQL that holds for the rows of these. Each part looks at one column: three at once would be written together for
    every row first, which takes longer than all else of the statement."""
    events: defaultdict[tuple[int, str], set[str]] = defaultdict(set)
    for d, event, name in keys:
        events[d, name].add(event)
    days: defaultdict[tuple[str, tuple[str, ...]], list[int]] = defaultdict(list)
    for (d, name), of_it in sorted(events.items()):
        days[name, tuple(sorted(of_it))].append(d)
    tests, named = [], dict[str, Any]()
    for place, ((name, its_events), of_d) in enumerate(days.items()):
        named |= {f"crowded_{place}": name, f"crowded_{place}_events": [*its_events]}
        its = f"property = {{crowded_{place}:String}} AND event IN {{crowded_{place}_events:Array(String)}}"
        tests.append(f"({its} AND has({of_d}, d))")
    return f"({' OR '.join(tests)})", named


def _times(of: Batch) -> dict[tuple[int, str], int]:
    """How often each event happened."""
    rows = of.store.rows(of.naming(f"SELECT d, event, count() {_HITS} GROUP BY d, event"))
    return {(d, event): count for d, event, count in rows}


def _these(keys: Collection[_Key]) -> dict[str, Any]:
    """What `_SOME` is bound to."""
    columns = zip(*keys, strict=True) if keys else ((), (), ())
    return {name: [*column] for name, column in zip(("of_d", "of_event", "of_property"), columns, strict=True)}


_ANY = "SELECT 1 FROM {visits} WHERE arrayExists(text -> text != '', hits.props) LIMIT 1"
