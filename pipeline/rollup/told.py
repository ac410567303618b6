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

from schema.dimensions import OTHER
from schema.event import ENGAGEMENT
from schema.properties import MOST_VALUES, NONE
from schema.site import Site

from ..insert import insert
from .batch import Batch
from .visit import escaped

_NAMES = "{properties:Array(Array(String))}"
# Goals ask for some that are not counted.
_KEPT = "{kept_properties:Array(Array(String))}"
_COLUMNS = ("d", "visitor", "network_number", "event", "property", "property_value", "paid", "amount")
_HITS = f"""
    SELECT d, visitor, network_number, event, sent, paid, amount
    FROM {{visits}} ARRAY JOIN hits.name AS event, hits.props AS sent, hits.currency AS paid, hits.amount AS amount
    WHERE event != '{ENGAGEMENT}'"""
# What else is sent with a name and value of its own: the suppressed row is none, and nothing is.
_VALUE = f"if(mapContains(values, its_property), {escaped('values[its_property]')}, '{NONE}')"
_FILL = f"""
    {insert("{told}", {name: name for name in _COLUMNS if name != "property"} | {"property": "its_property"})}
    FROM
    (
        SELECT h.d AS d, visitor, network_number, h.event AS event, paid, amount,
            JSONExtract(sent, 'Map(String, String)') AS values, arrayJoin(properties) AS its_property,
            {_VALUE} AS property_value
        FROM ({_HITS}) AS h
        INNER JOIN
        (
            SELECT d, event, arrayFilter(name -> has({_NAMES}[d + 1], name), groupUniqArrayArray(JSONExtractKeys(sent)))
                AS properties
            FROM ({_HITS} AND sent != '') GROUP BY d, event
        ) AS p ON h.d = p.d AND h.event = p.event
    )"""
_OF_PROPERTY = "d, event, property"
_CROWDED = f"SELECT {_OF_PROPERTY} FROM {{told}} GROUP BY {_OF_PROPERTY} HAVING uniq(property_value) > {MOST_VALUES}"
_FIRST = f"""
    SELECT {_OF_PROPERTY}, property_value FROM {{told}} GROUP BY {_OF_PROPERTY}, property_value
    ORDER BY uniqExact(visitor) DESC, property_value LIMIT {MOST_VALUES} BY {_OF_PROPERTY}"""


def sent(of: Batch) -> str:
    """SQL for the properties of a raw row that its site's settings name, or its goals, as `hits.props` has them."""
    if not of.has("kept_properties"):
        return "''"
    alike = len({of_day.site.kept_properties for of_day in of.days}) == 1
    names = f"{_KEPT}[{'1' if alike else f'{of.which} + 1'}]"
    kept = f"mapFilter((name, value) -> has({names}, name), props)"
    return f"if(empty(props), '', if(empty({kept}), '', toJSONString({kept})))"


def mark(site: Site) -> int:
    """A number of 64 bits for the properties that a site's visits keep; 0 where they keep none. Where it changes, the
    visits of an open day are made anew."""
    names = "\n".join(sorted(site.kept_properties)).encode()
    return int.from_bytes(hashlib.blake2b(names, digest_size=8).digest(), "big") if names else 0


def fill_told(of: Batch) -> None:
    """Fill `told`."""
    if not of.has("properties") or not of.store.rows(of.naming(_ANY), of.named):
        return
    of.store.command(of.naming(_FILL), of.named)
    if of.store.rows(of.naming(f"{_CROWDED} LIMIT 1"), of.named):
        of.store.command(
            of.naming(
                f"""ALTER TABLE {{told}} UPDATE property_value = '{OTHER}'
                WHERE ({_OF_PROPERTY}) IN ({_CROWDED})
                    AND ({_OF_PROPERTY}, property_value) NOT IN ({_FIRST})"""
            ),
            of.named,
            mutations_sync=2,
        )


_ANY = "SELECT 1 FROM {visits} WHERE arrayExists(sent -> sent != '', hits.props) LIMIT 1"
